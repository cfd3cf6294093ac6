//! `cargo xtask freeze`: keeps the example policy of each language as it is built today, so that a later host is tried with it.
//!
//! What is frozen lies in `tests/frozen/<version of the contract>/`: one compressed file per language, the cases with what
//! each was asked and answered, and `index.json`, which names these files and says of each guest its digest and what made it. A
//! contract that was released does not change, and neither do its guests: what is there is left alone, and only languages that are
//! not there yet are added. Before anything of it counts, all is played by the stories of `tests/it/frozen.rs`.

mod index;
mod place;
mod play;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use self::index::{Built, Frozen, Guest};
use crate::steps::{self, Step, say};
use crate::workspace::Workspace;
use crate::{digest, languages};

/// The largest file, packed.
const FILE_BYTES_MAX: u64 = 5_000_000;
/// All files of all versions together.
const ALL_BYTES_MAX: u64 = 16_000_000;
/// The slowest level: packed once, unpacked by every run of the tests.
const LEVEL: i32 = 22;

/// What `cargo xtask freeze` takes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Freeze this language anew, although it is frozen already: for a contract that was not released yet
    #[arg(long, value_name = "LANGUAGE")]
    again: Vec<String>,
    /// Freeze all languages, the contract and the cases anew: for a contract that was not released yet
    #[arg(long, conflicts_with = "again")]
    anew: bool,
    /// Take what lies in `target/languages-out`, and build nothing
    #[arg(long)]
    built: bool,
}

/// Builds the examples, and adds those that are not there yet.
///
/// # Errors
/// Where one answers otherwise than those that are there, there is no room, or the disk fails; then nothing is changed.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let out = workspace.target.join("languages-out");
    if !arguments.built {
        let built = languages::build(workspace, true)?;
        for (name, error) in &built.missing {
            say(format!("{name}: {error:#}"));
        }
    }
    let built = index::built(&out)?;
    if let Some(unknown) = arguments.again.iter().find(|again| built.iter().all(|one| one.name != **again)) {
        bail!("there is no built example in {unknown}; see {}", out.display());
    }
    let (kept, next) = (workspace.root.join("tests/frozen"), workspace.target.join("frozen"));
    let version = index::contract(workspace)?;
    place::stage(&kept, &next)?;
    let staged = next.join(&version);
    let before = Frozen::read(&staged)?;
    let mut frozen = open(workspace, &staged, &version, arguments.anew)?;
    for one in &built {
        add(workspace, &mut frozen, &staged, &out, one, arguments)?;
    }
    if before.as_ref() != Some(&frozen) {
        frozen.write(&staged)?;
        place::sweep(&frozen, &staged)?;
        check_room(&next)?;
        play::play(workspace, &next, &out)?;
        play::keep_answers(&staged, &mut frozen)?;
        frozen.write(&staged)?;
    }
    place::place(&staged, &kept.join(&version))?;
    say(format!("{} languages are frozen in {}", frozen.guests.len(), kept.join(&version).display()));
    Ok(())
}

/// What there is of a version, held to the contract of today, or what begins it.
fn open(workspace: &Workspace, staged: &Path, version: &str, anew: bool) -> Result<Frozen> {
    let wit_sha256 = index::wit_sha256(workspace)?;
    let there = Frozen::read(staged)?;
    if let (Some(there), false) = (&there, anew) {
        there.hold_to(&wit_sha256)?;
    }
    let first = there.is_none();
    let mut frozen = there.unwrap_or_else(|| Frozen {
        contract: version.to_owned(),
        wit_sha256: String::new(),
        cases: String::new(),
        guests: Vec::new(),
    });
    frozen.wit_sha256 = wit_sha256;
    if first || anew {
        fs::create_dir_all(staged).with_context(|| format!("making {}", staged.display()))?;
        play::ask_anew(workspace, staged, &mut frozen)?;
    }
    Ok(frozen)
}

/// Adds a built example, unless it is there and is to stay.
fn add(
    workspace: &Workspace,
    frozen: &mut Frozen,
    staged: &Path,
    out: &Path,
    one: &Built,
    arguments: &Arguments,
) -> Result<()> {
    if let Some(there) = frozen.guests.iter().find(|guest| guest.language == one.name) {
        if there.sha256 == one.sha256 {
            say(format!("{} is frozen as it is built", one.name));
            return Ok(());
        }
        if !arguments.anew && !arguments.again.contains(&one.name) {
            say(format!("{} is frozen already, and stays; today's is another", one.name));
            return Ok(());
        }
    }
    let step = Step::begin(format!("freezing the example in {}", one.name));
    let guest = freeze(workspace, staged, one, &out.join(&one.file))?;
    step.done();
    match &guest.file {
        Some(file) => say(format!("{}: {} bytes, {} in {file}", one.name, guest.bytes, guest.packed_bytes)),
        None => say(format!(
            "{}: {} bytes, {} packed and at most {FILE_BYTES_MAX} are kept: only its digest is",
            one.name, guest.bytes, guest.packed_bytes
        )),
    }
    frozen.put(guest);
    Ok(())
}

/// Packs one, and says what it is and where it comes from.
fn freeze(workspace: &Workspace, staged: &Path, one: &Built, wasm: &Path) -> Result<Guest> {
    let bytes = fs::read(wasm).with_context(|| format!("reading {}", wasm.display()))?;
    let packed = zstd::encode_all(bytes.as_slice(), LEVEL).with_context(|| format!("packing {}", wasm.display()))?;
    let file = place::name(&one.name, &bytes, "wasm.zst");
    let kept = packed.len() as u64 <= FILE_BYTES_MAX;
    if kept {
        let path = staged.join(&file);
        fs::write(&path, &packed).with_context(|| format!("writing {}", path.display()))?;
    }
    let mut head = Command::new("git");
    head.args(["rev-parse", "HEAD"]).current_dir(&workspace.root);
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
        tools: play::made_with(&workspace.target.join("debug/trimtab"), wasm)?,
        source: steps::capture(&mut head).map(|said| said.trim().to_owned()).unwrap_or_default(),
        frozen: today()?,
    })
}

/// The day, in UTC.
fn today() -> Result<String> {
    Ok(steps::capture(Command::new("date").args(["-u", "+%F"]))?.trim().to_owned())
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
