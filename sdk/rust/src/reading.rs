//! Readings by name, borrowed from the columns in which they cross, and honest about what is not known.

mod samples;

use std::ops::Range;

pub use samples::{Samples, Texts};

use crate::answer::Refusal;
use crate::snapshot::{Instance, Node};
use crate::vocabulary::Phase;
use crate::wire;

/// The owner number of the target's own rows, and of rows whose owner is in `owner-names`.
pub(crate) const NO_INDEX: u32 = u32::MAX;
pub(crate) const FRESH: u8 = 0;
pub(crate) const STALE: u8 = 1;
/// Added to the freshness of a row of texts.
pub(crate) const OF_TEXTS: u8 = 16;

/// What is known of something measured. There is no way to a number that passes by the question how good it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fact<T> {
    /// Known, and young enough to act on.
    Fresh(T),
    /// Known once, too old to act on.
    Stale(T),
    /// Not known. Never zero.
    Absent,
}

impl<T> Fact<T> {
    /// What may be acted on.
    #[must_use]
    pub fn fresh(self) -> Option<T> {
        match self {
            Self::Fresh(known) => Some(known),
            Self::Stale(_) | Self::Absent => None,
        }
    }

    /// What is known, be it too old to act on.
    #[must_use]
    pub fn known(self) -> Option<T> {
        match self {
            Self::Fresh(known) | Self::Stale(known) => Some(known),
            Self::Absent => None,
        }
    }

    /// The same fact of something computed from it.
    #[must_use]
    pub fn map<U>(self, compute: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::Fresh(known) => Fact::Fresh(compute(known)),
            Self::Stale(known) => Fact::Stale(compute(known)),
            Self::Absent => Fact::Absent,
        }
    }

    /// `fresh`, `stale` or `absent`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Fresh(_) => "fresh",
            Self::Stale(_) => "stale",
            Self::Absent => "absent",
        }
    }
}

