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

/// The word at or after the byte `from`, which lies between two words.
///
/// Looks at bytes: every character of the language is one, and what is not is passed over whole. Two readings of all rules in
/// each evaluation are to cost little.
pub(crate) fn word_at(statement: &str, from: usize) -> Word<'_> {
    let bytes = statement.as_bytes();
    let blanks = bytes.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let start = from + blanks;
    let rest = bytes.get(start..).unwrap_or_default();
    let word = |kind, length: usize| Word {
        kind,
        text: statement.get(start..start + length).unwrap_or_default(),
        start,
        end: start + length,
    };
    match rest {
        [] => word(Kind::End, 0),
        [b'a'..=b'z' | b'A'..=b'Z' | b'_', ..] => word(Kind::Name, length(rest, is_of_name)),
        [b'0'..=b'9', ..] => word(Kind::Number, length(rest, is_of_number)),
        [b'>' | b'<' | b'!', b'=', ..] | [b'.', b'.', ..] => word(Kind::Sign, 2),
        [b'>' | b'<' | b'=' | b'(' | b')' | b'%' | b'+' | b'-', ..] => word(Kind::Sign, 1),
        [quote @ (b'"' | b'\'' | b'`'), inner @ ..] => {
            let kind = if *quote == b'`' { Kind::Quoted } else { Kind::Text };
            match inner.iter().position(|byte| byte == quote) {
                Some(length) => Word {
                    kind,
                    text: statement.get(start + 1..start + 1 + length).unwrap_or_default(),
                    start,
                    end: start + length + 2,
                },
                None => word(Kind::Stray, rest.len()),
            }
        }
        _ => {
            let first = statement.get(start..).and_then(|rest| rest.chars().next());
            word(Kind::Stray, first.map_or(rest.len(), char::len_utf8))
        }
    }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b':')
}

fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')
}

/// How far the word goes. A dot belongs to it only if more of the word follows, so that `1..5` is three words.
fn length(bytes: &[u8], belongs: fn(u8) -> bool) -> usize {
    let mut length = 0;
    while let Some(byte) = bytes.get(length).copied().filter(|byte| belongs(*byte)) {
        if byte == b'.' && !bytes.get(length + 1).is_some_and(|next| *next != b'.' && belongs(*next)) {
            break;
        }
        length += 1;
    }
    length
}
