//! What people say of a target, and of everything: pauses, pins, turns out of their pace, the freeze, the configuration anew.
//! Each is in the log of changes before it is answered.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Api;
use super::ask::{At, Body, Later};
use super::guard::Caller;
use super::problem::{Code, Problem};
use super::reply::Reply;
use super::targets::{find, place};
use crate::access::Permission;
use crate::audit::Trigger;
use crate::bounds::Freeze;
use crate::snapshot::TargetId;

/// For how long; a year at most.
const FOR_SECONDS_MAX: u32 = 31_536_000;

/// How long a pause is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PauseWanted {
    /// For how many seconds; left out: until it is resumed.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 31_536_000)]
    for_seconds: Option<u32>,
}

/// A count that is to be held.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PinWanted {
    /// So many, within the binding's range.
    replicas: u32,
    /// For how many seconds; left out: until it is let go.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 31_536_000)]
    for_seconds: Option<u32>,
}

/// A freeze of everything.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FreezeWanted {
    /// Why, for whoever wonders.
    #[schema(min_length = 1, max_length = 1000)]
    why: String,
    /// For how many seconds; left out: until it is thawed.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 31_536_000)]
    for_seconds: Option<u32>,
}

/// What people said of a target.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SaidOfTarget {
    /// The target.
    target: String,
    /// The pause, with who and until when; missing: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pause: Option<Value>,
    /// The pinned count, with who and until when; missing: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pin: Option<Value>,
}

/// Whether everything is frozen.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FreezeShown {
    /// Whether it is.
    frozen: bool,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// Until when, in milliseconds since the Unix epoch; missing: until it is thawed.
    #[serde(skip_serializing_if = "Option::is_none")]
    until_ms: Option<u64>,
}

/// What a turn came to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TurnShown {
    /// Targets looked at.
    targets: usize,
    /// Changes begun.
    begun: usize,
    /// Policies that failed.
    faults: usize,
    /// What went wrong, for a person.
    troubles: Vec<String>,
}

/// Leaves a target alone. A change under way is seen through.
#[utoipa::path(
    post, path = "/v1/targets/{driver}/{name}/pause", tag = "targets", request_body = PauseWanted,
    params(("driver", description = "Its driver"), ("name", description = "Its name; a slash in it is sent as %2F")),
    responses((status = 200, body = SaidOfTarget))
)]
pub(super) async fn pause(
    State(api): State<Api>,
    caller: Caller,
    At((driver, name)): At<(String, String)>,
    later: Later,
) -> Result<Reply<SaidOfTarget>, Problem> {
    let id = may_steer(&api, &caller, &driver, &name)?;
    let wanted: PauseWanted = later.read(&api).await?;
    let until_ms = until(&api, wanted.for_seconds)?;
    let before = said(&api, &id);
    api.steering().pause(&id, until_ms, &caller.identity.who()).await?;
    told(&api, &caller, &id, &before).await
}

/// Ends a pause; where there is none, nothing changes.
#[utoipa::path(
    post, path = "/v1/targets/{driver}/{name}/resume", tag = "targets",
    params(("driver", description = "Its driver"), ("name", description = "Its name; a slash in it is sent as %2F")),
    responses((status = 200, body = SaidOfTarget))
)]
pub(super) async fn resume(
    State(api): State<Api>,
    caller: Caller,
    At((driver, name)): At<(String, String)>,
) -> Result<Reply<SaidOfTarget>, Problem> {
    let id = may_steer(&api, &caller, &driver, &name)?;
    let before = said(&api, &id);
    api.steering().resume(&id, &caller.identity.who()).await?;
    told(&api, &caller, &id, &before).await
}

/// Scales by hand: holds a target at a count within its binding's range. Steps and cooldowns hold.
#[utoipa::path(
    post, path = "/v1/targets/{driver}/{name}/scale", tag = "targets", request_body = PinWanted,
    params(("driver", description = "Its driver"), ("name", description = "Its name; a slash in it is sent as %2F")),
    responses((status = 200, body = SaidOfTarget))
)]
pub(super) async fn scale(
    State(api): State<Api>,
    caller: Caller,
    At((driver, name)): At<(String, String)>,
    later: Later,
) -> Result<Reply<SaidOfTarget>, Problem> {
    let id = may_steer(&api, &caller, &driver, &name)?;
    let wanted: PinWanted = later.read(&api).await?;
    let until_ms = until(&api, wanted.for_seconds)?;
    let before = said(&api, &id);
    api.steering().pin(&id, wanted.replicas, until_ms, &caller.identity.who()).await?;
    told(&api, &caller, &id, &before).await
}

