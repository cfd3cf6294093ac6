//! The distribution of what was used: exponential buckets, in which a sample loses half of its weight with each half-life.
//! After `util/histogram.go`, `histogram_options.go` and `decaying_histogram.go` of the VPA's recommender.
//!
//! Weights are exact and kept only for buckets that have some: 9 bytes each. Rounding them to a few bits, as the VPA's
//! checkpoints do, would lose a new sample beside the weight of days.

use trimtab_sdk::Stored;
use trimtab_sdk::memory::Reader;

/// Each bucket is wider than the one before by a twentieth.
const RATIO: f64 = 1.05;
/// ⌈log₁.₀₅(100,000 × 0.05 + 1)⌉ + 1: the last begins at or above a hundred thousand first buckets, which is 1000 cores
/// and 1 TB.
pub(crate) const BUCKETS: usize = 176;
/// A bucket of less is empty. One sample weighs 1, and so is forgotten after ten half-lives.
const EPSILON: f64 = 0.001;
/// A half-life is divided into so many parts, within which samples weigh the same: off by 0.07 % at most, and most samples
/// of a turn need no exponential of their own.
const PARTS: i64 = 1024;
/// A sample further than so many half-lives from the reference has no weight, or has it without end.
const HALF_LIVES_MAX: i64 = 64;
/// Some 300 years, and a half-life of a minute has long passed.
const DISTANCE_MS_MAX: u64 = 10_000_000_000_000;

/// Where the buckets begin.
#[derive(Debug)]
pub(crate) struct Scheme {
    starts: Vec<f64>,
}

impl Scheme {
    /// `first` is the width of the first bucket: bucket n begins at first × (1.05ⁿ − 1) / 0.05.
    pub(crate) fn new(first: f64) -> Self {
        let next = |start: &f64| Some(start * RATIO + first);
        Self { starts: std::iter::successors(Some(0.0), next).take(BUCKETS).collect() }
    }

    fn bucket(&self, value: f64) -> u8 {
        let begun = self.starts.partition_point(|start| *start <= value);
        u8::try_from(begun.saturating_sub(1)).unwrap_or(u8::MAX)
    }

    /// The last has no end: its start stands for it.
    fn end(&self, bucket: u8) -> f64 {
        let bucket = usize::from(bucket);
        self.starts.get(bucket + 1).or_else(|| self.starts.last()).copied().unwrap_or(0.0)
    }
}

/// The weight of samples by their age.
#[derive(Debug)]
pub(crate) struct Decay {
    reference_ms: u64,
    half_life_ms: i64,
    latest: (i64, f64),
}

impl Decay {
    /// 2^((at − reference) / half-life). For points in time whose distance is whole half-lives, weights differ by exact
    /// powers of two.
    #[inline(never)]
    pub(crate) fn weight(&mut self, at_ms: u64) -> f64 {
        // A longer distance has no weight at all, and its parts would not fit.
        let distance_ms = |later: u64, earlier: u64| i64::try_from((later - earlier).min(DISTANCE_MS_MAX)).unwrap_or(0);
        let distance_ms = if at_ms < self.reference_ms {
            -distance_ms(self.reference_ms, at_ms)
        } else {
            distance_ms(at_ms, self.reference_ms)
        };
        let parts =
            (distance_ms * PARTS).div_euclid(self.half_life_ms).clamp(-PARTS * HALF_LIVES_MAX, PARTS * HALF_LIVES_MAX);
        if parts != self.latest.0 {
            let whole = i32::try_from(parts.div_euclid(PARTS)).unwrap_or(0);
            let part = parts.rem_euclid(PARTS) as f64 / PARTS as f64;
            self.latest = (parts, part.exp2() * 2.0_f64.powi(whole));
        }
        self.latest.1
    }
}

/// Weights by bucket.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Histogram {
    /// A sample taken then weighs 1.
    reference_ms: u64,
    /// By rising bucket; none is empty.
    weights: Vec<(u8, f64)>,
}

impl Histogram {
    /// Lets `now` come: the reference moves on by whole half-lives, so that weights stay numbers of a size with which one can
    /// reckon, and what has become too light is forgotten.
    pub(crate) fn advance(&mut self, now_ms: u64, half_life_ms: u64) -> Decay {
        let half_life_ms = half_life_ms.max(1);
        let passed = now_ms.saturating_sub(self.reference_ms) / half_life_ms;
        if self.weights.is_empty() {
            self.reference_ms = now_ms;
        } else if passed > 0 {
            // Beyond a thousand halvings nothing is left of any float.
            let scale = 2.0_f64.powi(-i32::try_from(passed.min(1000)).unwrap_or(1000));
            self.weights.iter_mut().for_each(|(_, weight)| *weight *= scale);
            self.weights.retain(|(_, weight)| *weight >= EPSILON);
            self.reference_ms += passed * half_life_ms;
        }
        let half_life_ms = i64::try_from(half_life_ms).unwrap_or(i64::MAX);
        Decay { reference_ms: self.reference_ms, half_life_ms, latest: (0, 1.0) }
    }

    #[inline(never)]
    pub(crate) fn add(&mut self, scheme: &Scheme, value: f64, weight: f64) {
        let bucket = scheme.bucket(value);
        match self.weights.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => self.weights.iter_mut().skip(at).take(1).for_each(|(_, sum)| *sum += weight),
            Err(at) => self.weights.insert(at, (bucket, weight)),
        }
    }

    /// Takes back what was added.
    #[inline(never)]
    pub(crate) fn take(&mut self, scheme: &Scheme, value: f64, weight: f64) {
        let bucket = scheme.bucket(value);
        if let Some((_, sum)) = self.weights.iter_mut().find(|(other, _)| *other == bucket) {
            *sum -= weight;
        }
        self.weights.retain(|(_, weight)| *weight >= EPSILON);
    }

    /// The end of the bucket below which a share of all weight lies; `None` if there is no weight.
    pub(crate) fn percentile(&self, scheme: &Scheme, share: f64) -> Option<f64> {
        let threshold = share * self.weights.iter().map(|(_, weight)| weight).sum::<f64>();
        let mut sum = 0.0;
        let reached = self.weights.iter().find(|(_, weight)| {
            sum += weight;
            sum >= threshold
        });
        reached.or(self.weights.last()).map(|(bucket, _)| scheme.end(*bucket))
    }
}

impl Stored for Histogram {
    fn store(&self, out: &mut Vec<u8>) {
        self.reference_ms.store(out);
        self.weights.store(out);
    }

    fn fetch(bytes: &mut Reader<'_>) -> Option<Self> {
        let one = Self { reference_ms: u64::fetch(bytes)?, weights: Vec::fetch(bytes)? };
        let rises = one.weights.is_sorted_by(|(bucket, _), (next, _)| bucket < next);
        let fits = one
            .weights
            .iter()
            .all(|(bucket, weight)| usize::from(*bucket) < BUCKETS && weight.is_finite() && *weight > 0.0);
        (rises && fits).then_some(one)
    }
}

#[cfg(test)]
mod tests;
