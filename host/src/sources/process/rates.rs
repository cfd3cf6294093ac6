//! Rates of counters between two questions. The first question has none, and a counter that went back begins anew.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::Quantity;

/// Questions closer to each other get the same answer: below it the ticks of the clock are all that is measured.
const APART_MIN: Duration = Duration::from_millis(200);
/// After so long without a question, an instance's counters are forgotten.
const KEPT: Duration = Duration::from_secs(3_600);

/// One counter that only grows; several with keys of their own make up one instance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counter {
    pub key: u64,
    pub value: u64,
}

/// What was counted last, by handle and quantity.
#[derive(Debug, Default)]
pub(super) struct Rates {
    bases: HashMap<(String, Quantity), Base>,
}

#[derive(Debug)]
struct Base {
    at: Instant,
    counters: HashMap<u64, u64>,
    answer: Option<f64>,
}

impl Rates {
    /// Growth per second of the sum since the last question.
    pub(super) fn per_second(&mut self, handle: &str, quantity: Quantity, counters: &[Counter]) -> Option<f64> {
        self.since_last(handle, quantity, counters, |grown, elapsed| {
            Some(grown.iter().sum::<f64>() / elapsed.as_secs_f64())
        })
    }

    /// Which part of `all` was `held`, since the last question. Where nothing was counted, nothing was held.
    pub(super) fn share(&mut self, handle: &str, held: u64, all: u64) -> Option<f64> {
        let counters = [Counter { key: 0, value: held }, Counter { key: 1, value: all }];
        self.since_last(handle, Quantity::Throttled, &counters, |grown, _| match grown {
            [_, all] if *all == 0.0 => Some(0.0),
            [held, all] => Some((held / all).clamp(0.0, 1.0)),
            _ => None,
        })
    }

    fn since_last(
        &mut self,
        handle: &str,
        quantity: Quantity,
        counters: &[Counter],
        answer: impl Fn(&[f64], Duration) -> Option<f64>,
    ) -> Option<f64> {
        let now = Instant::now();
        let fresh = || Base {
            at: now,
            counters: counters.iter().map(|counter| (counter.key, counter.value)).collect(),
            answer: None,
        };
        let key = (handle.to_owned(), quantity);
        let Some(base) = self.bases.get_mut(&key) else {
            self.bases.insert(key, fresh());
            return None;
        };
        let elapsed = now.saturating_duration_since(base.at);
        if elapsed < APART_MIN {
            return base.answer;
        }
        let mut grown = Vec::with_capacity(counters.len());
        let mut went_back = false;
        for counter in counters {
            // A process that is new since then has used all of it since then.
            let before = base.counters.get(&counter.key).copied().unwrap_or_default();
            match counter.value.checked_sub(before) {
                Some(growth) => grown.push(super::number(growth)),
                None => went_back = true,
            }
        }
        *base = Base { answer: if went_back { None } else { answer(&grown, elapsed) }, ..fresh() };
        base.answer
    }

    /// Lets time pass.
    #[cfg(test)]
    pub(super) fn age(&mut self, by: Duration) {
        for base in self.bases.values_mut() {
            base.at = base.at.checked_sub(by).unwrap_or(base.at);
        }
    }

    /// Forgets what has not been asked about for long and is not asked about now.
    pub(super) fn sweep(&mut self, living: &HashSet<&str>) {
        self.bases.retain(|(handle, _), base| living.contains(handle.as_str()) || base.at.elapsed() < KEPT);
    }
}
