//! What the command line gives a policy: parameters as `NAME=VALUE`, a snapshot as a file.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use super::snapshot_input;
use crate::bounds::Settings;
use crate::cli::Fail;
use crate::policy::{ParamKind, ParamSpec, ParamValue, check_params};
use crate::snapshot::Snapshot;

/// A larger snapshot is a slip.
const SNAPSHOT_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Values for all parameters of a policy: those given, else their defaults.
///
/// # Errors
/// Where one is not `NAME=VALUE`, is unknown or out of range, or is required and not given.
pub(super) fn params(words: &[String], specs: &[ParamSpec]) -> Result<Vec<ParamValue>> {
    check_params(specs, &named(words, specs)?).map_err(|complaints| {
        let lines: Vec<String> = complaints.iter().map(|complaint| format!("--param: {complaint}")).collect();
        Fail::usage(lines.join("\n"))
    })
}

/// `NAME=VALUE` as JSON: what reads as JSON of the declared sort is that, all else is a text.
fn named(words: &[String], specs: &[ParamSpec]) -> Result<Map<String, Value>> {
    let mut named = Map::new();
    for word in words {
        let (name, text) =
            word.split_once('=').ok_or_else(|| Fail::usage(format!("--param {word:?} is not NAME=VALUE")))?;
        let spec = specs.iter().find(|spec| spec.name == name);
        let is_text = spec.is_some_and(|spec| matches!(spec.kind, ParamKind::Text | ParamKind::Duration));
        let as_text = || Value::String(text.to_owned());
        let value = if is_text { as_text() } else { serde_json::from_str(text).unwrap_or_else(|_| as_text()) };
        named.insert(name.to_owned(), value);
    }
    Ok(named)
}

/// Reads a snapshot of either form; `-` is standard input.
///
/// # Errors
/// Where it cannot be read, or what is wrong with it.
pub(super) fn snapshot(path: &Path, settings: &Settings) -> Result<Snapshot> {
    let mut text = String::new();
    let name = if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() };
    let reader: Box<dyn std::io::Read> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(path).map_err(|error| Fail::not_found(format!("{name} cannot be read: {error}")))?)
    };
    reader.take(SNAPSHOT_BYTES_MAX).read_to_string(&mut text).with_context(|| format!("reading {name}"))?;
    snapshot_input::read(&text, &name, settings)
}
