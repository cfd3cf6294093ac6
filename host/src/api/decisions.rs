//! What was decided, and why: turns, as they were recorded.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::ask::{Ask, At};
use super::guard::Caller;
use super::page::{self, Page};
use super::problem::{Code, Problem};
use super::reply::Reply;
use crate::access::{Object, Permission, Place};
use crate::audit::{self, Record, Turn};
use crate::snapshot::TargetId;

/// Entries that are read at once, and most that one request looks at: a page may be short, or empty, and still have a next.
const CHUNK: usize = 250;
const LOOKED_AT_MAX: usize = 2_000;

/// Which turns.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Of this target: `driver/name`.
    target: Option<String>,
    /// Of this binding.
    binding: Option<String>,
    /// From this time on, in milliseconds since the Unix epoch.
    from_ms: Option<u64>,
    /// Before this time.
    to_ms: Option<u64>,
    /// Of this kind; left out: `acted` and `held`, or any where `restraint` is given.
    #[param(inline)]
    kind: Option<Kind>,
    /// That this restraint held back: `cooling-down`, `in-flight` …
    restraint: Option<String>,
    /// Most rows, 1 to 1000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Where the page before ended: its `next`.
    after: Option<String>,
}

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// Something was done.
    Acted,
    /// Nothing was done, and a policy refused, failed or is in quarantine.
    Held,
    /// Nothing was done, and nobody minded.
    Quiet,
}

/// A turn in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DecisionRow {
    /// Its number; grows.
    id: String,
    /// The target.
    target: String,
    /// When, in milliseconds since the Unix epoch.
    at_ms: u64,
    /// The binding.
    binding: String,
    /// What it came to.
    kind: Kind,
    /// The key of the change, where something was done: also on whatever it created.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// The count before, where it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<u32>,
    /// The count after.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<u32>,
    /// Why, where something was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What held wishes back.
    restraints: Vec<String>,
    /// What came of it; missing: nothing was done, or it is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    outcome: Option<Value>,
}

/// A turn, whole: the facts, what each policy answered, how each number travelled, every restraint, each step, what came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DecisionWhole {
    /// Its number.
    id: String,
    /// What it came to.
    kind: Kind,
    /// The record, with the snapshot that policies saw.
    #[schema(value_type = Object)]
    record: Value,
    /// The steps of what was decided, as they were taken.
    #[schema(value_type = Vec<Object>)]
    steps: Value,
    /// What came of it; missing: nothing was done, or it is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    closing: Option<Value>,
}

/// Lists turns, newest first. One request looks at 2,000 entries at most: a page may be short and still have a `next`.
#[utoipa::path(
    get, path = "/v1/decisions", tag = "decisions", params(Which),
    responses((status = 200, body = Page<DecisionRow>))
)]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Ask(which): Ask<Which>,
) -> Result<Reply<Page<DecisionRow>>, Problem> {
    let limit = page::limit(which.limit)?;
    let mut before = page::number(which.after.as_deref())?;
    let wrong = |error| Problem::new(Code::BAD_QUERY, format!("target: {error}"), "write target=driver/name");
    let target: Option<TargetId> = which.target.as_deref().map(str::parse).transpose().map_err(wrong)?;
    let store = api.steering().store().as_ref();
    let mut items: Vec<DecisionRow> = Vec::new();
    for _ in 0..LOOKED_AT_MAX / CHUNK {
        let found = audit::recently(store, target.as_ref(), before, CHUNK).await?;
        for (number, turn) in &found.turns {
            if which.fits(turn) && caller.permit(Permission::DecisionRead, &place(&turn.record)).is_ok() {
                items.push(DecisionRow::of(*number, turn));
            }
            if items.len() == limit {
                return Ok(Reply::ok(Page { items, next: Some(number.to_string()) }));
            }
        }
        // The host's time never runs backwards: what was written before is older.
        let old = found.turns.last().is_some_and(|(_, turn)| turn.record.at_ms < which.from_ms.unwrap_or(0));
        before = found.reached.filter(|_| !old);
        if before.is_none() {
            break;
        }
    }
    Ok(Reply::ok(Page { items, next: before.map(|number| number.to_string()) }))
}

/// Shows a turn, whole.
#[utoipa::path(
    get, path = "/v1/decisions/{id}", tag = "decisions",
    params(("id" = String, Path, description = "Its number, as in the list")),
    responses((status = 200, body = DecisionWhole))
)]
pub(super) async fn show(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Reply<DecisionWhole>, Problem> {
    let turn = find(&api, &id).await?;
    caller.permit(Permission::DecisionRead, &place(&turn.record))?;
    let kind = kind(&turn.record);
    let closing = turn.closing.as_ref().map(|closing| json!(closing));
    Ok(Reply::ok(DecisionWhole { id, kind, record: json!(turn.record), steps: json!(turn.steps), closing }))
}

/// The turn of this number.
pub(super) async fn find(api: &Api, id: &str) -> Result<Turn, Problem> {
    let missing = || {
        let remedy = "see GET /v1/decisions; old records are dropped by age and size";
        Problem::new(Code::NO_SUCH_DECISION, format!("there is no decision {id:?}"), remedy)
    };
    let number: u64 = id.parse().ok().filter(|number| i64::try_from(*number).is_ok()).ok_or_else(missing)?;
    audit::turn(api.steering().store().as_ref(), number).await?.ok_or_else(missing)
}

/// A turn as the permission check sees it: as its target was then.
pub(super) fn place(record: &Record) -> Object<'_> {
    Object::Place(Place {
        bindings: vec![&record.binding],
        driver: Some(record.target.driver()),
        labels: Some(&record.snapshot.target.labels),
    })
}

fn kind(record: &Record) -> Kind {
    if record.acts() {
        Kind::Acted
    } else if record.is_quiet() {
        Kind::Quiet
    } else {
        Kind::Held
    }
}

/// The words of what held wishes back.
fn restraints(record: &Record) -> impl Iterator<Item = String> {
    let words = record.ruling.restraints.iter().map(|restraint| json!(restraint));
    words.filter_map(|restraint| Some(restraint.get("restraint")?.as_str()?.to_owned()))
}

impl Which {
    fn fits(&self, turn: &Turn) -> bool {
        let record = &turn.record;
        let kind = kind(record);
        let of_kind = match (self.kind, &self.restraint) {
            (Some(wanted), _) => kind == wanted,
            (None, Some(_)) => true,
            (None, None) => kind != Kind::Quiet,
        };
        of_kind
            && (self.from_ms.unwrap_or(0)..self.to_ms.unwrap_or(u64::MAX)).contains(&record.at_ms)
            && self.binding.as_deref().is_none_or(|binding| record.binding == binding)
            && self.restraint.as_deref().is_none_or(|wanted| restraints(record).any(|restraint| restraint == wanted))
    }
}

impl DecisionRow {
    fn of(number: u64, turn: &Turn) -> Self {
        let record = &turn.record;
        let decided = record.ruling.decision.as_ref();
        let count = decided.and_then(|decided| decided.replicas);
        Self {
            id: number.to_string(),
            target: record.target.to_string(),
            at_ms: record.at_ms,
            binding: record.binding.clone(),
            kind: kind(record),
            key: decided.map(|_| record.id.to_string()),
            from: count.map(|(from, _)| from),
            to: count.map(|(_, to)| to),
            reason: decided.map(|decided| decided.reason.clone()),
            restraints: restraints(record).collect(),
            outcome: turn.closing.as_ref().map(|closing| json!(closing.outcome)),
        }
    }
}
