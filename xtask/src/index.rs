//! A folder of WebAssembly files and the `index.json` that lists them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::digest;

/// What a file holds.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// A core module that says its component type in a custom section.
    Module,
    /// A component.
    Component,
}

/// One file of the index.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    /// The policy's name.
    pub(crate) name: String,
    /// The file, beside the index.
    pub(crate) file: String,
    /// What it holds.
    pub(crate) kind: Kind,
    /// SHA-256 of the file, in hexadecimal digits.
    pub(crate) sha256: String,
    /// Its size.
    pub(crate) bytes: usize,
}

impl Entry {
    /// Describes a file named after the policy.
    pub(crate) fn new(name: &str, kind: Kind, bytes: &[u8]) -> Self {
        let file = format!("{name}.wasm");
        Self { name: name.to_owned(), file, kind, sha256: digest::of(bytes), bytes: bytes.len() }
    }
}

/// Writes the index, and removes modules that are not in it: a policy that left the workspace must leave the binary too.
///
/// # Errors
/// Where the disk fails.
pub(crate) fn write(folder: &Path, index: &[Entry]) -> Result<()> {
    let files: BTreeSet<&str> = index.iter().map(|entry| entry.file.as_str()).collect();
    for entry in fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))? {
        let path = entry.with_context(|| format!("listing {}", folder.display()))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".wasm") && !files.contains(name.as_ref()) {
            fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        }
    }
    let mut text = serde_json::to_string_pretty(index).context("writing the index")?;
    text.push('\n');
    write_if_changed(&folder.join("index.json"), text.as_bytes())
}

/// Leaves a file alone that says the same already, so that nothing is built again on its account.
///
/// # Errors
/// Where the disk fails.
pub(crate) fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    // Renamed into place: whoever reads at the same time sees the old file or the new one, never half of it.
    let half = path.with_extension("half");
    fs::write(&half, bytes).with_context(|| format!("writing {}", half.display()))?;
    fs::rename(&half, path).with_context(|| format!("renaming {} to {}", half.display(), path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_drops_what_left() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["stays.wasm", "left.wasm", "other.txt"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        write(folder.path(), &[Entry::new("stays", Kind::Module, b"")]).unwrap();
        let entries = fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["index.json", "other.txt", "stays.wasm"]);
    }

    #[test]
    fn an_equal_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_if_changed(&path, b"one").unwrap();
        let before = fs::metadata(&path).unwrap().modified().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        write_if_changed(&path, b"one").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before);
        write_if_changed(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
    }
}
