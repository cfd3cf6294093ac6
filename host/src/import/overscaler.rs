//! Overscaler: labels of a StatefulSet become `rules`.
//!
//! Labels are read as its code reads them, also where that surprises.

mod metrics;

use self::metrics::is_metric;
use super::draft::{Draft, Policy};
use super::fields::{Field, Fields, shown};
use super::kubernetes::{self, Kind, Object, Scaled};
use super::note::Outcome;
use super::{Choices, REPLICAS_MAX, toml_text};
use crate::quantity::DurationMs;

pub(super) const KIND: Kind =
    Kind { word: "StatefulSet", versions: &["apps/v1", "apps/v1beta1", "apps/v1beta2"], beyond: &[] };

/// A pass of Overscaler's loop takes as long as its calls; so many seconds stand for one.
const PASS_SECONDS: u64 = 15;
const WEEK_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// A rule label: `metric_greater_90_scale`.
struct Rule {
    metric: String,
    is_greater: bool,
    limit: String,
    is_scale: bool,
}

pub(super) fn import(object: &Object<'_>, choices: &Choices) -> Option<Draft> {
    object.root.aside(&["spec"], "what runs; Overscaler reads only the labels and the template's labels");
    let labels = labels(object)?;
    if let Some(switch) = labels.get("overscaler")
        && switch.text().as_deref() != Some("true")
    {
        switch.aside("Overscaler is off for this set: only `true`, in small letters, turns it on");
        return None;
    }
    let scaled = Scaled { kind: "StatefulSet".to_owned(), name: object.name.clone() };
    let mut draft = kubernetes::draft(object, &scaled, choices);
    put_bounds(&labels, object, choices, &mut draft)?;
    let monitored = monitored(&labels);
    let rules = rules(&labels, &monitored);
    labels.aside(&["current-count", "rescaling"], "Overscaler's own memory; the host keeps its own");
    let rest = labels.unasked();
    labels.aside(&rest, "no labels of Overscaler");
    object.finish(&[]);
    if rules.is_empty() {
        let remedy = "add rule-… labels, or write the binding by hand";
        let (what, place) = ("no rule is in force, so Overscaler scales nothing here", labels.place());
        labels.ledger().put(place, Outcome::Refused, labels.path(), what, remedy);
        return None;
    }
    put_rules(&rules, object, choices, &scaled, &mut draft);
    let what = "Overscaler never has more replicas than nodes; here only replicas.max holds";
    labels.ledger().put(labels.place(), Outcome::Lost, "", what, "lower replicas.max where nodes are fewer");
    Some(draft)
}

/// The set's own labels, as Overscaler's code reads them, or else those of its template, as its documentation says.
fn labels<'a>(object: &Object<'a>) -> Option<Fields<'a>> {
    const SWITCH: &str = "overscaler";
    let own = object.metadata.get("labels").filter(|labels| labels.node.get(SWITCH).is_some());
    let template = || {
        let spec = object.root.get("spec")?;
        let labels = spec.node.get("template")?.get("metadata")?.get("labels")?;
        let found = Field::new(spec.ledger(), spec.place(), "spec.template.metadata.labels", labels);
        labels.get(SWITCH).map(|_| found)
    };
    match own.or_else(template) {
        Some(found) => found.map(),
        None => {
            let what = "has no label `overscaler`";
            object.root.ledger().put(object.place(), Outcome::Aside, "metadata.labels", what, "");
            None
        }
    }
}

fn put_bounds(labels: &Fields<'_>, object: &Object<'_>, choices: &Choices, draft: &mut Draft) -> Option<()> {
    const WHY: &str = "without it Overscaler scales nothing";
    let app = labels.need("app", WHY)?;
    if app.text().as_deref() != Some(object.name.as_str()) {
        app.refused("is not the name of the StatefulSet, so Overscaler scales nothing", "correct the label");
        return None;
    }
    let (min, max) = (labels.need("min-replicas", WHY)?, labels.need("max-replicas", WHY)?);
    let passes = labels.need("autoscaler-count", WHY)?;
    let read = (min.whole(1..=REPLICAS_MAX), max.whole(1..=REPLICAS_MAX), passes.whole(0..=1_000_000));
    let (Some(least), Some(most), Some(count)) = read else {
        min.refused("min-replicas, max-replicas or autoscaler-count is no count, so Overscaler scales nothing", WHY);
        return None;
    };
    if least > most {
        min.refused(format!("min-replicas {least} is above max-replicas {most}"), "correct the labels");
        return None;
    }
    let replicas = format!("{{ min = {least}, max = {most} }}");
    max.carried(format!("replicas = {replicas}"));
    draft.set("replicas", replicas);
    draft.set_with("step", "{ up = 1, down = 1 }", "Overscaler moves by one");
    let pause = DurationMs(u64::from(count).saturating_mul(PASS_SECONDS * 1000).min(WEEK_MS));
    if count > 0 {
        draft.set_with(
            "cooldown",
            format!("{{ up = \"{pause}\", down = \"{pause}\" }}"),
            format!("autoscaler-count = {count} passes"),
        );
    }
    passes.changed(
        format!(
            "cooldown of {pause}: {count} passes, each taken for {PASS_SECONDS} s; passes have no length of their own"
        ),
        "set cooldown to what a new replica needs to join",
    );
    if choices.compat {
        draft.set_with(
            "stabilization",
            "{ up = \"0s\", down = \"0s\" }",
            "as Overscaler; remove for a calmer way down",
        );
    }
    Some(())
}

