//! Recorded turns, played again: the same code must come to the same answer; another policy is put in its place; two are
//! compared. Changes nothing. One at a time in a host, last in the queue for the sandbox, with an end to its time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::Api;
use super::ask::{At, Later};
use super::decisions;
use super::guard::Caller;
use super::problem::{Code, Problem};
use super::reply::Reply;
use super::targets;
use crate::access::Permission;
use crate::audit;
use crate::causes::with_causes;
use crate::policy::Policy;
use crate::replay::{self, Compared, Desk, Instead, Leash, ReplayError, Replayed, Stretch, TURNS_MAX, find, when};
use crate::snapshot::TargetId;

/// From when on, where nobody says.
const SINCE: &str = "1h";
/// What says "whichever was active".
const ACTIVE: &str = "active";
/// Entries that are looked through for a turn of a target that is gone.
const LOOK_BACK_ENTRIES: usize = 32;

/// What is to be played again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayWanted {
    /// From when on: `1h` for an hour ago, or `2026-01-01T12:00:00Z`; left out: an hour ago.
    #[serde(default)]
    since: Option<String>,
    /// Before when; left out: until now.
    #[serde(default)]
    until: Option<String>,
    /// A policy to be put in the place of the recorded one: a digest (or its first 8 digits at least), `name@version`, or a
    /// name. Left out: each turn is played with the code that it ran with.
    #[serde(default)]
    policy: Option<String>,
    /// Its parameters, in place of those recorded.
    #[serde(default)]
    #[schema(value_type = Object)]
    params: Map<String, Value>,
    /// The slot that it is put into; left out: those whose policy has its name, and where there are none, the first.
    #[serde(default)]
    slot: Option<String>,
    /// Most turns, the oldest first, 1 to 10,000.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 10_000)]
    limit: Option<u32>,
    /// Where the replay before ended: its `reach.cut.next`.
    #[serde(default)]
    after: Option<u64>,
}

/// What is to be compared.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CompareWanted {
    /// The one: a digest (or its first 8 digits at least), `name@version`, a name, or `active` for whichever was.
    a: String,
    /// The other.
    b: String,
    /// From when on: `1h` for an hour ago, or `2026-01-01T12:00:00Z`; left out: an hour ago.
    #[serde(default)]
    since: Option<String>,
    /// Before when; left out: until now.
    #[serde(default)]
    until: Option<String>,
    /// Most turns, the oldest first, 1 to 10,000.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 10_000)]
    limit: Option<u32>,
}

/// What came of a replay.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReplayShown {
    /// Whose turns.
    target: String,
    /// The policy that was put in the recorded ones' place: its name, version and digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    instead: Option<Value>,
    /// How far it came: turns played, turns of which only the number was kept, entries that cannot be read, and `cut` where
    /// it ended before its end.
    #[schema(value_type = Object)]
    reach: Value,
    /// How many evaluations came to what. `defects` must be 0.
    #[schema(value_type = Object)]
    tally: Value,
    /// Those that did not come to the same, oldest first, with what they came to.
    #[schema(value_type = Vec<Object>)]
    rows: Value,
    /// How many are not among them.
    rows_left_out: u64,
}

/// What came of a comparison.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CompareShown {
    /// Whose turns.
    target: String,
    /// The one: its policy, and how often it answered, refused, failed, or said nothing.
    #[schema(value_type = Object)]
    a: Value,
    /// The other.
    #[schema(value_type = Object)]
    b: Value,
    /// How far it came, as of a replay.
    #[schema(value_type = Object)]
    reach: Value,
    /// Places in turns where both came to something.
    compared: u64,
    /// Those of them in which both ask for the same.
    agreed: u64,
    /// The part of them, in percent; missing: there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    agreement_percent: Option<f64>,
    /// By figure: in how many turns they differ, and by how much, b less a.
    #[schema(value_type = Object)]
    spreads: Value,
    /// Where they differ, or one said nothing, oldest first.
    #[schema(value_type = Vec<Object>)]
    rows: Value,
    /// How many are not among them.
    rows_left_out: u64,
}

