//! The configuration: from a TOML file to checked values, or every complaint at once.
//!
//! Nothing starts half-built: [`Config::load`] gives a whole configuration or [`Complaints`], each with its line, the keys that
//! lead there, what is wrong, and what to do. Shapes of the file stop here; the rest of the host sees milliseconds, millicores
//! and bytes. Every key is described in `docs/config.md`.

mod api;
mod binding;
mod bounds;
mod complaint;
mod cross;
mod file;
mod limits;
mod notices;
mod policies;
mod reader;
mod rooms;
mod tables;
mod telemetry;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::bounds::Settings;
use crate::sandbox::SandboxConfig;

pub use self::api::ApiSettings;
pub use self::binding::{Binding, OnQuarantine, PolicyUse, Select};
pub use self::complaint::{Complaint, Complaints, Place};
pub use self::limits::{CapsRule, Group};
pub use self::notices::NoticeAt;
pub use self::policies::{KeyAt, OciRegistry, PolicySettings};
pub use self::rooms::{DriverKind, Named, RegistrarKind, SourceKind};
pub use self::tables::TableAt;
pub use self::telemetry::{OtlpAt, TelemetrySettings};
pub use crate::secret::{Secret, SecretAt, SecretError};

/// A larger file is no configuration.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A checked configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The file, as it was named.
    pub file: PathBuf,
    /// SHA-256 of the file's bytes, lower-case hex.
    pub digest: String,
    /// Where state is kept. Relative paths of the file start from the file's own folder.
    pub data_dir: PathBuf,
    /// What relative files of `use` start from; `None`: the configuration's own folder.
    pub policies_dir: Option<PathBuf>,
    /// Through which doors policies come in, whose signatures are believed, and how long versions are on probation.
    pub policies: PolicySettings,
    /// Whether every binding decides and records without acting.
    pub dry_run: bool,
    /// What is kept of turns in which nothing happened.
    pub quiet: Quiet,
    /// How long records are kept.
    pub retention: Retention,
    /// How the host is spoken to.
    pub api: ApiSettings,
    /// What the host says of itself.
    pub telemetry: TelemetrySettings,
    /// Who is told what happens, by name.
    pub notices: Vec<NoticeAt>,
    /// Limits of the sandbox.
    pub sandbox: SandboxConfig,
    /// The backends, by name.
    pub drivers: Vec<Named<DriverKind>>,
    /// Where readings come from, by name.
    pub sources: Vec<Named<SourceKind>>,
    /// Where instances are entered, by name.
    pub registrars: Vec<Named<RegistrarKind>>,
    /// The operator's caps on targets, by name.
    pub caps: Vec<CapsRule>,
    /// Groups of bindings that share a budget, by name.
    pub groups: Vec<Group>,
    /// The bindings, by name.
    pub bindings: Vec<Binding>,
    /// Tables that further bindings are read from, by name.
    pub tables: Vec<TableAt>,
    /// What is doubtful and does not stand in the way of starting.
    pub warnings: Vec<Complaint>,
}

/// What is kept of a turn in which nothing was done, refused or failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Quiet {
    /// Enough to replay it.
    #[default]
    Replayable,
    /// That it took place.
    Counted,
}

/// How long records are kept: until either is exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Age.
    pub age_ms: u64,
    /// Size of the store on disk.
    pub size_bytes: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { age_ms: 30 * 24 * 60 * 60 * 1000, size_bytes: 4 * 1024 * 1024 * 1024 }
    }
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, Complaints> {
        let text = read_text(path)?;
        Self::parse(&text, path)
    }

    /// Checks a text that stood in the file `path`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Complaints> {
        file::read(text, path)
    }

    /// Reads a file that holds the bounds of one binding and nothing else, for `policy eval`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load_bounds(path: &Path) -> Result<Settings, Complaints> {
        file::read_bounds(&read_text(path)?, path)
    }

    /// Reads a text that holds the bounds of one binding and nothing else; `path` stands in complaints.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse_bounds(text: &str, path: &Path) -> Result<Settings, Complaints> {
        file::read_bounds(text, path)
    }

    /// Checks a binding that stands in no file: the table `[binding.NAME]` as JSON, on the rooms of this configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it; no complaint has a place.
    pub fn own_binding(&self, name: &str, document: &serde_json::Value) -> Result<Binding, Complaints> {
        file::read_own(name, document, self)
    }

    /// Checks a binding that stands in a row of a table: the keys of `[binding.NAME]`, as TOML or as a JSON object. `row` stands
    /// in complaints in place of a file.
    ///
    /// # Errors
    /// Everything that is wrong with it; places are those in the text.
    pub fn row_binding(&self, row: &str, name: &str, settings: &str) -> Result<Binding, Complaints> {
        file::read_row(row, name, settings, self)
    }

    /// The binding of this name.
    #[must_use]
    pub fn binding(&self, name: &str) -> Option<&Binding> {
        self.bindings.iter().find(|binding| binding.name == name)
    }
}

fn read_text(path: &Path) -> Result<String, Complaints> {
    let refuse = |what: String, remedy: &str| Complaints {
        file: path.display().to_string(),
        complaints: vec![Complaint { place: Place::default(), path: String::new(), what, remedy: remedy.to_owned() }],
    };
    match std::fs::metadata(path) {
        Ok(found) if found.len() > FILE_BYTES_MAX => {
            return Err(refuse(format!("{} bytes are more than {FILE_BYTES_MAX}", found.len()), ""));
        }
        Ok(_) => {}
        Err(error) => {
            let remedy = "name the file with --config, or write one: see docs/config.md";
            return Err(refuse(format!("cannot be read: {error}"), remedy));
        }
    }
    let bytes = std::fs::read(path).map_err(|error| refuse(format!("cannot be read: {error}"), ""))?;
    String::from_utf8(bytes).map_err(|_| refuse("is not UTF-8 text".to_owned(), ""))
}
