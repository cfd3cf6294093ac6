//! Sentences with places for facts: `"{target}: {from} to {to}, {reason}"`. A brace itself is written twice.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

use std::collections::BTreeMap;

/// Facts that a template may name. One that an event does not have is told as a dash.
pub const FIELDS: [&str; 14] = [
    "binding", "driver", "event", "from", "host", "outcome", "policy", "reason", "record", "service", "slot", "target",
    "time", "to",
];

/// Characters of one notice: chats cut or refuse more.
const NOTICE_CHARS_MAX: usize = 2_000;
/// Characters of one fact.
const FACT_CHARS_MAX: usize = 500;
/// Characters of what is no fact, where that is told.
const FIELD_CHARS_MAX: usize = 60;
const NONE: &str = "–";

/// A template whose places were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(&'static str),
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A place without an end, or an end without a beginning.
    #[error("has a brace without its other; a brace itself is written twice")]
    Brace,
    /// A fact that there is not.
    #[error("{{{field}}} is no fact of an event")]
    Field {
        /// Its name, escaped and cut short.
        field: String,
    },
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, TemplateError> {
        let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            plain.push_str(before);
            if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
                plain.extend(from.chars().next());
                rest = after;
                continue;
            }
            let (field, after) =
                from.strip_prefix('{').and_then(|from| from.split_once('}')).ok_or(TemplateError::Brace)?;
            let known = FIELDS.iter().find(|known| **known == field);
            let known = known
                .ok_or_else(|| TemplateError::Field { field: field.escape_debug().take(FIELD_CHARS_MAX).collect() })?;
            parts.push(Part::Text(std::mem::take(&mut plain)));
            parts.push(Part::Field(known));
            rest = after;
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        Ok(Self(parts))
    }

    /// The sentence that it makes of these facts.
    pub(super) fn fill(&self, facts: &BTreeMap<&'static str, String>) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Field(field) => facts.get(field).map_or_else(|| NONE.to_owned(), |fact| short(fact, FACT_CHARS_MAX)),
        };
        let text: String = self.0.iter().map(part).collect();
        short(&text, NOTICE_CHARS_MAX)
    }
}

/// A text cut to so many characters, without what could hide or turn what stands around it.
fn short(text: &str, chars_max: usize) -> String {
    let is_plain = |c: &char| {
        let turns =
            matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        *c == '\n' || !(c.is_control() || turns)
    };
    let mut plain = text.chars().filter(is_plain);
    let mut short: String = plain.by_ref().take(chars_max).collect();
    if plain.next().is_some() {
        short.push('…');
    }
    short
}
