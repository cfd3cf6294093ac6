//! `trimtab explain TARGET`: why it is as it is, as the host or the records alone tell it.

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use super::facts::{Facts, OfflineArgs};
use super::fields::text;
use super::moment::Moment;
use super::records::{Records, target_id};
use super::remote::{Remote, encoded, filtered};
use super::{Exit, Fail, Global, print, terminal};
use crate::audit::{Event, Span, explain};
use crate::snapshot::TargetId;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  trimtab explain local/web                 the newest entries; turns in which nothing was done are joined
  trimtab explain local/web --since 1h      the last hour
  trimtab explain local/web --at 20m        the turn that was the last one 20 minutes ago, in full")]
pub(super) struct ExplainArgs {
    /// The target: driver/name.
    target: String,
    /// The turn that was the last one at this time, in full: 2026-01-01T12:00:00Z, or 20m for so long ago.
    #[arg(long, value_name = "TIME", conflicts_with_all = ["last", "since"])]
    at: Option<Moment>,
    /// From this time on: 2026-01-01T12:00:00Z, or 1h for so long ago.
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// The newest so many entries; turns in which nothing was done are joined. With --since 1000, else 20.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    last: Option<u16>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    offline: OfflineArgs,
}

impl ExplainArgs {
    fn last(&self) -> u16 {
        self.last.unwrap_or(if self.since.is_some() { 1000 } else { 20 })
    }
}

pub(super) fn run(global: &Global, args: &ExplainArgs) -> Result<Exit> {
    let target = target_id(&args.target)?;
    match Facts::open(global, &args.offline)? {
        Facts::Live(remote) => live(&remote, &target, args),
        Facts::Kept(records) => kept(&records, &target, args),
    }
}

fn live(remote: &Remote, target: &TargetId, args: &ExplainArgs) -> Result<Exit> {
    let filters = [
        ("at_ms", args.at.map(|at| at.ms().to_string())),
        ("from_ms", args.since.map(|since| since.ms().to_string())),
        ("last", Some(args.last().to_string())),
        ("whole", args.json.then(|| "true".to_owned())),
    ];
    let path = format!("/v1/targets/{}/{}/explain", encoded(target.driver()), encoded(target.name()));
    let story = remote.get(&filtered(&path, &filters))?;
    if args.json {
        print(&terminal::json(&json!({ "parts": story.get("parts").unwrap_or(&Value::Null) })))?;
        return Ok(Exit::Fine);
    }
    print(&(remote.banner()? + &super::clean(text(&story, "text"))))?;
    Ok(Exit::Fine)
}

fn kept(records: &Records, target: &TargetId, args: &ExplainArgs) -> Result<Exit> {
    let span = match args.at {
        None => {
            Span { from_ms: args.since.map_or(0, Moment::ms), to_ms: u64::MAX, entries_max: usize::from(args.last()) }
        }
        Some(at) => Span { from_ms: 0, to_ms: at.ms().saturating_add(1), entries_max: 1 },
    };
    let events: Vec<Event> = records.history(target, span)?;
    if events.is_empty() {
        return Err(Fail::not_found(format!("nothing is recorded of {target} in this time")));
    }
    let story = explain(&events, args.at.is_some());
    // The story escapes what guests and backends said itself.
    let text = if args.json { terminal::json(&serde_json::to_value(&story)?) } else { story.to_string() };
    print(&text)?;
    Ok(Exit::Fine)
}
