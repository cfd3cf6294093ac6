//! Where a version of the contract is kept on disk, so that whoever is interrupted leaves what was there before, whole.
//!
//! A file is named after its content and never changes; the index says which of them count. What is to be frozen is put together and
//! tried in a folder of its own below `target/`. Then its files are put beside the old ones, the index is renamed over the old index,
//! and only then goes what that does not name.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::index::{Frozen, INDEX};
use crate::digest;
use crate::index::write_if_changed;

/// As much of a digest as a file's name needs.
const SHORT: usize = 12;

/// `rust-0123456789ab.wasm.zst`.
pub(super) fn name(stem: &str, bytes: &[u8], ending: &str) -> String {
    let sha256 = digest::of(bytes);
    format!("{stem}-{}.{ending}", sha256.get(..SHORT).unwrap_or(&sha256))
}

/// Makes a folder that holds what is frozen, and nothing else.
///
/// # Errors
/// Where the disk fails.
pub(super) fn stage(frozen: &Path, staged: &Path) -> Result<()> {
    if staged.exists() {
        fs::remove_dir_all(staged).with_context(|| format!("removing {}", staged.display()))?;
    }
    fs::create_dir_all(staged).with_context(|| format!("making {}", staged.display()))?;
    let list = || format!("listing {}", frozen.display());
    for entry in fs::read_dir(frozen).with_context(list)? {
        let version = entry.with_context(list)?.path();
        if let (Some(name), Some(_)) = (version.file_name(), Frozen::read(&version)?) {
            place(&version, &staged.join(name))?;
        }
    }
    Ok(())
}

/// Puts a folder in the place of another.
///
/// # Errors
/// Where the disk fails, or the index names what is not there.
pub(super) fn place(from: &Path, to: &Path) -> Result<()> {
    let frozen = Frozen::read(from)?.with_context(|| format!("{} has no {INDEX}", from.display()))?;
    fs::create_dir_all(to).with_context(|| format!("making {}", to.display()))?;
    put_files(&frozen, from, to)?;
    frozen.write(to)?;
    sweep(&frozen, to)
}

/// Puts the files beside those that are there.
fn put_files(frozen: &Frozen, from: &Path, to: &Path) -> Result<()> {
    for file in frozen.files() {
        let path = from.join(file);
        let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        write_if_changed(&to.join(file), &bytes)?;
    }
    Ok(())
}

/// Removes what the index does not name.
///
/// # Errors
/// Where the disk fails.
pub(super) fn sweep(frozen: &Frozen, folder: &Path) -> Result<()> {
    let list = || format!("listing {}", folder.display());
    for entry in fs::read_dir(folder).with_context(list)? {
        let entry = entry.with_context(list)?;
        let name = entry.file_name();
        if name != INDEX && frozen.files().all(|file| name != file) {
            fs::remove_file(entry.path()).with_context(|| format!("removing {}", entry.path().display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::super::index::Guest;
    use super::*;

    /// A folder with a guest in one language, which answers in its own way.
    fn frozen(contents: &str) -> (TempDir, PathBuf, Frozen) {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("0.1.0");
        fs::create_dir(&folder).unwrap();
        let file = name("rust", contents.as_bytes(), "wasm.zst");
        let cases = name("cases", contents.as_bytes(), "json");
        fs::write(folder.join(&file), contents).unwrap();
        fs::write(folder.join(&cases), contents).unwrap();
        let guest = Guest {
            language: "rust".to_owned(),
            kind: "module".to_owned(),
            sha256: digest::of(contents.as_bytes()),
            bytes: contents.len() as u64,
            file: Some(file),
            packed_bytes: contents.len() as u64,
            made_by: String::new(),
            tools: Vec::new(),
            source: String::new(),
            frozen: String::new(),
        };
        let index = Frozen { contract: "0.1.0".to_owned(), wit_sha256: String::new(), cases, guests: vec![guest] };
        index.write(&folder).unwrap();
        (root, folder, index)
    }

    /// What the index on disk names, if it is all there.
    fn whole(folder: &Path) -> Frozen {
        let index = Frozen::read(folder).unwrap().unwrap();
        let contents: BTreeSet<Vec<u8>> = index.files().map(|file| fs::read(folder.join(file)).unwrap()).collect();
        assert_eq!(contents.len(), 1, "guests of one freezing with the cases of another");
        index
    }

    fn files(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn what_is_interrupted_leaves_what_was_there() {
        let (_old_root, folder, old) = frozen("old");
        let (_new_root, staged, new) = frozen("new");
        put_files(&new, &staged, &folder).unwrap();
        assert_eq!(whole(&folder), old, "before the index");
        assert_eq!(files(&folder), 5);
        new.write(&folder).unwrap();
        assert_eq!(whole(&folder), new, "after the index");
        sweep(&new, &folder).unwrap();
        assert_eq!(whole(&folder), new);
        assert_eq!(files(&folder), 3);
    }

    #[test]
    fn the_next_run_begins_with_what_counts_and_clears_up() {
        let (root, folder, old) = frozen("old");
        let (_new_root, staged, new) = frozen("new");
        put_files(&new, &staged, &folder).unwrap();
        fs::create_dir(root.path().join("0.2.0")).unwrap();
        let next = root.path().join("next");
        stage(root.path(), &next).unwrap();
        assert_eq!(whole(&next.join("0.1.0")), old);
        assert_eq!((files(&next), files(&next.join("0.1.0"))), (1, 3), "a version without an index is none");
        place(&next.join("0.1.0"), &folder).unwrap();
        assert_eq!(whole(&folder), old);
        assert_eq!(files(&folder), 3);
    }
}
