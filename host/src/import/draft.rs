//! A binding before it is written, and its writing.

use std::collections::BTreeSet;

use super::note::Place;
use super::toml_text;

/// Names of bindings end in keys and file names, too.
const NAME_CHARS_MAX: usize = 63;
/// Longest line with a comment behind what it says; longer comments stand above.
const LINE_CHARS_MAX: usize = 120;

/// A binding.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draft {
    /// Where it came from.
    pub(super) place: Place,
    /// What it may be called, best first.
    names: Vec<String>,
    /// What stands above it.
    about: Vec<String>,
    settings: Vec<Line>,
    readings: Vec<Reading>,
    policies: Vec<Policy>,
}

/// `key = value  # comment`.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    key: &'static str,
    value: String,
    comment: String,
}

/// One `[[binding.NAME.reading]]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Reading {
    pub(super) name: String,
    pub(super) source: String,
    /// Left out: the name.
    pub(super) query: Option<String>,
    /// Left out: the target.
    pub(super) subject: Option<&'static str>,
    /// The label of the answer that names the instance or node.
    pub(super) label: Option<&'static str>,
    /// What to configure.
    pub(super) about: String,
}

/// One `[[binding.NAME.policy]]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Policy {
    uses: &'static str,
    slot: Option<String>,
    params: Vec<Line>,
    /// What stands above it.
    pub(super) about: Vec<String>,
}

impl Policy {
    pub(super) fn new(uses: &'static str) -> Self {
        Self { uses, slot: None, params: Vec::new(), about: Vec::new() }
    }

    pub(super) fn slot(mut self, slot: impl Into<String>) -> Self {
        self.slot = Some(slot.into());
        self
    }

    /// A parameter, whose value is TOML already.
    pub(super) fn param(&mut self, key: &'static str, value: impl Into<String>) {
        self.params.push(Line { key, value: value.into(), comment: String::new() });
    }

    /// The same, with a comment.
    pub(super) fn param_with(&mut self, key: &'static str, value: impl Into<String>, comment: impl Into<String>) {
        self.params.push(Line { key, value: value.into(), comment: comment.into() });
    }
}

impl Draft {
    pub(super) fn new(place: &Place, names: &[&str], about: impl Into<String>) -> Self {
        let names = names.iter().map(|name| name_of(name)).collect();
        let about = vec![about.into()];
        Self { place: place.clone(), names, about, settings: Vec::new(), readings: Vec::new(), policies: Vec::new() }
    }

    pub(super) fn about(&mut self, text: impl Into<String>) {
        self.about.push(text.into());
    }

    /// A key of the binding, whose value is TOML already. A second value of a key takes the place of the first.
    pub(super) fn set(&mut self, key: &'static str, value: impl Into<String>) {
        self.set_with(key, value, "");
    }

    /// The same, with a comment.
    pub(super) fn set_with(&mut self, key: &'static str, value: impl Into<String>, comment: impl Into<String>) {
        self.settings.retain(|line| line.key != key);
        self.settings.push(Line { key, value: value.into(), comment: comment.into() });
    }

    pub(super) fn unset(&mut self, key: &str) {
        self.settings.retain(|line| line.key != key);
    }

    /// Takes in a reading, under another name where the name is taken by another reading. Gives the name.
    pub(super) fn reading(&mut self, reading: Reading) -> String {
        let mut reading = reading;
        let asked = |one: &Reading| (one.source.clone(), one.query.clone(), one.subject, one.label);
        let wanted = reading.name.clone();
        let mut number = 1_usize;
        while let Some(other) = self.readings.iter().find(|other| other.name == reading.name) {
            if asked(other) == asked(&reading) {
                return reading.name;
            }
            number += 1;
            reading.name = format!("{wanted}_{number}");
        }
        let name = reading.name.clone();
        self.readings.push(reading);
        name
    }

    pub(super) fn policy(&mut self, policy: Policy) {
        self.policies.push(policy);
    }

    pub(super) fn has_policies(&self) -> bool {
        !self.policies.is_empty()
    }

