//! What people say of targets while the host runs: pauses, pins, and the freeze of everything. Each is kept before it holds,
//! under `steer/…`, and so outlives the host.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::steer_error::SteerError;
use super::steering::Steering;
use crate::audit::{self, Note, Trigger};
use crate::bounds::{Freeze, Pause, Pin, Range};
use crate::cycle::{Happening, Steered, TargetState};
use crate::snapshot::TargetId;
use crate::store::{Store, StoreError, Write};

const FREEZE: &str = "steer/freeze";
const PAUSE: &str = "steer/pause/";
const PIN: &str = "steer/pin/";
/// Entries read at once.
const PAGE: usize = 1_000;
/// By then every target has had a turn that heard of it, or is not there any more.
const CLEARED_MS: u64 = 24 * 60 * 60 * 1000;

impl Steering {
    /// What holds now; also what has ended and was not dropped yet.
    #[must_use]
    pub fn steered(&self) -> Arc<Steered> {
        self.said().borrow().clone()
    }

    /// Leaves a target alone, until `until_ms` or until it is resumed. A change under way is seen through.
    ///
    /// # Errors
    /// Where there is no such target, or it cannot be kept.
    pub async fn pause(&self, target: &TargetId, until_ms: Option<u64>, who: &str) -> Result<(), SteerError> {
        self.check_target(target).await?;
        self.check_end(until_ms)?;
        let pause = Pause { by: who.to_owned(), until_ms };
        let text = format!("paused by {who}{}", until(until_ms));
        let write = set(format!("{PAUSE}{target}"), &pause)?;
        self.say(target, write, text, |steered| drop(steered.pauses.insert(target.clone(), pause))).await
    }

    /// Ends a pause; whether there was one.
    ///
    /// # Errors
    /// Where it cannot be kept.
    pub async fn resume(&self, target: &TargetId, who: &str) -> Result<bool, SteerError> {
        if !self.steered().pauses.contains_key(target) {
            return Ok(false);
        }
        let write = Write::Delete { key: format!("{PAUSE}{target}") };
        self.say(target, write, format!("resumed by {who}"), |steered| drop(steered.pauses.remove(target))).await?;
        Ok(true)
    }

    /// Holds a target at so many replicas, until `until_ms` or until it is let go. Goes before labels and the binding's range,
    /// and no further than the caps; steps and cooldowns hold. The target has a turn at once.
    ///
    /// # Errors
    /// Where there is no such target, the caps do not allow that many, or it cannot be kept.
    pub async fn pin(
        &self,
        target: &TargetId,
        replicas: u32,
        until_ms: Option<u64>,
        who: &str,
    ) -> Result<(), SteerError> {
        self.check_target(target).await?;
        self.check_end(until_ms)?;
        if let Some(Range { min, max }) = self.board().target(target).and_then(|view| view.caps)
            && !(min..=max).contains(&replicas)
        {
            return Err(SteerError::OutOfRange { replicas, min, max });
        }
        let pin = Pin { replicas, by: who.to_owned(), until_ms };
        let text = format!("pinned at {replicas} replicas by {who}{}", until(until_ms));
        let write = set(format!("{PIN}{target}"), &pin)?;
        self.say(target, write, text, |steered| drop(steered.pins.insert(target.clone(), pin))).await?;
        self.turn_soon([target.clone()].into(), &Trigger::Manual { who: who.to_owned() });
        Ok(())
    }

    /// Lets go of a pinned count; whether there was one. The policies decide again at the next turn.
    ///
    /// # Errors
    /// Where it cannot be kept.
    pub async fn unpin(&self, target: &TargetId, who: &str) -> Result<bool, SteerError> {
        if !self.steered().pins.contains_key(target) {
            return Ok(false);
        }
        let write = Write::Delete { key: format!("{PIN}{target}") };
        self.say(target, write, format!("let go by {who}"), |steered| drop(steered.pins.remove(target))).await?;
        Ok(true)
    }

    /// Says that all is well again with a target: its policies in quarantine are asked, and instances that were lost until now
    /// no longer stop replacing and deregistering. It has a turn at once, in which that is kept.
    ///
    /// # Errors
    /// Where nobody has seen such a target, or the turn could not be made; then its next turn hears of it.
    pub async fn clear(&self, target: &TargetId, who: &str) -> Result<(), SteerError> {
        if self.board().target(target).is_none() {
            return Err(SteerError::UnknownTarget { target: target.clone() });
        }
        let (at_ms, text) = (self.clock().now_ms(), format!("quarantines and losses are cleared by {who}"));
        tracing::info!(target_id = %target, "{text}");
        let note = audit::note(target, &Note { at_ms, text: text.clone() });
        let cleared = |steered: &mut Steered| {
            steered.cleared.insert(target.clone(), at_ms);
        };
        self.keep_and_say(vec![note], cleared).await?;
        self.board().tell(at_ms, Happening::Steered { target: Some(target.clone()), text });
        self.turn_now(Some([target.clone()].into()), Trigger::Manual { who: who.to_owned() }).await.map(drop)
    }

