//! The way of Traefik and Envoy: a whole document, fetched from our listener or watched as a file.
//!
//! A change counts when the proxies have it: over HTTP each that asked within the last minute must have fetched it (Envoy: must
//! have taken it, which it says when it asks again); if none asks, it is told and nothing more is known, which is an error to
//! `drain` and fine for `register`. As a file it counts when the file is written. Neither proxy tells how many requests an instance has that was left
//! out, so a drain waits for `drain_ms` after that; connections that were open go on meanwhile.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;

use super::listener::{Answers, Listener};
use super::owned_file::OwnedFile;
use super::post::{Failure, Outlet, Post};
use super::roster::{Change, Roster};
use super::{DrainState, RegistrarError};
use crate::quantity::DurationMs;
use crate::snapshot::TargetId;

/// What one kind of proxy reads.
pub(super) trait Dialect: Answers + Debug {
    /// The document of a roster; `version` stands in it where the protocol has one.
    fn document(&self, roster: &Roster) -> String;

    /// The same as a file.
    fn file(&self, document: &str, version: u64) -> String;
}

/// Where a document goes.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Listen(SocketAddr),
    File(PathBuf),
}

/// One of `listen` and `file`.
pub(super) fn place(listen: Option<SocketAddr>, file: Option<&Path>) -> Result<Place, String> {
    match (listen, file) {
        (Some(listen), None) => Ok(Place::Listen(listen)),
        (None, Some(file)) if file.extension().is_some_and(|end| end == "yml" || end == "yaml") => {
            Ok(Place::File(file.to_owned()))
        }
        (None, Some(_)) => {
            Err("file: does not end in .yml or .yaml, by which the proxy knows what is in it".to_owned())
        }
        (Some(_), Some(_)) => Err("listen: stands beside `file`; it is one or the other".to_owned()),
        (None, None) => Err("neither `listen` nor `file` is given".to_owned()),
    }
}

/// A registrar of documents, all but its names.
#[derive(Debug)]
pub(super) struct Documents<D: Dialect> {
    name: String,
    post: Post<Pages<D>>,
    drain_ms: u64,
    draining: Mutex<BTreeMap<(TargetId, String), Draining>>,
}

#[derive(Debug, Clone, Copy)]
struct Draining {
    /// The version that first left it out, or one after it.
    version: u64,
    /// Since when no proxy is behind that version.
    left_out: Option<Instant>,
}

#[derive(Debug)]
struct Pages<D> {
    dialect: Arc<D>,
    way: Way,
    version: AtomicU64,
}

#[derive(Debug)]
enum Way {
    Listener(Listener),
    File(OwnedFile),
}

impl<D: Dialect> Documents<D> {
    /// Begins to serve what the last run had entered, or takes up its file.
    pub(super) async fn open(
        name: &str,
        dialect: D,
        place: Place,
        drain_ms: u64,
        kept: PathBuf,
    ) -> Result<Self, RegistrarError> {
        let dialect = Arc::new(dialect);
        let had_roster = kept.exists();
        let opened = async {
            let way = match place {
                Place::Listen(listen) => {
                    Way::Listener(Listener::start(listen, Arc::clone(&dialect) as Arc<dyn Answers>).await?)
                }
                Place::File(file) => Way::File(OwnedFile::new(&file, name)),
            };
            let pages = Pages { dialect, way, version: AtomicU64::new(first_version()) };
            let post = Post::open(pages, kept)?;
            if had_roster && let Way::Listener(_) = post.outlet().way {
                post.mend().await?;
            }
            Ok(post)
        };
        let post = opened.await.map_err(|failure: Failure| failure.of(name))?;
        Ok(Self { name: name.to_owned(), post, drain_ms, draining: Mutex::default() })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens, with the port that it got.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match &self.post.outlet().way {
            Way::Listener(listener) => Some(listener.address()),
            Way::File(_) => None,
        }
    }

