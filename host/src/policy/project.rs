//! What of a snapshot a policy sees: only what its needs ask for, readings as columns. Pure.
//!
//! Borrows from the snapshot wherever it can: what crosses is written once, into the guest's memory.

use std::collections::HashMap;

use super::manifest::{Need, NeedKind};
use crate::snapshot::{Alert, Change, Freshness, Instance, Node, Reading, Samples, Snapshot, Subject};

/// The owner of a row that belongs to neither an instance nor a node.
pub(super) const NO_OWNER: u32 = u32::MAX;

/// Added to the freshness of a row whose samples are texts.
const TEXTS: u8 = 16;

/// A snapshot as one policy sees it.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) labels: Vec<(&'a str, &'a str)>,
    pub(super) instances: &'a [Instance],
    /// The node of each instance, by number.
    pub(super) instance_nodes: Vec<Option<u32>>,
    pub(super) nodes: &'a [Node],
    pub(super) texts: Vec<&'a str>,
    /// (row, name) of owners that are neither instances nor nodes.
    pub(super) owner_names: Vec<(u32, &'a str)>,
    pub(super) alerts: &'a [Alert],
    pub(super) changes: &'a [Change],
    pub(super) transitions: Vec<Transitions<'a>>,
}

/// The numbers of all readings, by column. Kept by each thread from one evaluation to the next, for its allocations.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) needs: Vec<u32>,
    pub(super) owners: Vec<u32>,
    pub(super) freshness: Vec<u8>,
    pub(super) firsts: Vec<u32>,
    pub(super) counts: Vec<u32>,
    pub(super) times_ms: Vec<u64>,
    pub(super) values: Vec<f64>,
    pub(super) text_times_ms: Vec<u64>,
}

/// Offsets of one zone, as far ahead and back as was asked.
#[derive(Debug)]
pub(super) struct Transitions<'a> {
    pub(super) zone: &'a str,
    pub(super) at_ms: &'a [u64],
    pub(super) offsets_seconds: &'a [i32],
}

impl Columns {
    fn clear(&mut self) {
        self.needs.clear();
        self.owners.clear();
        self.freshness.clear();
        self.firsts.clear();
        self.counts.clear();
        self.times_ms.clear();
        self.values.clear();
        self.text_times_ms.clear();
    }
}

/// Projects a snapshot by needs. Readings are filled into `columns`, all else borrows from the snapshot.
pub(super) fn project<'a>(snapshot: &'a Snapshot, needs: &[Need], columns: &mut Columns) -> View<'a> {
    columns.clear();
    let wants = |kind: NeedKind| needs.iter().any(|need| need.kind == kind);
    let owned_by =
        |subject: &Subject| needs.iter().any(|need| need.kind == NeedKind::Reading && need.subject == *subject);
    let with_instances = wants(NeedKind::Instances) || owned_by(&Subject::Instance);
    let with_nodes = wants(NeedKind::Nodes) || owned_by(&Subject::Node);
    let instances = if with_instances { snapshot.instances.as_slice() } else { &[] };
    let mut rows = Rows::new(snapshot, columns);
    let mut labels = Vec::new();
    let mut transitions = Vec::new();
    for (index, need) in needs.iter().enumerate() {
        match need.kind {
            NeedKind::Reading => rows.fill(narrow(index), need),
            NeedKind::Label => {
                labels.extend(snapshot.target.labels.get_key_value(&need.name).map(|(k, v)| (k.as_str(), v.as_str())));
            }
            NeedKind::Transitions => transitions.extend(transitions_of(snapshot, need)),
            NeedKind::Instances | NeedKind::Nodes | NeedKind::Alerts | NeedKind::Changes => {}
        }
    }
    View {
        labels,
        instances,
        instance_nodes: instance_nodes(instances, &snapshot.nodes, with_nodes),
        nodes: if with_nodes { &snapshot.nodes } else { &[] },
        texts: rows.texts,
        owner_names: rows.owner_names,
        alerts: if wants(NeedKind::Alerts) { &snapshot.alerts } else { &[] },
        changes: changes_of(snapshot, needs),
        transitions,
    }
}

