//! What a run came to.

use std::collections::BTreeMap;

use serde::Serialize;

use super::feed::Wiring;
use super::fleet::Step;
use super::plant::float;
use crate::policy::{Fault, Verdict};

/// Most changes that are told one by one.
const MOVED_MAX: usize = 2_000;
/// Longest reason that is told.
const WHY_CHARS_MAX: usize = 300;

/// What a run came to. Units of demand are those of the trace, per second; sums of them are over seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Who decided.
    pub contestant: String,
    /// Over which demand.
    pub trace: String,
    /// From when.
    pub from_ms: u64,
    /// To when.
    pub to_ms: u64,
    /// Time between turns.
    pub every_ms: u64,
    /// Turns taken.
    pub turns: u64,
    /// Units of demand that came.
    pub demand: f64,
    /// Units that were served, with a queue also late.
    pub served: f64,
    /// Served, of what came.
    pub served_share: f64,
    /// Units that could not be served when they came: lost, or with a queue late.
    pub unmet: f64,
    /// Unmet, of what came.
    pub unmet_share: f64,
    /// Share of the time in which demand was unmet or waited.
    pub short_share: f64,
    /// Most units that waited.
    pub backlog_max: f64,
    /// Units that waited at the end.
    pub backlog_end: f64,
    /// Over-provision: capacity that served nothing, of all that was ready.
    pub idle_share: f64,
    /// Fewest replicas that were asked for.
    pub replicas_min: u32,
    /// Replicas that served, on the mean of time.
    pub replicas_mean: f64,
    /// Most replicas that were asked for.
    pub replicas_max: u32,
    /// Raises of the count.
    pub raises: u64,
    /// Lowerings of the count.
    pub lowerings: u64,
    /// Changes of the count in the other direction than the one before.
    pub reversals: u64,
    /// Changes of size.
    pub resizes: u64,
    /// Actions on single instances.
    pub actions: u64,
    /// All changes, per hour.
    pub changes_per_hour: f64,
    /// Replicas killed for want of memory.
    pub killed: u64,
    /// Replica-hours that were paid for.
    pub replica_hours: f64,
    /// CPU set aside, core-hours.
    pub cpu_core_hours: f64,
    /// Memory set aside, GiB-hours.
    pub memory_gib_hours: f64,
    /// What it cost, in the unit of the price.
    pub cost: f64,
    /// What the policies came to.
    pub answers: Answers,
    /// How often each restraint of the bounds held something back.
    pub restraints: BTreeMap<&'static str, u64>,
    /// Which series fed which reading.
    pub fed: Vec<String>,
    /// Readings that nothing fed: absent all the time.
    pub unfed: Vec<String>,
    /// Facts that a policy asked for and that the plant does not have.
    pub not_had: Vec<String>,
    /// The changes, the oldest 2,000 of them.
    pub changes: Vec<Moved>,
    /// Each turn and the step after it.
    #[serde(skip)]
    pub points: Vec<Point>,
}

impl Report {
    /// Headings of the table that people read.
    pub const HEADINGS: [&'static str; 13] = [
        "policy",
        "served",
        "unmet",
        "units unmet",
        "short",
        "idle",
        "changes/h",
        "reversals",
        "replicas",
        "mean",
        "cost",
        "refused",
        "failed",
    ];

    /// A row of that table.
    #[must_use]
    pub fn cells(&self) -> [String; 13] {
        let percent = |share: f64| format!("{:.2} %", 100.0 * share);
        [
            self.contestant.clone(),
            percent(self.served_share),
            percent(self.unmet_share),
            format!("{:.0}", self.unmet),
            percent(self.short_share),
            format!("{:.1} %", 100.0 * self.idle_share),
            format!("{:.1}", self.changes_per_hour),
            self.reversals.to_string(),
            format!("{}..{}", self.replicas_min, self.replicas_max),
            format!("{:.2}", self.replicas_mean),
            format!("{:.2}", self.cost),
            self.answers.refusals().to_string(),
            (self.answers.faults() + self.answers.quarantined).to_string(),
        ]
    }

