//! `metrics`: each becomes a reading and a goal of `target-tracking`.

use crate::import::Choices;
use crate::import::draft::{Draft, Reading};
use crate::import::fields::{Field, Fields};
use crate::import::goals::{Comparison, Goal, Goals};
use crate::import::kubernetes::{Scaled, quantity};
use crate::import::promql::{self, Matcher, matcher};

/// CPU utilization in percent where an HPA names no metric.
const CPU_PERCENT_DEFAULT: f64 = 80.0;

/// Whose metrics they are.
pub(super) struct Place<'a> {
    pub(super) namespace: &'a str,
    pub(super) scaled: &'a Scaled,
    pub(super) choices: &'a Choices,
}

/// All metrics of a list.
pub(super) fn put(field: &Field<'_>, place: &Place<'_>, draft: &mut Draft, goals: &mut Goals) {
    for metric in field.list().unwrap_or_default() {
        let goal = one(&metric, place, draft);
        goals.goals.extend(goal);
    }
}

/// What the API server fills in where there are none.
pub(super) fn put_default(spec: &Fields<'_>, place: &Place<'_>, draft: &mut Draft, goals: &mut Goals) {
    let what = "there are none, so CPU utilization of 80 % is the target, as the API server fills in";
    spec.ledger().put(spec.place(), crate::import::Outcome::Carried, &format!("{}.metrics", spec.path()), what, "");
    goals.goals.push(cpu(place, draft, CPU_PERCENT_DEFAULT));
}

/// `targetCPUUtilizationPercentage` of autoscaling/v1.
pub(super) fn put_cpu_percent(field: &Field<'_>, place: &Place<'_>, draft: &mut Draft, goals: &mut Goals) {
    if let Some(percent) = field.whole(1..=1_000_000) {
        field.carried("target-tracking by utilization of CPU");
        goals.goals.push(cpu(place, draft, f64::from(percent)));
    }
}

fn cpu(place: &Place<'_>, draft: &mut Draft, percent: f64) -> Goal {
    let reading = draft.reading(resource_reading("cpu", None, place));
    Goal { reading, target: percent, kind: Comparison::Utilization, of_instances: true, container: None }
}

fn one(metric: &Field<'_>, place: &Place<'_>, draft: &mut Draft) -> Option<Goal> {
    let map = metric.map()?;
    let kind = map.text("type").unwrap_or_default();
    // autoscaling calls the key as the type, in small letters at the beginning.
    let key = match kind.as_str() {
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        "Pods" => "pods",
        "Object" => "object",
        "External" => "external",
        _ => {
            metric.lost("is of no type that an HPA has", "write Resource, ContainerResource, Pods, Object or External");
            return None;
        }
    };
    let Some(source) = map.get(key) else {
        metric.lost(format!("has no `{key}`, which its type says"), "correct the input");
        return None;
    };
    map.finish();
    let fields = source.map()?;
    let goal = match key {
        "resource" => resource(&source, &fields, None, place, draft),
        "containerResource" => {
            let container = fields.get("container").and_then(|field| field.text());
            match container {
                Some(container) => resource(&source, &fields, Some(&container), place, draft),
                None => {
                    source.lost("names no container", "correct the input");
                    None
                }
            }
        }
        _ => series(key, &source, &fields, place, draft),
    };
    fields.finish();
    goal
}

/// `resource` and `containerResource`: cpu and memory, by utilization or by average value.
fn resource(
    source: &Field<'_>,
    fields: &Fields<'_>,
    container: Option<&str>,
    place: &Place<'_>,
    draft: &mut Draft,
) -> Option<Goal> {
    let name = fields.text("name")?;
    let target = Target::read(&fields.get("target")?)?;
    if !["cpu", "memory"].contains(&name.as_str()) {
        let remedy =
            "measure it by a Prometheus query and hold it with kind = \"average-value\", subject = \"instance\"";
        source.lost("only cpu and memory of pods have a reading here", remedy);
        return None;
    }
    let is_cpu = name == "cpu";
    let (kind, figure) = match target {
        Target::Utilization(percent) if is_cpu => (Comparison::Utilization, percent),
        Target::Utilization(percent) => (Comparison::MemoryUtilization, percent),
        // CPU is read in thousandths of a core, quantities are in cores.
        Target::AverageValue(cores) if is_cpu => (Comparison::AverageCpu, cores * 1000.0),
        Target::AverageValue(bytes) => (Comparison::AverageValue, bytes),
        Target::Value(_) => {
            source.lost("a resource has no target of type Value", "write Utilization or AverageValue");
            return None;
        }
    };
    let reading = draft.reading(resource_reading(&name, container, place));
    source.carried(format!("reading {reading:?}, {figure} by target-tracking"));
    let is_share = matches!(kind, Comparison::Utilization | Comparison::MemoryUtilization);
    let container = container.filter(|_| is_share).map(str::to_owned);
    Some(Goal { reading, target: figure, kind, of_instances: true, container })
}

fn resource_reading(name: &str, container: Option<&str>, place: &Place<'_>) -> Reading {
    let pods = promql::pods(place.namespace, place.scaled);
    let (plain, query) = match name {
        "cpu" => ("cpu_millicores", promql::cpu_by_pod(&pods, container)),
        _ => ("memory_bytes", promql::memory_by_pod(&pods, container)),
    };
    let name = container.map_or_else(|| plain.to_owned(), |container| format!("{plain}_{}", promql::metric(container)));
    Reading {
        name,
        source: place.choices.source.clone(),
        query: Some(query),
        subject: Some("instance"),
        label: Some("pod"),
        about: "From cAdvisor (kubelet) by way of Prometheus; the driver calls its instances as `pod` does.".to_owned(),
    }
}

