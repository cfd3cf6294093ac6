//! `trimtab policy check`: what a Wasm file is, and whether this host takes it.

use std::fmt::Write as _;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::inspect::{Inspected, inspect};
use super::load::{self, LoadArgs};
use crate::cli::{Columns, Exit, clean, print};
use crate::policy::{Manifest, ParamSpec, ParamValue, Policy};
use crate::sandbox::{SandboxConfig, TierLimits};

#[derive(Debug, Args)]
pub(in crate::cli) struct CheckArgs {
    /// A Wasm file, or the name of a built-in policy.
    policy: String,
    #[command(flatten)]
    load: LoadArgs,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: &CheckArgs) -> Result<Exit> {
    let config = SandboxConfig::default();
    let bytes = load::bytes(&args.policy, config.upload.bytes_max)?;
    let inspected = inspect(&bytes);
    let loaded = load::policy(&args.policy, &bytes, &config, &args.load);
    if args.json {
        print(&format!("{:#}\n", as_json(&bytes, &inspected, &loaded, &config)))?;
        return loaded.map(|_| Exit::Fine);
    }
    print(&clean(&head(&args.policy, &bytes, &inspected)))?;
    let policy = loaded?;
    print(&clean(&body(&policy, &config.limits(policy.tier())?)))?;
    Ok(Exit::Fine)
}

fn as_json(bytes: &[u8], inspected: &Inspected, loaded: &Result<Policy>, config: &SandboxConfig) -> Value {
    let mut json = json!({
        "bytes": bytes.len(), "sha256": hex::encode(Sha256::digest(bytes)), "kind": inspected.kind,
        "imports": inspected.imports, "exports": inspected.exports, "ok": loaded.is_ok(),
    });
    let Some(fields) = json.as_object_mut() else { return json };
    match loaded {
        Ok(policy) => {
            fields.insert("manifest".to_owned(), json!(policy.manifest()));
            fields.insert("tier".to_owned(), json!(policy.tier()));
            fields.insert("limits".to_owned(), json!(config.limits(policy.tier()).ok()));
            fields.insert("describe_spent".to_owned(), json!(policy.described()));
        }
        Err(error) => drop(fields.insert("error".to_owned(), json!(format!("{error:#}")))),
    }
    json
}

fn head(word: &str, bytes: &[u8], inspected: &Inspected) -> String {
    let mut columns = Columns::plain();
    columns.row(["file", word]);
    columns.row(["kind", inspected.kind.as_str()]);
    columns.row(["size".to_owned(), format!("{} bytes", bytes.len())]);
    columns.row(["sha256".to_owned(), hex::encode(Sha256::digest(bytes))]);
    columns.row(["imports".to_owned(), names(&inspected.imports)]);
    columns.row(["exports".to_owned(), names(&inspected.exports)]);
    columns.text(0)
}

fn names(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

fn body(policy: &Policy, limits: &TierLimits) -> String {
    let manifest = policy.manifest();
    let mut columns = Columns::plain();
    columns.row(["policy".to_owned(), format!("{} {}", manifest.name, manifest.version)]);
    columns.row(["", manifest.summary.as_str()]);
    columns.row(["contract", manifest.contract.as_str()]);
    columns.row(["proposes".to_owned(), names(&manifest.kinds.iter().map(ToString::to_string).collect::<Vec<_>>())]);
    columns.row(["memory".to_owned(), memory(manifest)]);
    columns.row(["tier".to_owned(), json!(policy.tier()).as_str().unwrap_or_default().to_owned()]);
    let mib = limits.memory_bytes_max >> 20;
    columns.row(["limits".to_owned(), format!("{} fuel, {} ms, {mib} MiB", limits.fuel, limits.deadline_ms)]);
    let spent = policy.described();
    let kib = spent.memory_peak_bytes.div_ceil(1024);
    columns.row(["describe".to_owned(), format!("spent {} fuel, {kib} KiB, {} µs", spent.fuel, spent.wall_ns / 1000)]);
    let mut text = columns.text(0);
    if manifest.parameters.is_empty() {
        text.push_str("\nno parameters\n");
        return text;
    }
    let mut parameters = Columns::new(&["parameter", "type", "default", "range", "what"]);
    for spec in &manifest.parameters {
        parameters.row([spec.name.clone(), spec.kind.to_string(), default(spec), range(spec), spec.doc.clone()]);
    }
    let _ = write!(text, "\n{}", parameters.text(0));
    text
}

fn memory(manifest: &Manifest) -> String {
    match manifest.memory_bytes {
        0 => "none".to_owned(),
        bytes => format!("up to {bytes} bytes, format {}", manifest.memory_format),
    }
}

fn default(spec: &ParamSpec) -> String {
    match &spec.default {
        ParamValue::Unset if spec.required => "required".to_owned(),
        ParamValue::Unset => "–".to_owned(),
        ParamValue::DurationMs(duration_ms) => crate::quantity::DurationMs(*duration_ms).to_string(),
        ParamValue::Text(text) => format!("{text:?}"),
        ParamValue::Json(text) => text.clone(),
        // `{"num": 50.0}` without the name of its sort.
        other => match json!(other) {
            Value::Object(fields) => fields.into_iter().next().map(|(_, value)| value.to_string()).unwrap_or_default(),
            value => value.to_string(),
        },
    }
}

fn range(spec: &ParamSpec) -> String {
    if !spec.choices.is_empty() {
        return spec.choices.join(" | ");
    }
    match (spec.min.map(|min| spec.shown(min)), spec.max.map(|max| spec.shown(max))) {
        (None, None) => String::new(),
        (Some(min), None) => format!("{min} or more"),
        (None, Some(max)) => format!("up to {max}"),
        (Some(min), Some(max)) => format!("{min} to {max}"),
    }
}
