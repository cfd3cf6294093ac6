//! Takes what readings show into the history, after `addCPUSample`, `addMemorySample` and `RecordOOM` of the VPA's
//! `model/container.go`.

use std::time::Duration;

use trimtab_sdk::prelude::*;
use trimtab_sdk::snapshot::{Container, Instance};
use trimtab_sdk::{Fact, Samples};

use crate::Parameters;
use crate::histogram::{Decay, Histogram, Scheme};
use crate::history::{Followed, History, find, hash};
use crate::room::{Dimension, MIB};

/// Weight 1 stands for a tenth of a core: `minSampleWeight` of the VPA's `model/aggregations_config.go`.
const MILLIS_PER_WEIGHT: f64 = 100.0;

/// Who was seen at this turn.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) measured: u32,
    /// Instances that serve, without a fresh sample.
    pub(crate) missing: u32,
    /// Instances for which there is no room in memory: their samples are not taken in.
    pub(crate) beyond: u32,
    /// Instances that were killed for lack of memory since the last turn.
    pub(crate) killed: u32,
}

/// Follows the instances that there are.
pub(crate) fn follow(history: &mut History, snapshot: &Snapshot<'_>) {
    history.follow(snapshot.instances().iter().map(|one| hash(&one.id)), snapshot.now_ms());
}

/// Takes in the samples of one dimension that are new.
pub(crate) fn take(
    dimension: Dimension,
    history: &mut History,
    container: &Container,
    snapshot: &Snapshot<'_>,
    parameters: &Parameters,
) -> Seen {
    match dimension {
        Dimension::Cpu => take_cpu(history, container, snapshot, parameters),
        Dimension::Memory => take_memory(history, container, snapshot, parameters),
    }
}

fn take_cpu(history: &mut History, container: &Container, snapshot: &Snapshot<'_>, parameters: &Parameters) -> Seen {
    let (scheme, now_ms) = (Dimension::Cpu.scheme(), snapshot.now_ms());
    let series = &mut history.cpu;
    let mut decay = series.histogram.advance(now_ms, milliseconds(parameters.cpu_half_life));
    let mut seen = Seen::default();
    for (instance, fact) in snapshot.reading(&parameters.cpu_reading).serving() {
        let Some(samples) = seen.count(fact) else { continue };
        let Some(followed) = seen.find(&mut history.instances, instance) else { continue };
        let weight = if parameters.weigh_by_request {
            let request = instance.requests.cpu_millis.or(container.requests.cpu_millis).unwrap_or(0);
            (request as f64 / MILLIS_PER_WEIGHT).max(1.0)
        } else {
            1.0
        };
        for (at_ms, value) in taken(samples, now_ms) {
            if at_ms > followed.cpu_seen_ms {
                followed.cpu_seen_ms = at_ms;
                series.histogram.add(&scheme, value, weight * decay.weight(at_ms));
                series.saw(at_ms);
            }
        }
    }
    seen
}

fn take_memory(history: &mut History, container: &Container, snapshot: &Snapshot<'_>, parameters: &Parameters) -> Seen {
    let now_ms = snapshot.now_ms();
    let series = &mut history.memory;
    let mut peaks = Peaks {
        decay: series.histogram.advance(now_ms, milliseconds(parameters.memory_half_life)),
        scheme: Dimension::Memory.scheme(),
        interval_ms: milliseconds(parameters.memory_interval).max(1),
    };
    let mut seen = Seen::default();
    for (instance, fact) in snapshot.reading(&parameters.memory_reading).instances() {
        // One that starts is not missed, but what it uses to start it needs to have.
        let counts = !instance.phase().is_leaving();
        let starts = matches!(instance.phase(), Phase::Pending | Phase::Starting);
        let samples = if counts && !starts { seen.count(fact) } else { fact.fresh().filter(|_| counts) };
        let Some(samples) = samples else { continue };
        let Some(followed) = seen.find(&mut history.instances, instance) else { continue };
        for (at_ms, value) in taken(samples, now_ms) {
            if at_ms > followed.memory_seen_ms {
                followed.memory_seen_ms = at_ms;
                peaks.used(&mut series.histogram, followed, at_ms, value);
                series.saw(at_ms);
            }
        }
    }
    let Some(oom_reading) = &parameters.oom_reading else { return seen };
    let mut others = Seen::default();
    for (instance, fact) in snapshot.reading(oom_reading).instances() {
        let Some(kills) = fact.fresh() else { continue };
        let Some(followed) = others.find(&mut history.instances, instance) else { continue };
        if was_killed(kills, followed.oom_kills) {
            seen.killed += 1;
            let request = instance.requests.memory_bytes.or(container.requests.memory_bytes).unwrap_or(0);
            peaks.killed(&mut series.histogram, followed, now_ms, request as f64, parameters);
            series.saw(now_ms);
        }
        followed.oom_kills = Some(kills.latest());
    }
    seen
}

