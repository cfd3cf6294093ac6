//! Changes of a roster, carried to a proxy: those that come while one is under way go together, as the next.
//!
//! A reload or a rewritten document costs the same for one instance as for fifty, and fifty are registered at once when a load
//! comes. A change is done when the proxy was told of it; if that fails, the roster is as it was before and all that went
//! together have failed. Telling goes on when the caller gives up waiting, so that nothing is left half told.

#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::{Mutex, oneshot};

use super::RegistrarError;
use super::owned_file::refusal;
use super::roster::{self, Change, Roster};
use crate::snapshot::TargetId;

/// Most changes that wait to be told.
const WAITING_MAX: usize = 20_000;

/// Where a roster is told.
#[async_trait]
pub(super) trait Outlet: Send + Sync + Debug + 'static {
    /// Tells the proxy the whole roster. If it fails, the proxy goes on with what it had.
    async fn tell(&self, roster: &Roster) -> Result<(), Failure>;

    /// Whether the proxy still has what it was told: nobody has changed or removed it.
    async fn holds(&self, roster: &Roster) -> Result<bool, Failure>;

    /// Whether the proxy would be told the same of both.
    fn same(&self, before: &Roster, after: &Roster) -> bool;
}

/// Why a proxy was not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// It is not there or does not answer.
    Unreachable(String),
    /// It, or its folder, says no.
    Refused(String),
}

impl Failure {
    pub(super) fn of(self, registrar: &str) -> RegistrarError {
        let registrar = registrar.to_owned();
        match self {
            Self::Unreachable(what) => RegistrarError::Unreachable { registrar, what },
            Self::Refused(what) => RegistrarError::Refused { registrar, what },
        }
    }
}

/// Does what waits for a disk or for `/proc` on a thread of its own.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Failure::Unreachable(error.to_string())))
}

/// A roster and its way to the proxy.
#[derive(Debug)]
pub(super) struct Post<O> {
    inner: Arc<Inner<O>>,
}

#[derive(Debug)]
struct Inner<O> {
    outlet: O,
    /// Where the roster outlives the host.
    kept: PathBuf,
    /// As the proxy was told.
    told: StdMutex<Roster>,
    waiting: StdMutex<Vec<Waiting>>,
    /// Held while the proxy is told.
    telling: Mutex<()>,
}

#[derive(Debug)]
struct Waiting {
    target: TargetId,
    instance: String,
    change: Change,
    done: oneshot::Sender<Result<(), Failure>>,
}

impl<O: Outlet> Post<O> {
    /// Takes up the roster of the last run, which the proxy still has.
    pub(super) fn open(outlet: O, kept: PathBuf) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::Refused(format!("the roster of the last run: {error}"));
        if let Some(folder) = kept.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let told = roster::load(&kept).map_err(failed)?.unwrap_or_default();
        let inner =
            Inner { outlet, kept, told: StdMutex::new(told), waiting: StdMutex::default(), telling: Mutex::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub(super) fn outlet(&self) -> &O {
        &self.inner.outlet
    }

    /// As the proxy was told last.
    pub(super) fn roster(&self) -> Roster {
        lock(&self.inner.told).clone()
    }

    /// Tells the proxy again if it no longer has what it was told.
    pub(super) async fn mend(&self) -> Result<(), Failure> {
        let inner = Arc::clone(&self.inner);
        let mending = tokio::spawn(async move {
            let _telling = inner.telling.lock().await;
            let roster = lock(&inner.told).clone();
            if inner.outlet.holds(&roster).await? {
                return Ok(());
            }
            inner.outlet.tell(&roster).await
        });
        mending.await.unwrap_or_else(|error| Err(Failure::Unreachable(error.to_string())))
    }

    /// Makes a change and tells it. Nothing is told where nothing changes.
    pub(super) async fn change(&self, target: &TargetId, instance: &str, change: Change) -> Result<(), Failure> {
        let (done, outcome) = oneshot::channel();
        {
            let mut waiting = lock(&self.inner.waiting);
            if waiting.len() >= WAITING_MAX {
                return Err(Failure::Unreachable(format!("{WAITING_MAX} changes wait to be told already")));
            }
            waiting.push(Waiting { target: target.clone(), instance: instance.to_owned(), change, done });
        }
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move { inner.tell_waiting().await });
        outcome.await.unwrap_or_else(|_| Err(Failure::Unreachable("it was not told of the change".to_owned())))
    }
}

impl<O: Outlet> Inner<O> {
    /// Tells all that waits, at once. Whoever comes second finds nothing left to tell.
    async fn tell_waiting(&self) {
        let _telling = self.telling.lock().await;
        let batch = std::mem::take(&mut *lock(&self.waiting));
        let before = lock(&self.told).clone();
        let mut after = before.clone();
        let mut together = Vec::with_capacity(batch.len());
        for Waiting { target, instance, change, done } in batch {
            match after.change(&target, &instance, &change) {
                Ok(()) => together.push(done),
                // Nobody waits any more: the change was not made either.
                Err(what) => drop(done.send(Err(Failure::Refused(what)))),
            }
        }
        let outcome = if after == before { Ok(()) } else { self.tell(&before, after).await };
        for done in together {
            drop(done.send(outcome.clone()));
        }
    }

    /// The proxy first, then the file: one that was told and is not kept is told again, one that is kept and was not told would
    /// be believed.
    async fn tell(&self, before: &Roster, after: Roster) -> Result<(), Failure> {
        if !self.outlet.same(before, &after) || !self.outlet.holds(&after).await? {
            self.outlet.tell(&after).await?;
        }
        let bytes = serde_json::to_vec(&after).map_err(|error| Failure::Refused(error.to_string()))?;
        *lock(&self.told) = after;
        let kept = self.kept.clone();
        aside(move || {
            roster::write(&kept, &bytes)
                .map_err(|error| Failure::Refused(format!("the roster cannot be kept: {}", refusal(&kept, &error))))
        })
        .await
    }
}

fn lock<T>(mutex: &StdMutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
