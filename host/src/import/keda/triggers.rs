//! `triggers`: each becomes a reading and a policy, a goal, or a window.

use super::metadata::{Family, SCALERS, Scaler};
use super::{Frame, seconds};
use crate::import::draft::{Draft, Policy, Reading};
use crate::import::fields::{Field, Fields, shown};
use crate::import::goals::{Comparison, Goal, Goals};
use crate::import::kubernetes::{Scaled, quantity};
use crate::import::{Choices, PUSH, promql, toml_text};

/// Where the triggers stand.
pub(super) struct Place<'a> {
    pub(super) namespace: &'a str,
    pub(super) scaled: &'a Scaled,
    pub(super) frame: &'a Frame,
    pub(super) choices: &'a Choices,
}

/// One trigger, read as far as all types go.
struct Trigger<'a> {
    field: &'a Field<'a>,
    metadata: Fields<'a>,
    /// `metricType`: how its figure is compared.
    compare: Option<String>,
}

/// A cron trigger's window.
struct Window {
    count: u32,
    rest: String,
}

pub(super) fn put(field: &Field<'_>, place: &Place<'_>, draft: &mut Draft) {
    let (mut goals, mut windows) = (Goals::default(), Vec::new());
    let triggers = field.list().unwrap_or_default();
    for field in &triggers {
        one(field, place, draft, &mut goals, &mut windows);
    }
    if let Some(policy) = goals.policy() {
        draft.policy(policy);
    }
    if !windows.is_empty() {
        let is_alone = !draft.has_policies();
        draft.policy(schedule(&windows, is_alone.then_some(place.frame.min)));
    }
}

/// Of cron triggers alone the count falls to the minimum outside all windows; beside others they are floors.
fn schedule(windows: &[Window], otherwise: Option<u32>) -> Policy {
    let action = if otherwise.is_some() { "exactly" } else { "at least" };
    let window =
        |window: &Window| format!("\n  {},", toml_text::text(&format!("{action} {}{}", window.count, window.rest)));
    let mut policy = Policy::new("schedule");
    policy.param("windows", format!("[{}\n]", windows.iter().map(window).collect::<String>()));
    if let Some(min) = otherwise {
        policy.param("otherwise", toml_text::text(&format!("exactly {min}")));
    }
    policy
}

fn one(field: &Field<'_>, place: &Place<'_>, draft: &mut Draft, goals: &mut Goals, windows: &mut Vec<Window>) {
    let Some(map) = field.map() else { return };
    let Some(kind) = map.text("type") else {
        field.lost("has no type", "correct the input");
        return;
    };
    let metadata = map.get("metadata").and_then(|field| field.map());
    map.aside(&["name", "useCachedMetrics"], "of KEDA's own doing");
    map.aside(&["authenticationRef"], "credentials are the source's: write them in its table");
    let compare = map.text("metricType");
    map.finish();
    let Some(metadata) = metadata else {
        field.lost("has no metadata", "correct the input");
        return;
    };
    let trigger = Trigger { field, metadata, compare };
    match kind.as_str() {
        "cpu" | "memory" => goals.goals.extend(resource(&trigger, &kind, place, draft)),
        "cron" => windows.extend(cron(&trigger)),
        "prometheus" => prometheus(&trigger, place, draft, goals),
        _ => match SCALERS.iter().find(|scaler| scaler.word == kind) {
            Some(scaler) => scaled(&trigger, scaler, place, draft, goals),
            None => {
                let remedy = "send what it measured to a source of kind push, and hold it by target-tracking";
                field.lost(format!("type {:?} is not known to this import", shown(&kind)), remedy);
                return;
            }
        },
    }
    // Whatever else it says is of servers and credentials; the names are enough.
    let rest = "how the old system reached the figure: say it in the source's table";
    let keys: Vec<&str> = trigger.metadata.unasked();
    trigger.metadata.aside(&keys, rest);
}

