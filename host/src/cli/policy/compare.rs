//! `trimtab policy compare A B`: two policies on the turns that are recorded of a target.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Args;
use reqwest::Method;
use serde_json::json;

use super::load::EncodingWord;
use crate::cli::facts::{Facts, OfflineArgs};
use crate::cli::moment::Moment;
use crate::cli::records::target_id;
use crate::cli::remote::{Remote, encoded};
use crate::cli::replay::archive::Archive;
use crate::cli::replay::{may_be_named, rfc_3339, text};
use crate::cli::{Exit, Fail, Global, print, terminal};
use crate::policy::Policy;
use crate::replay::{Compared, Stretch, compare};
use crate::snapshot::TargetId;

/// What says "whichever was active".
const ACTIVE: &str = "active";

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  trimtab policy compare active 1f2e3d4c --target local/web --since 1h
  trimtab policy compare tuned@1.0.0 tuned@1.1.0 --target local/web --since 1d --json")]
pub(in crate::cli) struct CompareArgs {
    /// The one: a digest (8 digits of it at least), name@version, a name, or `active` for whichever was; offline also a file.
    a: String,
    /// The other.
    b: String,
    /// The target: driver/name.
    #[arg(long, value_name = "TARGET")]
    target: String,
    /// From this time on: 2026-01-01T12:00:00Z, or 1h for so long ago.
    #[arg(long, value_name = "TIME", default_value = "1h")]
    since: Moment,
    /// Before this time.
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// How a file that is a core module holds its texts, if it does not say so itself.
    #[arg(long, value_enum)]
    string_encoding: Option<EncodingWord>,
    /// Most turns, the oldest first.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    offline: OfflineArgs,
}

pub(in crate::cli) fn run(global: &Global, args: &CompareArgs) -> Result<Exit> {
    let target = target_id(&args.target)?;
    if args.a == args.b {
        return Err(Fail::usage(format!("both are {:?}: name two policies", args.a)));
    }
    let compared = match Facts::open(global, &args.offline)? {
        Facts::Live(remote) => live(&remote, &target, args)?,
        Facts::Kept(records) => kept(&Archive::open(global, *records)?, &target, args)?,
    };
    let text = if args.json { terminal::json(&serde_json::to_value(&compared)?) } else { text::compared(&compared) };
    print(&text)?;
    Ok(Exit::Fine)
}

fn live(remote: &Remote, target: &TargetId, args: &CompareArgs) -> Result<Compared> {
    may_be_named(&args.a)?;
    may_be_named(&args.b)?;
    let mut body = json!({ "a": args.a, "b": args.b, "since": rfc_3339(args.since), "limit": args.limit });
    if let (Some(until), Some(body)) = (args.until, body.as_object_mut()) {
        body.insert("until".to_owned(), rfc_3339(until).into());
    }
    let path = format!("/v1/targets/{}/{}/compare", encoded(target.driver()), encoded(target.name()));
    let compared = remote.ask(Method::POST, &path, Some(&body))?;
    serde_json::from_value(compared).context("reading what the host compared")
}

fn kept(archive: &Archive, target: &TargetId, args: &CompareArgs) -> Result<Compared> {
    archive.must_know(target)?;
    let policy = |word: &str| -> Result<Option<Arc<Policy>>> {
        if word == ACTIVE { Ok(None) } else { archive.policy(word, args.string_encoding).map(Some) }
    };
    let (a, b) = (policy(&args.a)?, policy(&args.b)?);
    let to_ms = args.until.map_or(u64::MAX, Moment::ms);
    let stretch = Stretch { turns_max: args.limit.into(), ..Stretch::of(target.clone(), args.since.ms(), to_ms) };
    archive.walk(async |desk, leash| compare(desk, &stretch, leash, a, b).await)
}
