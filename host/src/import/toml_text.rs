//! Texts, numbers and lists as TOML writes them.

use std::fmt::Write as _;

/// A key: bare where it can be.
pub(super) fn key(text: &str) -> String {
    let is_bare = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if is_bare { text.to_owned() } else { basic(text) }
}

/// A text: `"…"`, or `'…'` where that saves escapes.
pub(super) fn text(text: &str) -> String {
    let is_literal = text.contains(['"', '\\']) && !text.contains('\'') && !text.chars().any(char::is_control);
    if is_literal { format!("'{text}'") } else { basic(text) }
}

fn basic(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 2);
    written.push('"');
    for c in text.chars() {
        match c {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\t' => written.push_str("\\t"),
            // Writing to a String cannot fail.
            c if c.is_control() => drop(write!(written, "\\u{:04X}", u32::from(c))),
            c => written.push(c),
        }
    }
    written.push('"');
    written
}

/// A number with a point, as parameters of that type want it. Never called with what is not finite.
pub(super) fn float(number: f64) -> String {
    format!("{number:?}")
}

/// A list on one line.
pub(super) fn list(items: &[String]) -> String {
    format!("[{}]", items.join(", "))
}

/// A list of texts on one line.
pub(super) fn texts(items: &[String]) -> String {
    list(&items.iter().map(|item| text(item)).collect::<Vec<_>>())
}

/// What may stand behind a `#`: one line, without control characters.
pub(super) fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
