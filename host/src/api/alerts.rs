//! Alerts that others send, and what became of them.

mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use self::webhook::AlertSent;
#[cfg(any(test, fuzzing))]
pub(crate) use self::webhook::fuzz;
use super::Api;
use super::ask::{Ask, At, Body};
use super::bindings::binding_place;
use super::guard::Caller;
use super::page::{self, Page};
use super::problem::{Code, Problem};
use super::refusal::{Refusal, Refused};
use super::reply::Reply;
use super::targets::place;
use crate::access::{Object, Permission};
use crate::alerts::{Aim, AlertState, Incoming, KeptAlert};
use crate::snapshot::TargetId;

/// Names that are told in the record of the turn that alerts begin.
const NAMES_MAX: usize = 3;

/// What became of alerts that were sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AlertsTaken {
    /// How many were taken, those that policies will not see included.
    accepted: usize,
    /// Those that were not.
    refused: Vec<Refused>,
    /// Those that were taken and that no policy will see, and why.
    skipped: Vec<Skipped>,
}

/// An alert that no policy will see.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Skipped {
    /// Which: counted from 0 in the order in which they were sent.
    index: usize,
    /// Its id.
    id: String,
    /// Why.
    why: String,
}

/// Which alerts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// For this target, `driver/name`; those for all targets of a binding that sits on it included.
    target: Option<String>,
    /// That stand so: `open`, `handled`, `skipped`, `resolved` or `expired`.
    #[param(inline)]
    state: Option<StateWord>,
    /// Most rows, 1 to 1000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Where the page before ended: its `next`.
    after: Option<String>,
}

/// How an alert stands.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum StateWord {
    /// Policies see it.
    Open,
    /// A policy has dealt with it.
    Handled,
    /// It is for nobody.
    Skipped,
    /// Its sender ended it.
    Resolved,
    /// Its time is over.
    Expired,
}

/// An alert.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AlertShown {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// `open`, `handled`, `skipped`, `resolved` or `expired`.
    state: String,
    /// Why no policy sees it, where it is skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<String>,
    /// Its labels.
    labels: BTreeMap<String, String>,
    /// What else it said when it came last, numbers as text: policies see it among the labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    particulars: BTreeMap<String, String>,
    /// What it says to people.
    annotations: BTreeMap<String, String>,
    /// The number that raised it.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    /// When it began, in milliseconds since the Unix epoch.
    since_ms: u64,
    /// When it came first, this time.
    first_ms: u64,
    /// When it came last, or was dealt with.
    last_ms: u64,
    /// How often it came, this time.
    times: u32,
    /// When its time is over.
    expires_ms: u64,
    /// Who sent it.
    by: String,
    /// Targets that it is for.
    targets: Vec<String>,
    /// Bindings for all targets of which it is.
    bindings: Vec<String>,
    /// For which targets policies dealt with it.
    handled: Vec<HandledShown>,
}

/// That a policy dealt with an alert.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HandledShown {
    /// The target.
    target: String,
    /// The binding.
    binding: String,
    /// Key of the decision, as in its record.
    record: String,
    /// When.
    at_ms: u64,
}

