//! Scales ahead of a daily or weekly rhythm by a Holt-Winters forecast, and on the present reading where that is not trusted.
//!
//! `rhythm.rs` is what is remembered of the demand, bucket by bucket; `holt_winters.rs` the formulas; `trust.rs` how large the
//! errors are; `outlook.rs` looks ahead from now. README.md has the maths and their source.

mod holt_winters;
mod outlook;
mod rhythm;
mod startup;
mod trust;

use std::time::Duration;

use trimtab_sdk::prelude::*;

use crate::holt_winters::Smoothing;
use crate::outlook::{Outlook, Peak};
use crate::rhythm::{Grid, Rhythm};
use crate::trust::Doubt;

parameters! {
    /// What the operator sets.
    pub struct Parameters {
        /// The reading to follow: a total of the target that its replicas share, such as requests per second.
        pub reading: String {},
        /// How much of it one replica carries.
        pub target: f64 { min: 0.000001 },
        /// After what time the demand repeats itself: a day, or a week.
        pub season: Duration { default: Duration::from_secs(86_400), min: Duration::from_secs(60), max: Duration::from_secs(2_678_400) },
        /// Into pieces of what length the season is cut. A multiple of it must be the season; at most 2016 fit.
        pub bucket: Duration { default: Duration::from_secs(900), min: Duration::from_secs(1), max: Duration::from_secs(86_400) },
        /// How far ahead to scale: the time that a new replica needs until it serves. Not given: five minutes, or longer where
        /// instances were seen to take longer.
        pub horizon: Option<Duration> { min: Duration::from_secs(1) },
        /// How far back samples are asked for. They fill in what memory lacks: on the first turn, and after an outage.
        pub look_back: Duration { default: Duration::from_secs(3600), max: Duration::from_secs(2_678_400) },
        /// Width of the band above the forecast, in mean absolute errors at that distance.
        pub band: f64 { default: 2, min: 0, max: 10 },
        /// Error, as a share of the mean demand, above which the forecast is not followed.
        pub error_max: f64 { default: 0.25, min: 0, max: 10 },
        /// Error, in those of the naive forecast (as the last bucket, so the next), above which the forecast is not followed.
        pub mase_max: f64 { default: 2, min: 0, max: 100 },
        /// Smoothing of the level: 0 keeps it, 1 takes the latest bucket.
        pub alpha: f64 { default: 0.3, min: 0.001, max: 1 },
        /// Smoothing of the trend, as a share of that of the level.
        pub beta: f64 { default: 0.05, min: 0, max: 1 },
        /// Smoothing of the season. Together with `alpha` at most 1.
        pub gamma: f64 { default: 0.3, min: 0, max: 1 },
        /// What is left of the trend after each bucket.
        pub damping: f64 { default: 0.9, min: 0, max: 0.98 },
    }
}

impl Parameters {
    fn smoothing(&self) -> Smoothing {
        Smoothing { alpha: self.alpha, beta: self.beta, gamma: self.gamma, phi: self.damping }
    }
}

/// The policy.
#[derive(Debug)]
pub struct Predictive;

impl Policy for Predictive {
    type Parameters = Parameters;
    type Memory = Rhythm;
    const ABOUT: About = about!(Kind::Scale);

    fn needs(parameters: &Parameters) -> Result<Needs<'_>, Refusal> {
        check(parameters)?;
        let needs = Needs::new().reading(&parameters.reading, Subject::Target);
        let needs = needs.look_back(parameters.look_back).step(parameters.bucket).required();
        Ok(if parameters.horizon.is_none() { needs.instances() } else { needs })
    }

    fn evaluate(snapshot: &Snapshot<'_>, parameters: &Parameters, rhythm: &mut Rhythm) -> Result<Answer, Refusal> {
        let now_ms = snapshot.now_ms();
        let grid = Grid::of(parameters)?;
        rhythm.suit(&grid, &parameters.reading, now_ms);
        let fact = snapshot.reading(&parameters.reading).samples();
        let word = fact.word();
        let present = fact.fresh().map(|samples| {
            rhythm.take_in(samples.iter(), now_ms, &grid, parameters);
            samples.latest().max(0.0)
        });
        let horizon_ms = startup::horizon_ms(snapshot, parameters, rhythm);
        let outlook = rhythm.outlook(now_ms, horizon_ms, &grid, parameters);
        let known = Known { parameters, present, word, desired: snapshot.desired() };
        match (present, outlook) {
            (Some(present), Outlook::Trusted(peak)) => Ok(known.both(present, &peak)),
            (Some(present), doubt) => Ok(known.present_alone(present, &doubt)),
            (None, Outlook::Trusted(peak)) => known.forecast_alone(&peak),
            (None, doubt) => Err(Refusal::reading_missing(format!("`{}` is {word}, and {doubt}", parameters.reading))),
        }
    }
}

