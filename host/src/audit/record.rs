//! What one turn of one target came to.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::bounds::{
    CountChange, Decision, InstanceAction, Mode, Origin, Quiet, RepairRuling, Restraint, Ruling, Travel, Wish, Withheld,
};
use crate::drivers::{Outcome, Step, StepEnd};
use crate::policy::{Answer, ContainerResources, Fault, ParamValue, RefusalKind, Spent, Tier, Verdict};
use crate::snapshot::{Snapshot, TargetId};

/// Number of the JSON form that this host writes.
pub const RECORD_FORMAT: u32 = 1;

/// `<time>-<target>-<count>`: milliseconds since the epoch in 13 digits, eight hex digits of the target's name, and a count
/// of this host. Sorts by time, is unique in the host, and is the key of the change and on whatever the change creates:
/// lower-case letters, digits and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordId(String);

impl RecordId {
    /// The id of the `count`th record that this host makes.
    #[must_use]
    pub fn new(target: &TargetId, at_ms: u64, count: u64) -> Self {
        // FNV-1a: the same in every version of the host, unlike the standard library's.
        let hash = target
            .as_str()
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        Self(format!("{at_ms:013}-{hash:08x}-{count}"))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for RecordId {
    fn from(id: &str) -> Self {
        Self(id.to_owned())
    }
}

/// One turn of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`RECORD_FORMAT`].
    pub format: u32,
    /// Its id; also the key of its decision.
    pub id: RecordId,
    /// Whose.
    pub target: TargetId,
    /// Which turn of the host.
    pub turn: u64,
    /// When.
    pub at_ms: u64,
    /// The host's name.
    pub host: String,
    /// What began the turn.
    pub trigger: Trigger,
    /// The binding.
    pub binding: String,
    /// SHA-256 of the binding's settings.
    pub config: String,
    /// Whether the binding acts.
    pub mode: Mode,
    /// The facts: all that active and shadow policies need.
    pub snapshot: Arc<Snapshot>,
    /// What each policy came to, in the order of the binding, shadows last.
    pub slots: Vec<Slot>,
    /// What the bounds made of it.
    pub ruling: Ruled,
}

/// What began a turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Trigger {
    /// Its time had come.
    Pace,
    /// The host started.
    Start,
    /// A push, an alert, or an event of the backend.
    Event {
        /// Which.
        what: String,
    },
    /// A person.
    Manual {
        /// Who.
        who: String,
    },
}

/// Which policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRef {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the component's bytes.
    pub digest: String,
}

/// What the policy of one slot came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slot {
    /// The slot's name in the binding.
    pub slot: String,
    /// The policy.
    pub policy: PolicyRef,
    /// Whether it only watches.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    /// The limits that it ran under: its faults depend on them. `None` in records of a host that did not say so yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// Parameters by name, in the order in which they crossed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<(String, ParamValue)>,
    /// Its memory as it was given; empty for none.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "as_hex")]
    pub memory_before: Vec<u8>,
    /// Its memory as it left it; `None`: as it was.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "optional_hex")]
    pub memory_after: Option<Vec<u8>>,
    /// What it came to.
    pub evaluation: Evaluation,
    /// What it spent.
    #[serde(default)]
    pub spent: Spent,
}

/// What an evaluation came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evaluation {
    /// It answered. The memory is kept in the slot.
    Answered(Answer),
    /// It failed.
    Faulted(Fault),
    /// It was not asked, having failed too often.
    Quarantined {
        /// When it is tried again.
        until_ms: Option<u64>,
    },
}

impl Evaluation {
    /// Whether a person should see the facts: anything but an answer or an abstention.
    fn is_loud(&self) -> bool {
        match self {
            Self::Answered(Answer { verdict: Verdict::Refused(refusal), .. }) => {
                refusal.kind != RefusalKind::NotApplicable
            }
            Self::Answered(_) => false,
            Self::Faulted(_) | Self::Quarantined { .. } => true,
        }
    }
}

/// What the bounds made of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ruled {
    /// The combined wish, before any bound.
    pub wish: Wish,
    /// How each number travelled.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub travels: Vec<Travel>,
    /// Every "no" on the way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub restraints: Vec<Restraint>,
    /// What is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decided>,
    /// In dry-run: what would have been.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Decided>,
    /// Why nothing is done, where nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet: Option<Quiet>,
}

impl From<&Ruling> for Ruled {
    fn from(ruling: &Ruling) -> Self {
        Self {
            wish: ruling.wish.clone(),
            travels: ruling.travels.clone(),
            restraints: ruling.restraints.clone(),
            decision: ruling.decision.as_ref().map(Decided::from),
            withheld: ruling.withheld.as_ref().map(Decided::from),
            quiet: ruling.quiet,
        }
    }
}

