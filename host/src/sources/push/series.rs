//! The samples of one series, ordered by time.

use std::collections::VecDeque;

use super::{PushRefusal, PushedValue};
use crate::snapshot::Samples;
use crate::sources::{Base, ReadingSpec, counter_rate};

/// Numbers or states; one of the two is empty. What comes as the other kind begins anew: the sender has changed its mind.
#[derive(Debug, Default)]
pub(super) struct Series {
    numbers: VecDeque<(u64, f64)>,
    texts: VecDeque<(u64, Box<str>)>,
}

impl Series {
    pub(super) fn len(&self) -> usize {
        self.numbers.len() + self.texts.len()
    }

    pub(super) fn take(&mut self, at_ms: u64, value: PushedValue<'_>) -> Result<(), PushRefusal> {
        match value {
            PushedValue::Number(value) => {
                self.texts.clear();
                insert(&mut self.numbers, at_ms, value);
            }
            PushedValue::Growth(grown) => {
                self.texts.clear();
                let value = match self.numbers.back() {
                    Some((newest_ms, _)) if *newest_ms >= at_ms => {
                        return Err(PushRefusal::Overlaps { at_ms, newest_ms: *newest_ms });
                    }
                    Some((_, value)) => value + grown,
                    None => grown,
                };
                // A sum too great for a number begins anew, as a counter does that was reset.
                self.numbers.push_back((at_ms, if value.is_finite() { value } else { grown }));
            }
            PushedValue::Text(text) => {
                self.numbers.clear();
                insert(&mut self.texts, at_ms, text.into());
            }
        }
        Ok(())
    }

    /// Drops samples from before `from_ms`, and the oldest beyond `most`.
    pub(super) fn shorten(&mut self, from_ms: u64, most: usize) {
        shorten(&mut self.numbers, from_ms, most);
        shorten(&mut self.texts, from_ms, most);
    }

    /// What is told of it: the samples of the look-back up to `now_ms`, the newest in any case.
    pub(super) fn told(&self, spec: &ReadingSpec, now_ms: u64) -> Option<Samples> {
        let from_ms = now_ms.saturating_sub(spec.look_back_ms);
        if spec.rate {
            return rates(&self.numbers, spec, from_ms);
        }
        if self.texts.is_empty() {
            let (times_ms, values) = self.numbers.range(first(&self.numbers, spec, from_ms)?..).copied().unzip();
            return Some(Samples::Numbers { times_ms, values });
        }
        let told = self.texts.range(first(&self.texts, spec, from_ms)?..);
        let (times_ms, texts) = told.map(|(at_ms, text)| (*at_ms, text.as_ref().to_owned())).unzip();
        Some(Samples::Texts { times_ms, texts })
    }
}

/// Puts a sample in its place; one of the same time gives way.
fn insert<T>(samples: &mut VecDeque<(u64, T)>, at_ms: u64, value: T) {
    // Mostly it is the newest.
    let place = match samples.back() {
        Some((newest_ms, _)) if *newest_ms >= at_ms => samples.partition_point(|(time, _)| *time < at_ms),
        _ => samples.len(),
    };
    match samples.get_mut(place) {
        Some(there) if there.0 == at_ms => there.1 = value,
        _ => samples.insert(place, (at_ms, value)),
    }
}

fn shorten<T>(samples: &mut VecDeque<(u64, T)>, from_ms: u64, most: usize) {
    let old = samples.partition_point(|(at_ms, _)| *at_ms < from_ms);
    samples.drain(..old.max(samples.len().saturating_sub(most)));
}

/// Where the look-back begins; at the newest where it is 0, or where all are older.
fn first<T>(samples: &VecDeque<(u64, T)>, spec: &ReadingSpec, from_ms: u64) -> Option<usize> {
    let newest = samples.len().checked_sub(1)?;
    let first = if spec.look_back_ms == 0 { newest } else { samples.partition_point(|(at_ms, _)| *at_ms < from_ms) };
    Some(first.min(newest))
}

/// Rates between each sample of a counter and the one before it. One sample alone gives none: absent, not zero.
fn rates(samples: &VecDeque<(u64, f64)>, spec: &ReadingSpec, from_ms: u64) -> Option<Samples> {
    let first = first(samples, spec, from_ms)?.max(1);
    let (mut times_ms, mut values) = (Vec::new(), Vec::new());
    let before = samples.get(first - 1)?;
    let mut base = Base { at_ms: before.0, value: before.1, rate: None };
    for (at_ms, value) in samples.iter().skip(first) {
        base = counter_rate(Some(base), *at_ms, *value);
        if let Some(rate) = base.rate {
            times_ms.push(*at_ms);
            values.push(rate);
        }
    }
    (!values.is_empty()).then_some(Samples::Numbers { times_ms, values })
}
