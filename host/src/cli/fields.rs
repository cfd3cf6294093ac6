//! Fields of the host's answers, as cells. A host of another version may leave some out: that is no error.

use serde_json::Value;

use crate::quantity::DurationMs;

/// Where there is nothing to say.
const NONE: &str = "–";

/// A text; empty where there is none.
pub(super) fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A text or a number, or a dash.
pub(super) fn cell(value: &Value, key: &str) -> String {
    match value.get(key) {
        Some(Value::String(text)) if !text.is_empty() => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(flag)) => if *flag { "yes" } else { "no" }.to_owned(),
        _ => NONE.to_owned(),
    }
}

/// A number.
pub(super) fn number(value: &Value, key: &str) -> Option<u64> {
    value.get(key).and_then(Value::as_u64)
}

/// Whether it is said to be so.
pub(super) fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or(false)
}

/// The rows of a list; none where it is no list.
pub(super) fn rows<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The texts of a list, joined.
pub(super) fn joined(value: &Value, key: &str) -> String {
    let texts: Vec<&str> = rows(value, key).iter().filter_map(Value::as_str).collect();
    if texts.is_empty() { NONE.to_owned() } else { texts.join(", ") }
}

/// A time, or a dash.
pub(super) fn time(value: &Value, key: &str) -> String {
    number(value, key).map_or_else(|| NONE.to_owned(), at)
}

/// A time of the host's: 2026-01-01T12:00:00Z.
pub(super) fn at(at_ms: u64) -> String {
    let at = i64::try_from(at_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    at.map_or_else(|| format!("{at_ms} ms"), |at| format!("{at:.0}"))
}

/// A span of time, or a dash.
pub(super) fn span(value: &Value, key: &str) -> String {
    number(value, key).map_or_else(|| NONE.to_owned(), |ms| DurationMs(ms).to_string())
}

/// Enough of a digest to tell it from others.
pub(super) fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}
