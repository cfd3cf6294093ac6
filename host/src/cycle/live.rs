//! What happens, as it happens, for whoever follows along. Small and numbered: who was away for a while can ask for what he
//! missed, and sees by the numbers whether that was too much.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::broadcast;

use crate::drivers::Outcome;
use crate::snapshot::TargetId;

/// Events kept for those who were away, and for those who are slow.
const EVENTS_MAX: usize = 1_024;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LiveEvent {
    /// Grows with every event, also over restarts (it begins at the host's time in milliseconds).
    pub number: u64,
    /// When.
    pub at_ms: u64,
    /// What.
    #[serde(flatten)]
    pub what: Happening,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Happening {
    /// A change was begun.
    Begun {
        /// Whose.
        target: TargetId,
        /// Key of the change and id of its record.
        record: String,
        /// The count before, where it changes.
        from: Option<u32>,
        /// The count wanted.
        to: Option<u32>,
        /// Why.
        reason: String,
    },
    /// A change has ended.
    Ended {
        /// Whose.
        target: TargetId,
        /// Its record.
        record: String,
        /// How.
        outcome: Outcome,
    },
    /// A policy failed.
    Failed {
        /// For which target.
        target: TargetId,
        /// In which binding.
        binding: String,
        /// In which slot.
        slot: String,
        /// What becomes of its answers: `active`, `stand-in` or `shadow`.
        role: &'static str,
        /// The policy's digest.
        digest: String,
        /// Until when it is not asked any more, where this failure was one too many.
        quarantined_until_ms: Option<u64>,
    },
    /// A policy that answered before does no longer. Told once, when it begins.
    Refused {
        /// For which target.
        target: TargetId,
        /// In which binding.
        binding: String,
        /// In which slot.
        slot: String,
        /// What kind of refusal: `reading-missing` …
        kind: String,
        /// Why, in the policy's words.
        text: String,
    },
    /// A binding that only looks on would have changed the count. Told once for each change that it wishes.
    Withheld {
        /// Whose.
        target: TargetId,
        /// The binding.
        binding: String,
        /// The count that is there.
        from: u32,
        /// The count that it would have been.
        to: u32,
    },
    /// Everything was frozen, or thawed.
    Freeze {
        /// Whether everything is frozen now.
        frozen: bool,
        /// Why, by whom, and until when.
        text: String,
    },
    /// Somebody steered the host.
    Steered {
        /// Which target; `None`: all.
        target: Option<TargetId>,
        /// What was said, and by whom.
        text: String,
    },
}

impl Happening {
    /// Every word that [`Happening::word`] has.
    pub const WORDS: [&'static str; 7] = ["begun", "ended", "failed", "refused", "withheld", "freeze", "steered"];

    /// Its kind: the tag of the JSON form.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Begun { .. } => "begun",
            Self::Ended { .. } => "ended",
            Self::Failed { .. } => "failed",
            Self::Refused { .. } => "refused",
            Self::Withheld { .. } => "withheld",
            Self::Freeze { .. } => "freeze",
            Self::Steered { .. } => "steered",
        }
    }

    /// Which target it is about; `None`: all, or the host itself.
    #[must_use]
    pub fn target(&self) -> Option<&TargetId> {
        match self {
            Self::Begun { target, .. }
            | Self::Ended { target, .. }
            | Self::Failed { target, .. }
            | Self::Refused { target, .. }
            | Self::Withheld { target, .. } => Some(target),
            Self::Freeze { .. } => None,
            Self::Steered { target, .. } => target.as_ref(),
        }
    }
}

/// The events of a host.
#[derive(Debug)]
pub(super) struct Live {
    last: Mutex<Last>,
    sender: broadcast::Sender<Arc<LiveEvent>>,
}

#[derive(Debug, Default)]
struct Last {
    number: u64,
    events: VecDeque<Arc<LiveEvent>>,
}

impl Default for Live {
    fn default() -> Self {
        Self { last: Mutex::default(), sender: broadcast::Sender::new(EVENTS_MAX) }
    }
}

impl Live {
    /// Tells of it.
    pub(super) fn tell(&self, at_ms: u64, what: Happening) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.number = if last.number == 0 { at_ms } else { last.number.saturating_add(1) };
        let event = Arc::new(LiveEvent { number: last.number, at_ms, what });
        last.events.push_back(Arc::clone(&event));
        if last.events.len() > EVENTS_MAX {
            last.events.pop_front();
        }
        // Under the lock, so that they are heard in the order of their numbers. That nobody listens is no fault.
        let _ = self.sender.send(event);
    }

    /// Those after `number` that are kept, oldest first, and all that come.
    pub(super) fn after(&self, number: u64) -> (Vec<Arc<LiveEvent>>, broadcast::Receiver<Arc<LiveEvent>>) {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let missed = last.events.iter().filter(|event| event.number > number).map(Arc::clone).collect();
        (missed, self.sender.subscribe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(n: u32) -> Happening {
        Happening::Steered { target: None, text: n.to_string() }
    }

    #[test]
    fn who_comes_late_is_told_what_he_missed_and_nothing_twice() {
        let live = Live::default();
        live.tell(1_000, said(1));
        live.tell(1_000, said(2));
        let (missed, mut coming) = live.after(1_000);
        assert_eq!(missed.iter().map(|event| event.number).collect::<Vec<_>>(), [1_001]);
        live.tell(1_005, said(3));
        assert_eq!(coming.try_recv().unwrap().number, 1_002);
        assert!(coming.try_recv().is_err());
    }

    #[test]
    fn an_event_bears_its_word_as_its_tag() {
        let target: TargetId = "local/web".parse().unwrap();
        let (binding, slot, digest) = ("web".to_owned(), "tracking".to_owned(), "00".to_owned());
        let record = "1-0-0".to_owned();
        let (to, reason) = (Some(2), String::new());
        let events = [
            Happening::Begun { target: target.clone(), record: record.clone(), from: Some(1), to, reason },
            Happening::Ended { target: target.clone(), record, outcome: Outcome::Applied },
            Happening::Failed {
                target: target.clone(),
                binding: binding.clone(),
                slot: slot.clone(),
                role: "active",
                digest,
                quarantined_until_ms: None,
            },
            Happening::Refused {
                target: target.clone(),
                binding: binding.clone(),
                slot,
                kind: "other".to_owned(),
                text: String::new(),
            },
            Happening::Withheld { target, binding, from: 1, to: 2 },
            Happening::Freeze { frozen: true, text: String::new() },
            said(1),
        ];
        let words: Vec<&str> = events.iter().map(Happening::word).collect();
        assert_eq!(words, Happening::WORDS);
        for event in &events {
            let json = serde_json::to_value(event).unwrap();
            assert_eq!(json["event"], event.word());
            assert_eq!(json["target"].as_str(), event.target().map(TargetId::as_str));
        }
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let live = Live::default();
        for n in 0..3_000 {
            live.tell(1, said(n));
        }
        let (kept, _) = live.after(0);
        assert_eq!((kept.len(), kept[0].number), (EVENTS_MAX, 3_001 - EVENTS_MAX as u64));
    }
}
