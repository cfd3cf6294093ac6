//! From a value to an error: how far from the setpoint, in spans, and above zero where replicas are lacking.

use trimtab_sdk::Refusal;

use crate::Parameters;

/// How values become errors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    setpoint: f64,
    /// 1 for direct action, −1 for inverse.
    sign: f64,
    span: f64,
    deadband: f64,
}

impl Scale {
    /// # Errors
    /// `parameter-wrong` where there is no span to measure errors by.
    pub(crate) fn of(parameters: &Parameters) -> Result<Self, Refusal> {
        let Parameters { setpoint, span, deadband, .. } = *parameters;
        let span = span.unwrap_or(setpoint.abs());
        if span < 1e-6 {
            return Err(Refusal::parameter_wrong(
                "`setpoint` is 0 and `span` is not given: nothing tells a large error from a small one",
            ));
        }
        let sign = if parameters.action == "inverse" { -1.0 } else { 1.0 };
        Ok(Self { setpoint, sign, span, deadband })
    }

    /// The error, above zero where replicas are lacking.
    pub(crate) fn error(&self, value: f64) -> f64 {
        self.sign * (value - self.setpoint) / self.span
    }

    /// The change of the error for a change of the value.
    pub(crate) fn change(&self, of_value: f64) -> f64 {
        self.sign * of_value / self.span
    }

    /// What of an error is acted on: what lies beyond the deadband. Downwards the band is at least as wide as what the last
    /// of `count` replicas carries, `1/count`: where replicas share a load, removing one for less would bring the value
    /// above its setpoint, and the next turns would add it again, for ever.
    pub(crate) fn beyond_deadband(&self, error: f64, count: u32) -> f64 {
        let below = self.deadband.max(1.0 / f64::from(count.max(1)));
        if error > self.deadband {
            error - self.deadband
        } else if error < -below {
            error + below
        } else {
            0.0
        }
    }
}
