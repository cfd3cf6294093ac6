//! The samples of one series, and what can be said of them.

use std::time::Duration;

use crate::needs::milliseconds;

/// Numeric samples of one series, oldest first; never empty. Borrowed from the snapshot's columns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Samples<'s> {
    times_ms: &'s [u64],
    values: &'s [f64],
    latest: (u64, f64),
}

impl<'s> Samples<'s> {
    /// `None` if there are none, or the columns differ in length.
    pub(crate) fn new(times_ms: &'s [u64], values: &'s [f64]) -> Option<Self> {
        let latest = (*times_ms.last()?, *values.last()?);
        (times_ms.len() == values.len()).then_some(Self { times_ms, values, latest })
    }

    /// The youngest sample.
    #[must_use]
    pub fn latest(&self) -> f64 {
        self.latest.1
    }

    /// When the youngest sample was taken, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn latest_ms(&self) -> u64 {
        self.latest.0
    }

    /// The arithmetic mean of all samples, each of the same weight.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }

    /// The greatest sample.
    #[must_use]
    pub fn max(&self) -> f64 {
        self.values.iter().copied().fold(self.latest(), f64::max)
    }

    /// The least sample.
    #[must_use]
    pub fn min(&self) -> f64 {
        self.values.iter().copied().fold(self.latest(), f64::min)
    }

    /// The sample below which a share of all lies (`0.95` for the 95th percentile), by linear interpolation between the
    /// two nearest ranks, as NumPy's default does. Shares below 0 and above 1 count as these.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length that fits")]
    pub fn percentile(&self, share: f64) -> f64 {
        let mut sorted = self.values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let rank = share.clamp(0.0, 1.0) * (sorted.len().saturating_sub(1)) as f64;
        let below = rank as usize;
        let low = sorted.get(below).copied().unwrap_or(self.latest());
        let high = sorted.get(below + 1).copied().unwrap_or(low);
        low + (high - low) * (rank - below as f64)
    }

    /// For a counter: its growth per second from the first sample to the last. A fall is a restart of the counter from
    /// zero, as Prometheus' `rate` reads it, without its extrapolation. `None` unless the samples span some time.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        let seconds = self.span_seconds()?;
        let growth: f64 = self
            .values
            .iter()
            .zip(self.values.iter().skip(1))
            .map(|(before, after)| if after < before { *after } else { after - before })
            .sum();
        Some(growth / seconds)
    }

    /// The change per second of the straight line that fits best (least squares). `None` unless the samples span some time.
    #[must_use]
    pub fn slope(&self) -> Option<f64> {
        self.span_seconds()?;
        let first_ms = *self.times_ms.first()?;
        let count = self.values.len() as f64;
        // Relative to the first sample: milliseconds since the epoch, squared, would lose the samples' distance.
        let seconds = |time_ms: u64| time_ms.saturating_sub(first_ms) as f64 / 1000.0;
        let mean_time = self.times_ms.iter().map(|time_ms| seconds(*time_ms)).sum::<f64>() / count;
        let mean_value = self.mean();
        let (mut product, mut square) = (0.0, 0.0);
        for (time_ms, value) in self.times_ms.iter().zip(self.values) {
            let distance = seconds(*time_ms) - mean_time;
            product += distance * (value - mean_value);
            square += distance * distance;
        }
        (square > 0.0).then(|| product / square)
    }

    /// The samples taken at `from_ms` or later; `None` if there are none. Combine with
    /// [`Snapshot::ago_ms`](crate::Snapshot::ago_ms) for the last minutes.
    #[must_use]
    pub fn since(&self, from_ms: u64) -> Option<Self> {
        let young = self.times_ms.iter().rev().take_while(|time_ms| **time_ms >= from_ms).count();
        let first = self.times_ms.len() - young;
        Self::new(self.times_ms.get(first..)?, self.values.get(first..)?)
    }

    /// How old the youngest sample is at `now_ms`; zero for one from the future.
    #[must_use]
    pub fn age(&self, now_ms: u64) -> Duration {
        Duration::from_millis(now_ms.saturating_sub(self.latest_ms()))
    }

    /// Whether the samples reach back over at least `span`.
    #[must_use]
    pub fn spans(&self, span: Duration) -> bool {
        let first_ms = self.times_ms.first().copied().unwrap_or(self.latest_ms());
        self.latest_ms().saturating_sub(first_ms) >= milliseconds(span)
    }

    /// Points in time (milliseconds since the Unix epoch) and values, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, f64)> + ExactSizeIterator + use<'s> {
        self.times_ms.iter().copied().zip(self.values.iter().copied())
    }

    /// The values alone, oldest first.
    #[must_use]
    pub fn values(&self) -> &'s [f64] {
        self.values
    }

    /// How many there are: at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Seconds from the first sample to the last; `None` if there is no time between them, or they are reversed.
    fn span_seconds(&self) -> Option<f64> {
        let span_ms = self.latest_ms().saturating_sub(*self.times_ms.first()?);
        (span_ms > 0).then(|| span_ms as f64 / 1000.0)
    }
}

/// Samples of one series of texts, oldest first; never empty: states to compare.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Texts<'s> {
    times_ms: &'s [u64],
    texts: &'s [String],
    latest: (u64, &'s str),
}

impl<'s> Texts<'s> {
    pub(crate) fn new(times_ms: &'s [u64], texts: &'s [String]) -> Option<Self> {
        let latest = (*times_ms.last()?, texts.last()?.as_str());
        (times_ms.len() == texts.len()).then_some(Self { times_ms, texts, latest })
    }

    /// The youngest text.
    #[must_use]
    pub fn latest(&self) -> &'s str {
        self.latest.1
    }

    /// When the youngest text was read, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn latest_ms(&self) -> u64 {
        self.latest.0
    }

    /// Points in time (milliseconds since the Unix epoch) and texts, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, &'s str)> + ExactSizeIterator + use<'s> {
        self.times_ms.iter().copied().zip(self.texts.iter().map(String::as_str))
    }
}
