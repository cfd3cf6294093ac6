//! A text as its numbers: from turn to turn the words of a record stay and its numbers change.
//!
//! A number is `-?digits(.digits)?([eE][+-]?digits)?` wherever it stands, also within a name; all else is words. A change
//! counts only if the words are the same, which a hash tells (64 bits, keyed by the process: two texts that share a hash by
//! chance come once in 10^19).

use std::hash::{BuildHasher, Hasher, RandomState};

use super::Packer;
use super::bytes::{Reader, Short, Sink};

/// What is kept of the last text.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    words: u64,
    /// The numbers, one after another, and where each ends.
    digits: Vec<u8>,
    ends: Vec<u32>,
}

/// How a number that changed is written: by how much it grew, or its characters two to a byte.
const GREW: u64 = 0;
const SPELT: u64 = 1;

/// The characters of numbers; the last stands for the end.
const SPELLING: &[u8; 16] = b"0123456789.-+eE\0";

/// First byte: the whole text follows, or only the numbers that changed.
const WHOLE: u8 = 0;
const PACKED: u8 = 1;
const CHANGED: u8 = 2;

impl Numbers {
    /// Writes a text: what changed since the last one if its words are the same, else all of it.
    pub(super) fn write(
        &mut self,
        text: &[u8],
        whole: bool,
        hashes: &RandomState,
        packer: &mut Packer,
        body: &mut Vec<u8>,
    ) {
        let mut words = hashes.build_hasher();
        let (mut digits, mut ends) = (Vec::with_capacity(self.digits.len() + 16), Vec::with_capacity(self.ends.len()));
        for (before, number) in pieces(text) {
            words.write(before);
            words.write_u8(0);
            digits.extend_from_slice(number);
            ends.push(u32::try_from(digits.len()).unwrap_or(u32::MAX));
        }
        let next = Self { words: words.finish(), digits, ends };
        if whole {
            body.push(WHOLE);
            body.block(text);
        } else if next.words == self.words && next.ends.len() == self.ends.len() {
            body.push(CHANGED);
            self.write_changes(&next, body);
        } else {
            // Such turns come now and then: an instance more, another sentence.
            let packed = packer.pack(text).unwrap_or_default();
            body.push(if packed.is_empty() { WHOLE } else { PACKED });
            if !packed.is_empty() {
                body.number(text.len() as u64);
            }
            body.block(if packed.is_empty() { text } else { &packed });
        }
        *self = next;
    }

    /// Each number that changed: how many before it did not, and how it changed. The count of the last ones that did not is
    /// known from the text.
    fn write_changes(&self, next: &Self, body: &mut Vec<u8>) {
        let mut same = 0;
        for (old, new) in self.each().zip(next.each()) {
            if old == new {
                same += 1;
                continue;
            }
            match (whole_number(old), whole_number(new)) {
                (Some(old), Some(new)) => {
                    body.number(same << 1 | GREW);
                    body.signed(new - old);
                }
                _ => {
                    body.number(same << 1 | SPELT);
                    spell(new, body);
                }
            }
            same = 0;
        }
        // A change of nothing by nothing ends it: no change that is written is one by 0.
        body.number(same << 1 | GREW);
        body.signed(0);
    }

    fn each(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.digits.get(start as usize..*end as usize).unwrap_or_default())
    }
}

/// Reads a text; `text` holds the last one before and this one after.
pub(super) fn read(body: &mut Reader<'_>, first: bool, text: &mut Vec<u8>) -> Result<(), Short> {
    match body.byte()? {
        WHOLE => *text = body.block()?.to_vec(),
        PACKED => {
            let length = usize::try_from(body.number()?).unwrap_or(usize::MAX);
            if length > super::RECORD_BYTES_MAX {
                return Err(Short("it is too large"));
            }
            *text = zstd::bulk::decompress(body.block()?, length).map_err(|_| Short("it cannot be unpacked"))?;
        }
        CHANGED if !first => *text = read_changes(body, text)?,
        _ => return Err(Short("its text is in a form that this trimtab does not know")),
    }
    Ok(())
}

fn read_changes(body: &mut Reader<'_>, last: &[u8]) -> Result<Vec<u8>, Short> {
    let mut text = Vec::with_capacity(last.len() + 16);
    let mut head = body.number()?;
    let mut same = head >> 1;
    let mut ended = false;
    for (words, number) in pieces(last) {
        text.extend_from_slice(words);
        if ended || same > 0 || number.is_empty() {
            same = same.saturating_sub(1);
            text.extend_from_slice(number);
            continue;
        }
        if head & 1 == SPELT {
            read_spelt(body, &mut text)?;
        } else {
            let grew = body.signed()?;
            ended = grew == 0;
            let old = whole_number(number).filter(|_| !ended);
            match old.and_then(|old| old.checked_add(grew)) {
                Some(new) => text.extend_from_slice(new.to_string().as_bytes()),
                None if ended => text.extend_from_slice(number),
                None => return Err(Short("it changes a number that is none")),
            }
        }
        if !ended {
            head = body.number()?;
            same = head >> 1;
        }
    }
    if !ended && (head & 1 != GREW || body.signed()? != 0) {
        return Err(Short("it changes more numbers than there are"));
    }
    Ok(text)
}

/// A whole number that its text tells exactly: no leading zeros, and far from overflowing.
fn whole_number(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let plain = (1..=18).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    if !plain || (digits.first() == Some(&b'0') && text != b"0") {
        return None;
    }
    let number = digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
    Some(if digits.len() == text.len() { number } else { -number })
}

fn spell(number: &[u8], body: &mut Vec<u8>) {
    let mut codes = number.iter().chain(b"\0").map(code);
    while let Some(low) = codes.next() {
        body.push(low | codes.next().unwrap_or(15) << 4);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "there are sixteen")]
fn code(character: &u8) -> u8 {
    SPELLING.iter().position(|known| known == character).unwrap_or(15) as u8
}

fn read_spelt(body: &mut Reader<'_>, text: &mut Vec<u8>) -> Result<(), Short> {
    loop {
        let byte = body.byte()?;
        for code in [byte & 15, byte >> 4] {
            match SPELLING.get(usize::from(code)) {
                Some(character) if code < 15 => text.push(*character),
                _ => return Ok(()),
            }
        }
    }
}

/// The words and the number after them, again and again; the last number is empty where the text ends in words.
fn pieces(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let start = number_at(rest);
        let (words, after) = rest.split_at_checked(start)?;
        let (number, after) = after.split_at_checked(number_length(after))?;
        rest = after;
        Some((words, number))
    })
}

/// Where the first number begins, or the end.
fn number_at(text: &[u8]) -> usize {
    let Some(digit) = text.iter().position(u8::is_ascii_digit) else { return text.len() };
    match digit.checked_sub(1).and_then(|before| text.get(before)) {
        Some(b'-') => digit - 1,
        _ => digit,
    }
}

/// How long the number at the beginning is; 0 if there is none.
fn number_length(text: &[u8]) -> usize {
    let digits = |from: usize| text.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let sign = usize::from(text.first() == Some(&b'-'));
    let mut length = sign + digits(sign);
    if length == sign {
        return 0;
    }
    if text.get(length) == Some(&b'.') && digits(length + 1) > 0 {
        length += 1 + digits(length + 1);
    }
    if matches!(text.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(length + 1), Some(b'-' | b'+')));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    length
}
