//! Readings: which series of the plant feeds which need, and the samples that policies look back on.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::fleet::{Fleet, Step};
use crate::policy::{Need, NeedKind};
use crate::snapshot::{Freshness, Reading, Samples, Subject};

/// Most samples of one reading that are kept, as a host keeps them.
const SAMPLES_MAX: usize = 3_600;

/// What can be measured of the plant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Series {
    /// Units of demand per second that came, on the mean of the last step. Of the target.
    Demand,
    /// Units per second that were served. Of the target or of an instance.
    Served,
    /// Units per second that could not be served when they came. Of the target.
    Unmet,
    /// Units that wait. Of the target.
    Backlog,
    /// Served, in percent of what could have been. Of the target or of an instance.
    Utilization,
    /// CPU used, in thousandths of a core. Of the target (the sum) or of an instance.
    CpuMillicores,
    /// Memory used, in bytes. Of the target (the sum) or of an instance.
    MemoryBytes,
    /// Share of the last step in which demand was more than the capacity, 0 to 1. Of the target or of an instance.
    CpuThrottledRatio,
}

impl Series {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Demand,
        Self::Served,
        Self::Unmet,
        Self::Backlog,
        Self::Utilization,
        Self::CpuMillicores,
        Self::MemoryBytes,
        Self::CpuThrottledRatio,
    ];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Demand => "demand",
            Self::Served => "served",
            Self::Unmet => "unmet",
            Self::Backlog => "backlog",
            Self::Utilization => "utilization",
            Self::CpuMillicores => "cpu_millicores",
            Self::MemoryBytes => "memory_bytes",
            Self::CpuThrottledRatio => "cpu_throttled_ratio",
        }
    }

    /// Whether there is one of this subject.
    #[must_use]
    pub fn is_of(self, subject: &Subject) -> bool {
        match subject {
            Subject::Target => true,
            Subject::Instance => !matches!(self, Self::Demand | Self::Unmet | Self::Backlog),
            _ => false,
        }
    }
}

impl FromStr for Series {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|series| series.as_str() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|series| series.as_str()).collect();
            format!("there is no series {text:?}; there are {}", names.join(", "))
        })
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A reading that policies ask for, and what feeds it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Wire {
    /// The reading.
    pub name: String,
    /// Whose.
    pub subject: Subject,
    /// Its unit, as the policies expect it.
    pub unit: String,
    /// How far back any policy looks.
    pub look_back_ms: u64,
    /// The least distance of samples that any policy wants; 0: that of turns.
    pub step_ms: u64,
    /// What feeds it; `None`: nothing, so it is absent.
    pub series: Option<Series>,
    /// What its absence counts as, if the operator said so.
    pub absent_as: Option<f64>,
    /// Whether a policy cannot do without. One that nothing feeds and nobody must have is no reading at all.
    pub required: bool,
}

/// What a binding declares of a reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    /// The reading.
    pub name: String,
    /// Whose.
    pub subject: Subject,
    /// What its absence counts as.
    pub absent_as: Option<f64>,
}

/// How the readings of a run are fed.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Wiring {
    /// Ordered by name and subject, each once.
    pub wires: Vec<Wire>,
}

/// Feeds every reading that these needs ask for: by `said` (name and series), by its own name if that is a series, and the
/// only reading of the target by the demand.
#[must_use]
pub fn wire<'n>(needs: impl IntoIterator<Item = &'n Need>, said: &[(String, Series)], declared: &[Declared]) -> Wiring {
    let mut wires: BTreeMap<(String, Subject), Wire> = BTreeMap::new();
    for need in needs.into_iter().filter(|need| need.kind == NeedKind::Reading) {
        let key = (need.name.clone(), need.subject.clone());
        let wire = wires.entry(key).or_insert_with(|| Wire {
            name: need.name.clone(),
            subject: need.subject.clone(),
            unit: need.unit.clone(),
            look_back_ms: 0,
            step_ms: need.step_ms,
            series: None,
            absent_as: None,
            required: false,
        });
        wire.look_back_ms = wire.look_back_ms.max(need.look_back_ms);
        wire.step_ms = wire.step_ms.min(need.step_ms);
        wire.required |= need.required;
    }
    let mut wires: Vec<Wire> = wires.into_values().collect();
    for wire in &mut wires {
        let told = said.iter().rev().find(|(name, _)| *name == wire.name).map(|(_, series)| *series);
        wire.series = told.or_else(|| wire.name.parse().ok()).filter(|series| series.is_of(&wire.subject));
        let own = declared.iter().find(|own| own.name == wire.name && own.subject == wire.subject);
        wire.absent_as = own.and_then(|own| own.absent_as);
    }
    let mut of_target = wires.iter_mut().filter(|wire| wire.subject == Subject::Target);
    if let (Some(only), None) = (of_target.next(), of_target.next())
        && only.series.is_none()
    {
        only.series = Some(Series::Demand);
    }
    Wiring { wires }
}

