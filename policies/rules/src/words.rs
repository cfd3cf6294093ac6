//! The words of a statement, one after the other.

/// One word of a statement, as it stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word<'p> {
    pub(crate) kind: Kind,
    /// Without quotes or backticks.
    pub(crate) text: &'p str,
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

const SIGNS: [&str; 13] = [">=", "<=", "!=", "..", ">", "<", "=", "(", ")", "%", "+", "-", ","];

/// The word at or after the byte `from`.
pub(crate) fn word_at(statement: &str, from: usize) -> Word<'_> {
    let rest = statement.get(from..).unwrap_or_default();
    let rest_trimmed = rest.trim_start();
    let start = from + rest.len() - rest_trimmed.len();
    let word = |kind, skipped: usize, length: usize, closing: usize| Word {
        kind,
        text: rest_trimmed.get(skipped..skipped + length).unwrap_or_default(),
        start,
        end: start + skipped + length + closing,
    };
    let Some(first) = rest_trimmed.chars().next() else {
        return word(Kind::End, 0, 0, 0);
    };
    match first {
        '"' | '\'' | '`' => {
            let inner = rest_trimmed.get(1..).unwrap_or_default();
            let kind = if first == '`' { Kind::Quoted } else { Kind::Text };
            match inner.find(first) {
                Some(length) => word(kind, 1, length, 1),
                None => word(Kind::Stray, 0, rest_trimmed.len(), 0),
            }
        }
        'a'..='z' | 'A'..='Z' | '_' => word(Kind::Name, 0, length(rest_trimmed, is_of_name), 0),
        '0'..='9' => word(Kind::Number, 0, length(rest_trimmed, is_of_number), 0),
        _ => match SIGNS.iter().find(|sign| rest_trimmed.starts_with(**sign)) {
            Some(sign) => word(Kind::Sign, 0, sign.len(), 0),
            None => word(Kind::Stray, 0, first.len_utf8(), 0),
        },
    }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b':')
}

fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')
}

/// How far the word goes. A dot belongs to it only if more of the word follows, so that `1..5` is three words.
fn length(text: &str, belongs: fn(u8) -> bool) -> usize {
    let bytes = text.as_bytes();
    let ends = |(index, byte): (usize, &u8)| {
        let next = bytes.get(index + 1).copied();
        !belongs(*byte) || (*byte == b'.' && !next.is_some_and(|next| next != b'.' && belongs(next)))
    };
    bytes.iter().enumerate().position(ends).unwrap_or(bytes.len())
}
