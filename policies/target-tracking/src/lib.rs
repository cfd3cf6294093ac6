//! Holds readings at their targets by changing the number of replicas, as the Kubernetes HorizontalPodAutoscaler does.
//!
//! Every reading gives a count; the largest wins. The formulas and what they do with missing and not-ready instances stand
//! in `whole.rs` (readings of the target) and `instances.rs` (readings of instances); README.md has them with examples.

mod estimate;
mod goal;
mod instances;
mod whole;

use std::time::Duration;

use trimtab_sdk::prelude::*;

use crate::estimate::{Estimate, Missing};
use crate::goal::Subjects;

parameters! {
    /// What the operator sets.
    pub struct Parameters {
        /// The reading to hold at its target; `readings` names several.
        pub reading: Option<String> {},
        /// The target of `reading`, and of each of `readings` if `targets` is empty: a number per replica for
        /// `average-value`, a number for `value`, percent of what is requested for utilization.
        pub target: Option<f64> { min: 0.000_001 },
        /// How the reading is compared. `average-value`: a total that the replicas share. `value`: a figure that falls as
        /// replicas are added. `utilization`, `memory-utilization`: use of CPU (millicores) or memory (bytes) by
        /// instance, in percent of what is requested. `average-cpu`: CPU by instance in millicores, whatever is requested.
        pub kind: String { default: "average-value", choices: goal::KINDS },
        /// Whose the reading is: `target`, or `instance` for one per instance, which `average-value` averages.
        /// Utilization is always of instances.
        pub subject: String { default: "target", choices: goal::SUBJECTS },
        /// Several readings: each gives a count, and the largest wins.
        pub readings: Vec<String> { default: Vec::new() },
        /// A target for each of `readings`; empty to give all of them `target`.
        pub targets: Vec<f64> { default: Vec::new(), min: 0.000_001 },
        /// A kind for each of `readings`; empty to give all of them `kind`.
        pub kinds: Vec<String> { default: Vec::new(), choices: goal::KINDS },
        /// A subject for each of `readings`; empty to give all of them `subject`.
        pub subjects: Vec<String> { default: Vec::new(), choices: goal::SUBJECTS },
        /// The container whose request a utilization is a share of, for workloads of several; the reading must then be that
        /// container's use, by instance. Not given: the request of the whole instance.
        pub container: Option<String> {},
        /// A container for each of `readings`, empty text for the whole instance; empty to give all of them `container`.
        pub containers: Vec<String> { default: Vec::new() },
        /// How far above its target, as a share of it, a reading may be before replicas are added.
        pub tolerance_up: f64 { default: 0.1, min: 0, max: 10 },
        /// How far below its target, as a share of it, a reading may be before replicas are removed.
        pub tolerance_down: f64 { default: 0.1, min: 0, max: 1 },
        /// How long after its start the CPU use of an instance is that of starting: counted only once it is ready.
        pub initialization: Duration { default: Duration::from_secs(300) },
        /// How long after its start an instance's CPU samples are not yet those of a ready one.
        pub readiness_delay: Duration { default: Duration::from_secs(30) },
    }
}

/// The policy.
#[derive(Debug)]
pub struct TargetTracking;

impl Policy for TargetTracking {
    type Parameters = Parameters;
    type Memory = ();
    const ABOUT: About = about!(Kind::Scale);

    fn needs(parameters: &Parameters) -> Result<Needs<'_>, Refusal> {
        let mut needs = Needs::new();
        for goal in goal::all(parameters)? {
            needs = needs.reading(goal.reading, goal.subject()).required();
        }
        Ok(needs)
    }

    fn evaluate(snapshot: &Snapshot<'_>, parameters: &Parameters, _: &mut ()) -> Result<Answer, Refusal> {
        let current = snapshot.desired();
        let mut largest: Option<Estimate<'_>> = None;
        let mut missing: Vec<Missing<'_>> = Vec::new();
        let mut counts = 0u32;
        for goal in goal::all(parameters)? {
            let estimate = match goal.subjects() {
                Subjects::Whole => whole::estimate(&goal, snapshot, parameters),
                Subjects::Instances => instances::estimate(&goal, snapshot, parameters),
            };
            match estimate {
                Ok(estimate) => {
                    counts += 1;
                    // The first of equals: the operator's order decides which reason is told.
                    if largest.as_ref().is_none_or(|other| estimate.count > other.count) {
                        largest = Some(estimate);
                    }
                }
                Err(cause) => missing.push(cause),
            }
        }
        let Some(largest) = largest else {
            let causes: Vec<String> = missing.iter().map(Missing::to_string).collect();
            return Err(Refusal::reading_missing(causes.join("; ")));
        };
        let mut reason = largest.to_string();
        if counts > 1 {
            reason += &format!("; the largest of {counts} readings");
        }
        let answer = if largest.count < current && !missing.is_empty() {
            Answer::hold(format!("keeps {current}: {reason}, but a missing reading forbids to lower"))
        } else if largest.count == current {
            Answer::hold(reason)
        } else {
            Proposal::scale(largest.count).because(reason).into()
        };
        Ok(answer.notes(missing.iter().map(Missing::to_string)))
    }
}

trimtab_sdk::export!(TargetTracking);

#[cfg(test)]
mod tests;
