//! Bindings, as they run.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::header;
use axum::response::{AppendHeaders, IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::ask::{Ask, At, Later};
use super::guard::Caller;
use super::page::{self, Page};
use super::problem::{Code, Problem};
use super::reply::Reply;
use crate::access::{Object, Permission, Place};
use crate::cycle::{Binding, Selector};
use crate::supervisor::{OwnBinding, SteerError, TableSeen};

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
    labels: BTreeMap<String, String>,
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
    /// Settings that labels of a workload may change: `min`, `max`, `mode`, `policy`, `param.NAME`.
    labels_allowed: Vec<String>,
    /// Fewest replicas that a label or a person may ask for.
    caps_min: u32,
    /// Most replicas that a label or a person may ask for. The operator's caps on a target may be lower.
    caps_max: u32,
    /// The group whose budget its raises are taken from.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    /// Names of its readings.
    readings: Vec<String>,
    /// Its policies, in order.
    policies: Vec<SlotShown>,
    /// `file`, `api` or `table`: where it is written.
    made_by: &'static str,
    /// Of one that comes from a table: the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<String>,
    /// Of one that was made by the API: counts its changes; also in `etag`.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    /// Of one that was made by the API or comes from a table: the table `[binding.NAME]`, as it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    document: Option<Value>,
}

/// A binding that was made by the API.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BindingMade {
    /// Its name.
    name: String,
    /// Counts its changes.
    version: u64,
}

/// One policy of a binding.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SlotShown {
    /// Its name in the binding; of one that stands in or watches, the name of the one that it does so for.
    slot: String,
    /// What becomes of its answers: they count (`active`), count while the active one is in quarantine (`stand-in`), or are
    /// recorded only (`shadow`).
    role: String,
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
    let (own, tables) = (api.steering().own_bindings().await?, api.steering().tables_seen());
    let rows = found.into_iter().take(limit + 1).map(|binding| BindingShown::of(binding, &own, &tables)).collect();
    Ok(Reply::ok(Page::cut(rows, limit, |row: &BindingShown| row.name.clone())))
}

/// Shows one binding; `etag` is the version of one that was made by the API.
#[utoipa::path(
    get, path = "/v1/bindings/{name}", tag = "bindings", params(("name", description = "Its name")),
    responses((status = 200, body = BindingShown, headers(("etag" = String, description = "Its version"))))
)]
pub(super) async fn show(State(api): State<Api>, caller: Caller, At(name): At<String>) -> Result<Response, Problem> {
    let bindings = api.steering().bindings();
    let binding = bindings.iter().find(|binding| binding.name == name).ok_or_else(|| {
        Problem::new(Code::NO_SUCH_BINDING, format!("there is no binding {name:?}"), "see GET /v1/bindings")
    })?;
    caller.permit(Permission::BindingRead, &binding_place(binding))?;
    let own = api.steering().own_bindings().await?;
    let shown = BindingShown::of(binding, &own, &api.steering().tables_seen());
    let etag = shown.version.map(|version| (header::ETAG, format!("\"{version}\"")));
    Ok((AppendHeaders(etag), Reply::ok(shown)).into_response())
}

/// Makes a binding, or puts another in the place of one that was made so, and puts it into force. The body is the table
/// `[binding.NAME]` of the configuration, as JSON. With `if-match`, only if it is at that version; with `if-none-match: *`,
/// only if there is none yet. A binding of the file that bears this name gives way to it.
#[utoipa::path(
    put, path = "/v1/bindings/{name}", tag = "bindings", request_body = Object,
    params(
        ("name", description = "Its name"),
        ("if-match" = Option<String>, Header, description = "The version that was seen, as in `etag`"),
        ("if-none-match" = Option<String>, Header, description = "`*`: only if there is none yet"),
    ),
    responses((status = 200, body = BindingMade, headers(("etag" = String, description = "Its version"))))
)]
pub(super) async fn put(
    State(api): State<Api>,
    caller: Caller,
    At(name): At<String>,
    later: Later,
) -> Result<Response, Problem> {
    may_write(&api, &caller, &name)?;
    let if_version = condition(&later)?;
    let document: Value = later.read(&api).await?;
    may_select(&api, &caller, &name, &document)?;
    let before = own(&api, &name).await?;
    let version = api.steering().put_binding(&name, &document, if_version).await?;
    let change = api.change(&caller, Permission::BindingWrite, format!("binding {name}")).to(&document);
    let change = before.iter().fold(change, |change, before| change.from(&before.document));
    api.access().note(&change).await?;
    Ok(([(header::ETAG, format!("\"{version}\""))], Reply::ok(BindingMade { name, version })).into_response())
}

