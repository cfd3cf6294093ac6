//! `trimtab token create`, `list`, `revoke`: who may speak to a running host.

use anyhow::Result;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::remote::{Remote, encoded};
use super::{Columns, Exit, Fail, Global, clean, print, terminal};
use crate::access::Role;
use crate::quantity::DurationMs;

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token, and print it: it is never shown again.
    Create(CreateArgs),
    /// All tokens, without their secrets.
    List(ListArgs),
    /// End a token, at once and for good.
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// A name for people: letters, digits, "-", "_", "." and "@".
    name: String,
    /// What it is for: viewer looks, author uploads policies, operator steers, admin says who may do what.
    #[arg(long)]
    role: Role,
    /// For bindings of this name only; "*" stands for any characters. May be repeated.
    #[arg(long = "binding", value_name = "PATTERN")]
    bindings: Vec<String>,
    /// For targets of this driver only.
    #[arg(long)]
    driver: Option<String>,
    /// For targets with this label only. May be repeated: all must fit.
    #[arg(long = "label", value_name = "LABEL=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// For how long it holds.
    #[arg(long = "for", value_name = "DURATION", default_value = "90d")]
    life: DurationMs,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RevokeArgs {
    /// The token's id: the middle part of it.
    id: String,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, command: &TokenCommand) -> Result<Exit> {
    let remote = Remote::open(global)?;
    match command {
        TokenCommand::Create(args) => create(&remote, args),
        TokenCommand::List(args) => list(&remote, args),
        TokenCommand::Revoke(args) => revoke(&remote, args),
    }
}

fn create(remote: &Remote, args: &CreateArgs) -> Result<Exit> {
    let labels: Map<String, Value> = args.labels.iter().map(|(label, value)| (label.clone(), json!(value))).collect();
    let wanted = json!({
        "name": args.name,
        "role": args.role,
        "scope": { "bindings": args.bindings, "driver": args.driver, "labels": labels },
        "life_seconds": u32::try_from(args.life.0.div_ceil(1000)).unwrap_or(u32::MAX),
    });
    let made = remote.ask(Method::POST, "/v1/tokens", Some(&wanted))?;
    if args.json {
        print(&terminal::json(&made))?;
    } else {
        let secret = made.get("secret").and_then(Value::as_str);
        // The token alone, so that it can be piped into a file.
        print(&format!("{}\n", secret.ok_or_else(|| Fail::usage("the host's answer holds no token"))?))?;
    }
    Ok(Exit::Fine)
}

fn list(remote: &Remote, args: &ListArgs) -> Result<Exit> {
    let tokens = remote.all("/v1/tokens")?;
    if args.json {
        print(&terminal::json(&Value::Array(tokens)))?;
        return Ok(Exit::Fine);
    }
    let mut columns = Columns::new(&["ID", "NAME", "ROLE", "STATE", "EXPIRES", "MADE BY"]);
    for token in &tokens {
        let text = |key: &str| token.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let expires = token.get("expires_ms").and_then(Value::as_i64);
        let expires = expires.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        let expires = expires.map_or_else(|| "never".to_owned(), |at| format!("{at:.0}"));
        columns.row([text("id"), text("name"), text("role"), text("state"), expires, text("created_by")]);
    }
    print(&(remote.banner()? + &columns.text(0)))?;
    Ok(Exit::Fine)
}

fn revoke(remote: &Remote, args: &RevokeArgs) -> Result<Exit> {
    let token = remote.ask(Method::DELETE, &format!("/v1/tokens/{}", encoded(&args.id)), None)?;
    let name = token.get("name").and_then(Value::as_str).unwrap_or_default();
    let revoked = || clean(&format!("{} ({name}) is revoked\n", args.id));
    let text = if args.json { terminal::json(&token) } else { revoked() };
    print(&text)?;
    Ok(Exit::Fine)
}

fn label(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(label, _)| !label.is_empty());
    parts.map(|(label, value)| (label.to_owned(), value.to_owned())).ok_or_else(|| "write LABEL=VALUE".to_owned())
}
