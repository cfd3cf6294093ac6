//! `trimtab reading push`: a reading by hand, or from a script.

use anyhow::Result;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::fields::{rows, text};
use super::moment::Moment;
use super::records::target_id;
use super::remote::Remote;
use super::{Exit, Global, clean, print, terminal};

#[derive(Debug, Subcommand)]
pub(super) enum ReadingCommand {
    /// Send a reading to a source of kind push; its target is looked at at once.
    Push(PushArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  trimtab reading push queue_depth 120 --target local/web
  trimtab reading push busy 0.7 --target local/web --instance web-3 --no-turn")]
pub(super) struct PushArgs {
    /// The reading, by its name in the binding.
    name: String,
    /// What was measured: a number; anything else is a state.
    #[arg(allow_hyphen_values = true)]
    value: String,
    /// Whose: driver/name.
    #[arg(long)]
    target: String,
    /// Of which instance, queue and the like, where the reading belongs to one.
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// The source, where several have such a reading.
    #[arg(long)]
    source: Option<String>,
    /// When it was measured: now where nothing is said.
    #[arg(long, value_name = "TIME")]
    at: Option<Moment>,
    /// Leave the target to its pace.
    #[arg(long)]
    no_turn: bool,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, command: &ReadingCommand) -> Result<Exit> {
    let ReadingCommand::Push(args) = command;
    target_id(&args.target)?;
    let value = match args.value.parse::<f64>() {
        Ok(number) => ("value", json!(number)),
        Err(_) => ("text", json!(args.value)),
    };
    let said = [("name", json!(args.name)), ("target", json!(args.target)), value];
    let mut reading: Map<String, Value> = said.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    reading.extend(args.instance.iter().map(|instance| ("instance".to_owned(), json!(instance))));
    reading.extend(args.source.iter().map(|source| ("source".to_owned(), json!(source))));
    reading.extend(args.at.iter().map(|at| ("at_ms".to_owned(), json!(at.ms()))));
    let turn = args.no_turn.then_some(false);
    let body = json!({ "readings": [reading], "turn": turn });
    let taken = Remote::open(global)?.ask(Method::POST, "/v1/readings", Some(&body))?;
    let refused = rows(&taken, "refused");
    if args.json {
        print(&terminal::json(&taken))?;
    } else if refused.is_empty() {
        print("taken\n")?;
    }
    for no in refused.iter().filter(|_| !args.json) {
        let (code, detail, remedy) = (text(no, "code"), text(no, "detail"), text(no, "remedy"));
        print(&clean(&format!("refused ({code}): {detail}; {remedy}\n")))?;
    }
    Ok(if refused.is_empty() { Exit::Fine } else { Exit::Usage })
}
