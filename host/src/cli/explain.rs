//! `trimtab explain TARGET`: why it is as it is, from the records alone.

use anyhow::Result;
use clap::Args;

use super::records::{Records, target_id};
use super::{Exit, Fail, Global, print};
use crate::audit::{Event, Span, explain};

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The target: driver/name.
    target: String,
    /// The turn that was the last one at this time, in full: 2026-01-01T12:00:00Z.
    #[arg(long, value_name = "TIME", conflicts_with = "last")]
    at: Option<jiff::Timestamp>,
    /// The newest so many entries; turns in which nothing was done are joined.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    last: u16,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &ExplainArgs) -> Result<Exit> {
    let target = target_id(&args.target)?;
    let records = Records::open(global)?;
    let span = match args.at {
        None => Span { from_ms: 0, to_ms: u64::MAX, entries_max: usize::from(args.last) },
        Some(at) => {
            let at_ms = u64::try_from(at.as_millisecond()).unwrap_or(0);
            Span { from_ms: 0, to_ms: at_ms.saturating_add(1), entries_max: 1 }
        }
    };
    let events: Vec<Event> = records.history(&target, span)?;
    if events.is_empty() {
        let when = args.at.map_or_else(String::new, |at| format!(" at or before {at}"));
        return Err(Fail::not_found(format!("nothing is recorded of {target}{when}")));
    }
    let story = explain(&events, args.at.is_some());
    // The story escapes what guests and backends said itself.
    let text = if args.json { format!("{}\n", serde_json::to_string_pretty(&story)?) } else { story.to_string() };
    print(&text)?;
    Ok(Exit::Fine)
}
