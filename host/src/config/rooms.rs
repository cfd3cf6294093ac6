//! `[driver.NAME.KIND]`, `[source.NAME.KIND]`, `[registrar.NAME.KIND]`: the table key picks the kind, the room's own struct
//! reads the rest.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::complaint::Place;
use super::reader::{Item, Reader, nearest_of};

/// Faults that are looked for in one table of a room: serde stops at each.
const FAULTS_MAX: usize = 32;

/// One table of a room, of a kind that exists, in a shape that its struct takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Room {
    /// The operator's name for it.
    pub name: String,
    /// The table key.
    pub kind: &'static str,
    /// What is in the table.
    pub table: toml::Table,
    /// Where it stands in the file.
    pub place: Place,
}

/// The three rooms that the file can furnish.
#[derive(Debug, Clone, Copy)]
pub(super) enum RoomList {
    Drivers,
    Sources,
    Registrars,
}

impl RoomList {
    fn word(self) -> &'static str {
        match self {
            Self::Drivers => "driver",
            Self::Sources => "source",
            Self::Registrars => "registrar",
        }
    }

    fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Drivers => &["process"],
            Self::Sources => &["process", "prometheus", "scrape", "http-json"],
            Self::Registrars => &["embedded"],
        }
    }

    /// Reads one `[driver.NAME]`, which holds one table: its kind.
    pub(super) fn read(self, name: &str, item: &Item<'_>) -> Option<Room> {
        let entries = item.table()?.entries();
        let [(kind, inner)] = entries.as_slice() else {
            let (word, kinds) = (self.word(), self.kinds().join(", "));
            let what = format!("{} kinds of {word} where there must be one", entries.len());
            item.complain(what, format!("write [{word}.{name}.KIND], KIND being one of: {kinds}"));
            return None;
        };
        let Some(kind) = self.kinds().iter().find(|known| *known == kind) else {
            let remedy = nearest_of(kind, self.kinds().iter().copied());
            let place = inner.key_place();
            inner.reader().complain_at(place, inner.path(), format!("there is no {} {kind:?}", self.word()), remedy);
            return None;
        };
        inner.table()?;
        let table = deserialize::<toml::Table>(inner)?;
        Some(Room { name: name.to_owned(), kind, table, place: inner.key_place() })
    }
}

/// Reads a table into a room's struct. Each fault is complained about and its key taken out for the next attempt, so that one
/// fault does not hide the others.
pub(super) fn deserialize<T: DeserializeOwned>(item: &Item<'_>) -> Option<T> {
    let mut rest: Spanned<DeValue<'_>> = item.value().clone();
    let mut taken_out: Vec<String> = Vec::new();
    for _ in 0..FAULTS_MAX {
        let error = match T::deserialize(toml::de::ValueDeserializer::from(rest.clone())) {
            Ok(_) if !taken_out.is_empty() => return None,
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let message = error.message().trim().replace('\n', ", ");
        if missing_field(&message).is_some_and(|field| taken_out.iter().any(|key| key == field)) {
            // It is missing because it was wrong, and that was said.
            return None;
        }
        let span = error.span().unwrap_or_else(|| item.value().span());
        let found = rest.get_ref().as_table().and_then(|table| find(table, &span, item.path()));
        complain(item.reader(), &span, found.as_ref().map_or(item.path(), |found| &found.path), &message);
        let Some(found) = found else { return None };
        take_out(&mut rest, &found.span);
        taken_out.push(found.key);
    }
    None
}

struct Found {
    path: String,
    key: String,
    span: Range<usize>,
}

/// The innermost entry whose key or value holds this span.
fn find(table: &DeTable<'_>, wanted: &Range<usize>, path: &str) -> Option<Found> {
    let holds = |span: &Range<usize>| span.start <= wanted.start && wanted.end <= span.end && !span.is_empty();
    table.iter().find_map(|(key, value)| {
        let path = format!("{path}.{}", key.get_ref());
        // A table under a header of its own does not stand within the span of its parent: every one is looked through.
        let deeper = value.get_ref().as_table().and_then(|inner| find(inner, wanted, &path));
        let here = holds(&key.span()) || holds(&value.span());
        deeper.or_else(|| here.then(|| Found { path, key: key.get_ref().to_string(), span: key.span() }))
    })
}

/// Takes out the entry whose key stands at this span.
fn take_out(value: &mut Spanned<DeValue<'_>>, key_span: &Range<usize>) {
    let DeValue::Table(table) = value.get_mut() else { return };
    let name = table.keys().find(|key| key.span() == *key_span).map(|key| key.get_ref().to_string());
    match name {
        Some(name) => drop(table.remove(name.as_str())),
        None => table.iter_mut().for_each(|(_, inner)| take_out(inner, key_span)),
    }
}

/// Says what serde said, in this file's manner.
fn complain(reader: &Reader<'_>, span: &Range<usize>, path: &str, message: &str) {
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match names.split_first() {
        Some((unknown, known)) if message.starts_with("unknown field") => {
            reader.complain(span, path, format!("unknown key {unknown:?}"), nearest_of(unknown, known.iter().copied()));
        }
        Some((unknown, known)) if message.starts_with("unknown variant") => {
            let what = format!("{unknown:?} is not known here");
            reader.complain(span, path, what, nearest_of(unknown, known.iter().copied()));
        }
        Some((missing, _)) if message.starts_with("missing field") => {
            reader.complain(span, path, format!("{missing} is missing"), "");
        }
        _ => reader.complain(span, path, message, ""),
    }
}

fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split('`').next()
}