/// Makes rows of readings.
struct Rows<'a, 'c> {
    snapshot: &'a Snapshot,
    columns: &'c mut Columns,
    /// Stretches of readings of one name and subject, in the snapshot's order.
    runs: Vec<&'a [Reading]>,
    /// Whether the runs are ordered by name, as a snapshot of ours is; one written by hand may not be.
    runs_are_ordered: bool,
    texts: Vec<&'a str>,
    owner_names: Vec<(u32, &'a str)>,
}

impl<'a, 'c> Rows<'a, 'c> {
    fn new(snapshot: &'a Snapshot, columns: &'c mut Columns) -> Self {
        let mut runs: Vec<&[Reading]> = Vec::with_capacity(32);
        runs.extend(snapshot.readings.chunk_by(|one, next| one.name == next.name && one.subject == next.subject));
        let runs_are_ordered = runs.is_sorted_by_key(run_name);
        Self { snapshot, columns, runs, runs_are_ordered, texts: Vec::new(), owner_names: Vec::new() }
    }

    /// All rows of one need. None is missing: what could not be had is a row without samples.
    fn fill(&mut self, index: u32, need: &Need) {
        let snapshot = self.snapshot;
        let mut runs = self.runs_of(need);
        let first = runs.next().unwrap_or(&[]);
        let further: Vec<&'a [Reading]> = runs.collect();
        match &need.subject {
            Subject::Target => {
                let reading = first.iter().chain(further.into_iter().flatten()).find(|reading| reading.owner.is_none());
                self.push(index, NO_OWNER, need, reading);
            }
            Subject::Instance => {
                let ids = snapshot.instances.iter().map(|instance| instance.id.as_str());
                self.fill_owned(index, need, ids, first, &further);
            }
            Subject::Node => {
                let ids = snapshot.nodes.iter().map(|node| node.id.as_str());
                self.fill_owned(index, need, ids, first, &further);
            }
            Subject::Container | Subject::Other(_) => {
                let mut readings: Vec<&Reading> = first.iter().chain(further.into_iter().flatten()).collect();
                readings.sort_by(|one, other| one.owner.cmp(&other.owner));
                for reading in &readings {
                    if let Some(owner) = &reading.owner {
                        self.owner_names.push((narrow(self.columns.needs.len()), owner));
                    }
                    self.push(index, NO_OWNER, need, Some(reading));
                }
                if readings.is_empty() {
                    self.push(index, NO_OWNER, need, None);
                }
            }
        }
    }

    /// One row for each owner there is, in their order. Readings of owners that are gone have no row.
    fn fill_owned(
        &mut self,
        index: u32,
        need: &Need,
        ids: impl Iterator<Item = &'a str>,
        first: &'a [Reading],
        further: &[&'a [Reading]],
    ) {
        // Both sides are ordered by id, so the next reading mostly is the next owner's; else they are looked up by name.
        let mut upcoming = first.iter().peekable();
        let mut by_owner: Option<HashMap<&str, &'a Reading>> = None;
        for (position, id) in ids.enumerate() {
            let reading = upcoming.next_if(|reading| reading.owner.as_deref() == Some(id)).or_else(|| {
                let all = || first.iter().chain(further.iter().copied().flatten());
                by_owner
                    .get_or_insert_with(|| {
                        all().filter_map(|reading| Some((reading.owner.as_deref()?, reading))).collect()
                    })
                    .get(id)
                    .copied()
            });
            self.push(index, narrow(position), need, reading);
        }
    }

    fn runs_of<'s>(&'s self, need: &'s Need) -> impl Iterator<Item = &'a [Reading]> + 's {
        let from =
            if self.runs_are_ordered { self.runs.partition_point(|run| run_name(run) < need.name.as_str()) } else { 0 };
        let ordered = self.runs_are_ordered;
        let runs = self.runs.get(from..).unwrap_or(&[]).iter().copied();
        runs.take_while(move |run| !ordered || run_name(run) == need.name)
            .filter(move |run| run.first().is_some_and(|one| *one.name == *need.name && one.subject == need.subject))
    }

