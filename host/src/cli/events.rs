//! `trimtab events`: what happens at a host, as it happens.

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::fields::{at, cell, number, short, text};
use super::records::target_id;
use super::remote::{Followed, Heard, Remote, filtered};
use super::terminal::{json_line, print_on};
use super::{Exit, Global, clean};

#[derive(Debug, Args)]
#[command(
    after_help = "Follows until Ctrl-C, also over restarts of the host. What was missed while the host was away and is not
known any more is said to be a gap.

Examples:
  trimtab events --target local/web
  trimtab events --kind failed --kind refused --json
  trimtab events --all --count 10"
)]
pub(super) struct EventsArgs {
    /// Of this target only: driver/name.
    #[arg(long)]
    target: Option<String>,
    /// Of this kind only: begun, ended, failed, refused, withheld, freeze, steered. May be repeated.
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// Begin with all that is still known, not with what happens from now on.
    #[arg(long)]
    all: bool,
    /// Leave after so many.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// One line of JSON for each.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &EventsArgs) -> Result<Exit> {
    if let Some(target) = &args.target {
        target_id(target)?;
    }
    let remote = Remote::open(global)?;
    let filters = [
        ("target", args.target.clone()),
        ("kind", (!args.kinds.is_empty()).then(|| args.kinds.join(","))),
        ("after", args.all.then(|| "0".to_owned())),
    ];
    let mut left = args.count.unwrap_or(u64::MAX);
    if left == 0 {
        return Ok(Exit::Fine);
    }
    let lost = |why: &str| eprintln!("{}; trying again", clean(why));
    remote.follow(&filtered("/v1/events", &filters), lost, |heard| {
        let line = if args.json { json_line(&heard.data) } else { clean(&told(&heard)).replace('\n', " ") + "\n" };
        let read = print_on(&line)?;
        left = left.saturating_sub(1);
        Ok(if read && left > 0 { Followed::On } else { Followed::Enough })
    })?;
    Ok(Exit::Fine)
}

/// One event as a line.
fn told(heard: &Heard) -> String {
    let data = &heard.data;
    let when = number(data, "at_ms").map(at).unwrap_or_default();
    let target = cell(data, "target");
    let part = |key: &str| cell(data, key);
    let what = match heard.kind.as_str() {
        "begun" => format!("{target}: change begun, {}: {}", change(data), text(data, "reason")),
        "ended" => format!("{target}: change ended, {}", part("outcome")),
        "failed" => {
            let until = number(data, "quarantined_until_ms").map(|ms| format!("; in quarantine until {}", at(ms)));
            let digest = short(text(data, "digest"));
            let policy = format!("policy {} of {} ({digest})", part("slot"), part("binding"));
            format!("{target}: {policy} failed{}", until.unwrap_or_default())
        }
        "refused" => {
            let policy = format!("policy {} of {}", part("slot"), part("binding"));
            format!("{target}: {policy} refuses from now on ({}): {}", part("kind"), text(data, "text"))
        }
        "withheld" => format!("{target}: {} would go {}", part("binding"), change(data)),
        "steered" if data.get("target").is_some_and(Value::is_string) => format!("{target}: {}", text(data, "text")),
        "freeze" | "steered" => text(data, "text").to_owned(),
        "gap" => {
            let events = number(data, "events").map(|events| format!("{events} events were missed: "));
            return format!("gap: {}{}", events.unwrap_or_default(), text(data, "why"));
        }
        // Of a newer host.
        _ => data.to_string(),
    };
    format!("{when}  {what}")
}

fn change(data: &Value) -> String {
    match (number(data, "from"), number(data, "to")) {
        (Some(from), Some(to)) => format!("replicas from {from} to {to}"),
        _ => "no change of the count".to_owned(),
    }
}