    /// What a person should know of it beside the table.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let mut list = |what: &str, things: &[String]| {
            if !things.is_empty() {
                notes.push(format!("{what}: {}", things.join(", ")));
            }
        };
        list("nothing feeds these readings, so they are absent", &self.unfed);
        list("the plant does not have what is asked for", &self.not_had);
        list("the first refusal", self.answers.first_refusal.as_slice());
        list("the first failure", self.answers.first_fault.as_slice());
        if self.killed > 0 {
            notes.push(format!("{} times a replica was killed for want of memory", self.killed));
        }
        if self.backlog_end > 0.0 {
            notes.push(format!("{:.0} units wait at the end, at most {:.0}", self.backlog_end, self.backlog_max));
        }
        notes
    }
}

/// What the policies came to, over all slots and turns.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Answers {
    /// Times that a policy proposed, held or abstained.
    pub answered: u64,
    /// Times that it refused, by kind.
    pub refused: BTreeMap<String, u64>,
    /// Times that it failed, by code.
    pub faulted: BTreeMap<String, u64>,
    /// Turns in which it was not asked, having failed too often.
    pub quarantined: u64,
    /// The first refusal's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_refusal: Option<String>,
    /// The first fault's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_fault: Option<String>,
}

impl Answers {
    /// Times that a policy refused.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.refused.values().sum()
    }

    /// Times that a policy failed.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.faulted.values().sum()
    }

    pub(super) fn note(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Proposals(_) => self.answered += 1,
            Verdict::Refused(refusal) => {
                *self.refused.entry(refusal.kind.as_str().to_owned()).or_default() += 1;
                self.first_refusal.get_or_insert_with(|| refusal.text.clone());
            }
        }
    }

    pub(super) fn note_fault(&mut self, fault: &Fault) {
        *self.faulted.entry(fault.code().to_owned()).or_default() += 1;
        self.first_fault.get_or_insert_with(|| fault.to_string());
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moved {
    /// When.
    pub at_ms: u64,
    /// As [`crate::policy::ProposalKind`].
    pub kind: String,
    /// Count before.
    pub from: u32,
    /// Count after.
    pub to: u32,
    /// Who wanted it: `policy`, `correction`, `fallback`.
    pub by: &'static str,
    /// Why.
    pub why: String,
}

/// One turn, and the step that follows it. Rates are per second, on the mean of the step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// When the turn was.
    pub at_ms: u64,
    /// Demand.
    pub demand: f64,
    /// Served.
    pub served: f64,
    /// Not served when it came.
    pub unmet: f64,
    /// What could have been served.
    pub capacity: f64,
    /// Waiting at the end.
    pub backlog: f64,
    /// Replicas asked for, after the turn.
    pub desired: u32,
    /// Replicas that serve, on the mean of the step.
    pub ready: f64,
    /// CPU request of a replica, thousandths of a core.
    pub cpu_millis: u64,
    /// Memory request of a replica, bytes.
    pub memory_bytes: u64,
    /// Whether the readings were absent.
    pub out: bool,
}

/// A report as it grows.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) answers: Answers,
    restraints: BTreeMap<&'static str, u64>,
    sum: Step,
    killed: u64,
    changes: Vec<Moved>,
    points: Vec<Point>,
    raises: u64,
    lowerings: u64,
    reversals: u64,
    resizes: u64,
    actions: u64,
    changed: u64,
    last: Option<bool>,
}

/// What a decision changes, to be counted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Changed {
    pub(super) count: Option<(u32, u32)>,
    pub(super) resize: bool,
    pub(super) actions: u64,
}

impl Ledger {
    pub(super) fn new(turns: usize) -> Self {
        Self {
            answers: Answers::default(),
            restraints: BTreeMap::new(),
            sum: Step::default(),
            killed: 0,
            changes: Vec::new(),
            points: Vec::with_capacity(turns),
            raises: 0,
            lowerings: 0,
            reversals: 0,
            resizes: 0,
            actions: 0,
            changed: 0,
            last: None,
        }
    }

