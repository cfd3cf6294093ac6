//! Readings that others send, as JSON.
//!
//! They are in no log of changes: they are facts, not orders, come by the thousand, and stand in the record of every decision
//! that was made by them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Api;
use super::ask::Body;
use super::guard::Caller;
use super::problem::{Code, Problem};
use super::refusal::{Refusal, Refused};
use super::reply::Reply;
use super::targets::place;
use crate::access::Permission;
use crate::cycle::TargetView;
use crate::snapshot::TargetId;
use crate::sources::push::PushedValue;
use crate::supervisor::{PushIndex, PushedReading};

/// Most readings of one request.
const READINGS_MAX: usize = 5_000;
/// Most different sets of labels in one request: each has all targets looked through.
const SELECTIONS_MAX: usize = 32;

/// Readings of targets.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadingsSent {
    /// At most 5,000. Each is taken or refused by itself.
    #[schema(value_type = Vec<ReadingSent>, max_items = 5000)]
    readings: Vec<Value>,
    /// Whether their targets are looked at at once; left out: as `trigger` of the source says. Such a turn never lowers.
    #[serde(default)]
    turn: Option<bool>,
}

/// One reading of one target.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadingSent {
    /// The source; left out: any that readings are sent to.
    #[serde(default)]
    source: Option<String>,
    /// The reading's name in the binding.
    #[serde(default)]
    name: Option<String>,
    /// Or the reading's `query`.
    #[serde(default)]
    query: Option<String>,
    /// The target, `driver/name`.
    #[serde(default)]
    target: Option<String>,
    /// Or labels that exactly one target carries, all of them.
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    /// The instance, where the reading belongs to instances.
    #[serde(default)]
    instance: Option<String>,
    /// Or another owner: a queue, a pool.
    #[serde(default)]
    owner: Option<String>,
    /// What was measured: a number.
    #[serde(default)]
    value: Option<f64>,
    /// Or a state: a word of at most 128 bytes.
    #[serde(default)]
    text: Option<String>,
    /// When, in milliseconds since the Unix epoch; left out: now.
    #[serde(default)]
    at_ms: Option<u64>,
    /// Its unit; refused where the binding says another.
    #[serde(default)]
    unit: Option<String>,
}

/// What became of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReadingsTaken {
    /// How many were taken.
    accepted: usize,
    /// Those that were not.
    refused: Vec<Refused>,
    /// How many targets are looked at at once because of them.
    turns: usize,
}

/// Takes in readings of targets. What is refused does not disturb the others.
#[utoipa::path(
    post, path = "/v1/readings", tag = "readings", request_body = ReadingsSent,
    responses((status = 200, body = ReadingsTaken))
)]
pub(super) async fn push(
    State(api): State<Api>,
    caller: Caller,
    Body(sent): Body<ReadingsSent>,
) -> Result<Reply<ReadingsTaken>, Problem> {
    if sent.readings.len() > READINGS_MAX {
        let detail = format!("{} readings are more than {READINGS_MAX}", sent.readings.len());
        return Err(Problem::new(Code::REFUSED, detail, "send them in several requests"));
    }
    let mut taking =
        Taking { api: &api, caller: &caller, index: api.steering().push_index(), selected: BTreeMap::new() };
    let (mut accepted, mut refused, mut targets) = (0, Vec::new(), BTreeSet::new());
    for (index, reading) in sent.readings.into_iter().enumerate() {
        match taking.take(reading) {
            Ok((target, trigger)) => {
                accepted += 1;
                targets.extend(sent.turn.unwrap_or(trigger).then_some(target));
            }
            Err(refusal) => refused.push(refusal.at(index)),
        }
    }
    let turns = targets.len();
    api.steering().readings_came(targets);
    Ok(Reply::ok(ReadingsTaken { accepted, refused, turns }))
}

/// One request's readings.
struct Taking<'a> {
    api: &'a Api,
    caller: &'a Caller,
    index: PushIndex,
    /// Targets by labels that were asked for before.
    selected: BTreeMap<BTreeMap<String, String>, Result<TargetId, Refusal>>,
}

impl Taking<'_> {
    /// Takes one in: the target, and whether it is to be looked at where the sender does not say.
    fn take(&mut self, reading: Value) -> Result<(TargetId, bool), Refusal> {
        let sent: ReadingSent = serde_json::from_value(reading).map_err(|error| Refusal::shape(&error))?;
        let view = self.target(&sent)?;
        self.caller.permit(Permission::ReadingPush, &place(&view))?;
        let both = |what: &str| Refusal::new("wrong-shape", what, "see /openapi.json for what is asked for here");
        let reading = match (&sent.name, &sent.query) {
            (Some(word), None) | (None, Some(word)) => word,
            _ => return Err(both("give either name or query")),
        };
        let value = match (sent.value, &sent.text) {
            (Some(value), None) => PushedValue::Number(value),
            (None, Some(text)) => PushedValue::Text(text),
            _ => return Err(both("give either value or text")),
        };
        let owner = match (&sent.instance, &sent.owner) {
            (Some(_), Some(_)) => return Err(both("give either instance or owner")),
            (instance, owner) => instance.as_deref().or(owner.as_deref()),
        };
        let pushed = PushedReading {
            source: sent.source.as_deref(),
            reading,
            owner,
            at_ms: sent.at_ms,
            value,
            unit: sent.unit.as_deref(),
        };
        let trigger = self.api.steering().push_reading(&mut self.index, &view, &pushed)?;
        Ok((view.target.id.clone(), trigger))
    }

    fn target(&mut self, sent: &ReadingSent) -> Result<Arc<TargetView>, Refusal> {
        let id = match (&sent.target, &sent.labels) {
            (Some(name), None) => name
                .parse()
                .map_err(|error| Refusal::new("no-such-target", format!("{error}"), "see GET /v1/targets"))?,
            (None, Some(labels)) => self.select(labels)?,
            _ => {
                let remedy = "see /openapi.json for what is asked for here";
                return Err(Refusal::new("wrong-shape", "give either target or labels", remedy));
            }
        };
        let unknown = || Refusal::new("no-such-target", format!("there is no target {id}"), "see GET /v1/targets");
        self.api.steering().target(&id).ok_or_else(unknown)
    }

    /// The one target that carries these labels, of those that the caller may send readings of.
    fn select(&mut self, labels: &BTreeMap<String, String>) -> Result<TargetId, Refusal> {
        if let Some(selected) = self.selected.get(labels) {
            return selected.clone();
        }
        if self.selected.len() >= SELECTIONS_MAX {
            let detail = format!("the request has more than {SELECTIONS_MAX} different sets of labels");
            return Err(Refusal::new("too-many-selections", detail, "name targets by their ids"));
        }
        let targets = self.api.steering().targets();
        let fits = |view: &&Arc<TargetView>| {
            !labels.is_empty()
                && labels.iter().all(|(label, value)| view.target.labels.get(label) == Some(value))
                && self.caller.permit(Permission::ReadingPush, &place(view)).is_ok()
        };
        let mut fitting = targets.values().filter(fits).map(|view| view.target.id.clone());
        let selected = match (fitting.next(), fitting.next()) {
            (Some(id), None) => Ok(id),
            (None, _) => Err(Refusal::new("no-such-target", "no target carries these labels", "see GET /v1/targets")),
            (Some(one), Some(other)) => {
                let detail = format!("{one} and {other} carry these labels");
                Err(Refusal::new("ambiguous-target", detail, "name one target, by its id or by more labels"))
            }
        };
        self.selected.insert(labels.clone(), selected.clone());
        selected
    }
}
