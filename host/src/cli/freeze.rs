//! `trimtab freeze`, `thaw`, `reload`: what concerns everything.

use anyhow::Result;
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::fields::{at, flag, joined, number, rows, text};
use super::moment::seconds;
use super::remote::Remote;
use super::{Exit, Global, clean, print, terminal};
use crate::quantity::DurationMs;

#[derive(Debug, Args)]
#[command(after_help = "Example: trimtab freeze --for 1h --why 'the database is being moved'")]
pub(super) struct FreezeArgs {
    /// For how long; until it is thawed where nothing is said.
    #[arg(long = "for", value_name = "DURATION")]
    span: Option<DurationMs>,
    /// Why, for whoever wonders.
    #[arg(long, default_value = "by hand")]
    why: String,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ThawArgs {
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ReloadArgs {
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn freeze(global: &Global, args: &FreezeArgs) -> Result<Exit> {
    let wanted = json!({ "why": args.why, "for_seconds": args.span.map(seconds).transpose()? });
    told(&Remote::open(global)?.ask(Method::POST, "/v1/freeze", Some(&wanted))?, args.json)
}

pub(super) fn thaw(global: &Global, args: &ThawArgs) -> Result<Exit> {
    told(&Remote::open(global)?.ask(Method::DELETE, "/v1/freeze", None)?, args.json)
}

fn told(freeze: &Value, as_json: bool) -> Result<Exit> {
    let until =
        number(freeze, "until_ms").map_or_else(|| "until `trimtab thaw`".to_owned(), |ms| format!("until {}", at(ms)));
    let text = match flag(freeze, "frozen") {
        _ if as_json => terminal::json(freeze),
        true => clean(&format!(
            "everything is frozen {until}: {}\nchanges under way are seen through\n",
            text(freeze, "why")
        )),
        false => "everything goes on\n".to_owned(),
    };
    print(&text)?;
    Ok(Exit::Fine)
}

pub(super) fn reload(global: &Global, args: &ReloadArgs) -> Result<Exit> {
    let remote = Remote::open(global)?;
    let report = remote.ask(Method::POST, "/v1/reload", None)?;
    if args.json {
        print(&terminal::json(&report))?;
        return Ok(Exit::Fine);
    }
    let mut told = "the configuration was read again and is in force\n".to_owned();
    for what in ["added", "changed", "removed"] {
        if !rows(&report, what).is_empty() {
            told.push_str(&format!("bindings {what}: {}\n", joined(&report, what)));
        }
    }
    told.push_str(&format!("bindings unchanged: {}\n", number(&report, "unchanged").unwrap_or(0)));
    if !rows(&report, "needs_restart").is_empty() {
        told.push_str(&format!("holds only after a restart: {}\n", joined(&report, "needs_restart")));
    }
    for warning in rows(&report, "warnings") {
        told.push_str(&format!("warning: {}\n", text(warning, "what")));
    }
    print(&(remote.banner()? + &clean(&told)))?;
    Ok(Exit::Fine)
}
