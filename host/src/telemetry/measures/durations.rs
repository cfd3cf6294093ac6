//! A histogram of times that is added to without a lock, also many at once.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// Buckets of every scale, the last of which takes whatever is longer.
const BUCKETS: usize = 16;

/// Upper bounds of the buckets, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Evaluations: from ten microseconds.
    Fine,
    /// Turns, requests, sources, disks: from half a millisecond.
    Coarse,
    /// Ages of readings: from a second.
    Age,
}

impl Scale {
    const fn bounds(self) -> [f64; BUCKETS - 1] {
        match self {
            Self::Fine => [1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.5, 5.0],
            Self::Coarse => [5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0],
            Self::Age => {
                [1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 86_400.0]
            }
        }
    }

    fn bucket(self, took: Duration) -> usize {
        let seconds = took.as_secs_f64();
        self.bounds().iter().position(|bound| seconds <= *bound).unwrap_or(BUCKETS - 1)
    }
}

/// Times that one turn counts by itself, to be added at once.
#[derive(Debug, Clone)]
pub struct Batch {
    scale: Scale,
    counts: [u64; BUCKETS],
    sum_ns: u64,
}

impl Batch {
    /// An empty one.
    #[must_use]
    pub fn new(scale: Scale) -> Self {
        Self { scale, counts: [0; BUCKETS], sum_ns: 0 }
    }

    /// Counts one.
    pub fn observe(&mut self, took: Duration) {
        if let Some(count) = self.counts.get_mut(self.scale.bucket(took)) {
            *count = count.saturating_add(1);
        }
        self.sum_ns = self.sum_ns.saturating_add(ns(took));
    }
}

/// The histogram. Copies are the same.
#[derive(Clone)]
pub(super) struct Durations(Arc<Inner>);

struct Inner {
    scale: Scale,
    counts: [AtomicU64; BUCKETS],
    sum_ns: AtomicU64,
}

impl Durations {
    pub(super) fn fine() -> Self {
        Self::new(Scale::Fine)
    }

    pub(super) fn coarse() -> Self {
        Self::new(Scale::Coarse)
    }

    pub(super) fn age() -> Self {
        Self::new(Scale::Age)
    }

    fn new(scale: Scale) -> Self {
        Self(Arc::new(Inner { scale, counts: std::array::from_fn(|_| AtomicU64::new(0)), sum_ns: AtomicU64::new(0) }))
    }

    pub(super) fn observe(&self, took: Duration) {
        if let Some(count) = self.0.counts.get(self.0.scale.bucket(took)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.0.sum_ns.fetch_add(ns(took), Ordering::Relaxed);
    }

    /// Adds all of a batch. One of another scale goes by this one's buckets, its times unknown: nobody does so.
    pub(super) fn add(&self, batch: &Batch) {
        debug_assert_eq!(batch.scale, self.0.scale);
        for (count, more) in self.0.counts.iter().zip(batch.counts) {
            if more > 0 {
                count.fetch_add(more, Ordering::Relaxed);
            }
        }
        self.0.sum_ns.fetch_add(batch.sum_ns, Ordering::Relaxed);
    }
}

fn ns(took: Duration) -> u64 {
    u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Durations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Durations").field("scale", &self.0.scale).finish_non_exhaustive()
    }
}

impl TypedMetric for Durations {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Durations {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let bounds = self.0.scale.bounds().into_iter().chain([f64::INFINITY]);
        let counts = self.0.counts.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        // Counted from the buckets themselves: somebody may be adding, and the two must agree.
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = Duration::from_nanos(self.0.sum_ns.load(Ordering::Relaxed)).as_secs_f64();
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}
