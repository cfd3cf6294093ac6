//! The snapshot that `policy eval` is given: the strict form of records, or a short one whose gaps are filled with the defaults
//! of `docs/snapshot.md`.
//!
//! The short form is turned into the strict one as JSON, and the strict one is read by the same code as a record, so that there
//! is one reading of it.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::bounds::Settings;
use crate::causes::on_one_line;
use crate::cli::Fail;
use crate::quantity::{CpuMillis, DurationMs, MemoryBytes};
use crate::snapshot::{Freshness, Reading, SNAPSHOT_FORMAT, Samples, Snapshot, Subject};

/// The time of a snapshot that names none, 2026-01-01T00:00:00Z: fixed, so that the same file gives the same answer.
const NOW_MS_DEFAULT: u64 = 1_767_225_600_000;
/// Distance of samples that name no times.
const STEP_MS_DEFAULT: u64 = 15_000;
/// A newest sample older than this is stale, where the reading does not say.
const STALE_AFTER_MS: u64 = 60_000;
const INSTANCES_MAX: u64 = 100_000;

/// Reads either form of `docs/snapshot.md`. A text with `format` at its top is in the strict one. `name` stands in errors; the
/// short form takes its limits from `settings` where it names none.
///
/// # Errors
/// What is wrong with it, and where.
pub fn read(text: &str, name: &str, settings: &Settings) -> Result<Snapshot> {
    // What is said quotes keys and values of the file.
    parse(text, settings).map_err(|what| Fail::usage(on_one_line(&format!("{name}{what}"))))
}

/// The error goes on after the file's name.
fn parse(text: &str, settings: &Settings) -> Result<Snapshot, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!(" is not JSON: {error}"))?;
    let Value::Object(fields) = value else {
        return Err(" is not a snapshot: it must be an object, { … }; see docs/snapshot.md".to_owned());
    };
    let strict = match fields.get("format") {
        Some(format) => {
            let format = format.as_u64().unwrap_or(0);
            if format == 0 || format > u64::from(SNAPSHOT_FORMAT) {
                return Err(format!(
                    " has format {format}, this trimtab reads up to {SNAPSHOT_FORMAT}: use a newer trimtab"
                ));
            }
            fields
        }
        None => fill(fields, settings).map_err(|error| format!(": {error:#}"))?,
    };
    let mut snapshot: Snapshot = serde_json::from_value(Value::Object(strict))
        .map_err(|error| format!(" is not a snapshot: {error}; see docs/snapshot.md"))?;
    snapshot.readings.sort_by(|one, other| key_of(one).cmp(&key_of(other)));
    check(&snapshot).map_err(|what| format!(": {what}"))?;
    Ok(snapshot)
}

fn key_of(reading: &Reading) -> (&str, &Subject, Option<&str>) {
    (&reading.name, &reading.subject, reading.owner.as_deref())
}

/// What the types do not say.
fn check(snapshot: &Snapshot) -> Result<(), String> {
    for reading in &snapshot.readings {
        let name = &reading.name;
        let (Samples::Numbers { times_ms: times, .. } | Samples::Texts { times_ms: times, .. }) = &reading.samples;
        if (reading.freshness == Freshness::Absent) != times.is_empty() {
            return Err(format!("reading {name}: a reading is absent if and only if it has no samples"));
        }
        if times.windows(2).any(|pair| matches!(pair, [one, next] if one > next)) {
            return Err(format!("reading {name}: samples must stand oldest first"));
        }
    }
    Ok(())
}

/// Fills the gaps of the short form.
fn fill(mut fields: Map<String, Value>, settings: &Settings) -> Result<Map<String, Value>> {
    let now_ms = take_now(&mut fields)?;
    let instances = fields.remove("instances");
    let mut target = take_table(&mut fields, "target")?;
    let desired = whole(&target, "desired")?.or(counted(instances.as_ref())).unwrap_or(1);
    let total = whole(&target, "total")?.or(counted(instances.as_ref())).unwrap_or(desired);
    let ready = whole(&target, "ready")?.unwrap_or(total);
    if total > INSTANCES_MAX || ready > total {
        anyhow::bail!("target: {ready} ready of {total} is not possible, or more than {INSTANCES_MAX}");
    }
    let containers = take_containers(&mut target)?;
    let instances = fill_instances(instances, total, ready, containers.first(), now_ms)?;
    let (least, most) = settings.least_and_most();
    let limits = json!({
        "replicas_min": settings.replicas.min, "replicas_max": settings.replicas.max, "least": least, "most": most,
    });
    for (key, default) in [("id", json!("eval/target")), ("kind", json!("process-group")), ("limits", limits)] {
        target.entry(key).or_insert(default);
    }
    target.insert("desired".to_owned(), json!(desired));
    target.insert("total".to_owned(), json!(total));
    target.insert("ready".to_owned(), json!(ready));
    target.insert("containers".to_owned(), Value::Array(containers));
    let readings = fill_readings(fields.remove("readings"), now_ms)?;
    fields.insert("format".to_owned(), json!(SNAPSHOT_FORMAT));
    fields.insert("now_ms".to_owned(), json!(now_ms));
    fields.insert("target".to_owned(), Value::Object(target));
    fields.insert("instances".to_owned(), Value::Array(instances));
    fields.insert("readings".to_owned(), Value::Array(readings));
    Ok(fields)
}

