//! `cargo xtask freeze`: keeps the example policy of each language as it is built today, so that a later host is tried with it.
//!
//! What is frozen lies in `tests/frozen/<version of the contract>/`: one compressed file per language, `cases.json` with what
//! each was asked and answered, and `index.json`, which says of each its digest and what made it. A contract that was released does
//! not change, and neither do its guests: what is there is left alone, and only languages that are not there yet are added.

mod index;
mod play;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use self::index::{Frozen, Guest};
use crate::steps::{self, Step, say};
use crate::workspace::Workspace;
use crate::{digest, languages};

/// The largest file, packed.
const FILE_BYTES_MAX: u64 = 2_000_000;
/// All files of all versions together.
const ALL_BYTES_MAX: u64 = 6_000_000;
/// The slowest level: packed once, unpacked by every run of the tests.
const LEVEL: i32 = 22;

/// What `cargo xtask freeze` takes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Freeze this language anew, although it is frozen already: for a contract that was not released yet
    #[arg(long, value_name = "LANGUAGE")]
    again: Vec<String>,
    /// Take what lies in `target/languages-out`, and build nothing
    #[arg(long)]
    built: bool,
}

/// Builds the examples, and adds those that are not there yet.
///
/// # Errors
/// Where one answers otherwise than those that are there, there is no room, or the disk fails.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let out = workspace.target.join("languages-out");
    if !arguments.built {
        let built = languages::build(workspace, true)?;
        for (name, error) in &built.missing {
            say(format!("{name}: {error:#}"));
        }
    }
    let trimtab = workspace.target.join("debug/trimtab");
    let built = index::built(&out)?;
    if let Some(unknown) = arguments.again.iter().find(|again| built.iter().all(|one| one.name != **again)) {
        bail!("there is no built example in {unknown}; see {}", out.display());
    }
    let version = index::contract(workspace)?;
    let folder = workspace.root.join("tests/frozen").join(&version);
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let mut frozen = Frozen::open(&folder, &version, workspace)?;
    for one in built {
        let there = frozen.guests.iter().position(|guest| guest.language == one.name);
        if let Some(there) = there {
            if !arguments.again.contains(&one.name) {
                say(format!("{} is frozen already", one.name));
                continue;
            }
            frozen.guests.remove(there);
        }
        let step = Step::begin(format!("freezing the example in {}", one.name));
        let wasm = out.join(&one.file);
        play::hold_to(&trimtab, workspace, &folder, &wasm, &one.kind)?;
        let guest = freeze(workspace, &trimtab, &folder, &one, &wasm)?;
        step.done();
        match &guest.file {
            Some(file) => say(format!("{}: {} bytes, {} in {file}", one.name, guest.bytes, guest.packed_bytes)),
            None => say(format!(
                "{}: {} bytes, {} packed and at most {FILE_BYTES_MAX} are kept: only its digest is",
                one.name, guest.bytes, guest.packed_bytes
            )),
        }
        frozen.guests.push(guest);
    }
    frozen.write(&folder)?;
    check_room(&workspace.root.join("tests/frozen"))
}

/// Packs one, and says what it is and where it comes from.
fn freeze(workspace: &Workspace, trimtab: &Path, folder: &Path, one: &index::Built, wasm: &Path) -> Result<Guest> {
    let bytes = fs::read(wasm).with_context(|| format!("reading {}", wasm.display()))?;
    let packed = zstd::encode_all(bytes.as_slice(), LEVEL).with_context(|| format!("packing {}", wasm.display()))?;
    let file = format!("{}.wasm.zst", one.name);
    let path = folder.join(&file);
    let kept = packed.len() as u64 <= FILE_BYTES_MAX;
    if kept {
        fs::write(&path, &packed).with_context(|| format!("writing {}", path.display()))?;
    } else if path.exists() {
        fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
    }
    Ok(Guest {
        language: one.name.clone(),
        kind: one.kind.clone(),
        sha256: digest::of(&bytes),
        bytes: bytes.len() as u64,
        file: kept.then_some(file),
        packed_bytes: packed.len() as u64,
        made_by: format!(
            "trimtab policy new --lang {} target-tracking && trimtab policy build target-tracking",
            one.name
        ),
        tools: play::made_with(trimtab, wasm, &one.kind)?,
        source: steps::capture(
            std::process::Command::new("git").args(["rev-parse", "HEAD"]).current_dir(&workspace.root),
        )
        .map(|said| said.trim().to_owned())
        .unwrap_or_default(),
        frozen: today()?,
    })
}

/// The day, in UTC.
fn today() -> Result<String> {
    Ok(steps::capture(std::process::Command::new("date").args(["-u", "+%F"]))?.trim().to_owned())
}

/// That a checkout stays small.
fn check_room(frozen: &Path) -> Result<()> {
    let bytes = bytes_below(frozen)?;
    if bytes > ALL_BYTES_MAX {
        bail!(
            "{} holds {bytes} bytes, at most {ALL_BYTES_MAX} may: drop the largest, and keep its digest",
            frozen.display()
        );
    }
    Ok(())
}

fn bytes_below(folder: &Path) -> Result<u64> {
    let list = || format!("listing {}", folder.display());
    let mut bytes = 0;
    for entry in fs::read_dir(folder).with_context(list)? {
        let path: PathBuf = entry.with_context(list)?.path();
        bytes += if path.is_dir() { bytes_below(&path)? } else { fs::metadata(&path).with_context(list)?.len() };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkout_that_grows_too_large_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let version = folder.path().join("0.1.0");
        fs::create_dir(&version).unwrap();
        fs::write(version.join("small"), vec![0; 1_000]).unwrap();
        check_room(folder.path()).unwrap();
        fs::write(version.join("large"), vec![0; usize::try_from(ALL_BYTES_MAX).unwrap()]).unwrap();
        assert!(check_room(folder.path()).unwrap_err().to_string().contains("6001000 bytes"));
    }
}
