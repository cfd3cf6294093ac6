//! `[driver.NAME.KIND]`, `[source.NAME.KIND]`, `[registrar.NAME.KIND]`: the table key picks the kind, the room's own struct
//! reads the rest.

mod drivers;
mod registrars;
mod sources;

use std::ops::Range;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use self::drivers::DriverKind;
pub(in crate::config) use self::registrars::Mark;
pub use self::registrars::RegistrarKind;
pub use self::sources::SourceKind;
use super::complaint::Place;
use super::reader::{Item, Reader, nearest_of};
use crate::sandbox::{SandboxConfig, SandboxError, Tier};

/// Faults that are looked for in one table of a room: serde stops at each.
const FAULTS_MAX: usize = 32;

/// One table of a room: the operator's name for it, and what its kind says.
#[derive(Debug, Clone, PartialEq)]
pub struct Named<K> {
    /// The operator's name for it.
    pub name: String,
    /// Its kind and its settings.
    pub kind: K,
    /// Where it stands in the file.
    pub place: Place,
}

/// A room that the file can furnish.
pub(super) trait Furnish: Sized {
    /// The table: `driver`.
    const WORD: &'static str;
    /// The table keys of its kinds.
    const KINDS: &'static [&'static str];

    /// Reads the table of one of these kinds.
    fn read(kind: &str, item: &Item<'_>) -> Option<Self>;

    /// Has its relative paths start from this folder, the configuration's own.
    fn root_at(&mut self, base: &Path);
}

fn unknown_kind<K: Furnish>(kind: &str, item: &Item<'_>) -> Option<K> {
    let remedy = nearest_of(kind, K::KINDS.iter().copied());
    let what = format!("there is no {} of kind {kind:?}", K::WORD);
    item.reader().complain_at(item.key_place(), item.path(), what, remedy);
    None
}

/// Reads a table into a room's struct, and has the room look at what its shape does not say.
fn checked<T: DeserializeOwned>(item: &Item<'_>, complaints: impl Fn(&T) -> Vec<String>) -> Option<T> {
    let settings: T = deserialize(item)?;
    complain_all(item, &complaints(&settings));
    Some(settings)
}

fn root<'a>(base: &Path, files: impl IntoIterator<Item = &'a mut std::path::PathBuf>) {
    files.into_iter().for_each(|file| *file = base.join(&*file));
}

/// Reads one `[driver.NAME]`, which holds one table: its kind.
pub(super) fn read_named<K: Furnish>(name: &str, item: &Item<'_>) -> Option<Named<K>> {
    let entries = item.table()?.entries();
    let [(kind, inner)] = entries.as_slice() else {
        let what = format!("{} kinds of {} where there must be one", entries.len(), K::WORD);
        item.complain(what, format!("write [{}.{name}.KIND], KIND being one of: {}", K::WORD, K::KINDS.join(", ")));
        return None;
    };
    inner.table()?;
    Some(Named { name: name.to_owned(), kind: K::read(kind, inner)?, place: inner.key_place() })
}

/// `[sandbox]`: its shape, and what each tier comes to.
pub(super) fn read_sandbox(item: &Item<'_>) -> Option<SandboxConfig> {
    let sandbox: SandboxConfig = deserialize(item)?;
    for tier in [Tier::Compiled, Tier::Interpreted] {
        if let Err(error) = sandbox.limits(tier) {
            let text = match error {
                SandboxError::Config { what } => what,
                other => other.to_string(),
            };
            let (keys, what) = text.split_once(' ').unwrap_or(("", &text));
            let keys = keys.strip_prefix("sandbox.").unwrap_or(keys);
            complain_all(item, &[format!("{keys}: {what}")]);
        }
    }
    Some(sandbox)
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
        let found = found?;
        take_out(&mut rest, &found.span);
        taken_out.push(found.key);
    }
    None
}

/// Complaints of a room about what its shape does not say: `workload.web.cwd: is not an absolute path; …`.
pub(super) fn complain_all(item: &Item<'_>, complaints: &[String]) {
    for complaint in complaints {
        let (keys, what) = complaint.split_once(": ").unwrap_or(("", complaint));
        let table = item.value().get_ref().as_table();
        // A key that was left out has no place of its own: then the table's is the nearest.
        let span = table.and_then(|table| deepest(table, keys)).unwrap_or_else(|| item.value().span());
        let path = if keys.is_empty() { item.path().to_owned() } else { format!("{}.{keys}", item.path()) };
        item.reader().complain(&span, &path, what, "");
    }
}

/// Where the value of these keys stands, or that of as many of them as there are.
fn deepest(table: &DeTable<'_>, keys: &str) -> Option<Range<usize>> {
    table.iter().find_map(|(key, value)| {
        let rest = keys.strip_prefix(key.get_ref().as_ref())?;
        match (rest.strip_prefix('.'), value.get_ref()) {
            (Some(rest), DeValue::Table(inner)) => deepest(inner, rest).or(Some(value.span())),
            (Some(_), _) => Some(value.span()),
            (None, _) => rest.is_empty().then(|| value.span()),
        }
    })
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
        _ => reader.complain(span, path, in_words(message), ""),
    }
}

/// serde names Rust's types; operators know others.
fn in_words(message: &str) -> String {
    let Some((what, expected)) = message.rsplit_once(", expected ") else { return message.to_owned() };
    let expected = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" | "i64" => "a whole number that fits",
        "f64" | "f32" => "a number",
        "a string" => "a text, in quotes",
        "a sequence" => "a list, [ … ]",
        "a map" => "a table, { … }",
        "a boolean" => "true or false",
        other if other.starts_with("struct ") => "a table, { … }",
        other => other,
    };
    format!("{what}, expected {expected}")
}

fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split('`').next()
}
