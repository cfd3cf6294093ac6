//! Bindings, as they run.

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
use crate::cycle::{Binding, Selector};

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Most rows, 1 to 1000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Where the page before ended: its `next`.
    after: Option<String>,
}

/// A binding, as it runs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BindingShown {
    /// Its name.
    name: String,
    /// SHA-256 of the settings that it was made from.
    digest: String,
    /// The driver that it selects from; missing: it names targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<String>,
    /// The labels that it selects by.
    labels: std::collections::BTreeMap<String, String>,
    /// The targets that it names.
    ids: Vec<String>,
    /// Distance of its turns.
    every_ms: u64,
    /// `act`, `raise-only`, `dry-run` or `off`.
    #[schema(value_type = String)]
    mode: Value,
    /// Fewest replicas.
    replicas_min: u32,
    /// Most replicas.
    replicas_max: u32,
    /// Names of its readings.
    readings: Vec<String>,
    /// Its policies, in order.
    policies: Vec<SlotShown>,
}

/// One policy of a binding.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SlotShown {
    /// Its name in the binding.
    slot: String,
    /// The policy's name.
    name: String,
    /// Its version.
    version: String,
    /// SHA-256 of its bytes.
    digest: String,
}

/// Lists bindings, ordered by name.
#[utoipa::path(
    get, path = "/v1/bindings", tag = "bindings", params(Which),
    responses((status = 200, body = Page<BindingShown>))
)]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Ask(which): Ask<Which>,
) -> Result<Reply<Page<BindingShown>>, Problem> {
    let limit = page::limit(which.limit)?;
    let bindings = api.steering().bindings();
    let after = which.after.as_deref().unwrap_or_default();
    let mut found: Vec<_> = bindings.iter().filter(|binding| binding.name.as_str() > after).collect();
    found.retain(|binding| caller.permit(Permission::BindingRead, &binding_place(binding)).is_ok());
    found.sort_by(|a, b| a.name.cmp(&b.name));
    let rows = found.into_iter().take(limit + 1).map(|binding| BindingShown::of(binding)).collect();
    Ok(Reply::ok(Page::cut(rows, limit, |row: &BindingShown| row.name.clone())))
}

/// Shows one binding.
#[utoipa::path(
    get, path = "/v1/bindings/{name}", tag = "bindings", params(("name", description = "Its name")),
    responses((status = 200, body = BindingShown))
)]
pub(super) async fn show(
    State(api): State<Api>,
    caller: Caller,
    At(name): At<String>,
) -> Result<Reply<BindingShown>, Problem> {
    let bindings = api.steering().bindings();
    let binding = bindings.iter().find(|binding| binding.name == name).ok_or_else(|| {
        Problem::new(Code::NO_SUCH_BINDING, format!("there is no binding {name:?}"), "see GET /v1/bindings")
    })?;
    caller.permit(Permission::BindingRead, &binding_place(binding))?;
    Ok(Reply::ok(BindingShown::of(binding)))
}

/// A binding as the permission check sees it.
pub(super) fn binding_place(binding: &Binding) -> Object<'_> {
    let (driver, labels) = match &binding.select {
        Selector::Labels { driver, labels } => (Some(driver.as_str()), Some(labels)),
        Selector::Ids(ids) => {
            let first = ids.first().map(|id| id.driver());
            (first.filter(|first| ids.iter().all(|id| id.driver() == *first)), None)
        }
    };
    Object::Place(Place { bindings: vec![&binding.name], driver, labels })
}

impl BindingShown {
    fn of(binding: &Binding) -> Self {
        let (driver, labels, ids) = match &binding.select {
            Selector::Labels { driver, labels } => (Some(driver.clone()), labels.clone(), Vec::new()),
            Selector::Ids(ids) => (None, Default::default(), ids.iter().map(ToString::to_string).collect()),
        };
        let slots = binding.slots.iter().map(|slot| SlotShown {
            slot: slot.name.clone(),
            name: slot.policy.manifest().name.clone(),
            version: slot.policy.manifest().version.clone(),
            digest: slot.policy.digest().to_owned(),
        });
        Self {
            name: binding.name.clone(),
            digest: binding.digest.clone(),
            driver,
            labels,
            ids,
            every_ms: binding.every_ms,
            mode: json!(binding.settings.mode),
            replicas_min: binding.settings.replicas.min,
            replicas_max: binding.settings.replicas.max,
            readings: binding.readings.iter().map(|spec| spec.name.to_string()).collect(),
            policies: slots.collect(),
        }
    }
}
