//! From rows to readings: every owner gets one, and it is fresh, stale or absent.

use std::collections::HashMap;

use super::problem::{Owner, Problem, Why};
use super::{Answer, GatherLimits, Gathered, Question};
use crate::snapshot::{Freshness, Reading, Samples, Subject, TargetId};
use crate::sources::history::{Fold, History, Kept, fingerprint};
use crate::sources::{AskTarget, Gives, ReadingSpec, Row};

/// Collects the readings of all targets, question by question in the order of name and subject.
pub(super) struct Judge<'a> {
    history: &'a History,
    limits: &'a GatherLimits,
    now_ms: u64,
    slots: HashMap<&'a TargetId, usize>,
    targets: Vec<(&'a TargetId, Vec<Reading>)>,
    problems: Vec<Problem>,
}

/// One question under judgement.
struct Case<'a> {
    spec: &'a ReadingSpec,
    print: u64,
    gives: Gives,
    limits: &'a GatherLimits,
    now_ms: u64,
    whys: Vec<Why>,
    unlisted: usize,
}

impl<'a> Judge<'a> {
    pub(super) fn new(
        questions: &'a [Question<'a>],
        history: &'a History,
        limits: &'a GatherLimits,
        now_ms: u64,
    ) -> Self {
        let mut slots = HashMap::new();
        let mut targets = Vec::new();
        let mut rows: Vec<usize> = Vec::new();
        for question in questions {
            for asked in &question.targets {
                let slot = *slots.entry(&asked.target.id).or_insert_with(|| {
                    targets.push((&asked.target.id, Vec::new()));
                    rows.push(0);
                    rows.len() - 1
                });
                if let Some(rows) = rows.get_mut(slot) {
                    *rows += if question.spec.subject == Subject::Instance { asked.instances.len() } else { 1 };
                }
            }
        }
        // As much room as they take: lists that grow by doubling would hold a third more for the whole turn.
        for ((_, readings), rows) in targets.iter_mut().zip(rows) {
            *readings = Vec::with_capacity(rows);
        }
        Self { history, limits, now_ms, slots, targets, problems: Vec::new() }
    }

    pub(super) fn question(&mut self, question: &'a Question<'a>, answer: Answer) {
        let spec = question.spec;
        let mut case = Case {
            spec,
            print: fingerprint(spec),
            gives: answer.gives,
            limits: self.limits,
            now_ms: self.now_ms,
            whys: Vec::new(),
            unlisted: 0,
        };
        let mut rows = match answer.measured {
            Ok(measurement) => {
                for (of, what) in measurement.failed {
                    case.complain(Why::Part { of, what });
                }
                measurement.rows
            }
            Err(why) => {
                case.complain(why);
                Vec::new()
            }
        };
        let order = self.order(&rows);
        let mut kept = self.history.lock();
        for asked in &question.targets {
            let Some(slot) = self.slots.get(&asked.target.id).copied() else { continue };
            let Some((_, readings)) = self.targets.get_mut(slot) else { continue };
            if readings.last().is_some_and(|last| last.name == spec.name && last.subject == spec.subject) {
                case.complain(Why::DeclaredTwice { target: asked.target.id.clone() });
                continue;
            }
            let first = order.partition_point(|(of, _)| *of < slot);
            let from = order.get(first..).unwrap_or_default();
            let own = from.get(..from.partition_point(|(of, _)| *of == slot)).unwrap_or_default();
            case.target(asked, own, &mut rows, &mut kept, readings);
        }
        drop(kept);
        self.problems.extend(case.problems());
    }

    pub(super) fn finish(self) -> Gathered {
        self.history.lock().sweep(self.now_ms);
        let readings = self.targets.into_iter().map(|(target, readings)| (target.clone(), readings)).collect();
        Gathered { readings, problems: self.problems, asked: Vec::new() }
    }

    /// Indexes of the rows by (target's slot, owner). Rows of targets that nobody asked about fall away: a query may know
    /// more than we do.
    fn order(&self, rows: &[Row]) -> Vec<(usize, usize)> {
        let mut order: Vec<(usize, usize)> = rows
            .iter()
            .enumerate()
            .filter_map(|(at, row)| self.slots.get(&row.target).map(|slot| (*slot, at)))
            .collect();
        let owner = |at: usize| rows.get(at).and_then(|row| row.owner.as_deref());
        order.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| owner(a.1).cmp(&owner(b.1))));
        order
    }
}

