//! Asks the backend what is there, and the sources what they measured.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::case::Case;
use super::{Cycle, TurnReport};
use crate::drivers::{DriverError, Observation};
use crate::quantity::DurationMs;
use crate::sources::{AskTarget, Gathered, gather, questions};
use crate::telemetry::measures;

impl Cycle {
    pub(super) async fn observe(&self, now_ms: u64) -> Result<Observation, DriverError> {
        let limit = Duration::from_millis(self.parts.patience.call_ms);
        let began = Instant::now();
        let observed = tokio::time::timeout(limit, self.parts.driver.observe(now_ms)).await;
        measures::backend_asked(self.parts.driver.name(), began.elapsed());
        match observed {
            Ok(observed) => observed,
            Err(_) => Err(DriverError::Unreachable {
                driver: self.parts.driver.name().to_owned(),
                what: format!("no list within {}", DurationMs(self.parts.patience.call_ms)),
            }),
        }
    }

    /// One question per reading for all targets. Readings of bindings that look on are asked apart: they may bear the names of
    /// others.
    pub(super) async fn gather(&self, cases: &mut [Case], now_ms: u64, report: &mut TurnReport) {
        let mut rounds: BTreeMap<Option<String>, Vec<(usize, usize)>> = BTreeMap::new();
        for (at, case) in cases.iter().enumerate() {
            for (seat_at, seat) in case.seats.iter().enumerate() {
                let round = (!seat.acts).then(|| seat.binding.name.clone());
                rounds.entry(round).or_default().push((at, seat_at));
            }
        }
        for seats in rounds.values() {
            let mut gathered = self.ask_sources(cases, seats, now_ms).await;
            gathered.asked.iter().for_each(|(source, took)| measures::source_asked(source, *took));
            gathered.problems.iter().for_each(|problem| measures::source_error(&problem.source_name));
            report.troubles.extend(gathered.problems.iter().map(|problem| format!("{problem}: {}", problem.why)));
            for (at, seat_at) in seats {
                let Some(case) = cases.get_mut(*at) else { continue };
                if let Some(seat) = case.seats.get_mut(*seat_at) {
                    seat.readings = gathered.readings.remove(&case.observed.target.id).unwrap_or_default();
                }
            }
        }
    }

    async fn ask_sources(&self, cases: &[Case], seats: &[(usize, usize)], now_ms: u64) -> Gathered {
        let wanted = seats.iter().filter_map(|(at, seat_at)| {
            let case = cases.get(*at)?;
            Some((case, case.seats.get(*seat_at)?))
        });
        let wanted = wanted.flat_map(|(case, seat)| {
            let target = AskTarget { target: &case.observed.target, instances: &case.observed.instances };
            seat.binding.readings.iter().map(move |spec| (spec.as_ref(), target))
        });
        let questions = questions(wanted);
        gather(&self.parts.sources, &questions, &self.history, &self.parts.gather_limits, now_ms).await
    }
}