/// `now_ms`, or `now` as a date.
fn take_now(fields: &mut Map<String, Value>) -> Result<u64> {
    if let Some(now) = fields.remove("now") {
        let text = now.as_str().context("now: must be a date such as \"2026-01-01T12:00:00Z\"")?;
        let time: jiff::Timestamp =
            text.parse().with_context(|| format!("now: {text:?} is not a date with a time zone"))?;
        return u64::try_from(time.as_millisecond()).context("now: is before 1970");
    }
    Ok(whole(fields, "now_ms")?.unwrap_or(NOW_MS_DEFAULT))
}

fn take_table(fields: &mut Map<String, Value>, key: &str) -> Result<Map<String, Value>> {
    match fields.remove(key) {
        None => Ok(Map::new()),
        Some(Value::Object(table)) => Ok(table),
        Some(_) => anyhow::bail!("{key}: must be an object, {{ … }}"),
    }
}

fn whole(fields: &Map<String, Value>, key: &str) -> Result<Option<u64>> {
    let number = |value: &Value| value.as_u64().with_context(|| format!("{key}: {value} is not a whole number"));
    fields.get(key).map(number).transpose()
}

/// How many instances are given, as a number or as a list.
fn counted(instances: Option<&Value>) -> Option<u64> {
    match instances? {
        Value::Array(list) => u64::try_from(list.len()).ok(),
        number => number.as_u64(),
    }
}

/// One container `main`, if none is named. `cpu` and `memory` stand for requests and limits alike.
fn take_containers(target: &mut Map<String, Value>) -> Result<Vec<Value>> {
    let short = resources(target)?;
    match target.remove("containers") {
        None => Ok(vec![json!({ "name": "main", "requests": short, "limits": short })]),
        Some(Value::Array(list)) => list
            .into_iter()
            .map(|item| {
                let Value::Object(mut container) = item else { anyhow::bail!("containers: must hold objects") };
                let short = resources(&mut container)?;
                for (key, default) in [("name", json!("main")), ("requests", short.clone()), ("limits", short)] {
                    container.entry(key).or_insert(default);
                }
                Ok(Value::Object(container))
            })
            .collect(),
        Some(_) => anyhow::bail!("containers: must be a list"),
    }
}

/// `"cpu": "500m", "memory": "256Mi"` as the strict form has them.
fn resources(fields: &mut Map<String, Value>) -> Result<Value> {
    let mut strict = Map::new();
    if let Some(cpu) = fields.remove("cpu") {
        let text = cpu.as_str().map_or_else(|| cpu.to_string(), str::to_owned);
        strict.insert("cpu_millis".to_owned(), json!(text.parse::<CpuMillis>()?.0));
    }
    if let Some(memory) = fields.remove("memory") {
        let text = memory.as_str().map_or_else(|| memory.to_string(), str::to_owned);
        strict.insert("memory_bytes".to_owned(), json!(text.parse::<MemoryBytes>()?.0));
    }
    Ok(Value::Object(strict))
}

fn fill_instances(
    given: Option<Value>,
    total: u64,
    ready: u64,
    container: Option<&Value>,
    now_ms: u64,
) -> Result<Vec<Value>> {
    let size = |key: &str| container.and_then(|container| container.get(key)).cloned().unwrap_or_else(|| json!({}));
    // Instances have run for an hour where nothing else is said: none of them is still warming up.
    let default = |number: u64| {
        json!({
            "id": format!("i-{number}"), "phase": if number <= ready { "ready" } else { "starting" },
            "started_ms": now_ms.saturating_sub(3_600_000), "requests": size("requests"), "limits": size("limits"),
        })
    };
    let list = match given {
        Some(Value::Array(list)) => list,
        _ => (0..total).map(|_| json!({})).collect(),
    };
    let fill = |(item, number): (Value, u64)| {
        let Value::Object(mut instance) = item else {
            anyhow::bail!("instances: must be a number or a list of objects")
        };
        let used = resources(&mut instance)?;
        if used.as_object().is_some_and(|used| !used.is_empty()) {
            instance.entry("usage").or_insert(used);
        }
        if let Value::Object(defaults) = default(number) {
            for (key, value) in defaults {
                instance.entry(key).or_insert(value);
            }
        }
        Ok(Value::Object(instance))
    };
    let mut instances: Vec<Value> = list.into_iter().zip(1..).map(fill).collect::<Result<_>>()?;
    // The strict form has them ordered by id.
    instances.sort_by(|one, other| one.get("id").and_then(Value::as_str).cmp(&other.get("id").and_then(Value::as_str)));
    Ok(instances)
}