/// `pods`, `object` and `external`: series of whatever measures them.
fn series(key: &str, source: &Field<'_>, fields: &Fields<'_>, place: &Place<'_>, draft: &mut Draft) -> Option<Goal> {
    let metric = fields.get("metric")?.map()?;
    let name = metric.text("name")?;
    let mut matchers = metric.get("selector").map(|field| label_matchers(&field)).unwrap_or_default();
    metric.finish();
    let target = Target::read(&fields.get("target")?)?;
    let (kind, figure) = match target {
        Target::AverageValue(value) => (Comparison::AverageValue, value),
        Target::Value(value) if key != "pods" => (Comparison::Value, value),
        Target::Value(_) | Target::Utilization(_) => {
            source.lost("this type of metric has no such type of target", "see the API reference of autoscaling/v2");
            return None;
        }
    };
    let series = promql::metric(&name);
    let (query, by_pod) = match key {
        "pods" => {
            matchers.extend(promql::pods(place.namespace, place.scaled));
            (format!("sum by (pod) ({})", promql::selector(&series, &matchers)), true)
        }
        "object" => {
            matchers.push(matcher("namespace", "=", place.namespace));
            matchers.extend(described(fields));
            (format!("sum({})", promql::selector(&series, &matchers)), false)
        }
        _ => (format!("sum({})", promql::selector(&series, &matchers)), false),
    };
    let reading = draft.reading(Reading {
        name: series,
        source: place.choices.source.clone(),
        query: Some(query),
        subject: by_pod.then_some("instance"),
        label: by_pod.then_some("pod"),
        about: format!("Metric {name} of type {key}: ask for it as the rule of your metrics adapter does."),
    });
    source.changed(
        format!("reading {reading:?}, {figure} by target-tracking; its query is a guess from the metric's name"),
        "compare the query with the rule of the metrics adapter, or send the reading to a source of kind push",
    );
    Some(Goal { reading, target: figure, kind, of_instances: by_pod, container: None })
}

/// The object that a metric is of, labelled as prometheus-adapter does by default: the kind in small letters.
fn described(fields: &Fields<'_>) -> Option<Matcher> {
    let object = fields.get("describedObject")?.map()?;
    let (kind, name) = (object.text("kind")?, object.text("name")?);
    object.aside(&["apiVersion"], "series name objects by kind and name");
    object.finish();
    Some(matcher(&kind.to_lowercase(), "=", name))
}

/// A label selector as matchers.
fn label_matchers(field: &Field<'_>) -> Vec<Matcher> {
    let Some(selector) = field.map() else { return Vec::new() };
    let mut matchers = Vec::new();
    if let Some(labels) = selector.get("matchLabels").and_then(|field| field.map()) {
        let pairs = labels.entries().into_iter().filter_map(|(label, value)| Some((label, value.text()?)));
        matchers.extend(pairs.map(|(label, value)| matcher(label, "=", value)));
    }
    for field in selector.get("matchExpressions").and_then(|field| field.list()).unwrap_or_default() {
        match expression(&field) {
            Some(matcher) => matchers.push(matcher),
            None => field.lost("is not an expression with key, operator and values", "add it to the query by hand"),
        }
    }
    selector.finish();
    matchers
}

fn expression(field: &Field<'_>) -> Option<Matcher> {
    let map = field.map()?;
    let key = map.text("key")?;
    let values = || {
        let values = map.get("values")?.list()?;
        let texts: Vec<String> = values.iter().filter_map(|value| value.node.as_written()).collect();
        Some(texts.iter().map(|text| escaped(text)).collect::<Vec<_>>().join("|"))
    };
    Some(match map.text("operator")?.as_str() {
        "In" => matcher(&key, "=~", values()?),
        "NotIn" => matcher(&key, "!~", values()?),
        "Exists" => matcher(&key, "!=", ""),
        "DoesNotExist" => matcher(&key, "=", ""),
        _ => return None,
    })
}

/// A text that a regular expression matches as it is.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\.+*?()|[]{}^$".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// `target`: what the metric is held at.
enum Target {
    Utilization(f64),
    AverageValue(f64),
    Value(f64),
}

impl Target {
    fn read(field: &Field<'_>) -> Option<Self> {
        let map = field.map()?;
        let kind = map.text("type");
        let figure = |key: &str| {
            let field = map.get(key)?;
            let value = quantity(&field)?;
            if value <= 0.0 {
                field.lost("is not above 0", "a target is above 0");
                return None;
            }
            Some(value)
        };
        let read = match kind.as_deref() {
            Some("Utilization") => figure("averageUtilization").map(Self::Utilization),
            Some("AverageValue") => figure("averageValue").map(Self::AverageValue),
            Some("Value") => figure("value").map(Self::Value),
            _ => None,
        };
        map.finish();
        if read.is_none() {
            let remedy = "write type Utilization, AverageValue or Value, and the figure that belongs to it";
            field.lost("says no target", remedy);
        }
        read
    }
}
