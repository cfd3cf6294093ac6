//! From a scene to the record that crosses: only what the needs ask for, readings as columns. The same rules as the host's.

use super::scene::Scene;
use crate::needs::milliseconds;
use crate::reading::{FRESH, NO_INDEX, OF_TEXTS, STALE};
use crate::vocabulary::Subject;
use crate::wire;

/// Stands in a row without samples; whoever reads one takes any freshness that he does not know for it.
const ABSENT: u8 = 2;

/// One series that a scene gives.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) name: String,
    pub(super) whose: Whose,
    pub(super) fresh: bool,
    pub(super) points: Points,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Whose {
    Target,
    Instance(String),
    Node(String),
    Named(String),
}

#[derive(Debug, Clone)]
pub(super) enum Points {
    /// Spaced by the scene's step, the last one now.
    Spaced(Vec<f64>),
    Timed(Vec<(u64, f64)>),
    Text(String),
}

pub(super) fn no_readings() -> wire::Readings {
    wire::Readings {
        needs: Vec::new(),
        owners: Vec::new(),
        freshness: Vec::new(),
        firsts: Vec::new(),
        counts: Vec::new(),
        times_ms: Vec::new(),
        values: Vec::new(),
        text_times_ms: Vec::new(),
        texts: Vec::new(),
        owner_names: Vec::new(),
        attrs: Vec::new(),
    }
}

impl Scene {
    /// What a policy with these needs sees of it.
    #[must_use]
    pub fn project(self, needs: &[wire::Need]) -> wire::Snapshot {
        let asks = |kind: &str| needs.iter().any(|need| need.kind == kind);
        let asks_of =
            |subject: Subject| needs.iter().any(|need| need.kind == "reading" && need.subject == subject.as_str());
        let readings = self.columns(needs);
        let mut snapshot = self.snapshot;
        snapshot.readings = readings;
        snapshot.target.labels = self.labels;
        snapshot.target.labels.retain(|(name, _)| needs.iter().any(|need| need.kind == "label" && need.name == *name));
        if !asks("instances") && !asks_of(Subject::Instance) {
            snapshot.instances.clear();
        }
        if !asks("nodes") && !asks_of(Subject::Node) {
            snapshot.nodes.clear();
        }
        if !asks("alerts") {
            snapshot.alerts.clear();
        }
        let changes_ms = needs.iter().filter(|need| need.kind == "changes").map(|need| need.look_back_ms).max();
        let now_ms = snapshot.now_ms;
        snapshot
            .changes
            .retain(|change| changes_ms.is_some_and(|back_ms| change.at_ms >= now_ms.saturating_sub(back_ms)));
        snapshot
            .transitions
            .retain(|zone| needs.iter().any(|need| need.kind == "transitions" && need.name == zone.zone));
        snapshot
    }

    fn columns(&self, needs: &[wire::Need]) -> wire::Readings {
        let mut columns = no_readings();
        for (index, need) in (0u32..).zip(needs).filter(|(_, need)| need.kind == "reading") {
            match Subject::from(need.subject.as_str()) {
                Subject::Target => {
                    self.row(&mut columns, index, need, NO_INDEX, &Whose::Target);
                }
                Subject::Instance => {
                    for (owner, one) in (0u32..).zip(&self.snapshot.instances) {
                        self.row(&mut columns, index, need, owner, &Whose::Instance(one.id.clone()));
                    }
                }
                Subject::Node => {
                    for (owner, one) in (0u32..).zip(&self.snapshot.nodes) {
                        self.row(&mut columns, index, need, owner, &Whose::Node(one.id.clone()));
                    }
                }
                _ => self.named_rows(&mut columns, index, need),
            }
        }
        columns
    }

    fn named_rows(&self, columns: &mut wire::Readings, index: u32, need: &wire::Need) {
        let mut names: Vec<&str> = self
            .given
            .iter()
            .filter(|given| given.name == need.name)
            .filter_map(|given| match &given.whose {
                Whose::Named(name) => Some(name.as_str()),
                _ => None,
            })
            .collect();
        names.sort_unstable();
        for name in names {
            let row = u32::try_from(columns.needs.len()).unwrap_or(NO_INDEX);
            columns.owner_names.push((row, name.to_owned()));
            self.row(columns, index, need, NO_INDEX, &Whose::Named(name.to_owned()));
        }
    }

    fn row(&self, columns: &mut wire::Readings, index: u32, need: &wire::Need, owner: u32, whose: &Whose) {
        columns.needs.push(index);
        columns.owners.push(owner);
        let given = self.given.iter().rev().find(|given| given.name == need.name && given.whose == *whose);
        let Some(given) = given else {
            columns.push_extent(ABSENT, columns.values.len(), 0);
            return;
        };
        let freshness = if given.fresh { FRESH } else { STALE };
        if let Points::Text(text) = &given.points {
            columns.push_extent(freshness + OF_TEXTS, columns.texts.len(), 1);
            columns.text_times_ms.push(self.snapshot.now_ms);
            columns.texts.push(text.clone());
            return;
        }
        let samples = self.samples(given, need.look_back_ms);
        let freshness = if samples.is_empty() { ABSENT } else { freshness };
        columns.push_extent(freshness, columns.values.len(), samples.len());
        for (time_ms, value) in samples {
            columns.times_ms.push(time_ms);
            columns.values.push(value);
        }
    }

    /// The finite samples within the look-back, and the youngest in any case: whether it is too old, freshness says.
    fn samples(&self, given: &Given, look_back_ms: u64) -> Vec<(u64, f64)> {
        let mut samples: Vec<(u64, f64)> = match &given.points {
            Points::Spaced(values) => {
                let steps_back = (0..values.len() as u64).rev();
                let step_ms = milliseconds(self.step);
                let time_ms = |steps: u64| self.snapshot.now_ms.saturating_sub(steps.saturating_mul(step_ms));
                steps_back.map(time_ms).zip(values.iter().copied()).collect()
            }
            Points::Timed(samples) => samples.clone(),
            Points::Text(_) => Vec::new(),
        };
        samples.retain(|(_, value)| value.is_finite());
        let last = samples.len().saturating_sub(1);
        let from_ms = self.snapshot.now_ms.saturating_sub(look_back_ms);
        let mut position = 0..;
        samples.retain(|(time_ms, _)| position.next() == Some(last) || (look_back_ms > 0 && *time_ms >= from_ms));
        samples
    }
}

impl wire::Readings {
    fn push_extent(&mut self, freshness: u8, first: usize, count: usize) {
        self.freshness.push(freshness);
        self.firsts.push(u32::try_from(first).unwrap_or(u32::MAX));
        self.counts.push(u32::try_from(count).unwrap_or(u32::MAX));
    }
}
