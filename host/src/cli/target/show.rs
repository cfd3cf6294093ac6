//! `trimtab target show`: one target as it stands.

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

use crate::bounds::{Quiet, Restraint};
use crate::cli::Exit;
use crate::cli::facts::OfflineArgs;
use crate::cli::fields::{self, at, flag, number, rows, short, text};
use crate::cli::records::target_id;
use crate::cli::remote::Remote;
use crate::cli::terminal::{self, Columns, clean};
use crate::cli::watch::{Look, WatchArgs};
use crate::quantity::{CpuMillis, DurationMs, MemoryBytes};
use crate::snapshot::{Instance, Resources, Target};

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArgs {
    /// The target: driver/name.
    pub(super) target: String,
    /// Answer in JSON.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    watch: WatchArgs,
    #[command(flatten)]
    pub(super) offline: OfflineArgs,
}

pub(super) fn run(remote: &Remote, args: &ShowArgs) -> Result<Exit> {
    let path = super::path_of(&target_id(&args.target)?);
    args.watch.run(|| {
        let shown = remote.get(&path)?;
        if args.json {
            return Ok(Look::from(terminal::json(&shown)));
        }
        Ok(Look::from(remote.banner()? + &clean(&whole(&shown)?)))
    })
}

fn whole(shown: &Value) -> Result<String> {
    let part = |name: &str| shown.get(name).cloned().unwrap_or_default();
    let reading = || "reading what the host says of it: is it of another version than this program? See --json";
    let target: Target = serde_json::from_value(part("target")).with_context(reading)?;
    let instances: Vec<Instance> = serde_json::from_value(part("instances")).with_context(reading)?;
    let observed_ms = number(shown, "observed_ms").unwrap_or(0);
    let mut more = Vec::new();
    for (what, held) in [("paused", part("pause")), ("pinned", part("pin"))] {
        if !held.is_null() {
            more.push((what.to_owned(), said(&held)));
        }
    }
    if !rows(shown, "conflict").is_empty() {
        let names = fields::joined(shown, "conflict");
        more.push(("conflict".to_owned(), format!("{names} would all act on it, so it holds: let one of them act")));
    }
    let flight = part("in_flight");
    if !flight.is_null() {
        let figure = |key: &str| fields::cell(&flight, key);
        let counts = format!("from {} to {}", figure("from_count"), figure("to_count"));
        let since = fields::time(&flight, "since_ms");
        more.push(("in flight".to_owned(), format!("{} {counts} since {since}", text(&flight, "kind"))));
    }
    let seats = rows(shown, "seats");
    let binding = seats.first().map(|seat| text(seat, "binding").to_owned());
    let mut told = facts(&target, binding.as_deref(), observed_ms, &more);
    for seat in seats {
        told.push('\n');
        told.push_str(&seat_text(seat));
    }
    told.push_str(&instance_table(&instances, observed_ms));
    Ok(told)
}

/// Who said it, and until when.
fn said(held: &Value) -> String {
    let count = number(held, "replicas").map(|count| format!("at {count} ")).unwrap_or_default();
    let until =
        number(held, "until_ms").map_or_else(|| "until it is let go".to_owned(), |ms| format!("until {}", at(ms)));
    format!("{count}by {}, {until}", text(held, "by"))
}

/// One binding: its last turn, what it held back, how its policies do.
fn seat_text(seat: &Value) -> String {
    let acts = if flag(seat, "acts") { "" } else { ", looks on" };
    let quiet = match text(seat, "quiet") {
        "" => "something was done".to_owned(),
        quiet => {
            let words = serde_json::from_value::<Quiet>(json!(quiet))
                .map_or_else(|_newer| quiet.to_owned(), |it| it.to_string());
            format!("nothing was done: {words}")
        }
    };
    let mut told =
        format!("binding {} ({}{acts}), turn at {}: {quiet}\n", text(seat, "binding"), text(seat, "mode"), {
            fields::time(seat, "turn_ms")
        });
    for restraint in rows(seat, "restraints") {
        let words = serde_json::from_value::<Restraint>(restraint.clone());
        let words = words.map_or_else(|_unknown| restraint.to_string(), |restraint| restraint.to_string());
        told.push_str(&format!("  restraint: {words}\n"));
    }
    for slot in rows(seat, "slots") {
        let name = format!("{} ({} {}, {})", text(slot, "slot"), text(slot, "policy"), text(slot, "version"), {
            short(text(slot, "digest"))
        });
        told.push_str(&format!("  policy {name}: {}\n", slot_state(slot)));
    }
    told
}

fn slot_state(slot: &Value) -> String {
    let refused = slot.get("refused").filter(|refused| !refused.is_null());
    if let Some(until_ms) = number(slot, "quarantined_until_ms") {
        return format!("in quarantine until {}", at(until_ms));
    }
    if let Some(since_ms) = number(slot, "faulting_since_ms") {
        return format!("failing since {}", at(since_ms));
    }
    match refused {
        Some(refused) => format!("refuses ({}): {}", text(refused, "kind"), text(refused, "text")),
        None if flag(slot, "failed") => "failed".to_owned(),
        None => "answers".to_owned(),
    }
}

/// What is known of a target itself.
pub(super) fn facts(target: &Target, binding: Option<&str>, at_ms: u64, more: &[(String, String)]) -> String {
    let limits = &target.limits;
    let mut columns = Columns::plain();
    columns.row(["target".to_owned(), target.id.to_string()]);
    columns.row(["binding", binding.unwrap_or("none: it is left alone")]);
    columns.row(["last turn".to_owned(), at(at_ms)]);
    let counts = format!("{} desired, {} ready, {} in all", target.desired, target.ready, target.total);
    columns
        .row(["replicas".to_owned(), format!("{counts}; bounds {} to {}", limits.replicas_min, limits.replicas_max)]);
    for container in &target.containers {
        let figures = format!("requests {}; limits {}", figures(&container.requests), figures(&container.limits));
        columns.row([container.name.clone(), figures]);
    }
    let labels: Vec<String> = target.labels.iter().map(|(label, value)| format!("{label}={value}")).collect();
    columns.row(["labels".to_owned(), labels.join(" ")]);
    more.iter().for_each(|(what, how)| columns.row([what.clone(), how.clone()]));
    columns.text(0)
}

/// Its instances; empty where there are none.
pub(super) fn instance_table(instances: &[Instance], now_ms: u64) -> String {
    if instances.is_empty() {
        return String::new();
    }
    let mut columns = Columns::new(&["INSTANCE", "PHASE", "AGE", "USES", "LIMITS", "ADDRESS"]);
    for instance in instances {
        let age = instance.started_ms.map(|ms| DurationMs(now_ms.saturating_sub(ms) / 1000 * 1000).to_string());
        columns.row([
            instance.id.clone(),
            json!(instance.phase).as_str().unwrap_or_default().to_owned(),
            age.unwrap_or_else(|| "–".to_owned()),
            figures(&instance.usage.rounded()),
            figures(&instance.limits),
            instance.address.clone().unwrap_or_default(),
        ]);
    }
    format!("\n{}", columns.text(0))
}

fn figures(resources: &Resources) -> String {
    let cpu = resources.cpu_millis.map(|millis| format!("cpu {}", CpuMillis(millis)));
    let memory = resources.memory_bytes.map(|bytes| format!("memory {}", MemoryBytes(bytes)));
    let figures: Vec<String> = cpu.into_iter().chain(memory).collect();
    if figures.is_empty() { "not known".to_owned() } else { figures.join(" ") }
}