impl Wiring {
    /// What is fed, in words.
    #[must_use]
    pub fn fed(&self) -> Vec<String> {
        let told = self.wires.iter().filter_map(|wire| Some((wire, wire.series?)));
        told.map(|(wire, series)| match wire.subject {
            Subject::Target => format!("{} by {series}", wire.name),
            _ => format!("{} by {series} of each {}", wire.name, wire.subject),
        })
        .collect()
    }

    /// What nothing feeds, in words.
    #[must_use]
    pub fn unfed(&self) -> Vec<String> {
        let unfed = self.wires.iter().filter(|wire| wire.series.is_none());
        unfed.map(|wire| format!("{} of the {}", wire.name, wire.subject)).collect()
    }
}

/// The readings of a run as they grow, sample by sample. They live in the snapshot while a turn lasts.
#[derive(Debug)]
pub(super) struct Feed<'w> {
    wires: Vec<&'w Wire>,
    /// In the order of a snapshot: by name, subject and owner.
    readings: Vec<Reading>,
    rows: Vec<Row>,
    /// The instances that there are rows of.
    owners: Vec<String>,
}

/// What goes with a reading.
#[derive(Debug, Default)]
struct Row {
    wire: usize,
    /// Samples while the reading is absent.
    hidden: Option<Samples>,
}

impl<'w> Feed<'w> {
    pub(super) fn new(wiring: &'w Wiring) -> Self {
        let there = |wire: &&Wire| wire.series.is_some() || wire.required;
        let mut feed = Self {
            wires: wiring.wires.iter().filter(there).collect(),
            readings: Vec::new(),
            rows: Vec::new(),
            owners: Vec::new(),
        };
        feed.arrange();
        feed
    }

    /// Adds a sample to each reading, or hides all of them. Gives the readings to the snapshot.
    pub(super) fn measure(&mut self, fleet: &Fleet<'_>, step: &Step, now_ms: u64, out: bool) -> Vec<Reading> {
        let uses: Vec<_> = fleet.uses().collect();
        let same = self.owners.len() == uses.len() && self.owners.iter().zip(&uses).all(|(one, (id, _))| one == id);
        if !same {
            self.owners = uses.iter().map(|(id, _)| (*id).to_owned()).collect();
            self.arrange();
        }
        let mut at = 0;
        for (reading, row) in self.readings.iter_mut().zip(&mut self.rows) {
            let Some(wire) = self.wires.get(row.wire) else { continue };
            let value = match (&reading.owner, wire.series) {
                (_, None) => None,
                (None, Some(series)) => of_target(series, step, &uses),
                (Some(owner), Some(series)) => {
                    // Rows of one reading stand in the order of the instances.
                    at = if uses.get(at).is_some_and(|(id, _)| id == owner) { at } else { 0 };
                    at += uses.iter().skip(at).take_while(|(id, _)| id != owner).count();
                    let used = uses.get(at).and_then(|(_, used)| *used);
                    at += 1;
                    used.and_then(|used| of_instance(series, &used))
                }
            };
            row.note(reading, wire, now_ms, value.filter(|value| value.is_finite()), out);
        }
        std::mem::take(&mut self.readings)
    }

    /// Takes the readings back.
    pub(super) fn take_back(&mut self, readings: Vec<Reading>) {
        self.readings = readings;
    }

