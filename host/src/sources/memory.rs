//! The source `memory`: samples that somebody put there.
//!
//! Stories and benchmarks fill it, with times of their own and outages by script. It is a source like any other: it answers
//! one question for all targets, and knows nothing of what it was not given.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{Ask, Gives, Measurement, ReadingSpec, Row, Source, SourceError};
use crate::snapshot::{Samples, TargetId};

#[cfg(test)]
mod tests;

/// Samples in memory, by query, target and owner.
#[derive(Debug)]
pub struct MemorySource {
    name: String,
    gives: Gives,
    inner: Mutex<Inner>,
}

/// How the source fails while an outage lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outage {
    /// It refuses every question.
    Refuses,
    /// It never answers.
    Hangs,
    /// It answers, and leaves these targets out.
    LeavesOut(Vec<TargetId>),
    /// It answers, and leaves these instances out, of whatever target.
    LeavesOutOwners(Vec<String>),
}

#[derive(Debug, Default)]
struct Inner {
    series: HashMap<String, HashMap<TargetId, Owners>>,
    outages: Vec<(Range<u64>, Outage)>,
}

type Owners = Vec<(Option<String>, Series)>;

#[derive(Debug, Default)]
struct Series {
    times_ms: Vec<u64>,
    values: Vec<f64>,
}

impl MemorySource {
    /// An empty source of this name that tells the latest sample only, as a scrape would.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), gives: Gives::default(), inner: Mutex::default() }
    }

    /// One that tells all samples of the look-back, as a metrics server would.
    #[must_use]
    pub fn with_ranges(name: &str) -> Self {
        Self { gives: Gives { ranges: true, rates: false }, ..Self::new(name) }
    }

    /// Adds one sample. It is told from `at_ms` on, until the next; samples may be added ahead of time. A value that is not
    /// finite is kept too: sources do tell such.
    pub fn set(&self, query: &str, target: &TargetId, owner: Option<&str>, at_ms: u64, value: f64) {
        let mut inner = self.lock();
        let targets = inner.series.entry(query.to_owned()).or_default();
        let owners = targets.entry(target.clone()).or_default();
        let at = owners.iter().position(|(of, _)| of.as_deref() == owner).unwrap_or_else(|| {
            owners.push((owner.map(str::to_owned), Series::default()));
            owners.len() - 1
        });
        let Some((_, series)) = owners.get_mut(at) else { return };
        let place = series.times_ms.partition_point(|time| *time <= at_ms);
        series.times_ms.insert(place, at_ms);
        series.values.insert(place, value);
    }

    /// Fails in this way at every `now_ms` of the range.
    pub fn fail(&self, during_ms: Range<u64>, outage: Outage) {
        self.lock().outages.push((during_ms, outage));
    }

    /// Forgets all samples of one target.
    pub fn remove(&self, target: &TargetId) {
        for targets in self.lock().series.values_mut() {
            targets.remove(target);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rows(&self, ask: &Ask<'_>, outages: &[Outage]) -> Vec<Row> {
        let inner = self.lock();
        let Some(series) = inner.series.get(&ask.spec.query) else { return Vec::new() };
        let mut rows = Vec::with_capacity(ask.targets.len());
        for asked in ask.targets {
            let target = &asked.target.id;
            for (owner, series) in series.get(target).into_iter().flatten() {
                let left_out = outages.iter().any(|outage| outage.leaves_out(target, owner.as_deref()));
                if let Some(samples) = self.told(series, ask).filter(|_| !left_out) {
                    rows.push(Row { target: target.clone(), owner: owner.clone(), samples });
                }
            }
        }
        rows
    }

    fn told(&self, series: &Series, ask: &Ask<'_>) -> Option<Samples> {
        let end = series.times_ms.partition_point(|time| *time <= ask.now_ms);
        let newest = end.checked_sub(1)?;
        let from_ms = ask.now_ms.saturating_sub(ask.spec.look_back_ms);
        let first = series.times_ms.partition_point(|time| *time < from_ms).min(newest);
        let first = if self.gives.ranges { first } else { newest };
        let times_ms = series.times_ms.get(first..end)?.to_vec();
        let values = series.values.get(first..end)?.to_vec();
        Some(Samples::Numbers { times_ms, values })
    }
}

impl Outage {
    fn leaves_out(&self, target: &TargetId, owner: Option<&str>) -> bool {
        match self {
            Self::Refuses | Self::Hangs => false,
            Self::LeavesOut(targets) => targets.contains(target),
            Self::LeavesOutOwners(owners) => owner.is_some_and(|owner| owners.iter().any(|left| left == owner)),
        }
    }
}

#[async_trait]
impl Source for MemorySource {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "memory"
    }

    fn gives(&self) -> Gives {
        self.gives
    }

    fn check_reading(&self, _spec: &ReadingSpec) -> Result<(), SourceError> {
        Ok(())
    }

    async fn measure(&self, ask: &Ask<'_>) -> Result<Measurement, SourceError> {
        let outages: Vec<Outage> = {
            let inner = self.lock();
            let now = inner.outages.iter().filter(|(during_ms, _)| during_ms.contains(&ask.now_ms));
            now.map(|(_, outage)| outage.clone()).collect()
        };
        if outages.contains(&Outage::Hangs) {
            std::future::pending::<()>().await;
        }
        if outages.contains(&Outage::Refuses) {
            return Err(SourceError::Unreachable { name: self.name.clone(), what: "outage by script".to_owned() });
        }
        Ok(Measurement { rows: self.rows(ask, &outages), failed: Vec::new() })
    }

    async fn check(&self) -> Result<(), SourceError> {
        Ok(())
    }
}
