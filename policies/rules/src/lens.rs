//! What a comparison sees of the snapshot: one member per owner that counts, with its samples.

use trimtab_sdk::reading::Reading;
use trimtab_sdk::snapshot::{Instance, Node};
use trimtab_sdk::{Fact, Owner, Phase, Samples, Snapshot, Subject, Texts};

use crate::statement::{Check, Share, ShareOf, Test};
use crate::truth::{Figure, NO_NODE};

/// How the snapshot is looked at: whole by default, otherwise in modes of compatibility.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lens<'a> {
    pub(crate) snapshot: &'a Snapshot<'a>,
    /// Whether instances count that start: they use what they will not use again.
    pub(crate) with_starting: bool,
    pub(crate) place: Place,
    /// Readings of instances whose absence counts as 0.
    pub(crate) as_zero: &'a [String],
}

/// Of which instances and nodes it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Everywhere,
    /// That node and what runs there.
    Node(u32),
    /// The instance of that number, whose node is not known.
    Alone(usize),
}

/// What one owner's reading says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member<'a> {
    series: Series<'a>,
    unit: Unit,
    pub(crate) group: u32,
    /// When an instance started.
    pub(crate) started_ms: Option<u64>,
    is_zero_if_missing: bool,
}

#[derive(Debug, Clone, Copy)]
enum Series<'a> {
    Numbers(Samples<'a>),
    Texts(Texts<'a>),
    Missing,
}

/// From the reading's unit to that of the comparison.
#[derive(Debug, Clone, Copy)]
enum Unit {
    Plain,
    PercentOf(f64),
    /// There is nothing to take a share of.
    PercentOfNothing,
}

impl<'a> Lens<'a> {
    /// The whole snapshot, without the instances that start.
    pub(crate) fn on(snapshot: &'a Snapshot<'a>) -> Self {
        Self { snapshot, with_starting: false, place: Place::Everywhere, as_zero: &[] }
    }

    /// The members of a comparison.
    pub(crate) fn members(&self, test: &Test<'a>) -> Vec<Member<'a>> {
        let reading = self.snapshot.reading_of(&test.subject, test.reading);
        match (&test.subject, test.check) {
            (Subject::Target, Check::Text { .. }) => vec![Member::of_texts(reading.texts())],
            (Subject::Target, _) => vec![Member::of(reading.samples(), Unit::Plain)],
            (Subject::Instance, _) => self.of_instances(&reading, test.share),
            (Subject::Node, _) => self.of_nodes(&reading, test.share),
            _ => reading
                .owners()
                .filter(|(owner, _)| *owner != Owner::Target)
                .map(|(_, fact)| Member::of(fact, Unit::Plain))
                .collect(),
        }
    }

    fn of_instances(&self, reading: &Reading<'a>, share: Option<Share>) -> Vec<Member<'a>> {
        let is_zero_if_missing = self.as_zero.iter().any(|name| name == reading.name());
        let counting = reading.instances().enumerate().filter(|(index, (instance, _))| self.counts(*index, instance));
        let member = |(_, (instance, fact)): (usize, (&'a Instance, Fact<Samples<'a>>))| Member {
            group: instance.node.unwrap_or(NO_NODE),
            started_ms: instance.started_ms,
            is_zero_if_missing,
            ..Member::of(fact, unit_of_instance(share, instance))
        };
        counting.map(member).collect()
    }

    fn of_nodes(&self, reading: &Reading<'a>, share: Option<Share>) -> Vec<Member<'a>> {
        let here = |index: u32| self.place == Place::Everywhere || self.place == Place::Node(index);
        let unit = |node: &Node| share.map_or(Unit::Plain, |share| share.whole(&node.capacity).into());
        // Nobody measures on a node that is down; its lack of samples is not to hold everything else.
        let counting = (0..).zip(reading.nodes()).filter(|(index, (node, _))| here(*index) && node.ready);
        counting.map(|(_, (node, fact))| Member::of(fact, unit(node))).collect()
    }

    /// Whether an instance is of those that are asked about.
    pub(crate) fn counts(&self, index: usize, instance: &Instance) -> bool {
        let phase = instance.phase();
        let starts = matches!(phase, Phase::Pending | Phase::Starting);
        let here = match self.place {
            Place::Everywhere => true,
            Place::Node(node) => instance.node == Some(node),
            Place::Alone(alone) => index == alone,
        };
        here && !phase.is_leaving() && (self.with_starting || !starts)
    }
}

fn unit_of_instance(share: Option<Share>, instance: &Instance) -> Unit {
    let Some(share) = share else { return Unit::Plain };
    match share.of {
        ShareOf::Limit => share.whole(&instance.limits).into(),
        ShareOf::Request => share.whole(&instance.requests).into(),
        ShareOf::Capacity => Unit::PercentOfNothing,
    }
}

impl From<Option<f64>> for Unit {
    fn from(whole: Option<f64>) -> Self {
        whole.map_or(Self::PercentOfNothing, Self::PercentOf)
    }
}

impl Unit {
    fn of(self, value: f64) -> Option<f64> {
        match self {
            Self::Plain => Some(value),
            // Not by a factor: 2400 of 3000 are to be 80, and not a hair less.
            Self::PercentOf(whole) => Some(value * 100.0 / whole),
            Self::PercentOfNothing => None,
        }
        .filter(|value| value.is_finite())
    }
}

impl<'a> Member<'a> {
    fn of(fact: Fact<Samples<'a>>, unit: Unit) -> Self {
        Self::new(fact.fresh().map_or(Series::Missing, Series::Numbers), unit)
    }

    fn of_texts(fact: Fact<Texts<'a>>) -> Self {
        Self::new(fact.fresh().map_or(Series::Missing, Series::Texts), Unit::Plain)
    }

    fn new(series: Series<'a>, unit: Unit) -> Self {
        Self { series, unit, group: NO_NODE, started_ms: None, is_zero_if_missing: false }
    }

    /// Its figure now; `None` if it has no fresh sample, or nothing to take a share of.
    pub(crate) fn now(&self, check: &Check<'_>) -> Figure {
        let value = match self.series {
            Series::Numbers(samples) => self.unit.of(samples.latest()),
            Series::Texts(texts) => Some(of_text(texts.latest(), check)),
            Series::Missing => self.is_zero_if_missing.then_some(0.0),
        };
        Figure { group: self.group, value }
    }

    /// Its figures with their times, oldest first as they came.
    pub(crate) fn past(&self, check: &Check<'_>) -> Vec<(u64, f64)> {
        match self.series {
            // A figure that is none ends what is known before it.
            Series::Numbers(samples) => {
                let mut past: Vec<(u64, f64)> = Vec::with_capacity(samples.len());
                for (time_ms, value) in samples.iter() {
                    match self.unit.of(value) {
                        Some(value) => past.push((time_ms, value)),
                        None => past.clear(),
                    }
                }
                past
            }
            Series::Texts(texts) => texts.iter().map(|(time_ms, text)| (time_ms, of_text(text, check))).collect(),
            Series::Missing => Vec::new(),
        }
    }

    /// The text that was read, for a person.
    pub(crate) fn text(&self) -> Option<&'a str> {
        if let Series::Texts(texts) = self.series { Some(texts.latest()) } else { None }
    }
}

/// A text as a figure: 1 where it is the text of the comparison.
fn of_text(text: &str, check: &Check<'_>) -> f64 {
    let is_it = matches!(check, Check::Text { text: wanted, .. } if *wanted == text);
    if is_it { 1.0 } else { 0.0 }
}
