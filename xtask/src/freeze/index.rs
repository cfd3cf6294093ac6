//! What is frozen of one version of the contract, as `index.json` has it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::digest;
use crate::index::write_if_changed;
use crate::workspace::Workspace;

/// The contract, below the root.
const WIT: &str = "wit/v1/policy.wit";
/// The index, beside the files that it names.
pub(super) const INDEX: &str = "index.json";

/// One version of the contract and its guests.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Frozen {
    /// The version.
    pub(super) contract: String,
    /// SHA-256 of what the contract says: its lines without comments, indentation and blank lines.
    pub(super) wit_sha256: String,
    /// The file beside the index with what each guest was asked and answered.
    pub(super) cases: String,
    /// One of each language, by name.
    pub(super) guests: Vec<Guest>,
}

/// One guest as it was built.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Guest {
    /// The word of `trimtab policy new --lang`.
    pub(super) language: String,
    /// What it is, as in `target/languages-out/index.json`.
    pub(super) kind: String,
    /// SHA-256 of the file as it was built.
    pub(super) sha256: String,
    /// Its size.
    pub(super) bytes: u64,
    /// The packed file beside the index; none where it is too large to be kept.
    pub(super) file: Option<String>,
    /// The size of that.
    pub(super) packed_bytes: u64,
    /// The command that made it.
    pub(super) made_by: String,
    /// The tools that it names itself, with their versions.
    pub(super) tools: Vec<String>,
    /// The commit that it was built from.
    pub(super) source: String,
    /// The day.
    pub(super) frozen: String,
}

/// A line of `target/languages-out/index.json`.
#[derive(Debug, Deserialize)]
pub(super) struct Built {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) kind: String,
    pub(super) sha256: String,
}

/// The examples that are built.
///
/// # Errors
/// Where there are none.
pub(super) fn built(out: &Path) -> Result<Vec<Built>> {
    let path = out.join(INDEX);
    let text =
        fs::read(&path).with_context(|| format!("reading {}; build with `cargo xtask languages`", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display()))
}

/// The version of the contract, from its `package` line.
///
/// # Errors
/// Where there is none.
pub(super) fn contract(workspace: &Workspace) -> Result<String> {
    let wit = wit(workspace)?;
    let version = wit.lines().find_map(|line| line.strip_prefix("package trimtab:policy@")?.strip_suffix(';'));
    version.map(str::to_owned).with_context(|| format!("{WIT} has no line `package trimtab:policy@…;`"))
}

/// SHA-256 of what the contract says.
///
/// # Errors
/// Where it cannot be read.
pub(super) fn wit_sha256(workspace: &Workspace) -> Result<String> {
    Ok(digest::of(essence(&wit(workspace)?).as_bytes()))
}

fn wit(workspace: &Workspace) -> Result<String> {
    fs::read_to_string(workspace.root.join(WIT)).with_context(|| format!("reading {WIT}"))
}

/// What counts of a WIT. `tests/it/frozen.rs` says the same: comments may be mended after a release, types may not.
fn essence(wit: &str) -> String {
    let lines = wit.lines().map(|line| line.split("//").next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

impl Frozen {
    /// What there is of a version; none where nothing is yet.
    ///
    /// # Errors
    /// Where there is an index that is none.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(INDEX);
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_slice(&text).map(Some).with_context(|| format!("reading {}", path.display()))
    }

    /// Fails where the contract is another than the one that is frozen under its version.
    ///
    /// # Errors
    /// With the remedies.
    pub(super) fn hold_to(&self, wit_sha256: &str) -> Result<()> {
        if self.wit_sha256 != wit_sha256 {
            bail!(
                "{WIT} is not the contract {} that is frozen: a changed contract has a new version (before its release: freeze all languages with --anew)",
                self.contract
            );
        }
        Ok(())
    }

    /// Writes the index.
    ///
    /// # Errors
    /// Where the disk fails.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self).context("writing the index")?;
        text.push('\n');
        write_if_changed(&folder.join(INDEX), text.as_bytes())
    }

    /// Puts a guest in the place of the one in its language.
    pub(super) fn put(&mut self, guest: Guest) {
        self.guests.retain(|there| there.language != guest.language);
        self.guests.push(guest);
        self.guests.sort_by(|one, other| one.language.cmp(&other.language));
    }

    /// The files that the index names.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.guests.iter().filter_map(|guest| guest.file.as_deref()).chain([self.cases.as_str()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_not_the_contract() {
        let one = "/// What it is.\ninterface decide {\n    // Asked once.\n    describe: func() -> manifest;\n}\n";
        let same = "interface decide {\n\n  /// Other words.\n  describe: func() -> manifest; // so\n}";
        assert_eq!(essence(one), essence(same));
        assert_ne!(essence(one), essence(&one.replace("manifest", "answer")));
    }
}