    pub(super) async fn entered(&self, target: &TargetId) -> Result<Vec<String>, RegistrarError> {
        let roster = self.post.roster();
        // A first run has nothing to tell until something was entered: it would say that nobody serves.
        if roster.len() > 0 {
            self.post.mend().await.map_err(|failure| self.error(failure))?;
        }
        Ok(roster.of(target))
    }

    pub(super) async fn change(&self, target: &TargetId, instance: &str, change: Change) -> Result<(), RegistrarError> {
        let ends_drain = matches!(change, Change::Undrain | Change::TakeOut);
        self.post.change(target, instance, change).await.map_err(|failure| self.error(failure))?;
        if ends_drain {
            self.draining().remove(&(target.clone(), instance.to_owned()));
        }
        Ok(())
    }

    pub(super) async fn drain(&self, target: &TargetId, instance: &str) -> Result<DrainState, RegistrarError> {
        self.change(target, instance, Change::Drain).await?;
        let key = (target.clone(), instance.to_owned());
        let pages = self.post.outlet();
        let version = pages.version.load(Ordering::Acquire);
        let mut draining = self.draining();
        let drain = draining.entry(key).or_insert(Draining { version, left_out: None });
        if drain.left_out.is_none() {
            match pages.behind(drain.version) {
                (0, _) => {
                    let what = "no proxy asks for it; while none does, the instance may be given work".to_owned();
                    return Err(self.error(Failure::Unreachable(what)));
                }
                (_, 0) => drain.left_out = Some(Instant::now()),
                (_, behind) => {
                    return Ok(DrainState::Waiting { why: format!("{behind} proxies have not taken the change") });
                }
            }
        }
        let waited = drain.left_out.map_or(Duration::ZERO, |since| since.elapsed());
        let left = Duration::from_millis(self.drain_ms).saturating_sub(waited);
        if left.is_zero() {
            return Ok(DrainState::Drained);
        }
        let left = DurationMs(u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
        Ok(DrainState::Waiting { why: format!("its requests have {left} more to finish") })
    }

    pub(super) async fn check(&self) -> Result<(), RegistrarError> {
        match &self.post.outlet().way {
            Way::File(file) => file.check().map_err(|failure| self.error(failure)),
            // It was bound when it was opened; whether proxies ask shows when they do.
            Way::Listener(_) => Ok(()),
        }
    }

    fn error(&self, failure: Failure) -> RegistrarError {
        failure.of(&self.name)
    }

    fn draining(&self) -> MutexGuard<'_, BTreeMap<(TargetId, String), Draining>> {
        self.draining.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Dialect> Pages<D> {
    /// How many proxies there are to wait for, and how many are behind. Of a file it is not known who reads it.
    fn behind(&self, version: u64) -> (usize, usize) {
        match &self.way {
            Way::Listener(listener) => listener.behind(version),
            Way::File(_) => (1, 0),
        }
    }
}

#[async_trait]
impl<D: Dialect> Outlet for Pages<D> {
    async fn tell(&self, roster: &Roster) -> Result<(), Failure> {
        let version = self.version.fetch_add(1, Ordering::AcqRel) + 1;
        let document = self.dialect.document(roster);
        match &self.way {
            Way::Listener(listener) => listener.tell(version, document),
            Way::File(file) => drop(file.replace(&self.dialect.file(&document, version))?),
        }
        Ok(())
    }

    async fn holds(&self, roster: &Roster) -> Result<bool, Failure> {
        let document = self.dialect.document(roster);
        match &self.way {
            Way::Listener(listener) => Ok(listener.document().is_some_and(|told| told.text == document)),
            Way::File(file) => {
                let version = self.version.load(Ordering::Acquire);
                file.says(&self.dialect.file(&document, version))
            }
        }
    }

    fn same(&self, before: &Roster, after: &Roster) -> bool {
        self.dialect.document(before) == self.dialect.document(after)
    }
}

/// Versions grow over a restart too: a proxy that remembers one of the last run must not take it for a newer.
fn first_version() -> u64 {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX >> 1)
}

/// Time for requests under way, longer than Traefik takes to make a change its own.
pub(super) fn default_drain_ms() -> u64 {
    10_000
}
