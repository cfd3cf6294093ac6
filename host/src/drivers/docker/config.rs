//! What `[driver.<name>.docker]` may say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ssh::SshConnector;
use crate::drivers::process::RestartConfig;
use crate::quantity::DurationMs;

/// Most engines of one driver.
const HOSTS_MAX: usize = 100;
/// Most workloads that are named in the file.
const WORKLOADS_MAX: usize = 1_000;
/// Longest duration that makes sense here.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Where an engine listens if nothing else is said.
const SOCKET_DEFAULT: &str = "unix:///var/run/docker.sock";
/// What may stand in braces in `container_name`.
const PLACEHOLDERS: [&str; 3] = ["workload", "number", "instance"];

/// The driver's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DockerConfig {
    /// The engines, by a name of the operator's; none: the one at `/var/run/docker.sock`, named `local`.
    pub host: BTreeMap<String, DockerHost>,
    /// Labels of containers that name their workload; the first that a container has counts.
    pub workload_labels: Vec<String>,
    /// What is particular to some workloads, by name.
    pub workload: BTreeMap<String, DockerWorkload>,
    /// How long one call of an engine may take; pulling an image and stopping a container have longer.
    pub call_timeout: DurationMs,
    /// How long pulling an image may take.
    pub pull_timeout: DurationMs,
    /// After how long a silence the containers of an engine are taken for gone, so that others are made elsewhere; `None`: never.
    pub host_lost_after: Option<DurationMs>,
    /// Where it remembers templates; default `data_dir/docker/<driver>`.
    pub state_dir: Option<PathBuf>,
    /// How long a workload waits after crashes until a repair makes another container.
    pub restart: RestartConfig,
}

impl Default for DockerConfig {
    fn default() -> Self {
        Self {
            host: BTreeMap::new(),
            workload_labels: ["trimtab.workload", COMPOSE_SERVICE, "container_service_name"]
                .map(str::to_owned)
                .to_vec(),
            workload: BTreeMap::new(),
            call_timeout: DurationMs(10_000),
            pull_timeout: DurationMs(10 * 60_000),
            host_lost_after: None,
            state_dir: None,
            restart: RestartConfig::default(),
        }
    }
}

/// The label by which compose marks a service; with it the project is part of the workload's name, for two projects may each
/// have a `web`.
pub(super) const COMPOSE_SERVICE: &str = "com.docker.compose.service";
/// The label by which compose marks a project.
pub(super) const COMPOSE_PROJECT: &str = "com.docker.compose.project";

/// One engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DockerHost {
    /// `unix:///path`, `tcp://host:2375`, `tcp://host:2376` with certificates, or `ssh://user@host`.
    pub url: String,
    /// Who vouches for the engine; with it the connection is TLS.
    pub ca_file: Option<PathBuf>,
    /// Our certificate.
    pub cert_file: Option<PathBuf>,
    /// Its key. For `ssh://` the private key.
    pub key_file: Option<PathBuf>,
    /// For `ssh://`: the machines that are believed, as `ssh` writes them down; default the user's own.
    pub known_hosts_file: Option<PathBuf>,
    /// Its zone.
    pub zone: String,
    /// Its labels, for workloads that ask for some.
    pub labels: BTreeMap<String, String>,
    /// Whether new containers may be put there.
    pub schedulable: bool,
    /// Where published ports are reached; without it containers are reached at their own address.
    pub address: Option<String>,
}

impl Default for DockerHost {
    fn default() -> Self {
        Self {
            url: SOCKET_DEFAULT.to_owned(),
            ca_file: None,
            cert_file: None,
            key_file: None,
            known_hosts_file: None,
            zone: String::new(),
            labels: BTreeMap::new(),
            schedulable: true,
            address: None,
        }
    }
}

