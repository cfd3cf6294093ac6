//! `trimtab target list` and `show`: what the last records say of the targets.

mod clear;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use super::records::{Records, target_id};
use super::{Columns, Exit, Fail, Global, clean, print};
use crate::audit::{Event, Span, Turn};
use crate::quantity::{CpuMillis, DurationMs, MemoryBytes};
use crate::snapshot::{Resources, Snapshot, TargetId};

/// Entries that are looked back for the last turn, past notes and counted turns.
const LOOK_BACK_ENTRIES: usize = 32;

#[derive(Debug, Subcommand)]
pub(super) enum TargetCommand {
    /// All targets of which something is recorded.
    List(ListArgs),
    /// One target as the last turn saw it.
    Show(ShowArgs),
    /// Say that all is well again: ask policies in quarantine, and let replacing go on in spite of what was lost.
    Clear(clear::ClearArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The target: driver/name.
    target: String,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, command: &TargetCommand) -> Result<Exit> {
    match command {
        TargetCommand::List(args) => list(&Records::open(global)?, args),
        TargetCommand::Show(args) => show(&Records::open(global)?, args),
        TargetCommand::Clear(args) => clear::run(global, args),
    }
}

fn last_turn(records: &Records, target: &TargetId) -> Result<Option<Turn>> {
    let span = Span { from_ms: 0, to_ms: u64::MAX, entries_max: LOOK_BACK_ENTRIES };
    let events = records.history(target, span)?;
    Ok(events.into_iter().rev().find_map(|event| match event {
        Event::Turn(turn) => Some(*turn),
        _ => None,
    }))
}

fn list(records: &Records, args: &ListArgs) -> Result<Exit> {
    let mut turns = Vec::new();
    for target in records.targets()? {
        turns.push((last_turn(records, &target)?, target));
    }
    if args.json {
        let rows: Vec<_> = turns.iter().map(|(turn, target)| json_row(target, turn.as_ref())).collect();
        print(&format!("{:#}\n", json!(rows)))?;
        return Ok(Exit::Fine);
    }
    let mut columns = Columns::new(&["TARGET", "BINDING", "DESIRED", "READY", "MODE", "LAST TURN"]);
    for (turn, target) in &turns {
        match turn {
            Some(Turn { record, .. }) => {
                let seen = &record.snapshot.target;
                columns.row([
                    target.to_string(),
                    record.binding.clone(),
                    seen.desired.to_string(),
                    seen.ready.to_string(),
                    json!(record.mode).as_str().unwrap_or_default().to_owned(),
                    time(record.at_ms),
                ]);
            }
            None => columns.row([target.to_string(), "–".to_owned()]),
        }
    }
    print(&columns.text(0))?;
    Ok(Exit::Fine)
}

fn json_row(target: &TargetId, turn: Option<&Turn>) -> serde_json::Value {
    match turn {
        Some(Turn { record, .. }) => {
            let seen = &record.snapshot.target;
            json!({
                "target": target, "binding": record.binding, "mode": record.mode, "at_ms": record.at_ms,
                "desired": seen.desired, "ready": seen.ready, "total": seen.total,
            })
        }
        None => json!({ "target": target }),
    }
}

fn show(records: &Records, args: &ShowArgs) -> Result<Exit> {
    let target = target_id(&args.target)?;
    let turn = last_turn(records, &target)?;
    let turn = turn.ok_or_else(|| {
        Fail::not_found(format!("of {target} no whole turn is recorded; see `trimtab explain {target}`"))
    })?;
    let snapshot: &Snapshot = &turn.record.snapshot;
    if args.json {
        let json = json!({ "binding": turn.record.binding, "mode": turn.record.mode, "snapshot": snapshot });
        print(&format!("{json:#}\n"))?;
        return Ok(Exit::Fine);
    }
    print(&clean(&shown(&turn, snapshot)))?;
    Ok(Exit::Fine)
}

fn shown(turn: &Turn, snapshot: &Snapshot) -> String {
    let target = &snapshot.target;
    let limits = &target.limits;
    let mut columns = Columns::plain();
    columns.row(["target".to_owned(), target.id.to_string()]);
    columns.row(["binding".to_owned(), turn.record.binding.clone()]);
    columns.row(["last turn".to_owned(), time(snapshot.now_ms)]);
    let counts = format!("{} desired, {} ready, {} in all", target.desired, target.ready, target.total);
    columns
        .row(["replicas".to_owned(), format!("{counts}; bounds {} to {}", limits.replicas_min, limits.replicas_max)]);
    for container in &target.containers {
        let figures = format!("requests {}; limits {}", figures(&container.requests), figures(&container.limits));
        columns.row([container.name.clone(), figures]);
    }
    let labels: Vec<String> = target.labels.iter().map(|(label, value)| format!("{label}={value}")).collect();
    columns.row(["labels".to_owned(), labels.join(" ")]);
    let mut text = columns.text(0);
    if !snapshot.instances.is_empty() {
        let mut instances = Columns::new(&["INSTANCE", "PHASE", "AGE", "USES", "LIMITS", "ADDRESS"]);
        for instance in &snapshot.instances {
            let age =
                instance.started_ms.map(|ms| DurationMs(snapshot.now_ms.saturating_sub(ms) / 1000 * 1000).to_string());
            instances.row([
                instance.id.clone(),
                json!(instance.phase).as_str().unwrap_or_default().to_owned(),
                age.unwrap_or_else(|| "–".to_owned()),
                figures(&instance.usage),
                figures(&instance.limits),
                instance.address.clone().unwrap_or_default(),
            ]);
        }
        text.push('\n');
        text.push_str(&instances.text(0));
    }
    text
}

fn figures(resources: &Resources) -> String {
    let cpu = resources.cpu_millis.map(|millis| format!("cpu {}", CpuMillis(millis)));
    let memory = resources.memory_bytes.map(|bytes| format!("memory {}", MemoryBytes(bytes)));
    let figures: Vec<String> = cpu.into_iter().chain(memory).collect();
    if figures.is_empty() { "not known".to_owned() } else { figures.join(" ") }
}

fn time(at_ms: u64) -> String {
    let at = i64::try_from(at_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    at.map_or_else(|| format!("{at_ms} ms"), |at| format!("{at:.0}"))
}