    /// One row, with the samples of the look-back; the newest sample is always among them.
    fn push(&mut self, index: u32, owner: u32, need: &Need, reading: Option<&'a Reading>) {
        let now_ms = self.snapshot.now_ms;
        let columns = &mut *self.columns;
        let mut freshness = reading.map_or(Freshness::Absent, |reading| reading.freshness);
        let (mut first, mut count, mut texts) = (columns.values.len(), 0, 0);
        match reading.map(|reading| (&reading.samples, reading.absent_as)) {
            Some((Samples::Texts { times_ms, texts: samples }, _)) if !samples.is_empty() => {
                let samples_at = cut(times_ms, samples.len(), now_ms, need.look_back_ms);
                first = self.texts.len();
                count = samples_at.len();
                texts = TEXTS;
                columns.text_times_ms.extend_from_slice(times_ms.get(samples_at.clone()).unwrap_or(&[]));
                self.texts.extend(samples.get(samples_at).unwrap_or(&[]).iter().map(String::as_str));
            }
            Some((Samples::Numbers { times_ms, values }, _)) if !values.is_empty() => {
                let samples_at = cut(times_ms, values.len(), now_ms, need.look_back_ms);
                count = samples_at.len();
                columns.times_ms.extend_from_slice(times_ms.get(samples_at.clone()).unwrap_or(&[]));
                columns.values.extend_from_slice(values.get(samples_at).unwrap_or(&[]));
            }
            // The operator said what absence of this reading means; the record keeps that it was absent.
            Some((_, Some(value))) => {
                freshness = Freshness::Fresh;
                count = 1;
                columns.times_ms.push(now_ms);
                columns.values.push(value);
            }
            _ => {}
        }
        if count == 0 {
            freshness = Freshness::Absent;
        }
        columns.needs.push(index);
        columns.owners.push(owner);
        columns.freshness.push(freshness.number() + texts);
        columns.firsts.push(narrow(first));
        columns.counts.push(narrow(count));
    }
}

fn run_name<'a>(run: &&'a [Reading]) -> &'a str {
    run.first().map_or("", |reading| &*reading.name)
}

/// The samples from `now - look_back` on; at least the newest, and only that for a look-back of 0.
fn cut(times_ms: &[u64], samples: usize, now_ms: u64, look_back_ms: u64) -> std::ops::Range<usize> {
    let end = times_ms.len().min(samples);
    let newest = end.saturating_sub(1);
    if look_back_ms == 0 {
        return newest..end;
    }
    let from_ms = now_ms.saturating_sub(look_back_ms);
    times_ms.get(..end).unwrap_or(&[]).partition_point(|at_ms| *at_ms < from_ms).min(newest)..end
}

/// Where each instance runs: an index into the nodes if they cross, else any number that tells nodes apart.
fn instance_nodes(instances: &[Instance], nodes: &[Node], with_nodes: bool) -> Vec<Option<u32>> {
    if instances.iter().all(|instance| instance.node.is_none()) {
        return Vec::new();
    }
    let mut numbers: HashMap<&str, u32> =
        nodes.iter().enumerate().map(|(index, node)| (node.id.as_str(), narrow(index))).collect();
    let number = |instance: &'_ Instance| {
        let node = instance.node.as_deref()?;
        numbers.get(node).copied()
    };
    if with_nodes {
        return instances.iter().map(number).collect();
    }
    for instance in instances {
        if let Some(node) = instance.node.as_deref() {
            let next = narrow(numbers.len());
            numbers.entry(node).or_insert(next);
        }
    }
    instances.iter().map(|instance| numbers.get(instance.node.as_deref()?).copied()).collect()
}

/// The changes of the longest look-back asked for; for a look-back of 0 the last one.
fn changes_of<'a>(snapshot: &'a Snapshot, needs: &[Need]) -> &'a [Change] {
    let asked = needs.iter().filter(|need| need.kind == NeedKind::Changes).map(|need| need.look_back_ms).max();
    let from = match asked {
        None => return &[],
        Some(0) => snapshot.changes.len().saturating_sub(1),
        Some(look_back_ms) => {
            let from_ms = snapshot.now_ms.saturating_sub(look_back_ms);
            snapshot.changes.partition_point(|change| change.at_ms < from_ms)
        }
    };
    snapshot.changes.get(from..).unwrap_or(&[])
}

/// From the transition in force at the far end of the look-back to the last one as far ahead.
fn transitions_of<'a>(snapshot: &'a Snapshot, need: &Need) -> Option<Transitions<'a>> {
    let of_zone = snapshot.transitions.iter().find(|transitions| transitions.zone == need.name)?;
    let length = of_zone.at_ms.len().min(of_zone.offsets_seconds.len());
    let at_ms = of_zone.at_ms.get(..length)?;
    let from_ms = snapshot.now_ms.saturating_sub(need.look_back_ms);
    let from = at_ms.partition_point(|at_ms| *at_ms <= from_ms).saturating_sub(1);
    let until_ms = snapshot.now_ms.saturating_add(need.look_back_ms);
    let to = at_ms.partition_point(|at_ms| *at_ms <= until_ms).max((from + 1).min(length));
    Some(Transitions {
        zone: &of_zone.zone,
        at_ms: at_ms.get(from..to)?,
        offsets_seconds: of_zone.offsets_seconds.get(from..to)?,
    })
}

/// Counts of what is held in memory; the contract's are 32 bits wide.
fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
