//! `trimtab target list`.

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::cli::Exit;
use crate::cli::facts::OfflineArgs;
use crate::cli::fields::{cell, flag, joined, number, rows, text, time};
use crate::cli::remote::{Remote, filtered};
use crate::cli::terminal::{Columns, json};
use crate::cli::watch::{Look, WatchArgs};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  trimtab target list --unready --watch
  trimtab target list --driver local --label app=web --json")]
pub(in crate::cli) struct ListArgs {
    /// Of this driver only.
    #[arg(long)]
    driver: Option<String>,
    /// On which this binding sits.
    #[arg(long)]
    binding: Option<String>,
    /// That carry this label. May be repeated: all must fit.
    #[arg(long = "label", value_name = "LABEL=VALUE")]
    labels: Vec<String>,
    /// Whose name holds this text.
    #[arg(long)]
    text: Option<String>,
    /// That stand so.
    #[arg(long, value_enum)]
    state: Option<State>,
    /// Of which fewer instances serve than are wanted: --state unready.
    #[arg(long, conflicts_with = "state")]
    unready: bool,
    /// Answer in JSON.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    watch: WatchArgs,
    #[command(flatten)]
    pub(super) offline: OfflineArgs,
}

/// How a target stands, as the API has it.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    /// Fewer instances serve than are wanted.
    Unready,
    /// A change is in flight.
    Changing,
    /// Somebody paused it.
    Paused,
    /// Somebody scaled it by hand.
    Pinned,
    /// Several bindings would act on it.
    Conflict,
    /// No binding sits on it.
    Unbound,
    /// A policy of it failed.
    Failing,
}

pub(super) fn run(remote: &Remote, args: &ListArgs) -> Result<Exit> {
    let state = args.state.or(args.unready.then_some(State::Unready));
    let state = state.and_then(|state| Some(state.to_possible_value()?.get_name().to_owned()));
    let labels = (!args.labels.is_empty()).then(|| args.labels.join(","));
    let filters = [
        ("driver", args.driver.clone()),
        ("binding", args.binding.clone()),
        ("label", labels),
        ("text", args.text.clone()),
        ("state", state),
    ];
    let path = filtered("/v1/targets", &filters);
    args.watch.run(|| {
        let targets = remote.all(&path)?;
        if args.json {
            return Ok(Look::from(json(&Value::Array(targets))));
        }
        Ok(Look::from(remote.banner()? + &table(&targets)))
    })
}

fn table(targets: &[Value]) -> String {
    let mut columns = Columns::new(&["TARGET", "BINDING", "MODE", "DESIRED", "READY", "STATE", "SEEN"]);
    for target in targets {
        columns.row([
            text(target, "id").to_owned(),
            joined(target, "bindings"),
            cell(target, "mode"),
            cell(target, "desired"),
            cell(target, "ready"),
            standing(target),
            time(target, "observed_ms"),
        ]);
    }
    columns.text(0)
}

/// What is out of the ordinary, in a word each.
fn standing(target: &Value) -> String {
    let mut words = Vec::new();
    let pinned = number(target, "pinned").map(|count| format!("pinned at {count}"));
    if flag(target, "paused") {
        words.push("paused".to_owned());
    }
    words.extend(pinned);
    if !rows(target, "conflict").is_empty() {
        words.push("conflict".to_owned());
    }
    if flag(target, "changing") {
        words.push("changing".to_owned());
    }
    if number(target, "ready") < number(target, "desired") {
        words.push("unready".to_owned());
    }
    if words.is_empty() { "–".to_owned() } else { words.join(", ") }
}
