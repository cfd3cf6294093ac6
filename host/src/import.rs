//! Other systems' autoscaling, as bindings: what they wrote in YAML, labels or environment, in our TOML.
//!
//! Reads documents, writes text, and changes nothing anywhere. One file per system says how each of its fields is carried over;
//! what could not be is told in a [`Note`], and so is what means something else here. Values are shown only of fields that are
//! understood, so that no secret of an input is ever printed. Everything that is emitted has passed the configuration's own
//! reader before it is shown.

mod asgard;
mod draft;
mod droplet;
mod env;
mod fields;
mod goals;
mod hpa;
mod keda;
mod kubernetes;
mod node;
mod note;
mod overlord;
mod overscaler;
mod promql;
mod sizes;
mod toml_text;
mod vpa;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;

use self::draft::Draft;
pub use self::node::FILE_BYTES_MAX;
use self::note::Ledger;
pub use self::note::{Note, Outcome};
use crate::causes::on_one_line;
use crate::config::Config;

/// More files than this are a directory tree, not an import.
const FILES_MAX: usize = 1000;
/// As many as one configuration may hold.
const BINDINGS_MAX: usize = 10_000;

/// As many replicas as a binding takes.
const REPLICAS_MAX: u32 = 1_000_000;

/// A system whose settings can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// Kubernetes HorizontalPodAutoscaler.
    Hpa,
    /// KEDA ScaledObject.
    Keda,
    /// Kubernetes VerticalPodAutoscaler.
    Vpa,
    /// Overscaler: labels of StatefulSets.
    Overscaler,
    /// Overlord: `autoScale` of Director projects.
    Overlord,
    /// DigitalOcean's droplet-autoscale: the environment of its function.
    Droplet,
    /// Asgard's autoscaler: labels of Marathon apps.
    Asgard,
}

impl System {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Hpa, Self::Keda, Self::Vpa, Self::Overscaler, Self::Overlord, Self::Droplet, Self::Asgard];

    /// As the command line says it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Hpa => "hpa",
            Self::Keda => "keda",
            Self::Vpa => "vpa",
            Self::Overscaler => "overscaler",
            Self::Overlord => "overlord",
            Self::Droplet => "droplet",
            Self::Asgard => "asgard",
        }
    }

    /// What its files hold.
    #[must_use]
    pub fn wants(self) -> &'static str {
        match self {
            Self::Hpa => "a HorizontalPodAutoscaler (autoscaling/v1 or v2)",
            Self::Keda => "a ScaledObject (keda.sh/v1alpha1)",
            Self::Vpa => "a VerticalPodAutoscaler (autoscaling.k8s.io/v1)",
            Self::Overscaler => "a StatefulSet with Overscaler's labels",
            Self::Overlord => "a directorProject with autoScale",
            Self::Droplet => "the function's environment: a .env file, project.yml, or a flat map",
            Self::Asgard => "a Marathon app with asgard.autoscale labels, or the answer of /v2/apps",
        }
    }

    /// The name that stands for its backend's driver where the command line gives none.
    fn driver(self) -> &'static str {
        match self {
            Self::Hpa | Self::Keda | Self::Vpa | Self::Overscaler => "kubernetes",
            Self::Overlord => "overlord",
            Self::Droplet => "digitalocean",
            Self::Asgard => "marathon",
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A file that was read.
#[derive(Clone, PartialEq, Eq)]
pub struct Input {
    /// As it was named; `-` is standard input.
    pub file: String,
    /// What stood in it.
    pub text: String,
}

impl fmt::Debug for Input {
    /// Without the text: there may be secrets in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("file", &self.file).field("bytes", &self.text.len()).finish()
    }
}

/// What the command line chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choices {
    /// The driver's name in `select`.
    pub driver: String,
    /// The source of readings that PromQL can ask for.
    pub source: String,
    /// Whether policies are to decide as the old system did, where that is less safe.
    pub compat: bool,
}

impl Choices {
    /// What holds for a system where nothing is chosen.
    #[must_use]
    pub fn of(system: System) -> Self {
        Self { driver: system.driver().to_owned(), source: "prometheus".to_owned(), compat: false }
    }
}

/// The source of readings that somebody must send.
const PUSH: &str = "push";

/// What came of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The bindings, in the order of the documents.
    pub bindings: Vec<Imported>,
    /// What became of every field, in the order of the documents.
    pub notes: Vec<Note>,
    head: String,
}

/// One binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// `NAME` of `[binding.NAME]`.
    pub name: String,
    /// The tables, with comments.
    pub toml: String,
}

impl Import {
    /// All bindings as one text, with a head that says what else the configuration needs.
    #[must_use]
    pub fn toml(&self) -> String {
        let mut text = self.head.clone();
        for binding in &self.bindings {
            text.push('\n');
            text.push_str(&binding.toml);
        }
        text
    }

    /// Whether something was not carried over.
    #[must_use]
    pub fn is_lossy(&self) -> bool {
        self.notes.iter().any(|note| matches!(note.outcome, Outcome::Lost | Outcome::Refused))
    }

    /// Whether a document that should have become a binding did not.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.notes.iter().any(|note| note.outcome == Outcome::Refused)
    }
}

