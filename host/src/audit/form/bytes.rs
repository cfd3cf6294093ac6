//! Numbers and blocks as few bytes.

/// What is wrong with bytes that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::audit) struct Short(pub(in crate::audit) &'static str);

const ENDS: Short = Short("it ends too early");

/// Bytes being written.
pub(super) trait Sink {
    /// Seven bits a byte, the lowest first.
    fn number(&mut self, number: u64);

    /// Small whatever the sign: 0, -1, 1, -2 …
    fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    /// A length and so many bytes.
    fn block(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    #[expect(clippy::cast_possible_truncation, reason = "the lowest seven bits are meant")]
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.push(number as u8);
    }

    fn block(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.extend_from_slice(bytes);
    }
}

/// Bytes being read.
#[derive(Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(super) fn byte(&mut self) -> Result<u8, Short> {
        let (first, rest) = self.0.split_first().ok_or(ENDS)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Short> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(ENDS)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn number(&mut self) -> Result<u64, Short> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Short("a number in it is too long"))
    }

    pub(super) fn signed(&mut self) -> Result<i64, Short> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(super) fn block(&mut self) -> Result<&'a [u8], Short> {
        let length = self.length()?;
        self.take(length)
    }

    /// A count of things that take at least a byte each: no more than there are bytes, so that memory asked for on its word
    /// is bounded.
    pub(super) fn length(&mut self) -> Result<usize, Short> {
        let length = usize::try_from(self.number()?).map_err(|_| ENDS)?;
        if length > self.0.len() { Err(ENDS) } else { Ok(length) }
    }
}

/// What is new in `after`: how much it shares with `before` at its beginning and at its end, and what is in between.
pub(super) fn write_change(before: &[u8], after: &[u8], body: &mut Vec<u8>) {
    let start = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let (old, new) = (before.get(start..).unwrap_or_default(), after.get(start..).unwrap_or_default());
    let end = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    body.number(start as u64);
    body.number(end as u64);
    body.block(new.get(..new.len() - end).unwrap_or_default());
}

/// What `write_change` wrote of `before`.
pub(super) fn read_change(before: &[u8], body: &mut Reader<'_>) -> Result<Vec<u8>, Short> {
    const WRONG: Short = Short("it changes a memory that is not there");
    let mut part = || Ok::<_, Short>(usize::try_from(body.number()?).unwrap_or(usize::MAX));
    let (start, end) = (part()?, part()?);
    let between = body.block()?;
    let from = before.len().checked_sub(end).ok_or(WRONG)?;
    let (start, end) = (before.get(..start).ok_or(WRONG)?, before.get(from..).ok_or(WRONG)?);
    Ok([start, between, end].concat())
}
