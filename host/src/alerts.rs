//! Alerts that other systems raised: kept until a policy has dealt with them, they end, or their time is over.
//!
//! Alerts of one fingerprint are one alert, however often they come. Each stands in the store under `alert/<id>` and so
//! outlives the host; all of them stay in memory, at most [`ALERTS_MAX`]. Knows no policy and no backend: whom an alert is for
//! is said by whoever brings it, that a policy dealt with it by the turn that asked the policy.
//!
//! Knows no clock: `now_ms` is an argument.

mod incoming;
mod kept;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{Mutex, MutexGuard};

pub use self::incoming::{AlertRefusal, EXPIRES_MS_DEFAULT, EXPIRES_MS_MAX, EXPIRES_MS_MIN, Incoming};
pub use self::kept::{AlertState, Ended, Handled, KeptAlert};
use crate::snapshot::{Alert, TargetId};
use crate::store::{Store, StoreError, Write};

/// Most alerts that are kept, those that are over included: some 10 KB each at worst.
pub const ALERTS_MAX: usize = 2_000;
/// Most alerts in one snapshot, the oldest first.
const SHOWN_MAX: usize = 64;
/// What is over is kept for so long, for people to look at.
const OVER_MS_MAX: u64 = 24 * 3_600_000;
/// Beginning of their keys.
const PREFIX: &str = "alert/";
/// Read at once.
const PAGE: usize = 500;

/// All alerts of a host.
#[derive(Debug)]
pub struct Alerts {
    store: Arc<dyn Store>,
    kept: RwLock<BTreeMap<String, Arc<KeptAlert>>>,
    /// Held from looking to writing: what is in the store is what is in memory.
    changing: Mutex<()>,
}

/// Whom an alert is for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Aim {
    /// These targets.
    pub targets: Vec<TargetId>,
    /// All targets of these bindings.
    pub bindings: Vec<String>,
    /// Why it is for nobody, where it is.
    pub skipped: Option<String>,
}

/// What became of an alert that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its id.
    pub id: String,
    /// Whether it is new, or began anew: then its targets are to be looked at.
    pub begins: bool,
    /// Why it is for nobody, where it is.
    pub skipped: Option<String>,
}

/// A policy dealt with an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handling {
    /// The alert's id.
    pub alert: String,
    /// For which target.
    pub target: TargetId,
    /// How.
    pub handled: Handled,
}

impl Alerts {
    /// Takes up what is kept.
    ///
    /// # Errors
    /// Where the store fails or holds what cannot be understood: an alert is not silently forgotten.
    pub async fn load(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let mut kept = BTreeMap::new();
        let mut after: Option<String> = None;
        loop {
            let page = store.list(PREFIX, after.as_deref(), PAGE).await?;
            for (key, value) in &page {
                let unreadable = |error: serde_json::Error| StoreError::Corrupt { what: format!("{key}: {error}") };
                let alert: KeptAlert = serde_json::from_slice(&value.value).map_err(unreadable)?;
                kept.insert(alert.id.clone(), Arc::new(alert));
            }
            match page.into_iter().last() {
                Some((key, _)) => after = Some(key),
                None => break,
            }
        }
        Ok(Self { store, kept: RwLock::new(kept), changing: Mutex::default() })
    }

    /// All of them, by id.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<KeptAlert>> {
        self.read(|kept| kept.values().map(Arc::clone).collect())
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<KeptAlert>> {
        self.read(|kept| kept.get(id).map(Arc::clone))
    }

    /// Takes alerts in, in one commit. One that is refused does not disturb the others.
    ///
    /// # Errors
    /// Where they cannot be kept; then none was taken.
    pub async fn take(
        &self,
        incoming: Vec<(Incoming, Aim)>,
        by: &str,
        now_ms: u64,
    ) -> Result<Vec<Result<Taken, AlertRefusal>>, StoreError> {
        let _changing = self.changing.lock().await;
        let mut changed: BTreeMap<String, KeptAlert> = BTreeMap::new();
        let mut dropped: Vec<String> = Vec::new();
        let mut told = Vec::with_capacity(incoming.len());
        let mut room = ALERTS_MAX.saturating_sub(self.read(BTreeMap::len));
        for (one, aim) in incoming {
            if let Err(refusal) = one.check() {
                told.push(Err(refusal));
                continue;
            }
            let id = one.id();
            let known = changed.remove(&id).or_else(|| self.get(&id).map(|kept| KeptAlert::clone(&kept)));
            let is_new = known.is_none();
            if is_new && one.resolved {
                // It ended before anybody heard of it.
                told.push(Ok(Taken { id, begins: false, skipped: Some("it has ended already".to_owned()) }));
                continue;
            }
            if is_new && room == 0 {
                match self.oldest_over(&dropped, &changed, now_ms) {
                    Some(over) => dropped.push(over),
                    None => {
                        told.push(Err(AlertRefusal::Full));
                        continue;
                    }
                }
            } else if is_new {
                room -= 1;
            }
            let (alert, begins) = KeptAlert::came(known, one, aim, by, now_ms);
            told.push(Ok(Taken { id: id.clone(), begins, skipped: alert.skipped.clone() }));
            changed.insert(id, alert);
        }
        let mut writes: Vec<Write> = dropped.iter().map(|id| Write::Delete { key: key(id) }).collect();
        for alert in changed.values() {
            writes.push(alert.write()?);
        }
        if !writes.is_empty() {
            self.store.write(writes).await?;
        }
        self.change(|kept| {
            dropped.iter().for_each(|id| drop(kept.remove(id)));
            kept.extend(changed.into_iter().map(|(id, alert)| (id, Arc::new(alert))));
        });
        Ok(told)
    }

