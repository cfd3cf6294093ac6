//! Sizes consumers to their queue: by backlog per replica, by the time in which the backlog is to be worked off, by the age of the
//! oldest message; to zero when the queue has been empty, and back at once.
//!
//! `backlog.rs` adds up the queues and knows how long they have been empty, `wish.rs` has the formulas. README.md has them with
//! examples, and compares with KEDA and with AWS's backlog per instance.

mod backlog;
mod wish;

use std::time::Duration;

use trimtab_sdk::prelude::*;

use crate::backlog::Backlog;
use crate::wish::Wishes;

/// How far back it is judged whether the oldest message grows older still.
const AGE_TREND: Duration = Duration::from_secs(120);

parameters! {
    /// What the operator sets.
    pub struct Parameters {
        /// The reading of the messages that wait; `readings` names several.
        pub reading: Option<String> {},
        /// Readings of several queues that the same replicas work off: they are added up.
        pub readings: Vec<String> { default: Vec::new() },
        /// The reading of messages taken but not done, added to those that wait.
        pub in_flight_reading: Option<String> {},
        /// Messages of the backlog for each replica.
        pub per_instance: Option<f64> { min: 0.000_001 },
        /// The time in which the backlog is to be worked off; needs `service_rate` or `service_rate_reading`.
        pub drain_time: Option<Duration> { min: Duration::from_secs(1) },
        /// Messages per second that one replica does; beside `service_rate_reading`, what stands in where that is zero or not
        /// known.
        pub service_rate: Option<f64> { min: 0.000_001 },
        /// The reading of messages per second that one replica does.
        pub service_rate_reading: Option<String> {},
        /// The reading of messages per second that arrive.
        pub arrival_rate_reading: Option<String> {},
        /// A backlog up to this counts as empty: it wakes nothing at zero replicas, and lets the last one go.
        pub activation: f64 { default: 0, min: 0 },
        /// How long the backlog must have been empty before the last replica goes.
        pub idle_for: Duration { default: Duration::from_secs(300), max: Duration::from_secs(7 * 86_400) },
        /// The reading of the age of the oldest message, in seconds.
        pub age_reading: Option<String> {},
        /// The age above which replicas are added and none removed.
        pub age_target: Option<Duration> { min: Duration::from_secs(1) },
    }
}

impl Parameters {
    fn queues(&self) -> impl Iterator<Item = &str> {
        self.reading.iter().chain(&self.readings).chain(&self.in_flight_reading).map(String::as_str)
    }

    fn rates(&self) -> impl Iterator<Item = &str> {
        self.service_rate_reading.iter().chain(&self.arrival_rate_reading).map(String::as_str)
    }

    /// # Errors
    /// `parameter-wrong`, naming the parameters, where one lacks another that it needs.
    fn check(&self) -> Result<(), Refusal> {
        let has_rate = self.service_rate.is_some() || self.service_rate_reading.is_some();
        let faults = [
            (self.reading.is_none() && self.readings.is_empty(), "neither `reading` nor `readings` names a queue"),
            (
                self.per_instance.is_none() && self.drain_time.is_none(),
                "neither `per_instance` nor `drain_time` is given",
            ),
            (self.drain_time.is_some() && !has_rate, "`drain_time` needs `service_rate` or `service_rate_reading`"),
            (self.drain_time.is_none() && has_rate, "`service_rate` and `service_rate_reading` need `drain_time`"),
            (
                self.drain_time.is_none() && self.arrival_rate_reading.is_some(),
                "`arrival_rate_reading` needs `drain_time`",
            ),
            (self.age_reading.is_some() != self.age_target.is_some(), "`age_reading` and `age_target` need each other"),
        ];
        match faults.into_iter().find(|(is_wrong, _)| *is_wrong) {
            Some((_, text)) => Err(Refusal::parameter_wrong(text)),
            None => Ok(()),
        }
    }
}

/// The policy.
#[derive(Debug)]
pub struct QueueDepth;

impl Policy for QueueDepth {
    type Parameters = Parameters;
    type Memory = ();
    const ABOUT: About = about!(Kind::Scale);

    fn needs(parameters: &Parameters) -> Result<Needs<'_>, Refusal> {
        parameters.check()?;
        let mut needs = Needs::new();
        for queue in parameters.queues() {
            needs = needs.reading(queue, Subject::Target).look_back(backlog::look_back(parameters)).required();
        }
        for rate in parameters.rates() {
            needs = needs.reading(rate, Subject::Target).required();
        }
        if let Some(age) = &parameters.age_reading {
            needs = needs.reading(age, Subject::Target).look_back(AGE_TREND).required();
        }
        Ok(needs)
    }

    fn evaluate(snapshot: &Snapshot<'_>, parameters: &Parameters, _: &mut ()) -> Result<Answer, Refusal> {
        let current = snapshot.desired();
        let backlog = Backlog::look(snapshot, parameters);
        let Wishes { largest, is_needed, missing } = Wishes::of(snapshot, parameters, &backlog);
        let Some(wish) = largest else {
            return Err(Refusal::reading_missing(missing.join("; ")));
        };
        let is_empty = backlog.waiting.is_some_and(|waiting| waiting <= parameters.activation) && !is_needed;
        let (count, zero) = match (current, is_empty) {
            (0, true) => (0, Some(Zero::Stays)),
            (0, false) => (wish.count.max(u32::from(backlog.waiting.is_some() || is_needed)), None),
            (_, true) if backlog.is_idle => (0, Some(Zero::Idle)),
            (_, true) => (wish.count.max(1), Some(Zero::NotYet)),
            (_, false) => (wish.count.max(1), None),
        };
        let mut reason = wish.to_string();
        if let Some(zero) = zero {
            reason += &zero.told(parameters);
        }
        let answer = if count < current && !missing.is_empty() {
            Answer::hold(format!("keeps {current}: {reason}, but a missing reading forbids to lower"))
        } else if count == current {
            Answer::hold(reason)
        } else {
            Proposal::scale(count).because(reason).into()
        };
        Ok(answer.notes(missing))
    }
}

/// What an empty queue leads to.
#[derive(Debug, Clone, Copy)]
enum Zero {
    /// It wakes nothing.
    Stays,
    /// The last replica goes.
    Idle,
    /// The last replica waits whether something comes.
    NotYet,
}

impl Zero {
    fn told(self, parameters: &Parameters) -> String {
        let activation = figure(parameters.activation);
        let idle_for = figure(parameters.idle_for.as_secs_f64());
        match self {
            Self::Stays => format!("; up to {activation} wakes nothing"),
            Self::Idle => format!("; up to {activation} for {idle_for}s: none"),
            Self::NotYet => format!("; not known to be up to {activation} for {idle_for}s: one stays"),
        }
    }
}

trimtab_sdk::export!(QueueDepth);

#[cfg(test)]
mod tests;
