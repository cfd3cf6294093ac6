//! `trimtab policy list`, `show`, `remove`: the versions that a host has.

use anyhow::Result;
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::fields::{number, rows, short, text, time};
use crate::cli::remote::{Remote, encoded, filtered};
use crate::cli::{Columns, Exit, Fail, Global, print, terminal};

/// Fewer digits of a digest name too many versions.
const DIGITS_MIN: usize = 4;

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    /// Of this name only.
    #[arg(long)]
    name: Option<String>,
    /// In this state only: received, validated, compiled, tried, shadow, active, draining, retired, rejected.
    #[arg(long)]
    state: Option<String>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArgs {
    /// The policy's name, or the first digits of a version's digest.
    policy: String,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RemoveArgs {
    /// The first digits of the version's digest.
    digest: String,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn list(global: &Global, args: &ListArgs) -> Result<Exit> {
    let remote = Remote::open(global)?;
    let versions =
        remote.all(&filtered("/v1/policies", &[("name", args.name.clone()), ("state", args.state.clone())]))?;
    if args.json {
        print(&terminal::json(&Value::Array(versions)))?;
    } else {
        print(&(remote.banner()? + &table(&versions)))?;
    }
    Ok(Exit::Fine)
}

fn table(versions: &[Value]) -> String {
    let mut columns = Columns::new(&["NAME", "VERSION", "DIGEST", "STATE", "SINCE", "UPLOADED BY"]);
    for version in versions {
        columns.row([
            text(version, "name").to_owned(),
            text(version, "version").to_owned(),
            short(text(version, "digest")),
            text(version, "state").to_owned(),
            time(version, "state_since_ms"),
            text(version, "uploaded_by").to_owned(),
        ]);
    }
    columns.text(0)
}

/// A name's versions and which of them runs, or one version.
pub(in crate::cli) fn show(global: &Global, args: &ShowArgs) -> Result<Exit> {
    let remote = Remote::open(global)?;
    let of_name = remote.all(&filtered("/v1/policies", &[("name", Some(args.policy.clone()))]))?;
    let active = active(&remote, &args.policy)?;
    if of_name.is_empty() && active.is_none() {
        return show_version(&remote, &find(&remote, None, &args.policy)?, args.json);
    }
    if args.json {
        print(&terminal::json(&json!({ "versions": of_name, "active": active })))?;
        return Ok(Exit::Fine);
    }
    let mut told = remote.banner()? + &table(&of_name);
    told.push('\n');
    told.push_str(&which_runs(active.as_ref()));
    print(&told)?;
    Ok(Exit::Fine)
}

fn show_version(remote: &Remote, version: &Value, as_json: bool) -> Result<Exit> {
    if as_json {
        print(&terminal::json(version))?;
        return Ok(Exit::Fine);
    }
    let mut columns = Columns::plain();
    columns.row(["policy".to_owned(), format!("{} {}", text(version, "name"), text(version, "version"))]);
    columns.row(["digest", text(version, "digest")]);
    columns.row(["state".to_owned(), format!("{} since {}", text(version, "state"), time(version, "state_since_ms"))]);
    columns.row(["bytes".to_owned(), number(version, "bytes").unwrap_or(0).to_string()]);
    let uploaded = format!("{} by {}", time(version, "uploaded_ms"), text(version, "uploaded_by"));
    columns.row(["uploaded".to_owned(), uploaded]);
    if let Some(rejected) = version.get("rejected").filter(|rejected| !rejected.is_null()) {
        columns.row(["refused".to_owned(), format!("{}: {}", text(rejected, "code"), text(rejected, "text"))]);
        columns.row(["remedy", text(rejected, "remedy")]);
    }
    for trial in rows(version, "trials") {
        let of = if text(trial, "binding").is_empty() { "a sample" } else { text(trial, "target") };
        columns.row(["tried on".to_owned(), format!("{of}: {}", text(trial, "came_to"))]);
    }
    print(&(remote.banner()? + &columns.text(0)))?;
    Ok(Exit::Fine)
}

pub(in crate::cli) fn remove(global: &Global, args: &RemoveArgs) -> Result<Exit> {
    let remote = Remote::open(global)?;
    let version = find(&remote, None, &args.digest)?;
    let gone = remote.ask(Method::DELETE, &format!("/v1/versions/{}", encoded(text(&version, "digest"))), None)?;
    let name = format!("{} {} ({})", text(&gone, "name"), text(&gone, "version"), short(text(&gone, "digest")));
    let told = match args.json {
        true => terminal::json(&gone),
        false => super::super::clean(&format!("{name} is forgotten; its bytes stay for the records that name them\n")),
    };
    print(&told)?;
    Ok(Exit::Fine)
}

/// Which version of a name runs; `None`: none was ever activated.
pub(super) fn active(remote: &Remote, name: &str) -> Result<Option<Value>> {
    let answer = remote.send(remote.request(Method::GET, &format!("/v1/policies/{}/active", encoded(name))))?;
    if answer.is_missing() {
        return Ok(None);
    }
    Ok(Some(answer.good()?.value))
}

/// Which version runs where, in words.
pub(super) fn which_runs(active: Option<&Value>) -> String {
    let Some(active) = active else { return "none was ever activated\n".to_owned() };
    let mut columns = Columns::plain();
    let default = match text(active, "default") {
        "" => "the policy of that name in the host's binary".to_owned(),
        digest => short(digest),
    };
    columns.row(["active".to_owned(), default]);
    for (binding, digest) in active.get("bindings").and_then(Value::as_object).into_iter().flatten() {
        columns.row([format!("for {binding}"), short(digest.as_str().unwrap_or_default())]);
    }
    columns.row(["before".to_owned(), format!("{} to go back to", number(active, "previous").unwrap_or(0))]);
    columns.text(0)
}

/// The one version that is meant: by its version where the policy's name is known, or by the first digits of its digest.
pub(super) fn find(remote: &Remote, name: Option<&str>, word: &str) -> Result<Value> {
    let versions = remote.all(&filtered("/v1/policies", &[("name", name.map(str::to_owned))]))?;
    let digits = word.strip_prefix("sha256:").unwrap_or(word).to_lowercase();
    let is_digest = digits.len() >= DIGITS_MIN && digits.chars().all(|c| c.is_ascii_hexdigit());
    let fits = |version: &&Value| {
        let by_version = name.is_some() && text(version, "version") == word;
        by_version || (is_digest && text(version, "digest").starts_with(&digits))
    };
    let mut found: Vec<&Value> = versions.iter().filter(fits).collect();
    let of = name.map_or_else(String::new, |name| format!(" of {name}"));
    match (found.pop(), found.is_empty()) {
        (Some(version), true) => Ok(version.clone()),
        (None, _) => Err(Fail::not_found(format!("there is no version {word:?}{of}; see `trimtab policy list`"))),
        (Some(last), false) => {
            let all: Vec<String> = found.into_iter().chain([last]).map(|one| short(text(one, "digest"))).collect();
            Err(Fail::usage(format!("{word:?} is several versions{of}: {}; write more of the digest", all.join(", "))))
        }
    }
}
