//! Holt-Winters' additive method with a damped trend, in its error-correction form: Hyndman and Athanasopoulos,
//! *Forecasting: Principles and Practice*, 3rd ed., 8.3 (the method), 8.5 (this form) and 8.7 (the variance of its forecasts).
//!
//! With `e` the error of the forecast `l + φ·b + s`:
//!
//! * level `l ← l + φ·b + α·e`, trend `b ← φ·b + α·β·e`, season `s ← s + γ·e`
//! * forecast at lead `h`: `l + φ_h·b + s`, where `φ_h = φ + φ² + … + φ^h`
//! * its spread, in those of lead 1: `√(1 + Σ c_j²)` over `j` from 1 to `h − 1`, where `c_j = α + α·β·φ_j`, and `γ` more where
//!   `j` is a whole number of seasons

/// The four constants of the method.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Smoothing {
    pub(crate) alpha: f64,
    pub(crate) beta: f64,
    pub(crate) gamma: f64,
    pub(crate) phi: f64,
}

/// Level and trend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Course {
    pub(crate) level: f64,
    pub(crate) trend: f64,
}

impl Course {
    /// What is left of it after buckets in which nothing was measured: there is no error to correct it by.
    pub(crate) fn unobserved(self, buckets: u64, smoothing: &Smoothing) -> Self {
        let phi = smoothing.phi;
        (0..buckets).fold(self, |Self { level, trend }, _| Self { level: level + phi * trend, trend: phi * trend })
    }

    /// After one bucket in which the forecast erred by that much.
    pub(crate) fn observed(self, error: f64, smoothing: &Smoothing) -> Self {
        let Smoothing { alpha, beta, phi, .. } = *smoothing;
        let damped = phi * self.trend;
        Self { level: self.level + damped + alpha * error, trend: damped + alpha * beta * error }
    }
}

/// How much wider the errors are at leads 1, 2, 3 … than at lead 1. Without end.
pub(crate) fn spreads(season: u64, smoothing: &Smoothing) -> impl Iterator<Item = f64> + use<> {
    let Smoothing { alpha, beta, gamma, phi } = *smoothing;
    let (mut sum, mut power, mut variance) = (0.0, 1.0, 1.0f64);
    (1..).map(move |step: u64| {
        let spread = variance.sqrt();
        power *= phi;
        sum += power;
        let turns = if step.is_multiple_of(season.max(1)) { gamma } else { 0.0 };
        let weight = alpha + alpha * beta * sum + turns;
        variance += weight * weight;
        spread
    })
}

/// That at one lead.
pub(crate) fn spread(lead: u64, season: u64, smoothing: &Smoothing) -> f64 {
    let before = usize::try_from(lead.saturating_sub(1)).unwrap_or(usize::MAX);
    spreads(season, smoothing).nth(before).unwrap_or(f64::INFINITY)
}
