//! What people and spreadsheets read of a backtest.

use std::path::Path;

use anyhow::Result;

use super::contestants::Contestant;
use crate::backtest::{Outage, Plant, Report};
use crate::cli::Columns;
use crate::quantity::{CpuMillis, DurationMs, MemoryBytes};

/// The tables, one for each trace, and what there is to note.
pub(super) fn told(reports: &[Report]) -> String {
    let mut text = String::new();
    for of_trace in reports.chunk_by(|one, next| one.trace == next.trace) {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&crate::cli::clean(&heading(of_trace)));
        text.push('\n');
        let mut columns = Columns::new(&Report::HEADINGS);
        for report in of_trace {
            columns.row(report.cells());
        }
        text.push_str(&columns.text(2));
    }
    for note in notes(reports) {
        text.push_str(&crate::cli::clean(&note));
        text.push('\n');
    }
    text
}

/// Notes of all, each once.
fn notes(reports: &[Report]) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    for report in reports {
        for note in report.notes() {
            let note = format!("{} on {}: {note}", report.contestant, report.trace).replace('\n', " ");
            notes.push(note);
        }
    }
    notes
}

/// `diurnal: 24h from 2026-01-05T00:00:00Z`.
fn heading(of_trace: &[Report]) -> String {
    let Some(report) = of_trace.first() else { return String::new() };
    let began = i64::try_from(report.from_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let began = began.unwrap_or(jiff::Timestamp::MIN);
    let length = DurationMs(report.to_ms.saturating_sub(report.from_ms));
    format!("{}: {length} from {began}, {:.0} units of demand", report.trace, report.demand)
}

/// A page of Markdown: the command that wrote it, and a table for each trace.
pub(super) fn markdown(reports: &[Report]) -> String {
    let words: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let command = crate::cli::clean(&words.join(" ")).replace('\n', " ");
    let mut text = format!("# Policies, compared\n\nWritten by\n\n    trimtab {command}\n");
    for of_trace in reports.chunk_by(|one, next| one.trace == next.trace) {
        text.push_str(&format!("\n## {}\n\n", crate::cli::clean(&heading(of_trace)).replace('\n', " ")));
        text.push_str(&row(Report::HEADINGS.into_iter().map(str::to_owned)));
        text.push_str(&row(Report::HEADINGS
            .into_iter()
            .map(|name| if name == "policy" { "---" } else { "---:" }.to_owned())));
        for report in of_trace {
            text.push_str(&row(report.cells().into_iter()));
        }
    }
    text
}

fn row(cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> =
        cells.map(|cell| crate::cli::clean(&cell).replace('\n', " ").replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// What the page says of all runs.
pub(super) fn facts(plant: &Plant, contestants: &[Contestant], outages: &[Outage]) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut fact = |name: &str, value: String| facts.push((name.to_owned(), value));
    fact("capacity", format!("{} units per second and replica", plant.capacity));
    let (start_up, stop) = (DurationMs(plant.start_up_ms), DurationMs(plant.stop_ms));
    fact("delays", format!("start-up {start_up}, stop {stop}"));
    fact("demand without capacity", if plant.queue { "waits" } else { "is lost" }.to_owned());
    let (cpu, memory) = (CpuMillis(plant.cpu_millis), MemoryBytes(plant.memory_bytes));
    fact("size at the start", format!("CPU {cpu}, memory {memory}, {} an hour", plant.price_per_hour));
    let (base, per_load) = (MemoryBytes(plant.memory_base_bytes), MemoryBytes(plant.memory_per_load_bytes));
    fact("memory use", format!("{base}, and {per_load} for each unit per second"));
    for size in &plant.sizes {
        let cpu = CpuMillis(size.resources.cpu_millis.unwrap_or(0));
        let memory = MemoryBytes(size.resources.memory_bytes.unwrap_or(0));
        fact(
            &format!("size {}", size.class),
            format!("CPU {cpu}, memory {memory}, {} an hour", size.price_per_hour.unwrap_or(0.0)),
        );
    }
    if !outages.is_empty() {
        fact("readings absent", outages.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
    }
    for contestant in contestants {
        let policies = contestant.slots.iter().map(|slot| {
            let manifest = slot.policy.manifest();
            let digest: String = slot.policy.digest().chars().take(12).collect();
            format!("{} {} ({digest})", manifest.name, manifest.version)
        });
        let policies: Vec<String> = policies.collect();
        let range = contestant.settings.replicas;
        let fed = contestant.wiring.fed();
        let fed = if fed.is_empty() { "no readings".to_owned() } else { fed.join(", ") };
        fact(
            &contestant.name,
            format!(
                "{}; every {}; replicas {}..{}; {fed}{}",
                policies.join(", "),
                DurationMs(contestant.every_ms),
                range.min,
                range.max,
                if contestant.queue == Some(true) { "; demand waits" } else { "" },
            ),
        );
    }
    facts
}

/// Every turn of every run.
pub(super) fn write_csv(path: &Path, reports: &[Report]) -> Result<()> {
    let mut writer = csv::Writer::from_path(path)?;
    writer.write_record([
        "policy",
        "trace",
        "time_ms",
        "demand",
        "served",
        "unmet",
        "capacity",
        "backlog",
        "desired",
        "ready",
        "cpu_millicores",
        "memory_bytes",
        "readings_absent",
    ])?;
    for report in reports {
        for point in &report.points {
            writer.write_record([
                report.contestant.clone(),
                report.trace.clone(),
                point.at_ms.to_string(),
                point.demand.to_string(),
                point.served.to_string(),
                point.unmet.to_string(),
                point.capacity.to_string(),
                point.backlog.to_string(),
                point.desired.to_string(),
                point.ready.to_string(),
                point.cpu_millis.to_string(),
                point.memory_bytes.to_string(),
                point.out.to_string(),
            ])?;
        }
    }
    Ok(writer.flush()?)
}
