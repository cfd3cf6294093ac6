//! Kinds of driver.

use std::path::Path;

use super::{Furnish, checked, root, unknown_kind};
use crate::config::reader::Item;
use crate::drivers::docker::DockerConfig;
use crate::drivers::process::ProcessConfig;
use crate::drivers::swarm::SwarmConfig;

/// Kinds of backend.
#[derive(Debug, Clone, PartialEq)]
pub enum DriverKind {
    /// Groups of processes on this machine.
    Process(ProcessConfig),
    /// Groups of containers on Docker engines.
    Docker(DockerConfig),
    /// Services of a Docker Swarm.
    Swarm(SwarmConfig),
}

impl Furnish for DriverKind {
    const WORD: &'static str = "driver";
    const KINDS: &'static [&'static str] = &["process", "docker", "swarm"];

    fn read(kind: &str, item: &Item<'_>) -> Option<Self> {
        match kind {
            "process" => checked(item, ProcessConfig::complaints).map(Self::Process),
            "docker" => checked(item, DockerConfig::complaints).map(Self::Docker),
            "swarm" => checked(item, SwarmConfig::complaints).map(Self::Swarm),
            _ => unknown_kind::<Self>(kind, item),
        }
    }

    fn root_at(&mut self, base: &Path) {
        match self {
            Self::Process(settings) => {
                root(base, [&mut settings.state_dir, &mut settings.launcher].into_iter().flatten());
            }
            Self::Docker(settings) => settings.root_at(base),
            Self::Swarm(settings) => root(base, settings.files()),
        }
    }
}
