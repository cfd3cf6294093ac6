//! What the instances use: one figure to size for, the peak, and who is missing.

use trimtab_sdk::reading::Reading;
use trimtab_sdk::{Fact, Samples, Snapshot};

use crate::Parameters;

/// Which instance is sized for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Max,
    Mean,
}

/// The use of one dimension over all instances that count.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Usage {
    /// Current use: of the instance that uses most, or the mean.
    pub(crate) current: f64,
    /// Most that any instance used within the look-back.
    pub(crate) peak: f64,
    pub(crate) measured: u32,
    /// Instances without a fresh sample: one of them may be the one that uses most.
    pub(crate) missing: u32,
}

impl Usage {
    /// `None` if no instance has a fresh sample.
    pub(crate) fn measure(reading: &Reading<'_>, snapshot: &Snapshot<'_>, parameters: &Parameters) -> Option<Self> {
        let window_ms = snapshot.ago_ms(parameters.window);
        let mut usage = Self { current: 0.0, peak: 0.0, measured: 0, missing: 0 };
        for samples in counting(reading) {
            let Some(samples) = samples else {
                usage.missing += 1;
                continue;
            };
            // Fresh, yet sampled more rarely than the window is long: the latest sample is all there is of now.
            let mean = samples.since(window_ms).map_or(samples.latest(), |young| young.mean()).max(0.0);
            usage.measured += 1;
            usage.peak = usage.peak.max(samples.max());
            usage.current = match parameters.aggregate() {
                Aggregate::Max => usage.current.max(mean),
                Aggregate::Mean => usage.current + (mean - usage.current) / f64::from(usage.measured),
            };
        }
        (usage.measured > 0).then_some(usage)
    }
}

/// The greatest share of periods in which an instance was throttled lately; `None` if not known of any.
pub(crate) fn worst_throttling(reading: &Reading<'_>) -> Option<f64> {
    counting(reading).flatten().map(|samples| samples.mean()).reduce(f64::max)
}

/// Fresh samples of every instance that counts.
fn counting<'s>(reading: &Reading<'s>) -> impl Iterator<Item = Option<Samples<'s>>> + use<'s> {
    reading.serving().map(|(_, fact)| Fact::fresh(fact))
}
