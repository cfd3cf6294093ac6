//! Quantities as people write them: `"15s"`, `"250m"`, `"64Mi"`, `"50%"`.
//!
//! Each is a newtype over the unit that the host counts in, so that a text is turned into a number, and a number into a text, in
//! one place only. Limits belong to who asks: a week is long for a cooldown and short for records.

#[cfg(test)]
mod tests;

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

const SECOND_MS: u64 = 1000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// Why a text is not a quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// A number without a unit where one is needed.
    #[error("{text:?} has no unit; write {wants}")]
    NoUnit {
        /// The text.
        text: String,
        /// Examples of what would do.
        wants: &'static str,
    },
    /// A unit that does not exist here.
    #[error("{unit:?} in {text:?} is not a unit of {of}; write {wants}")]
    Unit {
        /// The text.
        text: String,
        /// The unit found.
        unit: String,
        /// What is measured.
        of: &'static str,
        /// Examples of what would do.
        wants: &'static str,
    },
    /// There is no number.
    #[error("{text:?} is not {of}; write {wants}")]
    Form {
        /// The text.
        text: String,
        /// What was wanted.
        of: &'static str,
        /// Examples of what would do.
        wants: &'static str,
    },
    /// It does not fit.
    #[error("{text:?} is too large for {of}")]
    TooLarge {
        /// The text.
        text: String,
        /// What was wanted.
        of: &'static str,
    },
}

/// A span of time in milliseconds: `"500ms"`, `"15s"`, `"1h30m"`, `"2d"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DurationMs(pub u64);

/// CPU in thousandths of a core: `"100m"`, `"2"`, `"1.5"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CpuMillis(pub u64);

/// Memory in bytes: `"64Mi"`, `"1Gi"`, `"512M"`, `"1.5Gi"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemoryBytes(pub u64);

/// A part of a whole, 1.0 being all of it: `"50%"`, `"0.5"`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Share(pub f64);

const DURATION: &str = "a duration";
const DURATION_WANTS: &str = "\"500ms\", \"15s\", \"2m\", \"1h30m\" or \"7d\"";
const CPU: &str = "an amount of CPU";
const CPU_WANTS: &str = "\"100m\" for a tenth of a core, \"2\" or \"1.5\"";
const MEMORY: &str = "an amount of memory";
const MEMORY_WANTS: &str = "\"64Mi\", \"1Gi\" or \"512M\"";
const SHARE: &str = "a share";
const SHARE_WANTS: &str = "\"50%\" or 0.5";

impl DurationMs {
    /// As the standard library has it.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }

    /// From ten seconds on to whole ones: what a person needs of a time that has passed or is left.
    #[must_use]
    pub fn rounded(self) -> Self {
        if self.0 < 10 * SECOND_MS { self } else { Self(self.0.saturating_add(SECOND_MS / 2) / SECOND_MS * SECOND_MS) }
    }

    /// So many milliseconds, to the nearest whole one; what no duration can be is the longest.
    #[must_use]
    pub fn nearest(ms: f64) -> Self {
        Self(whole(ms).unwrap_or(u64::MAX))
    }
}

impl MemoryBytes {
    /// From ten mebibytes on to whole ones, and below to kibibytes: what a person needs of what is in use.
    #[must_use]
    pub fn rounded(self) -> Self {
        let unit_bytes = if self.0 < 10 << 20 { 1 << 10 } else { 1 << 20 };
        Self(self.0.saturating_add(unit_bytes / 2) / unit_bytes * unit_bytes)
    }
}

impl FromStr for DurationMs {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let form = || QuantityError::Form { text: text.to_owned(), of: DURATION, wants: DURATION_WANTS };
        let large = || QuantityError::TooLarge { text: text.to_owned(), of: DURATION };
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(form());
        }
        let mut total = 0_u64;
        while !rest.is_empty() {
            let (digits, tail) = split_while(rest, |c| c.is_ascii_digit());
            if digits.is_empty() {
                return Err(form());
            }
            let (unit, tail) = split_while(tail, |c| !c.is_ascii_digit());
            let unit_ms = match unit.trim() {
                "ms" => 1,
                "s" => SECOND_MS,
                "m" => MINUTE_MS,
                "h" => HOUR_MS,
                "d" => DAY_MS,
                "" => return Err(QuantityError::NoUnit { text: text.to_owned(), wants: DURATION_WANTS }),
                unit => return Err(wrong_unit(text, unit, DURATION, DURATION_WANTS)),
            };
            let number: u64 = digits.parse().map_err(|_| large())?;
            total = number.checked_mul(unit_ms).and_then(|ms| total.checked_add(ms)).ok_or_else(large)?;
            rest = tail;
        }
        Ok(Self(total))
    }
}