/// Metrics that are monitored: rules for others are ignored.
fn monitored(labels: &Fields<'_>) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(field) = labels.get("all-metrics")
        && field.text().is_some_and(|text| text.eq_ignore_ascii_case("true"))
    {
        field.carried("all are monitored: readings, where rules ask for them");
        found.extend(metrics::METRICS.iter().map(|metric| (*metric).to_owned()));
    }
    for key in labels.unasked() {
        // A search, as Overscaler's: `x-metric-1` counts, too.
        let Some(field) = Some(key).filter(|key| key.contains("metric-")).and_then(|key| labels.get(key)) else {
            continue;
        };
        match field.text().filter(|metric| is_metric(metric)) {
            Some(metric) => {
                if key.starts_with("metric-") {
                    field.carried(format!("{metric} is monitored: a reading, where a rule asks for it"));
                } else {
                    let what = format!("{metric} is monitored, since the label's key holds `metric-` somewhere");
                    field.changed(what, "remove the label if it was meant for something else");
                }
                found.push(metric);
            }
            None => field.lost("is no metric of Overscaler, which ignores it, too", "correct or remove the label"),
        }
    }
    found
}

fn rules(labels: &Fields<'_>, monitored: &[String]) -> Vec<(Rule, String)> {
    let mut rules = Vec::new();
    for key in labels.unasked() {
        let Some(field) = Some(key).filter(|key| key.contains("rule-")).and_then(|key| labels.get(key)) else {
            continue;
        };
        let Some(rule) = field.text().as_deref().and_then(Rule::parse) else {
            let remedy = "write METRIC_greater_90_scale or METRIC_lower_20_reduce, with a whole number";
            field.lost("is no rule of Overscaler, which ignores it, too", remedy);
            continue;
        };
        if !monitored.contains(&rule.metric) {
            let remedy = "monitor the metric, or remove the rule";
            field.lost(format!("{} is not monitored, so Overscaler ignores the rule", shown(&rule.metric)), remedy);
            continue;
        }
        if !key.starts_with("rule-") {
            let what = "counts, since the label's key holds `rule-` somewhere";
            field.changed(what, "remove the label if it was meant for something else");
        }
        tell(&field, &rule);
        rules.push((rule, shown(key)));
    }
    rules
}

fn tell(field: &Field<'_>, rule: &Rule) {
    if rule.is_scale {
        field.carried("a rule");
    } else {
        let remedy = "--compat keeps the rule as it was: any one instance shrinks the set";
        field.changed("a rule for all instances: one idle instance among busy ones does not shrink the set", remedy);
    }
}

impl Rule {
    fn parse(text: &str) -> Option<Self> {
        let (rest, action) = text.rsplit_once('_')?;
        let (rest, limit) = rest.rsplit_once('_')?;
        let (metric, order) = rest.rsplit_once('_')?;
        let is_limit = !limit.is_empty() && limit.len() <= 15 && limit.chars().all(|c| c.is_ascii_digit());
        let is_greater = ["greater", "lower"].contains(&order).then_some(order == "greater")?;
        let is_scale = ["scale", "reduce"].contains(&action).then_some(action == "scale")?;
        let (metric, limit) = (metric.to_owned(), limit.to_owned());
        is_limit.then_some(Self { metric, is_greater, limit, is_scale })
    }

    fn as_label(&self) -> String {
        let order = if self.is_greater { "greater" } else { "lower" };
        let action = if self.is_scale { "scale" } else { "reduce" };
        format!("{}_{order}_{}_{action}", self.metric, self.limit)
    }

    /// As the label has it, but what shrinks the set must hold for all instances.
    fn safe(&self) -> String {
        if self.is_scale {
            return self.as_label();
        }
        let sign = if self.is_greater { ">=" } else { "<=" };
        format!("-1 when all({}) {sign} {}", self.metric, self.limit)
    }
}

fn put_rules(rules: &[(Rule, String)], object: &Object<'_>, choices: &Choices, scaled: &Scaled, draft: &mut Draft) {
    let mut statements = String::from("[");
    for (rule, label) in rules {
        let statement = if choices.compat { rule.as_label() } else { rule.safe() };
        let comment = toml_text::comment(label);
        statements.push_str(&format!("\n  {},  # {comment}", toml_text::text(&statement)));
        draft.reading(metrics::reading(&rule.metric, &object.namespace, scaled, choices));
    }
    statements.push_str("\n]");
    let mut policy = Policy::new("rules");
    policy.param("rules", statements);
    if choices.compat {
        policy.param_with("compat", "\"overscaler\"", "decides as Overscaler did, on missing data, too");
    }
    draft.policy(policy);
}