trimtab_sdk::export!(Predictive);

/// # Errors
/// `parameter-wrong`, naming the two that contradict each other.
fn check(parameters: &Parameters) -> Result<(), Refusal> {
    let grid = Grid::of(parameters)?;
    if parameters.alpha + parameters.gamma > 1.0 + 1e-9 {
        let (alpha, gamma) = (figure(parameters.alpha), figure(parameters.gamma));
        let text = format!("`alpha` {alpha} and `gamma` {gamma} are more than 1 together");
        return Err(Refusal::parameter_wrong(text));
    }
    match parameters.horizon {
        Some(horizon) if horizon.as_millis() > u128::from(grid.season_ms()) => {
            Err(Refusal::parameter_wrong("`horizon` is longer than `season`: nothing is known of that time"))
        }
        _ => Ok(()),
    }
}

/// What an answer is made of.
struct Known<'k> {
    parameters: &'k Parameters,
    present: Option<f64>,
    word: &'static str,
    desired: u32,
}

impl Known<'_> {
    /// The larger of two counts: the forecast never asks for fewer than the present load needs.
    fn both(&self, present: f64, peak: &Peak) -> Answer {
        let (now, ahead) = (self.replicas(present), self.replicas(peak.upper()));
        let count = now.max(ahead);
        let reason = format!("{}; {}: {count}", self.load(), self.forecast(peak));
        stated(self.answer(count, reason), peak)
    }

    fn present_alone(&self, present: f64, doubt: &Outlook) -> Answer {
        let count = self.replicas(present);
        let answer = self.answer(count, format!("{}: {count}; {doubt}", self.load()));
        match doubt {
            Outlook::Mistrusted(Doubt::Share { error, .. }) => answer.attr("error", *error),
            Outlook::Mistrusted(Doubt::Naive { mase, .. }) => answer.attr("mase", *mase),
            _ => answer,
        }
    }

    /// While the reading is missing, the forecast may raise. What it cannot do is tell that there is less to do.
    fn forecast_alone(&self, peak: &Peak) -> Result<Answer, Refusal> {
        let count = self.replicas(peak.upper());
        let forecast = self.forecast(peak);
        let text = format!("`{}` is {}; {forecast}: {count}", self.parameters.reading, self.word);
        if count > self.desired {
            return Ok(stated(self.answer(count, text), peak));
        }
        Err(Refusal::reading_missing(format!("{text}, and a forecast alone lowers nothing")))
    }

    fn answer(&self, count: u32, reason: String) -> Answer {
        if count == self.desired { Answer::hold(reason) } else { Proposal::scale(count).because(reason).into() }
    }

    fn replicas(&self, load: f64) -> u32 {
        replicas(load / self.parameters.target)
    }

    fn load(&self) -> String {
        let Parameters { reading, target, .. } = self.parameters;
        format!("`{reading}` is {}, target {} each", figure(self.present.unwrap_or_default()), figure(*target))
    }

    fn forecast(&self, peak: &Peak) -> String {
        format!(
            "forecast up to {} + {} within {}m, error {}%",
            figure(peak.forecast),
            figure(peak.band),
            figure(peak.horizon_ms as f64 / 60_000.0),
            figure((peak.error * 100.0).round()),
        )
    }
}

/// The forecast, for whoever reads the record.
fn stated(answer: Answer, peak: &Peak) -> Answer {
    let horizon_seconds = peak.horizon_ms as f64 / 1000.0;
    let answer = answer.attr("forecast", peak.forecast).attr("band", peak.band);
    answer.attr("error", peak.error).attr("horizon_seconds", horizon_seconds)
}

#[cfg(test)]
mod tests;
