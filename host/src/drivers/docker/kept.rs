//! What is remembered of a workload: the template that new containers are made after, its sizes, its crashes.
//!
//! One file for each workload, readable by the host only: a template holds the environment, and with it secrets.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use bollard::models::{ContainerConfig, EndpointSettings, HostConfig};
use serde::{Deserialize, Serialize};

use crate::drivers::process::BackOff;
use crate::snapshot::Resources;

/// The form of these files.
const FORMAT: u32 = 1;
/// A file longer than this is not one of ours.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// So many are remembered: as many as a workload may have, and some that are gone.
const MADE_MAX: usize = 1_200;

/// What is kept of one workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    format: u32,
    /// Its name.
    pub workload: String,
    /// What new containers are made after.
    pub template: Option<Template>,
    /// Sizes in force since a resize; `None`: the template's own.
    pub resized: Option<Sizes>,
    /// Crashes in a row.
    pub back_off: BackOff,
    /// Ends that were counted as crashes: container and when it ended.
    pub counted: BTreeMap<String, String>,
    /// Which container was made for which instance, oldest first, also of those that are gone: another that has the labels of
    /// one was copied.
    #[serde(default)]
    pub made: Vec<Made>,
    /// Containers that we told to stop, and since when each ran then: one that was started again since is not stopped.
    pub stopped: BTreeMap<String, String>,
    /// Sizes that Podman gave containers, which it does not show.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub updated: BTreeMap<String, Updated>,
}

/// Sizes that a container has had since an update of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Updated {
    /// Since when the container ran then: at its next start it has its old sizes. Empty: it did not run, and is to have them
    /// when it is started.
    pub since: String,
    pub sizes: Sizes,
}

/// A container that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Made {
    pub instance: String,
    pub container: String,
}

/// Requests and limits of each container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sizes {
    pub requests: Resources,
    pub limits: Resources,
}

/// A container as it was made, without what belongs to it alone.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Template {
    /// The engine that has it.
    pub host: String,
    /// Its id and name there.
    pub container: String,
    pub name: String,
    /// The image's id, `sha256:…`.
    pub image: String,
    /// By which the image can be pulled: `name@sha256:…`; empty for one that no registry knows.
    pub digests: Vec<String>,
    pub config: ContainerConfig,
    pub host_config: HostConfig,
    pub networks: BTreeMap<String, EndpointSettings>,
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its environment may hold secrets.
        f.debug_struct("Template").field("name", &self.name).field("image", &self.image).finish_non_exhaustive()
    }
}

impl Kept {
    pub(super) fn new(workload: &str) -> Self {
        Self {
            format: FORMAT,
            workload: workload.to_owned(),
            template: None,
            resized: None,
            back_off: BackOff::default(),
            counted: BTreeMap::new(),
            made: Vec::new(),
            stopped: BTreeMap::new(),
            updated: BTreeMap::new(),
        }
    }

    /// Writes down which container was made for an instance.
    pub(super) fn note_made(&mut self, instance: &str, container: &str) {
        self.made.retain(|made| made.instance != instance);
        self.made.push(Made { instance: instance.to_owned(), container: container.to_owned() });
        let surplus = self.made.len().saturating_sub(MADE_MAX);
        self.made.drain(..surplus);
    }

    /// The container that was made for an instance.
    pub(super) fn container_of(&self, instance: &str) -> Option<&str> {
        let made = self.made.iter().rev().find(|made| made.instance == instance)?;
        Some(&made.container)
    }
}

/// By workload, and what could not be read.
type Remembered = (BTreeMap<String, Kept>, Vec<(String, String)>);

/// Everything that the folder remembers, and the files that could not be read, each with the reason.
pub(super) fn read_all(folder: &Path) -> io::Result<Remembered> {
    let mut found = BTreeMap::new();
    let mut broken = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        match read(&path) {
            Ok(kept) => drop(found.insert(kept.workload.clone(), kept)),
            Err(error) => broken.push((path.display().to_string(), error.to_string())),
        }
    }
    Ok((found, broken))
}

fn read(path: &Path) -> io::Result<Kept> {
    let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let bytes = fs::metadata(path)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(invalid(format!("it has {bytes} bytes")));
    }
    let kept: Kept = serde_json::from_slice(&fs::read(path)?).map_err(|error| invalid(error.to_string()))?;
    if kept.format != FORMAT {
        return Err(invalid(format!("it has format {}", kept.format)));
    }
    Ok(kept)
}

/// Writes a workload's file whole or not at all, durably.
pub(super) fn write(folder: &Path, kept: &Kept) -> io::Result<()> {
    let path = file_of(folder, &kept.workload);
    let fresh = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(&serde_json::to_vec(kept)?)?;
    file.sync_all()?;
    fs::rename(&fresh, &path)?;
    File::open(folder)?.sync_all()
}

/// A workload's name may hold anything: what cannot be in a file's name is written as its code.
fn file_of(folder: &Path, workload: &str) -> PathBuf {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let name: String = workload
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02x}") })
        .collect();
    folder.join(format!("{name}.json"))
}
