//! `trimtab policy shadow`: has a version watch beside the active one, or no longer.

use anyhow::Result;
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::versions::find;
use crate::cli::fields::text;
use crate::cli::remote::{Remote, encoded};
use crate::cli::{Columns, Exit, Global, print};

#[derive(Debug, Args)]
pub(in crate::cli) struct ShadowArgs {
    /// The policy's name.
    name: String,
    /// The first digits of the version's digest, or its version where there is one such only.
    #[arg(value_name = "DIGEST|VERSION")]
    version: String,
    /// Beside the active version of this binding only.
    #[arg(long, value_name = "NAME")]
    binding: Option<String>,
    /// Let it act by itself after so many turns in a row in which it agreed, on every target.
    #[arg(long, value_name = "TURNS", conflicts_with = "remove")]
    promote_after: Option<u32>,
    /// Go back by itself, if it fails soon after that.
    #[arg(long, requires = "promote_after")]
    rollback_on_fault: bool,
    /// End its watching.
    #[arg(long)]
    remove: bool,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &ShadowArgs) -> Result<Exit> {
    let remote = Remote::open(global)?;
    let path = format!("/v1/policies/{}/shadow", encoded(&args.name));
    let version = find(&remote, Some(&args.name), &args.version)?;
    let digest = text(&version, "digest");
    let answer = if args.remove {
        let whom = args.binding.as_deref().map(|name| format!("?binding={}", encoded(name))).unwrap_or_default();
        remote.ask(Method::DELETE, &format!("{path}/{}{whom}", encoded(digest)), None)?
    } else {
        let mut body = json!({ "version": digest, "rollback_on_fault": args.rollback_on_fault });
        if let Value::Object(body) = &mut body {
            body.extend(args.binding.iter().map(|name| ("binding".to_owned(), json!(name))));
            body.extend(args.promote_after.iter().map(|turns| ("promote_after".to_owned(), json!(turns))));
        }
        remote.ask(Method::POST, &path, Some(&body))?
    };
    if args.json {
        print(&format!("{answer:#}\n"))?;
        return Ok(Exit::Fine);
    }
    print(&shown(&answer))?;
    Ok(Exit::Fine)
}

/// The versions that watch now.
fn shown(answer: &Value) -> String {
    let rows: &[Value] = answer.get("shadows").and_then(Value::as_array).map_or(&[], Vec::as_slice);
    if rows.is_empty() {
        return "no version watches\n".to_owned();
    }
    let mut columns = Columns::new(&["DIGEST", "BINDING", "AGREED", "PROMOTED AFTER", "TARGETS", "FAILING"]);
    for row in rows {
        let text = |key: &str, none: &str| match row.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => none.to_owned(),
        };
        columns.row([
            text("digest", "").chars().take(12).collect(),
            text("binding", "all"),
            text("agreed", "–"),
            text("promote_after", "never"),
            text("targets", "–"),
            text("failing", "–"),
        ]);
    }
    columns.text(0)
}
