//! The formula of one decision, as `Scale` in `pkg/autoscaler/scaling/autoscaler.go` of knative/serving has it.

use trimtab_sdk::{Snapshot, figure, replicas};

use crate::Parameters;
use crate::load::{Load, Reach};

/// The counts that both averages ask for, and whether load surges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    pub(crate) stable: u32,
    pub(crate) panic: u32,
    /// The short average alone asks for so many times the replicas that serve that it is panic.
    pub(crate) is_surge: bool,
}

/// Whether there is panic, and the greatest count in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surge {
    None,
    Panic { most: u32 },
}

impl Scale {
    pub(crate) fn of(load: &Load, snapshot: &Snapshot<'_>, parameters: &Parameters) -> Self {
        // From zero as from one.
        let ready = f64::from(snapshot.target().ready.max(1));
        // Not below a part of those that are wanted, be they ready yet or not.
        let wanted = f64::from(snapshot.target().ready.max(snapshot.desired()).max(1));
        let most = replicas(parameters.max_scale_up_rate * ready);
        let least = floor(wanted / parameters.max_scale_down_rate).min(most);
        let activation = u32::try_from(parameters.activation_scale).unwrap_or(u32::MAX);
        let count = |load: f64| {
            let wished = replicas(load / parameters.each());
            let count = wished.clamp(least, most);
            if wished > 0 { count.max(activation) } else { count }
        };
        let threshold = parameters.panic_threshold_percent / 100.0;
        let is_surge = f64::from(replicas(load.panic / parameters.each())) / ready >= threshold;
        Self { stable: count(load.stable), panic: count(load.panic), is_surge }
    }

    /// Why a lower count is not believed; `None` if it is.
    pub(crate) fn why_not_lower(&self, load: &Load, count: u32, snapshot: &Snapshot<'_>) -> Option<&'static str> {
        if load.missing > 0 {
            Some("an instance that serves has no fresh sample")
        } else if snapshot.target().ready == 0 {
            Some("none is ready, and the load of none says nothing")
        } else if load.reach == Reach::Little {
            Some("the samples reach back over less than half of the stable window")
        } else if count == 0 && load.reach < Reach::Whole {
            Some("the samples do not reach back over the stable window")
        } else {
            None
        }
    }

    /// The decision in a sentence.
    pub(crate) fn told(&self, load: &Load, surge: Surge, parameters: &Parameters) -> String {
        let (long, short) = (parameters.stable_window.as_secs_f64(), parameters.panic_window().as_secs_f64());
        let averages = format!(
            "`{}` is {} over {}s and {} over {}s, {} for each replica: {} and {}",
            parameters.reading,
            figure(load.stable),
            figure(long),
            figure(load.panic),
            figure(short),
            figure(parameters.each()),
            self.stable,
            self.panic
        );
        match surge {
            Surge::None => averages,
            Surge::Panic { most } if self.is_surge => {
                let threshold = figure(parameters.panic_threshold_percent);
                format!("panic, from {threshold}% of those ready: {averages}; the greatest is {most}")
            }
            Surge::Panic { most } => {
                format!("panic lasts {}s more than its cause: {averages}; the greatest is {most}", figure(long))
            }
        }
    }
}

/// How much more load could come at once than `burst_capacity` says: negative if there is no room for it, -1 for any.
pub(crate) fn excess_burst_capacity(load: &Load, snapshot: &Snapshot<'_>, parameters: &Parameters) -> f64 {
    let burst = parameters.burst_capacity;
    if burst < 0.0 {
        -1.0
    } else if burst == 0.0 {
        0.0
    } else {
        (f64::from(snapshot.target().ready) * parameters.target - burst - load.panic).floor()
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and it is not negative")]
fn floor(count: f64) -> u32 {
    count.floor() as u32
}
