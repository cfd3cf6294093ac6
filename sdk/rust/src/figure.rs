//! Numbers for people, and the step from a measurement to a count.

use std::fmt;

/// Shows a measurement with at most three decimals: `412.5`, `0.667`, `-3`.
///
/// The standard library's float formatting is exact for every float and costs a guest about 20 KB; reasons and notes need
/// neither. Not-a-number shows as `nan`, what is beyond ±9·10¹⁵ as a rounded power of ten.
///
/// ```
/// use trimtab_sdk::figure;
/// assert_eq!(format!("{} of {}", figure(412.5), figure(2.0 / 3.0)), "412.5 of 0.667");
/// ```
#[must_use]
pub fn figure(value: f64) -> Figure {
    Figure(value)
}

/// See [`figure`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure(f64);

impl fmt::Display for Figure {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be below 2^53")]
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.abs();
        if magnitude.is_nan() {
            return out.write_str("nan");
        }
        if self.0 < 0.0 && magnitude >= 0.0005 {
            out.write_str("-")?;
        }
        if magnitude.is_infinite() {
            return out.write_str("inf");
        }
        if magnitude >= 9.0e15 {
            return power_of_ten(magnitude, out);
        }
        // Whole and thousandths apart: the product of all of it by a thousand would leave the range of exact integers.
        let whole = magnitude as u64;
        let thousandths = ((magnitude - whole as f64) * 1000.0 + 0.5) as u64;
        let (whole, thousandths) = (whole + thousandths / 1000, thousandths % 1000);
        if thousandths == 0 {
            write!(out, "{whole}")
        } else if thousandths.is_multiple_of(100) {
            write!(out, "{whole}.{}", thousandths / 100)
        } else if thousandths.is_multiple_of(10) {
            write!(out, "{whole}.{:02}", thousandths / 10)
        } else {
            write!(out, "{whole}.{thousandths:03}")
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 10 and 100 after the loop")]
fn power_of_ten(mut magnitude: f64, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut exponent = 1;
    while magnitude >= 100.0 {
        magnitude /= 10.0;
        exponent += 1;
    }
    let digits = magnitude as u64;
    write!(out, "{}.{}e{exponent}", digits / 10, digits % 10)
}

/// The count of replicas for a wish in fractions of replicas: rounded up, at least 0, at most `u32::MAX`; 0 for
/// not-a-number.
///
/// A billionth part is forgiven before rounding up: `1.1 / 0.1` is 11.000000000000002 in floating point, and a twelfth
/// replica for an error in the last bit would be nobody's wish.
///
/// ```
/// use trimtab_sdk::replicas;
/// assert_eq!(replicas(412.0 / 100.0), 5);
/// assert_eq!(replicas(1.1 / 0.1), 11);
/// assert_eq!(replicas(-3.0), 0);
/// ```
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, which is what is promised"
)]
pub fn replicas(wish: f64) -> u32 {
    // Beyond any count, yet finite: the forgiven part of an infinite wish would make it no number.
    let wish = wish.clamp(0.0, 1e12);
    (wish - wish.max(1.0) * 1e-9).ceil() as u32
}

#[cfg(test)]
mod tests;
