//! Uploaded policies: their versions, which of them runs, and back.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::ask::{Ask, At, Body};
use super::bindings::binding_place;
use super::guard::Caller;
use super::page::{self, Page};
use super::problem::{Code, Problem};
use super::reply::Reply;
use super::shadows::ShadowShown;
use crate::access::{Object, Permission};
use crate::registry::{Active, Version};
use crate::supervisor::Activation;

/// Which versions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Of this name.
    name: Option<String>,
    /// In this state: `received`, `validated`, `compiled`, `tried`, `shadow`, `active`, `draining`, `retired` or `rejected`.
    state: Option<String>,
    /// Most rows, 1 to 1000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Where the page before ended: its `next`.
    after: Option<String>,
}

/// One version of a policy.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct VersionShown {
    /// The manifest's name; empty until it is known.
    pub(super) name: String,
    /// The manifest's version; empty until it is known.
    pub(super) version: String,
    /// SHA-256 of its bytes, lower-case hex.
    pub(super) digest: String,
    /// `received`, `validated`, `compiled`, `tried`, `shadow`, `active`, `draining`, `retired` or `rejected`.
    pub(super) state: String,
    /// Since when, in milliseconds since the Unix epoch.
    state_since_ms: u64,
    /// Length of its bytes.
    bytes: u64,
    /// Who uploaded it.
    uploaded_by: String,
    /// When.
    uploaded_ms: u64,
    /// The trusted key that signed it; missing: it need not be signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_by: Option<String>,
    /// Why it was refused: a code, a sentence, the remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected: Option<RejectedShown>,
    /// What it came to when it was tried, on each of some targets or on a sample.
    #[schema(value_type = Vec<Object>)]
    trials: Vec<Value>,
}

/// Why an upload was refused.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct RejectedShown {
    /// For programs.
    code: String,
    /// What is wrong.
    text: String,
    /// What to do.
    remedy: String,
}

/// Which version of a policy runs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ActiveShown {
    /// The policy's name.
    name: String,
    /// Digest for bindings that have none of their own; missing: the policy of that name in the host's binary.
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<String>,
    /// Digests of bindings that have one of their own.
    bindings: BTreeMap<String, String>,
    /// How many assignments can be gone back to.
    previous: usize,
    /// Versions that watch, and how they do.
    shadows: Vec<ShadowShown>,
    /// Versions that are gone back from by themselves if they fail soon: each with its binding (missing: all) and end.
    #[schema(value_type = Vec<Object>)]
    probations: Vec<Value>,
}

/// A version that is to run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ActivateWanted {
    /// SHA-256 of the version's bytes.
    #[schema(pattern = "^(sha256:)?[0-9a-f]{64}$")]
    digest: String,
    /// For this binding; left out: for all that use the name.
    #[serde(default)]
    binding: Option<String>,
    /// Whether it is gone back from by itself if it fails within `[policies] probation`; left out: as `rollback_on_faults`
    /// there says.
    #[serde(default)]
    rollback_on_fault: Option<bool>,
}

/// A step back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RollbackWanted {
    /// For this binding; left out: for all that use the name.
    #[serde(default)]
    binding: Option<String>,
}

/// Lists versions of uploaded policies: by name, then the newest first.
#[utoipa::path(
    get, path = "/v1/policies", tag = "policies", params(Which),
    responses((status = 200, body = Page<VersionShown>))
)]
pub(super) async fn list(State(api): State<Api>, Ask(which): Ask<Which>) -> Result<Reply<Page<VersionShown>>, Problem> {
    let limit = page::limit(which.limit)?;
    let versions = api.steering().registry().versions(which.name.as_deref()).await?;
    let fits = |version: &&Version| which.state.as_deref().is_none_or(|state| version.state.as_str() == state);
    let rows: Vec<VersionShown> = versions.iter().filter(fits).map(VersionShown::of).collect();
    let from = match &which.after {
        None => 0,
        Some(after) => match rows.iter().position(|row| row.digest == *after) {
            Some(at) => at + 1,
            None => return Err(Problem::new(Code::BAD_QUERY, format!("after is {after:?}"), "begin anew")),
        },
    };
    let rows = rows.into_iter().skip(from).take(limit + 1).collect();
    Ok(Reply::ok(Page::cut(rows, limit, |row: &VersionShown| row.digest.clone())))
}

/// Shows one version, also while its upload is in progress.
#[utoipa::path(
    get, path = "/v1/versions/{digest}", tag = "policies", params(("digest", description = "SHA-256 of its bytes")),
    responses((status = 200, body = VersionShown))
)]
pub(super) async fn show(State(api): State<Api>, At(digest): At<String>) -> Result<Reply<VersionShown>, Problem> {
    version(&api, &digest).await.map(|version| Reply::ok(VersionShown::of(&version)))
}

/// Forgets a version that nobody uses. Its bytes stay for the records that name them.
#[utoipa::path(
    delete, path = "/v1/versions/{digest}", tag = "policies", params(("digest", description = "SHA-256 of its bytes")),
    responses((status = 200, body = VersionShown, description = "It was there, and is no longer"))
)]
pub(super) async fn remove(
    State(api): State<Api>,
    caller: Caller,
    At(digest): At<String>,
) -> Result<Reply<VersionShown>, Problem> {
    let version = version(&api, &digest).await?;
    if !api.steering().registry().remove(&version.digest).await? {
        return Err(no_such_version(&digest));
    }
    let shown = VersionShown::of(&version);
    let object = format!("version {} of {}", version.digest, version.name);
    api.access().note(&api.change(&caller, Permission::PolicyRemove, object).from(&json!(shown.state))).await?;
    Ok(Reply::ok(shown))
}

