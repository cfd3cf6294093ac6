//! Records as a table: one row for each instance that a change touched, as an operator would keep the books by hand.
//!
//! The columns are those of the history tables of policy-based autoscalers: where, what, by which policy, because of which
//! figure, and what became of it. A change of the target as a whole (limits, a count that the backend keeps) is one row without
//! an instance. Turns in which nothing was done are no rows: [`super::explain`] tells them.
//!
//! Pure.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::history::Turn;
use super::record::{Decided, Evaluation, Record, Slot, StepEntry};
use crate::bounds::Quantity;
use crate::drivers::{Step, StepEnd};
use crate::policy::{ParamValue, Verdict};
use crate::snapshot::{Alert, Reading, TargetId};

/// One row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LedgerRow {
    /// The node that the instance runs on; where it is not known, the host that had it made.
    pub host: String,
    /// The instance; empty where the change is one of the whole target.
    pub container: String,
    /// The policy that wanted it, with its version; else who did: `manual`, `repair`, `correction`, `fallback`.
    pub policy: String,
    /// The reading, or the alert, that the policy names; empty where it names none.
    pub metric: String,
    /// Its value then, the instance's own where it has one; `None`: not known.
    pub value: Option<f64>,
    /// What became of it: `running`, `deleted`, `restarted`, `stopped`, `resized`, `scaled`, `pending`, or how it failed.
    pub status: String,
    /// The workload.
    pub service: String,
    /// When it was decided.
    pub time_ms: u64,
    /// The target, with its driver.
    pub target: String,
    /// The decision: also on whatever it created.
    pub decision: String,
    /// Why, in the words of whoever wanted it.
    pub reason: String,
}

/// The books of many turns.
///
/// A record does not know where an instance came to run that it had made; one that is newer saw it there. So turns are entered
/// newest first.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Nodes of instances, by target and instance: the newest that is known.
    nodes: HashMap<(TargetId, String), String>,
    rows: Vec<LedgerRow>,
}

impl Ledger {
    /// Tells where an instance runs now.
    pub fn runs_on(&mut self, target: &TargetId, instance: &str, node: &str) {
        let known = self.nodes.entry((target.clone(), instance.to_owned()));
        known.or_insert_with(|| node.to_owned());
    }

    /// Enters a turn that is older than those before it.
    pub fn enter(&mut self, turn: &Turn) {
        let target = &turn.record.target;
        for instance in &turn.record.snapshot.instances {
            if let Some(node) = &instance.node {
                self.runs_on(target, &instance.id, node);
            }
        }
        let mut rows = ledger(turn);
        for row in &mut rows {
            // The record's own word on it is the best there is.
            let own = turn.record.snapshot.instance(&row.container).is_some_and(|instance| instance.node.is_some());
            let known = self.nodes.get(&(target.clone(), row.container.clone())).filter(|_| !own);
            known.into_iter().for_each(|node| row.host.clone_from(node));
        }
        self.rows.extend(rows);
    }

    /// All rows, those of the newest turn first.
    #[must_use]
    pub fn into_rows(self) -> Vec<LedgerRow> {
        self.rows
    }
}

/// The rows of a turn, ordered by instance; none where nothing was done.
fn ledger(turn: &Turn) -> Vec<LedgerRow> {
    let record = &turn.record;
    let Some(decided) = &record.ruling.decision else { return Vec::new() };
    let mover = (decided.origin == "policy").then(|| mover(record, decided)).flatten();
    let cause = mover.map_or(Cause::None, |slot| Cause::of(record, slot, decided));
    let row = |container: &str, status: &str| LedgerRow {
        host: host(record, container),
        container: container.to_owned(),
        policy: mover
            .map_or_else(|| decided.origin.clone(), |slot| format!("{} {}", slot.policy.name, slot.policy.version)),
        metric: cause.name().to_owned(),
        value: cause.value(record, container),
        status: status.to_owned(),
        service: record.target.name().to_owned(),
        time_ms: record.at_ms,
        target: record.target.to_string(),
        decision: record.id.to_string(),
        reason: decided.reason.clone(),
    };
    let touched = statuses(&turn.steps);
    if touched.is_empty() {
        // It was decided, and no step was ever begun: what came of it is all there is to say.
        let status = turn.closing.as_ref().map_or("pending", |closing| closing.outcome.as_str());
        return vec![row("", status)];
    }
    touched.iter().map(|(container, status)| row(container, status)).collect()
}

/// How each instance stands after the last step that touched it; the target itself under the empty name.
fn statuses(steps: &[StepEntry]) -> BTreeMap<&str, &'static str> {
    let mut statuses: BTreeMap<&str, &'static str> = BTreeMap::new();
    for entry in steps {
        let known = statuses.entry(entry.step.instance().unwrap_or_default()).or_insert("pending");
        match &entry.result {
            // What failed stays so, until a step that comes after it is done.
            None => {}
            // A restart is what happened, and that it is ready again goes without saying.
            Some(StepEnd::Done) if *known == "restarted" && matches!(entry.step, Step::AwaitReady { .. }) => {}
            Some(StepEnd::Done) => *known = done(&entry.step).unwrap_or(*known),
            // The wait was given up, and the change went on.
            Some(StepEnd::CutOff { .. }) => {}
            Some(StepEnd::Impossible { .. }) => *known = "impossible",
            Some(StepEnd::Failed { .. }) => *known = "failed",
            Some(StepEnd::Stuck { .. }) => *known = "stuck",
            Some(StepEnd::Cancelled) => *known = "cancelled",
        }
    }
    statuses
}

