//! Follows load by a long average, and by a short one while it surges, as Knative's autoscaler (KPA) does.
//!
//! `load.rs` averages the reading over both windows, `scale.rs` has the formula of one decision, `Panic` what is kept from one to
//! the next. README.md has the rules with their source, and what differs from Knative.

mod load;
mod scale;

use std::time::Duration;

use trimtab_sdk::prelude::*;

use crate::load::Load;
use crate::scale::{Scale, Surge};

parameters! {
    /// What the operator sets.
    pub struct Parameters {
        /// The reading to follow: requests in flight, or requests per second.
        pub reading: String { default: "concurrency" },
        /// Whose the reading is: a total of the `target`, or one for each `instance`, which are added up.
        pub subject: String { default: "target", choices: ["target", "instance"] },
        /// What one replica can take: requests in flight, or requests per second.
        pub target: f64 { default: 100, min: 0.01 },
        /// The share of it that one replica is to take.
        pub utilization: f64 { default: 0.7, min: 0.01, max: 1 },
        /// The long average.
        pub stable_window: Duration {
            default: Duration::from_secs(60), min: Duration::from_secs(6), max: Duration::from_secs(3600)
        },
        /// The short average, in percent of `stable_window`.
        pub panic_window_percent: f64 { default: 10, min: 1, max: 100 },
        /// The short average's count in percent of the replicas that serve, from which on it is panic.
        pub panic_threshold_percent: f64 { default: 200, min: 110, max: 1000 },
        /// The most that the replicas that serve are multiplied by at once.
        pub max_scale_up_rate: f64 { default: 1000, min: 1.01 },
        /// The most that replicas are divided by at once.
        pub max_scale_down_rate: f64 { default: 2, min: 1.01 },
        /// The least count while there is any load.
        pub activation_scale: i64 { default: 1, min: 1, max: 1_000_000 },
        /// Load that could come at once and should find room; -1 for any. It moves nothing, but the answer tells what is left
        /// above it.
        pub burst_capacity: f64 { default: 211, min: -1 },
    }
}

impl Parameters {
    /// What one replica is to take.
    fn each(&self) -> f64 {
        self.target * self.utilization
    }

    fn panic_window(&self) -> Duration {
        self.stable_window.mul_f64(self.panic_window_percent / 100.0)
    }

    fn subject(&self) -> Subject {
        if self.subject == "instance" { Subject::Instance } else { Subject::Target }
    }
}

memory! {
    /// What is kept of a panic.
    format 1, at most 64 bytes;
    #[derive(PartialEq)]
    pub struct Panic {
        /// Whether anything is kept: not so at first, and after memory was lost.
        pub is_known: bool,
        /// When load was last above the threshold; nothing if there is no panic.
        pub surged_ms: Option<u64>,
        /// The greatest count of this panic.
        pub most: u32,
    }
}

/// The policy.
#[derive(Debug)]
pub struct PanicWindow;

impl Policy for PanicWindow {
    type Parameters = Parameters;
    type Memory = Panic;
    const ABOUT: About = about!(Kind::Scale);

    fn needs(parameters: &Parameters) -> Result<Needs<'_>, Refusal> {
        let window = parameters.stable_window;
        // Half a window more than is averaged: what was before it began shows that nothing of it is missing.
        Ok(Needs::new().reading(&parameters.reading, parameters.subject()).look_back(window + window / 2).required())
    }

    fn evaluate(snapshot: &Snapshot<'_>, parameters: &Parameters, panic: &mut Panic) -> Result<Answer, Refusal> {
        let current = snapshot.desired();
        let load = match Load::average(snapshot, parameters)? {
            Some(load) => load,
            None => return Ok(Answer::hold(format!("`{}` is of instances, and none serves", parameters.reading))),
        };
        panic.begin(snapshot);
        let scale = Scale::of(&load, snapshot, parameters);
        let surge = panic.turn(&scale, snapshot, parameters);
        let count = match surge {
            Surge::None => scale.stable,
            Surge::Panic { most } => most,
        };
        let told = scale.told(&load, surge, parameters);
        let answer = if count < current {
            match scale.why_not_lower(&load, count, snapshot) {
                Some(why) => Answer::hold(format!("keeps {current}: {told}, but {why}")),
                None => Proposal::scale(count).because(told).into(),
            }
        } else if count == current {
            Answer::hold(told)
        } else {
            Proposal::scale(count).because(told).into()
        };
        let spare = scale::excess_burst_capacity(&load, snapshot, parameters);
        Ok(answer.notes(load.told_missing(parameters)).attr("excess_burst_capacity", spare))
    }
}

trimtab_sdk::export!(PanicWindow);

impl Panic {
    /// As Knative does after its start: several replicas whose past is not known are kept for one stable window.
    fn begin(&mut self, snapshot: &Snapshot<'_>) {
        if !self.is_known {
            let kept = snapshot.desired();
            *self = Self { is_known: true, surged_ms: (kept > 1).then(|| snapshot.now_ms()), most: kept };
        }
    }

    /// Begins, lengthens or ends the panic. In it, the greatest count is held: of both averages, and what there is, for it may be
    /// more than is ready yet.
    fn turn(&mut self, scale: &Scale, snapshot: &Snapshot<'_>, parameters: &Parameters) -> Surge {
        let (now_ms, over_ms) = (snapshot.now_ms(), snapshot.ago_ms(parameters.stable_window));
        // A clock that was set back must not lengthen it.
        self.surged_ms = if scale.is_surge { Some(now_ms) } else { self.surged_ms.map(|at_ms| at_ms.min(now_ms)) };
        if self.surged_ms.is_none_or(|surged_ms| surged_ms < over_ms) {
            (self.surged_ms, self.most) = (None, 0);
            return Surge::None;
        }
        self.most = self.most.max(scale.stable).max(scale.panic).max(snapshot.desired());
        Surge::Panic { most: self.most }
    }
}

#[cfg(test)]
mod tests;