/// Says which version of a policy runs.
#[utoipa::path(
    get, path = "/v1/policies/{name}/active", tag = "policies", params(("name", description = "The policy's name")),
    responses((status = 200, body = ActiveShown))
)]
pub(super) async fn active(State(api): State<Api>, At(name): At<String>) -> Result<Reply<ActiveShown>, Problem> {
    let active = api.steering().registry().active(&name).await?;
    let active = active.ok_or_else(|| {
        let detail = format!("no version of {name:?} was ever activated");
        Problem::new(Code::NO_SUCH_VERSION, detail, "see GET /v1/policies")
    })?;
    Ok(Reply::ok(ActiveShown::of(&api, &name, active)))
}

/// Lets a version run: for one binding, or for all that use its name. At once and as a whole; turns in progress end on the
/// version that they began with.
#[utoipa::path(
    post, path = "/v1/policies/{name}/activate", tag = "policies", request_body = ActivateWanted,
    params(("name", description = "The policy's name")),
    responses((status = 200, body = ActiveShown))
)]
pub(super) async fn activate(
    State(api): State<Api>,
    caller: Caller,
    At(name): At<String>,
    Body(wanted): Body<ActivateWanted>,
) -> Result<Reply<ActiveShown>, Problem> {
    may_activate(&api, &caller, wanted.binding.as_deref())?;
    let digest = wanted.digest.strip_prefix("sha256:").unwrap_or(&wanted.digest);
    let before = api.steering().registry().active(&name).await?;
    let (binding, who) = (wanted.binding.as_deref(), &caller.identity.who());
    let activation = Activation { name: &name, digest, binding, who, rollback_on_fault: wanted.rollback_on_fault };
    let active = api.steering().activate_as(&activation).await?;
    told(&api, &caller, &name, before.as_ref(), active).await
}

/// Goes back to the version before: for one binding, or for all.
#[utoipa::path(
    post, path = "/v1/policies/{name}/rollback", tag = "policies", request_body = RollbackWanted,
    params(("name", description = "The policy's name")),
    responses((status = 200, body = ActiveShown))
)]
pub(super) async fn rollback(
    State(api): State<Api>,
    caller: Caller,
    At(name): At<String>,
    Body(wanted): Body<RollbackWanted>,
) -> Result<Reply<ActiveShown>, Problem> {
    may_activate(&api, &caller, wanted.binding.as_deref())?;
    let before = api.steering().registry().active(&name).await?;
    let active = api.steering().rollback(&name, wanted.binding.as_deref(), &caller.identity.who()).await?;
    told(&api, &caller, &name, before.as_ref(), active).await
}

/// For all that use a name is beyond any binding.
pub(super) fn may_activate(api: &Api, caller: &Caller, binding: Option<&str>) -> Result<(), Problem> {
    let bindings = api.steering().bindings();
    let Some(name) = binding else { return caller.permit(Permission::PolicyActivate, &Object::Host) };
    let found = bindings.iter().find(|binding| binding.name == name).ok_or_else(|| {
        Problem::new(Code::NO_SUCH_BINDING, format!("there is no binding {name:?}"), "see GET /v1/bindings")
    })?;
    caller.permit(Permission::PolicyActivate, &binding_place(found))
}

async fn told(
    api: &Api,
    caller: &Caller,
    name: &str,
    before: Option<&Active>,
    active: Active,
) -> Result<Reply<ActiveShown>, Problem> {
    let brief = |active: &Active| json!({ "default": active.default, "bindings": active.bindings });
    let change = api.change(caller, Permission::PolicyActivate, format!("policy {name}")).to(&brief(&active));
    let change = match before {
        Some(before) => change.from(&brief(before)),
        None => change,
    };
    api.access().note(&change).await?;
    Ok(Reply(StatusCode::OK, ActiveShown::of(api, name, active)))
}

pub(super) async fn version(api: &Api, digest: &str) -> Result<Version, Problem> {
    api.steering().registry().version(digest).await?.ok_or_else(|| no_such_version(digest))
}

fn no_such_version(digest: &str) -> Problem {
    let detail = format!("there is no version {digest:?}");
    Problem::new(Code::NO_SUCH_VERSION, detail, "see GET /v1/policies; push it with POST /v1/policies")
}

impl VersionShown {
    pub(super) fn of(version: &Version) -> Self {
        let rejected = version.rejected.as_ref().map(|rejection| RejectedShown {
            code: rejection.code.clone(),
            text: rejection.text.clone(),
            remedy: rejection.remedy.clone(),
        });
        Self {
            name: version.name.clone(),
            version: version.version.clone(),
            digest: version.digest.clone(),
            state: version.state.as_str().to_owned(),
            state_since_ms: version.state_since_ms,
            bytes: version.bytes,
            uploaded_by: version.uploaded_by.clone(),
            uploaded_ms: version.uploaded_ms,
            signed_by: version.signed_by.clone(),
            rejected,
            trials: version.trials.iter().map(|trial| json!(trial)).collect(),
        }
    }
}

impl ActiveShown {
    pub(super) fn of(api: &Api, name: &str, active: Active) -> Self {
        let Active { default, bindings, previous, shadows, probations } = active;
        Self {
            name: name.to_owned(),
            default,
            bindings,
            previous: previous.len(),
            shadows: shadows.iter().map(|shadow| ShadowShown::of(api, name, shadow)).collect(),
            probations: probations.iter().map(|probation| json!(probation)).collect(),
        }
    }
}
