//! Counters to rates, series by series.

use std::collections::HashMap;

use super::exposition::Sum;
use crate::snapshot::{Instance, TargetId};
use crate::sources::history::{base_age_ms_max, counter_rate};
use crate::sources::{Ask, Base, ReadingSpec};

/// For how long a target is remembered that is no longer asked about.
const FORGET_MS: u64 = 3_600_000;

/// The last values of all counters asked about.
#[derive(Debug, Default)]
pub(in crate::sources) struct Rates {
    targets: HashMap<TargetId, HashMap<String, Query>>,
    swept_ms: u64,
}

/// One query of one target.
#[derive(Debug, Default)]
struct Query {
    /// When its instances were last asked: one that started later has all its count since its start.
    asked_ms: Option<u64>,
    instances: HashMap<String, Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    read_ms: u64,
    /// Per series, ordered by its number.
    bases: Vec<(u64, Base)>,
}

impl Rates {
    /// The sum of the rates per second of these series since this instance was last read; `None` if there is nothing to
    /// compare with.
    ///
    /// A counter that fell was reset. A series that is new in an instance known before has grown from zero since then, and so
    /// has all of an instance that started after its target was last asked.
    pub(super) fn rate(
        &mut self,
        target: &TargetId,
        instance: &Instance,
        spec: &ReadingSpec,
        sum: &Sum,
    ) -> Option<f64> {
        self.rate_of(target, &instance.id, instance.started_ms, spec, sum)
    }

    /// As [`Self::rate`], of whoever goes by this name: a proxy that tells of the target is no instance of it.
    pub(in crate::sources) fn rate_of(
        &mut self,
        target: &TargetId,
        id: &str,
        started_ms: Option<u64>,
        spec: &ReadingSpec,
        sum: &Sum,
    ) -> Option<f64> {
        let query = self.targets.entry(target.clone()).or_default().entry(spec.query.clone()).or_default();
        let born_ms = started_ms.filter(|born_ms| query.asked_ms.is_some_and(|asked_ms| *born_ms >= asked_ms));
        let known = query.instances.entry(id.to_owned()).or_default();
        let oldest_ms = sum.read_ms.saturating_sub(base_age_ms_max(spec));
        let since_ms = if known.bases.is_empty() || known.read_ms < oldest_ms { born_ms } else { Some(known.read_ms) };
        let mut bases = Vec::with_capacity(sum.series.len());
        let mut total = 0.0;
        for (series, value) in &sum.series {
            let before = known.bases.binary_search_by_key(series, |(number, _)| *number).ok();
            let before = before.and_then(|at| known.bases.get(at)).map(|(_, base)| *base);
            let before = before.filter(|base| base.at_ms >= oldest_ms);
            let zero = since_ms.map(|at_ms| Base { at_ms, value: 0.0, rate: None });
            let base = counter_rate(before.or(zero), sum.read_ms, *value);
            total += base.rate.unwrap_or(f64::NAN);
            bases.push((*series, base));
        }
        bases.sort_unstable_by_key(|(number, _)| *number);
        *known = Counters { read_ms: sum.read_ms, bases };
        total.is_finite().then_some(total)
    }

    /// Ends a turn of one reading: forgets instances that are gone, and now and then targets that nobody asks about.
    pub(super) fn turned(&mut self, ask: &Ask<'_>) {
        self.turned_with(ask, None);
    }

    /// As [`Self::turned`], where `other` is no instance and stays.
    pub(in crate::sources) fn turned_with(&mut self, ask: &Ask<'_>, other: Option<&str>) {
        for asked in ask.targets {
            let queries = self.targets.entry(asked.target.id.clone()).or_default();
            let query = queries.entry(ask.spec.query.clone()).or_default();
            query.asked_ms = Some(ask.now_ms);
            query.instances.retain(|id, _| {
                other == Some(id.as_str()) || asked.instances.iter().any(|instance| instance.id == *id)
            });
        }
        if ask.now_ms >= self.swept_ms.saturating_add(FORGET_MS) {
            self.swept_ms = ask.now_ms;
            let from_ms = ask.now_ms.saturating_sub(FORGET_MS);
            self.targets.retain(|_, queries| {
                queries.retain(|_, query| query.asked_ms.is_some_and(|asked_ms| asked_ms >= from_ms));
                !queries.is_empty()
            });
        }
    }
}
