//! A typed reader over the spanned document: each mistake becomes a complaint at its place, and reading goes on.
//!
//! serde stops at the first error; here a value that cannot be had is `None`, the complaint is noted, and the caller carries on
//! with a default, since a configuration with any complaint is refused in the end. The keys that were asked for are the known
//! ones: [`Table::finish`] complains about all others.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::complaint::{Complaint, Place};
use crate::quantity::{CpuMillis, DurationMs, MemoryBytes, QuantityError, Share};

/// The text, and what has been found wrong with it.
#[derive(Debug)]
pub(super) struct Reader<'t> {
    text: &'t str,
    complaints: RefCell<Vec<Complaint>>,
    warnings: RefCell<Vec<Complaint>>,
}

/// A table, and which of its keys were asked for.
#[derive(Debug)]
pub(super) struct Table<'r> {
    reader: &'r Reader<'r>,
    path: String,
    span: Range<usize>,
    entries: &'r DeTable<'r>,
    asked: RefCell<BTreeSet<&'static str>>,
}

/// A value.
#[derive(Debug, Clone)]
pub(super) struct Item<'r> {
    reader: &'r Reader<'r>,
    path: String,
    key_span: Range<usize>,
    value: &'r Spanned<DeValue<'r>>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, complaints: RefCell::default(), warnings: RefCell::default() }
    }

    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        Place::of(self.text, span.start)
    }

    pub(super) fn complain(&self, span: &Range<usize>, path: &str, what: impl Into<String>, remedy: impl Into<String>) {
        self.complain_at(self.place(span), path, what, remedy);
    }

    pub(super) fn complain_at(&self, place: Place, path: &str, what: impl Into<String>, remedy: impl Into<String>) {
        let complaint = Complaint { place, path: path.to_owned(), what: what.into(), remedy: remedy.into() };
        self.complaints.borrow_mut().push(complaint);
    }

    pub(super) fn warn_at(&self, place: Place, path: &str, what: impl Into<String>, remedy: impl Into<String>) {
        let warning = Complaint { place, path: path.to_owned(), what: what.into(), remedy: remedy.into() };
        self.warnings.borrow_mut().push(warning);
    }

    /// All complaints and all warnings, each in the order of their places, each once.
    pub(super) fn into_found(self) -> (Vec<Complaint>, Vec<Complaint>) {
        let in_order = |found: RefCell<Vec<Complaint>>| {
            let mut found = found.into_inner();
            found.sort_by_key(|complaint| complaint.place);
            found.dedup();
            found
        };
        (in_order(self.complaints), in_order(self.warnings))
    }
}