/// Plays recorded turns of a target again: with the code that they ran with, which must come to the same bytes, or with another
/// policy, which comes to a table of differences. Where it ends before its end, `reach.cut` says where to go on.
#[utoipa::path(
    post, path = "/v1/targets/{driver}/{name}/replay", tag = "decisions", request_body = ReplayWanted,
    params(("driver", description = "Its driver"), ("name", description = "Its name; a slash in it is sent as %2F")),
    responses((status = 200, body = ReplayShown))
)]
pub(super) async fn replay(
    State(api): State<Api>,
    caller: Caller,
    At((driver, name)): At<(String, String)>,
    later: Later,
) -> Result<Reply<ReplayShown>, Problem> {
    let target = may_see(&api, &caller, &driver, &name).await?;
    let wanted: ReplayWanted = later.read(&api).await?;
    let (since, until) = (wanted.since.as_deref(), wanted.until.as_deref());
    let stretch = Stretch { after: wanted.after, ..stretch(&api, &caller, target, since, until, wanted.limit)? };
    let ReplayWanted { policy, params, slot, .. } = wanted;
    if policy.is_none() && (slot.is_some() || !params.is_empty()) {
        return Err(Problem::new(Code::REFUSED, "params and slot are those of a policy", "name it in policy"));
    }
    let replayed = at_work(&api, async move |desk, leash| {
        let instead = match policy {
            Some(word) => Some(Instead { policy: policy_of(&desk, &word).await?, params, slot }),
            None => None,
        };
        replay::replay(&desk, &stretch, &leash, instead).await
    })
    .await?;
    Ok(Reply::ok(ReplayShown::of(replayed)))
}

/// Holds two policies against each other on the recorded turns of a target. What the records hold of either is used, shadows
/// among them; all else is evaluated now.
#[utoipa::path(
    post, path = "/v1/targets/{driver}/{name}/compare", tag = "decisions", request_body = CompareWanted,
    params(("driver", description = "Its driver"), ("name", description = "Its name; a slash in it is sent as %2F")),
    responses((status = 200, body = CompareShown))
)]
pub(super) async fn compare(
    State(api): State<Api>,
    caller: Caller,
    At((driver, name)): At<(String, String)>,
    later: Later,
) -> Result<Reply<CompareShown>, Problem> {
    let target = may_see(&api, &caller, &driver, &name).await?;
    let CompareWanted { a, b, since, until, limit } = later.read(&api).await?;
    let stretch = stretch(&api, &caller, target, since.as_deref(), until.as_deref(), limit)?;
    if a == b {
        return Err(Problem::new(Code::REFUSED, format!("a and b are both {a:?}"), "name two policies"));
    }
    let compared = at_work(&api, async move |desk, leash| {
        let (a, b) = (contestant(&desk, &a).await?, contestant(&desk, &b).await?);
        replay::compare(&desk, &stretch, &leash, a, b).await
    })
    .await?;
    Ok(Reply::ok(CompareShown::of(compared)))
}