/// Whose a series of samples is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Owner<'s> {
    /// The workload's own.
    Target,
    /// One instance's.
    Instance(&'s Instance),
    /// One node's.
    Node(&'s Node),
    /// Of something that the snapshot knows by name only: a container, pool, balancer or queue.
    Named(&'s str),
}

/// One reading of the binding: a series per owner.
#[derive(Debug, Clone)]
pub struct Reading<'s> {
    snapshot: &'s wire::Snapshot,
    name: &'s str,
    of_nodes: bool,
    rows: Range<usize>,
}

impl<'s> Reading<'s> {
    /// The rows of the need at that position in the list that the policy returned; no rows for `None`.
    pub(crate) fn new(snapshot: &'s wire::Snapshot, name: &'s str, need: Option<usize>, of_nodes: bool) -> Self {
        let rows = match need.and_then(|need| u32::try_from(need).ok()) {
            Some(need) => {
                let needs = &snapshot.readings.needs;
                needs.partition_point(|row| *row < need)..needs.partition_point(|row| *row <= need)
            }
            None => 0..0,
        };
        Self { snapshot, name, of_nodes, rows }
    }

    /// Its name in the binding.
    #[must_use]
    pub fn name(&self) -> &'s str {
        self.name
    }

    /// The samples of the target's own reading; of another subject's, those of its first owner.
    #[must_use]
    pub fn samples(&self) -> Fact<Samples<'s>> {
        self.row(self.rows.start)
    }

    /// The samples, where the policy cannot answer without them.
    ///
    /// # Errors
    /// `reading-missing`, naming the reading, if they are stale or absent.
    pub fn fresh(&self) -> Result<Samples<'s>, Refusal> {
        let fact = self.samples();
        let word = fact.word();
        fact.fresh().ok_or_else(|| Refusal::reading_missing(format!("reading `{}` is {word}", self.name)))
    }

    /// The samples of texts of the target's own reading: a state to compare.
    #[must_use]
    pub fn texts(&self) -> Fact<Texts<'s>> {
        self.text_row(self.rows.start)
    }

    /// Every instance of the snapshot with its samples, in the snapshot's order; without a row, they are absent.
    pub fn instances(&self) -> impl Iterator<Item = (&'s Instance, Fact<Samples<'s>>)> + use<'s> {
        self.with_owners(&self.snapshot.instances)
    }

    /// Every instance that does its share with its samples: not one that starts, for it uses what it will not use again, and not one
    /// that leaves, for it no longer uses what it did. Without a row, they are absent.
    pub fn serving(&self) -> impl Iterator<Item = (&'s Instance, Fact<Samples<'s>>)> + use<'s> {
        self.instances().filter(|(instance, _)| {
            let phase = instance.phase();
            !phase.is_leaving() && !matches!(phase, Phase::Pending | Phase::Starting)
        })
    }

    /// Every node of the snapshot with its samples, in the snapshot's order; without a row, they are absent.
    pub fn nodes(&self) -> impl Iterator<Item = (&'s Node, Fact<Samples<'s>>)> + use<'s> {
        self.with_owners(&self.snapshot.nodes)
    }

    /// Every row, whosever it is.
    pub fn owners(&self) -> impl Iterator<Item = (Owner<'s>, Fact<Samples<'s>>)> + use<'s> {
        let reading = self.clone();
        self.rows.clone().map(move |row| (reading.owner(row), reading.row(row)))
    }

    fn with_owners<T>(&self, all: &'s [T]) -> impl Iterator<Item = (&'s T, Fact<Samples<'s>>)> + use<'s, T> {
        let reading = self.clone();
        let mut row = self.rows.start;
        // Rows are ordered by owner: one walk along both finds them all.
        (0u32..).zip(all).map(move |(index, owner)| {
            let owners = &reading.snapshot.readings.owners;
            while row < reading.rows.end && owners.get(row).is_some_and(|other| *other < index) {
                row += 1;
            }
            let own = row < reading.rows.end && owners.get(row) == Some(&index);
            (owner, if own { reading.row(row) } else { Fact::Absent })
        })
    }

    fn owner(&self, row: usize) -> Owner<'s> {
        let snapshot = self.snapshot;
        let names = &snapshot.readings.owner_names;
        if let Some((_, name)) = names.iter().find(|(named, _)| usize::try_from(*named) == Ok(row)) {
            return Owner::Named(name);
        }
        let index = snapshot.readings.owners.get(row).copied().unwrap_or(NO_INDEX);
        let Ok(index) = usize::try_from(index) else {
            return Owner::Target;
        };
        // A reading belongs to instances or to nodes; which of them, only the need's subject says.
        if self.of_nodes {
            snapshot.nodes.get(index).map_or(Owner::Target, Owner::Node)
        } else {
            snapshot.instances.get(index).map_or(Owner::Target, Owner::Instance)
        }
    }

    fn row(&self, row: usize) -> Fact<Samples<'s>> {
        let columns = &self.snapshot.readings;
        self.cut(row, 0).map_or(Fact::Absent, |(freshness, range)| {
            let samples = columns
                .times_ms
                .get(range.clone())
                .zip(columns.values.get(range))
                .and_then(|(times_ms, values)| Samples::new(times_ms, values));
            judge(freshness, samples)
        })
    }

    fn text_row(&self, row: usize) -> Fact<Texts<'s>> {
        let columns = &self.snapshot.readings;
        self.cut(row, OF_TEXTS).map_or(Fact::Absent, |(freshness, range)| {
            let texts = columns
                .text_times_ms
                .get(range.clone())
                .zip(columns.texts.get(range))
                .and_then(|(times_ms, texts)| Texts::new(times_ms, texts));
            judge(freshness, texts)
        })
    }

    /// Freshness and range of a row whose form is `form`; `None` for no such row, or a row of another form.
    fn cut(&self, row: usize, form: u8) -> Option<(u8, Range<usize>)> {
        if !self.rows.contains(&row) {
            return None;
        }
        let columns = &self.snapshot.readings;
        let freshness = *columns.freshness.get(row)?;
        let first = usize::try_from(*columns.firsts.get(row)?).ok()?;
        let count = usize::try_from(*columns.counts.get(row)?).ok()?;
        let form_fits = freshness & OF_TEXTS == form;
        form_fits.then(|| (freshness & !OF_TEXTS, first..first.saturating_add(count)))
    }
}

/// A freshness that is not known to this version, and a row without samples, count as absent.
fn judge<T>(freshness: u8, samples: Option<T>) -> Fact<T> {
    match (freshness, samples) {
        (FRESH, Some(samples)) => Fact::Fresh(samples),
        (STALE, Some(samples)) => Fact::Stale(samples),
        _ => Fact::Absent,
    }
}

#[cfg(test)]
mod tests;
