//! Errors for a person: what `Display` says, and what lies beneath; and what quotes a stranger.

#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt::Display;

/// Most characters of what is said about somebody else's bytes: it may quote all of them.
const SAID_CHARS_MAX: usize = 2_000;

/// An error and its causes, on one line. Errors of this house do not repeat their sources, so nothing is said twice.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    for cause in causes(error) {
        text.push_str(": ");
        text.push_str(&cause.to_string());
    }
    text
}

/// The deepest cause alone: for libraries whose own words say only that there was an error.
#[must_use]
pub fn root_cause(error: &dyn Error) -> String {
    causes(error).last().unwrap_or(error).to_string()
}

/// What is said about somebody else's bytes, which it may quote (serde's errors do, as they are): on one line, and with
/// everything escaped that could move a cursor, colour a screen or turn letters around, for it stands in logs as well. Cut after
/// some 2,000 characters.
#[must_use]
pub fn on_one_line(said: &impl Display) -> String {
    let said = said.to_string();
    let mut line = String::with_capacity(said.len());
    for (at, c) in said.chars().enumerate() {
        if at == SAID_CHARS_MAX {
            line.push('…');
            break;
        }
        let turns =
            matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        match c {
            '\n' | '\t' => line.push(' '),
            _ if c.is_control() || turns => line.extend(c.escape_unicode()),
            _ => line.push(c),
        }
    }
    line
}

fn causes<'e>(error: &'e dyn Error) -> impl Iterator<Item = &'e dyn Error> {
    std::iter::successors(error.source(), |cause: &&'e dyn Error| (*cause).source())
}
