//! What is scaled.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::ask::{Ask, At};
use super::guard::Caller;
use super::page::{self, Page};
use super::problem::{Code, Problem};
use super::reply::Reply;
use crate::access::{Object, Permission, Place};
use crate::bounds::{Mode, Pause, Pin};
use crate::cycle::{Steered, TargetView};
use crate::snapshot::TargetId;

/// Which targets.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Of this driver.
    driver: Option<String>,
    /// On which this binding sits.
    binding: Option<String>,
    /// That carry this label: `app=web`. Several, all of which must fit, are separated by commas.
    label: Option<String>,
    /// Whose id holds this text, whatever its case.
    text: Option<String>,
    /// That stand so.
    #[param(inline)]
    state: Option<Standing>,
    /// Most rows, 1 to 1000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Where the page before ended: its `next`.
    after: Option<String>,
}

/// How a target stands, for a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Standing {
    /// Fewer instances serve than are wanted.
    Unready,
    /// A change is in flight.
    Changing,
    /// Somebody paused it.
    Paused,
    /// Somebody scaled it by hand.
    Pinned,
    /// Several bindings would act on it, so that it holds.
    Conflict,
    /// No binding sits on it.
    Unbound,
    /// A policy of it failed, or is in quarantine.
    Failing,
}

/// A target in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TargetRow {
    /// `driver/name`.
    id: String,
    /// Its driver.
    driver: String,
    /// Its name at the backend.
    name: String,
    /// What the backend calls such a thing.
    kind: String,
    /// Its labels.
    labels: BTreeMap<String, String>,
    /// The count last asked for.
    desired: u32,
    /// Instances that serve.
    ready: u32,
    /// Instances that exist.
    total: u32,
    /// The bindings that sit on it, the acting one first; none: it is left alone.
    bindings: Vec<String>,
    /// Names of all acting bindings where there are several: then it holds.
    conflict: Vec<String>,
    /// Policies of its bindings that failed too often and are not asked now, as `binding/slot`.
    quarantined: Vec<String>,
    /// The acting binding's mode: `act`, `raise-only`, `dry-run` or `off`; missing: no binding sits on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    mode: Option<Mode>,
    /// Whether a change is in flight.
    changing: bool,
    /// Whether somebody paused it.
    paused: bool,
    /// The count that somebody scaled it to by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pinned: Option<u32>,
    /// When it was seen so, in milliseconds since the Unix epoch.
    observed_ms: u64,
}

/// A target, whole. Its parts have the form of the snapshots that policies see.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TargetWhole {
    /// `driver/name`.
    id: String,
    /// When it was seen so, in milliseconds since the Unix epoch.
    observed_ms: u64,
    /// The workload: counts, containers, labels, abilities, the bounds in force.
    #[schema(value_type = Object)]
    target: serde_json::Value,
    /// Its instances.
    #[schema(value_type = Vec<Object>)]
    instances: Vec<serde_json::Value>,
    /// Whether that list is whole.
    #[schema(value_type = Object)]
    inventory: serde_json::Value,
    /// Fewest and most replicas that a person may hold it at; missing: nothing acts on it.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    caps: Option<serde_json::Value>,
    /// Each binding that sits on it: its mode, its last turn, what held its wishes back, how the target's labels stand with it,
    /// how its policies do.
    #[schema(value_type = Vec<Object>)]
    seats: Vec<serde_json::Value>,
    /// Names of all acting bindings where there are several: then it holds.
    conflict: Vec<String>,
    /// The change in flight.
    #[schema(value_type = Option<Object>)]
    in_flight: Option<serde_json::Value>,
    /// The last change that was begun.
    #[schema(value_type = Option<Object>)]
    last_change: Option<serde_json::Value>,
    /// The pause, with who and until when; missing: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pause: Option<serde_json::Value>,
    /// The pinned count, with who and until when; missing: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pin: Option<serde_json::Value>,
}

/// Lists targets, ordered by id.
#[utoipa::path(
    get, path = "/v1/targets", tag = "targets", params(Which),
    responses((status = 200, body = Page<TargetRow>))
)]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Ask(which): Ask<Which>,
) -> Result<Reply<Page<TargetRow>>, Problem> {
    let limit = page::limit(which.limit)?;
    let labels = labels(which.label.as_deref())?;
    let text = which.text.as_deref().map(str::to_lowercase);
    let views = api.steering().targets();
    let said = Said::now(&api);
    let fits = |view: &TargetView| {
        let target = &view.target;
        which.driver.as_deref().is_none_or(|driver| target.id.driver() == driver)
            && which.binding.as_deref().is_none_or(|name| view.seats.iter().any(|seat| seat.binding == name))
            && labels.iter().all(|(label, value)| target.labels.get(*label).is_some_and(|carried| carried == value))
            && text.as_deref().is_none_or(|text| target.id.as_str().to_lowercase().contains(text))
            && which.state.is_none_or(|state| state.is_of(view, &said))
            && caller.permit(Permission::TargetRead, &place(view)).is_ok()
    };
    let after = which.after.as_deref().unwrap_or_default();
    let views = views.values().filter(|view| view.target.id.as_str() > after && fits(view));
    let rows: Vec<TargetRow> = views.take(limit + 1).map(|view| TargetRow::of(view, &said)).collect();
    Ok(Reply::ok(Page::cut(rows, limit, |row| row.id.clone())))
}

