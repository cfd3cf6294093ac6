//! The price list as people write it: `small: 1 cpu 2Gi 0.02`, or `small: 0.02` for a size that the backend knows.

use trimtab_sdk::Refusal;

use crate::offer::Size;

/// Most entries of the list.
const PRICES_MAX: usize = 64;
/// Digits that a figure may have: all of them are exact in a float.
const DIGITS_MAX: usize = 15;

/// One entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Price<'p> {
    pub(crate) name: &'p str,
    /// `None`: the backend knows it.
    pub(crate) size: Option<Size>,
    /// Of one replica for one hour.
    pub(crate) per_hour: f64,
}

/// The list, in its order.
///
/// # Errors
/// `parameter-wrong`, quoting the entry that is not understood or comes twice.
pub(crate) fn read(entries: &[String]) -> Result<Vec<Price<'_>>, Refusal> {
    if entries.len() > PRICES_MAX {
        let text = format!("`prices` has {} entries; at most {PRICES_MAX} are compared", entries.len());
        return Err(Refusal::parameter_wrong(text));
    }
    let mut prices: Vec<Price<'_>> = Vec::with_capacity(entries.len());
    for entry in entries {
        let price = price(entry).ok_or_else(|| {
            let text = format!("`prices`: `{entry}` is not of the form `small: 1 cpu 2Gi 0.02` or `small: 0.02`");
            Refusal::parameter_wrong(text)
        })?;
        if prices.iter().any(|other| other.name == price.name) {
            return Err(Refusal::parameter_wrong(format!("`prices`: `{}` comes twice", price.name)));
        }
        prices.push(price);
    }
    Ok(prices)
}

fn price(entry: &str) -> Option<Price<'_>> {
    let (name, rest) = entry.split_once(':')?;
    let name = name.trim();
    let mut words = rest.split_whitespace();
    let mut last = words.next_back().and_then(decimal).filter(|price| *price > 0.0);
    let size = match words.next() {
        None => None,
        Some(cpu) => {
            let memory = words.next().filter(|word| *word != "cpu").or_else(|| words.next())?;
            let size = Size { cpu_millis: millis(cpu)?, memory_bytes: bytes(memory)? };
            last = last.filter(|_| words.next().is_none() && size.cpu_millis > 0 && size.memory_bytes > 0);
            Some(size)
        }
    };
    (!name.is_empty()).then_some(Price { name, size, per_hour: last? })
}

/// `1`, `0.5` cores or `500m`, in thousandths of a core.
fn millis(text: &str) -> Option<u64> {
    match text.strip_suffix('m') {
        Some(millis) => whole(decimal(millis)?),
        None => whole(decimal(text)? * 1000.0),
    }
}

/// `512Mi`, `2Gi`, in bytes.
fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let shift = match unit {
        "Ki" => 10,
        "Mi" => 20,
        "Gi" => 30,
        "Ti" => 40,
        _ => return None,
    };
    whole(decimal(number)? * (1u64 << shift) as f64)
}

/// Digits with at most one point. The standard library's parser reads more than that, and is 15 KB larger.
fn decimal(text: &str) -> Option<f64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = whole.len() + part.len();
    if whole.is_empty() || digits > DIGITS_MAX {
        return None;
    }
    let mut number = 0u64;
    for digit in whole.bytes().chain(part.bytes()) {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number * 10 + u64::from(digit - b'0');
    }
    let scale = part.bytes().fold(1u64, |scale, _| scale * 10);
    Some(number as f64 / scale as f64)
}

/// Rounded to a whole number; `None` above what is ever sold.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and what is out of range is not given"
)]
fn whole(number: f64) -> Option<u64> {
    (number <= 9e15).then_some((number + 0.5) as u64)
}
