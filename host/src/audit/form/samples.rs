//! Series of samples: a change keeps the samples that are new and how many old ones left.

use super::bytes::{Reader, Short, Sink};
use crate::snapshot::{Reading, Samples};

/// What is kept of the last turn's series: 16 bytes a sample and 4 a series.
#[derive(Debug, Default)]
pub(super) struct Series {
    ends: Vec<u32>,
    times_ms: Vec<u64>,
    values: Vec<f64>,
}

/// First number of a series: all of it follows; or so many are new, and as many (or another number of) old ones left.
const ALL: u64 = 0;
const AS_MANY_LEFT: u64 = 1;
const LEFT: u64 = 2;

impl Series {
    /// Writes the numbers of each reading. (Texts stay with the record's text.)
    pub(super) fn write(&mut self, readings: &[Reading], whole: bool, elapsed_ms: u64, body: &mut Vec<u8>) {
        let mut next = Self {
            ends: Vec::with_capacity(readings.len()),
            times_ms: Vec::with_capacity(self.times_ms.len()),
            values: Vec::with_capacity(self.values.len()),
        };
        let mut start = 0;
        for (at, reading) in readings.iter().enumerate() {
            let end = self.ends.get(at).map_or(start, |end| *end as usize);
            let (times_ms, values) = numbers(&reading.samples);
            let old =
                (self.times_ms.get(start..end).unwrap_or_default(), self.values.get(start..end).unwrap_or_default());
            write_one(if whole { (&[], &[]) } else { old }, (times_ms, values), elapsed_ms, body);
            next.times_ms.extend_from_slice(times_ms);
            next.values.extend_from_slice(values);
            next.ends.push(u32::try_from(next.times_ms.len()).unwrap_or(u32::MAX));
            start = end;
        }
        *self = next;
    }
}

/// Fills the numbers of each reading, given those of the turn before.
pub(super) fn read(
    body: &mut Reader<'_>,
    readings: &mut [Reading],
    last: Option<&[Reading]>,
    elapsed_ms: u64,
) -> Result<(), Short> {
    for (at, reading) in readings.iter_mut().enumerate() {
        let old = last.and_then(|last| last.get(at)).map_or((&[][..], &[][..]), |reading| numbers(&reading.samples));
        let (times_ms, values) = read_one(body, old, elapsed_ms)?;
        if matches!(reading.samples, Samples::Numbers { .. }) {
            reading.samples = Samples::Numbers { times_ms, values };
        }
    }
    Ok(())
}

type Slices<'a> = (&'a [u64], &'a [f64]);

fn numbers(samples: &Samples) -> Slices<'_> {
    match samples {
        Samples::Numbers { times_ms, values } => {
            // Of one length by their own rule; a longer one's rest could not be read back in its place.
            let length = times_ms.len().min(values.len());
            (times_ms.get(..length).unwrap_or_default(), values.get(..length).unwrap_or_default())
        }
        Samples::Texts { .. } => (&[], &[]),
    }
}

fn write_one(old: Slices<'_>, new: Slices<'_>, elapsed_ms: u64, body: &mut Vec<u8>) {
    let kept = overlap(old, new);
    let (left, fresh) = (old.0.len() - kept, new.0.len() - kept);
    if kept == 0 && old.0.len() != fresh {
        body.number(ALL);
        body.number(fresh as u64);
    } else if left == fresh {
        body.number((fresh as u64) << 2 | AS_MANY_LEFT);
    } else {
        body.number((fresh as u64) << 2 | LEFT);
        body.number(left as u64);
    }
    let mut guess = Guess::after(old, elapsed_ms);
    for (time_ms, value) in new.0.iter().zip(new.1).skip(kept) {
        body.signed(time_ms.wrapping_sub(guess.time_ms()).cast_signed());
        write_value(guess.value, *value, body);
        guess.next(*time_ms, *value);
    }
}

fn read_one(body: &mut Reader<'_>, old: Slices<'_>, elapsed_ms: u64) -> Result<(Vec<u64>, Vec<f64>), Short> {
    let head = body.number()?;
    let (fresh, left) = match head & 3 {
        ALL => (body.number()?, old.0.len()),
        AS_MANY_LEFT => (head >> 2, usize::try_from(head >> 2).unwrap_or(usize::MAX)),
        LEFT => (head >> 2, usize::try_from(body.number()?).unwrap_or(usize::MAX)),
        _ => return Err(Short("a series in it is in a form that this trimtab does not know")),
    };
    const GONE: Short = Short("samples that it builds on are not there");
    let mut times_ms = old.0.get(left..).ok_or(GONE)?.to_vec();
    let mut values = old.1.get(left..).ok_or(GONE)?.to_vec();
    if fresh > body.rest().len() as u64 {
        return Err(Short("it ends too early"));
    }
    let mut guess = Guess::after(old, elapsed_ms);
    for _ in 0..fresh {
        let time_ms = guess.time_ms().wrapping_add(body.signed()?.cast_unsigned());
        let value = read_value(guess.value, body)?;
        times_ms.push(time_ms);
        values.push(value);
        guess.next(time_ms, value);
    }
    Ok((times_ms, values))
}

