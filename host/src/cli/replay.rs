//! `trimtab replay`: what was recorded, played again: by the host that runs, or here, on what a data directory has kept.

pub(super) mod archive;
pub(super) mod text;

use std::io::IsTerminal as _;

use anyhow::{Context as _, Result};
use clap::Args;
use reqwest::Method;
use serde_json::{Map, Value, json};

use self::archive::{Archive, is_file};
use super::facts::{Facts, OfflineArgs};
use super::moment::Moment;
use super::policy::load::EncodingWord;
use super::records::target_id;
use super::remote::{Remote, encoded};
use super::{Exit, Fail, Global, print, terminal};
use crate::replay::{Instead, Replayed, Stretch, replay};
use crate::snapshot::TargetId;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  trimtab replay --target local/web --since 1d                     every answer must come to the same bytes
  trimtab replay --target local/web --policy 1f2e3d4c              what another version would have asked for
  trimtab replay --target local/web --policy ./mine.wasm --offline a policy that no host has, on kept records")]
pub(super) struct ReplayArgs {
    /// The target: driver/name.
    #[arg(long, value_name = "TARGET")]
    target: String,
    /// From this time on: 2026-01-01T12:00:00Z, or 1h for so long ago.
    #[arg(long, value_name = "TIME", default_value = "1h")]
    since: Moment,
    /// Before this time.
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// Another policy in the place of the recorded one: a digest (8 digits of it at least), name@version, or a name; offline
    /// also a Wasm file.
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,
    /// One of its parameters, in place of the recorded one. May be given many times.
    #[arg(long = "param", value_name = "NAME=VALUE", requires = "policy")]
    params: Vec<String>,
    /// The slot that it is put into; else those whose policy has its name, and where there are none, the first.
    #[arg(long, value_name = "SLOT", requires = "policy")]
    slot: Option<String>,
    /// How a file that is a core module holds its texts, if it does not say so itself.
    #[arg(long, value_enum, requires = "policy")]
    string_encoding: Option<EncodingWord>,
    /// Most turns, the oldest first.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    offline: OfflineArgs,
}

pub(super) fn run(global: &Global, args: &ReplayArgs) -> Result<Exit> {
    let target = target_id(&args.target)?;
    let replayed = match Facts::open(global, &args.offline)? {
        Facts::Live(remote) => live(&remote, &target, args)?,
        Facts::Kept(records) => kept(&Archive::open(global, *records)?, &target, args)?,
    };
    let text = if args.json { terminal::json(&serde_json::to_value(&replayed)?) } else { text::replayed(&replayed) };
    print(&text)?;
    Ok(if replayed.tally.defects > 0 { Exit::Defect } else { Exit::Fine })
}

/// Part by part, where the host does not take all turns at once. With another policy there is one part: its memory would not
/// go on in the next.
fn live(remote: &Remote, target: &TargetId, args: &ReplayArgs) -> Result<Replayed> {
    const PART: u64 = 10_000;
    if let Some(policy) = args.policy.as_deref() {
        may_be_named(policy)?;
    }
    let mut body = json!({
        "since": rfc_3339(args.since), "limit": u64::from(args.limit).min(PART), "params": params(&args.params)?,
    });
    let said = [("until", args.until.map(rfc_3339)), ("policy", args.policy.clone()), ("slot", args.slot.clone())];
    for (key, value) in said {
        if let (Some(value), Some(body)) = (value, body.as_object_mut()) {
            body.insert(key.to_owned(), value.into());
        }
    }
    let path = format!("/v1/targets/{}/{}/replay", encoded(target.driver()), encoded(target.name()));
    let mut whole: Option<Replayed> = None;
    loop {
        let part = remote.ask(Method::POST, &path, Some(&body))?;
        let part: Replayed = serde_json::from_value(part).context("reading what the host replayed")?;
        match &mut whole {
            None => whole = Some(part),
            Some(whole) => whole.join(part),
        }
        let Some(so_far) = &whole else { continue };
        let left = u64::from(args.limit).saturating_sub(so_far.reach.turns);
        match so_far.reach.cut {
            Some(cut) if left > 0 && args.policy.is_none() => {
                progress(so_far.reach.turns);
                if let Some(body) = body.as_object_mut() {
                    body.insert("after".to_owned(), cut.next.into());
                    body.insert("limit".to_owned(), left.min(PART).into());
                }
            }
            _ => break,
        }
    }
    whole.context("the host replayed nothing")
}

fn kept(archive: &Archive, target: &TargetId, args: &ReplayArgs) -> Result<Replayed> {
    archive.must_know(target)?;
    let instead = match &args.policy {
        None => None,
        Some(word) => {
            let policy = archive.policy(word, args.string_encoding)?;
            Some(Instead { policy, params: params(&args.params)?, slot: args.slot.clone() })
        }
    };
    let to_ms = args.until.map_or(u64::MAX, Moment::ms);
    let stretch = Stretch { turns_max: args.limit.into(), ..Stretch::of(target.clone(), args.since.ms(), to_ms) };
    archive.walk(async |desk, leash| replay(desk, &stretch, leash, instead).await)
}

/// That a host can know this policy.
pub(super) fn may_be_named(policy: &str) -> Result<()> {
    if !is_file(policy) {
        return Ok(());
    }
    let text = format!(
        "{policy} is a file, and a host plays only what it has: push it (`trimtab policy push`) and name its digest, or \
         play it here with --offline"
    );
    Err(Fail::usage(text))
}

/// `NAME=VALUE` as JSON: what reads as JSON is that, all else is a text.
fn params(said: &[String]) -> Result<Map<String, Value>> {
    let pair = |param: &String| {
        let (name, text) =
            param.split_once('=').ok_or_else(|| Fail::usage(format!("--param {param:?} is not NAME=VALUE")))?;
        Ok((name.to_owned(), serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))))
    };
    said.iter().map(pair).collect()
}

/// A time as the API reads it.
pub(super) fn rfc_3339(moment: Moment) -> String {
    let at = i64::try_from(moment.ms()).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    at.unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// Tells how far long work has come, where a person looks on.
pub(super) fn progress(turns: u64) {
    if std::io::stderr().is_terminal() {
        eprint!("\r{turns} turns");
    }
}