    /// Forgets one; whether it was there.
    ///
    /// # Errors
    /// Where it cannot be kept that it is gone.
    pub async fn remove(&self, id: &str) -> Result<bool, StoreError> {
        let _changing = self.changing.lock().await;
        if self.get(id).is_none() {
            return Ok(false);
        }
        self.store.write(vec![Write::Delete { key: key(id) }]).await?;
        self.change(|kept| drop(kept.remove(id)));
        Ok(true)
    }

    /// Forgets what has been over for a day.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn sweep(&self, now_ms: u64) -> Result<(), StoreError> {
        let _changing = self.changing.lock().await;
        let is_old = |alert: &Arc<KeptAlert>| {
            !alert.state(now_ms).is_open() && now_ms.saturating_sub(alert.last_ms) > OVER_MS_MAX
        };
        let old: Vec<String> = self.all().into_iter().filter(is_old).map(|alert| alert.id.clone()).collect();
        if old.is_empty() {
            return Ok(());
        }
        self.store.write(old.iter().map(|id| Write::Delete { key: key(id) }).collect()).await?;
        self.change(|kept| old.iter().for_each(|id| drop(kept.remove(id))));
        Ok(())
    }

    /// Those that policies are to see at `now_ms`, ready to be looked up.
    #[must_use]
    pub fn open(&self, now_ms: u64) -> OpenAlerts {
        let mut open = OpenAlerts::default();
        let mut alerts = self.all();
        alerts.retain(|alert| alert.may_be_open(now_ms));
        alerts.sort_by(|one, other| (one.since_ms, &one.id).cmp(&(other.since_ms, &other.id)));
        for alert in alerts {
            for target in &alert.targets {
                open.by_target.entry(target.clone()).or_default().push(Arc::clone(&alert));
            }
            for binding in &alert.bindings {
                open.by_binding.entry(binding.clone()).or_default().push(Arc::clone(&alert));
            }
        }
        open
    }

    /// What changes once policies have dealt with alerts: to be written in the commit of their turn, and then to hold. Nobody
    /// else changes alerts meanwhile.
    ///
    /// # Errors
    /// Where an alert cannot be put into words.
    pub async fn deal(&self, handlings: Vec<Handling>) -> Result<Dealt<'_>, StoreError> {
        let changing = self.changing.lock().await;
        let mut changed: BTreeMap<String, KeptAlert> = BTreeMap::new();
        for Handling { alert, target, handled } in handlings {
            let known = changed.remove(&alert).or_else(|| self.get(&alert).map(|kept| KeptAlert::clone(&kept)));
            // It may have been removed since the snapshot was made.
            if let Some(mut known) = known {
                known.dealt_with(target, handled);
                changed.insert(alert, known);
            }
        }
        let writes = changed.values().map(KeptAlert::write).collect::<Result<_, _>>()?;
        Ok(Dealt { alerts: self, _changing: changing, changed, writes })
    }

    /// The alert that was over first, apart from those that are gone or changed already.
    fn oldest_over(&self, gone: &[String], changed: &BTreeMap<String, KeptAlert>, now_ms: u64) -> Option<String> {
        self.read(|kept| {
            let over = kept.values().filter(|alert| {
                !alert.state(now_ms).is_open() && !changed.contains_key(&alert.id) && !gone.contains(&alert.id)
            });
            over.min_by_key(|alert| alert.last_ms).map(|alert| alert.id.clone())
        })
    }

    fn read<T>(&self, look: impl FnOnce(&BTreeMap<String, Arc<KeptAlert>>) -> T) -> T {
        look(&self.kept.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Arc<KeptAlert>>)) {
        change(&mut self.kept.write().unwrap_or_else(PoisonError::into_inner));
    }
}

fn key(id: &str) -> String {
    format!("{PREFIX}{id}")
}

/// Alerts that policies are to see, by whom they are for.
#[derive(Debug, Default)]
pub struct OpenAlerts {
    by_target: HashMap<TargetId, Vec<Arc<KeptAlert>>>,
    by_binding: HashMap<String, Vec<Arc<KeptAlert>>>,
}

impl OpenAlerts {
    /// Those of one target in one binding, the oldest first, as snapshots hold them.
    #[must_use]
    pub fn of(&self, target: &TargetId, binding: &str) -> Vec<Alert> {
        let of_target = self.by_target.get(target).into_iter().flatten();
        let of_binding = self.by_binding.get(binding).into_iter().flatten();
        let mut found: Vec<&KeptAlert> = of_target.chain(of_binding).map(Arc::as_ref).collect();
        found.retain(|alert| !alert.is_handled_for(target));
        found.sort_by(|one, other| (one.since_ms, &one.id).cmp(&(other.since_ms, &other.id)));
        found.dedup_by(|one, other| one.id == other.id);
        found.truncate(SHOWN_MAX);
        found.into_iter().map(KeptAlert::shown).collect()
    }
}

/// Alerts that were dealt with, not written yet. Dropped without [`Dealt::hold`], nothing has changed.
#[derive(Debug)]
pub struct Dealt<'a> {
    alerts: &'a Alerts,
    _changing: MutexGuard<'a, ()>,
    changed: BTreeMap<String, KeptAlert>,
    writes: Vec<Write>,
}

impl Dealt<'_> {
    /// What is to be written.
    pub fn writes(&mut self) -> Vec<Write> {
        std::mem::take(&mut self.writes)
    }

    /// It is written, and holds.
    pub fn hold(self) {
        let changed = self.changed.into_iter().map(|(id, alert)| (id, Arc::new(alert)));
        self.alerts.change(|kept| kept.extend(changed));
    }
}
