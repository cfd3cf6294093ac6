//! The registrar `nginx`: an `upstream` block in a file of its own, tested by nginx before nginx takes it.
//!
//! At a change the file is replaced, `nginx -T` must find the whole configuration sound *and* this file in it, and the master
//! process is told to reload; the change counts when a new worker stands. If anything fails the old file is put back, so that
//! nginx starts with it too. From the file's replacement until the reload is over a note of doubt lies beside the file: where it
//! stays, for the host was killed or nginx did not answer, nginx is told again. A drained instance is left out of the file. nginx then finishes what is under way in the old
//! workers, and is asked for no count: drained is when the last worker is gone that knew the instance. `worker_shutdown_timeout` in
//! nginx's own configuration bounds how long that may be.

mod master;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use self::master::{Master, Worker};
use super::owned_file::OwnedFile;
use super::post::{Failure, Outlet, Post};
use super::roster::{Change, Roster};
use super::{DrainState, Registrar, RegistrarError};
use crate::snapshot::TargetId;

/// `[registrar.NAME.nginx]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NginxConfig {
    /// The file that holds the upstream: ours alone, taken in by nginx's configuration inside `http`.
    pub file: PathBuf,
    /// The name of the upstream.
    pub upstream: String,
    /// The targets whose instances are in it.
    pub serves: Vec<TargetId>,
    /// Further lines of the upstream without their semicolons: `least_conn`, `keepalive 16`, `server 10.0.0.9:80 backup`.
    #[serde(default)]
    pub directives: Vec<String>,
    /// What stands behind each instance's address: `max_fails=2 fail_timeout=5s`.
    #[serde(default)]
    pub parameters: String,
    /// The program that tests the configuration.
    #[serde(default = "default_program")]
    pub program: PathBuf,
    /// nginx's configuration; `None`: the one that the program was built with.
    #[serde(default)]
    pub config: Option<PathBuf>,
    /// Where nginx writes the number of its master process.
    #[serde(default = "default_pid_file")]
    pub pid_file: PathBuf,
    /// Time for the test, and again for the reload.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
}

impl NginxConfig {
    /// The defaults, for these targets in this file.
    #[must_use]
    pub fn new(file: &Path, upstream: &str, serves: Vec<TargetId>) -> Self {
        Self {
            file: file.to_owned(),
            upstream: upstream.to_owned(),
            serves,
            directives: Vec::new(),
            parameters: String::new(),
            program: default_program(),
            config: None,
            pid_file: default_pid_file(),
            timeout_ms: default_timeout_ms(),
        }
    }

    /// What is wrong that the shape does not say: `key: what`.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if self.upstream.is_empty() || !self.upstream.chars().all(word) {
            complaints.push("upstream: is not a name of letters, digits, `_`, `-` and `.`".to_owned());
        }
        let breaks_out = |text: &str| text.contains([';', '{', '}', '#', '\n', '\r']);
        if self.directives.iter().any(|line| line.trim().is_empty() || breaks_out(line)) {
            complaints.push("directives: each is one directive, without `;`, braces or comments".to_owned());
        }
        if breaks_out(&self.parameters) {
            complaints.push("parameters: are words behind an address, without `;`, braces or comments".to_owned());
        }
        complaints
    }

    /// Has relative files start from this folder. A program without a folder is looked for on the path.
    pub(crate) fn root_at(&mut self, base: &Path) {
        if self.program.components().count() > 1 {
            self.program = base.join(&self.program);
        }
        let files = [&mut self.file, &mut self.pid_file].into_iter().chain(self.config.as_mut());
        files.for_each(|file| *file = base.join(&*file));
    }
}

fn default_program() -> PathBuf {
    PathBuf::from("nginx")
}

fn default_pid_file() -> PathBuf {
    PathBuf::from("/run/nginx.pid")
}

fn default_timeout_ms() -> u64 {
    5_000
}

/// An upstream of one nginx.
#[derive(Debug)]
pub struct NginxRegistrar {
    name: String,
    serves: Vec<TargetId>,
    post: Post<Upstream>,
    /// Per drained instance, the workers that may still be at work for it.
    draining: Mutex<BTreeMap<(TargetId, String), BTreeSet<Worker>>>,
}

impl NginxRegistrar {
    /// Takes up what was entered by the last run. `kept` is the file in which it is remembered.
    ///
    /// # Errors
    /// Where that cannot be read.
    pub fn open(name: &str, config: NginxConfig, kept: PathBuf) -> Result<Self, RegistrarError> {
        let upstream = Upstream {
            file: OwnedFile::new(&config.file, name),
            master: Master::new(&config),
            retired: Mutex::default(),
            config,
        };
        let serves = upstream.config.serves.clone();
        let post = Post::open(upstream, kept).map_err(|failure| failure.of(name))?;
        Ok(Self { name: name.to_owned(), serves, post, draining: Mutex::default() })
    }

    async fn change(&self, target: &TargetId, instance: &str, change: Change) -> Result<(), RegistrarError> {
        self.post.change(target, instance, change).await.map_err(|failure| failure.of(&self.name))
    }