/// Removes a binding that was made by the API; the file's of that name, if there is one, holds again. With `if-match`, only
/// if it is at that version.
#[utoipa::path(
    delete, path = "/v1/bindings/{name}", tag = "bindings",
    params(
        ("name", description = "Its name"),
        ("if-match" = Option<String>, Header, description = "The version that was seen, as in `etag`"),
    ),
    responses((status = 200, body = BindingMade, description = "It was at this version, and is no longer"))
)]
pub(super) async fn remove(
    State(api): State<Api>,
    caller: Caller,
    At(name): At<String>,
    later: Later,
) -> Result<Reply<BindingMade>, Problem> {
    may_write(&api, &caller, &name)?;
    let if_version = condition(&later)?;
    let before = own(&api, &name).await?.ok_or_else(|| {
        let tables = api.steering().tables_seen();
        if let Some(table) = tables.into_iter().find(|table| table.in_force.contains_key(&name)) {
            return SteerError::OfTable { name: name.clone(), table: table.name }.into();
        }
        let detail = format!("no binding {name:?} was made by the API");
        Problem::new(Code::NO_SUCH_BINDING, detail, "those of the file are removed there, and by POST /v1/reload")
    })?;
    api.steering().remove_binding(&name, if_version).await?;
    let change = api.change(&caller, Permission::BindingWrite, format!("binding {name}")).from(&before.document);
    api.access().note(&change).await?;
    Ok(Reply::ok(BindingMade { name, version: before.version }))
}

async fn own(api: &Api, name: &str) -> Result<Option<OwnBinding>, Problem> {
    Ok(api.steering().own_bindings().await?.into_iter().find(|own| own.name == name))
}

/// Whether the caller may write a binding of this name; where one runs, what it selects counts, too.
fn may_write(api: &Api, caller: &Caller, name: &str) -> Result<(), Problem> {
    let bindings = api.steering().bindings();
    let Some(running) = bindings.iter().find(|binding| binding.name == name) else { return Ok(()) };
    caller.permit(Permission::BindingWrite, &binding_place(running))
}

/// Whether the caller may have the binding of this name select what the document says: that counts as much as what it selects
/// now. Nobody has checked the document yet; what cannot be told is covered by no token that is not for the whole host.
fn may_select(api: &Api, caller: &Caller, name: &str, document: &Value) -> Result<(), Problem> {
    let select = document.get("select").and_then(selector);
    let (driver, labels) = select.as_ref().map(driver_and_labels).unwrap_or_default();
    let bindings = api.steering().bindings();
    let running = bindings.iter().find(|binding| binding.name == name);
    let within = running.zip(select.as_ref()).is_some_and(|(running, select)| is_within(api, select, &running.select));
    let group = running.and_then(|running| running.group.as_ref()).map(|group| group.name.as_str());
    let same_budget = document.get("group").and_then(Value::as_str) == group;
    let place = Place { bindings: vec![name], driver, labels };
    caller.permit(Permission::BindingWrite, &Object::Selection { place, within, same_budget })
}

/// `select` as a selector; the configuration's own reader complains of what is wrong with it.
fn selector(select: &Value) -> Option<Selector> {
    let ids = match (select.get("id"), select.get("ids")) {
        (None, None) => None,
        (id, ids) => Some(id.into_iter().chain(ids.and_then(Value::as_array).into_iter().flatten())),
    };
    if let Some(ids) = ids {
        return Some(Selector::Ids(ids.map(|id| id.as_str()?.parse().ok()).collect::<Option<_>>()?));
    }
    let driver = select.get("driver")?.as_str()?.to_owned();
    let read = |labels: &Value| {
        let read = |(label, value): (&String, &Value)| Some((label.clone(), value.as_str()?.to_owned()));
        labels.as_object()?.iter().map(read).collect::<Option<_>>()
    };
    let labels = select.get("labels").map_or(Some(BTreeMap::new()), read)?;
    Some(Selector::Labels { driver, labels })
}

