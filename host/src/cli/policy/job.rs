//! `trimtab policy job`: what becomes of uploads.

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use crate::cli::fields::{number, short, text, time};
use crate::cli::remote::Remote;
use crate::cli::terminal::{self, Columns};
use crate::cli::watch::{Look, WatchArgs};
use crate::cli::{Exit, Global};

#[derive(Debug, Args)]
pub(in crate::cli) struct JobArgs {
    /// Its number; all since the host started where nothing is said.
    job: Option<u64>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    watch: WatchArgs,
}

pub(in crate::cli) fn run(global: &Global, args: &JobArgs) -> Result<Exit> {
    let remote = Remote::open(global)?;
    args.watch.run(|| {
        let shown = match args.job {
            Some(job) => remote.get(&format!("/v1/jobs/{job}"))?,
            None => Value::Array(remote.all("/v1/jobs")?),
        };
        let jobs = shown.as_array().map_or(std::slice::from_ref(&shown), Vec::as_slice);
        let text = if args.json { terminal::json(&shown) } else { remote.banner()? + &table(jobs) };
        // One job has an end; the list of them has none.
        let last = args.job.is_some() && jobs.iter().all(|job| terminal_state(job).is_some());
        let exit = jobs.iter().filter(|_| args.job.is_some()).find_map(terminal_state).unwrap_or(Exit::Fine);
        Ok(Look { text, last, exit })
    })
}

fn table(jobs: &[Value]) -> String {
    let mut columns = Columns::new(&["JOB", "STATE", "POLICY", "DIGEST", "BEGAN", "BY", "WHY"]);
    for job in jobs {
        let version = job.get("version").cloned().unwrap_or_default();
        let rejected = version.get("rejected").filter(|rejected| !rejected.is_null());
        let why = match (rejected, text(job, "failed")) {
            (Some(no), _) => format!("{}: {}; {}", text(no, "code"), text(no, "text"), text(no, "remedy")),
            (None, "") => "–".to_owned(),
            (None, failed) => failed.to_owned(),
        };
        // Of a job that is done, what the version came to says more.
        let state = match text(job, "state") {
            "done" | "running" => text(&version, "state"),
            state => state,
        };
        columns.row([
            number(job, "job").unwrap_or(0).to_string(),
            state.to_owned(),
            format!("{} {}", text(&version, "name"), text(&version, "version")),
            short(text(job, "digest")),
            time(job, "began_ms"),
            text(job, "by").to_owned(),
            why,
        ]);
    }
    columns.text(0)
}

/// How a job ended; `None`: it has not.
fn terminal_state(job: &Value) -> Option<Exit> {
    let rejected = job.get("version").and_then(|version| version.get("rejected")).is_some_and(|no| !no.is_null());
    match text(job, "state") {
        "running" => None,
        "failed" => Some(Exit::Trouble),
        _ if rejected => Some(Exit::Policy),
        _ => Some(Exit::Fine),
    }
}
