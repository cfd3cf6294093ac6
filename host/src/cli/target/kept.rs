//! Targets as their last records have them, where no host is asked.

use anyhow::Result;
use serde_json::json;

use super::show::{facts, instance_table};
use crate::audit::{Event, Span, Turn};
use crate::cli::fields::at;
use crate::cli::records::{Records, target_id};
use crate::cli::{Columns, Exit, Fail, clean, print, terminal};
use crate::snapshot::{Snapshot, TargetId};

/// Entries that are looked back for the last turn, past notes and counted turns.
const LOOK_BACK_ENTRIES: usize = 32;

fn last_turn(records: &Records, target: &TargetId) -> Result<Option<Turn>> {
    let span = Span { from_ms: 0, to_ms: u64::MAX, entries_max: LOOK_BACK_ENTRIES };
    let events = records.history(target, span)?;
    Ok(events.into_iter().rev().find_map(|event| match event {
        Event::Turn(turn) => Some(*turn),
        _ => None,
    }))
}

/// All targets of which something is recorded.
pub(super) fn list(records: &Records, as_json: bool) -> Result<Exit> {
    let mut turns = Vec::new();
    for target in records.targets()? {
        turns.push((last_turn(records, &target)?, target));
    }
    if as_json {
        let rows: Vec<_> = turns.iter().map(|(turn, target)| json_row(target, turn.as_ref())).collect();
        print(&terminal::json(&json!(rows)))?;
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
                    at(record.at_ms),
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

/// One target as its last recorded turn saw it.
pub(super) fn show(records: &Records, target: &str, as_json: bool) -> Result<Exit> {
    let target = target_id(target)?;
    let turn = last_turn(records, &target)?;
    let turn = turn.ok_or_else(|| {
        Fail::not_found(format!("of {target} no whole turn is recorded; see `trimtab explain {target}`"))
    })?;
    let snapshot: &Snapshot = &turn.record.snapshot;
    if as_json {
        let json = json!({ "binding": turn.record.binding, "mode": turn.record.mode, "snapshot": snapshot });
        print(&terminal::json(&json))?;
        return Ok(Exit::Fine);
    }
    let mut told = facts(&snapshot.target, Some(&turn.record.binding), snapshot.now_ms, &[]);
    told.push_str(&instance_table(&snapshot.instances, snapshot.now_ms));
    print(&clean(&told))?;
    Ok(Exit::Fine)
}