impl<'r> Table<'r> {
    pub(super) fn root(reader: &'r Reader<'r>, entries: &'r DeTable<'r>) -> Self {
        Self { reader, path: String::new(), span: 0..0, entries, asked: RefCell::default() }
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &'static str) -> Option<Item<'r>> {
        self.asked.borrow_mut().insert(key);
        self.entries.iter().find(|(name, _)| name.get_ref() == key).map(|(name, value)| self.item(name, value))
    }

    /// The value of a key that must be there.
    pub(super) fn need(&self, key: &'static str, remedy: &str) -> Option<Item<'r>> {
        let item = self.get(key);
        if item.is_none() {
            self.complain(format!("{key} is missing"), remedy);
        }
        item
    }

    /// All entries: for tables whose keys are names that the operator chose.
    pub(super) fn entries(&self) -> Vec<(String, Item<'r>)> {
        self.entries.iter().map(|(name, value)| (name.get_ref().to_string(), self.item(name, value))).collect()
    }

    pub(super) fn complain(&self, what: impl Into<String>, remedy: impl Into<String>) {
        self.reader.complain(&self.span, &self.path, what, remedy);
    }

    pub(super) fn warn(&self, what: impl Into<String>, remedy: impl Into<String>) {
        self.reader.warn_at(self.reader.place(&self.span), &self.path, what, remedy);
    }

    /// Complains about every key that nobody asked for.
    pub(super) fn finish(self) {
        let known = self.asked.borrow();
        for (name, _) in self.entries {
            if !known.contains(name.get_ref().as_ref()) {
                let path = join(&self.path, name.get_ref());
                let remedy = nearest_of(name.get_ref(), known.iter().copied());
                self.reader.complain(&name.span(), &path, format!("unknown key {:?}", name.get_ref()), remedy);
            }
        }
    }

    fn item(&self, name: &Spanned<std::borrow::Cow<'r, str>>, value: &'r Spanned<DeValue<'r>>) -> Item<'r> {
        Item { reader: self.reader, path: join(&self.path, name.get_ref()), key_span: name.span(), value }
    }
}

impl<'r> Item<'r> {
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn place(&self) -> Place {
        self.reader.place(&self.value.span())
    }

    /// Where its key stands: what a reader looks for when a whole table is meant.
    pub(super) fn key_place(&self) -> Place {
        self.reader.place(&self.key_span)
    }

    pub(super) fn value(&self) -> &'r Spanned<DeValue<'r>> {
        self.value
    }

    pub(super) fn reader(&self) -> &'r Reader<'r> {
        self.reader
    }

    pub(super) fn complain(&self, what: impl Into<String>, remedy: impl Into<String>) {
        self.reader.complain(&self.value.span(), &self.path, what, remedy);
    }

    pub(super) fn table(&self) -> Option<Table<'r>> {
        match self.value.get_ref() {
            DeValue::Table(entries) => Some(Table {
                reader: self.reader,
                path: self.path.clone(),
                span: self.value.span(),
                entries,
                asked: RefCell::default(),
            }),
            _ => self.wrong_type("a table", ""),
        }
    }

    /// The keys, if it is a table; that it must be one is said by who reads it.
    pub(super) fn keys(&self) -> BTreeSet<String> {
        let entries = self.value.get_ref().as_table();
        entries.into_iter().flat_map(|entries| entries.keys()).map(|key| key.get_ref().to_string()).collect()
    }

    /// The items of an array; a path like `binding.web.policy[1]` counts from 1, as people do.
    pub(super) fn items(&self) -> Option<Vec<Item<'r>>> {
        let DeValue::Array(values) = self.value.get_ref() else { return self.wrong_type("a list", "write [ … ]") };
        let item = |(index, value): (usize, &'r Spanned<DeValue<'r>>)| Item {
            reader: self.reader,
            path: format!("{}[{}]", self.path, index + 1),
            key_span: value.span(),
            value,
        };
        Some(values.iter().enumerate().map(item).collect())
    }

    pub(super) fn text(&self) -> Option<String> {
        match self.value.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            _ => self.wrong_type("a text", "put it in quotes"),
        }
    }

