//! Times in which no reading comes.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::quantity::DurationMs;

/// Readings are absent for a while. Written `12:00+10m` or `12h+10m`: from so long after the trace's start, for so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Outage {
    /// After the start of the trace.
    pub after_ms: u64,
    /// For so long.
    pub length_ms: u64,
}

/// A text is no outage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no outage; write \"12:00+10m\": ten minutes from 12 hours after the trace's start")]
pub struct OutageError {
    text: String,
}

impl Outage {
    /// Whether it is on, so long after the start.
    #[must_use]
    pub fn covers(&self, after_ms: u64) -> bool {
        after_ms >= self.after_ms && after_ms - self.after_ms < self.length_ms
    }
}

impl FromStr for Outage {
    type Err = OutageError;

    fn from_str(text: &str) -> Result<Self, OutageError> {
        let read = || {
            let (after, length) = text.split_once('+')?;
            let DurationMs(length_ms) = length.trim().parse().ok()?;
            let after_ms = clock(after.trim()).or_else(|| after.trim().parse().ok().map(|DurationMs(ms)| ms))?;
            (length_ms > 0).then_some(Self { after_ms, length_ms })
        };
        read().ok_or_else(|| OutageError { text: text.chars().take(40).collect() })
    }
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", DurationMs(self.after_ms), DurationMs(self.length_ms))
    }
}

/// `12:00` as hours and minutes.
fn clock(text: &str) -> Option<u64> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 24 * 366 && minutes < 60).then(|| (hours * 60 + minutes) * 60_000)
}