/// Plays one turn again, with the code that it ran with. Every evaluation of it is told.
#[utoipa::path(
    get, path = "/v1/decisions/{id}/replay", tag = "decisions",
    params(("id" = String, Path, description = "Its number, as in the list")),
    responses((status = 200, body = ReplayShown))
)]
pub(super) async fn replay_one(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Reply<ReplayShown>, Problem> {
    let turn = decisions::find(&api, &id).await?;
    caller.permit(Permission::DecisionRead, &decisions::place(&turn.record))?;
    let replayed = at_work(&api, async move |desk, leash| replay::replay_record(&desk, turn.record, &leash).await);
    Ok(Reply::ok(ReplayShown::of(replayed.await?)))
}

/// The target, if the caller may see what was decided of it. It may be gone: its records are there.
async fn may_see(api: &Api, caller: &Caller, driver: &str, name: &str) -> Result<TargetId, Problem> {
    let missing = match targets::find(api, driver, name) {
        Ok(view) => {
            caller.permit(Permission::DecisionRead, &targets::place(&view))?;
            return Ok(view.target.id.clone());
        }
        Err(missing) => missing,
    };
    let Ok(id) = TargetId::new(driver, name) else { return Err(missing) };
    let found = audit::recently(api.steering().store().as_ref(), Some(&id), None, LOOK_BACK_ENTRIES).await?;
    let Some((_, last)) = found.turns.first() else { return Err(missing) };
    caller.permit(Permission::DecisionRead, &decisions::place(&last.record))?;
    Ok(id)
}

/// The turns that are asked for; of those of bindings that the caller may not see, none.
fn stretch(
    api: &Api,
    caller: &Caller,
    target: TargetId,
    since: Option<&str>,
    until: Option<&str>,
    limit: Option<u32>,
) -> Result<Stretch, Problem> {
    let now_ms = api.now_ms();
    let time = |what: &str, text: &str| {
        let remedy = "write \"1h\" for an hour ago, or \"2026-01-01T12:00:00Z\"";
        when(text, now_ms).ok_or_else(|| Problem::new(Code::REFUSED, format!("{what} is {text:?}"), remedy))
    };
    let from_ms = time("since", since.unwrap_or(SINCE))?;
    let to_ms = until.map_or(Ok(u64::MAX), |until| time("until", until))?;
    let turns_max = limit.map_or(TURNS_MAX, u64::from);
    if !(1..=TURNS_MAX).contains(&turns_max) {
        let detail = format!("limit is {turns_max}, and must be within 1 to {TURNS_MAX}");
        return Err(Problem::new(Code::REFUSED, detail, "go on with after, where it is cut short"));
    }
    let caller = caller.clone();
    let may_see = Arc::new(move |record: &audit::Record| {
        caller.permit(Permission::DecisionRead, &decisions::place(record)).is_ok()
    });
    Ok(Stretch { turns_max, may_see, ..Stretch::of(target, from_ms, to_ms) })
}

/// Does it, if nobody else is at it. Who goes away ends it.
async fn at_work<T, F>(api: &Api, work: impl FnOnce(Desk, Leash) -> F) -> Result<T, Problem>
where
    T: Send + 'static,
    F: Future<Output = Result<T, ReplayError>> + Send + 'static,
{
    let place = Arc::clone(api.replays()).try_acquire_owned();
    let place = place.map_err(|_taken| Problem::busy("this host plays other turns again, one request at a time"))?;
    let stop = CancellationToken::new();
    let _ends_with_us = stop.clone().drop_guard();
    // The other half is for the last evaluation, and for putting it all into JSON.
    let length = Duration::from_millis(api.settings().request_timeout_ms / 2);
    let desk = Desk { store: Arc::clone(api.steering().store()), registry: Arc::clone(api.steering().registry()) };
    let work = work(desk, Leash::of(length, stop));
    let done = tokio::spawn(async move {
        let done = work.await;
        drop(place);
        done
    });
    match done.await {
        Ok(done) => Ok(done?),
        Err(lost) => Err(Problem::internal(&lost.to_string())),
    }
}

async fn policy_of(desk: &Desk, word: &str) -> Result<Arc<Policy>, ReplayError> {
    find(&desk.registry, desk.store.as_ref(), word).await
}

async fn contestant(desk: &Desk, word: &str) -> Result<Option<Arc<Policy>>, ReplayError> {
    if word == ACTIVE { Ok(None) } else { policy_of(desk, word).await.map(Some) }
}

impl From<ReplayError> for Problem {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Registry(error) => error.into(),
            ReplayError::Audit(error) => error.into(),
            ReplayError::Store(error) => error.into(),
            ReplayError::NoSuchPolicy { .. } => {
                Self::new(Code::NO_SUCH_VERSION, error.to_string(), "see GET /v1/policies")
            }
            ReplayError::Ambiguous { .. } => Self::new(Code::REFUSED, error.to_string(), "give more digits"),
            ReplayError::Lost => Self::internal(&with_causes(&error)),
        }
    }
}

impl ReplayShown {
    fn of(replayed: Replayed) -> Self {
        let Replayed { target, instead, reach, tally, rows, rows_left_out } = replayed;
        Self {
            target: target.to_string(),
            instead: instead.map(|policy| json!(policy)),
            reach: json!(reach),
            tally: json!(tally),
            rows: json!(rows),
            rows_left_out,
        }
    }
}

impl CompareShown {
    fn of(compared: Compared) -> Self {
        let Compared { target, a, b, reach, compared, agreed, agreement_percent, spreads, rows, rows_left_out } =
            compared;
        Self {
            target: target.to_string(),
            a: json!(a),
            b: json!(b),
            reach: json!(reach),
            compared,
            agreed,
            agreement_percent,
            spreads: json!(spreads),
            rows: json!(rows),
            rows_left_out,
        }
    }
}
