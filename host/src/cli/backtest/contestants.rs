//! Who is compared: a binding of the configuration, policies of the command line, or a file of contestants.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::BacktestArgs;
use super::shelf::Shelf;
use crate::backtest::{Declared, Series, Slot, Wiring, wire};
use crate::bounds::{Mode, Range, Settings};
use crate::cli::policy::load::on_deep_thread;
use crate::cli::{Fail, Global};
use crate::config::{self, Complaints, Config, Place};
use crate::policy::{NeedKind, ParamKind, Policy};
use crate::quantity::DurationMs;

/// Time between turns where nobody says it: as a binding has it.
const EVERY_MS_DEFAULT: u64 = 15_000;
const EVERY_MS_MIN: u64 = 100;
const CONTESTANTS_MAX: usize = 64;
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Who decides, within which bounds, how often, and by which readings.
pub(super) struct Contestant {
    pub(super) name: String,
    pub(super) slots: Vec<Slot>,
    pub(super) settings: Settings,
    pub(super) every_ms: u64,
    pub(super) wiring: Wiring,
    /// Whether demand waits for this one; `None`: as the command line says.
    pub(super) queue: Option<bool>,
}

/// All that were asked for.
pub(super) fn all(global: &Global, args: &BacktestArgs) -> Result<Vec<Contestant>> {
    let contestants = match (&args.contestants, &args.binding) {
        (Some(path), _) => of_file(global, args, path)?,
        (None, Some(binding)) => of_binding(global, args, binding)?,
        (None, None) => of_words(global, args)?,
    };
    if contestants.len() > CONTESTANTS_MAX {
        let text = format!("{} contestants are more than {CONTESTANTS_MAX}: compare fewer at once", contestants.len());
        return Err(Fail::usage(text));
    }
    Ok(contestants)
}

/// A reading that was named on the command line must be one that somebody asks for, and its series one that it can be.
pub(super) fn check_readings(contestants: &[Contestant], said: &[(String, Series)]) -> Result<()> {
    let wires = || contestants.iter().flat_map(|contestant| &contestant.wiring.wires);
    for (name, series) in said {
        let asked: Vec<_> = wires().filter(|wire| wire.name == *name).collect();
        if asked.is_empty() {
            let known: BTreeSet<&str> = wires().map(|wire| wire.name.as_str()).collect();
            let known: Vec<&str> = known.into_iter().collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(Fail::usage(format!(
                "--reading {name}={series}: no policy asks for {name:?}; asked for are: {known}"
            )));
        }
        if let Some(wire) = asked.iter().find(|wire| wire.series.is_none()) {
            let subject = &wire.subject;
            return Err(Fail::usage(format!(
                "--reading {name}={series}: {name} is a reading of the {subject}, and {series} is none; see docs/backtest.md"
            )));
        }
    }
    Ok(())
}

/// Policies of the command line, under the usual bounds or those of `--bounds`.
fn of_words(global: &Global, args: &BacktestArgs) -> Result<Vec<Contestant>> {
    if args.policies.is_empty() {
        let remedy = "name a policy (--policy target-tracking), a binding (--binding web) or a file of --contestants";
        return Err(Fail::usage(format!("nobody is to be tested: {remedy}")));
    }
    let shelf = Shelf::open(None, global.data_dir.as_deref(), args.string_encoding)?;
    let settings = settings(args, Settings::default())?;
    let every_ms = every_ms(args, EVERY_MS_DEFAULT)?;
    let policies = words(&shelf, args)?;
    let filled = policies.into_iter().map(|(name, slot)| fill(name, vec![slot], settings.clone(), every_ms, args, &[]));
    Ok(filled.collect())
}

