//! What is in the folder, and what is in a file of it. Symlinks are followed within the folder alone; what is no plain file is
//! not opened, since a pipe would never end.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::Stamp;
use crate::registry::{Signature, read_signature};

/// Policies in the folder; more are left out, and it is said.
const FILES_MAX: usize = 256;
/// Entries looked through, whatever they are.
const ENTRIES_MAX: usize = 10_000;
/// Longest policy as text: it is many times longer than its binary form, and takes the host's own time to read.
const TEXT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What is in the folder.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Policies: `*.wasm` and `*.wat`.
    pub(super) files: BTreeMap<PathBuf, Stamp>,
    /// What is passed over, for a person.
    pub(super) troubles: Vec<String>,
}

/// A policy as it is taken in.
#[derive(Debug)]
pub(super) struct Source {
    /// Binary, also of one that is text.
    pub(super) bytes: Vec<u8>,
    /// What stands in `FILE.sig`.
    pub(super) signature: Option<Signature>,
}

/// Looks through the folder.
pub(super) fn scan(folder: &Path) -> std::io::Result<Scan> {
    let mut scan = Scan::default();
    let home = folder.canonicalize()?;
    for entry in std::fs::read_dir(folder)?.take(ENTRIES_MAX) {
        let file = folder.join(entry?.file_name());
        if !is_policy(&file) {
            continue;
        }
        // A file that goes while it is looked at is a file that is gone.
        let Ok(real) = file.canonicalize() else { continue };
        if !real.starts_with(&home) {
            scan.troubles.push(format!("{} leads out of the folder and is passed over", file.display()));
            continue;
        }
        let Ok(metadata) = real.metadata() else { continue };
        if !metadata.is_file() {
            scan.troubles.push(format!("{} is no plain file and is passed over", file.display()));
            continue;
        }
        if scan.files.len() >= FILES_MAX {
            scan.troubles.push(format!("there are more than {FILES_MAX} policies, and some are passed over"));
            break;
        }
        let signature = beside(&file).metadata().ok();
        scan.files.insert(file, stamp(&metadata, signature.as_ref()));
    }
    Ok(scan)
}

/// Reads a policy and its signature.
///
/// # Errors
/// A sentence for a person.
pub(super) fn read(file: &Path, bytes_max: u64) -> Result<Source, String> {
    let is_text = file.extension().is_some_and(|extension| extension == "wat");
    let bytes_max = if is_text { bytes_max.min(TEXT_BYTES_MAX) } else { bytes_max };
    let bytes = read_plain(file, bytes_max).map_err(|error| format!("it cannot be read: {error}"))?;
    let signature = match beside(file).metadata() {
        Ok(metadata) if metadata.is_file() => {
            read_signature(file).map_err(|error| format!("its signature cannot be read: {error}"))?
        }
        _ => None,
    };
    if !is_text {
        return Ok(Source { bytes, signature });
    }
    // What is signed is the text, as it is the text that somebody has read; the registry sees the binary form, of which that
    // is no signature. So where keys are trusted a policy comes in as a binary.
    let bytes = wat::parse_bytes(&bytes).map_err(|error| {
        // On one line, as all that is told of a policy.
        let words = error.to_string();
        let text: String = words.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(1_000).collect();
        format!("it is not WebAssembly as text: {text}")
    })?;
    Ok(Source { bytes: bytes.into_owned(), signature: None })
}

fn read_plain(file: &Path, bytes_max: u64) -> std::io::Result<Vec<u8>> {
    let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let opened = File::options().read(true).custom_flags(nonblock).open(file)?;
    let metadata = opened.metadata()?;
    if !metadata.is_file() {
        return Err(std::io::Error::other("it is no plain file"));
    }
    if metadata.len() > bytes_max {
        return Err(std::io::Error::other(format!("{} bytes are more than {bytes_max}", metadata.len())));
    }
    let mut bytes = Vec::new();
    opened.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn is_policy(file: &Path) -> bool {
    // An editor's or a builder's half-made files are hidden ones.
    let hidden = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    !hidden && file.extension().is_some_and(|extension| extension == "wasm" || extension == "wat")
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

fn stamp(file: &Metadata, signature: Option<&Metadata>) -> Stamp {
    let written_ns = |of: &Metadata| i128::from(of.mtime()) * 1_000_000_000 + i128::from(of.mtime_nsec());
    Stamp {
        written_ns: written_ns(file),
        bytes: file.size(),
        inode: file.ino(),
        signature: signature.map(|signature| (written_ns(signature), signature.ino())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_found_and_nothing_that_leads_out_or_is_no_file() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |name: &str| folder.path().join(name);
        std::fs::write(outside.path().join("secret.wasm"), "x").unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret.wasm"), at("out.wasm")).unwrap();
        std::os::unix::fs::symlink(at("loop.wasm"), at("loop.wasm")).unwrap();
        std::fs::create_dir(at("folder.wasm")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe.wasm"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        for name in ["a.wasm", "b.wat", ".hidden.wasm", "c.txt"] {
            std::fs::write(at(name), name).unwrap();
        }
        std::os::unix::fs::symlink(at("a.wasm"), at("within.wasm")).unwrap();
        let before = scan(folder.path()).unwrap();
        let names: Vec<_> = before.files.keys().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["a.wasm", "b.wat", "within.wasm"]);
        assert_eq!(before.troubles.len(), 3, "{:?}", before.troubles);
        std::fs::write(at("a.wasm.sig"), "x").unwrap();
        let after = scan(folder.path()).unwrap();
        assert_ne!(after.files[&at("a.wasm")], before.files[&at("a.wasm")], "a signature is a change");
        assert!(scan(&at("nowhere")).is_err());
    }

    #[test]
    fn a_file_is_read_with_its_signature_and_a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a.wasm"), "12345").unwrap();
        assert_eq!(read(&at("a.wasm"), 5).unwrap().bytes, b"12345");
        assert!(read(&at("a.wasm"), 4).unwrap_err().contains("more than 4"));
        std::fs::write(at("a.wasm.sig"), "rubbish").unwrap();
        assert!(read(&at("a.wasm"), 5).unwrap_err().contains("signature"));
        std::fs::write(at("b.wat"), "(module)").unwrap();
        assert!(read(&at("b.wat"), 100).unwrap().bytes.starts_with(b"\0asm"));
        std::fs::write(at("b.wat"), "(module").unwrap();
        assert!(read(&at("b.wat"), 100).unwrap_err().contains("as text"));
        rustix::fs::mknodat(rustix::fs::CWD, at("p.wasm"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(read(&at("p.wasm"), 5).unwrap_err().contains("no plain file"));
    }
}