/// Whether a selector takes in no target that another does not. Of targets that are named, what was last seen of them tells.
fn is_within(api: &Api, narrow: &Selector, wide: &Selector) -> bool {
    match (narrow, wide) {
        (Selector::Ids(few), Selector::Ids(many)) => few.is_subset(many),
        (Selector::Labels { driver, labels }, Selector::Labels { driver: of, labels: fewer }) => {
            driver == of && fewer.iter().all(|(label, value)| labels.get(label) == Some(value))
        }
        (Selector::Ids(ids), Selector::Labels { .. }) => {
            let shown = api.steering().targets();
            ids.iter().all(|id| shown.get(id).is_some_and(|view| wide.fits(&view.target)))
        }
        (Selector::Labels { .. }, Selector::Ids(_)) => false,
    }
}

/// The version that the caller has seen: `None` where it does not matter, 0 where there must be none.
fn condition(later: &Later) -> Result<Option<u64>, Problem> {
    let wrong = |what: &str| {
        Problem::new(
            Code::BAD_CONDITION,
            format!("{what} cannot be read"),
            "send the etag that was shown, in its quotes",
        )
    };
    if let Some(none) = later.header(header::IF_NONE_MATCH) {
        return if none == "*" { Ok(Some(0)) } else { Err(wrong("if-none-match")) };
    }
    let Some(tag) = later.header(header::IF_MATCH) else { return Ok(None) };
    let number = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).and_then(|tag| tag.parse::<u64>().ok());
    number.filter(|number| i64::try_from(*number).is_ok()).map(Some).ok_or_else(|| wrong("if-match"))
}

/// A binding as the permission check sees it.
pub(super) fn binding_place(binding: &Binding) -> Object<'_> {
    let (driver, labels) = driver_and_labels(&binding.select);
    Object::Place(Place { bindings: vec![&binding.name], driver, labels })
}

/// The one driver that it selects from, and the labels that it selects by.
fn driver_and_labels(select: &Selector) -> (Option<&str>, Option<&BTreeMap<String, String>>) {
    match select {
        Selector::Labels { driver, labels } => (Some(driver.as_str()), Some(labels)),
        Selector::Ids(ids) => {
            let first = ids.first().map(|id| id.driver());
            (first.filter(|first| ids.iter().all(|id| id.driver() == *first)), None)
        }
    }
}

impl BindingShown {
    fn of(binding: &Binding, own: &[OwnBinding], tables: &[TableSeen]) -> Self {
        let own = own.iter().find(|own| own.name == binding.name);
        let table = tables.iter().find_map(|table| Some((table, table.in_force.get(&binding.name)?)));
        let (driver, labels, ids) = match &binding.select {
            Selector::Labels { driver, labels } => (Some(driver.clone()), labels.clone(), Vec::new()),
            Selector::Ids(ids) => (None, Default::default(), ids.iter().map(ToString::to_string).collect()),
        };
        let slots = binding.slots.iter().map(|slot| SlotShown {
            role: slot.role.word().to_owned(),
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
            labels_allowed: binding.fitting.iter().flat_map(|fitting| &fitting.allowed).cloned().collect(),
            caps_min: binding.caps.min,
            caps_max: binding.caps.max,
            group: binding.group.as_ref().map(|group| group.name.clone()),
            readings: binding.readings.iter().map(|spec| spec.name.to_string()).collect(),
            policies: slots.collect(),
            made_by: match (own, table) {
                (Some(_), _) => "api",
                (None, Some(_)) => "table",
                (None, None) => "file",
            },
            table: table.map(|(table, _)| table.name.clone()),
            version: own.map(|own| own.version),
            document: own.map(|own| &own.document).or(table.map(|(_, document)| document)).cloned(),
        }
    }
}