/// What is particular to one workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DockerWorkload {
    /// Its containers are those with all of these labels; none: those whose workload label has this name.
    pub containers: BTreeMap<String, String>,
    /// The name of the container that new ones are made after; default the oldest that trimtab did not make.
    pub template: Option<String>,
    /// How new containers are named: a text with `{workload}`, `{number}` or `{instance}`; `""` leaves it to the engine.
    pub container_name: String,
    /// Only on engines with these labels.
    pub host_labels: BTreeMap<String, String>,
    /// The port that they serve on; default the only one that the container exposes.
    pub port: Option<u16>,
    /// The network on which they are reached; default the first by name.
    pub network: Option<String>,
    /// How long a container has after the signal to stop; default its own `StopTimeout`, else 10 s.
    pub grace: Option<DurationMs>,
    /// How long a container may take until it serves. One that we made and that runs for longer without a word of its health check
    /// has failed, and is replaced.
    pub ready_timeout: DurationMs,
    /// Whether anonymous volumes are removed along with their container.
    pub remove_volumes: bool,
    /// Whether the template may be stopped and removed like any other.
    pub remove_template: bool,
    /// Whether further containers that trimtab did not make may be stopped and removed like any other.
    pub remove_foreign: bool,
    /// Whether new containers may be put on an engine that lacks the template's named volumes, and would make empty ones.
    pub empty_volumes: bool,
}

impl Default for DockerWorkload {
    fn default() -> Self {
        Self {
            containers: BTreeMap::new(),
            template: None,
            container_name: "{instance}".to_owned(),
            host_labels: BTreeMap::new(),
            port: None,
            network: None,
            grace: None,
            ready_timeout: DurationMs(60_000),
            remove_volumes: false,
            remove_template: false,
            remove_foreign: false,
            empty_volumes: false,
        }
    }
}

impl DockerConfig {
    /// Everything that is wrong with it, each beginning with the key that it is about.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.host.len() > HOSTS_MAX {
            found.push(format!("host: {} engines are more than {HOSTS_MAX}", self.host.len()));
        }
        if self.workload.len() > WORKLOADS_MAX {
            found.push(format!("workload: {} workloads are more than {WORKLOADS_MAX}", self.workload.len()));
        }
        if self.workload_labels.iter().any(String::is_empty) {
            found.push("workload_labels: an empty label is none: leave it out".to_owned());
        }
        for (key, value, most) in [
            ("call_timeout", self.call_timeout, 30_000),
            ("pull_timeout", self.pull_timeout, DAY_MS),
            ("restart.min", self.restart.min, DAY_MS),
            ("restart.max", self.restart.max, DAY_MS),
        ] {
            if value.0 < 100 || value.0 > most {
                found.push(format!("{key}: {value} is not between 100ms and {}", DurationMs(most)));
            }
        }
        if let Some(after) = self.host_lost_after
            && (after < self.call_timeout || after.0 > 30 * DAY_MS)
        {
            let timeout = self.call_timeout;
            found.push(format!("host_lost_after: {after} is not between call_timeout, {timeout}, and 30 days"));
        }
        if !(1.0..=100.0).contains(&self.restart.factor) {
            found.push(format!("restart.factor: {} is not between 1 and 100", self.restart.factor));
        }
        if self.restart.min > self.restart.max {
            let (min, max) = (self.restart.min, self.restart.max);
            found.push(format!("restart.min: {min} is longer than restart.max, {max}"));
        }
        for (name, host) in &self.host {
            found.extend(host.complaints().into_iter().map(|what| format!("host.{name}.{what}")));
        }
        let urls: BTreeSet<&str> = self.host.values().map(|host| host.url.as_str()).collect();
        if urls.len() < self.host.len() {
            found.push("host: two of them have the same url, and every container would be counted twice".to_owned());
        }
        for (name, workload) in &self.workload {
            found.extend(workload.complaints().into_iter().map(|what| format!("workload.{name}.{what}")));
            let lacks =
                |host: &DockerHost| !workload.host_labels.iter().all(|pair| host.labels.iter().any(|l| l == pair));
            if !workload.host_labels.is_empty() && self.hosts().values().all(lacks) {
                found.push(format!("workload.{name}.host_labels: no host has them all: nothing could be placed"));
            }
        }
        found
    }

    /// The engines: those of the file, or the one of this machine.
    #[must_use]
    pub fn hosts(&self) -> BTreeMap<String, DockerHost> {
        if self.host.is_empty() {
            return BTreeMap::from([("local".to_owned(), DockerHost::default())]);
        }
        self.host.clone()
    }

    /// Paths in the file are meant from the folder that it stands in.
    pub fn root_at(&mut self, base: &Path) {
        let hosts = self.host.values_mut();
        let files = hosts
            .flat_map(|host| [&mut host.ca_file, &mut host.cert_file, &mut host.key_file, &mut host.known_hosts_file]);
        for path in files.chain([&mut self.state_dir]).flatten() {
            *path = base.join(&*path);
        }
    }
}

