//! The forms in which others send alerts.
//!
//! * Alertmanager's webhook, version 4 (Grafana's has the same shape): `{"alerts": [{"status", "labels", "annotations",
//!   "startsAt", "fingerprint"}, …]}`.
//! * One alert as a flat object, as ElastAlert's `http_post` sends it. What we have a word for is read as that; other texts
//!   become labels. Numbers, flags and what is nested become particulars (see [`particulars`]): policies see them as labels,
//!   but they differ from time to time, and if they told alerts apart the same alert would never be the same.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod particulars;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use self::particulars::Particulars;
use crate::alerts::{EXPIRES_MS_DEFAULT, Incoming};
use crate::api::problem::{Code, Problem};
use crate::api::refusal::Refusal;
use crate::quantity::DurationMs;

/// Most alerts of one request.
const ALERTS_MAX: usize = 1_000;
/// The label that bears an alert's name at Prometheus.
const ALERTNAME: &str = "alertname";
/// Words for an alert's name, the first that there is.
const NAMES: [&str; 3] = ["name", ALERTNAME, "rule_name"];
/// Other words that the flat form has.
const WORDS: [&str; 9] =
    ["status", "target", "severity", "labels", "annotations", "fingerprint", "startsAt", "expires", "value"];

/// One alert, or Alertmanager's webhook with many in `alerts`.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(super) struct AlertSent {
    /// Its name; also `alertname` or `rule_name`. Left out: the label `alertname`.
    #[serde(default)]
    name: Option<String>,
    /// `firing`, or `resolved` (`ok`, `normal` and `inactive` are read as that).
    #[serde(default)]
    status: Option<String>,
    /// The target that it is for, `driver/name`. Left out: the label `trimtab_target`, or what the bindings match.
    #[serde(default)]
    target: Option<String>,
    /// How bad it is; becomes a label.
    #[serde(default)]
    severity: Option<String>,
    /// Its labels.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// What it says to people.
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    /// What tells it apart from others. Left out: its name and labels.
    #[serde(default)]
    fingerprint: Option<String>,
    /// When it began, as RFC 3339 has it.
    #[serde(default, rename = "startsAt")]
    starts_at: Option<String>,
    /// How long it stands if it does not come again: `"5m"`. Left out: 10 minutes.
    #[serde(default)]
    expires: Option<String>,
    /// The number that raised it.
    #[serde(default)]
    value: Option<f64>,
    /// What else a flat object says.
    #[serde(skip)]
    particulars: BTreeMap<String, String>,
}

/// The alerts that were sent, each read by itself.
pub(super) fn read(sent: Value) -> Result<Vec<Result<AlertSent, Refusal>>, Problem> {
    let wrong = |detail: &str| {
        let remedy = "send Alertmanager's webhook, or one alert as a flat object; see /openapi.json";
        Problem::new(Code::WRONG_SHAPE, detail, remedy)
    };
    let Value::Object(mut sent) = sent else { return Err(wrong("the body is no object")) };
    match sent.remove("alerts") {
        Some(Value::Array(alerts)) if alerts.len() > ALERTS_MAX => {
            let detail = format!("{} alerts are more than {ALERTS_MAX}", alerts.len());
            Err(Problem::new(Code::REFUSED, detail, "have them sent in smaller groups: max_alerts of the webhook"))
        }
        Some(Value::Array(alerts)) => Ok(alerts.into_iter().map(of_webhook).collect()),
        Some(_) => Err(wrong("alerts is no list")),
        None => Ok(vec![of_flat(sent)]),
    }
}

/// One of a webhook. Words that we do not know say nothing.
fn of_webhook(mut alert: Value) -> Result<AlertSent, Refusal> {
    // Grafana sends a text there, of all its queries.
    if let Some(value) = alert.get_mut("value").filter(|value| !value.is_number()) {
        *value = Value::Null;
    }
    serde_json::from_value(alert).map_err(|error| Refusal::shape(&error))
}

fn of_flat(mut sent: Map<String, Value>) -> Result<AlertSent, Refusal> {
    let mut name = None;
    for word in NAMES {
        // ElastAlert may bear two of them.
        let said = sent.remove(word);
        name = name.or(said);
    }
    let others: Vec<String> = sent.keys().filter(|word| !WORDS.contains(&word.as_str())).cloned().collect();
    let (mut labels, mut particulars) = (BTreeMap::new(), Particulars::default());
    for word in others {
        match sent.remove(&word) {
            Some(Value::String(text)) if !particulars::is_of_elasticsearch(&word) => drop(labels.insert(word, text)),
            Some(said) => particulars.take(&word, &said),
            None => {}
        }
    }
    sent.extend(name.map(|name| ("name".to_owned(), name)));
    let mut alert: AlertSent = serde_json::from_value(Value::Object(sent)).map_err(|error| Refusal::shape(&error))?;
    labels.append(&mut alert.labels);
    Ok(AlertSent { labels, particulars: particulars.all(), ..alert })
}

impl AlertSent {
    /// What is kept of it, and the target that it names.
    pub(super) fn incoming(self) -> Result<(Incoming, Option<String>), Refusal> {
        let Self { name, status, target, severity, mut labels, annotations, .. } = self;
        let Self { fingerprint, starts_at, expires, value, particulars, .. } = self;
        labels.extend(severity.map(|severity| ("severity".to_owned(), severity)));
        let name = name.or_else(|| labels.get(ALERTNAME).cloned()).unwrap_or_default();
        labels.entry(ALERTNAME.to_owned()).or_insert_with(|| name.clone());
        let wrong = |what: String, remedy: &str| Err(Refusal::new("wrong-shape", what, remedy));
        let resolved = match status.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None | Some("firing" | "active" | "alerting") => false,
            Some("resolved" | "ok" | "normal" | "inactive") => true,
            Some(other) => return wrong(format!("status is {other:?}"), "say firing or resolved"),
        };
        let expires_in_ms = match expires.as_deref().map(str::parse::<DurationMs>) {
            None => EXPIRES_MS_DEFAULT,
            Some(Ok(expires)) => expires.0,
            Some(Err(error)) => return wrong(format!("expires: {error}"), "write \"5m\""),
        };
        let since_ms = match starts_at.as_deref().map(str::parse::<jiff::Timestamp>) {
            None => None,
            // Go writes the year 1 for "not said".
            Some(Ok(since)) => u64::try_from(since.as_millisecond()).ok(),
            Some(Err(_)) => return wrong("startsAt is no time".to_owned(), "write it as RFC 3339 has it"),
        };
        let incoming =
            Incoming { fingerprint, name, labels, particulars, annotations, value, since_ms, expires_in_ms, resolved };
        Ok((incoming, target))
    }
}
