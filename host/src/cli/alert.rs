//! `trimtab alert …`: what others raised, and what became of it.

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::fields::{cell, joined, text, time};
use super::records::target_id;
use super::remote::{Remote, encoded, filtered};
use super::watch::{Look, WatchArgs};
use super::{Columns, Exit, Global, clean, print, terminal};
use crate::quantity::DurationMs;

#[derive(Debug, Subcommand)]
pub(super) enum AlertCommand {
    /// What was raised, and what became of it.
    List(ListArgs),
    /// Raise one by hand, as Alertmanager or ElastAlert would.
    Send(SendArgs),
    /// Forget one.
    Remove(RemoveArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// For this target: driver/name.
    #[arg(long)]
    target: Option<String>,
    /// That stand so.
    #[arg(long, value_enum)]
    state: Option<State>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    watch: WatchArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: trimtab alert send QueueGrows --target local/web --expires 5m --label queue=mail")]
pub(super) struct SendArgs {
    /// Its name.
    name: String,
    /// For this target: driver/name; where nothing is said, for those whose bindings match its labels.
    #[arg(long)]
    target: Option<String>,
    /// Labels.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// How long it stands, unless it comes again.
    #[arg(long, value_name = "DURATION")]
    expires: Option<DurationMs>,
    /// It is over.
    #[arg(long)]
    resolved: bool,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// Its id, as in the list.
    id: String,
}

/// How an alert stands.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    /// Policies see it.
    Open,
    /// A policy has dealt with it.
    Handled,
    /// It is for nobody.
    Skipped,
    /// Its sender ended it.
    Resolved,
    /// Its time is over.
    Expired,
}

pub(super) fn run(global: &Global, command: &AlertCommand) -> Result<Exit> {
    let remote = Remote::open(global)?;
    match command {
        AlertCommand::List(args) => list(&remote, args),
        AlertCommand::Send(args) => send(&remote, args),
        AlertCommand::Remove(args) => {
            remote.ask(Method::DELETE, &format!("/v1/alerts/{}", encoded(&args.id)), None)?;
            print(&format!("{} is forgotten\n", clean(&args.id)))?;
            Ok(Exit::Fine)
        }
    }
}

fn list(remote: &Remote, args: &ListArgs) -> Result<Exit> {
    if let Some(target) = &args.target {
        target_id(target)?;
    }
    let state = args.state.and_then(|state| Some(state.to_possible_value()?.get_name().to_owned()));
    let path = filtered("/v1/alerts", &[("target", args.target.clone()), ("state", state)]);
    args.watch.run(|| {
        let alerts = remote.all(&path)?;
        if args.json {
            return Ok(Look::from(terminal::json(&Value::Array(alerts))));
        }
        Ok(Look::from(remote.banner()? + &table(&alerts)))
    })
}

fn table(alerts: &[Value]) -> String {
    let mut columns = Columns::new(&["ID", "NAME", "STATE", "SINCE", "LAST", "TIMES", "TARGETS", "BINDINGS", "WHY"]);
    for alert in alerts {
        columns.row([
            text(alert, "id").to_owned(),
            text(alert, "name").to_owned(),
            text(alert, "state").to_owned(),
            time(alert, "since_ms"),
            time(alert, "last_ms"),
            cell(alert, "times"),
            joined(alert, "targets"),
            joined(alert, "bindings"),
            cell(alert, "skipped"),
        ]);
    }
    columns.text(0)
}

fn send(remote: &Remote, args: &SendArgs) -> Result<Exit> {
    let labels: Map<String, Value> =
        args.labels.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let mut alert = Map::new();
    let status = if args.resolved { "resolved" } else { "firing" };
    alert.extend([("name".to_owned(), json!(args.name)), ("status".to_owned(), json!(status))]);
    alert.extend(args.target.iter().map(|target| ("target".to_owned(), json!(target))));
    alert.extend(args.expires.iter().map(|expires| ("expires".to_owned(), json!(expires.to_string()))));
    if !labels.is_empty() {
        alert.insert("labels".to_owned(), labels.into());
    }
    let taken = remote.ask(Method::POST, "/v1/alerts", Some(&Value::Object(alert)))?;
    if args.json {
        print(&terminal::json(&taken))?;
        return Ok(Exit::Fine);
    }
    let all = |name: &str| taken.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut said = String::new();
    for refused in all("refused") {
        said += &format!(
            "refused ({}): {}; {}\n",
            text(&refused, "code"),
            text(&refused, "detail"),
            text(&refused, "remedy")
        );
    }
    for skipped in all("skipped") {
        said += &format!("taken, and no policy will see it: {}\n", text(&skipped, "why"));
    }
    if said.is_empty() {
        said = "taken\n".to_owned();
    }
    print(&clean(&said))?;
    Ok(if all("refused").is_empty() { Exit::Fine } else { Exit::Usage })
}

fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}
