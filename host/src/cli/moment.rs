//! Times on the command line.

use std::str::FromStr;

use anyhow::Result;

use super::Fail;
use crate::quantity::DurationMs;

/// A time: `2026-01-01T12:00:00Z`, or so long ago: `1h30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    At(jiff::Timestamp),
    Ago(DurationMs),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(span) = text.parse() {
            return Ok(Self::Ago(span));
        }
        let wants = "write \"1h\" for an hour ago, or \"2026-01-01T12:00:00Z\"";
        text.parse().map(Self::At).map_err(|_error| format!("{text:?} is no time; {wants}"))
    }
}

impl Moment {
    /// In milliseconds since the Unix epoch. Counted back from this machine's time, which the host's is taken to be.
    pub(super) fn ms(self) -> u64 {
        let ms = match self {
            Self::At(at) => at.as_millisecond(),
            Self::Ago(span) => {
                jiff::Timestamp::now().as_millisecond().saturating_sub(i64::try_from(span.0).unwrap_or(i64::MAX))
            }
        };
        u64::try_from(ms).unwrap_or(0)
    }
}

/// For how long something is to hold, as the API has it; a part of a second counts as a whole one.
pub(super) fn seconds(span: DurationMs) -> Result<u32> {
    let seconds = u32::try_from(span.0.div_ceil(1000)).ok().filter(|seconds| *seconds > 0);
    seconds.ok_or_else(|| Fail::usage(format!("{span} is no time to hold for; write \"1h\"")))
}