/// Lets go of a count that was scaled to by hand; the policies decide again.
#[utoipa::path(
    delete, path = "/v1/targets/{driver}/{name}/scale", tag = "targets",
    params(("driver", description = "Its driver"), ("name", description = "Its name; a slash in it is sent as %2F")),
    responses((status = 200, body = SaidOfTarget))
)]
pub(super) async fn unscale(
    State(api): State<Api>,
    caller: Caller,
    At((driver, name)): At<(String, String)>,
) -> Result<Reply<SaidOfTarget>, Problem> {
    let id = may_steer(&api, &caller, &driver, &name)?;
    let before = said(&api, &id);
    api.steering().unpin(&id, &caller.identity.who()).await?;
    told(&api, &caller, &id, &before).await
}

/// Takes a target through a turn now, out of its pace, and waits for what it decides.
#[utoipa::path(
    post, path = "/v1/targets/{driver}/{name}/evaluate", tag = "targets",
    params(("driver", description = "Its driver"), ("name", description = "Its name; a slash in it is sent as %2F")),
    responses((status = 200, body = TurnShown))
)]
pub(super) async fn evaluate(
    State(api): State<Api>,
    caller: Caller,
    At((driver, name)): At<(String, String)>,
) -> Result<Reply<TurnShown>, Problem> {
    let id = may_steer(&api, &caller, &driver, &name)?;
    let trigger = Trigger::Manual { who: caller.identity.who() };
    let report = api.steering().turn_now(Some([id.clone()].into()), trigger).await?;
    let came_to = json!({ "targets": report.targets, "begun": report.begun, "faults": report.faults });
    let change = api.change(&caller, Permission::TargetSteer, format!("turn of {id}")).to(&came_to);
    api.access().note(&change).await?;
    let (targets, begun, faults) = (report.targets, report.begun, report.faults);
    Ok(Reply::ok(TurnShown { targets, begun, faults, troubles: report.troubles }))
}

/// Says that all is well again with a target: its policies in quarantine are asked, and instances that were lost until now no
/// longer stop replacing and deregistering. Takes it through a turn now.
#[utoipa::path(
    post, path = "/v1/targets/{driver}/{name}/clear", tag = "targets",
    params(("driver", description = "Its driver"), ("name", description = "Its name; a slash in it is sent as %2F")),
    responses((status = 200, body = SaidOfTarget))
)]
pub(super) async fn clear(
    State(api): State<Api>,
    caller: Caller,
    At((driver, name)): At<(String, String)>,
) -> Result<Reply<SaidOfTarget>, Problem> {
    let id = may_steer(&api, &caller, &driver, &name)?;
    let before = json!({ "quarantined": quarantined(&api, &id) });
    api.steering().clear(&id, &caller.identity.who()).await?;
    let after = json!({ "quarantined": quarantined(&api, &id) });
    let object = format!("quarantines and losses of {id}");
    let change = api.change(&caller, Permission::TargetSteer, object).from(&before).to(&after);
    api.access().note(&change).await?;
    let said = said(&api, &id);
    Ok(Reply::ok(SaidOfTarget::of(&id, &said)))
}

/// Says whether everything is frozen.
#[utoipa::path(get, path = "/v1/freeze", tag = "host", responses((status = 200, body = FreezeShown)))]
pub(super) async fn frozen(State(api): State<Api>) -> Reply<FreezeShown> {
    Reply::ok(freeze_shown(&api))
}

/// Stops everything at once. Changes under way are seen through, since half a change is worse than none.
#[utoipa::path(
    post, path = "/v1/freeze", tag = "host", request_body = FreezeWanted,
    responses((status = 200, body = FreezeShown))
)]
pub(super) async fn freeze(
    State(api): State<Api>,
    caller: Caller,
    Body(wanted): Body<FreezeWanted>,
) -> Result<Reply<FreezeShown>, Problem> {
    let fits = |why: &str| !why.trim().is_empty() && why.chars().count() <= 1000;
    if !fits(&wanted.why) {
        return Err(Problem::new(Code::REFUSED, "why is empty or longer than 1000 characters", "say why, shortly"));
    }
    let until_ms = until(&api, wanted.for_seconds)?;
    let why = format!("{} (by {})", wanted.why, caller.identity.who());
    set_freeze(&api, &caller, Some(Freeze { why, until_ms })).await
}

