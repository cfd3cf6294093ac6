//! The equations, and what they remember.
//!
//! With `e` the error beyond the deadband and `d` the filtered change of the error per second, both scaled by `span`:
//!
//! ```text
//! output = I × (1 + kp × e + kd × d)          replicas
//! dI/dt  = ki × e × I                         held within the bounds' min and max (clamping)
//! ```
//!
//! The integral is the number of replicas that would serve at the setpoint, as far as is known, and gains are shares of it,
//! so that the same gains serve 3 replicas and 300. Where the present count is not the one that was asked for last, because
//! the bounds or a person made it another, the integral follows it with the time constant `tracking` (back-calculation; both
//! as in Åström and Hägglund, "PID Controllers: Theory, Design and Tuning", chapter 3).

use trimtab_sdk::{Samples, Snapshot, memory};

use crate::Parameters;
use crate::error::Scale;

memory! {
    /// What it remembers: the integral, and when and what it saw last.
    format 1, at most 64 bytes;
    pub struct Past {
        /// The integral, in replicas; `None` before the first value, and after a gap.
        pub integral: Option<f64>,
        /// When the last value was taken, and which; for the derivative.
        pub last: Option<(u64, f64)>,
        /// The filtered change of the value per second.
        pub slope: f64,
        /// When it was last evaluated with a value.
        pub evaluated_ms: u64,
        /// Whether there was an evaluation without a value since.
        pub paused: bool,
    }
}

/// How far the output must be from the present count before it changes: more than a half, so that an output between two counts
/// does not go to and fro.
const ROUNDING: f64 = 0.6;
/// The integral multiplies itself and would never leave zero.
const INTEGRAL_MIN: f64 = 0.3;

/// One evaluation.
pub(crate) struct Controller<'s> {
    pub(crate) snapshot: &'s Snapshot<'s>,
    pub(crate) parameters: &'s Parameters,
    pub(crate) scale: Scale,
}

/// What it came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    pub(crate) count: u32,
    pub(crate) terms: Terms,
    /// Why nothing changes.
    pub(crate) held: Option<&'static str>,
}

/// The error, and the parts of the output in replicas.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) error: f64,
    pub(crate) integral: f64,
    pub(crate) proportional: f64,
    pub(crate) derivative: f64,
    pub(crate) output: f64,
}

impl Past {
    /// An evaluation without a value: the integral stays, and the time until the next value is not integrated over.
    pub(crate) fn pause(&mut self) {
        (self.paused, self.last, self.slope) = (true, None, 0.0);
    }
}

impl Controller<'_> {
    /// Moves the memory on by one evaluation and says what it wishes.
    pub(crate) fn step(&self, samples: &Samples<'_>, past: &mut Past) -> Wish {
        let desired = self.snapshot.desired();
        let error = self.scale.error(samples.latest());
        let acted_on = self.scale.beyond_deadband(error, desired);
        let seconds = self.seconds_since(past);
        if seconds.is_none() {
            *past = Past::default();
        }
        self.follow_slope(samples, past);
        let rate = self.scale.change(past.slope);
        let factor = (1.0 + self.parameters.kp * acted_on + self.parameters.kd * rate).max(0.0);
        let kept = past.integral.filter(|kept| kept.is_finite());
        let integral = self.integral(kept, acted_on, factor, seconds.unwrap_or(0.0));
        let output = self.bounded(integral * factor);
        *past = Past {
            integral: Some(integral),
            evaluated_ms: self.snapshot.now_ms(),
            paused: false,
            last: past.last,
            slope: past.slope,
        };
        let terms = Terms {
            error,
            integral,
            proportional: integral * self.parameters.kp * acted_on,
            derivative: integral * self.parameters.kd * rate,
            output,
        };
        let (count, held) = settle(output, desired, acted_on, kept.is_none());
        Wish { count, terms, held }
    }

    /// The new integral. The first is the present count.
    fn integral(&self, kept: Option<f64>, acted_on: f64, factor: f64, seconds: f64) -> f64 {
        let present = f64::from(self.snapshot.desired());
        let Some(kept) = kept.map(|kept| self.bounded(kept)) else {
            return self.bounded(present);
        };
        let growth = (self.parameters.ki * acted_on * seconds).clamp(-1.0, 10.0);
        let grown = kept * growth.exp();
        let is_followed = (self.bounded(kept * factor) - self.bounded(present)).abs() <= ROUNDING;
        let share = 1.0 - (-seconds / self.parameters.tracking.as_secs_f64()).exp();
        let pull = if is_followed { 0.0 } else { (present - kept) * share };
        self.bounded(grown + pull)
    }

    /// Held within the bounds in force, in replicas.
    fn bounded(&self, replicas: f64) -> f64 {
        let limits = &self.snapshot.target().limits;
        let least = f64::from(limits.replicas_min).max(INTEGRAL_MIN);
        replicas.max(least).min(f64::from(limits.replicas_max).max(least))
    }

    /// Seconds to integrate over since the last evaluation; `None` at the beginning, after a gap, and where time did not go
    /// forward.
    fn seconds_since(&self, past: &Past) -> Option<f64> {
        past.integral?;
        let elapsed_ms = self.snapshot.now_ms().checked_sub(past.evaluated_ms)?;
        let is_gap = u128::from(elapsed_ms) > self.parameters.gap_max.as_millis();
        (!is_gap).then_some(if past.paused { 0.0 } else { elapsed_ms as f64 / 1000.0 })
    }

    /// The derivative is of the measurement, so that a new setpoint gives no kick, and only of samples that are new.
    fn follow_slope(&self, samples: &Samples<'_>, past: &mut Past) {
        let (at_ms, value) = (samples.latest_ms(), samples.latest());
        let Some((last_ms, last)) = past.last.filter(|(_, last)| last.is_finite()) else {
            past.last = Some((at_ms, value));
            return;
        };
        let Some(elapsed_ms) = at_ms.checked_sub(last_ms).filter(|elapsed_ms| *elapsed_ms > 0) else {
            return;
        };
        let seconds = elapsed_ms as f64 / 1000.0;
        let filter = self.parameters.derivative_filter.as_secs_f64();
        let slope = past.slope + ((value - last) / seconds - past.slope) * seconds / (filter + seconds);
        past.slope = if slope.is_finite() { slope } else { 0.0 };
        past.last = Some((at_ms, value));
    }
}

/// The count for an output, or why the present one stays.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and it is at least 0")]
fn settle(output: f64, desired: u32, acted_on: f64, is_first: bool) -> (u32, Option<&'static str>) {
    let present = f64::from(desired);
    let count = output.round() as u32;
    let held = if acted_on.abs() <= 0.0 {
        Some("within the deadband")
    } else if (output - present).abs() <= ROUNDING || count == desired {
        Some("the present count is nearest")
    } else if count > desired && acted_on < 0.0 {
        Some("not raised while there is more than enough")
    } else if count < desired && acted_on > 0.0 {
        Some("not lowered while there is too little")
    } else if count < desired && is_first {
        Some("it begins anew, and removes nothing at once")
    } else {
        None
    };
    (count, held)
}
