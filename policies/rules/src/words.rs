//! The words of a statement, one after the other.

/// One word of a statement, as it stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word<'p> {
    pub(crate) kind: Kind,
    /// Without quotes or backticks.
    pub(crate) text: &'p str,
    /// Its bytes as a number, for a name or sign of at most eight; else 0. The language's own words are told by it.
    pub(crate) key: u64,
    /// Where it begins, and where the next can: bytes of the statement.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name or a word of the language.
    Name,
    /// A name in backticks, which is never a word of the language.
    Quoted,
    /// A text in quotes.
    Text,
    /// Something that begins with a digit, with its unit.
    Number,
    /// An operator, a bracket, a sign.
    Sign,
    /// The statement is over.
    End,
    /// A character that begins nothing, or a quote that is not closed.
    Stray,
}

/// The key of a word of the language.
pub(crate) const fn key(word: &str) -> u64 {
    let mut bytes = word.as_bytes();
    let mut key = 0;
    while let [first, rest @ ..] = bytes {
        key = key << 8 | *first as u64;
        bytes = rest;
    }
    key
}

/// The word at or after the byte `from`, which lies between two words.
///
/// Looks at bytes: every character of the language is one, and what is not is passed over whole. Two readings of all rules in
/// each evaluation are to cost little.
pub(crate) fn word_at(statement: &str, from: usize) -> Word<'_> {
    let bytes = statement.as_bytes();
    let mut start = from;
    while bytes.get(start).is_some_and(u8::is_ascii_whitespace) {
        start += 1;
    }
    let rest = bytes.get(start..).unwrap_or_default();
    let word = |kind, length: usize, key: u64| Word {
        kind,
        text: statement.get(start..start + length).unwrap_or_default(),
        key,
        start,
        end: start + length,
    };
    match rest {
        [] => word(Kind::End, 0, 0),
        [b'a'..=b'z' | b'A'..=b'Z' | b'_', ..] => {
            let (length, key) = length_and_key(rest, OF_NAME);
            word(Kind::Name, length, key)
        }
        [b'0'..=b'9', ..] => word(Kind::Number, length_and_key(rest, OF_NUMBER).0, 0),
        [one @ (b'>' | b'<' | b'!'), b'=', ..] => word(Kind::Sign, 2, u64::from(*one) << 8 | u64::from(b'=')),
        [b'.', b'.', ..] => word(Kind::Sign, 2, key("..")),
        [one @ (b'>' | b'<' | b'=' | b'(' | b')' | b'%' | b'+' | b'-'), ..] => word(Kind::Sign, 1, u64::from(*one)),
        [quote @ (b'"' | b'\'' | b'`'), inner @ ..] => {
            let kind = if *quote == b'`' { Kind::Quoted } else { Kind::Text };
            match inner.iter().position(|byte| byte == quote) {
                Some(length) => Word {
                    kind,
                    text: statement.get(start + 1..start + 1 + length).unwrap_or_default(),
                    key: 0,
                    start,
                    end: start + length + 2,
                },
                None => word(Kind::Stray, rest.len(), 0),
            }
        }
        _ => {
            let first = statement.get(start..).and_then(|rest| rest.chars().next());
            word(Kind::Stray, first.map_or(rest.len(), char::len_utf8), 0)
        }
    }
}

const OF_NAME: u8 = 1;
const OF_NUMBER: u8 = 2;

/// Which words each byte can go on.
static CLASSES: [u8; 256] = classes();

#[expect(clippy::indexing_slicing, reason = "done by the compiler, which would say so")]
const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut letter = 0u8;
    while letter < 128 {
        if letter.is_ascii_alphanumeric() || matches!(letter, b'_' | b'.') {
            classes[letter as usize] = OF_NAME | OF_NUMBER;
        } else if matches!(letter, b'-' | b'/' | b':') {
            classes[letter as usize] = OF_NAME;
        }
        letter += 1;
    }
    classes
}

/// How far the word goes. A dot belongs to it only if more of the word follows, so that `1..5` is three words.
fn length_and_key(bytes: &[u8], class: u8) -> (usize, u64) {
    let belongs = |byte: u8| CLASSES.get(usize::from(byte)).is_some_and(|classes| classes & class != 0);
    let (mut length, mut key) = (0, 0u64);
    while let Some(byte) = bytes.get(length).copied().filter(|byte| belongs(*byte)) {
        if byte == b'.' && !bytes.get(length + 1).is_some_and(|next| *next != b'.' && belongs(*next)) {
            break;
        }
        key = key << 8 | u64::from(byte);
        length += 1;
    }
    (length, if length <= 8 { key } else { 0 })
}
