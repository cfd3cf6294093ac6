//! Durations, sizes and shares of a core as operators write them: `10s`, `64Mi`, `100m`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Longest duration that makes sense here: one week.
const SPAN_MS_MAX: f64 = 7.0 * 24.0 * 3_600_000.0;
/// Largest size: one pebibyte.
const SIZE_BYTES_MAX: f64 = 1_125_899_906_842_624.0;
/// Most cores, in thousandths.
const CPU_MILLIS_MAX: f64 = 10_000_000.0;

/// What is wrong with an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {wanted}")]
pub struct UnitError {
    text: String,
    wanted: &'static str,
}

/// A duration: `500ms`, `10s`, `2m`, `1h`, `1d`. At most a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(u64);

impl Span {
    /// So many milliseconds.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// In milliseconds.
    #[must_use]
    pub fn ms(self) -> u64 {
        self.0
    }

    /// As the standard library has it.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

/// A number of bytes: `1024`, `64Ki`, `100M`, `1.5Gi`. At most a pebibyte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size(u64);

impl Size {
    /// So many bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// In bytes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.0
    }
}

/// A share of a core: `100m` (thousandths), `2`, `0.5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cores(u64);

impl Cores {
    /// So many thousandths of a core.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// In thousandths of a core.
    #[must_use]
    pub fn millis(self) -> u64 {
        self.0
    }
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        const UNITS: &[(&str, f64)] =
            &[("ms", 1.0), ("s", 1_000.0), ("m", 60_000.0), ("h", 3_600_000.0), ("d", 86_400_000.0)];
        amount(text, UNITS, SPAN_MS_MAX, "a duration such as 500ms, 10s, 2m or 1h, at most a week").map(Self)
    }
}

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        const UNITS: &[(&str, f64)] = &[
            ("Ki", 1_024.0),
            ("Mi", 1_048_576.0),
            ("Gi", 1_073_741_824.0),
            ("Ti", 1_099_511_627_776.0),
            ("k", 1e3),
            ("M", 1e6),
            ("G", 1e9),
            ("T", 1e12),
            ("", 1.0),
        ];
        amount(text, UNITS, SIZE_BYTES_MAX, "a size such as 1024, 64Mi or 1Gi").map(Self)
    }
}

impl FromStr for Cores {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        amount(text, &[("m", 1.0), ("", 1_000.0)], CPU_MILLIS_MAX, "a share of a core such as 100m, 0.5 or 2").map(Self)
    }
}

/// Reads a number followed by one of these units; the result is in the units' base, rounded.
fn amount(text: &str, units: &[(&str, f64)], most: f64, wanted: &'static str) -> Result<u64, UnitError> {
    let error = || UnitError { text: text.to_owned(), wanted };
    let digits_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits_end);
    let number: f64 = number.parse().map_err(|_| error())?;
    let factor = units.iter().find(|(name, _)| *name == unit).ok_or_else(error)?.1;
    let value = (number * factor).round();
    if !value.is_finite() || value < 0.0 || value > most {
        return Err(error());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0..=most, which fits")]
    Ok(value as u64)
}

macro_rules! text_forms {
    ($name:ident, $format:expr) => {
        impl TryFrom<String> for $name {
            type Error = UnitError;

            fn try_from(text: String) -> Result<Self, UnitError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, $format, self.0)
            }
        }
    };
}

text_forms!(Span, "{}ms");
text_forms!(Size, "{}");
text_forms!(Cores, "{}m");
