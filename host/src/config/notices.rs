//! `[notice.NAME]`: who is told what happens, and where.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::file::check_name;
use super::reader::{Item, Table, nearest_of};
use super::rooms::deserialize;
use crate::causes::with_causes;
use crate::cycle::Happening;
use crate::notices::{About, EVENTS_DEFAULT, FIELDS, NoticeSettings, Shape, Template};
use crate::secret::{SecretAt, SecretError};

/// Places that are told.
const NOTICES_MAX: usize = 64;
/// Targets that a notice names.
const ABOUT_MAX: usize = 1_024;

/// A place where people are told.
#[derive(Debug, Clone, PartialEq)]
pub struct NoticeAt {
    /// Its name.
    pub name: String,
    /// Where the webhook's address is kept.
    pub url: SecretAt,
    /// What it takes.
    pub shape: Shape,
    /// Kinds of event that are told.
    pub events: Vec<String>,
    /// Whose events are told; empty: all.
    pub about: Vec<About>,
    /// The sentence; `None`: one for each kind.
    pub template: Option<Template>,
    /// Most notices per minute.
    pub per_minute: u32,
    /// How long one post may take.
    pub timeout_ms: u64,
    /// Who vouches for the server; `None`: whom the system believes.
    pub ca_file: Option<PathBuf>,
}

impl NoticeAt {
    /// Fetches the address.
    ///
    /// # Errors
    /// Where it is not there.
    pub fn fetch(&self) -> Result<NoticeSettings, SecretError> {
        Ok(NoticeSettings {
            name: self.name.clone(),
            url: self.url.fetch()?.reveal().to_owned(),
            shape: self.shape,
            events: self.events.clone(),
            about: self.about.clone(),
            template: self.template.clone(),
            per_minute: self.per_minute,
            timeout_ms: self.timeout_ms,
            ca_file: self.ca_file.clone(),
        })
    }
}

/// Reads `[notice.NAME]`; relative paths start from `base`, and `drivers` are those that the file declares.
pub(super) fn read_notices(root: &Table<'_>, base: &Path, drivers: &BTreeSet<String>) -> Vec<NoticeAt> {
    let Some(named) = root.get("notice").and_then(|item| item.table()) else { return Vec::new() };
    let entries = named.entries();
    if entries.len() > NOTICES_MAX {
        named.complain(format!("{} notices are more than {NOTICES_MAX}", entries.len()), "");
        return Vec::new();
    }
    let read = |(name, item): &(String, Item<'_>)| {
        let named_well = check_name(name, item);
        read_notice(name, item, base, drivers).filter(|_| named_well)
    };
    entries.iter().filter_map(read).collect()
}

fn read_notice(name: &str, item: &Item<'_>, base: &Path, drivers: &BTreeSet<String>) -> Option<NoticeAt> {
    const SHAPES: [(&str, Shape); 3] = [("slack", Shape::Slack), ("teams", Shape::Teams), ("json", Shape::Json)];
    let table = item.table()?;
    let url = table.need("url", "write url = { file = \"slack.url\" }: who knows it may write there");
    let url = url.and_then(|item| deserialize::<SecretAt>(&item)).map(|at| match at {
        SecretAt::File(file) => SecretAt::File(base.join(file)),
        at @ SecretAt::Env(_) => at,
    });
    let shape = table.get("shape").and_then(|item| item.word(&SHAPES)).unwrap_or_default();
    let events = table.get("events").map(|item| read_events(&item)).unwrap_or_default();
    let about = table.get("about").map(|item| read_about(&item, drivers)).unwrap_or_default();
    let template = table.get("template").and_then(|item| read_template(&item));
    let per_minute = table.get("per_minute").and_then(|item| item.count(1..=600)).unwrap_or(20);
    let timeout_ms = table.get("timeout").and_then(|item| item.duration_ms(100..=60_000)).unwrap_or(10_000);
    let ca_file = table.get("ca_file").and_then(|item| item.line()).map(|file| base.join(file));
    table.finish();
    let events = if events.is_empty() { EVENTS_DEFAULT.map(str::to_owned).into() } else { events };
    Some(NoticeAt { name: name.to_owned(), url: url?, shape, events, about, template, per_minute, timeout_ms, ca_file })
}

fn read_events(item: &Item<'_>) -> Vec<String> {
    let Some(items) = item.items() else { return Vec::new() };
    if items.is_empty() {
        item.complain("tells nothing", "leave it out, or name an event");
    }
    let words = Happening::WORDS.map(|word| (word, word));
    items.iter().filter_map(|item| item.word(&words)).map(str::to_owned).collect()
}

fn read_about(item: &Item<'_>, drivers: &BTreeSet<String>) -> Vec<About> {
    let Some(items) = item.items() else { return Vec::new() };
    if items.len() > ABOUT_MAX {
        item.complain(format!("{} targets are more than {ABOUT_MAX}", items.len()), "name their drivers");
        return Vec::new();
    }
    if items.is_empty() {
        item.complain("is about nothing", "leave it out, or name a target or a driver");
    }
    let read = |item: &Item<'_>| {
        let text = item.line()?;
        let driver = text.split_once('/').map_or(text.as_str(), |(driver, _)| driver);
        if !drivers.contains(driver) {
            let remedy = nearest_of(driver, drivers.iter().map(String::as_str));
            item.complain(format!("there is no driver {driver:?}"), remedy);
            return None;
        }
        if text == driver {
            return Some(About::Driver(text));
        }
        text.parse().map(About::Target).map_err(|error| item.complain(with_causes(&error), "")).ok()
    };
    items.iter().filter_map(read).collect()
}

fn read_template(item: &Item<'_>) -> Option<Template> {
    let text = item.line()?;
    let wrong = |error: crate::notices::TemplateError| {
        let remedy = match &error {
            crate::notices::TemplateError::Field { field } => nearest_of(field, FIELDS),
            crate::notices::TemplateError::Brace => String::new(),
        };
        item.complain(error.to_string(), remedy);
    };
    Template::read(&text).map_err(wrong).ok()
}
