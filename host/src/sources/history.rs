//! Samples kept in memory, for sources that tell only the latest: the look-back of a reading, and the base of a rate.
//!
//! One ring per (target, reading, owner), 16 bytes per kept sample. Nothing here outlives the host: after a start the
//! look-backs fill again, and a policy sees fewer samples meanwhile, never invented ones.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::ReadingSpec;
use crate::snapshot::{Subject, TargetId};

#[cfg(test)]
mod tests;

/// Most samples kept of one owner's reading; beyond it the oldest go.
const SAMPLES_PER_SERIES_MAX: usize = 3_600;

/// Most samples kept of all readings together (320 MB); beyond it a series grows no further.
const SAMPLES_MAX: usize = 20_000_000;

/// Least age at which the base of a rate is forgotten, so that a rate is not the mean over a long outage.
const BASE_AGE_MS_MIN: u64 = 60_000;

/// How often vanished owners and targets are looked for.
const SWEEP_EVERY_MS: u64 = 60_000;

/// Kept samples of all targets. Shared: every method takes `&self` and holds its lock for one reading of one turn.
#[derive(Debug)]
pub struct History {
    inner: Mutex<Kept>,
}

impl Default for History {
    fn default() -> Self {
        Self::new(SAMPLES_MAX)
    }
}

impl History {
    /// An empty history that keeps at most `samples_max` samples of 16 bytes, apart from the newest of each series.
    #[must_use]
    pub fn new(samples_max: usize) -> Self {
        Self { inner: Mutex::new(Kept { targets: HashMap::new(), samples: 0, samples_max, swept_ms: 0 }) }
    }