/// Takes in alerts: Alertmanager's webhook, or one alert as a flat object, as ElastAlert's `http_post` sends it. The same alert
/// again is no second one.
#[utoipa::path(
    post, path = "/v1/alerts", tag = "alerts", request_body = AlertSent,
    responses((status = 200, body = AlertsTaken))
)]
pub(super) async fn take(
    State(api): State<Api>,
    caller: Caller,
    Body(sent): Body<Value>,
) -> Result<Reply<AlertsTaken>, Problem> {
    let mut refused = Vec::new();
    let mut indices = Vec::new();
    let mut incoming: Vec<(Incoming, Aim)> = Vec::new();
    for (index, one) in webhook::read(sent)?.into_iter().enumerate() {
        match one.and_then(|one| aimed(&api, &caller, one)) {
            Ok(one) => {
                indices.push(index);
                incoming.push(one);
            }
            Err(refusal) => refused.push(refusal.at(index)),
        }
    }
    let sent: Vec<(String, Aim)> = incoming.iter().map(|(one, aim)| (one.name.clone(), aim.clone())).collect();
    let steering = api.steering();
    let told = steering.alerts().take(incoming, &caller.identity.who(), api.now_ms()).await?;
    let (mut accepted, mut skipped, mut begun) = (0, Vec::new(), Vec::new());
    for ((index, told), (name, aim)) in indices.into_iter().zip(told).zip(&sent) {
        match told {
            Err(refusal) => refused.push(Refusal::from(refusal).at(index)),
            Ok(taken) => {
                accepted += 1;
                begun.extend(taken.begins.then_some((name, aim, taken.id.clone())));
                skipped.extend(taken.skipped.map(|why| Skipped { index, id: taken.id, why }));
            }
        }
    }
    if !begun.is_empty() {
        let names: Vec<&str> = begun.iter().take(NAMES_MAX).map(|(name, ..)| name.as_str()).collect();
        steering.alerts_came(begun.iter().map(|(_, aim, _)| *aim), &names.join(", "));
        let ids: Vec<&String> = begun.iter().map(|(_, _, id)| id).collect();
        let change = api.change(&caller, Permission::AlertPush, "alerts".to_owned()).to(&json!({ "begun": ids }));
        api.access().note(&change).await?;
    }
    refused.sort_by_key(|one| one.index);
    Ok(Reply::ok(AlertsTaken { accepted, refused, skipped }))
}

/// Lists alerts, the newest first.
#[utoipa::path(
    get, path = "/v1/alerts", tag = "alerts", params(Which),
    responses((status = 200, body = Page<AlertShown>))
)]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Ask(which): Ask<Which>,
) -> Result<Reply<Page<AlertShown>>, Problem> {
    let limit = page::limit(which.limit)?;
    let now_ms = api.now_ms();
    let wrong = |error| Problem::new(Code::BAD_QUERY, format!("target: {error}"), "write target=driver/name");
    let target = which.target.as_deref().map(|target| target.parse::<TargetId>().map_err(wrong)).transpose()?;
    let view = target.as_ref().and_then(|target| api.steering().target(target));
    let is_for = |alert: &KeptAlert, target: &TargetId| {
        let sits =
            |name: &String| view.as_ref().is_some_and(|view| view.seats.iter().any(|seat| seat.binding == *name));
        alert.targets.contains(target) || alert.bindings.iter().any(sits)
    };
    let mut found = api.steering().alerts().all();
    found.retain(|alert| {
        which.state.is_none_or(|state| AlertState::from(state) == alert.state(now_ms))
            && target.as_ref().is_none_or(|target| is_for(alert, target))
            && may(&api, &caller, Permission::TargetRead, alert, Reach::Any).is_ok()
    });
    found.sort_by_cached_key(|alert| std::cmp::Reverse(cursor(alert)));
    let after = which.after.unwrap_or_default();
    let rest = found.into_iter().filter(|alert| after.is_empty() || cursor(alert) < after);
    let mut rows: Vec<Arc<KeptAlert>> = rest.take(limit + 1).collect();
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|last| cursor(last));
    Ok(Reply::ok(Page { items: rows.iter().map(|alert| AlertShown::of(alert, now_ms)).collect(), next }))
}