    /// A text that is not blank, at most 4096 bytes long, without control characters.
    pub(super) fn line(&self) -> Option<String> {
        let text = self.text()?;
        if text.trim().is_empty() {
            self.complain("must not be empty", "");
            return None;
        }
        if text.len() > 4096 || text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            self.complain("is longer than 4096 bytes or holds control characters", "");
            return None;
        }
        Some(text)
    }

    pub(super) fn flag(&self) -> Option<bool> {
        match self.value.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            _ => self.wrong_type("true or false", ""),
        }
    }

    /// One of these words.
    pub(super) fn word<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            self.complain(
                format!("{text:?} is not known here"),
                nearest_of(&text, words.iter().map(|(word, _)| *word)),
            );
        }
        found
    }

    /// A whole number within this range.
    pub(super) fn whole(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let DeValue::Integer(digits) = self.value.get_ref() else {
            return self.wrong_type("a whole number", "");
        };
        let number = i128::from_str_radix(digits.as_str(), digits.radix()).unwrap_or(i128::MAX);
        match u64::try_from(number) {
            Ok(number) if range.contains(&number) => Some(number),
            _ => {
                self.complain(format!("{digits} is not within {} to {}", range.start(), range.end()), "");
                None
            }
        }
    }

    /// A number of things, within this range.
    pub(super) fn count(&self, range: RangeInclusive<u32>) -> Option<u32> {
        self.whole(u64::from(*range.start())..=u64::from(*range.end())).and_then(|number| u32::try_from(number).ok())
    }

    /// A finite number, whole or not.
    pub(super) fn number(&self) -> Option<f64> {
        let number = match self.value.get_ref() {
            DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix()).ok().map(|number| {
                #[expect(clippy::cast_precision_loss, reason = "a reading is an f64 whatever its size")]
                let number = number as f64;
                number
            }),
            DeValue::Float(digits) => digits.as_str().parse::<f64>().ok(),
            _ => return self.wrong_type("a number", ""),
        };
        let number = number.filter(|number| number.is_finite());
        if number.is_none() {
            self.complain("is not a finite number", "");
        }
        number
    }

    /// A share from 0 to 1: `"50%"` or 0.5.
    pub(super) fn share(&self) -> Option<f64> {
        self.share_to(1.0)
    }

    /// A share from 0 to `most`, which may be more than the whole.
    pub(super) fn share_to(&self, most: f64) -> Option<f64> {
        let share = match self.value.get_ref() {
            DeValue::String(text) => self.quantity::<Share>(text)?.0,
            _ => self.number()?,
        };
        if !(0.0..=most).contains(&share) {
            self.complain(format!("{share} is not within 0 to {most}"), "write \"50%\" or 0.5 for a half");
            return None;
        }
        Some(share)
    }

    /// A duration in milliseconds, within this range.
    pub(super) fn duration_ms(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let text = match self.value.get_ref() {
            DeValue::String(text) => text,
            DeValue::Integer(digits) => {
                self.complain(
                    format!("{digits} has no unit"),
                    format!(
                        "write \"{digits}s\" if seconds are meant, else \"{digits}ms\", \"{digits}m\" or \"{digits}h\""
                    ),
                );
                return None;
            }
            _ => return self.wrong_type("a duration", "write \"15s\", \"2m\" or \"1h30m\""),
        };
        let DurationMs(duration_ms) = self.quantity(text)?;
        if !range.contains(&duration_ms) {
            let (least, most) = (DurationMs(*range.start()), DurationMs(*range.end()));
            self.complain(format!("{text} is not within {least} to {most}"), "");
            return None;
        }
        Some(duration_ms)
    }

    /// CPU in thousandths of a core: a text like `"100m"`, or a number of cores.
    pub(super) fn cpu_millis(&self) -> Option<u64> {
        let CpuMillis(millis) = match self.value.get_ref() {
            DeValue::String(text) => self.quantity(text)?,
            _ => self.quantity(&self.number()?.to_string())?,
        };
        Some(millis)
    }

    /// Memory in bytes: a text like `"64Mi"`, or a number of bytes.
    pub(super) fn memory_bytes(&self) -> Option<u64> {
        match self.value.get_ref() {
            DeValue::String(text) => self.quantity::<MemoryBytes>(text).map(|memory| memory.0),
            _ => self.whole(0..=u64::MAX),
        }
    }

    /// The value as JSON, for what only a policy can judge. Dates become texts.
    pub(super) fn json(&self) -> Option<serde_json::Value> {
        json_of(self.value.get_ref())
            .or_else(|| self.wrong_type("a value that JSON can carry", "leave out nan and inf"))
    }

    fn quantity<Q>(&self, text: &str) -> Option<Q>
    where
        Q: std::str::FromStr<Err = QuantityError>,
    {
        text.parse().map_err(|error: QuantityError| self.complain(error.to_string(), "")).ok()
    }

    pub(super) fn wrong_type<T>(&self, wanted: &str, remedy: &str) -> Option<T> {
        self.complain(format!("must be {wanted}, not {}", type_of(self.value.get_ref())), remedy);
        None
    }
}

/// The remedy for a word that is not known: the nearest of those that are, or all of them.
pub(super) fn nearest_of<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let near = known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), *candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().min(word.len()) / 3);
    match near {
        Some((_, candidate)) => format!("did you mean {candidate:?}?"),
        None if known.is_empty() => "remove it".to_owned(),
        None => format!("known here: {}", known.join(", ")),
    }
}

fn join(path: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let key = if bare { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn json_of(value: &DeValue<'_>) -> Option<serde_json::Value> {
    use serde_json::Value;
    Some(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(digits) => Value::from(i64::from_str_radix(digits.as_str(), digits.radix()).ok()?),
        DeValue::Float(digits) => Value::Number(serde_json::Number::from_f64(digits.as_str().parse().ok()?)?),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Datetime(date) => Value::String(date.to_string()),
        DeValue::Array(values) => {
            Value::Array(values.iter().map(|value| json_of(value.get_ref())).collect::<Option<_>>()?)
        }
        DeValue::Table(entries) => Value::Object(
            entries
                .iter()
                .map(|(key, value)| Some((key.get_ref().to_string(), json_of(value.get_ref())?)))
                .collect::<Option<_>>()?,
        ),
    })
}