    /// Stops everything at once: no turn that decides after this call changes anything, until it thaws. Changes under way are
    /// seen through, since half a change is worse than none. `None` thaws.
    ///
    /// # Errors
    /// Where it cannot be kept.
    pub async fn freeze(&self, freeze: Option<Freeze>) -> Result<(), SteerError> {
        self.check_end(freeze.as_ref().and_then(|freeze| freeze.until_ms))?;
        let write = match &freeze {
            Some(freeze) => set(FREEZE.to_owned(), freeze)?,
            None => Write::Delete { key: FREEZE.to_owned() },
        };
        let text = match &freeze {
            Some(Freeze { why, until_ms }) => format!("everything is frozen{}: {why}", until(*until_ms)),
            None => "everything is thawed".to_owned(),
        };
        tracing::warn!("{text}");
        let frozen = freeze.is_some();
        self.keep_and_say(vec![write], |steered| steered.freeze = freeze).await?;
        self.board().tell(self.clock().now_ms(), Happening::Freeze { frozen, text });
        Ok(())
    }

    /// Drops what has ended.
    pub(super) async fn sweep(&self) -> Result<(), SteerError> {
        let now_ms = self.clock().now_ms();
        let steered = self.steered();
        let over = |until_ms: Option<u64>| until_ms.is_some_and(|until_ms| until_ms <= now_ms);
        let pauses =
            steered.pauses.iter().filter(|(_, pause)| over(pause.until_ms)).map(|(id, _)| format!("{PAUSE}{id}"));
        let pins = steered.pins.iter().filter(|(_, pin)| over(pin.until_ms)).map(|(id, _)| format!("{PIN}{id}"));
        let freeze = steered.freeze.iter().filter(|freeze| over(freeze.until_ms)).map(|_| FREEZE.to_owned());
        let heard = |at_ms: u64| at_ms.saturating_add(CLEARED_MS) <= now_ms;
        if steered.cleared.values().any(|at_ms| heard(*at_ms)) {
            self.said().send_modify(|steered| Arc::make_mut(steered).cleared.retain(|_, at_ms| !heard(*at_ms)));
        }
        let writes: Vec<Write> = pauses.chain(pins).chain(freeze).map(|key| Write::Delete { key }).collect();
        if writes.is_empty() {
            return Ok(());
        }
        self.keep_and_say(writes, |steered| {
            steered.pauses.retain(|_, pause| !over(pause.until_ms));
            steered.pins.retain(|_, pin| !over(pin.until_ms));
            steered.freeze = steered.freeze.take().filter(|freeze| !over(freeze.until_ms));
        })
        .await
    }

    /// Keeps it, with a note in the target's records, and lets it hold.
    async fn say(
        &self,
        target: &TargetId,
        write: Write,
        text: String,
        change: impl FnOnce(&mut Steered),
    ) -> Result<(), SteerError> {
        tracing::info!(target_id = %target, "{text}");
        let at_ms = self.clock().now_ms();
        let note = audit::note(target, &Note { at_ms, text: text.clone() });
        self.keep_and_say(vec![write, note], change).await?;
        self.board().tell(at_ms, Happening::Steered { target: Some(target.clone()), text });
        Ok(())
    }

    async fn keep_and_say(&self, writes: Vec<Write>, change: impl FnOnce(&mut Steered)) -> Result<(), SteerError> {
        let _one_at_a_time = self.speaking().lock().await;
        self.store().write(writes).await?;
        self.said().send_modify(|steered| change(Arc::make_mut(steered)));
        Ok(())
    }

    async fn check_target(&self, target: &TargetId) -> Result<(), SteerError> {
        // Its backend may be away at the moment: what is kept of it counts, too.
        let known =
            self.board().target(target).is_some() || self.store().get(&TargetState::key(target)).await?.is_some();
        if known { Ok(()) } else { Err(SteerError::UnknownTarget { target: target.clone() }) }
    }

    fn check_end(&self, until_ms: Option<u64>) -> Result<(), SteerError> {
        let now_ms = self.clock().now_ms();
        match until_ms.filter(|until_ms| *until_ms <= now_ms) {
            Some(until_ms) => Err(SteerError::Past { until_ms, now_ms }),
            None => Ok(()),
        }
    }
}

/// What is kept of what people said.
pub(super) async fn load(store: &dyn Store) -> Result<Steered, StoreError> {
    let mut steered = Steered::default();
    if let Some(kept) = store.get(FREEZE).await? {
        steered.freeze = Some(read(FREEZE, &kept.value)?);
    }
    for (target, pause) in load_all(store, PAUSE).await? {
        steered.pauses.insert(target, pause);
    }
    for (target, pin) in load_all(store, PIN).await? {
        steered.pins.insert(target, pin);
    }
    Ok(steered)
}

async fn load_all<T: DeserializeOwned>(store: &dyn Store, prefix: &str) -> Result<Vec<(TargetId, T)>, StoreError> {
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.list(prefix, after.as_deref(), PAGE).await?;
        for (key, kept) in &page {
            let target = key.strip_prefix(prefix).unwrap_or(key).parse::<TargetId>();
            let target = target.map_err(|error| StoreError::Corrupt { what: format!("{key}: {error}") })?;
            found.push((target, read(key, &kept.value)?));
        }
        match page.into_iter().last() {
            Some((key, _)) => after = Some(key),
            None => return Ok(found),
        }
    }
}

/// What a person said is never silently forgotten: what cannot be read stops the start.
fn read<T: DeserializeOwned>(key: &str, value: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(value).map_err(|error| StoreError::Corrupt { what: format!("{key}: {error}") })
}

fn set(key: String, value: &impl Serialize) -> Result<Write, StoreError> {
    let value = serde_json::to_vec(value);
    let value = value.map_err(|error| StoreError::Corrupt { what: format!("{key}: {error}") })?;
    Ok(Write::Set { key, value })
}

fn until(until_ms: Option<u64>) -> String {
    let at = until_ms.and_then(|ms| jiff::Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok());
    at.map_or_else(String::new, |at| format!(" until {at}"))
}
