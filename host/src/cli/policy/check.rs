//! `trimtab policy check`: what a Wasm file or project is, whether this host takes it, and what it spends.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::inspect::{Inspected, inspect};
use super::language::Language;
use super::load::{self, LoadArgs};
use super::spending::{self, Spending, grouped, percent};
use super::{build, given};
use crate::bounds::Settings;
use crate::cli::{Columns, Exit, clean, print, terminal};
use crate::policy::{Manifest, Need, NeedKind, ParamSpec, ParamValue, Policy};
use crate::quantity::DurationMs;
use crate::registry::builtin::builtin;
use crate::registry::sample;
use crate::sandbox::{SandboxConfig, TierLimits};
use crate::snapshot::Snapshot;

#[derive(Debug, Args)]
#[command(
    after_help = "What it spends is measured on workloads that the host makes up, as it does with an upload, and shown as shares of
the limits of its tier; what takes more than half of a limit is warned of.

Examples:
  trimtab policy check                                   # the policy of this folder, built first
  trimtab policy check my_policy.wasm --param target=80
  trimtab policy check my_policy.wasm --snapshot moment.json"
)]
pub(in crate::cli) struct CheckArgs {
    /// A Wasm file, a folder (it is built first), or the name of a built-in policy.
    #[arg(default_value = ".")]
    policy: String,
    /// What it is asked about instead, JSON; `-` is standard input: see docs/snapshot.md.
    #[arg(long, value_name = "FILE")]
    snapshot: Option<PathBuf>,
    /// A parameter; those that are required and not given get a value that fits. May be given many times.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    params: Vec<String>,
    #[command(flatten)]
    load: LoadArgs,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

/// A policy that this host takes, and what was seen of it.
struct Checked {
    policy: Policy,
    limits: TierLimits,
    params: Vec<ParamValue>,
    spending: Spending,
    warnings: Vec<String>,
}

pub(in crate::cli) fn run(args: &CheckArgs) -> Result<Exit> {
    let snapshot = args.snapshot.as_deref().map(|path| given::snapshot(path, &Settings::default())).transpose()?;
    let word = match is_project(&args.policy) {
        true => build::build(Path::new(&args.policy))?.display().to_string(),
        false => args.policy.clone(),
    };
    let config = SandboxConfig::default();
    let bytes = load::bytes(&word, config.upload.bytes_max)?;
    let inspected = inspect(&bytes);
    let checked = load::policy(&word, &bytes, &config, &args.load)
        .and_then(|policy| Checked::of(policy, args, snapshot.as_ref(), &inspected, &bytes, &config));
    if args.json {
        print(&terminal::json(&as_json(&bytes, &inspected, &checked)))?;
    } else {
        print(&clean(&head(&word, &bytes, &inspected, &config)))?;
        if let Ok(checked) = &checked {
            print(&clean(&checked.text()))?;
        }
    }
    checked.map(|checked| if checked.spending.is_fine() { Exit::Fine } else { Exit::Policy })
}

/// A folder goes before a policy of the binary that has its name, if it is a project.
fn is_project(word: &str) -> bool {
    let path = Path::new(word);
    path.is_dir() && (Language::of(path).is_some() || builtin(word).is_err())
}

impl Checked {
    fn of(
        policy: Policy,
        args: &CheckArgs,
        snapshot: Option<&Snapshot>,
        inspected: &Inspected,
        bytes: &[u8],
        config: &SandboxConfig,
    ) -> Result<Self> {
        let limits = config.limits(policy.tier())?;
        let params = params(&args.params, &policy.manifest().parameters)?;
        let name = args.snapshot.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        let given = snapshot.map(|snapshot| (name.as_str(), snapshot));
        let spending = load::on_deep_thread(|| spending::measure(&policy, &params, given))?;
        let mut warnings = spending.warnings(&tier(&policy));
        warnings.extend(wasi_warning(inspected, bytes));
        Ok(Self { policy, limits, params, spending, warnings })
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n{}", body(self), self.spending.text());
        for warning in &self.warnings {
            let _ = writeln!(text, "warning  {warning}");
        }
        text
    }
}

/// Values for all parameters; of those that are required and not given, one that fits.
fn params(words: &[String], specs: &[ParamSpec]) -> Result<Vec<ParamValue>> {
    let lenient: Vec<ParamSpec> = specs.iter().map(|spec| ParamSpec { required: false, ..spec.clone() }).collect();
    let mut values = given::params(words, &lenient)?;
    for (value, spec) in values.iter_mut().zip(specs) {
        if *value == ParamValue::Unset {
            *value = sample::value(spec);
        }
    }
    Ok(values)
}

/// WASI is let in, and finds nothing here: it costs size and time, and a policy may rely on what is not there.
fn wasi_warning(inspected: &Inspected, bytes: &[u8]) -> Option<String> {
    let is_wasi = |import: &&String| import.starts_with("wasi:") || import.starts_with("wasi_snapshot_preview1");
    let count = inspected.imports.iter().filter(is_wasi).count();
    let remedy = crate::sandbox::without_wasi(bytes);
    (count > 0).then(|| format!("it imports WASI ({count} names), which is empty here: {remedy}"))
}

fn tier(policy: &Policy) -> String {
    json!(policy.tier()).as_str().unwrap_or_default().to_owned()
}

fn as_json(bytes: &[u8], inspected: &Inspected, checked: &Result<Checked>) -> Value {
    let fine = checked.as_ref().is_ok_and(|checked| checked.spending.is_fine());
    let mut json = json!({
        "bytes": bytes.len(), "sha256": hex::encode(Sha256::digest(bytes)), "kind": inspected.kind,
        "imports": inspected.imports, "exports": inspected.exports, "made_with": inspected.made_with, "ok": fine,
    });
    let Some(fields) = json.as_object_mut() else { return json };
    match checked {
        Ok(Checked { policy, limits, params, spending, warnings }) => {
            fields.insert("manifest".to_owned(), json!(policy.manifest()));
            fields.insert("tier".to_owned(), json!(policy.tier()));
            fields.insert("limits".to_owned(), json!(limits));
            fields.insert("describe_spent".to_owned(), json!(policy.described()));
            fields.insert("params".to_owned(), json!(params));
            fields.insert("needs".to_owned(), json!(spending.needs));
            fields.insert("spending".to_owned(), spending.json());
            fields.insert("warnings".to_owned(), json!(warnings));
        }
        Err(error) => drop(fields.insert("error".to_owned(), json!(format!("{error:#}")))),
    }
    json
}

fn head(word: &str, bytes: &[u8], inspected: &Inspected, config: &SandboxConfig) -> String {
    let mut columns = Columns::plain();
    columns.row(["file", word]);
    columns.row(["kind", inspected.kind.as_str()]);
    let (size, most) = (bytes.len() as u64, config.upload.bytes_max);
    #[expect(clippy::cast_precision_loss, reason = "a share, for people")]
    let share = percent(size as f64 / most as f64);
    columns.row(["size".to_owned(), format!("{} of {} bytes ({share})", grouped(size), grouped(most))]);
    columns.row(["sha256".to_owned(), hex::encode(Sha256::digest(bytes))]);
    if !inspected.made_with.is_empty() {
        columns.row(["made with".to_owned(), names(&inspected.made_with)]);
    }
    columns.row(["imports".to_owned(), names(&inspected.imports)]);
    columns.row(["exports".to_owned(), names(&inspected.exports)]);
    columns.text(0)
}

fn names(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

fn body(checked: &Checked) -> String {
    let Checked { policy, limits, spending, .. } = checked;
    let manifest = policy.manifest();
    let mut columns = Columns::plain();
    columns.row(["policy".to_owned(), format!("{} {}", manifest.name, manifest.version)]);
    columns.row(["", manifest.summary.as_str()]);
    columns.row(["contract", manifest.contract.as_str()]);
    columns.row(["proposes".to_owned(), names(&manifest.kinds.iter().map(ToString::to_string).collect::<Vec<_>>())]);
    columns.row(["needs".to_owned(), names(&spending.needs.iter().map(need).collect::<Vec<_>>())]);
    columns.row(["memory".to_owned(), memory(manifest)]);
    columns.row(["tier".to_owned(), tier(policy)]);
    let mib = limits.memory_bytes_max >> 20;
    columns.row(["limits".to_owned(), format!("{} fuel, {} ms, {mib} MiB", limits.fuel, limits.deadline_ms)]);
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

/// ``reading `load` of instance over 5m``.
fn need(need: &Need) -> String {
    let mut text = json!(need.kind).as_str().unwrap_or_default().to_owned();
    if !need.name.is_empty() {
        let _ = write!(text, " `{}`", need.name);
    }
    if need.kind == NeedKind::Reading {
        let _ = write!(text, " of {}", need.subject.as_str());
    }
    if need.look_back_ms > 0 {
        let _ = write!(text, " over {}", DurationMs(need.look_back_ms));
    }
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
        ParamValue::DurationMs(duration_ms) => DurationMs(*duration_ms).to_string(),
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
