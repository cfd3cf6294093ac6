//! `trimtab status`: whether a host can do its work, in words.

use anyhow::Result;
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::fields::{cell, flag, number, rows, text};
use super::remote::Remote;
use super::{Columns, Exit, Global, print, terminal};

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &StatusArgs) -> Result<Exit> {
    let remote = Remote::open(global)?;
    let health = remote.get("/healthz")?;
    // A host that is not ready answers 503 with what is in the way: that is no problem of the request.
    let ready = remote.send(remote.request(Method::GET, "/readyz"))?;
    let ready = if ready.value.get("waits_for").is_some() { ready } else { ready.good()? }.value;
    let me = remote.get("/v1/whoami")?;
    let freeze = remote.get("/v1/freeze")?;
    let targets = remote.all("/v1/targets")?;
    let bindings = remote.all("/v1/bindings")?;
    let exit = if flag(&ready, "ready") { Exit::Fine } else { Exit::Trouble };
    if args.json {
        let status = json!({
            "host": remote.host(), "health": health, "ready": ready, "freeze": freeze, "whoami": me,
            "targets": targets.len(), "bindings": bindings.len(),
        });
        print(&terminal::json(&status))?;
        return Ok(exit);
    }
    let mut columns = Columns::plain();
    columns.row(["host".to_owned(), format!("{}, trimtab {}", remote.host(), text(&health, "version"))]);
    columns.row(["ready", if flag(&ready, "ready") { "yes" } else { "no" }]);
    for wait in rows(&ready, "waits_for") {
        columns.row([String::new(), format!("{}: {}", text(wait, "what"), text(wait, "why"))]);
    }
    columns.row(["frozen", if flag(&freeze, "frozen") { "yes" } else { "no" }]);
    columns.row(["targets".to_owned(), counted(&targets)]);
    columns.row(["bindings".to_owned(), bindings.len().to_string()]);
    columns.row(["token".to_owned(), format!("{}, {}", text(&me, "name"), cell(&me, "role"))]);
    print(&(remote.banner()? + &columns.text(0)))?;
    Ok(exit)
}

/// How many there are, and of how many something is out of the ordinary.
fn counted(targets: &[Value]) -> String {
    let count = |what: &str, of: fn(&Value) -> bool| {
        let found = targets.iter().filter(|target| of(target)).count();
        (found > 0).then(|| format!("{found} {what}"))
    };
    let parts = [
        count("unready", |target| number(target, "ready") < number(target, "desired")),
        count("changing", |target| flag(target, "changing")),
        count("paused", |target| flag(target, "paused")),
        count("pinned", |target| target.get("pinned").is_some()),
        count("in conflict", |target| !rows(target, "conflict").is_empty()),
        count("without a binding", |target| rows(target, "bindings").is_empty()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let total = targets.len();
    if parts.is_empty() { total.to_string() } else { format!("{total}: {}", parts.join(", ")) }
}
