//! What came of playing turns again, in values that a person and a program can read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::figures::{Difference, Spread};
use super::outcome::{Outcome, Part};
use crate::audit::{PolicyRef, RecordId};
use crate::policy::Fault;
use crate::snapshot::TargetId;

/// Rows of one report; of more it is told how many were left out.
const ROWS_MAX: usize = 1_000;
/// Bytes of them, as JSON: an answer may hold a quarter of a megabyte.
const ROWS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How far a walk came.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reach {
    /// Asked for from this time on.
    pub from_ms: u64,
    /// Before this time; `None`: all that there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_ms: Option<u64>,
    /// Turns that were played.
    pub turns: u64,
    /// Time of the first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_ms: Option<u64>,
    /// Time of the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_ms: Option<u64>,
    /// Turns of which no more than their number was kept.
    pub counted: u64,
    /// Entries that cannot be read.
    pub unreadable: u64,
    /// Why, of the first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable_why: Option<String>,
    /// Where it ended before its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
}

/// Where a walk ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// Why.
    pub why: CutShort,
    /// Where to go on: after this entry.
    pub next: u64,
}

/// Why a walk ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CutShort {
    /// There are more turns than were to be played.
    Turns,
    /// Its time was over.
    Time,
}

impl Reach {
    pub(super) fn note_played(&mut self, times_ms: &[u64]) {
        self.turns += times_ms.len() as u64;
        self.first_ms = self.first_ms.or_else(|| times_ms.first().copied());
        self.last_ms = times_ms.last().copied().or(self.last_ms);
    }

    /// Joins what came of the stretch after this one.
    pub fn join(&mut self, next: &Self) {
        self.turns += next.turns;
        self.first_ms = self.first_ms.or(next.first_ms);
        self.last_ms = next.last_ms.or(self.last_ms);
        self.counted += next.counted;
        self.unreadable += next.unreadable;
        self.unreadable_why = self.unreadable_why.take().or_else(|| next.unreadable_why.clone());
        self.cut = next.cut;
    }
}

/// What came of a replay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replayed {
    /// Whose turns.
    pub target: TargetId,
    /// The policy that was put in the recorded ones' place; `None`: each was played with its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead: Option<PolicyRef>,
    /// How far it came.
    pub reach: Reach,
    /// How many evaluations came to what.
    pub tally: Tally,
    /// Those that came to anything but the same, oldest first.
    pub rows: Vec<Row>,
    /// How many are not among them.
    pub rows_left_out: u64,
}

impl Replayed {
    /// Joins what came of the stretch after this one.
    pub fn join(&mut self, next: Self) {
        self.reach.join(&next.reach);
        self.tally.join(&next.tally);
        let room = ROWS_MAX.saturating_sub(self.rows.len());
        self.rows_left_out += next.rows_left_out + next.rows.len().saturating_sub(room) as u64;
        self.rows.extend(next.rows.into_iter().take(room));
    }
}

/// How many evaluations came to what: see [`CameTo`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the arm of `CameTo` that it counts")]
pub struct Tally {
    pub evaluations: u64,
    pub identical: u64,
    pub defects: u64,
    pub agreed: u64,
    pub differed: u64,
    pub not_recorded: u64,
    pub unfit: u64,
    pub not_replayable: u64,
    pub other_limits: u64,
    pub not_evaluated: u64,
    pub no_code: u64,
}

impl Tally {
    pub(super) fn add(&mut self, came_to: &CameTo) {
        self.evaluations += 1;
        *match came_to {
            CameTo::Identical { .. } => &mut self.identical,
            CameTo::Defect { .. } => &mut self.defects,
            CameTo::Agreed { .. } => &mut self.agreed,
            CameTo::Differed { .. } => &mut self.differed,
            CameTo::NotRecorded { .. } => &mut self.not_recorded,
            CameTo::Unfit { .. } => &mut self.unfit,
            CameTo::NotReplayable { .. } => &mut self.not_replayable,
            CameTo::OtherLimits { .. } => &mut self.other_limits,
            CameTo::NotEvaluated { .. } => &mut self.not_evaluated,
            CameTo::NoCode { .. } => &mut self.no_code,
        } += 1;
    }

    fn join(&mut self, next: &Self) {
        self.evaluations += next.evaluations;
        self.identical += next.identical;
        self.defects += next.defects;
        self.agreed += next.agreed;
        self.differed += next.differed;
        self.not_recorded += next.not_recorded;
        self.unfit += next.unfit;
        self.not_replayable += next.not_replayable;
        self.other_limits += next.other_limits;
        self.not_evaluated += next.not_evaluated;
        self.no_code += next.no_code;
    }
}

