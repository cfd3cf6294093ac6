//! `trimtab policy push`: policies on their way to a host, and what becomes of them.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum as _};
use reqwest::Method;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::build;
use super::load::{EncodingWord, TierWord};
use crate::cli::fields::{number, rows, short, text};
use crate::cli::remote::{Remote, filtered};
use crate::cli::{Exit, Fail, Global, clean, print, terminal};
use crate::quantity::DurationMs;
use crate::registry::read_signature;

/// Between two looks at a job.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
#[command(after_help = "A signature that stands beside a file, as FILE.sig, is sent along.

What is pushed runs nowhere until it is activated: trimtab policy activate NAME VERSION.

Examples:
  trimtab policy push                      # the policy of this folder, built first
  trimtab policy push my_policy.wasm")]
pub(in crate::cli) struct PushArgs {
    /// Components or core modules; a folder is built first, as `trimtab policy build` does.
    #[arg(default_value = ".", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Which limits they run under where a binding does not say; by their size where nothing is said.
    #[arg(long, value_enum)]
    tier: Option<TierWord>,
    /// How core modules without a component type hold their texts.
    #[arg(long, value_enum, alias = "string-encoding")]
    encoding: Option<EncodingWord>,
    /// How long to wait until they were tried.
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    wait: DurationMs,
    /// Do not wait: say the job's number, and leave.
    #[arg(long, conflicts_with = "wait")]
    no_wait: bool,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(global: &Global, args: &PushArgs) -> Result<Exit> {
    let remote = Remote::open(global)?;
    let (mut exit, mut shown) = (Exit::Fine, Vec::new());
    for file in &args.files {
        let built = file.is_dir().then(|| build::build(file)).transpose()?;
        let (value, rejected) = push(&remote, args, built.as_deref().unwrap_or(file))?;
        if rejected {
            exit = Exit::Policy;
        }
        shown.push(value);
    }
    if args.json {
        print(&terminal::json(&Value::Array(shown)))?;
    }
    Ok(exit)
}

/// Pushes one file; gives what became of it, and whether it was refused.
fn push(remote: &Remote, args: &PushArgs, file: &Path) -> Result<(Value, bool)> {
    let name = file.display().to_string();
    let digest = digest(file)?;
    let signature = read_signature(file).with_context(|| format!("reading the signature beside {name}"))?;
    // One that is known and not signed yet is sent again with its signature.
    let wanted = |version: &Value| signature.is_none() || !text(version, "signed_by").is_empty();
    if let Some(known) = known(remote, &digest)?.filter(wanted) {
        return tell(args, &name, &known, "is known already");
    }
    let word = |value: Option<clap::builder::PossibleValue>| Some(value?.get_name().to_owned());
    let how = [
        ("tier", word(args.tier.and_then(|tier| tier.to_possible_value()))),
        ("encoding", word(args.encoding.and_then(|encoding| encoding.to_possible_value()))),
    ];
    let answer = remote.upload(&filtered("/v1/policies", &how), file, signature.as_ref())?;
    // No job: there was nothing to do.
    let Some(job) = number(&answer.value, "job") else {
        return tell(args, &name, &answer.value, "is known already");
    };
    if args.no_wait {
        if !args.json {
            print(&clean(&format!("{name}: job {job}; see `trimtab policy job {job}`\n")))?;
        }
        return Ok((answer.value, false));
    }
    let version = wait(remote, args, &name, job)?;
    tell(args, &name, &version, "was taken in")
}

/// The version of these bytes, where the host has gone all the way with them and took them.
fn known(remote: &Remote, digest: &str) -> Result<Option<Value>> {
    let answer = remote.send(remote.request(Method::GET, &format!("/v1/versions/{digest}")))?;
    if answer.is_missing() {
        return Ok(None);
    }
    let version = answer.good()?.value;
    // What was refused for a passing reason is taken in again: the host knows.
    let open = matches!(text(&version, "state"), "received" | "validated" | "compiled" | "rejected");
    Ok(Some(version).filter(|_| !open))
}

/// Watches a job until it has ended; says each state that its version comes to.
fn wait(remote: &Remote, args: &PushArgs, name: &str, job: u64) -> Result<Value> {
    let end = Instant::now() + args.wait.duration();
    let mut last = String::new();
    loop {
        let shown = remote.get(&format!("/v1/jobs/{job}"))?;
        let version = shown.get("version").cloned().unwrap_or_default();
        let state = text(&version, "state");
        if state != last && !args.json {
            eprintln!("{}", clean(&format!("{name}: {state}")));
        }
        state.clone_into(&mut last);
        match text(&shown, "state") {
            "running" => {}
            "failed" => anyhow::bail!("{name}: the host could not see it through: {}", text(&shown, "failed")),
            _ => return Ok(version),
        }
        if Instant::now() > end {
            anyhow::bail!("{name}: job {job} is not done after {}; see `trimtab policy job {job}`", args.wait);
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

fn tell(args: &PushArgs, file: &str, version: &Value, how: &str) -> Result<(Value, bool)> {
    let rejected = version.get("rejected").filter(|rejected| !rejected.is_null());
    if !args.json {
        print(&clean(&outcome(file, version, how, rejected)))?;
    }
    Ok((version.clone(), rejected.is_some()))
}

fn outcome(file: &str, version: &Value, how: &str, rejected: Option<&Value>) -> String {
    let digest = text(version, "digest");
    if let Some(rejected) = rejected {
        let (why, code, remedy) = (text(rejected, "text"), text(rejected, "code"), text(rejected, "remedy"));
        return format!("{file}: refused ({code}): {why}\n  {remedy}\n");
    }
    let (name, number) = (text(version, "name"), text(version, "version"));
    let mut told = format!("{file}: {name} {number} {how}, and is {}\n  digest {digest}\n", text(version, "state"));
    for trial in rows(version, "trials") {
        let of = match text(trial, "binding") {
            "" => "a sample".to_owned(),
            binding => format!("{} of {binding}", text(trial, "target")),
        };
        told.push_str(&format!("  tried on {of}: {}\n", text(trial, "came_to")));
    }
    if text(version, "state") == "tried" {
        told.push_str(&format!("  trimtab policy activate {name} {}\n", short(digest)));
    }
    told
}

/// SHA-256 of a file, read piece by piece.
fn digest(file: &Path) -> Result<String> {
    if !file.is_file() {
        return Err(Fail::not_found(format!("there is no file {}", file.display())));
    }
    let reading = || format!("reading {}", file.display());
    let mut open = std::fs::File::open(file).with_context(reading)?;
    let (mut digest, mut piece) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        let read = open.read(&mut piece).with_context(reading)?;
        match piece.get(..read) {
            Some(bytes) if read > 0 => digest.update(bytes),
            _ => return Ok(hex::encode(digest.finalize())),
        }
    }
}
