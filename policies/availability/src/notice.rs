//! Alerts that say that an instance does not serve: it is started or restarted, without waiting.
//!
//! The labels are those of aviratna/autoscaling (`service_availability`: Docker's events as Metricbeat writes them), and the
//! usual ones of Prometheus.

use trimtab_sdk::snapshot::Alert;
use trimtab_sdk::{Kind, Snapshot};

use crate::crew::{Crew, Member, State, millis};
use crate::{Parameters, Plan};

/// Docker shows ids cut to so many characters.
const SHORT_ID: usize = 12;
/// Most characters of a name that is told.
const SHORT_CHARS: usize = 64;

pub(crate) fn instance_labels() -> Vec<String> {
    ["instance", "container_id", "docker.event.actor.id", "docker.event.actor.attributes.name", "docker.container.id"]
        .map(str::to_owned)
        .into()
}

pub(crate) fn service_labels() -> Vec<String> {
    ["service", "alert_service_name", "autoscale_service_name", "docker.event.actor.attributes.service_availability"]
        .map(str::to_owned)
        .into()
}

/// Acts on the alerts that are meant, the oldest first.
pub(crate) fn answer(crew: &Crew<'_>, snapshot: &Snapshot<'_>, parameters: &Parameters, plan: &mut Plan) {
    for alert in snapshot.alerts().iter().filter(|alert| is_meant(alert, parameters)) {
        let age_ms = snapshot.now_ms().saturating_sub(alert.since_ms);
        let name = short(&alert.name);
        if age_ms > millis(parameters.alert_max_age) {
            plan.notes.push(format!("alert {name} is {} s old: left alone", age_ms / 1000));
            continue;
        }
        if let Some(other) = label_of(alert, &parameters.service_labels).filter(|one| !is_target(one, snapshot)) {
            plan.notes.push(format!("alert {name} is about `{}`: left alone", short(other)));
            continue;
        }
        let named = label_of(alert, &parameters.instance_labels);
        let concerned: Vec<&Member<'_>> = match named {
            Some(named) => crew.members.iter().filter(|one| is_named(one, named)).collect(),
            None => crew.members.iter().filter(|one| one.state.is_trouble()).collect(),
        };
        if concerned.is_empty() {
            let whom = named.map_or_else(
                || "no instance, and none is in trouble".to_owned(),
                |id| format!("`{}`, which is not there", short(id)),
            );
            plan.notes.push(format!("alert {name} names {whom}"));
        }
        let mut open = concerned.is_empty();
        for member in concerned {
            open |= !act(member, alert, age_ms, snapshot, plan);
        }
        if !open {
            plan.dealt.push(alert.id.clone());
        }
    }
}

impl State {
    fn is_trouble(self) -> bool {
        self.is_gone() || matches!(self, Self::Unready | Self::Late)
    }
}

/// Does what the alert asks for one instance; whether there is nothing left to do.
fn act(member: &Member<'_>, alert: &Alert, age_ms: u64, snapshot: &Snapshot<'_>, plan: &mut Plan) -> bool {
    let (id, word) = (&member.instance.id, member.state.word());
    // Made or started since: the alert is about what was before.
    let anew = member.instance.started_ms.is_some_and(|started_ms| started_ms >= alert.since_ms);
    let kinds: &[Kind] = match member.state {
        State::Well | State::Unready | State::Unknown if !anew => &[Kind::Restart, Kind::Replace],
        State::Stopped => &[Kind::Start, Kind::Replace],
        State::Failed => &[Kind::Replace, Kind::Restart],
        State::Lost => &[Kind::Replace],
        State::Well => return true,
        _ => {
            plan.notes.push(format!("alert {}: `{id}` is {word}", short(&alert.name)));
            return false;
        }
    };
    if plan.has_acted_on(member) {
        return true;
    }
    plan.act(
        kinds,
        member,
        snapshot,
        format!("alert {} of {} s ago: `{id}` is {word}", short(&alert.name), age_ms / 1000),
    )
}

/// What others wrote, cut to what people read: the host takes no sentence of any length.
fn short(text: &str) -> &str {
    let end = text.char_indices().nth(SHORT_CHARS).map_or(text.len(), |(end, _)| end);
    text.get(..end).unwrap_or(text)
}

fn is_meant(alert: &Alert, parameters: &Parameters) -> bool {
    parameters.alerts.iter().any(|meant| match meant.split_once('=') {
        Some((label, value)) => alert.labels.iter().any(|(name, is)| name == label && is == value),
        None => match meant.strip_suffix('*') {
            Some(beginning) => alert.name.starts_with(beginning),
            None => alert.name == *meant,
        },
    })
}

/// The value of the first of these labels that the alert has.
fn label_of<'a>(alert: &'a Alert, labels: &[String]) -> Option<&'a str> {
    let find = |label: &String| alert.labels.iter().find(|(name, _)| name == label);
    labels.iter().find_map(find).map(|(_, value)| value.as_str())
}

/// Whether a service's name is that of this target: its id, or the id without the driver.
fn is_target(service: &str, snapshot: &Snapshot<'_>) -> bool {
    let id = &snapshot.target().id;
    service == id || id.split_once('/').is_some_and(|(_, name)| service == name)
}

fn is_named(member: &Member<'_>, named: &str) -> bool {
    let instance = member.instance;
    let short = named.len() >= SHORT_ID && (instance.id.starts_with(named) || named.starts_with(instance.id.as_str()));
    instance.id == named || instance.name == named || (short && instance.id.len() >= SHORT_ID)
}
