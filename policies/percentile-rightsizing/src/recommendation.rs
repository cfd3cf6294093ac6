//! Target and range, after `logic/recommender.go` and `logic/estimator.go` of the VPA.

use crate::Parameters;
use crate::histogram::Scheme;
use crate::history::Series;
use crate::intake::milliseconds;
use crate::room::Dimension;

const MINUTE_MS: f64 = 60_000.0;

/// What one dimension should have, in its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Recommendation {
    /// Of what was used, without margin.
    pub(crate) percentile: f64,
    pub(crate) target: f64,
    /// Below it, too little is set aside to wait.
    pub(crate) lower: f64,
    /// Above it, too much. Infinite without history.
    pub(crate) upper: f64,
}

impl Recommendation {
    /// `None` without history. `containers` share the least that is recommended.
    pub(crate) fn of(
        dimension: Dimension,
        series: &Series,
        containers: usize,
        parameters: &Parameters,
    ) -> Option<Self> {
        let scheme: Scheme = dimension.scheme();
        let [lower, target, upper] = match dimension {
            Dimension::Cpu => [parameters.cpu_lower, parameters.cpu_percentile, parameters.cpu_upper],
            Dimension::Memory => [parameters.memory_lower, parameters.memory_percentile, parameters.memory_upper],
        };
        let percentile = |share| series.histogram.percentile(&scheme, share);
        let confidence = confidence(series, parameters);
        let with_margin = 1.0 + parameters.margin;
        let narrowed = 1.0 + 0.001 / confidence;
        let least = dimension.least(parameters) / containers.max(1) as f64;
        Some(Self {
            percentile: percentile(target)?,
            target: (percentile(target)? * with_margin).max(least),
            lower: (percentile(lower)? * with_margin / (narrowed * narrowed)).max(least),
            upper: (percentile(upper)? * with_margin * (1.0 + 1.0 / confidence)).max(least),
        })
    }

    /// Within least and most; the least wins where they contradict.
    pub(crate) fn within(self, least: Option<u64>, most: Option<u64>) -> Self {
        let (least, most) = (least.unwrap_or(0) as f64, most.map_or(f64::INFINITY, |most| most as f64));
        let held = |amount: f64| amount.min(most).max(least);
        Self { target: held(self.target), lower: held(self.lower), upper: held(self.upper), ..self }
    }
}

/// How many intervals the history spans, or has samples for at one a minute: the lesser. Zero for a single sample.
fn confidence(series: &Series, parameters: &Parameters) -> f64 {
    let interval_ms = milliseconds(parameters.confidence_interval) as f64;
    let spanned = series.span_ms() as f64 / interval_ms;
    let sampled = series.samples as f64 * MINUTE_MS / interval_ms;
    spanned.min(sampled)
}
