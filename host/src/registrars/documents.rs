//! The way of Traefik and Envoy: a whole document, fetched from our listener or watched as a file.
//!
//! A change counts when the proxies have it. Over HTTP each that asked within the last minute must have fetched it (Envoy: must
//! have taken it, which it says when it asks again); if none asks, it is told and nothing more is known, which is fine for
//! `register` and an error to whoever is to stop the instance. As a file it counts when the file is written. Where the operator
//! gives addresses of the proxies' own API, all of them must show it, in either way.
//!
//! A drained instance is left out of the document. Of one that was left out no proxy tells how many requests it has, so a drain
//! then waits for `drain_ms`; connections that were open go on meanwhile. Envoy with `admin` is exact: the instance is marked
//! first, left out when it has nothing more to do, and drained when all have left it out. If meanwhile Envoy gave requests
//! to servers whatever their health (its panic mode), what it counts proves nothing, and `drain_ms` is waited for all the same.

mod place;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

pub(super) use self::place::{Place, PlaceKeys, default_drain_ms, default_timeout_ms, place};
use super::listener::{Answers, Listener, Standing};
use super::owned_file::OwnedFile;
use super::post::{Failure, Outlet, Post};
use super::roster::{Change, Entry, Roster};
use super::sight::{self, Shows, Sight, Sights};
use super::{DrainState, RegistrarError};
use crate::quantity::DurationMs;
use crate::snapshot::TargetId;

/// Distance of looks whether a change is in force.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// For so long an instance must have had no request before it is left out: one whose connection is only being made is not
/// counted yet.
const IDLE_FOR: Duration = Duration::from_millis(500);

/// What one kind of proxy reads.
pub(super) trait Dialect: Answers + Shows + Debug {
    /// Whether it marks drained instances in the document and is shown what they still have to do.
    fn is_exact(&self) -> bool;

    /// The document of a roster.
    fn document(&self, roster: &Roster) -> String;

    /// The same as a file.
    fn file(&self, document: &str) -> String;
}

/// How a registrar of documents is opened.
#[derive(Debug)]
pub(super) struct Opening<'a, D> {
    pub(super) name: &'a str,
    pub(super) dialect: D,
    pub(super) place: Place,
    /// Where the proxies show themselves.
    pub(super) shown_at: &'a [String],
    pub(super) drain_ms: u64,
    pub(super) timeout_ms: u64,
    pub(super) kept: PathBuf,
}

/// A registrar of documents, all but its names.
#[derive(Debug)]
pub(super) struct Documents<D: Dialect> {
    name: String,
    post: Post<Pages<D>>,
    sights: Option<Sights>,
    drain_ms: u64,
    timeout_ms: u64,
    draining: Mutex<BTreeMap<(TargetId, String), Draining>>,
}