/// The binding as it is written, then each policy of the command line in its place.
fn of_binding(global: &Global, args: &BacktestArgs, name: &str) -> Result<Vec<Contestant>> {
    let config = global.load()?;
    let binding = config.binding(name).ok_or_else(|| {
        let known: Vec<&str> = config.bindings.iter().map(|binding| binding.name.as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Fail::not_found(format!("{} has no binding {name:?}; it has: {known}", config.file.display()))
    })?;
    let data_dir = global.data_dir.clone().or_else(|| config.data_dir.is_dir().then(|| config.data_dir.clone()));
    let shelf = Shelf::open(Some(&config), data_dir.as_deref(), args.string_encoding)?;
    let settings = settings(args, binding.settings.clone())?;
    let every_ms = every_ms(args, binding.every_ms)?;
    let declared = declared(binding);
    let mut slots = Vec::new();
    for used in &binding.policies {
        let policy = shelf.bound(&binding.name, &used.uses)?;
        let what = format!("binding {name}, slot {}", used.slot);
        slots.push(slot(&used.slot, &policy, &used.params, used.grants.as_deref(), &what)?);
    }
    let mut contestants = vec![fill(name.to_owned(), slots, settings.clone(), every_ms, args, &declared)];
    for (word, slot) in words(&shelf, args)? {
        contestants.push(fill(word, vec![slot], settings.clone(), every_ms, args, &declared));
    }
    Ok(contestants)
}

fn declared(binding: &config::Binding) -> Vec<Declared> {
    let readings = binding.readings.iter();
    let one = |spec: &crate::sources::ReadingSpec| Declared {
        name: spec.name.as_ref().to_owned(),
        subject: spec.subject.clone(),
        absent_as: spec.absent_as,
    };
    readings.map(one).collect()
}

/// Each `--policy` with the parameters that are its own.
fn words(shelf: &Shelf, args: &BacktestArgs) -> Result<Vec<(String, Slot)>> {
    let policies: Vec<_> = args.policies.iter().map(|word| Ok((word, shelf.policy(word)?))).collect::<Result<_>>()?;
    let mut params = Vec::new();
    for param in &args.params {
        let (name, text) =
            param.split_once('=').ok_or_else(|| Fail::usage(format!("--param {param:?} is not NAME=VALUE")))?;
        let has = |policy: &Policy| policy.manifest().parameters.iter().any(|spec| spec.name == name);
        // With one policy its own complaint is better: it names the nearest parameter.
        if policies.len() > 1 && !policies.iter().any(|(_, policy)| has(policy)) {
            return Err(Fail::usage(format!(
                "--param {name}: none of these policies has it; see `trimtab policy check`"
            )));
        }
        params.push((name, text));
    }
    let mut slots = Vec::new();
    for (word, policy) in &policies {
        let own = own_params(policy, &params, policies.len() == 1);
        slots.push(((*word).clone(), slot(&policy.manifest().name, policy, &own, None, word)?));
    }
    Ok(slots)
}

/// `NAME=VALUE` as JSON: what reads as JSON of the declared sort is that, all else is a text.
fn own_params(policy: &Policy, params: &[(&str, &str)], alone: bool) -> Map<String, Value> {
    let mut own = Map::new();
    for (name, text) in params {
        let spec = policy.manifest().parameters.iter().find(|spec| spec.name == *name);
        if spec.is_none() && !alone {
            continue;
        }
        let is_text = spec.is_some_and(|spec| matches!(spec.kind, ParamKind::Text | ParamKind::Duration));
        let as_text = || Value::String((*text).to_owned());
        let value = if is_text { as_text() } else { serde_json::from_str(text).unwrap_or_else(|_| as_text()) };
        own.insert((*name).to_owned(), value);
    }
    own
}

fn slot(
    name: &str,
    policy: &std::sync::Arc<Policy>,
    params: &Map<String, Value>,
    grants: Option<&[crate::policy::ProposalKind]>,
    what: &str,
) -> Result<Slot> {
    let made = on_deep_thread(|| Slot::new(name, policy, params, grants))?;
    made.map_err(|error| Fail::usage(format!("{what}: {}", crate::causes::with_causes(&error))))
}

fn fill(
    name: String,
    slots: Vec<Slot>,
    settings: Settings,
    every_ms: u64,
    args: &BacktestArgs,
    declared: &[Declared],
) -> Contestant {
    let needs = slots.iter().flat_map(|slot| &slot.needs).filter(|need| need.kind == NeedKind::Reading);
    let wiring = wire(needs, &args.readings, declared);
    Contestant { name, slots, settings, every_ms, wiring, queue: None }
}

/// The bounds of the command line over those of the binding. What only looks on or is off is tested as if it acted.
fn settings(args: &BacktestArgs, own: Settings) -> Result<Settings> {
    let mut settings = match &args.bounds {
        Some(path) => Config::load_bounds(path)?,
        None => own,
    };
    if let Some((min, max)) = args.replicas {
        settings.replicas = Range { min, max };
    }
    if settings.mode != Mode::RaiseOnly {
        settings.mode = Mode::Act;
    }
    Ok(settings)
}

fn every_ms(args: &BacktestArgs, own: u64) -> Result<u64> {
    let every_ms = args.every.map_or(own, |DurationMs(ms)| ms);
    if every_ms < EVERY_MS_MIN {
        return Err(Fail::usage(format!(
            "a turn every {} is too often; at least {EVERY_MS_MIN} ms",
            DurationMs(every_ms)
        )));
    }
    Ok(every_ms)
}

/// A file of contestants.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    contestant: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Option<String>,
    #[serde(rename = "use")]
    uses: Option<String>,
    #[serde(default)]
    params: Map<String, Value>,
    /// Several policies that vote together, in place of `use`.
    #[serde(default)]
    policies: Vec<Used>,
    #[serde(default)]
    readings: BTreeMap<String, String>,
    every: Option<String>,
    queue: Option<bool>,
    bounds: Option<toml::Table>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Used {
    #[serde(rename = "use")]
    uses: String,
    slot: Option<String>,
    #[serde(default)]
    params: Map<String, Value>,
}

fn of_file(global: &Global, args: &BacktestArgs, path: &Path) -> Result<Vec<Contestant>> {
    let shown = path.display();
    let about = |error: std::io::Error| Fail::not_found(format!("{shown} cannot be read: {error}"));
    if std::fs::metadata(path).map_err(about)?.len() > FILE_BYTES_MAX {
        return Err(Fail::usage(format!("{shown} is larger than {FILE_BYTES_MAX} bytes: compare fewer at once")));
    }
    let text = std::fs::read_to_string(path).map_err(about)?;
    let file: File = toml::from_str(&text).map_err(|error| {
        let place = error.span().map(|span| Place::of(&text, span.start)).unwrap_or_default();
        Fail::usage(format!("{shown}:{}:{}: {}; see docs/backtest.md", place.line, place.column, error.message()))
    })?;
    if file.contestant.is_empty() {
        return Err(Fail::usage(format!("{shown} names nobody: write [[contestant]] with use = \"target-tracking\"")));
    }
    let shelf = Shelf::open(None, global.data_dir.as_deref(), args.string_encoding)?;
    let mut contestants: Vec<Contestant> = Vec::new();
    for entry in file.contestant {
        let one = enter(&shelf, args, &shown.to_string(), entry)?;
        if contestants.iter().any(|other| other.name == one.name) {
            return Err(Fail::usage(format!(
                "{shown}: there are two contestants {:?}: name = \"…\" tells them apart",
                one.name
            )));
        }
        contestants.push(one);
    }
    Ok(contestants)
}

fn enter(shelf: &Shelf, args: &BacktestArgs, shown: &str, entry: Entry) -> Result<Contestant> {
    let name = entry.name.or_else(|| entry.uses.clone());
    let name =
        name.ok_or_else(|| Fail::usage(format!("{shown}: a contestant has neither name nor use: give it both")))?;
    let what = format!("{shown}: contestant {name}");
    let used = match (entry.uses, entry.policies) {
        (Some(uses), policies) if policies.is_empty() => vec![Used { uses, slot: None, params: entry.params }],
        (None, policies) if !policies.is_empty() && entry.params.is_empty() => policies,
        _ => return Err(Fail::usage(format!("{what}: give it use with params, or policies with a use each"))),
    };
    let mut slots: Vec<Slot> = Vec::new();
    for used in used {
        let policy = shelf.policy(&used.uses).with_context(|| what.clone())?;
        let slot_name = used.slot.unwrap_or_else(|| used.uses.clone());
        if slots.iter().any(|other| other.name == slot_name) {
            return Err(Fail::usage(format!(
                "{what}: two policies are in slot {slot_name:?}: slot = \"…\" tells them apart"
            )));
        }
        slots.push(slot(&slot_name, &policy, &used.params, None, &what)?);
    }
    let own = entry.bounds.map_or_else(|| Ok(Settings::default()), |table| bounds(&table, &what))?;
    let every = entry.every.map(|text| text.parse::<DurationMs>()).transpose();
    let every = every.map_err(|error| Fail::usage(format!("{what}: every: {error}")))?;
    let mut said = Vec::new();
    for (reading, series) in &entry.readings {
        let series: Series = series.parse().map_err(|why| Fail::usage(format!("{what}: readings.{reading}: {why}")))?;
        said.push((reading.clone(), series));
    }
    said.extend(args.readings.iter().cloned());
    let wiring = wire(slots.iter().flat_map(|slot| &slot.needs), &said, &[]);
    let every_ms = every_ms(args, every.map_or(EVERY_MS_DEFAULT, |DurationMs(ms)| ms))?;
    let contestant = Contestant { name, slots, settings: settings(args, own)?, every_ms, wiring, queue: entry.queue };
    let own: Vec<(String, Series)> =
        said.iter().filter(|(reading, _)| entry.readings.contains_key(reading)).cloned().collect();
    check_readings(std::slice::from_ref(&contestant), &own).with_context(|| what)?;
    Ok(contestant)
}

/// `bounds = { … }`: the keys of a binding's bounds.
fn bounds(table: &toml::Table, what: &str) -> Result<Settings> {
    let text = toml::to_string(table).with_context(|| format!("{what}: bounds"))?;
    Config::parse_bounds(&text, Path::new(what)).map_err(|found| {
        // The text is ours: nobody can look a line up in it.
        let complaints = found.complaints.into_iter().map(|one| config::Complaint { place: Place::default(), ..one });
        Complaints { file: format!("{what}: bounds"), complaints: complaints.collect() }.into()
    })
}
