//! An alert as it is kept, and what has become of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Aim, Incoming, key};
use crate::snapshot::{Alert, TargetId};
use crate::store::{StoreError, Write};

/// Most targets of which it is kept that a policy has dealt with it; from then on it is dealt with for all.
const HANDLED_MAX: usize = 64;

/// An alert as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptAlert {
    /// Its id; the same for the same alert.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What else it said when it came last: not part of what tells it apart.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub particulars: BTreeMap<String, String>,
    /// What it says to people.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The number that raised it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// When it began.
    pub since_ms: u64,
    /// Whether its sender said when.
    pub since_is_told: bool,
    /// When it came first, this time.
    pub first_ms: u64,
    /// When it came last, or was dealt with.
    pub last_ms: u64,
    /// How often it came, this time.
    pub times: u32,
    /// When its time is over.
    pub expires_ms: u64,
    /// Who sent it.
    pub by: String,
    /// Targets that it is for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetId>,
    /// Bindings for all targets of which it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bindings: Vec<String>,
    /// Why it is for nobody, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// How it ended, where its sender ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
    /// For which targets policies have dealt with it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub handled: BTreeMap<TargetId, Handled>,
}

/// That an alert ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// When.
    pub at_ms: u64,
}

/// That a policy dealt with an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handled {
    /// Id of the record of the turn.
    pub record: String,
    /// In which binding.
    pub binding: String,
    /// When.
    pub at_ms: u64,
}

/// How an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertState {
    /// Policies see it.
    Open,
    /// A policy has dealt with it.
    Handled,
    /// It is for nobody.
    Skipped,
    /// Its sender ended it.
    Resolved,
    /// Its time is over.
    Expired,
}

impl AlertState {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Handled => "handled",
            Self::Skipped => "skipped",
            Self::Resolved => "resolved",
            Self::Expired => "expired",
        }
    }

    /// Whether policies see it.
    #[must_use]
    pub fn is_open(self) -> bool {
        self == Self::Open
    }
}

impl KeptAlert {
    /// How it stands. One for several targets is handled as soon as a policy has dealt with it for one; the others see it still.
    #[must_use]
    pub fn state(&self, now_ms: u64) -> AlertState {
        if self.ended.is_some() {
            AlertState::Resolved
        } else if self.expires_ms <= now_ms {
            AlertState::Expired
        } else if self.skipped.is_some() {
            AlertState::Skipped
        } else if self.handled.is_empty() {
            AlertState::Open
        } else {
            AlertState::Handled
        }
    }

    /// Whether some policy may have to see it.
    pub(super) fn may_be_open(&self, now_ms: u64) -> bool {
        matches!(self.state(now_ms), AlertState::Open | AlertState::Handled)
    }

    pub(super) fn is_handled_for(&self, target: &TargetId) -> bool {
        self.handled.len() >= HANDLED_MAX || self.handled.contains_key(target)
    }

    /// What becomes of an alert that came, `known` being what was kept of it; and whether it begins (anew).
    pub(super) fn came(known: Option<Self>, one: Incoming, aim: Aim, by: &str, now_ms: u64) -> (Self, bool) {
        let expires_ms = now_ms.saturating_add(one.expires_in_ms);
        let going_on = known.filter(|known| one.resolved || known.goes_on(&one, now_ms));
        let Some(known) = going_on else {
            let alert = Self {
                id: one.id(),
                annotations: one.short_annotations(),
                since_ms: one.since_ms.unwrap_or(now_ms),
                since_is_told: one.since_ms.is_some(),
                first_ms: now_ms,
                last_ms: now_ms,
                times: 1,
                expires_ms,
                by: by.to_owned(),
                targets: aim.targets,
                bindings: aim.bindings,
                skipped: aim.skipped,
                ended: None,
                handled: BTreeMap::new(),
                name: one.name,
                labels: one.labels,
                particulars: one.particulars,
                value: one.value,
            };
            return (alert, true);
        };
        let mut alert = Self { last_ms: now_ms, times: known.times.saturating_add(1), ..known };
        if one.resolved {
            alert.ended = alert.ended.or(Some(Ended { at_ms: now_ms }));
            return (alert, false);
        }
        // Where nobody says when it began, one that was dealt with and comes on and on begins anew once its time is over: it
        // may be the next of its kind.
        if alert.handled.is_empty() || alert.since_is_told {
            alert.expires_ms = expires_ms;
        }
        alert.value = one.value.or(alert.value);
        alert.particulars = one.particulars;
        (alert.targets, alert.bindings, alert.skipped) = (aim.targets, aim.bindings, aim.skipped);
        (alert, false)
    }

    /// Whether what came is this same alert, still there: it has not ended, and did not begin anew since.
    fn goes_on(&self, one: &Incoming, now_ms: u64) -> bool {
        let over = matches!(self.state(now_ms), AlertState::Resolved | AlertState::Expired);
        let anew = self.since_is_told && one.since_ms.is_some_and(|since_ms| since_ms > self.since_ms);
        !over && !anew
    }

    pub(super) fn dealt_with(&mut self, target: TargetId, handled: Handled) {
        self.last_ms = self.last_ms.max(handled.at_ms);
        if self.handled.len() < HANDLED_MAX {
            self.handled.entry(target).or_insert(handled);
        }
    }

    /// As policies see it. What else it says crosses among its labels, the number that raised it as label `value`, where it has
    /// no label of that name.
    pub(super) fn shown(&self) -> Alert {
        let mut labels = self.labels.clone();
        for (word, said) in &self.particulars {
            labels.entry(word.clone()).or_insert_with(|| said.clone());
        }
        if let Some(value) = self.value {
            labels.entry("value".to_owned()).or_insert_with(|| value.to_string());
        }
        Alert { id: self.id.clone(), name: self.name.clone(), since_ms: self.since_ms, labels }
    }

    pub(super) fn write(&self) -> Result<Write, StoreError> {
        let key = key(&self.id);
        let unwritable = |error: serde_json::Error| StoreError::Corrupt { what: format!("{key}: {error}") };
        let value = serde_json::to_vec(self).map_err(unwritable)?;
        Ok(Write::Set { key, value })
    }
}