    /// Rows for every owner there is now; those that were there keep their samples.
    fn arrange(&mut self) {
        let mut before: BTreeMap<(usize, Option<String>), (Reading, Row)> = BTreeMap::new();
        for (reading, row) in std::mem::take(&mut self.readings).into_iter().zip(std::mem::take(&mut self.rows)) {
            before.insert((row.wire, reading.owner.clone()), (reading, row));
        }
        for (index, wire) in self.wires.iter().enumerate() {
            let owners: Vec<Option<String>> = match wire.subject {
                Subject::Target => vec![None],
                Subject::Instance => self.owners.iter().cloned().map(Some).collect(),
                _ => Vec::new(),
            };
            for owner in owners {
                let (reading, row) = before.remove(&(index, owner.clone())).unwrap_or_else(|| {
                    let reading = Reading {
                        unit: wire.unit.as_str().into(),
                        absent_as: wire.absent_as,
                        ..Reading::absent(&wire.name, wire.subject.clone(), owner)
                    };
                    (reading, Row { wire: index, hidden: None })
                });
                self.readings.push(reading);
                self.rows.push(row);
            }
        }
    }
}

impl Row {
    fn note(&mut self, reading: &mut Reading, wire: &Wire, now_ms: u64, value: Option<f64>, out: bool) {
        let Some(value) = value.filter(|_| !out) else {
            if self.hidden.is_none() {
                self.hidden = Some(std::mem::take(&mut reading.samples));
            }
            reading.freshness = Freshness::Absent;
            return;
        };
        if let Some(samples) = self.hidden.take() {
            reading.samples = samples;
        }
        reading.freshness = Freshness::Fresh;
        let Samples::Numbers { times_ms, values } = &mut reading.samples else { return };
        // The newest sample is always there; of those before it, one for each step that the policies want.
        let step_ms = wire.step_ms.max(1);
        let is_spare = match times_ms.as_slice() {
            [] => false,
            [only] => wire.look_back_ms == 0 && *only <= now_ms,
            [.., before, last] => wire.look_back_ms == 0 || before / step_ms == last / step_ms,
        };
        if is_spare {
            times_ms.pop();
            values.pop();
        }
        times_ms.push(now_ms);
        values.push(value);
        let from_ms = now_ms.saturating_sub(wire.look_back_ms);
        let old = times_ms.partition_point(|at_ms| *at_ms < from_ms);
        let surplus = times_ms.len().saturating_sub(SAMPLES_MAX).max(old.min(times_ms.len() - 1));
        times_ms.drain(..surplus);
        values.drain(..surplus);
    }
}

type Uses<'f> = [(&'f str, Option<super::fleet::Use>)];

fn of_target(series: Series, step: &Step, uses: &Uses<'_>) -> Option<f64> {
    let per_second = |sum: f64| (step.seconds > 0.0).then(|| sum / step.seconds);
    let sum = |of: fn(&super::fleet::Use) -> f64| uses.iter().filter_map(|(_, used)| used.as_ref()).map(of).sum();
    match series {
        Series::Demand => per_second(step.demand),
        Series::Served => per_second(step.served),
        Series::Unmet => per_second(step.unmet),
        Series::Backlog => Some(step.backlog),
        Series::Utilization => (step.capacity > 0.0).then(|| 100.0 * step.served / step.capacity),
        Series::CpuMillicores => Some(sum(|used| used.cpu_millis)),
        Series::MemoryBytes => Some(sum(|used| used.memory_bytes)),
        Series::CpuThrottledRatio => per_second(step.short_seconds),
    }
}

fn of_instance(series: Series, used: &super::fleet::Use) -> Option<f64> {
    match series {
        Series::Demand | Series::Unmet | Series::Backlog => None,
        Series::Served => Some(used.load),
        Series::Utilization => used.utilization.map(|share| 100.0 * share),
        Series::CpuMillicores => Some(used.cpu_millis),
        Series::MemoryBytes => Some(used.memory_bytes),
        Series::CpuThrottledRatio => Some(used.busy),
    }
}