impl DockerHost {
    fn complaints(&self) -> Vec<String> {
        let mut found = Vec::new();
        let scheme = self.url.split_once("://").map(|(scheme, rest)| (scheme, !rest.is_empty()));
        match scheme {
            Some(("unix" | "tcp" | "http" | "https" | "ssh", true)) => {}
            _ => found.push(format!(
                "url: {:?} is not an engine's; write unix:///path, tcp://host:port or ssh://user@host",
                self.url
            )),
        }
        let tls = [&self.ca_file, &self.cert_file, &self.key_file].into_iter().flatten().count();
        match scheme {
            Some(("tcp" | "https", _)) if tls != 0 && tls != 3 => {
                found.push("ca_file: TLS needs all three of ca_file, cert_file and key_file".to_owned());
            }
            Some(("https", _)) if tls == 0 => {
                found.push("ca_file: https needs ca_file, cert_file and key_file".to_owned());
            }
            Some(("ssh", _)) if self.ca_file.is_some() || self.cert_file.is_some() => {
                found.push("ca_file: SSH needs no certificates; leave out ca_file and cert_file".to_owned());
            }
            Some(("unix" | "http", _)) if tls != 0 => {
                found.push("ca_file: certificates are for tcp:// only; leave them out, or write tcp://".to_owned());
            }
            _ => {}
        }
        let by_ssh = matches!(scheme, Some(("ssh", true)));
        if by_ssh && SshConnector::new(&self.url, None, None, Duration::ZERO).is_none() {
            found.push(format!(
                "url: {:?} is no address for SSH; write ssh://user@host or ssh://user@host:port",
                self.url
            ));
        }
        if self.known_hosts_file.is_some() && !by_ssh {
            found.push("known_hosts_file: is for ssh:// only; leave it out".to_owned());
        }
        if self.address.as_deref() == Some("") {
            found.push("address: is empty; leave it out, or write a name or address".to_owned());
        }
        found
    }
}

impl DockerWorkload {
    fn complaints(&self) -> Vec<String> {
        let mut found = Vec::new();
        for part in self.container_name.split('{').skip(1) {
            let word = part.split('}').next().unwrap_or_default();
            if !PLACEHOLDERS.contains(&word) {
                let known = PLACEHOLDERS.join("}, {");
                found.push(format!("container_name: {{{word}}} is not known; there are {{{known}}}"));
            }
        }
        let unique = self.container_name.contains("{number}") || self.container_name.contains("{instance}");
        if !self.container_name.is_empty() && !unique {
            found.push("container_name: two containers would get the same name; put {number} in it".to_owned());
        }
        if self.grace.is_some_and(|grace| grace.0 > DAY_MS) {
            found.push("grace: is longer than a day".to_owned());
        }
        if self.ready_timeout.0 == 0 || self.ready_timeout.0 > DAY_MS {
            found.push(format!("ready_timeout: {} is not between 1ms and 1d", self.ready_timeout));
        }
        if self.port == Some(0) {
            found.push("port: 0 is not a port that can be reached".to_owned());
        }
        found
    }
}