/// `{ "name": reading, … }`, or the strict list.
fn fill_readings(given: Option<Value>, now_ms: u64) -> Result<Vec<Value>> {
    match given {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => Ok(list),
        Some(Value::Object(named)) => {
            let mut readings = Vec::new();
            for (name, value) in named {
                fill_reading(&name, value, now_ms, &mut readings).with_context(|| format!("reading {name}"))?;
            }
            Ok(readings)
        }
        Some(_) => anyhow::bail!("readings: must be an object, {{ \"name\": 180 }}"),
    }
}

/// A number, a list of numbers (the last is now), a text, null, or an object with more to say.
fn fill_reading(name: &str, value: Value, now_ms: u64, readings: &mut Vec<Value>) -> Result<()> {
    let Value::Object(mut fields) = value else {
        readings.push(one_reading(name, "target", None, "", &samples_of(value, now_ms, STEP_MS_DEFAULT)?, now_ms));
        return Ok(());
    };
    let subject = text_of(fields.remove("subject"))?;
    let unit = text_of(fields.remove("unit"))?.unwrap_or_default();
    let step_ms = duration_of(fields.remove("step"))?.unwrap_or(STEP_MS_DEFAULT);
    let newest_ms = now_ms.saturating_sub(duration_of(fields.remove("age"))?.unwrap_or(0));
    let own = fields.remove("value").or_else(|| fields.remove("values"));
    let owners = fields.remove("by").or_else(|| fields.remove("owners"));
    if let Some(key) = fields.keys().next() {
        anyhow::bail!("unknown key {key:?}; known here: value, values, by, subject, unit, step, age");
    }
    match (own, owners) {
        (Some(own), None) => {
            let samples = samples_of(own, newest_ms, step_ms)?;
            let subject = subject.as_deref().unwrap_or("target");
            readings.push(one_reading(name, subject, None, &unit, &samples, now_ms));
        }
        (None, Some(Value::Object(owners))) => {
            let subject = subject.as_deref().unwrap_or("instance");
            for (owner, value) in owners {
                let samples = samples_of(value, newest_ms, step_ms)?;
                readings.push(one_reading(name, subject, Some(&owner), &unit, &samples, now_ms));
            }
        }
        _ => anyhow::bail!("give value, or by = {{ \"i-1\": 12 }} for readings of instances"),
    }
    Ok(())
}

fn one_reading(name: &str, subject: &str, owner: Option<&str>, unit: &str, samples: &Value, now_ms: u64) -> Value {
    let newest =
        samples.get("times_ms").and_then(Value::as_array).and_then(|times| times.last()).and_then(Value::as_u64);
    let freshness = match newest {
        None => "absent",
        Some(newest_ms) if now_ms.saturating_sub(newest_ms) > STALE_AFTER_MS => "stale",
        Some(_) => "fresh",
    };
    let mut reading =
        json!({ "name": name, "unit": unit, "subject": subject, "freshness": freshness, "samples": samples });
    if let (Some(owner), Some(fields)) = (owner, reading.as_object_mut()) {
        fields.insert("owner".to_owned(), json!(owner));
    }
    reading
}

/// Samples that end at `newest_ms`, `step_ms` apart.
fn samples_of(value: Value, newest_ms: u64, step_ms: u64) -> Result<Value> {
    let list = match value {
        Value::Null => Vec::new(),
        Value::Array(list) => list,
        one => vec![one],
    };
    let count = u64::try_from(list.len())?;
    let time = |index: u64| newest_ms.saturating_sub((count - 1 - index).saturating_mul(step_ms));
    let times_ms: Vec<u64> = (0..count).map(time).collect();
    if list.iter().all(Value::is_number) {
        return Ok(json!({ "of": "numbers", "times_ms": times_ms, "values": list }));
    }
    if list.iter().all(Value::is_string) {
        return Ok(json!({ "of": "texts", "times_ms": times_ms, "texts": list }));
    }
    anyhow::bail!("samples must be numbers, or texts, all of one sort")
}

fn text_of(value: Option<Value>) -> Result<Option<String>> {
    value.map(|value| value.as_str().map(str::to_owned).with_context(|| format!("{value} is not a text"))).transpose()
}

fn duration_of(value: Option<Value>) -> Result<Option<u64>> {
    let text = text_of(value)?;
    Ok(text.map(|text| text.parse::<DurationMs>()).transpose()?.map(|duration| duration.0))
}