/// Forgets an alert: policies see it no more. Where it comes again, it is a new one.
#[utoipa::path(
    delete, path = "/v1/alerts/{id}", tag = "alerts", params(("id", description = "Its id")),
    responses((status = 200, body = AlertShown))
)]
pub(super) async fn remove(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Reply<AlertShown>, Problem> {
    let unknown = || Problem::new(Code::NO_SUCH_ALERT, format!("there is no alert {id:?}"), "see GET /v1/alerts");
    let alert = api.steering().alerts().get(&id).ok_or_else(unknown)?;
    may(&api, &caller, Permission::AlertPush, &alert, Reach::All)?;
    if !api.steering().alerts().remove(&id).await? {
        return Err(unknown());
    }
    let shown = AlertShown::of(&alert, api.now_ms());
    let before = json!({ "name": shown.name, "state": shown.state, "labels": shown.labels });
    let change = api.change(&caller, Permission::AlertPush, format!("alert {id}")).from(&before);
    api.access().note(&change).await?;
    Ok(Reply::ok(shown))
}

/// Whom an alert is for, as far as the caller may send alerts there.
fn aimed(api: &Api, caller: &Caller, one: AlertSent) -> Result<(Incoming, Aim), Refusal> {
    let (incoming, target) = one.incoming()?;
    let mut said = incoming.particulars.clone();
    said.extend(incoming.labels.clone());
    let mut aim = api.steering().aim(&said, target.as_deref());
    let before = aim.targets.len() + aim.bindings.len();
    let mut denied = None;
    let mut permitted = |object: Option<Object<'_>>| {
        let Some(object) = object else { return false };
        caller.permit(Permission::AlertPush, &object).map_err(|problem| denied = Some(problem)).is_ok()
    };
    aim.targets.retain(|target| permitted(api.steering().target(target).as_deref().map(place)));
    let bindings = api.steering().bindings();
    aim.bindings.retain(|name| {
        permitted(bindings.iter().find(|binding| binding.name == *name).map(|binding| binding_place(binding)))
    });
    if before == 0 {
        permitted(Some(Object::Host));
    }
    match denied {
        Some(problem) if aim.targets.is_empty() && aim.bindings.is_empty() => Err(problem.into()),
        _ => Ok((incoming, aim)),
    }
}

/// Whether some of what an alert is for counts, or all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Any,
    All,
}

/// Whether the caller may see, or end, an alert. One for nobody belongs to the host.
fn may(api: &Api, caller: &Caller, permission: Permission, alert: &KeptAlert, reach: Reach) -> Result<(), Problem> {
    let bindings = api.steering().bindings();
    let of_targets = alert.targets.iter().map(|target| match api.steering().target(target) {
        Some(view) => caller.permit(permission, &place(&view)),
        None => caller.permit(permission, &Object::Host),
    });
    let of_bindings = alert.bindings.iter().map(|name| match bindings.iter().find(|binding| binding.name == *name) {
        Some(binding) => caller.permit(permission, &binding_place(binding)),
        None => caller.permit(permission, &Object::Host),
    });
    let mut all: Vec<Result<(), Problem>> = of_targets.chain(of_bindings).collect();
    if all.is_empty() {
        all.push(caller.permit(permission, &Object::Host));
    }
    match reach {
        Reach::All => all.into_iter().collect(),
        Reach::Any if all.iter().any(Result::is_ok) => Ok(()),
        Reach::Any => all.into_iter().collect(),
    }
}

/// Orders alerts by when they came first.
fn cursor(alert: &KeptAlert) -> String {
    format!("{:020}-{}", alert.first_ms, alert.id)
}

impl From<StateWord> for AlertState {
    fn from(word: StateWord) -> Self {
        match word {
            StateWord::Open => Self::Open,
            StateWord::Handled => Self::Handled,
            StateWord::Skipped => Self::Skipped,
            StateWord::Resolved => Self::Resolved,
            StateWord::Expired => Self::Expired,
        }
    }
}

impl AlertShown {
    fn of(alert: &KeptAlert, now_ms: u64) -> Self {
        let handled = alert.handled.iter().map(|(target, handled)| HandledShown {
            target: target.to_string(),
            binding: handled.binding.clone(),
            record: handled.record.clone(),
            at_ms: handled.at_ms,
        });
        Self {
            id: alert.id.clone(),
            name: alert.name.clone(),
            state: alert.state(now_ms).word().to_owned(),
            skipped: alert.skipped.clone(),
            labels: alert.labels.clone(),
            particulars: alert.particulars.clone(),
            annotations: alert.annotations.clone(),
            value: alert.value,
            since_ms: alert.since_ms,
            first_ms: alert.first_ms,
            last_ms: alert.last_ms,
            times: alert.times,
            expires_ms: alert.expires_ms,
            by: alert.by.clone(),
            targets: alert.targets.iter().map(ToString::to_string).collect(),
            bindings: alert.bindings.clone(),
            handled: handled.collect(),
        }
    }
}