/// Lets everything go on.
#[utoipa::path(delete, path = "/v1/freeze", tag = "host", responses((status = 200, body = FreezeShown)))]
pub(super) async fn thaw(State(api): State<Api>, caller: Caller) -> Result<Reply<FreezeShown>, Problem> {
    set_freeze(&api, &caller, None).await
}

/// Reads the configuration again and puts its bindings into force, all or nothing. What holds only after a restart is named.
#[utoipa::path(post, path = "/v1/reload", tag = "host", responses((status = 200, body = Object)))]
pub(super) async fn reload(State(api): State<Api>, caller: Caller) -> Result<Reply<Value>, Problem> {
    let report = api.steering().reload().await?;
    let report = serde_json::to_value(&report).map_err(|error| Problem::internal(&error.to_string()))?;
    let change = api.change(&caller, Permission::HostSteer, "configuration".to_owned()).to(&report);
    api.access().note(&change).await?;
    Ok(Reply::ok(report))
}

async fn set_freeze(api: &Api, caller: &Caller, freeze: Option<Freeze>) -> Result<Reply<FreezeShown>, Problem> {
    let before = json!(api.steering().steered().freeze);
    api.steering().freeze(freeze).await?;
    let after = json!(api.steering().steered().freeze);
    let change = api.change(caller, Permission::HostSteer, "freeze".to_owned()).from(&before).to(&after);
    api.access().note(&change).await?;
    Ok(Reply::ok(freeze_shown(api)))
}

fn freeze_shown(api: &Api) -> FreezeShown {
    let (steered, now_ms) = (api.steering().steered(), api.now_ms());
    let freeze = steered.freeze.as_ref().filter(|freeze| freeze.until_ms.is_none_or(|until_ms| now_ms < until_ms));
    FreezeShown {
        frozen: freeze.is_some(),
        why: freeze.map(|freeze| freeze.why.clone()),
        until_ms: freeze.and_then(|freeze| freeze.until_ms),
    }
}

/// The target, if the caller may steer it.
fn may_steer(api: &Api, caller: &Caller, driver: &str, name: &str) -> Result<TargetId, Problem> {
    let view = find(api, driver, name)?;
    caller.permit(Permission::TargetSteer, &place(&view))?;
    Ok(view.target.id.clone())
}

fn until(api: &Api, for_seconds: Option<u32>) -> Result<Option<u64>, Problem> {
    match for_seconds {
        None => Ok(None),
        Some(seconds @ 1..=FOR_SECONDS_MAX) => {
            Ok(Some(api.now_ms().saturating_add(u64::from(seconds).saturating_mul(1000))))
        }
        Some(seconds) => {
            let detail = format!("for_seconds is {seconds}, and must be within 1 to {FOR_SECONDS_MAX}");
            Err(Problem::new(Code::REFUSED, detail, "leave it out for no end"))
        }
    }
}

fn said(api: &Api, id: &TargetId) -> Value {
    let steered = api.steering().steered();
    json!({ "pause": steered.pauses.get(id), "pin": steered.pins.get(id) })
}

/// Keeps who changed it, and answers how it stands.
async fn told(api: &Api, caller: &Caller, id: &TargetId, before: &Value) -> Result<Reply<SaidOfTarget>, Problem> {
    let after = said(api, id);
    let change = api.change(caller, Permission::TargetSteer, format!("target {id}")).from(before).to(&after);
    api.access().note(&change).await?;
    Ok(Reply::ok(SaidOfTarget::of(id, &after)))
}

/// Slots of a target's policies that are in quarantine.
fn quarantined(api: &Api, id: &TargetId) -> Vec<String> {
    api.steering().targets().get(id).map(|view| view.quarantined(api.now_ms())).unwrap_or_default()
}

impl SaidOfTarget {
    fn of(id: &TargetId, said: &Value) -> Self {
        let part = |name: &str| said.get(name).filter(|part| !part.is_null()).cloned();
        Self { target: id.to_string(), pause: part("pause"), pin: part("pin") }
    }
}