/// Why nothing was imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Files that cannot be read as what they should be.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Unreadable(Vec<Unreadable>),
    /// None of the files holds what is imported.
    #[error("none of the files holds {wants}; name the system that wrote them: {}", words())]
    Nothing {
        /// What was looked for.
        wants: &'static str,
    },
    /// Too much at once.
    #[error("{what} are more than {most}; import them in parts")]
    TooMany {
        /// What there is too much of, with its number.
        what: String,
        /// The limit.
        most: usize,
    },
}

/// A file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The file.
    pub file: String,
    /// From 1; 0 where no line is at fault.
    pub line: u64,
    /// What is wrong, and what to do.
    pub what: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, what } = self;
        let place = if *line > 0 { format!("{file}:{line}") } else { file.clone() };
        f.write_str(&on_one_line(&format!("{place}: {what}")))
    }
}

fn words() -> String {
    System::ALL.map(System::word).join(", ")
}

/// Reads the files of one system and makes bindings of them.
///
/// # Errors
/// Where a file is not what it should be, where there is nothing to import in any of them, or too much.
pub fn import(system: System, inputs: &[Input], choices: &Choices) -> Result<Import, ImportError> {
    if inputs.len() > FILES_MAX {
        return Err(ImportError::TooMany { what: format!("{} files", inputs.len()), most: FILES_MAX });
    }
    let ledger = Ledger::new();
    let drafts = match system {
        System::Hpa => kubernetes::each(inputs, &ledger, &hpa::KIND, |object| hpa::import(object, choices)),
        System::Keda => kubernetes::each(inputs, &ledger, &keda::KIND, |object| keda::import(object, choices)),
        System::Vpa => kubernetes::each(inputs, &ledger, &vpa::KIND, |object| vpa::import(object, choices)),
        System::Overscaler => {
            kubernetes::each(inputs, &ledger, &overscaler::KIND, |object| overscaler::import(object, choices))
        }
        System::Overlord => overlord::import(inputs, &ledger, choices),
        System::Droplet => droplet::import(inputs, &ledger, choices),
        System::Asgard => asgard::import(inputs, &ledger, choices),
    }
    .map_err(ImportError::Unreadable)?;
    if drafts.is_empty() && !ledger.has_refused() {
        return Err(ImportError::Nothing { wants: system.wants() });
    }
    if drafts.len() > BINDINGS_MAX {
        return Err(ImportError::TooMany { what: format!("{} bindings", drafts.len()), most: BINDINGS_MAX });
    }
    let bindings = sound(drafts, choices, &ledger);
    let head = head(system, choices, &bindings);
    Ok(Import { bindings, notes: ledger.into_notes(inputs), head })
}

/// Names the drafts apart, and leaves out what our own reader would refuse.
fn sound(drafts: Vec<Draft>, choices: &Choices, ledger: &Ledger) -> Vec<Imported> {
    let mut bindings = Vec::with_capacity(drafts.len());
    for (draft, name) in draft::named(drafts) {
        let toml = draft.render(&name);
        let config = format!("{}\n{toml}", stand_ins(choices));
        match Config::parse(&config, Path::new("imported.toml")) {
            Ok(_) => bindings.push(Imported { name, toml }),
            Err(complaints) => {
                for complaint in complaints.complaints {
                    let remedy = "change the value in the input, or write the binding by hand";
                    let what = format!("our configuration refuses it: {}: {}", complaint.path, complaint.what);
                    ledger.put(&draft.place, Outcome::Refused, "", what, remedy);
                }
            }
        }
    }
    bindings
}

/// Driver and sources by their names, of kinds that need nothing: only so that a binding can name them.
fn stand_ins(choices: &Choices) -> String {
    let mut text = format!("[driver.{}.process]\n[source.{PUSH}.push]\n", toml_text::key(&choices.driver));
    if choices.source != PUSH {
        text.push_str(&format!("[source.{}.push]\n", toml_text::key(&choices.source)));
    }
    text
}

/// What stands above all bindings: what else the configuration needs for them.
fn head(system: System, choices: &Choices, bindings: &[Imported]) -> String {
    let Choices { driver, source, .. } = choices;
    let mut needs =
        vec![(format!("[driver.{driver}.KIND]"), "what runs these workloads; `select` names them as it does")];
    let is_used = |source: &str| {
        let line = format!("\nsource = {}\n", toml_text::text(source));
        bindings.iter().any(|binding| binding.toml.contains(&line))
    };
    if is_used(source) {
        needs.push((format!("[source.{source}.prometheus]"), "with `url`, for readings that are asked for in PromQL"));
    }
    if is_used(PUSH) && source != PUSH {
        needs.push((format!("[source.{PUSH}.push]"), "for readings that somebody sends"));
    }
    let mut text = format!("# Made by `trimtab import {system}`. It goes into trimtab.toml beside:\n");
    for (table, what) in needs {
        text.push_str(&format!("#   {table:<34} {what}\n"));
    }
    text.push_str(
        "# Then `trimtab check` says what is still wrong, and `mode = \"dry-run\"` shows what it would do.\n",
    );
    text
}