impl Seen {
    /// Its samples, if they are fresh and one at least can be reckoned with.
    fn count<'s>(&mut self, fact: Fact<Samples<'s>>) -> Option<Samples<'s>> {
        let samples = fact.fresh().filter(|samples| samples.values().iter().any(|value| is_amount(*value)));
        let count = if samples.is_some() { &mut self.measured } else { &mut self.missing };
        *count += 1;
        samples
    }

    fn find<'h>(&mut self, instances: &'h mut [Followed], instance: &Instance) -> Option<&'h mut Followed> {
        let place = find(instances, hash(&instance.id));
        self.beyond += u32::from(place.is_none());
        instances.get_mut(place?)
    }
}

/// How peaks of memory become samples: one for each instance and interval, at the interval's end, which a higher one replaces.
struct Peaks {
    decay: Decay,
    scheme: Scheme,
    interval_ms: u64,
}

impl Peaks {
    fn used(&mut self, histogram: &mut Histogram, followed: &mut Followed, at_ms: u64, bytes: f64) {
        self.open_interval(histogram, followed, at_ms);
        self.raise(histogram, followed, bytes);
        followed.peak = followed.peak.max(bytes);
    }

    /// What is needed is reckoned from use and request, not from what an earlier kill said: or each would top the last.
    fn killed(
        &mut self,
        histogram: &mut Histogram,
        followed: &mut Followed,
        at_ms: u64,
        request: f64,
        parameters: &Parameters,
    ) {
        self.open_interval(histogram, followed, at_ms);
        let used = request.max(followed.peak);
        let needed = (used * parameters.oom_ratio).max(used + parameters.oom_bump_mib as f64 * MIB);
        self.raise(histogram, followed, needed);
        followed.oom_peak = followed.oom_peak.max(needed);
    }

    /// The first interval begins with the first sample, and each begins where the one before ended.
    fn open_interval(&mut self, histogram: &mut Histogram, followed: &mut Followed, at_ms: u64) {
        if at_ms < followed.interval_end_ms {
            return;
        }
        let begin_ms = if followed.interval_end_ms == 0 { at_ms } else { followed.interval_end_ms };
        let intervals = (at_ms - begin_ms) / self.interval_ms + 1;
        followed.interval_end_ms = begin_ms.saturating_add(intervals.saturating_mul(self.interval_ms));
        (followed.peak, followed.oom_peak) = (0.0, 0.0);
        histogram.add(&self.scheme, 0.0, self.decay.weight(followed.interval_end_ms));
    }

    fn raise(&mut self, histogram: &mut Histogram, followed: &Followed, bytes: f64) {
        let before = followed.most();
        if bytes > before {
            let weight = self.decay.weight(followed.interval_end_ms);
            histogram.take(&self.scheme, before, weight);
            histogram.add(&self.scheme, bytes, weight);
        }
    }
}

/// Whether a counter of kills rose since it was last seen, or within the look-back where it never was. A fall is a restart
/// from zero.
fn was_killed(kills: Samples<'_>, before: Option<f64>) -> bool {
    let latest = kills.latest();
    let before = before.or(kills.values().first().copied()).unwrap_or(latest);
    if latest < before { latest > 0.0 } else { latest > before }
}

/// Samples that can be reckoned with, and not from the future: such a one would hide all that come until then.
fn taken<'s>(samples: Samples<'s>, now_ms: u64) -> impl Iterator<Item = (u64, f64)> + use<'s> {
    samples.iter().filter(move |(at_ms, value)| *at_ms <= now_ms && is_amount(*value))
}

fn is_amount(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}

pub(crate) fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