impl FromStr for CpuMillis {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let (number, unit) = number_and_unit(text, CPU, CPU_WANTS)?;
        let millis = match unit {
            "m" => number,
            "" => number * 1000.0,
            _ => return Err(wrong_unit(text, unit, CPU, CPU_WANTS)),
        };
        whole(millis).map(Self).ok_or_else(|| QuantityError::TooLarge { text: text.to_owned(), of: CPU })
    }
}

impl FromStr for MemoryBytes {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let (number, unit) = number_and_unit(text, MEMORY, MEMORY_WANTS)?;
        let unit_bytes = match unit {
            "" | "B" => 1.0,
            "k" | "K" | "kB" | "KB" => 1e3,
            "M" | "MB" => 1e6,
            "G" | "GB" => 1e9,
            "T" | "TB" => 1e12,
            "Ki" | "KiB" => 1024.0,
            "Mi" | "MiB" => 1024.0 * 1024.0,
            "Gi" | "GiB" => 1024.0 * 1024.0 * 1024.0,
            "Ti" | "TiB" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
            _ => return Err(wrong_unit(text, unit, MEMORY, MEMORY_WANTS)),
        };
        whole(number * unit_bytes)
            .map(Self)
            .ok_or_else(|| QuantityError::TooLarge { text: text.to_owned(), of: MEMORY })
    }
}

impl FromStr for Share {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let (number, unit) = number_and_unit(text, SHARE, SHARE_WANTS)?;
        match unit {
            "" => Ok(Self(number)),
            "%" => Ok(Self(number / 100.0)),
            _ => Err(wrong_unit(text, unit, SHARE, SHARE_WANTS)),
        }
    }
}

impl fmt::Display for DurationMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (unit_ms, unit) in [(DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "m"), (SECOND_MS, "s"), (1, "ms")] {
            if rest >= unit_ms {
                write!(f, "{}{unit}", rest / unit_ms)?;
                rest %= unit_ms;
            }
        }
        Ok(())
    }
}

impl fmt::Display for CpuMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(1000) { write!(f, "{}", self.0 / 1000) } else { write!(f, "{}m", self.0) }
    }
}

impl fmt::Display for MemoryBytes {
    /// Exact: the largest binary unit that divides it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit_bytes, unit) in [(1_u64 << 40, "Ti"), (1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki")] {
            if self.0 >= unit_bytes && self.0.is_multiple_of(unit_bytes) {
                return write!(f, "{}{unit}", self.0 / unit_bytes);
            }
        }
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Six decimals hide what binary fractions do to a number like 0.07, and lose nothing that people write.
        write!(f, "{}%", (self.0 * 100.0 * 1e6).round() / 1e6)
    }
}

macro_rules! through_text {
    ($($quantity:ty: $of:expr, $wants:expr);*) => {$(
        impl Serialize for $quantity {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $quantity {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Written { wanted: ($of, $wants), quantity: PhantomData })
            }
        }
    )*};
}

through_text!(
    DurationMs: DURATION, DURATION_WANTS;
    CpuMillis: CPU, CPU_WANTS;
    MemoryBytes: MEMORY, MEMORY_WANTS;
    Share: SHARE, SHARE_WANTS
);

/// Takes a text, or a bare number as the text of its digits: `2` cores are `"2"`, and 15 has no unit as `"15"` has none.
struct Written<Q> {
    wanted: (&'static str, &'static str),
    quantity: PhantomData<Q>,
}

impl<Q: FromStr<Err = QuantityError>> Visitor<'_> for Written<Q> {
    type Value = Q;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} such as {}", self.wanted.0, self.wanted.1)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Q, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Q, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Q, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Q, E> {
        self.visit_str(&number.to_string())
    }
}

/// Splits `"1.5Gi"` into 1.5 and `Gi`. The number is finite and not negative.
fn number_and_unit<'t>(text: &'t str, of: &'static str, wants: &'static str) -> Result<(f64, &'t str), QuantityError> {
    let (digits, unit) = split_while(text.trim(), |c| c.is_ascii_digit() || c == '.');
    let number = digits.parse::<f64>().ok().filter(|number| number.is_finite());
    let number = number.ok_or_else(|| QuantityError::Form { text: text.to_owned(), of, wants })?;
    Ok((number, unit.trim()))
}

fn wrong_unit(text: &str, unit: &str, of: &'static str, wants: &'static str) -> QuantityError {
    QuantityError::Unit { text: text.to_owned(), unit: unit.to_owned(), of, wants }
}

fn split_while(text: &str, keep: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !keep(c)).unwrap_or(text.len());
    text.split_at(end)
}

/// The nearest whole number, where it is exact in an `f64`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked on the line before")]
fn whole(number: f64) -> Option<u64> {
    let rounded = number.round();
    (0.0..=9_007_199_254_740_992.0).contains(&rounded).then_some(rounded as u64)
}