/// `cpu` and `memory`, as an HPA has them.
fn resource(trigger: &Trigger<'_>, kind: &str, place: &Place<'_>, draft: &mut Draft) -> Option<Goal> {
    let Trigger { field, metadata, compare } = trigger;
    // Until 2.10 the type stood in the metadata.
    let compare = compare.clone().or_else(|| metadata.text("type"));
    let value = quantity(&metadata.get("value")?).filter(|value| *value > 0.0);
    let Some(value) = value else {
        field.lost("has no value above 0", "correct the input");
        return None;
    };
    let container = metadata.text("containerName");
    let is_cpu = kind == "cpu";
    let (comparison, target) = match (compare.as_deref(), is_cpu) {
        (None | Some("Utilization"), true) => (Comparison::Utilization, value),
        (None | Some("Utilization"), false) => (Comparison::MemoryUtilization, value),
        // CPU is read in thousandths of a core, quantities are in cores.
        (Some("AverageValue"), true) => (Comparison::AverageCpu, value * 1000.0),
        (Some("AverageValue"), false) => (Comparison::AverageValue, value),
        (Some(_), _) => {
            field.lost("metricType is neither Utilization nor AverageValue", "correct the input");
            return None;
        }
    };
    let reading = draft.reading(pods_reading(is_cpu, container.as_deref(), place));
    field.carried(format!("reading {reading:?}, {target} by target-tracking"));
    let is_share = matches!(comparison, Comparison::Utilization | Comparison::MemoryUtilization);
    let container = container.filter(|_| is_share);
    Some(Goal { reading, target, kind: comparison, of_instances: true, container })
}

fn pods_reading(is_cpu: bool, container: Option<&str>, place: &Place<'_>) -> Reading {
    let pods = promql::pods(place.namespace, place.scaled);
    let (name, query) = if is_cpu {
        ("cpu_millicores", promql::cpu_by_pod(&pods, container))
    } else {
        ("memory_bytes", promql::memory_by_pod(&pods, container))
    };
    Reading {
        name: container.map_or_else(|| name.to_owned(), |container| format!("{name}_{}", promql::metric(container))),
        source: place.choices.source.clone(),
        query: Some(query),
        subject: Some("instance"),
        label: Some("pod"),
        about: "From cAdvisor (kubelet) by way of Prometheus; the driver calls its instances as `pod` does.".to_owned(),
    }
}

/// `cron`: so many replicas from one time to another.
fn cron(trigger: &Trigger<'_>) -> Option<Window> {
    let Trigger { field, metadata, .. } = trigger;
    let count = metadata.get("desiredReplicas").and_then(|field| field.whole(0..=1_000_000));
    let (start, end, zone) = (metadata.text("start"), metadata.text("end"), metadata.text("timezone"));
    let (Some(count), Some(start), Some(end), Some(zone)) = (count, start, end, zone) else {
        field.lost("needs timezone, start, end and desiredReplicas", "correct the input");
        return None;
    };
    let is_plain = |text: &str| !text.is_empty() && text.len() <= 100 && !text.contains(['\'', '"', '=']);
    let is_cron = |text: &str| is_plain(text) && !text.starts_with("@every") && !text.chars().any(char::is_control);
    if !is_cron(&start) || !is_cron(&end) || !is_plain(&zone) || zone.contains(char::is_whitespace) {
        field.lost("its times are not cron expressions of five fields", "write the window by hand: see `schedule`");
        return None;
    }
    field.carried(format!("a window of `schedule`: {count} from '{start}' to '{end}' in {zone}"));
    Some(Window { count, rest: format!(" from '{start}' to '{end}' in {zone}") })
}

/// `prometheus`: its query is ours.
fn prometheus(trigger: &Trigger<'_>, place: &Place<'_>, draft: &mut Draft, goals: &mut Goals) {
    let Trigger { field, metadata, .. } = trigger;
    let query = metadata.text("query");
    let threshold = figure(metadata, &["threshold"]);
    let activation = figure(metadata, &["activationThreshold"]).unwrap_or_default();
    let (Some(query), Some(threshold)) = (query, threshold) else {
        field.lost("needs query and a threshold above 0", "correct the input");
        return;
    };
    let name = metadata.text("metricName").map_or_else(|| "load".to_owned(), |name| promql::metric(&name));
    let server = metadata.text("serverAddress").map(|address| host_of(&address)).unwrap_or_default();
    if metadata.get("ignoreNullValues").is_some() {
        let remedy = "absent_as = 0.0 beside the reading, where that is meant";
        field.changed("ignoreNullValues: an empty answer is absent here, and forbids lowering", remedy);
    }
    let reading = draft.reading(Reading {
        name,
        source: place.choices.source.clone(),
        query: Some(query.split_whitespace().collect::<Vec<_>>().join(" ")),
        about: format!("As KEDA asked Prometheus{server}."),
        ..Reading::default()
    });
    field.carried(format!("reading {reading:?} from source {:?}, {threshold} per replica", place.choices.source));
    let figure = Figure { reading, threshold, activation, family: Family::Figure };
    decide(trigger, &figure, place, draft, goals);
}