    fn forget_drain(&self, target: &TargetId, instance: &str) {
        let mut draining = self.draining.lock().unwrap_or_else(PoisonError::into_inner);
        draining.remove(&(target.clone(), instance.to_owned()));
    }

    /// The workers that may still be at work for this instance.
    async fn workers_of(&self, target: &TargetId, instance: &str) -> Result<usize, Failure> {
        let key = (target.clone(), instance.to_owned());
        let known = self.draining.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let upstream = self.post.outlet();
        let alive = upstream.master.workers().await?;
        let left: BTreeSet<Worker> = match known {
            Some(known) => alive.into_iter().filter(|worker| known.contains(worker)).collect(),
            None => {
                let retired = upstream.retired();
                // Those that a host before us retired say so themselves.
                alive.into_iter().filter(|worker| worker.ending || retired.contains(worker)).collect()
            }
        };
        let count = left.len();
        self.draining.lock().unwrap_or_else(PoisonError::into_inner).insert(key, left);
        Ok(count)
    }
}

#[async_trait]
impl Registrar for NginxRegistrar {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "nginx"
    }

    fn serves(&self, target: &TargetId) -> bool {
        self.serves.contains(target)
    }

    async fn entered(&self, target: &TargetId) -> Result<Vec<String>, RegistrarError> {
        self.post.mend().await.map_err(|failure| failure.of(&self.name))?;
        Ok(self.post.roster().of(target))
    }

    async fn register(&self, target: &TargetId, instance: &str, address: &str) -> Result<(), RegistrarError> {
        self.change(target, instance, Change::Enter(address.to_owned())).await
    }

    async fn drain(&self, target: &TargetId, instance: &str) -> Result<DrainState, RegistrarError> {
        self.change(target, instance, Change::Drain).await?;
        match self.workers_of(target, instance).await.map_err(|failure| failure.of(&self.name))? {
            0 => Ok(DrainState::Drained),
            1 => Ok(DrainState::Waiting { why: "1 worker of nginx finishes its requests".to_owned() }),
            left => Ok(DrainState::Waiting { why: format!("{left} workers of nginx finish their requests") }),
        }
    }

    async fn undrain(&self, target: &TargetId, instance: &str) -> Result<(), RegistrarError> {
        self.change(target, instance, Change::Undrain).await?;
        self.forget_drain(target, instance);
        Ok(())
    }

    async fn deregister(&self, target: &TargetId, instance: &str) -> Result<(), RegistrarError> {
        self.change(target, instance, Change::TakeOut).await?;
        self.forget_drain(target, instance);
        Ok(())
    }

    async fn check(&self) -> Result<(), RegistrarError> {
        let upstream = self.post.outlet();
        let checked = async {
            upstream.file.check().await?;
            upstream.master.test(upstream.file.path().exists().then(|| upstream.file.path())).await?;
            upstream.master.workers().await.map(drop)
        };
        checked.await.map_err(|failure| failure.of(&self.name))
    }
}

/// The upstream's file, and the nginx that reads it.
#[derive(Debug)]
struct Upstream {
    config: NginxConfig,
    file: OwnedFile,
    master: Master,
    /// Workers that a reload of ours has retired.
    retired: Mutex<BTreeSet<Worker>>,
}

impl Upstream {
    fn text(&self, roster: &Roster) -> String {
        let mut text = format!("upstream {} {{\n", self.config.upstream);
        for line in &self.config.directives {
            let _ = writeln!(text, "    {};", line.trim());
        }
        let parameters = self.config.parameters.trim();
        let space = if parameters.is_empty() { "" } else { " " };
        let mut any = false;
        for (target, instance, address) in roster.serving() {
            any = true;
            let whose = instance.replace(|c: char| c.is_control(), " ");
            let _ = writeln!(text, "    server {address}{space}{parameters}; # {target} {whose}");
        }
        if !any && !self.config.directives.iter().any(|line| line.trim_start().starts_with("server ")) {
            // nginx takes no upstream without a server; to one that is down it sends nothing, and answers 502.
            text.push_str("    server 127.0.0.1:9 down; # nobody serves\n");
        }
        text.push_str("}\n");
        text
    }

    fn retired(&self) -> BTreeSet<Worker> {
        self.retired.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn reload(&self) -> Result<(), Failure> {
        let before = self.master.reload().await?;
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        // What of the earlier ones is gone is not among those before this reload.
        *retired = before;
        Ok(())
    }
}

#[async_trait]
impl Outlet for Upstream {
    async fn tell(&self, roster: &Roster) -> Result<(), Failure> {
        self.file.doubt().await?;
        let before = self.file.replace(self.text(roster)).await?;
        if let Err(failure) = self.master.test(Some(self.file.path())).await {
            // nginx was told nothing: with the file as it was, all is.
            self.file.put_back(before).await?;
            self.file.certain().await?;
            return Err(failure);
        }
        if let Err(failure) = self.reload().await {
            self.file.put_back(before).await?;
            return Err(failure);
        }
        self.file.certain().await
    }

    async fn holds(&self, roster: &Roster) -> Result<bool, Failure> {
        self.file.says(self.text(roster)).await
    }

    fn same(&self, before: &Roster, after: &Roster) -> bool {
        self.text(before) == self.text(after)
    }
}
