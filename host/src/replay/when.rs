//! Times as people give them.

use crate::quantity::DurationMs;

/// In milliseconds since the Unix epoch: `1h30m` ago, or `2026-01-01T12:00:00Z`; `None`: it is neither.
#[must_use]
pub fn when(text: &str, now_ms: u64) -> Option<u64> {
    if let Ok(DurationMs(ago_ms)) = text.parse() {
        return Some(now_ms.saturating_sub(ago_ms));
    }
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(u64::try_from(at.as_millisecond()).unwrap_or(0))
}