    /// How many samples are kept.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.lock().samples
    }

    /// How many targets something is kept of.
    #[must_use]
    pub fn targets(&self) -> usize {
        self.lock().targets.len()
    }

    /// Forgets one target at once: its binding was removed.
    pub fn forget(&self, target: &TargetId) {
        let mut kept = self.lock();
        if let Some(readings) = kept.targets.remove(target) {
            kept.samples -= readings.iter().map(KeptReading::samples).sum::<usize>();
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Kept> {
        // A panic elsewhere leaves at worst one ring without its newest sample.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The newest raw value of a counter, and the rate that it last gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Base {
    /// When it was read.
    pub at_ms: u64,
    /// What it was.
    pub value: f64,
    /// The rate per second up to `at_ms`, if one could be had.
    pub rate: Option<f64>,
}

/// Advances a counter to `value` at `at_ms`. The rate in the new base is `None` where there is no earlier value, and never
/// negative: a counter that fell was reset, and has grown from zero to `value` since (as Prometheus counts). A sample no younger
/// than the base changes nothing.
#[must_use]
pub fn counter_rate(base: Option<Base>, at_ms: u64, value: f64) -> Base {
    let Some(base) = base else { return Base { at_ms, value, rate: None } };
    if at_ms <= base.at_ms {
        return base;
    }
    let grown = if value < base.value { value } else { value - base.value };
    let rate = grown.max(0.0) / (seconds(at_ms) - seconds(base.at_ms));
    Base { at_ms, value, rate: rate.is_finite().then_some(rate) }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 stay below 2^53 for 285,000 years")]
fn seconds(at_ms: u64) -> f64 {
    at_ms as f64 / 1000.0
}

/// What is kept, behind the lock.
#[derive(Debug)]
pub(super) struct Kept {
    targets: HashMap<TargetId, Vec<KeptReading>>,
    samples: usize,
    samples_max: usize,
    swept_ms: u64,
}

/// One reading of one target.
#[derive(Debug)]
struct KeptReading {
    name: Box<str>,
    subject: Subject,
    /// Tells two declarations under one name apart: samples of another query are not a look-back of this one.
    print: u64,
    look_back_ms: u64,
    base_age_ms_max: u64,
    owners: Vec<(Option<Box<str>>, Series)>,
}

#[derive(Debug, Default)]
struct Series {
    base: Option<Base>,
    ring: VecDeque<(u64, f64)>,
}

impl KeptReading {
    fn samples(&self) -> usize {
        self.owners.iter().map(|(_, series)| series.ring.len()).sum()
    }
}

/// Samples of one owner, as two columns.
pub(super) type Columns = (Vec<u64>, Vec<f64>);

/// One new sample of one owner, if there is one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fold<'a> {
    pub(super) target: &'a TargetId,
    pub(super) spec: &'a ReadingSpec,
    /// [`fingerprint`] of the spec.
    pub(super) print: u64,
    pub(super) owner: Option<&'a str>,
    pub(super) sample: Option<(u64, f64)>,
    /// Whether the sample is a counter's raw value, of which the rate is kept.
    pub(super) counter: bool,
    pub(super) now_ms: u64,
}

impl Kept {
    /// Takes in a sample and gives what is to be shown: with a look-back all kept samples in it, else the newest alone, and
    /// that only if it came now.
    pub(super) fn fold(&mut self, fold: Fold<'_>) -> Columns {
        let room = self.samples < self.samples_max;
        let Some(series) = self.series(&fold) else { return Columns::default() };
        let before = series.ring.len();
        let sample = match fold.sample {
            Some((at_ms, value)) if fold.counter => series.count(at_ms, value, base_age_ms_max(fold.spec), fold.now_ms),
            other => other,
        };
        if fold.spec.look_back_ms == 0 {
            return sample.map_or_else(Columns::default, |(at_ms, value)| (vec![at_ms], vec![value]));
        }
        if let Some((at_ms, value)) = sample {
            series.push(at_ms, value, fold.spec.step_ms, room);
        }
        series.expire(fold.now_ms.saturating_sub(fold.spec.look_back_ms));
        let columns = series.ring.iter().copied().unzip();
        let after = series.ring.len();
        self.samples = self.samples + after - before;
        columns
    }

    /// Drops the owners of a reading for which `stays` is false: instances that are gone.
    pub(super) fn retain_owners(&mut self, target: &TargetId, spec: &ReadingSpec, stays: impl Fn(&str) -> bool) {
        let Some(readings) = self.targets.get_mut(target) else { return };
        let Some(reading) = readings.iter_mut().find(|kept| kept.is(spec)) else { return };
        let before = reading.samples();
        reading.owners.retain(|(owner, _)| owner.as_deref().is_none_or(&stays));
        self.samples -= before - reading.samples();
    }

    /// Now and then drops what nobody has asked for of late: its look-back has run out.
    pub(super) fn sweep(&mut self, now_ms: u64) {
        if now_ms < self.swept_ms.saturating_add(SWEEP_EVERY_MS) {
            return;
        }
        self.swept_ms = now_ms;
        let mut samples = 0;
        self.targets.retain(|_, readings| {
            readings.retain_mut(|reading| {
                let from_ms = now_ms.saturating_sub(reading.look_back_ms);
                let base_from_ms = now_ms.saturating_sub(reading.base_age_ms_max);
                reading.owners.retain_mut(|(_, series)| {
                    series.expire(from_ms);
                    !series.ring.is_empty() || series.base.is_some_and(|base| base.at_ms >= base_from_ms)
                });
                samples += reading.samples();
                !reading.owners.is_empty()
            });
            !readings.is_empty()
        });
        self.samples = samples;
    }

    fn series(&mut self, fold: &Fold<'_>) -> Option<&mut Series> {
        let readings = match fold.sample {
            Some(_) => self.targets.entry(fold.target.clone()).or_default(),
            None => self.targets.get_mut(fold.target)?,
        };
        // Mostly the declaration is the one of the last turn, and its print tells it apart without comparing texts.
        let same = readings.iter().position(|kept| kept.print == fold.print && kept.is(fold.spec));
        let at = match same.or_else(|| readings.iter().position(|kept| kept.is(fold.spec))) {
            Some(at) => at,
            None => {
                fold.sample?;
                readings.push(KeptReading::new(fold.spec, fold.print));
                readings.len() - 1
            }
        };
        let reading = readings.get_mut(at)?;
        if reading.print != fold.print {
            self.samples -= reading.samples();
            *reading = KeptReading::new(fold.spec, fold.print);
        }
        let at = match reading.owners.binary_search_by(|(owner, _)| owner.as_deref().cmp(&fold.owner)) {
            Ok(at) => at,
            Err(at) => {
                fold.sample?;
                reading.owners.insert(at, (fold.owner.map(Into::into), Series::default()));
                at
            }
        };
        reading.owners.get_mut(at).map(|(_, series)| series)
    }
}

impl KeptReading {
    fn new(spec: &ReadingSpec, print: u64) -> Self {
        Self {
            name: (*spec.name).into(),
            subject: spec.subject.clone(),
            print,
            look_back_ms: spec.look_back_ms,
            base_age_ms_max: base_age_ms_max(spec),
            // Most readings have one owner, the target; room for four would cost a kilobyte per target.
            owners: Vec::with_capacity(1),
        }
    }

    fn is(&self, spec: &ReadingSpec) -> bool {
        *self.name == *spec.name && self.subject == spec.subject
    }
}

impl Series {
    /// The rate that a counter's raw value gives, with its time.
    fn count(&mut self, at_ms: u64, value: f64, age_ms_max: u64, now_ms: u64) -> Option<(u64, f64)> {
        let base = self.base.filter(|base| now_ms.saturating_sub(base.at_ms) <= age_ms_max);
        let next = counter_rate(base, at_ms, value);
        self.base = Some(next);
        next.rate.map(|rate| (next.at_ms, rate))
    }

    fn push(&mut self, at_ms: u64, value: f64, step_ms: u64, room: bool) {
        if let Some(last) = self.ring.back_mut() {
            if at_ms < last.0 {
                return;
            }
            let same_step = step_ms > 0 && last.0 / step_ms == at_ms / step_ms;
            if same_step || at_ms == last.0 {
                *last = (at_ms, value);
                return;
            }
        }
        if self.ring.len() >= SAMPLES_PER_SERIES_MAX || !room {
            self.ring.pop_front();
        }
        if self.ring.len() == self.ring.capacity() {
            // Doubling would cost 32 bytes per kept sample at worst; this costs 20.
            self.ring.reserve_exact((self.ring.len() / 4).max(4));
        }
        self.ring.push_back((at_ms, value));
    }

    fn expire(&mut self, from_ms: u64) {
        while self.ring.front().is_some_and(|(at_ms, _)| *at_ms < from_ms) {
            self.ring.pop_front();
        }
    }
}

/// A number for what a declaration asks and how it is kept.
pub(super) fn fingerprint(spec: &ReadingSpec) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&spec.source, &spec.query, &spec.label, spec.rate, spec.look_back_ms, spec.step_ms).hash(&mut hasher);
    hasher.finish()
}

/// Age at which the base of a rate is forgotten.
pub(super) fn base_age_ms_max(spec: &ReadingSpec) -> u64 {
    spec.stale_after_ms.max(spec.look_back_ms).max(BASE_AGE_MS_MIN)
}
