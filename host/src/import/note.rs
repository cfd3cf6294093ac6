//! What became of each field.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use serde::Serialize;

use super::Input;
use crate::causes::on_one_line;

/// What became of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It means the same here.
    #[serde(rename = "carried-over")]
    Carried,
    /// It is here, and means something else or needs a look.
    Changed,
    /// It is not here.
    #[serde(rename = "not-carried-over")]
    Lost,
    /// It does not say how anything scales: bookkeeping, credentials of the old system, other documents.
    #[serde(rename = "left-aside")]
    Aside,
    /// The document did not become a binding.
    Refused,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Carried => "carried over",
            Self::Changed => "changed",
            Self::Lost => "not carried over",
            Self::Aside => "left aside",
            Self::Refused => "no binding",
        })
    }
}

/// One thing to know about an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// What became of it.
    pub outcome: Outcome,
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1; 0 where it is not known.
    pub line: u64,
    /// Which document of the file, from 1; 0 where it is the file as a whole.
    pub document: usize,
    /// What the document is: `HorizontalPodAutoscaler shop/web`.
    pub title: String,
    /// The keys that lead to the field: `spec.metrics[0].resource`; empty for the document as a whole.
    pub field: String,
    /// What it has become, or why it has not.
    pub what: String,
    /// What to do; empty where there is nothing to do.
    pub remedy: String,
}

impl fmt::Display for Note {
    /// `web.yaml:12: spec.behavior: changed: …; …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = self.file.clone();
        if self.line > 0 {
            line.push_str(&format!(":{}", self.line));
        }
        if !self.title.is_empty() {
            line.push_str(&format!(": {}", self.title));
        }
        if !self.field.is_empty() {
            line.push_str(&format!(": {}", self.field));
        }
        line.push_str(&format!(": {}: {}", self.outcome, self.what));
        if !self.remedy.is_empty() {
            line.push_str(&format!("; {}", self.remedy));
        }
        // Names and values of the file stand in it.
        f.write_str(&on_one_line(&line))
    }
}

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Place {
    pub(super) file: Rc<str>,
    pub(super) document: usize,
    pub(super) title: Rc<str>,
    pub(super) line: u64,
}

impl Place {
    pub(super) fn at(&self, line: u64) -> Self {
        Self { line, ..self.clone() }
    }
}

/// The notes as they are made.
#[derive(Debug)]
pub(super) struct Ledger {
    notes: RefCell<Vec<Note>>,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self { notes: RefCell::new(Vec::new()) }
    }

    pub(super) fn put(
        &self,
        place: &Place,
        outcome: Outcome,
        field: &str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.notes.borrow_mut().push(Note {
            outcome,
            file: place.file.to_string(),
            line: place.line,
            document: place.document,
            title: place.title.to_string(),
            field: field.to_owned(),
            what: what.into(),
            remedy: remedy.into(),
        });
    }

    pub(super) fn has_refused(&self) -> bool {
        self.notes.borrow().iter().any(|note| note.outcome == Outcome::Refused)
    }

    /// All of them, in the order of the files and of their lines.
    pub(super) fn into_notes(self, inputs: &[Input]) -> Vec<Note> {
        let mut notes = self.notes.into_inner();
        let order: BTreeMap<&str, usize> =
            inputs.iter().enumerate().map(|(index, input)| (input.file.as_str(), index)).collect();
        notes.sort_by_key(|note| (order.get(note.file.as_str()).copied(), note.document, note.line));
        notes
    }
}
