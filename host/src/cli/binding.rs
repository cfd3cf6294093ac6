//! `trimtab binding …`: which policies run for which targets, and within which bounds.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::Value;

use super::fields::{cell, flag, joined, rows, short, span, text, time};
use super::remote::{Answer, Remote, encoded};
use super::{Columns, Exit, Fail, Global, clean, print, terminal};

/// A larger file is no binding.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

#[derive(Debug, Subcommand)]
pub(super) enum BindingCommand {
    /// All bindings, as they run.
    List(ListArgs),
    /// Tables that bindings come from: when each was read, and which rows were refused and why.
    Tables(ListArgs),
    /// One binding, and the version of one that was made by the API.
    Show(ShowArgs),
    /// Make a binding, or put another in its place; it holds over restarts, and before the file's of that name.
    #[command(
        after_help = "The file is TOML with a table [binding.NAME], as in the configuration, or JSON with --name.

Examples:
  trimtab binding put web.toml
  trimtab binding put web.json --name web --if-match 3"
    )]
    Put(PutArgs),
    /// Remove a binding that was made by the API; the file's of that name holds again.
    Remove(RemoveArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// Its name.
    name: String,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct PutArgs {
    /// The file; "-" is standard input.
    file: PathBuf,
    /// The binding's name, where the file does not say it.
    #[arg(long)]
    name: Option<String>,
    /// Only if it is at this version; where nothing is said, at the one that is there now.
    #[arg(long, value_name = "VERSION")]
    if_match: Option<u64>,
    /// Only if none was made by the API yet.
    #[arg(long, conflicts_with = "if_match")]
    new: bool,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// Its name.
    name: String,
    /// Only if it is at this version.
    #[arg(long, value_name = "VERSION")]
    if_match: Option<u64>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, command: &BindingCommand) -> Result<Exit> {
    let remote = Remote::open(global)?;
    match command {
        BindingCommand::List(args) => list(&remote, args),
        BindingCommand::Tables(args) => tables(&remote, args),
        BindingCommand::Show(args) => show(&remote, args),
        BindingCommand::Put(args) => put(&remote, args),
        BindingCommand::Remove(args) => remove(&remote, args),
    }
}

fn list(remote: &Remote, args: &ListArgs) -> Result<Exit> {
    let bindings = remote.all("/v1/bindings")?;
    if args.json {
        print(&terminal::json(&Value::Array(bindings)))?;
        return Ok(Exit::Fine);
    }
    let mut columns = Columns::new(&["NAME", "MODE", "EVERY", "REPLICAS", "SELECTS", "POLICIES", "MADE BY"]);
    for binding in &bindings {
        let policies: Vec<&str> = rows(binding, "policies").iter().map(|policy| text(policy, "name")).collect();
        columns.row([
            text(binding, "name").to_owned(),
            cell(binding, "mode"),
            span(binding, "every_ms"),
            range(binding),
            selects(binding),
            policies.join(", "),
            match text(binding, "table") {
                "" => cell(binding, "made_by"),
                table => format!("table {table}"),
            },
        ]);
    }
    print(&(remote.banner()? + &columns.text(0)))?;
    Ok(Exit::Fine)
}

fn show(remote: &Remote, args: &ShowArgs) -> Result<Exit> {
    let binding = remote.get(&path_of(&args.name))?;
    if args.json {
        print(&terminal::json(&binding))?;
        return Ok(Exit::Fine);
    }
    let mut columns = Columns::plain();
    columns.row(["binding", text(&binding, "name")]);
    columns.row(["made by".to_owned(), made_by(&binding)]);
    columns.row(["mode".to_owned(), cell(&binding, "mode")]);
    columns.row(["every".to_owned(), span(&binding, "every_ms")]);
    columns.row(["replicas".to_owned(), range(&binding)]);
    columns.row(["selects".to_owned(), selects(&binding)]);
    columns.row(["readings".to_owned(), joined(&binding, "readings")]);
    for policy in rows(&binding, "policies") {
        let (name, version, digest) = (text(policy, "name"), text(policy, "version"), text(policy, "digest"));
        let slot = text(policy, "slot");
        let alias = if slot == name { String::new() } else { format!("{slot}: ") };
        columns.row(["policy".to_owned(), format!("{alias}{name} {version}, {}", short(digest))]);
    }
    print(&(remote.banner()? + &columns.text(0)))?;
    Ok(Exit::Fine)
}

fn made_by(binding: &Value) -> String {
    match (binding.get("version").and_then(Value::as_u64), text(binding, "table")) {
        (Some(version), _) => format!("the API, version {version}"),
        (None, "") => "the configuration's file".to_owned(),
        (None, table) => format!("its row in table {table}"),
    }
}

fn tables(remote: &Remote, args: &ListArgs) -> Result<Exit> {
    let tables = remote.all("/v1/binding-tables")?;
    if args.json {
        print(&terminal::json(&Value::Array(tables)))?;
        return Ok(Exit::Fine);
    }
    let mut columns = Columns::new(&["TABLE", "LAST READ", "IN FORCE", "REFUSED", "PROBLEM"]);
    let mut refused = Columns::plain();
    for table in &tables {
        columns.row([
            text(table, "name").to_owned(),
            time(table, "read_at_ms"),
            rows(table, "in_force").len().to_string(),
            cell(table, "rows_refused"),
            cell(table, "problem"),
        ]);
        for row in rows(table, "refused") {
            let stays = if flag(row, "earlier_in_force") { " (what it said before is in force)" } else { "" };
            refused.row([format!("refused: {}{stays}", text(row, "name")), joined(row, "why")]);
        }
    }
    print(&(remote.banner()? + &columns.text(0) + &refused.text(0)))?;
    Ok(Exit::Fine)
}

fn range(binding: &Value) -> String {
    format!("{} to {}", cell(binding, "replicas_min"), cell(binding, "replicas_max"))
}

fn selects(binding: &Value) -> String {
    let labels = binding.get("labels").and_then(Value::as_object).into_iter().flatten();
    let labels = labels.map(|(label, value)| format!("{label}={}", value.as_str().unwrap_or_default()));
    let driver = Some(text(binding, "driver")).filter(|driver| !driver.is_empty()).map(str::to_owned);
    let parts: Vec<String> = driver.into_iter().chain(labels).collect();
    if parts.is_empty() { joined(binding, "ids") } else { parts.join(" ") }
}

fn put(remote: &Remote, args: &PutArgs) -> Result<Exit> {
    let found = documents(&args.file, args.name.as_deref())?;
    if found.len() > 1 && (args.if_match.is_some() || args.new) {
        return Err(Fail::usage("the file holds several bindings, and a condition is for one: put them one by one"));
    }
    for (name, document) in found {
        let request = remote.request(Method::PUT, &path_of(&name)).json(&document);
        let request = match version_to_change(remote, args, &name)? {
            Some(version) => request.header("if-match", format!("\"{version}\"")),
            None => request.header("if-none-match", "*"),
        };
        let made = remote.send(request)?.good()?;
        tell(&made, args.json, &format!("binding {name} is in force, at version {}", cell(&made.value, "version")))?;
    }
    Ok(Exit::Fine)
}

/// The version that is to be replaced; `None`: there is to be none yet.
fn version_to_change(remote: &Remote, args: &PutArgs, name: &str) -> Result<Option<u64>> {
    if args.new || args.if_match.is_some() {
        return Ok(args.if_match);
    }
    let now = remote.send(remote.request(Method::GET, &path_of(name)))?;
    if now.is_missing() {
        return Ok(None);
    }
    Ok(now.good()?.value.get("version").and_then(Value::as_u64))
}

fn remove(remote: &Remote, args: &RemoveArgs) -> Result<Exit> {
    let request = remote.request(Method::DELETE, &path_of(&args.name));
    let request = match args.if_match {
        Some(version) => request.header("if-match", format!("\"{version}\"")),
        None => request,
    };
    let gone = remote.send(request)?.good()?;
    tell(&gone, args.json, &format!("binding {} is removed; the file's of that name, if any, holds again", args.name))
}

fn tell(answer: &Answer, as_json: bool, words: &str) -> Result<Exit> {
    let text = if as_json { terminal::json(&answer.value) } else { clean(&format!("{words}\n")) };
    print(&text)?;
    Ok(Exit::Fine)
}

fn path_of(name: &str) -> String {
    format!("/v1/bindings/{}", encoded(name))
}

/// The bindings of a file, each with its name.
fn documents(file: &Path, name: Option<&str>) -> Result<Vec<(String, Value)>> {
    let text = read(file)?;
    let shown = file.display();
    let value: Value = if text.trim_start().starts_with('{') {
        serde_json::from_str(&text).map_err(|error| Fail::usage(format!("{shown}: {error}")))?
    } else {
        let table: toml::Table = text.parse().map_err(|error| Fail::usage(format!("{shown}: {error}")))?;
        serde_json::to_value(table).with_context(|| format!("{shown}: no JSON can say this"))?
    };
    match (value.get("binding").and_then(Value::as_object), name) {
        (Some(tables), None) if !tables.is_empty() => Ok(tables.clone().into_iter().collect()),
        (Some(tables), Some(name)) => match tables.get(name) {
            Some(table) => Ok(vec![(name.to_owned(), table.clone())]),
            None => Err(Fail::not_found(format!("{shown} has no [binding.{name}]"))),
        },
        (None, Some(name)) => Ok(vec![(name.to_owned(), value)]),
        _ => Err(Fail::usage(format!("{shown} does not say the binding's name: write [binding.NAME], or give --name"))),
    }
}

fn read(file: &Path) -> Result<String> {
    let reading = || format!("reading {}", file.display());
    let mut text = String::new();
    let from: Box<dyn std::io::Read> = match file.to_str() {
        Some("-") => Box::new(std::io::stdin()),
        _ if !file.exists() => return Err(Fail::not_found(format!("there is no file {}", file.display()))),
        _ => Box::new(std::fs::File::open(file).with_context(reading)?),
    };
    from.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).with_context(reading)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(Fail::usage(format!("{} is too large for a binding", file.display())));
    }
    Ok(text)
}
