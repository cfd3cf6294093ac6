//! `trimtab target pause`, `resume`, `scale`, `unscale`, `clear`, `evaluate`.

use anyhow::Result;
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::fields::{at, number, rows, text};
use crate::cli::moment::seconds;
use crate::cli::records::target_id;
use crate::cli::remote::Remote;
use crate::cli::{Exit, clean, print, terminal};
use crate::quantity::DurationMs;

#[derive(Debug, Args)]
pub(in crate::cli) struct NamedArgs {
    /// The target: driver/name.
    target: String,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PauseArgs {
    /// For how long; until it is resumed where nothing is said.
    #[arg(long = "for", value_name = "DURATION")]
    span: Option<DurationMs>,
    #[command(flatten)]
    named: NamedArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ScaleArgs {
    #[command(flatten)]
    named: NamedArgs,
    /// How many replicas.
    replicas: u32,
    /// For how long; until it is let go where nothing is said.
    #[arg(long = "for", value_name = "DURATION")]
    span: Option<DurationMs>,
}

pub(super) fn pause(remote: &Remote, args: &PauseArgs) -> Result<Exit> {
    let wanted = json!({ "for_seconds": args.span.map(seconds).transpose()? });
    say(remote, &args.named, Method::POST, "/pause", Some(&wanted))
}

pub(super) fn resume(remote: &Remote, args: &NamedArgs) -> Result<Exit> {
    say(remote, args, Method::POST, "/resume", None)
}

pub(super) fn scale(remote: &Remote, args: &ScaleArgs) -> Result<Exit> {
    let wanted = json!({ "replicas": args.replicas, "for_seconds": args.span.map(seconds).transpose()? });
    say(remote, &args.named, Method::POST, "/scale", Some(&wanted))
}

pub(super) fn unscale(remote: &Remote, args: &NamedArgs) -> Result<Exit> {
    say(remote, args, Method::DELETE, "/scale", None)
}

pub(super) fn clear(remote: &Remote, args: &NamedArgs) -> Result<Exit> {
    say(remote, args, Method::POST, "/clear", None)
}

pub(super) fn evaluate(remote: &Remote, args: &NamedArgs) -> Result<Exit> {
    let target = target_id(&args.target)?;
    let turn = remote.ask(Method::POST, &format!("{}/evaluate", super::path_of(&target)), None)?;
    if args.json {
        print(&terminal::json(&turn))?;
        return Ok(Exit::Fine);
    }
    let figure = |key: &str| number(&turn, key).unwrap_or(0);
    let mut told = match figure("begun") {
        0 => format!("{target} had a turn; nothing was begun\n"),
        _ => format!("{target} had a turn; a change was begun\n"),
    };
    if figure("faults") > 0 {
        told.push_str(&format!("{} policies failed\n", figure("faults")));
    }
    for trouble in rows(&turn, "troubles").iter().filter_map(Value::as_str) {
        told.push_str(&format!("trouble: {trouble}\n"));
    }
    told.push_str(&format!("`trimtab explain {target} --last 1` tells why\n"));
    print(&clean(&told))?;
    Ok(Exit::Fine)
}

/// Says it, and tells how the target stands then.
fn say(remote: &Remote, args: &NamedArgs, method: Method, verb: &str, body: Option<&Value>) -> Result<Exit> {
    let target = target_id(&args.target)?;
    let said = remote.ask(method, &format!("{}{verb}", super::path_of(&target)), body)?;
    if args.json {
        print(&terminal::json(&said))?;
        return Ok(Exit::Fine);
    }
    let until = |held: &Value| {
        number(held, "until_ms").map_or_else(|| "until you say otherwise".to_owned(), |ms| format!("until {}", at(ms)))
    };
    let pause = said.get("pause").map(|pause| format!("paused {}, by {}", until(pause), text(pause, "by")));
    let pin = said.get("pin").map(|pin| {
        format!("pinned at {} {}, by {}", number(pin, "replicas").unwrap_or(0), until(pin), text(pin, "by"))
    });
    let stands: Vec<String> = pause.into_iter().chain(pin).collect();
    let stands = if stands.is_empty() { "left to its policies".to_owned() } else { stands.join("; ") };
    print(&(remote.banner()? + &clean(&format!("{target} is {stands}\n"))))?;
    Ok(Exit::Fine)
}
