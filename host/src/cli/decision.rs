//! `trimtab decision …`: what was decided, and why.

use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::fields::{cell, joined, number, text, time};
use super::moment::Moment;
use super::records::target_id;
use super::remote::{Remote, encoded, filtered};
use super::terminal;
use super::watch::{Look, WatchArgs};
use super::{Columns, Exit, Global, print};
use crate::audit::{Closing, Event, Record, StepEntry, Turn, explain};

#[derive(Debug, Subcommand)]
pub(super) enum DecisionCommand {
    /// Turns in which something was done, or a policy refused or failed; newest first.
    List(ListArgs),
    /// One turn, whole: the facts, the answers, the restraints, the steps, the outcome.
    Show(ShowArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  trimtab decision list --target local/web --since 1h
  trimtab decision list --kind acted --watch
  trimtab decision list --restraint cooling-down --json")]
pub(super) struct ListArgs {
    /// Of this target: driver/name.
    #[arg(long)]
    target: Option<String>,
    /// Of this binding.
    #[arg(long)]
    binding: Option<String>,
    /// From this time on: "1h" for an hour ago, or 2026-01-01T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Before this time.
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// Of this kind; acted and held where nothing is said.
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// That this restraint held back: cooling-down, in-flight …
    #[arg(long, value_name = "WORD")]
    restraint: Option<String>,
    /// The newest so many.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    watch: WatchArgs,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// Its number, as in the list.
    id: u64,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

/// What a turn came to.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Something was done.
    Acted,
    /// Nothing was done, and a policy refused, failed or is in quarantine.
    Held,
    /// Nothing was done, and nobody minded.
    Quiet,
}

pub(super) fn run(global: &Global, command: &DecisionCommand) -> Result<Exit> {
    let remote = Remote::open(global)?;
    match command {
        DecisionCommand::List(args) => list(&remote, args),
        DecisionCommand::Show(args) => show(&remote, args),
    }
}

fn list(remote: &Remote, args: &ListArgs) -> Result<Exit> {
    if let Some(target) = &args.target {
        target_id(target)?;
    }
    let kind = args.kind.and_then(|kind| Some(kind.to_possible_value()?.get_name().to_owned()));
    let filters = [
        ("target", args.target.clone()),
        ("binding", args.binding.clone()),
        ("from_ms", args.since.map(|since| since.ms().to_string())),
        ("to_ms", args.until.map(|until| until.ms().to_string())),
        ("kind", kind),
        ("restraint", args.restraint.clone()),
    ];
    let path = filtered("/v1/decisions", &filters);
    args.watch.run(|| {
        let decisions = remote.rows(&path, usize::try_from(args.limit).unwrap_or(usize::MAX))?;
        if args.json {
            return Ok(Look::from(terminal::json(&Value::Array(decisions))));
        }
        Ok(Look::from(remote.banner()? + &table(&decisions)))
    })
}

fn table(decisions: &[Value]) -> String {
    let mut columns = Columns::new(&["ID", "TIME", "TARGET", "BINDING", "KIND", "CHANGE", "OUTCOME", "RESTRAINTS"]);
    for decision in decisions {
        let change = match (number(decision, "from"), number(decision, "to")) {
            (Some(from), Some(to)) => format!("{from} to {to}"),
            _ => "–".to_owned(),
        };
        columns.row([
            text(decision, "id").to_owned(),
            time(decision, "at_ms"),
            text(decision, "target").to_owned(),
            text(decision, "binding").to_owned(),
            cell(decision, "kind"),
            change,
            cell(decision, "outcome"),
            joined(decision, "restraints"),
        ]);
    }
    columns.text(0)
}

fn show(remote: &Remote, args: &ShowArgs) -> Result<Exit> {
    let shown = remote.get(&format!("/v1/decisions/{}", encoded(&args.id.to_string())))?;
    if args.json {
        print(&terminal::json(&shown))?;
        return Ok(Exit::Fine);
    }
    let turn =
        turn(&shown).context("reading the record: is the host of another version than this program? See --json")?;
    let events = [Event::Turn(Box::new(turn))];
    // The story escapes what guests and backends said itself.
    print(&(remote.banner()? + &explain(&events, true).to_string()))?;
    Ok(Exit::Fine)
}

/// A turn as the host shows it whole.
pub(super) fn turn(shown: &Value) -> serde_json::Result<Turn> {
    let part = |name: &str| shown.get(name).cloned().unwrap_or_default();
    let record: Record = serde_json::from_value(part("record"))?;
    let steps: Vec<StepEntry> = serde_json::from_value(part("steps"))?;
    let closing: Option<Closing> = serde_json::from_value(part("closing"))?;
    Ok(Turn { record, steps, closing })
}