    pub(super) fn restrained(&mut self, code: &'static str) {
        *self.restraints.entry(code).or_default() += 1;
    }

    pub(super) fn changed(&mut self, changed: Changed, moved: Moved) {
        self.changed += 1;
        if let Some((from, to)) = changed.count {
            let up = to > from;
            self.raises += u64::from(up);
            self.lowerings += u64::from(!up);
            self.reversals += u64::from(self.last.is_some_and(|last| last != up));
            self.last = Some(up);
        }
        self.resizes += u64::from(changed.resize);
        self.actions += changed.actions;
        if self.changes.len() < MOVED_MAX {
            let why = moved.why.chars().take(WHY_CHARS_MAX).collect();
            self.changes.push(Moved { why, ..moved });
        }
    }

    pub(super) fn stepped(&mut self, point: Point, step: &Step) {
        self.points.push(point);
        let sum = &mut self.sum;
        sum.seconds += step.seconds;
        sum.demand += step.demand;
        sum.served += step.served;
        sum.unmet += step.unmet;
        sum.capacity += step.capacity;
        sum.short_seconds += step.short_seconds;
        sum.ready_seconds += step.ready_seconds;
        sum.paid_seconds += step.paid_seconds;
        sum.cpu_millis_seconds += step.cpu_millis_seconds;
        sum.memory_bytes_seconds += step.memory_bytes_seconds;
        sum.cost += step.cost;
        sum.backlog = step.backlog;
        sum.backlog_max = sum.backlog_max.max(step.backlog_max);
        self.killed += u64::from(step.killed);
    }

    pub(super) fn close(self, head: Head<'_>) -> Report {
        let Self { sum, points, .. } = self;
        let share = |part: f64, whole: f64, none: f64| if whole > 0.0 { part / whole } else { none };
        let desired = || points.iter().map(|point| point.desired);
        Report {
            contestant: head.contestant.to_owned(),
            trace: head.trace.to_owned(),
            from_ms: head.from_ms,
            to_ms: head.to_ms,
            every_ms: head.every_ms,
            turns: points.len() as u64,
            demand: sum.demand,
            served: sum.served,
            served_share: share(sum.served, sum.demand, 1.0),
            unmet: sum.unmet,
            unmet_share: share(sum.unmet, sum.demand, 0.0),
            short_share: share(sum.short_seconds, sum.seconds, 0.0),
            backlog_max: sum.backlog_max,
            backlog_end: sum.backlog,
            idle_share: share(sum.capacity - sum.served, sum.capacity, 0.0),
            replicas_min: desired().min().unwrap_or(0),
            replicas_mean: share(sum.ready_seconds, sum.seconds, 0.0),
            replicas_max: desired().max().unwrap_or(0),
            raises: self.raises,
            lowerings: self.lowerings,
            reversals: self.reversals,
            resizes: self.resizes,
            actions: self.actions,
            changes_per_hour: share(3600.0 * float(self.changed), sum.seconds, 0.0),
            killed: self.killed,
            replica_hours: sum.paid_seconds / 3600.0,
            cpu_core_hours: sum.cpu_millis_seconds / 3.6e6,
            memory_gib_hours: sum.memory_bytes_seconds / 3600.0 / (1024.0 * 1024.0 * 1024.0),
            cost: sum.cost,
            answers: self.answers,
            restraints: self.restraints,
            fed: head.wiring.fed(),
            unfed: head.wiring.unfed(),
            not_had: head.not_had,
            changes: self.changes,
            points,
        }
    }
}

/// What stands above a report.
#[derive(Debug)]
pub(super) struct Head<'a> {
    pub(super) contestant: &'a str,
    pub(super) trace: &'a str,
    pub(super) from_ms: u64,
    pub(super) to_ms: u64,
    pub(super) every_ms: u64,
    pub(super) wiring: &'a Wiring,
    pub(super) not_had: Vec<String>,
}
