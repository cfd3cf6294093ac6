//! A document read by its keys: the keys that were asked for are the known ones, and all others end in a note.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::node::{Content, Node};
use super::note::{Ledger, Outcome, Place};

/// Longest part of an input that a note repeats.
const SHOWN_CHARS_MAX: usize = 80;

/// A value with the keys that lead to it.
#[derive(Debug, Clone)]
pub(super) struct Field<'a> {
    ledger: &'a Ledger,
    place: Place,
    pub(super) path: String,
    pub(super) node: &'a Node,
}

/// A map of them.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    ledger: &'a Ledger,
    place: Place,
    path: String,
    entries: &'a [(String, Node)],
    asked: RefCell<BTreeSet<&'a str>>,
}

impl<'a> Field<'a> {
    pub(super) fn new(ledger: &'a Ledger, place: &Place, path: &str, node: &'a Node) -> Self {
        Self { ledger, place: place.at(node.line), path: path.to_owned(), node }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn ledger(&self) -> &'a Ledger {
        self.ledger
    }

    fn put(&self, outcome: Outcome, what: impl Into<String>, remedy: impl Into<String>) {
        self.ledger.put(&self.place, outcome, &self.path, what, remedy);
    }

    /// It means the same here.
    pub(super) fn carried(&self, what: impl Into<String>) {
        self.put(Outcome::Carried, what, "");
    }

    /// It is here, but means something else or needs a look.
    pub(super) fn changed(&self, what: impl Into<String>, remedy: impl Into<String>) {
        self.put(Outcome::Changed, what, remedy);
    }

    /// It is not here.
    pub(super) fn lost(&self, what: impl Into<String>, remedy: impl Into<String>) {
        self.put(Outcome::Lost, what, remedy);
    }

    /// It says nothing about scaling.
    pub(super) fn aside(&self, what: impl Into<String>) {
        self.put(Outcome::Aside, what, "");
    }

    /// Because of it the document becomes no binding.
    pub(super) fn refused(&self, what: impl Into<String>, remedy: impl Into<String>) {
        self.put(Outcome::Refused, what, remedy);
    }

    fn wrong(&self, wanted: &str) {
        self.lost(format!("is {}, not {wanted}", self.node.word()), "correct the input");
    }

    pub(super) fn map(&self) -> Option<Fields<'a>> {
        match &self.node.content {
            Content::Map(entries) => Some(Fields {
                ledger: self.ledger,
                place: self.place.clone(),
                path: self.path.clone(),
                entries,
                asked: RefCell::default(),
            }),
            _ => {
                self.wrong("a map");
                None
            }
        }
    }

    pub(super) fn list(&self) -> Option<Vec<Field<'a>>> {
        match &self.node.content {
            Content::List(items) => {
                let item =
                    |(index, node)| Field::new(self.ledger, &self.place, &format!("{}[{index}]", self.path), node);
                Some(items.iter().enumerate().map(item).collect())
            }
            _ => {
                self.wrong("a list");
                None
            }
        }
    }

    /// A scalar as its text.
    pub(super) fn text(&self) -> Option<String> {
        let text = self.node.as_written();
        if text.is_none() {
            self.wrong("a text");
        }
        text
    }

    /// A number, also one that stands in quotes, as labels and environments have them.
    pub(super) fn number(&self) -> Option<f64> {
        let number = match &self.node.content {
            Content::Number(number) => Some(*number),
            Content::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number: &f64| number.is_finite());
        if number.is_none() {
            self.wrong("a number");
        }
        number
    }

    /// A whole number within a range.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is checked to be whole and within")]
    pub(super) fn whole(&self, range: RangeInclusive<u32>) -> Option<u32> {
        let number = self.number()?;
        let (least, most) = (f64::from(*range.start()), f64::from(*range.end()));
        if number.fract() == 0.0 && (least..=most).contains(&number) {
            return Some(number as u32);
        }
        let text = format!("{number} is not a whole number from {} to {}", range.start(), range.end());
        self.lost(text, "correct the input");
        None
    }

    pub(super) fn flag(&self) -> Option<bool> {
        let flag = match &self.node.content {
            Content::Flag(flag) => Some(*flag),
            Content::Text(text) if text == "true" => Some(true),
            Content::Text(text) if text == "false" => Some(false),
            _ => None,
        };
        if flag.is_none() {
            self.wrong("true or false");
        }
        flag
    }
}

impl<'a> Fields<'a> {
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn ledger(&self) -> &'a Ledger {
        self.ledger
    }

    /// A key's value; one that is there and empty is not there.
    pub(super) fn get(&self, key: &str) -> Option<Field<'a>> {
        let (name, node) = self.entries.iter().find(|(name, _)| name == key)?;
        self.asked.borrow_mut().insert(name);
        (!node.is_null()).then(|| Field::new(self.ledger, &self.place, &self.join(name), node))
    }

    /// A key without which there is no binding.
    pub(super) fn need(&self, key: &str, remedy: &str) -> Option<Field<'a>> {
        let found = self.get(key);
        if found.is_none() {
            self.ledger.put(&self.place, Outcome::Refused, &self.join(key), "is missing", remedy);
        }
        found
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.get(key)?.text()
    }

    /// All entries, for maps whose keys are names.
    pub(super) fn entries(&self) -> Vec<(&'a str, Field<'a>)> {
        self.asked.borrow_mut().extend(self.entries.iter().map(|(name, _)| name.as_str()));
        let field = |node, name: &str| Field::new(self.ledger, &self.place, &self.join(name), node);
        self.entries.iter().map(|(name, node)| (name.as_str(), field(node, name))).collect()
    }

    /// Keys that nobody has asked for yet.
    pub(super) fn unasked(&self) -> Vec<&'a str> {
        let asked = self.asked.borrow();
        self.entries.iter().map(|(name, _)| name.as_str()).filter(|name| !asked.contains(name)).collect()
    }

    /// Keys that say nothing about scaling, in one note.
    pub(super) fn aside(&self, keys: &[&str], why: &str) {
        let found: Vec<&str> = keys.iter().copied().filter(|key| self.get(key).is_some()).collect();
        if !found.is_empty() {
            self.ledger.put(&self.place, Outcome::Aside, &self.join(&found.join(", ")), why, "");
        }
    }

    /// Everything that nobody asked for ends in a note: its name, never its value.
    pub(super) fn finish(&self) {
        let asked = self.asked.borrow();
        for (name, node) in self.entries.iter().filter(|(name, _)| !asked.contains(name.as_str())) {
            let (what, remedy) = ("is not a field that this import knows", "see whether the binding needs it");
            self.ledger.put(&self.place.at(node.line), Outcome::Lost, &self.join(name), what, remedy);
        }
    }

    fn join(&self, key: &str) -> String {
        let key = shown(key);
        if self.path.is_empty() { key } else { format!("{}.{key}", self.path) }
    }
}

/// A text of the input as a note may show it.
pub(super) fn shown(text: &str) -> String {
    if text.chars().count() <= SHOWN_CHARS_MAX {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    short.push('…');
    short
}