impl Case<'_> {
    /// The readings of one target; `own` are its rows, ordered by owner.
    fn target(
        &mut self,
        asked: &AskTarget<'_>,
        own: &[(usize, usize)],
        rows: &mut [Row],
        kept: &mut Kept,
        out: &mut Vec<Reading>,
    ) {
        let target = &asked.target.id;
        // Mostly there is one row, the target's own.
        if let ([(_, at)], Subject::Target) = (own, &self.spec.subject)
            && let Some(row) = rows.get_mut(*at).filter(|row| row.owner.is_none())
        {
            let samples = std::mem::take(&mut row.samples);
            out.push(self.reading(target, None, Some(samples), kept));
            return;
        }
        let mut given = self.by_owner(target, own, rows);
        match self.spec.subject {
            Subject::Target => {
                let samples = given.pop().map(|(_, samples)| samples);
                out.push(self.reading(target, None, samples, kept));
            }
            Subject::Instance => {
                let mut ids: Vec<&str> = asked.instances.iter().map(|instance| instance.id.as_str()).collect();
                ids.sort_unstable();
                for id in &ids {
                    let at = given.binary_search_by(|(owner, _)| owner.as_deref().cmp(&Some(*id)));
                    let samples = at.ok().and_then(|at| given.get_mut(at)).map(|(_, samples)| std::mem::take(samples));
                    out.push(self.reading(target, Some((*id).to_owned()), samples, kept));
                }
                if self.keeps() {
                    kept.retain_owners(target, self.spec, |owner| ids.binary_search(&owner).is_ok());
                }
            }
            _ if given.is_empty() => out.push(self.reading(target, None, None, kept)),
            _ => {
                for (owner, samples) in given {
                    out.push(self.reading(target, owner, Some(samples), kept));
                }
            }
        }
    }

    /// The samples of each owner, in the owners' order. Two rows of one owner are both dropped: which is right is not known.
    fn by_owner(
        &mut self,
        target: &TargetId,
        own: &[(usize, usize)],
        rows: &mut [Row],
    ) -> Vec<(Option<String>, Samples)> {
        let mut given: Vec<(Option<String>, Samples)> = Vec::with_capacity(own.len());
        for (_, at) in own {
            let Some(row) = rows.get_mut(*at) else { continue };
            let owner = row.owner.take();
            let of = |owner| Owner { target: target.clone(), owner };
            let misplaced = match self.spec.subject {
                Subject::Target => owner.is_some(),
                Subject::Instance => owner.is_none(),
                _ => false,
            };
            if misplaced {
                self.complain(Why::Misplaced { of: of(owner) });
            } else if let Some(last) = given.last_mut().filter(|last| last.0 == owner) {
                last.1 = Samples::default();
                self.complain(Why::Ambiguous { of: of(owner) });
            } else {
                given.push((owner, std::mem::take(&mut row.samples)));
            }
        }
        given
    }

    fn reading(
        &mut self,
        target: &TargetId,
        owner: Option<String>,
        samples: Option<Samples>,
        kept: &mut Kept,
    ) -> Reading {
        let samples = match samples.unwrap_or_default() {
            Samples::Numbers { times_ms, values } => {
                let (times_ms, values) = self.clean(target, owner.as_deref(), times_ms, values);
                let (times_ms, values) = self.look_back(target, owner.as_deref(), times_ms, values, kept);
                Samples::Numbers { times_ms, values }
            }
            texts @ Samples::Texts { .. } => self.newest_texts(texts),
        };
        let mut reading = Reading {
            name: self.spec.name.clone(),
            unit: self.spec.unit.clone(),
            subject: self.spec.subject.clone(),
            owner,
            freshness: Freshness::Absent,
            samples,
            absent_as: None,
        };
        match (reading.latest_ms(), self.spec.absent_as) {
            (Some(newest_ms), _) => reading.freshness = self.freshness(newest_ms),
            (None, Some(value)) if value.is_finite() => {
                reading.freshness = Freshness::Fresh;
                reading.samples = Samples::one(self.now_ms, value);
                reading.absent_as = Some(value);
            }
            _ => {}
        }
        reading
    }

    fn freshness(&self, newest_ms: u64) -> Freshness {
        let future = self.is_future(newest_ms);
        let old = self.now_ms.saturating_sub(newest_ms) >= self.spec.stale_after_ms;
        if future || old { Freshness::Stale } else { Freshness::Fresh }
    }

    fn is_future(&self, at_ms: u64) -> bool {
        at_ms > self.now_ms.saturating_add(self.limits.skew_ms)
    }

    fn keeps(&self) -> bool {
        let look_back = self.spec.look_back_ms > 0 && !self.gives.ranges;
        look_back || self.counts()
    }

    fn counts(&self) -> bool {
        self.spec.rate && !self.gives.rates
    }

    /// Finite, oldest first, no more than allowed.
    fn clean(
        &mut self,
        target: &TargetId,
        owner: Option<&str>,
        mut times_ms: Vec<u64>,
        mut values: Vec<f64>,
    ) -> (Vec<u64>, Vec<f64>) {
        let whole = times_ms.len() == values.len();
        if !whole || values.iter().any(|value| !value.is_finite()) || !times_ms.is_sorted() {
            let asked = values.len();
            let mut pairs: Vec<_> = times_ms.into_iter().zip(values).filter(|(_, value)| value.is_finite()).collect();
            pairs.sort_by_key(|(at_ms, _)| *at_ms);
            if pairs.len() < asked {
                let of = Owner { target: target.clone(), owner: owner.map(str::to_owned) };
                self.complain(Why::NotFinite { of, samples: asked - pairs.len() });
            }
            (times_ms, values) = pairs.into_iter().unzip();
        }
        let beyond = times_ms.len().saturating_sub(self.limits.samples_max);
        times_ms.drain(..beyond);
        values.drain(..beyond);
        (times_ms, values)
    }

    /// The samples of the look-back: the source's own where it gives ranges, else what earlier turns left.
    fn look_back(
        &mut self,
        target: &TargetId,
        owner: Option<&str>,
        mut times_ms: Vec<u64>,
        mut values: Vec<f64>,
        kept: &mut Kept,
    ) -> (Vec<u64>, Vec<f64>) {
        if !self.keeps() {
            // The newest stays even if it is older than the window: then it is stale, and says since when.
            let from_ms = self.now_ms.saturating_sub(self.spec.look_back_ms);
            let newest = times_ms.len().saturating_sub(1);
            let old = if self.spec.look_back_ms == 0 {
                newest
            } else {
                times_ms.partition_point(|at_ms| *at_ms < from_ms).min(newest)
            };
            times_ms.drain(..old);
            values.drain(..old);
            return (times_ms, values);
        }
        let newest = times_ms.last().copied().zip(values.last().copied());
        // A sample from the future would hold every later one off; it is shown, as stale, and not kept.
        let future = newest.filter(|(at_ms, _)| self.is_future(*at_ms));
        let fold = Fold {
            target,
            spec: self.spec,
            print: self.print,
            owner,
            sample: if future.is_some() { None } else { newest },
            counter: self.counts(),
            now_ms: self.now_ms,
        };
        let (mut times_ms, mut values) = kept.fold(fold);
        if let Some((at_ms, value)) = future.filter(|_| !self.counts()) {
            times_ms.push(at_ms);
            values.push(value);
        }
        (times_ms, values)
    }

    /// States are not kept over turns: what a source tells of the look-back is what there is, else the latest.
    fn newest_texts(&self, samples: Samples) -> Samples {
        let Samples::Texts { mut times_ms, mut texts } = samples else { return samples };
        let most = if self.spec.look_back_ms == 0 { 1 } else { self.limits.samples_max };
        let whole = times_ms.len().min(texts.len());
        times_ms.truncate(whole);
        texts.truncate(whole);
        times_ms.drain(..whole.saturating_sub(most));
        texts.drain(..whole.saturating_sub(most));
        Samples::Texts { times_ms, texts }
    }

    fn complain(&mut self, why: Why) {
        if self.whys.len() < self.limits.problems_max {
            self.whys.push(why);
        } else {
            self.unlisted += 1;
        }
    }

    fn problems(self) -> impl Iterator<Item = Problem> {
        let more = (self.unlisted > 0).then_some(Why::More { count: self.unlisted });
        let spec = self.spec;
        self.whys.into_iter().chain(more).map(|why| Problem {
            source_name: spec.source.clone(),
            reading: spec.name.as_ref().to_owned(),
            why,
        })
    }
}