impl From<&RepairRuling> for Ruled {
    fn from(ruling: &RepairRuling) -> Self {
        Self {
            restraints: ruling.restraints.clone(),
            decision: ruling.decision.as_ref().map(Decided::from),
            quiet: ruling.quiet,
            ..Self::default()
        }
    }
}

/// A [`Decision`] as it can be read back: to explain it and to see what came of it. No driver takes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    /// Who wanted it.
    pub origin: String,
    /// The change of count: from, to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<(u32, u32)>,
    /// Which instances go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub victims: Vec<String>,
    /// Nodes or zones to prefer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub placement: Vec<String>,
    /// New requests and limits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resize: Vec<ContainerResources>,
    /// The size to change to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_class: Option<String>,
    /// What is done to single instances.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<InstanceAction>,
    /// Why.
    pub reason: String,
    /// Number of the lease under which it was made.
    pub lease_epoch: u64,
}

impl From<&Decision> for Decided {
    fn from(decision: &Decision) -> Self {
        Self {
            origin: origin(decision.origin()).to_owned(),
            replicas: decision.replicas().map(pair),
            victims: decision.victims().to_vec(),
            placement: decision.placement().to_vec(),
            resize: decision.resize().to_vec(),
            size_class: decision.size_class().map(str::to_owned),
            actions: decision.actions().to_vec(),
            reason: decision.reason().to_owned(),
            lease_epoch: decision.lease_epoch(),
        }
    }
}

impl From<&Withheld> for Decided {
    fn from(withheld: &Withheld) -> Self {
        Self {
            origin: origin(Origin::Policy).to_owned(),
            replicas: withheld.replicas().map(pair),
            victims: Vec::new(),
            placement: Vec::new(),
            resize: withheld.resize().to_vec(),
            size_class: None,
            actions: withheld.actions().to_vec(),
            reason: withheld.reason().to_owned(),
            lease_epoch: 0,
        }
    }
}

fn pair(change: CountChange) -> (u32, u32) {
    (change.from, change.to)
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Policy => "policy",
        Origin::Correction => "correction",
        Origin::Repair => "repair",
        Origin::Manual => "manual",
        Origin::Fallback => "fallback",
    }
}

impl Record {
    /// Whether it decides something that a driver then does.
    #[must_use]
    pub fn acts(&self) -> bool {
        self.ruling.decision.is_some()
    }

    /// Whether nothing was done, refused or failed.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        !self.acts() && !self.slots.iter().any(|slot| !slot.shadow && slot.evaluation.is_loud())
    }

    /// Whether a shadow came to something else than a policy that it watches: whoever compares them wants it whole.
    #[must_use]
    pub fn has_dissent(&self) -> bool {
        let differs = |shadow: &Slot| {
            let mut acting = self.slots.iter().filter(|slot| !slot.shadow && slot.slot == shadow.slot);
            !acting.any(|slot| match (&slot.evaluation, &shadow.evaluation) {
                (Evaluation::Answered(ours), Evaluation::Answered(theirs)) => ours.verdict.agrees_with(&theirs.verdict),
                _ => false,
            })
        };
        self.slots.iter().filter(|slot| slot.shadow).any(differs)
    }
}

/// Turns of one target in which nothing was done, counted only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Time of the first.
    pub from_ms: u64,
    /// Time of the last.
    pub to_ms: u64,
    /// How many.
    pub turns: u64,
    /// The binding.
    pub binding: String,
    /// The count all the while.
    pub replicas: u32,
    /// The last one's reason.
    pub why: String,
}

/// A step that is about to be taken, or what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepEntry {
    /// Of which record.
    pub id: RecordId,
    /// When.
    pub at_ms: u64,
    /// Number of the step in its record, from 0.
    pub number: u32,
    /// The step.
    pub step: Step,
    /// What came of it; `None`: it is about to be taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<StepEnd>,
}

/// The end of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// Of which record.
    pub id: RecordId,
    /// When.
    pub at_ms: u64,
    /// What came of it.
    pub outcome: Outcome,
    /// For a person; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Count that is there at the end, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
}

/// A sentence about a target, at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub at_ms: u64,
    /// What.
    pub text: String,
}

mod as_hex {
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        hex::decode(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

mod optional_hex {
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => serializer.serialize_some(&hex::encode(bytes)),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
        let text: Option<String> = Option::deserialize(deserializer)?;
        text.map(|text| hex::decode(text).map_err(serde::de::Error::custom)).transpose()
    }
}
