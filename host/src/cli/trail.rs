//! `trimtab trail`: who changed what over the API, newest first.

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::fields::{text, time};
use super::remote::Remote;
use super::{Columns, Exit, Global, print, terminal};

/// Characters of what was before and after that a table shows.
const SHOWN_MAX: usize = 60;

#[derive(Debug, Args)]
pub(super) struct TrailArgs {
    /// The newest so many.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Answer in JSON, with all that was before and after.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &TrailArgs) -> Result<Exit> {
    let remote = Remote::open(global)?;
    let changes = remote.rows("/v1/audit", usize::try_from(args.limit).unwrap_or(usize::MAX))?;
    if args.json {
        print(&terminal::json(&Value::Array(changes)))?;
        return Ok(Exit::Fine);
    }
    let mut columns = Columns::new(&["TIME", "WHO", "WHAT", "OBJECT", "BEFORE", "AFTER"]);
    for change in &changes {
        let (who, what, object) = (text(change, "who"), text(change, "what"), text(change, "object"));
        columns.row([
            time(change, "at_ms"),
            who.to_owned(),
            what.to_owned(),
            object.to_owned(),
            shortened(change.get("before")),
            shortened(change.get("after")),
        ]);
    }
    print(&(remote.banner()? + &columns.text(0)))?;
    Ok(Exit::Fine)
}

fn shortened(value: Option<&Value>) -> String {
    let Some(value) = value.filter(|value| !value.is_null()) else { return "–".to_owned() };
    let whole = value.to_string();
    let mut shown: String = whole.chars().take(SHOWN_MAX).collect();
    if shown.len() < whole.len() {
        shown.push('…');
    }
    shown
}