#[derive(Debug, Clone, Default)]
struct Draining {
    /// What each proxy had given whatever the health before this drain was told; `None` where that is not known.
    panics: Option<Vec<u64>>,
    /// Since when it has had nothing to do.
    idle_since: Option<Instant>,
    /// The version that first left it out, or one after it.
    version: Option<u64>,
    /// Since when no proxy gives it work.
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
    pub(super) async fn open(opening: Opening<'_, D>) -> Result<Self, RegistrarError> {
        let Opening { name, dialect, place, shown_at, drain_ms, timeout_ms, kept } = opening;
        let dialect = Arc::new(dialect);
        let had_roster = kept.exists();
        let opened = async {
            let way = match place {
                Place::Listen(listen, token) => {
                    let token = token.map(|at| at.fetch()).transpose();
                    let token = token.map_err(|error| Failure::Refused(format!("`token`: {error}")))?;
                    let answers = Arc::clone(&dialect) as Arc<dyn Answers>;
                    Way::Listener(Listener::start(listen, token, answers).await?)
                }
                Place::File(file) => Way::File(OwnedFile::new(&file, name)),
            };
            let pages = Pages { dialect, way, version: AtomicU64::new(first_version()) };
            let post = Post::open(pages, kept)?;
            if had_roster && let Way::Listener(_) = post.outlet().way {
                post.mend().await?;
            }
            Ok((post, Sights::new(shown_at)?))
        };
        let (post, sights) = opened.await.map_err(|failure: Failure| failure.of(name))?;
        Ok(Self { name: name.to_owned(), post, sights, drain_ms, timeout_ms, draining: Mutex::default() })
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

    pub(super) async fn register(
        &self,
        target: &TargetId,
        instance: &str,
        address: &str,
    ) -> Result<(), RegistrarError> {
        let registered = async {
            self.post.change(target, instance, Change::Enter(address.to_owned())).await?;
            self.see_at_work(target, instance).await
        };
        registered.await.map_err(|failure| self.error(failure))
    }

    pub(super) async fn undrain(&self, target: &TargetId, instance: &str) -> Result<(), RegistrarError> {
        let given_back = async {
            self.post.change(target, instance, Change::Undrain).await?;
            self.draining().remove(&key(target, instance));
            self.see_at_work(target, instance).await
        };
        given_back.await.map_err(|failure| self.error(failure))
    }

    pub(super) async fn drain(&self, target: &TargetId, instance: &str) -> Result<DrainState, RegistrarError> {
        self.drained(target, instance).await.map_err(|failure| self.error(failure))
    }

    /// Takes it out once no proxy gives it work; until then it stays entered, without work.
    pub(super) async fn deregister(&self, target: &TargetId, instance: &str) -> Result<(), RegistrarError> {
        let taken_out = async {
            let Some(entry) = self.entry(target, instance) else { return Ok(()) };
            let mut draining = self.draining().get(&key(target, instance)).cloned().unwrap_or_default();
            let left = self.leave_out(target, instance, &entry, &mut draining).await;
            self.draining().insert(key(target, instance), draining);
            if let Some(why) = left? {
                return Err(Failure::Unreachable(why));
            }
            self.post.change(target, instance, Change::TakeOut).await?;
            self.draining().remove(&key(target, instance));
            Ok(())
        };
        taken_out.await.map_err(|failure| self.error(failure))
    }

    pub(super) async fn check(&self) -> Result<(), RegistrarError> {
        let checked = async {
            self.look(true).await?;
            match &self.post.outlet().way {
                Way::File(file) => file.check().await,
                // It was bound when it was opened; whether proxies ask shows when they do.
                Way::Listener(_) => Ok(()),
            }
        };
        checked.await.map_err(|failure| self.error(failure))
    }

    /// Waits until all proxies that can be looked at give it work. One that is entered again while it drains gets none.
    async fn see_at_work(&self, target: &TargetId, instance: &str) -> Result<(), Failure> {
        let until = Instant::now() + Duration::from_millis(self.timeout_ms);
        loop {
            let Some(entry) = self.entry(target, instance).filter(|entry| !entry.drained) else { return Ok(()) };
            let address = sight::same_of(&entry.address);
            let lacks = |sight: &Sight| sight.servers.get(&address).is_none_or(|server| server.drains);
            let lacking = self.look(true).await?.iter().filter(|sight| lacks(sight)).count();
            if lacking == 0 {
                return Ok(());
            }
            if Instant::now() > until {
                let within = DurationMs(self.timeout_ms);
                let what = format!("{lacking} of the proxies do not show {address} after {within}; their logs say why");
                return Err(Failure::Unreachable(what));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn drained(&self, target: &TargetId, instance: &str) -> Result<DrainState, Failure> {
        // What is not entered has been left out by all.
        let Some(entry) = self.entry(target, instance) else { return Ok(DrainState::Drained) };
        let known = self.draining().get(&key(target, instance)).cloned();
        let mut draining = match known {
            Some(known) => known,
            // Before it is told. What a host before this one began has no beginning that is known.
            None if self.is_exact() && !entry.drained => {
                Draining { panics: panics(&self.look(true).await?), ..Draining::default() }
            }
            None => Draining::default(),
        };
        let state = self.drain_on(target, instance, &entry, &mut draining).await;
        self.draining().insert(key(target, instance), draining);
        state
    }

    async fn drain_on(
        &self,
        target: &TargetId,
        instance: &str,
        entry: &Entry,
        draining: &mut Draining,
    ) -> Result<DrainState, Failure> {
        self.post.change(target, instance, Change::Drain).await?;
        if self.is_exact()
            && !self.entry(target, instance).is_none_or(|entry| entry.left_out)
            && let Some(why) = self.at_work(entry, draining).await?
        {
            return Ok(DrainState::Waiting { why });
        }
        if let Some(why) = self.leave_out(target, instance, entry, draining).await? {
            return Ok(DrainState::Waiting { why });
        }
        // Looked at after all have left it out, so that no request was given to it after this.
        if self.is_exact() && draining.panics.is_some() && draining.panics == panics(&self.look(true).await?) {
            return Ok(DrainState::Drained);
        }
        let waited = draining.left_out.map_or(Duration::ZERO, |since| since.elapsed());
        let left = Duration::from_millis(self.drain_ms).saturating_sub(waited);
        if left.is_zero() {
            return Ok(DrainState::Drained);
        }
        let left = DurationMs(left.as_secs().saturating_add(1).saturating_mul(1_000));
        Ok(DrainState::Waiting { why: format!("its requests have up to {left} more to finish") })
    }

    /// What a marked instance is still at work for; `None` when it is time to leave it out.
    async fn at_work(&self, entry: &Entry, draining: &mut Draining) -> Result<Option<String>, Failure> {
        let sights = self.look(false).await?;
        let address = sight::same_of(&entry.address);
        let servers: Vec<_> = sights.iter().filter_map(|sight| sight.servers.get(&address)).collect();
        // In panic it is given requests for as long as it stands there.
        if draining.panics.is_none() || draining.panics != panics(&sights) {
            return Ok(None);
        }
        let behind = servers.iter().filter(|server| !server.drains).count();
        let active: u64 = servers.iter().map(|server| server.active).sum();
        if behind > 0 || active > 0 {
            draining.idle_since = None;
            return Ok(Some(match (behind, active) {
                (0, 1) => "1 request".to_owned(),
                (0, active) => format!("{active} requests"),
                (behind, _) => format!("{behind} of the proxies have not taken the change"),
            }));
        }
        let idle = draining.idle_since.get_or_insert_with(Instant::now).elapsed();
        Ok((idle < IDLE_FOR).then(|| "it has had no request for a moment only".to_owned()))
    }

    /// Leaves it out, and tells who may still give it work; `None` once nobody does.
    async fn leave_out(
        &self,
        target: &TargetId,
        instance: &str,
        entry: &Entry,
        draining: &mut Draining,
    ) -> Result<Option<String>, Failure> {
        self.post.change(target, instance, Change::LeaveOut).await?;
        if draining.left_out.is_some() {
            return Ok(None);
        }
        let pages = self.post.outlet();
        let version = *draining.version.get_or_insert_with(|| pages.version.load(Ordering::Acquire));
        let address = sight::same_of(&entry.address);
        let sights = self.look(true).await?;
        let showing = sights.iter().filter(|sight| sight.servers.contains_key(&address)).count();
        if showing > 0 {
            return Ok(Some(format!("{showing} of the proxies still show it")));
        }
        match pages.standing(version) {
            // Those that can be looked at have shown it, whether they ask or not.
            Standing::Nobody if sights.is_empty() => {
                let what = "no proxy asks for it; while none does, the instance may be given work";
                return Err(Failure::Unreachable(what.to_owned()));
            }
            Standing::Behind(why) => return Ok(Some(why)),
            Standing::Nobody | Standing::Taken => draining.left_out = Some(Instant::now()),
        }
        Ok(None)
    }

    fn is_exact(&self) -> bool {
        self.sights.is_some() && self.post.outlet().dialect.is_exact()
    }

    /// What the proxies show; nothing where none can be looked at.
    async fn look(&self, anew: bool) -> Result<Vec<Sight>, Failure> {
        match &self.sights {
            Some(sights) => sights.look(self.post.outlet().dialect.as_ref(), anew).await,
            None => Ok(Vec::new()),
        }
    }

    fn entry(&self, target: &TargetId, instance: &str) -> Option<Entry> {
        self.post.roster().get(target, instance).cloned()
    }

    fn error(&self, failure: Failure) -> RegistrarError {
        failure.of(&self.name)
    }

    fn draining(&self) -> MutexGuard<'_, BTreeMap<(TargetId, String), Draining>> {
        self.draining.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(target: &TargetId, instance: &str) -> (TargetId, String) {
    (target.clone(), instance.to_owned())
}

/// What each proxy has given whatever the health; `None` if one does not tell.
fn panics(sights: &[Sight]) -> Option<Vec<u64>> {
    sights.iter().map(|sight| sight.panics).collect()
}

impl<D: Dialect> Pages<D> {
    /// How the proxies stand to this version. Of a file it is not known who reads it.
    fn standing(&self, version: u64) -> Standing {
        match &self.way {
            Way::Listener(listener) => listener.standing(version),
            Way::File(_) => Standing::Taken,
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
            Way::File(file) => drop(file.replace(self.dialect.file(&document)).await?),
        }
        Ok(())
    }

    async fn holds(&self, roster: &Roster) -> Result<bool, Failure> {
        let document = self.dialect.document(roster);
        match &self.way {
            Way::Listener(listener) => Ok(listener.document().is_some_and(|told| told.text == document)),
            Way::File(file) => file.says(self.dialect.file(&document)).await,
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
