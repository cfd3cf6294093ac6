//! What comes of samples, whatever a source tells.

use std::sync::Arc;

use serde_json::json;

use crate::snapshot::{Freshness, Instance, Samples, Subject, Target};
use crate::sources::memory::MemorySource;
use crate::sources::{AskTarget, GatherLimits, History, ReadingSpec, Source, Sources, gather, questions};

const NOW_MS: u64 = 1_795_176_000_000;
const STEP_MS: u64 = 15_000;
const TURNS: u64 = 4;

/// Samples of 18 bytes: whose, how far from now, and the value. Gathered for some turns, no reading holds a number that is none, a
/// time that goes back, or more than it may.
pub(super) fn gathered(input: &[u8]) -> Result<(), String> {
    let (target, instances): (Target, Vec<Instance>) = serde_json::from_value(json!([
        { "id": "local/web", "desired": 2, "total": 2, "ready": 2, "limits": { "replicas_min": 1, "replicas_max": 10 } },
        [{ "id": "a", "phase": "ready" }, { "id": "b", "phase": "ready" }],
    ]))
    .map_err(|error| error.to_string())?;
    let limits = GatherLimits { samples_max: 8, ..GatherLimits::default() };
    let plain = Arc::new(MemorySource::new("plain"));
    let ranges = Arc::new(MemorySource::with_ranges("ranges"));
    for chunk in input.chunks_exact(18) {
        let (&[whose, what, ..], Some((away, value))) =
            (chunk, chunk.get(2..).and_then(|rest| rest.split_at_checked(8)))
        else {
            continue;
        };
        let number = |bytes: &[u8]| bytes.try_into().map(u64::from_le_bytes).unwrap_or_default();
        let owner = match whose % 4 {
            0 => None,
            1 => Some("a"),
            2 => Some("b"),
            _ => Some("gone"),
        };
        // Most are near, some are anywhere.
        let near_ms = (NOW_MS - 60_000).saturating_add(number(away) % 180_000);
        let at_ms = if whose & 128 == 0 { near_ms } else { number(away) };
        for source in [&plain, &ranges] {
            let query = if what & 1 == 0 { "one" } else { "two" };
            source.set(query, &target.id, owner, at_ms, f64::from_bits(number(value)));
        }
    }
    let sources: Sources = [("plain".to_owned(), plain as Arc<dyn Source>), ("ranges".to_owned(), ranges)].into();
    let specs: Vec<ReadingSpec> = ["plain", "ranges"]
        .into_iter()
        .flat_map(|source| {
            [("one", Subject::Target, false), ("one", Subject::Instance, true), ("two", Subject::Target, true)]
                .map(|(query, subject, rate)| spec(source, query, subject, rate))
        })
        .collect();
    let asked = AskTarget { target: &target, instances: &instances };
    let history = History::default();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(|error| error.to_string())?;
    let mut said = Vec::new();
    for turn in 0..TURNS {
        let wanted = questions(specs.iter().map(|spec| (spec, asked)));
        let gathered = runtime.block_on(gather(&sources, &wanted, &history, &limits, NOW_MS + turn * STEP_MS));
        for reading in gathered.readings.values().flatten() {
            let Samples::Numbers { times_ms, values } = &reading.samples else { continue };
            assert!(values.iter().all(|value| value.is_finite()), "{reading:?}");
            assert!(times_ms.len() == values.len() && times_ms.is_sorted(), "{reading:?}");
            assert!(times_ms.len() <= limits.samples_max.max(1), "{} samples: {reading:?}", times_ms.len());
            assert_eq!(times_ms.is_empty(), reading.freshness == Freshness::Absent, "{reading:?}");
        }
        said.extend(gathered.problems.iter().map(|problem| problem.why.to_string()));
    }
    said.into_iter().max_by_key(String::len).map_or(Ok(()), Err)
}

fn spec(source: &str, query: &str, subject: Subject, rate: bool) -> ReadingSpec {
    ReadingSpec {
        name: format!("{source}_{query}_{rate}").into(),
        source: source.to_owned(),
        query: query.to_owned(),
        subject,
        unit: Arc::default(),
        label: None,
        rate,
        look_back_ms: 60_000,
        step_ms: STEP_MS,
        stale_after_ms: 30_000,
        absent_as: None,
    }
}