    pub(super) fn uses(&self, policy: &str) -> bool {
        self.policies.iter().any(|one| one.uses == policy)
    }

    pub(super) fn render(&self, name: &str) -> String {
        let mut text = String::new();
        for line in &self.about {
            push_comment(&mut text, line);
        }
        text.push_str(&format!("[binding.{name}]\n"));
        for line in &self.settings {
            line.push(&mut text);
        }
        for reading in &self.readings {
            text.push('\n');
            reading.push(&mut text, name);
        }
        for policy in &self.policies {
            text.push('\n');
            policy.push(&mut text, name);
        }
        text
    }
}

impl Line {
    fn push(&self, text: &mut String) {
        let line = format!("{} = {}", self.key, self.value);
        let comment = toml_text::comment(&self.comment);
        let is_short = !line.contains('\n') && line.chars().count() + comment.chars().count() + 4 <= LINE_CHARS_MAX;
        match (comment.is_empty(), is_short) {
            (true, _) => text.push_str(&line),
            (false, true) => text.push_str(&format!("{line}  # {comment}")),
            (false, false) => text.push_str(&format!("# {comment}\n{line}")),
        }
        text.push('\n');
    }
}

impl Reading {
    fn push(&self, text: &mut String, binding: &str) {
        push_comment(text, &self.about);
        text.push_str(&format!("[[binding.{binding}.reading]]\n"));
        text.push_str(&format!("name = {}\n", toml_text::text(&self.name)));
        text.push_str(&format!("source = {}\n", toml_text::text(&self.source)));
        let rest = [("query", self.query.as_deref()), ("subject", self.subject), ("label", self.label)];
        for (key, value) in rest {
            if let Some(value) = value {
                text.push_str(&format!("{key} = {}\n", toml_text::text(value)));
            }
        }
    }
}

impl Policy {
    fn push(&self, text: &mut String, binding: &str) {
        for line in &self.about {
            push_comment(text, line);
        }
        text.push_str(&format!("[[binding.{binding}.policy]]\nuse = {}\n", toml_text::text(self.uses)));
        if let Some(slot) = &self.slot {
            text.push_str(&format!("slot = {}\n", toml_text::text(slot)));
        }
        if self.params.is_empty() {
            return;
        }
        let inline: Vec<String> = self.params.iter().map(|line| format!("{} = {}", line.key, line.value)).collect();
        let inline = format!("params = {{ {} }}", inline.join(", "));
        let has_comments = self.params.iter().any(|line| !line.comment.is_empty());
        if !has_comments && !inline.contains('\n') && inline.chars().count() <= LINE_CHARS_MAX {
            text.push_str(&format!("{inline}\n"));
            return;
        }
        text.push_str(&format!("\n[binding.{binding}.policy.params]\n"));
        for line in &self.params {
            line.push(text);
        }
    }
}

fn push_comment(text: &mut String, comment: &str) {
    if !comment.is_empty() {
        text.push_str(&format!("# {}\n", toml_text::comment(comment)));
    }
}

/// Each draft with a name of its own: the first that is free of those it may have, or its last with a number.
pub(super) fn named(drafts: Vec<Draft>) -> Vec<(Draft, String)> {
    let mut taken = BTreeSet::new();
    let mut named = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let free = draft.names.iter().find(|name| !taken.contains(*name)).cloned();
        let name = free.unwrap_or_else(|| {
            let base: String = draft.names.last().map_or("binding", String::as_str).chars().take(56).collect();
            // There are at most as many names as drafts, so one of these is free.
            (2_usize..).map(|number| format!("{base}-{number}")).find(|name| !taken.contains(name)).unwrap_or(base)
        });
        taken.insert(name.clone());
        named.push((draft, name));
    }
    named
}

/// A name as bindings have them: letters, digits, `-` and `_`.
fn name_of(text: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
    let name: String = text.trim_matches('/').chars().map(fits).take(NAME_CHARS_MAX).collect();
    if name.is_empty() { "binding".to_owned() } else { name }
}
