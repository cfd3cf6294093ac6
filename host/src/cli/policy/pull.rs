//! `trimtab policy pull`: has a host fetch a policy from an OCI registry, and says what came of it.

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::remote::Remote;
use crate::cli::{Exit, Fail, Global, clean, print};
use crate::quantity::DurationMs;

/// Between two looks at the job.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
#[command(
    after_help = "The host fetches it itself, from registries that its configuration names ([policies], registries).

Example: trimtab policy pull ghcr.io/example/policy@sha256:…"
)]
pub(in crate::cli) struct PullArgs {
    /// Registry, repository and digest.
    #[arg(value_name = "REFERENCE")]
    reference: String,
    /// How long to wait until it was tried.
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    wait: DurationMs,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(global: &Global, args: &PullArgs) -> Result<Exit> {
    let remote = Remote::open(global)?;
    let mut job = remote.ask(Method::POST, "/v1/policies/pull", Some(&json!({ "reference": args.reference })))?;
    let number = job.get("job").and_then(Value::as_u64).unwrap_or_default();
    let end = Instant::now() + Duration::from_millis(args.wait.0);
    while text(&job, "state") == "running" {
        if Instant::now() > end {
            anyhow::bail!("job {number} is not done after {}; it goes on", args.wait);
        }
        std::thread::sleep(LOOK_AGAIN);
        job = remote.ask(Method::GET, &format!("/v1/jobs/{number}"), None)?;
    }
    if args.json {
        print(&format!("{job:#}\n"))?;
    }
    if text(&job, "state") == "failed" {
        return Err(anyhow::anyhow!("{}: {}", args.reference, text(&job, "failed")));
    }
    let version = job.get("version").cloned().unwrap_or_default();
    if let Some(rejected) = version.get("rejected").filter(|rejected| !rejected.is_null()) {
        let [why, code, remedy] = ["text", "code", "remedy"].map(|key| text(rejected, key));
        return Err(Fail::policy(format!("{}: refused ({code}): {why}; {remedy}", args.reference)));
    }
    if !args.json {
        let [name, number, state, digest] = ["name", "version", "state", "digest"].map(|key| text(&version, key));
        let reference = text(&job, "reference");
        print(&clean(&format!("{name} {number} is {state}\n  digest {digest}\n  from   {reference}\n")))?;
    }
    Ok(Exit::Fine)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
