//! Traces: those that come with the binary, CSV files, and what a host recorded.

use std::collections::BTreeMap;
use std::io::Read as _;

use anyhow::{Context as _, Result};

use super::{BacktestArgs, TRACES_MAX};
use crate::audit::{Event, Onward};
use crate::backtest::{SHIPPED, Trace, shipped};
use crate::cli::moment::Moment;
use crate::cli::records::{Records, target_id};
use crate::cli::{Fail, Global};
use crate::snapshot::{Freshness, Samples, Snapshot, Subject, TargetId};
use crate::store::Store;

/// Most bytes of a file that are read: one more than a trace may have.
const BYTES_MAX: u64 = (64 << 20) + 1;
/// Entries of a log that are in memory at once.
const CHUNK: usize = 200;
/// Most turns that are looked at.
const TURNS_MAX: usize = 1_000_000;
/// The trace where none is named.
const DEFAULT: &str = "diurnal";

/// All that were asked for.
pub(super) fn traces(global: &Global, args: &BacktestArgs) -> Result<Vec<Trace>> {
    if args.traces.len() > TRACES_MAX {
        return Err(Fail::usage(format!("{} traces are more than {TRACES_MAX}: compare fewer", args.traces.len())));
    }
    let mut traces = args.traces.iter().map(|word| named(word)).collect::<Result<Vec<_>>>()?;
    if let (Some(target), Some(reading)) = (&args.recorded.target, &args.recorded.demand) {
        let target = target_id(target)?;
        let since = args.recorded.since.map_or(0, Moment::ms);
        let until = args.recorded.until.map_or(u64::MAX, Moment::ms);
        traces.push(recorded(global, &target, reading, since, until)?);
    }
    if traces.is_empty() {
        traces.push(named(DEFAULT)?);
    }
    Ok(traces)
}

fn named(word: &str) -> Result<Trace> {
    if let Some(trace) = shipped(word) {
        return trace.map_err(|error| Fail::usage(error.to_string()));
    }
    let names: Vec<&str> = SHIPPED.iter().map(|(name, _)| *name).collect();
    let file = std::fs::File::open(word).map_err(|error| {
        let names = names.join(", ");
        Fail::not_found(format!("the trace {word} cannot be read: {error}; name a CSV file, or one of {names}"))
    })?;
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes).with_context(|| format!("reading {word}"))?;
    Trace::read(word, &bytes).map_err(|error| Fail::usage(error.to_string()))
}

/// The demand that a host measured: every sample that its records hold, each until the next.
fn recorded(global: &Global, target: &TargetId, reading: &str, since_ms: u64, until_ms: u64) -> Result<Trace> {
    let records = Records::open(global)?;
    let known = records.targets()?;
    if !known.contains(target) {
        let known: Vec<String> = known.iter().map(ToString::to_string).collect();
        let known = if known.is_empty() { "none yet".to_owned() } else { known.join(", ") };
        return Err(Fail::not_found(format!("nothing is recorded of {target}; recorded are: {known}")));
    }
    let (store, runtime) = records.into_parts();
    let mut found = Found::default();
    runtime.block_on(found.walk(&store, target, reading, since_ms, until_ms)).context("reading the records")?;
    let name = format!("{target} {reading}");
    if found.rows.len() < 2 {
        let others: Vec<String> = found.others.into_keys().collect();
        let others = if others.is_empty() { "no readings".to_owned() } else { others.join(", ") };
        let text = format!(
            "{name}: {} samples of it are recorded in this time; take another --since, or one of: {others}",
            found.rows.len()
        );
        return Err(Fail::not_found(text));
    }
    Trace::new(name, found.rows).map_err(|error| Fail::usage(error.to_string()))
}

/// What was found in the records.
#[derive(Debug, Default)]
struct Found {
    rows: BTreeMap<u64, f64>,
    /// Names of readings that there are.
    others: BTreeMap<String, ()>,
}

impl Found {
    async fn walk(
        &mut self,
        store: &dyn Store,
        target: &TargetId,
        reading: &str,
        since_ms: u64,
        until_ms: u64,
    ) -> Result<()> {
        let mut onward = Onward::new(target, since_ms, until_ms, None);
        for _ in 0..TURNS_MAX.div_ceil(CHUNK) {
            let events = onward.next(store, CHUNK).await?;
            if events.is_empty() {
                break;
            }
            for (_, event) in events {
                if let Event::Turn(turn) = event {
                    self.take(&turn.record.snapshot, reading, since_ms, until_ms);
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, snapshot: &Snapshot, wanted: &str, since_ms: u64, until_ms: u64) {
        let mut sum = None;
        for reading in &snapshot.readings {
            if *reading.name != *wanted {
                self.others.entry(reading.name.as_ref().to_owned()).or_default();
                continue;
            }
            if let (Subject::Target, Samples::Numbers { times_ms, values }) = (&reading.subject, &reading.samples) {
                let samples = times_ms.iter().copied().zip(values.iter().copied());
                self.rows.extend(samples.filter(|(at_ms, _)| (since_ms..until_ms).contains(at_ms)));
            } else if reading.freshness == Freshness::Fresh {
                sum = reading.latest().map(|value| value + sum.unwrap_or(0.0)).or(sum);
            }
        }
        self.rows.extend(sum.map(|sum| (snapshot.now_ms, sum)));
    }
}
