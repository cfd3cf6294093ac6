//! What operators write, and what stands in files: read by doors that are open to all.

use std::fmt::{Debug, Display};
use std::path::Path;
use std::str::FromStr;

use crate::backtest::{Outage, Trace};
use crate::bounds::Settings;
use crate::causes::with_causes;
use crate::cli::read_snapshot;
use crate::config::{Complaints, Config};
use crate::cycle::zone_transitions;
use crate::import::{Choices, Input, System};
use crate::quantity::{CpuMillis, DurationMs, MemoryBytes, Share};
use crate::replay::when;
use crate::snapshot::{Samples, Snapshot, TargetId};

/// A time that rests: noon of 2026-11-20.
const NOW_MS: u64 = 1_795_176_000_000;
const DAY_MS: u64 = 24 * 3_600_000;

/// Words with a meaning: printed and read again they are the same.
pub(super) fn words(input: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(input);
    let mut said = Vec::new();
    again::<DurationMs>(&text, &mut said);
    again::<CpuMillis>(&text, &mut said);
    again::<MemoryBytes>(&text, &mut said);
    again::<Outage>(&text, &mut said);
    again::<TargetId>(&text, &mut said);
    match text.parse::<Share>() {
        Ok(Share(share)) => assert!(share.is_finite() && share >= 0.0, "{text:?} is a share of {share}"),
        Err(error) => said.push(error.to_string()),
    }
    assert!(when(&text, NOW_MS).is_none_or(|at_ms| text.len() > 1 || at_ms == NOW_MS), "{text:?} is a time");
    if let Ok(zone) = zone_transitions(&text, NOW_MS, 400 * DAY_MS) {
        assert_eq!(zone.at_ms.len(), zone.offsets_seconds.len(), "{zone:?}");
        assert!(zone.at_ms.is_sorted(), "{zone:?}");
    }
    longest(said)
}

fn again<T: FromStr + Display + PartialEq + Debug>(text: &str, said: &mut Vec<String>)
where
    T::Err: Display,
{
    match text.parse::<T>() {
        Ok(value) => {
            assert_eq!(value.to_string().parse().ok(), Some(value), "{text:?} is another one when it is read again")
        }
        Err(error) => said.push(error.to_string()),
    }
}

/// A configuration: checked twice, the same comes of it.
pub(super) fn config(input: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(input);
    let parse = || Config::parse(&text, Path::new("/etc/trimtab/trimtab.toml"));
    let (first, second) = (parse(), parse());
    assert_eq!(format!("{first:?}"), format!("{second:?}"), "checked twice, another thing came of it");
    first.map(drop).or_else(|found| told(&found))
}

/// The bounds of a binding.
pub(super) fn bounds(input: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(input);
    match Config::parse_bounds(&text, Path::new("bounds.toml")) {
        Ok(settings) => {
            assert!(settings.replicas.min <= settings.replicas.max, "{settings:?}");
            Ok(())
        }
        Err(found) => told(&found),
    }
}

const ROOMS: &str =
    "[driver.local.process]\n[source.page.push]\n[source.prom.prometheus]\nurl = \"http://127.0.0.1:9\"\n";

/// A binding that stands in no file. One that the API would take is taken from a row of a table, too.
pub(super) fn binding(input: &[u8]) -> Result<(), String> {
    let config = Config::parse(ROOMS, Path::new("trimtab.toml")).map_err(|found| found.to_string())?;
    let text = String::from_utf8_lossy(input);
    let of_row = config.row_binding("row 1", "web", &text);
    match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(document) => match config.own_binding("web", &document) {
            Ok(own) => {
                assert_eq!(own.name, "web");
                assert!(own.settings.replicas.min <= own.settings.replicas.max, "{own:?}");
                Ok(())
            }
            Err(found) => told(&found),
        },
        Err(_) => of_row.map(drop).or_else(|found| told(&found)),
    }
}

/// Each complaint is one line.
fn told(found: &Complaints) -> Result<(), String> {
    assert!(!found.complaints.is_empty(), "refused without a complaint");
    longest(found.complaints.iter().map(|complaint| complaint.line_of(&found.file)).collect())
}

fn longest(said: Vec<String>) -> Result<(), String> {
    said.into_iter().max_by_key(String::len).map_or(Ok(()), Err)
}

/// What another system wrote. What is made of it is read by our own reader, and importing it again gives the same.
pub(super) fn import(input: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(input);
    let (word, text) = text.split_once('\n').unwrap_or((&text, ""));
    let Some(system) = System::ALL.into_iter().find(|system| system.word() == word) else { return Ok(()) };
    let choices = Choices::of(system);
    let inputs = [Input { file: "in".to_owned(), text: text.to_owned() }];
    let import = || crate::import::import(system, &inputs, &choices);
    let first = import();
    assert_eq!(first, import(), "imported twice, another thing came of it");
    match first {
        Ok(found) => {
            let rooms = format!("[driver.{}.process]\n[source.prometheus.push]\n[source.push.push]\n", choices.driver);
            let text = format!("{rooms}{}", found.toml());
            if let Err(complaints) = Config::parse(&text, Path::new("trimtab.toml")) {
                unreachable!("what was imported is refused: {complaints}\n{text}");
            }
            longest(found.notes.iter().map(ToString::to_string).collect())
        }
        Err(error) => longest(error.to_string().lines().map(str::to_owned).collect()),
    }
}

/// A demand trace: its rows make the same trace.
pub(super) fn trace(input: &[u8]) -> Result<(), String> {
    let trace = Trace::read("in.csv", input).map_err(|error| with_causes(&error))?;
    assert!(trace.from_ms() < trace.to_ms(), "a trace without length");
    assert!(trace.rows().all(|(_, demand)| demand.is_finite() && demand >= 0.0), "a demand that is none");
    let again = Trace::new("in.csv", trace.rows());
    assert_eq!(again.as_ref().map(|again| again.rows().collect::<Vec<_>>()), Ok(trace.rows().collect()));
    Ok(())
}

/// A snapshot in either form. One that was read is the same when it is written and read again, and holds no number that is none.
pub(super) fn snapshot(input: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(input);
    let snapshot = read_snapshot(&text, "in.json", &Settings::default()).map_err(|error| format!("{error:#}"))?;
    let written = serde_json::to_string(&snapshot).map_err(|error| error.to_string())?;
    let again = read_snapshot(&written, "again.json", &Settings::default()).map_err(|error| format!("{error:#}"));
    let again = again.map(|again| serde_json::to_string(&again).unwrap_or_default());
    assert_eq!(again.as_ref(), Ok(&written), "a snapshot that was read is another one when it is read again");
    assert!(finite(&snapshot), "a number that is none: {written}");
    Ok(())
}

fn finite(snapshot: &Snapshot) -> bool {
    snapshot.readings.iter().all(|reading| match &reading.samples {
        Samples::Numbers { times_ms, values } => {
            times_ms.len() == values.len() && values.iter().all(|value| value.is_finite())
        }
        Samples::Texts { times_ms, texts } => times_ms.len() == texts.len(),
    })
}
