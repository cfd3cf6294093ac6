//! Keeps readings between a high and a low watermark by changing the number of replicas, as Datadog's WatermarkPodAutoscaler
//! (WPA) does.
//!
//! `band.rs` reads the operator's watermarks, `usage.rs` what is used, `count.rs` has the formulas. README.md has them with
//! examples, and what differs from the WPA.

mod band;
mod count;
mod usage;

use std::time::Duration;

use trimtab_sdk::prelude::*;

use crate::count::Estimate;
use crate::usage::{Serving, Usage};

parameters! {
    /// What the operator sets.
    pub struct Parameters {
        /// The reading to keep in its band; `readings` names several.
        pub reading: Option<String> {},
        /// The high watermark of `reading`, and of each of `readings` if `highs` is empty. Above it, replicas are added.
        pub high: Option<f64> { min: 0.000_001 },
        /// The low watermark of `reading`, and of each of `readings` if `lows` is empty. Below it, replicas are removed.
        pub low: Option<f64> { min: 0 },
        /// Several readings: each gives a count, and the largest wins.
        pub readings: Vec<String> { default: Vec::new() },
        /// A high watermark for each of `readings`.
        pub highs: Vec<f64> { default: Vec::new(), min: 0.000_001 },
        /// A low watermark for each of `readings`.
        pub lows: Vec<f64> { default: Vec::new(), min: 0 },
        /// `absolute`: the reading falls as replicas are added, such as mean CPU. `average`: it is a total that they share,
        /// and is divided by those that serve.
        pub algorithm: String { default: "absolute", choices: ["absolute", "average"] },
        /// Whose the readings are: `target`, or `instance` for one per instance, whose mean is taken.
        pub subject: String { default: "target", choices: ["target", "instance"] },
        /// How far beyond a watermark, as a share of it, a reading may be before anything changes.
        pub tolerance: f64 { default: 0.1, min: 0, max: 1 },
        /// Within the band: creep, one step a turn, towards the `high` watermark (fewer replicas) or the `low` one (more), or
        /// stay (`none`).
        pub converge_towards: String { default: "none", choices: ["none", "high", "low"] },
        /// Counts are rounded up to multiples of it, and it is the step of converging.
        pub multiple_of: i64 { default: 1, min: 1, max: 10_000 },
        /// Share of the instances that must serve before anything changes.
        pub min_available: f64 { default: 0, min: 0, max: 1 },
        /// How long after its start an instance does not yet count as serving.
        pub readiness_delay: Duration { default: Duration::ZERO, max: Duration::from_secs(86_400) },
        /// Whether a reading of exactly zero is believed. If not, it changes nothing: a source that has lost its data often
        /// says zero.
        pub tolerate_zero: bool { default: false },
    }
}

/// The policy.
#[derive(Debug)]
pub struct Watermark;

impl Policy for Watermark {
    type Parameters = Parameters;
    type Memory = ();
    const ABOUT: About = about!(Kind::Scale);

    fn needs(parameters: &Parameters) -> Result<Needs<'_>, Refusal> {
        let mut needs = Needs::new();
        let is_of_instances = parameters.subject == "instance";
        for band in band::all(parameters)? {
            let subject = if is_of_instances { Subject::Instance } else { Subject::Target };
            needs = needs.reading(band.reading, subject).required();
        }
        Ok(if is_of_instances || !parameters.readiness_delay.is_zero() { needs.instances() } else { needs })
    }

    fn evaluate(snapshot: &Snapshot<'_>, parameters: &Parameters, _: &mut ()) -> Result<Answer, Refusal> {
        let bands = band::all(parameters)?;
        let serving = Serving::of(snapshot, parameters);
        let current = snapshot.desired();
        if current > 0 && serving.count == 0 {
            return Ok(Answer::hold(format!(
                "none of {} serve: a reading says nothing of what one carries",
                serving.of
            )));
        }
        if current > 0 && serving.share() < parameters.min_available {
            return Ok(Answer::hold(format!(
                "{} of {} serve, less than `min_available` of {}%",
                serving.count,
                serving.of,
                figure(parameters.min_available * 100.0)
            )));
        }
        let mut largest: Option<Estimate<'_>> = None;
        let mut missing = Vec::new();
        for band in &bands {
            match Usage::measure(band, snapshot, parameters, serving) {
                Ok(usage) => {
                    let estimate = count::estimate(band, usage, current, serving, parameters);
                    // The first of equals: the operator's order decides which reason is told.
                    if largest.as_ref().is_none_or(|other| estimate.count > other.count) {
                        largest = Some(estimate);
                    }
                }
                Err(cause) => missing.push(cause),
            }
        }
        let Some(largest) = largest else {
            return Err(Refusal::reading_missing(missing.join("; ")));
        };
        let mut reason = largest.to_string();
        if bands.len() - missing.len() > 1 {
            reason += &format!("; the largest of {} readings", bands.len() - missing.len());
        }
        let answer = if largest.count < current && !missing.is_empty() {
            Answer::hold(format!("keeps {current}: {reason}, but a missing reading forbids to lower"))
        } else if largest.count == current {
            Answer::hold(reason)
        } else {
            Proposal::scale(largest.count).because(reason).into()
        };
        Ok(answer.notes(missing))
    }
}

trimtab_sdk::export!(Watermark);

#[cfg(test)]
mod tests;