/// What an instance is after a step; `None`: what it was before, as far as these books go.
fn done(step: &Step) -> Option<&'static str> {
    match step {
        Step::Create { .. } => Some("created"),
        Step::AwaitReady { .. } | Step::Start { .. } => Some("running"),
        Step::Register { .. } | Step::Drain { .. } | Step::Deregister { .. } => None,
        Step::Stop { .. } => Some("stopped"),
        Step::Remove { .. } => Some("deleted"),
        Step::Restart { .. } => Some("restarted"),
        Step::Resize => Some("resized"),
        Step::SetCount => Some("scaled"),
    }
}

/// Where an instance runs, or is to run.
fn host(record: &Record, container: &str) -> String {
    let known = record.snapshot.instance(container).and_then(|instance| instance.node.clone());
    let only = || match record.snapshot.nodes.as_slice() {
        [node] => Some(node.id.clone()),
        _ => None,
    };
    known.or_else(only).unwrap_or_else(|| record.host.clone())
}

/// The policy that the decision follows: the one whose vote became the wish, else the first that asked for anything.
fn mover<'r>(record: &'r Record, decided: &Decided) -> Option<&'r Slot> {
    let active = |slot: &&Slot| !slot.shadow;
    if decided.replicas.is_some() {
        let travel = record.ruling.travels.iter().find(|travel| travel.what == Quantity::Replicas);
        let votes = travel.map(|travel| travel.votes.iter().filter(|(_, vote)| Some(*vote) == travel.wish));
        if let Some((winner, _)) = votes.and_then(|mut votes| votes.next()) {
            return record.slots.iter().filter(active).find(|slot| slot.slot == *winner);
        }
    }
    record.slots.iter().filter(active).find(|slot| match &slot.evaluation {
        Evaluation::Answered(answer) => {
            matches!(&answer.verdict, Verdict::Proposals(proposals) if !proposals.is_empty())
        }
        Evaluation::Faulted(_) | Evaluation::Quarantined { .. } => false,
    })
}

/// What a policy says that it was moved by.
enum Cause<'r> {
    Reading(&'r str),
    Alert(&'r Alert),
    None,
}

impl<'r> Cause<'r> {
    /// Looked for where policies name it: among readings in the parameters, else in the words of the reason, the longest name
    /// first, so that `rps` is not found in `rps_total`; then among alerts.
    fn of(record: &'r Record, slot: &'r Slot, decided: &Decided) -> Self {
        let snapshot = &record.snapshot;
        let is_read = |name: &str| snapshot.readings.iter().any(|reading| *reading.name == *name);
        let said = slot.params.iter().filter_map(|(_, value)| match value {
            ParamValue::Text(text) => Some(vec![text.as_str()]),
            ParamValue::Texts(texts) => Some(texts.iter().map(String::as_str).collect()),
            _ => None,
        });
        let mut named: Vec<&str> = said.flatten().filter(|name| is_read(name)).collect();
        if named.len() != 1 {
            let mut told: Vec<&str> = snapshot.readings.iter().map(|reading| &*reading.name).collect();
            told.retain(|name| decided.reason.contains(name) && (named.is_empty() || named.contains(name)));
            told.sort_by_key(|name| std::cmp::Reverse(name.len()));
            named = told.into_iter().chain(named).collect();
        }
        if let Some(name) = named.first() {
            return Cause::Reading(name);
        }
        let told = snapshot.alerts.iter().find(|alert| decided.reason.contains(&alert.name));
        told.or_else(|| snapshot.alerts.first()).map_or(Cause::None, Cause::Alert)
    }

    fn name(&self) -> &str {
        match self {
            Self::Reading(name) => name,
            Self::Alert(alert) => &alert.name,
            Self::None => "",
        }
    }

    /// The instance's own value, else the target's own. A mean over instances is not told: the policy may have used another.
    fn value(&self, record: &Record, container: &str) -> Option<f64> {
        match self {
            Self::Reading(name) => {
                let of = |owner: Option<&str>| {
                    let fits = |reading: &&Reading| *reading.name == **name && reading.owner.as_deref() == owner;
                    record.snapshot.readings.iter().find(fits).and_then(Reading::latest)
                };
                Some(container)
                    .filter(|container| !container.is_empty())
                    .and_then(|id| of(Some(id)))
                    .or_else(|| of(None))
            }
            Self::Alert(alert) => {
                let value = alert.labels.get("value")?.parse::<f64>().ok();
                value.filter(|value| value.is_finite())
            }
            Self::None => None,
        }
    }
}