/// Shows a target, whole, as its last turn left it.
#[utoipa::path(
    get, path = "/v1/targets/{driver}/{name}", tag = "targets",
    params(("driver", description = "Its driver"), ("name", description = "Its name; a slash in it is sent as %2F")),
    responses((status = 200, body = TargetWhole))
)]
pub(super) async fn show(
    State(api): State<Api>,
    caller: Caller,
    At((driver, name)): At<(String, String)>,
) -> Result<Reply<TargetWhole>, Problem> {
    let view = find(&api, &driver, &name)?;
    caller.permit(Permission::TargetRead, &place(&view))?;
    TargetWhole::of(&view, &Said::now(&api)).map(Reply::ok).map_err(|error| Problem::internal(&error.to_string()))
}

/// The target of this name.
pub(super) fn find(api: &Api, driver: &str, name: &str) -> Result<Arc<TargetView>, Problem> {
    let id = TargetId::new(driver, name).ok();
    let view = id.and_then(|id| api.steering().targets().get(&id).map(Arc::clone));
    view.ok_or_else(|| {
        let detail = format!("there is no target {:?}", format!("{driver}/{name}"));
        Problem::new(Code::NO_SUCH_TARGET, detail, "see GET /v1/targets")
    })
}

/// A target as the permission check sees it.
pub(super) fn place(view: &TargetView) -> Object<'_> {
    Object::Place(Place {
        bindings: view.seats.iter().map(|seat| seat.binding.as_str()).collect(),
        driver: Some(view.target.id.driver()),
        labels: Some(&view.target.labels),
    })
}

fn labels(asked: Option<&str>) -> Result<Vec<(&str, &str)>, Problem> {
    let wrong = |part: &str| {
        Problem::new(Code::BAD_QUERY, format!("label is {part:?}"), "write label=app=web, or label=app=web,team=a")
    };
    let parts = asked.into_iter().flat_map(|asked| asked.split(','));
    parts.map(|part| part.split_once('=').filter(|(label, _)| !label.is_empty()).ok_or_else(|| wrong(part))).collect()
}

/// What people said that holds now.
struct Said {
    steered: Arc<Steered>,
    now_ms: u64,
}

impl Said {
    fn now(api: &Api) -> Self {
        Self { steered: api.steering().steered(), now_ms: api.now_ms() }
    }

    fn pause(&self, id: &TargetId) -> Option<&Pause> {
        self.steered.pauses.get(id).filter(|pause| self.holds(pause.until_ms))
    }

    fn pin(&self, id: &TargetId) -> Option<&Pin> {
        self.steered.pins.get(id).filter(|pin| self.holds(pin.until_ms))
    }

    fn holds(&self, until_ms: Option<u64>) -> bool {
        until_ms.is_none_or(|until_ms| self.now_ms < until_ms)
    }
}

impl Standing {
    fn is_of(self, view: &TargetView, said: &Said) -> bool {
        let target = &view.target;
        let mut slots = view.seats.iter().flat_map(|seat| &seat.slots);
        match self {
            Self::Unready => target.ready < target.desired,
            Self::Changing => view.in_flight.is_some(),
            Self::Paused => said.pause(&target.id).is_some(),
            Self::Pinned => said.pin(&target.id).is_some(),
            Self::Conflict => !view.conflict.is_empty(),
            Self::Unbound => view.seats.is_empty(),
            Self::Failing => slots.any(|slot| slot.failed || slot.quarantined_until_ms.is_some()),
        }
    }
}

impl TargetRow {
    fn of(view: &TargetView, said: &Said) -> Self {
        let target = &view.target;
        Self {
            id: target.id.to_string(),
            driver: target.id.driver().to_owned(),
            name: target.id.name().to_owned(),
            kind: target.kind.clone(),
            labels: target.labels.clone(),
            desired: target.desired,
            ready: target.ready,
            total: target.total,
            bindings: view.seats.iter().map(|seat| seat.binding.clone()).collect(),
            conflict: view.conflict.clone(),
            quarantined: view.quarantined(said.now_ms),
            mode: view.seats.first().map(|seat| seat.mode),
            changing: view.in_flight.is_some(),
            paused: said.pause(&target.id).is_some(),
            pinned: said.pin(&target.id).map(|pin| pin.replicas),
            observed_ms: view.observed_ms,
        }
    }
}

impl TargetWhole {
    fn of(view: &TargetView, said: &Said) -> serde_json::Result<Self> {
        use serde_json::to_value;
        Ok(Self {
            id: view.target.id.to_string(),
            observed_ms: view.observed_ms,
            target: to_value(&view.target)?,
            instances: view.instances.iter().map(to_value).collect::<Result<_, _>>()?,
            inventory: to_value(&view.inventory)?,
            caps: view.caps.as_ref().map(to_value).transpose()?,
            seats: view.seats.iter().map(to_value).collect::<Result<_, _>>()?,
            conflict: view.conflict.clone(),
            in_flight: view.in_flight.as_ref().map(to_value).transpose()?,
            last_change: view.last_change.as_ref().map(to_value).transpose()?,
            pause: said.pause(&view.target.id).map(to_value).transpose()?,
            pin: said.pin(&view.target.id).map(to_value).transpose()?,
        })
    }
}