/// One recorded evaluation, played again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The record.
    pub record: RecordId,
    /// Its time.
    pub at_ms: u64,
    /// Which turn of the host.
    pub turn: u64,
    /// The binding.
    pub binding: String,
    /// The slot.
    pub slot: String,
    /// Whether its policy only watched.
    #[serde(default)]
    pub shadow: bool,
    /// The policy that was recorded.
    pub policy: PolicyRef,
    /// What came of it.
    pub came_to: CameTo,
}

/// What came of one evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum CameTo {
    /// The same, to the byte.
    Identical {
        /// This.
        outcome: Outcome,
    },
    /// Another answer of the same code to the same question: this must not be.
    Defect {
        /// Where they differ.
        parts: Vec<Part>,
        /// As recorded.
        recorded: Outcome,
        /// As it came now.
        replayed: Outcome,
    },
    /// Another policy asks for the same.
    Agreed {
        /// What it came to.
        replayed: Outcome,
    },
    /// Another policy asks for something else.
    Differed {
        /// Where, and by how much.
        by: Vec<Difference>,
        /// As recorded.
        recorded: Outcome,
        /// As it came now.
        replayed: Outcome,
    },
    /// Another policy wants what the record does not hold.
    NotRecorded {
        /// What.
        what: Vec<String>,
    },
    /// Another policy does not take the parameters.
    Unfit {
        /// Why.
        why: String,
    },
    /// It failed, then or now, by time or stack, which depend on the machine.
    NotReplayable {
        /// How.
        fault: Fault,
    },
    /// It ran under limits that are others today.
    OtherLimits {
        /// Which.
        what: String,
    },
    /// Nothing was evaluated then.
    NotEvaluated {
        /// Why.
        why: String,
    },
    /// Its code is not to be had.
    NoCode {
        /// Why.
        why: String,
    },
}

/// Two policies on the same snapshots.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// Whose turns.
    pub target: TargetId,
    /// The one.
    pub a: Side,
    /// The other.
    pub b: Side,
    /// How far it came.
    pub reach: Reach,
    /// Places in turns where both came to something.
    pub compared: u64,
    /// Those of them in which both ask for the same.
    pub agreed: u64,
    /// The part of them, in percent; `None`: there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement_percent: Option<f64>,
    /// By figure: in how many they differ, and by how much, b less a.
    pub spreads: BTreeMap<String, Spread>,
    /// Those in which they differ, or one said nothing, oldest first.
    pub rows: Vec<ComparedRow>,
    /// How many are not among them.
    pub rows_left_out: u64,
}

/// One of two policies.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Side {
    /// The policy; `None`: whichever was active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyRef>,
    /// Answers that the records hold.
    pub recorded: u64,
    /// Answers that were made now, on the recorded snapshots.
    pub evaluated: u64,
    /// Of both: proposals, also none at all.
    pub answers: u64,
    /// Refusals.
    pub refusals: u64,
    /// Faults.
    pub faults: u64,
    /// Times that it said nothing: what it wants was not recorded, or it does not take the parameters, or was not asked.
    pub silent: u64,
}

/// One place in one turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedRow {
    /// The record.
    pub record: RecordId,
    /// Its time.
    pub at_ms: u64,
    /// The binding.
    pub binding: String,
    /// The slot.
    pub slot: String,
    /// What a said.
    pub a: Said,
    /// What b said.
    pub b: Said,
    /// Where they differ, and by how much.
    pub by: Vec<Difference>,
}

/// What one of two said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// Where it is from.
    pub voice: Voice,
    /// What it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Why it was nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Where an answer is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Voice {
    /// The record holds it.
    Recorded,
    /// It was made now, on the recorded snapshot.
    Evaluated,
    /// There is none.
    Silent,
}

/// Rows, as many as a report holds.
#[derive(Debug)]
pub(super) struct Rows<T> {
    pub(super) rows: Vec<T>,
    pub(super) left_out: u64,
    bytes: usize,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), left_out: 0, bytes: 0 }
    }
}

impl<T: Serialize> Rows<T> {
    pub(super) fn push(&mut self, row: T) {
        let bytes = serde_json::to_vec(&row).map_or(0, |json| json.len());
        // The first is told however long it is.
        let fits =
            self.rows.is_empty() || (self.rows.len() < ROWS_MAX && self.bytes.saturating_add(bytes) <= ROWS_BYTES_MAX);
        if fits && self.left_out == 0 {
            self.bytes = self.bytes.saturating_add(bytes);
            self.rows.push(row);
        } else {
            self.left_out += 1;
        }
    }
}
