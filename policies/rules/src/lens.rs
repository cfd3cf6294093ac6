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
    /// From the reading's unit to that of the comparison; `None` if there is nothing to take a share of.
    factor: Option<f64>,
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
            (Subject::Target, _) => vec![Member::of(reading.samples(), Some(1.0))],
            (Subject::Instance, _) => self.of_instances(&reading, test.share),
            (Subject::Node, _) => self.of_nodes(&reading, test.share),
            _ => reading
                .owners()
                .filter(|(owner, _)| *owner != Owner::Target)
                .map(|(_, fact)| Member::of(fact, Some(1.0)))
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
            ..Member::of(fact, factor_of_instance(share, instance))
        };
        counting.map(member).collect()
    }

    fn of_nodes(&self, reading: &Reading<'a>, share: Option<Share>) -> Vec<Member<'a>> {
        let here = |index: u32| self.place == Place::Everywhere || self.place == Place::Node(index);
        let factor = |node: &Node| share.map_or(Some(1.0), |share| share.factor(&node.capacity));
        // Nobody measures on a node that is down; its lack of samples is not to hold everything else.
        let counting = (0..).zip(reading.nodes()).filter(|(index, (node, _))| here(*index) && node.ready);
        counting.map(|(_, (node, fact))| Member::of(fact, factor(node))).collect()
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

fn factor_of_instance(share: Option<Share>, instance: &Instance) -> Option<f64> {
    let Some(share) = share else { return Some(1.0) };
    match share.of {
        ShareOf::Limit => share.factor(&instance.limits),
        ShareOf::Request => share.factor(&instance.requests),
        ShareOf::Capacity => None,
    }
}

impl<'a> Member<'a> {
    fn of(fact: Fact<Samples<'a>>, factor: Option<f64>) -> Self {
        Self::new(fact.fresh().map_or(Series::Missing, Series::Numbers), factor)
    }

    fn of_texts(fact: Fact<Texts<'a>>) -> Self {
        Self::new(fact.fresh().map_or(Series::Missing, Series::Texts), Some(1.0))
    }

    fn new(series: Series<'a>, factor: Option<f64>) -> Self {
        Self { series, factor, group: NO_NODE, started_ms: None, is_zero_if_missing: false }
    }

    /// Its figure now; `None` if it has no fresh sample, or nothing to take a share of.
    pub(crate) fn now(&self, check: &Check<'_>) -> Figure {
        let value = match (self.series, self.factor) {
            (Series::Numbers(samples), Some(factor)) => {
                Some(samples.latest() * factor).filter(|value| value.is_finite())
            }
            (Series::Texts(texts), _) => Some(of_text(texts.latest(), check)),
            (Series::Missing, _) if self.is_zero_if_missing => Some(0.0),
            (Series::Numbers(_) | Series::Missing, _) => None,
        };
        Figure { group: self.group, value }
    }

    /// Its figures with their times, oldest first as they came.
    pub(crate) fn past(&self, check: &Check<'_>) -> Vec<(u64, f64)> {
        match (self.series, self.factor) {
            (Series::Numbers(samples), Some(factor)) => {
                samples.iter().map(|(time_ms, value)| (time_ms, value * factor)).collect()
            }
            (Series::Texts(texts), _) => texts.iter().map(|(time_ms, text)| (time_ms, of_text(text, check))).collect(),
            (Series::Numbers(_) | Series::Missing, _) => Vec::new(),
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
