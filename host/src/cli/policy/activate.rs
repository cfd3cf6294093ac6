//! `trimtab policy activate`, `rollback`: which version runs.

use anyhow::Result;
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::versions::{find, which_runs};
use crate::cli::fields::{short, text};
use crate::cli::remote::{Remote, encoded};
use crate::cli::{Exit, Global, clean, print, terminal};

#[derive(Debug, Args)]
#[command(after_help = "At once and as a whole: turns in progress end on the version that they began with.

Examples:
  trimtab policy activate my-policy 1.2.0
  trimtab policy activate my-policy 3f7a91 --binding web")]
pub(in crate::cli) struct ActivateArgs {
    /// The policy's name.
    name: String,
    /// The first digits of the version's digest, or its version where there is one such only.
    #[arg(value_name = "DIGEST|VERSION")]
    version: String,
    /// For this binding; for all that use the name where nothing is said.
    #[arg(long)]
    binding: Option<String>,
    /// Go back to the version before by itself, if this one fails soon; else as the host is configured.
    #[arg(long)]
    rollback_on_fault: bool,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RollbackArgs {
    /// The policy's name.
    name: String,
    /// For this binding; for all that use the name where nothing is said.
    #[arg(long)]
    binding: Option<String>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn activate(global: &Global, args: &ActivateArgs) -> Result<Exit> {
    let remote = Remote::open(global)?;
    let version = find(&remote, Some(&args.name), &args.version)?;
    // Where nothing is said, the host's own setting counts.
    let rollback_on_fault = args.rollback_on_fault.then_some(true);
    let digest = text(&version, "digest");
    let wanted = json!({ "digest": digest, "binding": args.binding, "rollback_on_fault": rollback_on_fault });
    let active = change(&remote, &args.name, "activate", &wanted)?;
    let (number, digest) = (text(&version, "version"), short(text(&version, "digest")));
    let whom = args.binding.as_deref().map_or_else(|| "all that use it".to_owned(), |name| format!("binding {name}"));
    tell(args.json, &active, &format!("{} {number} ({digest}) runs for {whom}\n", args.name))
}

pub(in crate::cli) fn rollback(global: &Global, args: &RollbackArgs) -> Result<Exit> {
    let remote = Remote::open(global)?;
    let active = change(&remote, &args.name, "rollback", &json!({ "binding": args.binding }))?;
    tell(args.json, &active, &format!("{} is back at the version before\n", args.name))
}

fn change(remote: &Remote, name: &str, verb: &str, wanted: &Value) -> Result<Value> {
    remote.ask(Method::POST, &format!("/v1/policies/{}/{verb}", encoded(name)), Some(wanted))
}

fn tell(as_json: bool, active: &Value, words: &str) -> Result<Exit> {
    let text = if as_json { terminal::json(active) } else { clean(words) + &which_runs(Some(active)) };
    print(&text)?;
    Ok(Exit::Fine)
}