/// ` at HOST:PORT`, without what may be a user and a password; empty where that cannot be told apart.
fn host_of(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let is_host = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    if host.is_empty() || host.len() > 253 || !host.chars().all(is_host) {
        String::new()
    } else {
        format!(" at {host}")
    }
}

/// The first of some keys that holds a figure above 0.
fn figure(metadata: &Fields<'_>, keys: &[&str]) -> Option<f64> {
    let mut found = None;
    for field in keys.iter().filter_map(|key| metadata.get(key)) {
        let value = field.number().filter(|value| *value > 0.0);
        found = found.or(value);
    }
    found
}

/// A figure that the replicas share.
struct Figure {
    reading: String,
    threshold: f64,
    activation: f64,
    family: Family,
}

/// A type of the table.
fn scaled(trigger: &Trigger<'_>, scaler: &Scaler, place: &Place<'_>, draft: &mut Draft, goals: &mut Goals) {
    let Trigger { field, metadata, .. } = trigger;
    let names: Vec<String> = scaler.names.iter().map(|key| metadata.text(key).unwrap_or_default()).collect();
    let last_part = |name: &String| name.rsplit('/').next().unwrap_or_default().to_owned();
    let mut names: Vec<String> = names.iter().map(last_part).collect();
    while names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    let default = Some(scaler.default).filter(|default| *default > 0.0);
    let Some(threshold) = figure(metadata, scaler.threshold).or(default) else {
        field.lost(format!("needs {}", scaler.threshold.join(" or ")), "correct the input");
        return;
    };
    let activation = figure(metadata, scaler.activation).unwrap_or_default();
    // RabbitMQ can be scaled by what is published, which is no backlog; its table's query would be another figure.
    let by_rate = metadata.text("mode").is_some_and(|mode| mode.ends_with("Rate"));
    let family = if by_rate { Family::Figure } else { scaler.family };
    let query = scaler.query.filter(|_| !by_rate && !names.is_empty()).map(|query| query(&names));
    let what = if names.is_empty() { String::new() } else { format!(" of {}", shown(&names.join(", "))) };
    let about = match &query {
        Some(_) => format!("{}{what}: as its usual exporter tells Prometheus.", scaler.word),
        None => format!("{}{what}: send it, with `trimtab reading push` or over the API or OTLP.", scaler.word),
    };
    let source = if query.is_some() { place.choices.source.clone() } else { PUSH.to_owned() };
    let parts: Vec<&str> = std::iter::once(scaler.word).chain(names.iter().map(String::as_str)).collect();
    let name = shown(&promql::metric(&parts.join("_"))).replace('…', "");
    let reading = draft.reading(Reading { name, source: source.clone(), query, about, ..Reading::default() });
    let remedy = if source == PUSH {
        "send the reading to that source, or give it a query in Prometheus"
    } else {
        "compare the query with your exporter's names"
    };
    let text = format!("reading {reading:?} from source {source:?}, {threshold} per replica");
    field.changed(format!("{text}; this host does not ask {} itself", scaler.word), remedy);
    decide(trigger, &Figure { reading, threshold, activation, family }, place, draft, goals);
}

/// Who decides by a figure: `queue-depth` for what waits, and for whatever has a threshold of activity; else `target-tracking`.
fn decide(trigger: &Trigger<'_>, figure: &Figure, place: &Place<'_>, draft: &mut Draft, goals: &mut Goals) {
    let Figure { reading, threshold, activation, family } = figure;
    let whole =
        |kind| Goal { reading: reading.clone(), target: *threshold, kind, of_instances: false, container: None };
    if trigger.compare.as_deref() == Some("Value") {
        if *activation > 0.0 {
            trigger
                .field
                .lost("a target of type Value has no activation here", "raise the threshold, or use AverageValue");
        }
        goals.goals.push(whole(Comparison::Value));
        return;
    }
    if *family == Family::Figure && *activation <= 0.0 {
        goals.goals.push(whole(Comparison::AverageValue));
        if place.frame.min == 0 {
            let what = "the fall to zero waits for stabilization.down, not for cooldownPeriod";
            trigger.field.changed(what, "lengthen stabilization.down where cooldownPeriod is longer");
        }
        return;
    }
    let mut policy = Policy::new("queue-depth").slot(format!("by-{reading}"));
    policy.param("reading", toml_text::text(reading));
    policy.param("per_instance", toml_text::float(*threshold));
    if *activation > 0.0 {
        policy.param("activation", toml_text::float(*activation));
    }
    policy.param("idle_for", format!("\"{}\"", seconds(place.frame.cooldown_seconds)));
    draft.policy(policy);
}