/// How many samples at the end of `old` stand at the beginning of `new`, to the bit.
fn overlap(old: Slices<'_>, new: Slices<'_>) -> usize {
    let Some(first) = new.0.first() else { return 0 };
    let from = old.0.partition_point(|time| time < first);
    let kept = (old.0.get(from..).unwrap_or_default(), old.1.get(from..).unwrap_or_default());
    let length = kept.0.len();
    let same = |(a, b): (&f64, &f64)| a.to_bits() == b.to_bits();
    match (new.0.get(..length), new.1.get(..length)) {
        (Some(times), Some(values)) if times == kept.0 && values.iter().zip(kept.1).all(same) => length,
        _ => 0,
    }
}

/// What the next sample would be if all went on evenly.
struct Guess {
    last_ms: u64,
    step_ms: u64,
    value: f64,
}

impl Guess {
    fn after(old: Slices<'_>, elapsed_ms: u64) -> Self {
        let mut newest = old.0.iter().rev();
        let last_ms = newest.next().copied().unwrap_or(0);
        let step_ms = newest.next().map_or(elapsed_ms, |before| last_ms.wrapping_sub(*before));
        Self { last_ms, step_ms, value: old.1.last().copied().unwrap_or(0.0) }
    }

    fn time_ms(&self) -> u64 {
        self.last_ms.wrapping_add(self.step_ms)
    }

    fn next(&mut self, time_ms: u64, value: f64) {
        self.step_ms = time_ms.wrapping_sub(self.last_ms);
        self.last_ms = time_ms;
        self.value = value;
    }
}

/// Powers of ten that measurements are often rounded to.
const SCALES: [f64; 4] = [1.0, 10.0, 100.0, 10_000.0];

/// Scaled values of which sums stay exact.
const SCALED_MAX: f64 = (1_u64 << 50) as f64;

/// First byte of a value: 0 to 3, by how much it grew in steps of `SCALES`; from 64 on, the bits that differ from the last
/// one's, without the zero bytes before (0 to 8, times 8) and after them (0 to 7).
fn write_value(last: f64, value: f64, body: &mut Vec<u8>) {
    for (code, scale) in (0..).zip(SCALES) {
        if let Some(number) = scaled(value, scale) {
            body.push(code);
            body.signed(number - scaled(last, scale).unwrap_or(0));
            return;
        }
    }
    let differs = (last.to_bits() ^ value.to_bits()).to_be_bytes();
    let before = differs.iter().take_while(|byte| **byte == 0).count();
    let after = differs.iter().skip(before).rev().take_while(|byte| **byte == 0).count();
    #[expect(clippy::cast_possible_truncation, reason = "at most 8 and 7")]
    body.push(64 + (before * 8 + after) as u8);
    body.extend_from_slice(differs.get(before..8 - after).unwrap_or_default());
}

fn read_value(last: f64, body: &mut Reader<'_>) -> Result<f64, Short> {
    const WRONG: Short = Short("a value in it is in a form that this trimtab does not know");
    let code = body.byte()?;
    if let Some(scale) = SCALES.get(usize::from(code)) {
        let number = scaled(last, *scale).unwrap_or(0).wrapping_add(body.signed()?);
        #[expect(clippy::cast_precision_loss, reason = "no number above 2^50 is written so")]
        return Ok(number as f64 / scale);
    }
    let zeros = usize::from(code.checked_sub(64).ok_or(WRONG)?);
    let (before, after) = (zeros / 8, zeros % 8);
    let length = 8_usize.checked_sub(before + after).ok_or(WRONG)?;
    let mut differs = [0; 8];
    differs.get_mut(before..before + length).ok_or(WRONG)?.copy_from_slice(body.take(length)?);
    Ok(f64::from_bits(last.to_bits() ^ u64::from_be_bytes(differs)))
}

/// The value in steps of `1 / scale`, if that tells it to the bit (a negative zero is not told).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "checked against the bound and the bits"
)]
fn scaled(value: f64, scale: f64) -> Option<i64> {
    let steps = (value * scale).round_ties_even();
    if steps.abs() >= SCALED_MAX {
        return None;
    }
    let number = steps as i64;
    (steps.is_finite() && (number as f64 / scale).to_bits() == value.to_bits()).then_some(number)
}
