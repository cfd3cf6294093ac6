//! `trimtab policy grants`: what a version may do, whatever bindings say.

use anyhow::Result;
use clap::{Args, ValueEnum as _};
use reqwest::Method;
use serde_json::{Map, Value};

use super::load::TierWord;
use crate::cli::remote::{Remote, encoded};
use crate::cli::{Columns, Exit, Global, clean, print};

#[derive(Debug, Args)]
#[command(
    after_help = "Without options it shows what is granted. What is said here stands in place of all that was said before.

Example: trimtab policy grants DIGEST --kinds scale,hold --bindings web"
)]
pub(in crate::cli) struct GrantsArgs {
    /// The version's digest.
    digest: String,
    /// Kinds of action that it may propose; all that it declares where nothing is said.
    #[arg(long, value_delimiter = ',', value_name = "KIND,…")]
    kinds: Option<Vec<String>>,
    /// Bindings that may use it; any where nothing is said.
    #[arg(long, value_delimiter = ',', value_name = "BINDING,…")]
    bindings: Option<Vec<String>>,
    /// Limits that it runs under, whatever a binding says.
    #[arg(long, value_enum)]
    tier: Option<TierWord>,
    /// Withhold nothing any more.
    #[arg(long, conflicts_with_all = ["kinds", "bindings", "tier"])]
    clear: bool,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(global: &Global, args: &GrantsArgs) -> Result<Exit> {
    let remote = Remote::open(global)?;
    let path = format!("/v1/versions/{}/grants", encoded(&args.digest));
    let wanted = wanted(args);
    let grants = match wanted.is_empty() && !args.clear {
        true => remote.ask(Method::GET, &path, None)?,
        false => remote.ask(Method::PUT, &path, Some(&Value::Object(wanted)))?,
    };
    print(&if args.json { format!("{grants:#}\n") } else { clean(&table(&grants)) })?;
    Ok(Exit::Fine)
}

fn wanted(args: &GrantsArgs) -> Map<String, Value> {
    let tier = args.tier.and_then(|tier| Some(Value::from(tier.to_possible_value()?.get_name())));
    let words = |words: &Option<Vec<String>>| words.clone().map(Value::from);
    let said = [("kinds", words(&args.kinds)), ("bindings", words(&args.bindings)), ("tier", tier)];
    said.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

fn table(grants: &Value) -> String {
    let words = |key: &str, all: &str| match grants.get(key).and_then(Value::as_array) {
        None => all.to_owned(),
        Some(words) if words.is_empty() => "none".to_owned(),
        Some(words) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
    };
    let tier = grants.get("tier").and_then(Value::as_str).unwrap_or("as the binding says");
    let mut columns = Columns::plain();
    columns.row(["kinds".to_owned(), words("kinds", "all that it declares")]);
    columns.row(["bindings".to_owned(), words("bindings", "any")]);
    columns.row(["tier", tier]);
    columns.text(0)
}
