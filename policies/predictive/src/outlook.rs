//! From the rhythm to one figure: the most that is to be expected from now to the horizon.

use std::fmt;

use trimtab_sdk::figure;

use crate::Parameters;
use crate::holt_winters::{Course, spread, spreads};
use crate::rhythm::{DEMAND_MAX, Grid, Rhythm};
use crate::trust::{self, Doubt};

/// What is to be expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Outlook {
    /// The first season is not yet full.
    Learning { seen: u64, of: u64 },
    /// Too few forecasts were judged.
    Untried { judged: u32 },
    /// The forecast errs too much.
    Mistrusted(Doubt),
    /// It may be followed.
    Trusted(Peak),
}

/// Where forecast and band are highest.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Peak {
    pub(crate) forecast: f64,
    pub(crate) band: f64,
    /// As a share of the mean demand, at the horizon.
    pub(crate) error: f64,
    pub(crate) horizon_ms: u64,
}

impl Peak {
    pub(crate) fn upper(&self) -> f64 {
        self.forecast + self.band
    }
}

impl Rhythm {
    pub(crate) fn outlook(&self, now_ms: u64, horizon_ms: u64, grid: &Grid, parameters: &Parameters) -> Outlook {
        let until_ms = now_ms.saturating_add(horizon_ms);
        let Some(course) = self.course() else {
            return Outlook::Learning { seen: self.seen(), of: grid.places };
        };
        if self.judged < trust::JUDGED_MIN {
            return Outlook::Untried { judged: self.judged };
        }
        let widest = spread(self.lead(until_ms / grid.bucket_ms.max(1)), grid.places, &parameters.smoothing());
        if let Some(doubt) = trust::doubt(self, widest, parameters) {
            return Outlook::Mistrusted(doubt);
        }
        let error = trust::share(self, widest);
        let mut peak = Peak { error, horizon_ms, ..Peak::default() };
        let ahead = Ahead::new(self, course, [now_ms, until_ms], grid, parameters);
        // Between the middles of buckets the forecast is a line, so that it is highest at one of them or at an end. A bucket that is
        // only touched counts with its middle, too: where demand rises at its very beginning, a line would come late.
        let middles = ahead.buckets.iter().rev().skip(1).copied();
        for (forecast, band) in middles.chain([ahead.at(now_ms), ahead.at(until_ms)]) {
            if forecast + band > peak.upper() {
                (peak.forecast, peak.band) = (forecast, band);
            }
        }
        Outlook::Trusted(peak)
    }
}

/// Forecasts and bands of the buckets from now on.
struct Ahead {
    bucket_ms: u64,
    /// The bucket of now.
    first: u64,
    /// That, all until the horizon, and one more, for the line to its middle. Never more than two seasons.
    buckets: Vec<(f64, f64)>,
}

impl Ahead {
    fn new(rhythm: &Rhythm, course: Course, span_ms: [u64; 2], grid: &Grid, parameters: &Parameters) -> Self {
        let bucket_ms = grid.bucket_ms.max(1);
        let [first, last] = span_ms.map(|at_ms| at_ms / bucket_ms);
        let smoothing = parameters.smoothing();
        let magnitude = parameters.band * trust::magnitude(rhythm);
        let lead = rhythm.lead(first);
        let mut course = course.unobserved(lead - 1, &smoothing);
        let wider = spreads(grid.places, &smoothing).skip(usize::try_from(lead - 1).unwrap_or(usize::MAX));
        let buckets = (first..=last.saturating_add(1)).zip(wider).map(|(bucket, wider)| {
            course = course.unobserved(1, &smoothing);
            // Less than nothing is not asked for.
            let forecast = (course.level + rhythm.season(bucket, grid)).clamp(0.0, DEMAND_MAX);
            (forecast, magnitude * wider)
        });
        Self { bucket_ms, first, buckets: buckets.collect() }
    }

    /// Forecast and band at a point in time, on the line between the two nearest middles; before the first of them as there.
    fn at(&self, at_ms: u64) -> (f64, f64) {
        let shifted_ms = at_ms.saturating_sub(self.bucket_ms / 2);
        let (left, share) = (shifted_ms / self.bucket_ms, shifted_ms % self.bucket_ms);
        let share = share as f64 / self.bucket_ms as f64;
        let of = |bucket: u64| {
            let place = usize::try_from(bucket.saturating_sub(self.first)).unwrap_or(usize::MAX);
            self.buckets.get(place).or(self.buckets.last()).copied().unwrap_or_default()
        };
        let ((left, left_band), (right, right_band)) = (of(left), of(left.saturating_add(1)));
        (left + (right - left) * share, left_band + (right_band - left_band) * share)
    }
}

impl fmt::Display for Outlook {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Learning { seen, of } => {
                write!(out, "no forecast: {} of {of} buckets of the first season are still missing", of - seen)
            }
            Self::Untried { judged } => {
                write!(out, "no forecast: {judged} were judged, {} are needed", trust::JUDGED_MIN)
            }
            Self::Mistrusted(Doubt::Share { error, most }) => {
                let [error, most] = [error, most].map(|share| figure((share * 100.0).round()));
                write!(out, "no forecast: its error of {error}% is above {most}%")
            }
            Self::Mistrusted(Doubt::Naive { mase, most }) => {
                let [mase, most] = [mase, most].map(|times| figure((times * 10.0).round() / 10.0));
                write!(out, "no forecast: its error is {mase} times that of a naive one, above {most}")
            }
            Self::Trusted(_) => out.write_str("the forecast is trusted"),
        }
    }
}
