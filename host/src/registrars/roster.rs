//! Who is entered at one registrar, and how it is kept over a restart of the host.
//!
//! The roster is ours; what a proxy reads is written anew from it, whole, at each change. A drained entry stays in the roster and
//! is left out of what the proxy reads: in each of these proxies a server that is not there gets no new request. Where a proxy
//! counts what a marked server still has to do (Envoy), it is marked first and left out after.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::snapshot::TargetId;

/// Most entries of one registrar.
pub(super) const ENTRIES_MAX: usize = 10_000;

/// Most bytes of a kept roster: 10,000 entries of long names.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// One instance that is entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// `host:port`.
    pub(super) address: String,
    /// Whether it gets no more work.
    #[serde(default)]
    pub(super) drained: bool,
    /// Whether it is told no more at all, where a drained one is told as such.
    #[serde(default)]
    pub(super) left_out: bool,
}

/// All instances entered, by target and id.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Roster {
    targets: BTreeMap<TargetId, BTreeMap<String, Entry>>,
}

/// One change of a roster.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Enter(String),
    Drain,
    /// Drained, and told no more.
    LeaveOut,
    Undrain,
    TakeOut,
}

impl Roster {
    pub(super) fn of(&self, target: &TargetId) -> Vec<String> {
        self.targets.get(target).map(|entries| entries.keys().cloned().collect()).unwrap_or_default()
    }

    pub(super) fn get(&self, target: &TargetId, instance: &str) -> Option<&Entry> {
        self.targets.get(target)?.get(instance)
    }

    pub(super) fn len(&self) -> usize {
        self.targets.values().map(BTreeMap::len).sum()
    }

    /// Those that are to get work, ordered: target, instance, address.
    pub(super) fn serving(&self) -> impl Iterator<Item = (&TargetId, &str, &str)> {
        self.targets.iter().flat_map(|(target, entries)| {
            let serving = entries.iter().filter(|(_, entry)| !entry.drained);
            serving.map(move |(instance, entry)| (target, instance.as_str(), entry.address.as_str()))
        })
    }

    /// Those that are not left out, and whether each is drained: target, instance, address, drained.
    pub(super) fn standing(&self) -> impl Iterator<Item = (&TargetId, &str, &str, bool)> {
        self.targets.iter().flat_map(|(target, entries)| {
            let standing = entries.iter().filter(|(_, entry)| !entry.left_out);
            standing.map(move |(instance, entry)| (target, instance.as_str(), entry.address.as_str(), entry.drained))
        })
    }

    /// Makes a change. To take out what is not there is done already; to give work again to it is an error.
    pub(super) fn change(&mut self, target: &TargetId, instance: &str, change: &Change) -> Result<(), String> {
        let missing = || format!("instance {instance} of {target} is not entered; register it");
        match change {
            Change::Enter(address) => {
                let address = checked(address)?;
                if self.get(target, instance).is_none() && self.len() >= ENTRIES_MAX {
                    return Err(format!(
                        "{ENTRIES_MAX} instances are entered already, the most that one registrar takes"
                    ));
                }
                // Entered again while it is drained: only its address is mended, the drain goes on.
                let known = self.get(target, instance).filter(|known| known.address == address);
                let (drained, left_out) = known.map_or((false, false), |known| (known.drained, known.left_out));
                let entry = Entry { address, drained, left_out };
                self.targets.entry(target.clone()).or_default().insert(instance.to_owned(), entry);
            }
            // What is not entered gets no work.
            Change::Drain => {
                if let Some(entry) = self.entry(target, instance) {
                    entry.drained = true;
                }
            }
            Change::LeaveOut => {
                if let Some(entry) = self.entry(target, instance) {
                    (entry.drained, entry.left_out) = (true, true);
                }
            }
            Change::Undrain => {
                let entry = self.entry(target, instance).ok_or_else(missing)?;
                (entry.drained, entry.left_out) = (false, false);
            }
            Change::TakeOut => {
                if let Some(entries) = self.targets.get_mut(target) {
                    entries.remove(instance);
                    self.targets.retain(|_, entries| !entries.is_empty());
                }
            }
        }
        Ok(())
    }

    fn entry(&mut self, target: &TargetId, instance: &str) -> Option<&mut Entry> {
        self.targets.get_mut(target)?.get_mut(instance)
    }
}

/// An address as it may stand in a proxy's configuration: `host:port`, and nothing that the proxy would read as more.
fn checked(address: &str) -> Result<String, String> {
    let wrong = || format!("address {address:?} is not host:port");
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let fine = match bracketed {
        Some(host) => host.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.len() <= 253
                && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        }
    };
    if !fine || !port.bytes().all(|byte| byte.is_ascii_digit()) || port.parse::<u16>().unwrap_or(0) == 0 {
        return Err(wrong());
    }
    Ok(address.to_owned())
}

/// The roster of the last run; `None` if there is none.
pub(super) fn load(path: &Path) -> io::Result<Option<Roster>> {
    match read(path, FILE_BYTES_MAX)? {
        Some(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))),
        None => Ok(None),
    }
}

/// A file's bytes, at most so many; `None` where there is no such file.
pub(super) fn read(path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Ok(meta) if meta.len() > bytes_max => {
            let what = format!("{} has {} bytes, more than {bytes_max}", path.display(), meta.len());
            Err(io::Error::new(io::ErrorKind::InvalidData, what))
        }
        Ok(_) => fs::read(path).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a file whole or not at all. It is written beside its place under a hidden name that no `*.conf` or `*.yml` takes in.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = beside(path, "new");
    let written = write_to(&fresh, bytes).and_then(|()| fs::rename(&fresh, path));
    if written.is_err() {
        // On a full disk half a file would take what room is left.
        let _ = fs::remove_file(&fresh);
    }
    written?;
    File::open(folder(path))?.sync_all()
}

fn write_to(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// `.NAME.WORD` in the folder of this file.
pub(super) fn beside(path: &Path, word: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    folder(path).join(format!(".{name}.{word}"))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}
