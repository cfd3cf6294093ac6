//! What a reading asks for: `backend/web/scur`.

use std::borrow::Cow;

use super::page::{Stats, Value};

/// Most fields of one sum.
const FIELDS_MAX: usize = 16;

/// What HAProxy keeps statistics of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Frontend,
    Backend,
    Server,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query<'a> {
    pub(super) of: Of,
    proxy: &'a str,
    fields: Vec<&'a str>,
}

impl<'a> Query<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        const FORM: &str = "write frontend/NAME/FIELD, backend/NAME/FIELD or server/BACKEND/FIELD";
        let mut steps = text.split('/');
        let (Some(of), Some(proxy), Some(fields), None) = (steps.next(), steps.next(), steps.next(), steps.next())
        else {
            return Err(format!("{text:?} is no query; {FORM}"));
        };
        let of = match of {
            "frontend" => Of::Frontend,
            "backend" => Of::Backend,
            "server" => Of::Server,
            other => return Err(format!("HAProxy keeps no statistics of a {other:?}; {FORM}")),
        };
        let fields: Vec<_> = fields.split('+').map(str::trim).collect();
        let is_field =
            |field: &&str| !field.is_empty() && field.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if proxy.is_empty() || fields.len() > FIELDS_MAX || !fields.iter().all(is_field) {
            return Err(format!("{text:?} names no proxy or no field; {FORM}"));
        }
        Ok(Self { of, proxy, fields })
    }

    /// The proxy's name for this target.
    pub(super) fn proxy(&self, target: &str) -> Cow<'a, str> {
        if self.proxy.contains("{target}") { self.proxy.replace("{target}", target).into() } else { self.proxy.into() }
    }

    /// The field, or the sum of the fields; a part that is missing makes the sum unknown.
    pub(super) fn value(&self, stats: Option<&Stats>, of: &str) -> Result<Value, String> {
        let stats = stats.ok_or_else(|| format!("HAProxy has no {of}"))?;
        let mut sum = 0.0;
        for field in &self.fields {
            match stats.value(field) {
                Some(Value::Number(number)) => sum += number,
                Some(text @ Value::Text(_)) if self.fields.len() == 1 => return Ok(text),
                Some(Value::Text(_)) => return Err(format!("{field} of {of} is a text and cannot be summed")),
                None => return Err(format!("{of} has no {field}")),
            }
        }
        Ok(Value::Number(sum))
    }
}
