//! Inputs by chance, always the same: the tests' stand-in for libFuzzer, which they cannot wait for.

/// A generator of numbers: xorshift64* (Vigna 2016). What it gives depends on its seed alone.
pub(super) struct Chance(u64);

/// Numbers at which readers break.
const NUMBERS: [&str; 20] = [
    "0",
    "-0",
    "-1",
    "1",
    "1e308",
    "-1e308",
    "1e-320",
    "1e999",
    "NaN",
    "inf",
    "255",
    "256",
    "65536",
    "2147483648",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
];

/// What stands between words, and what ends or escapes them.
const MARKS: [&str; 28] = [
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\n",
    "\r\n",
    " ",
    "#",
    "=",
    "'",
    "null",
    "true",
    "\u{0}",
    "\u{1b}[2J",
    "\u{202e}",
    "é",
    "\u{feff}",
    "%",
    "-",
    ".",
    "/",
    "|",
];

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `most`, which is not 0.
    pub(super) fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most.max(1) as u64).unwrap()
    }

    /// A place and an end behind it, at most `most` further.
    fn stretch(&mut self, len: usize, most: usize) -> std::ops::Range<usize> {
        let from = self.below(len + 1);
        let to = (from + 1 + self.below(most)).min(len);
        from.min(to)..to
    }

    /// One of these seeds, with one to eight changes.
    pub(super) fn input(&mut self, seeds: &[Vec<u8>], len_max: usize) -> Vec<u8> {
        let mut input = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(8) {
            let other = &seeds[self.below(seeds.len())];
            self.change(&mut input, other);
        }
        input.truncate(len_max);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        let len = input.len();
        match self.below(12) {
            0 if len > 0 => {
                let (at, bit) = (self.below(len), self.below(8));
                input[at] ^= 1 << bit;
            }
            1 if len > 0 => {
                let at = self.below(len);
                input[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)];
            }
            2 => drop(input.drain(self.stretch(len, 8))),
            3 => drop(input.drain(self.stretch(len, 256))),
            4 => {
                let again = input[self.stretch(len, 64)].to_vec();
                let at = self.below(len + 1);
                for _ in 0..=self.below(4) {
                    input.splice(at..at, again.iter().copied());
                }
            }
            5 => {
                let part = other[self.stretch(other.len(), 128)].to_vec();
                input.splice(self.stretch(len, 16), part);
            }
            6 => input.truncate(self.below(len + 1)),
            7 => {
                let mark = MARKS[self.below(MARKS.len())];
                let at = self.below(len + 1);
                input.splice(at..at, mark.bytes());
            }
            8 if len >= 4 => {
                let at = self.below(len - 3);
                let word = [0, 1, 16, u32::MAX, 1 << 16, 1 << 31][self.below(6)];
                input.splice(at..at + 4, u32::to_le_bytes(word));
            }
            9 => {
                let at = self.below(len + 1);
                let (mark, times) = (MARKS[4 + 2 * self.below(2)], 1 + self.below(300));
                let deep = mark.repeat(times);
                input.splice(at..at, deep.bytes());
            }
            _ => {
                let number = NUMBERS[self.below(NUMBERS.len())];
                self.put(input, number);
            }
        }
    }

    /// Another number in place of one that stands there, or anywhere where there is none.
    fn put(&mut self, input: &mut Vec<u8>, number: &str) {
        let len = input.len();
        let from = self.below(len + 1);
        let digit = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
        let at = input[from..].iter().position(digit).map_or(from, |at| from + at);
        let to = input[at..].iter().position(|byte| !digit(byte)).map_or(len, |end| at + end);
        input.splice(at..to, number.bytes());
    }
}
