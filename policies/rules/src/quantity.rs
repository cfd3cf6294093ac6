//! Numbers with their units. By hand: the standard library's parser is exact for every float and costs a guest 20 KB; here a
//! number has at most 15 digits, for which one division is exact, too.

use std::time::Duration;

const DIGITS_MAX: u32 = 15;

/// `500`, `2.5`, `250m` (thousandths of a core: 250), `10k`, `512Mi`.
pub(crate) fn number(text: &str) -> Option<f64> {
    let (number, unit) = split(text)?;
    Some(number * scale(unit)?)
}

/// A number without a unit.
pub(crate) fn plain(text: &str) -> Option<f64> {
    split(text).filter(|(_, unit)| unit.is_empty()).map(|(number, _)| number)
}

/// A whole number without a unit.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a whole number of a u32")]
pub(crate) fn whole(text: &str) -> Option<u32> {
    let number = plain(text).filter(|_| !text.contains('.'))?;
    (number <= f64::from(u32::MAX)).then_some(number as u32)
}

/// `500ms`, `15s`, `2m`, `1h30m`, `1d`: 1 s to 1 d.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and a day is the most")]
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total_ms = 0.0;
    while !rest.is_empty() {
        let (number, unit_and_more) = split(rest)?;
        let length = unit_and_more.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, more) = unit_and_more.split_at_checked(length)?;
        let unit_ms = match unit {
            "ms" => 1.0,
            "s" => 1000.0,
            "m" => 60_000.0,
            "h" => 3_600_000.0,
            "d" => 86_400_000.0,
            _ => return None,
        };
        total_ms += number * unit_ms;
        rest = more;
    }
    (1000.0..=86_400_000.0).contains(&total_ms).then(|| Duration::from_millis(total_ms as u64))
}

fn scale(unit: &str) -> Option<f64> {
    Some(match unit {
        "" | "m" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        _ => return None,
    })
}

/// The number that a text begins with, and what follows it.
#[expect(clippy::cast_precision_loss, reason = "15 digits fit exactly")]
fn split(text: &str) -> Option<(f64, &str)> {
    let (mut mantissa, mut digits, mut divisor) = (0u64, 0u32, 1.0f64);
    let mut after_point = false;
    let mut end = text.len();
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                if digits > DIGITS_MAX {
                    return None;
                }
                mantissa = mantissa * 10 + u64::from(byte - b'0');
                if after_point {
                    divisor *= 10.0;
                }
            }
            b'.' if !after_point && digits > 0 => after_point = true,
            b'_' if digits > 0 => {}
            _ => {
                end = index;
                break;
            }
        }
    }
    (digits > 0).then(|| (mantissa as f64 / divisor, text.get(end..).unwrap_or_default()))
}
