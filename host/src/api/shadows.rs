//! Versions that watch: set and removed, in the log of changes before it is answered.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::ask::{Ask, At, Body};
use super::bindings::binding_place;
use super::guard::Caller;
use super::policies::{ActiveShown, may_activate};
use super::problem::{Code, Problem};
use super::reply::Reply;
use crate::access::Permission;
use crate::registry::{Active, Shadow};
use crate::supervisor::ShadowWanted;

/// Turns after which a version can be promoted.
const PROMOTE_AFTER_MAX: u32 = 1_000_000;

/// A version that is to watch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WatchWanted {
    /// SHA-256 of the version's bytes.
    #[schema(pattern = "^(sha256:)?[0-9a-f]{64}$")]
    version: String,
    /// Beside the active one of this binding; left out: of all that use the name.
    #[serde(default)]
    binding: Option<String>,
    /// It is activated by itself after so many turns in a row in which it agreed, on every target; left out: never. Needs the
    /// leave to activate.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1_000_000)]
    promote_after: Option<u32>,
    /// Whether it is then gone back from by itself, if it fails within `[policies] probation`.
    #[serde(default)]
    rollback_on_fault: bool,
}

/// For whom it was set.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ForWhom {
    /// The binding; left out: all.
    binding: Option<String>,
}

/// A version that watches.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShadowShown {
    /// SHA-256 of its bytes.
    digest: String,
    /// The binding that it watches for; missing: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    binding: Option<String>,
    /// Turns of agreement after which it is activated by itself; missing: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    promote_after: Option<u32>,
    /// Whether it is then on probation.
    rollback_on_fault: bool,
    /// Who set it.
    by: String,
    /// When, in milliseconds since the Unix epoch.
    at_ms: u64,
    /// Targets on which it is asked.
    targets: usize,
    /// Turns in a row in which it agreed with the active one: the fewest of any target.
    agreed: u32,
    /// Targets on which it fails.
    failing: usize,
}

/// Has a version watch: it is asked what the active one is asked, and what it says is recorded and not done. Where it watches
/// already, what is said of it anew holds.
#[utoipa::path(
    post, path = "/v1/policies/{name}/shadow", tag = "policies", request_body = WatchWanted,
    params(("name", description = "The policy's name")),
    responses((status = 200, body = ActiveShown))
)]
pub(super) async fn set(
    State(api): State<Api>,
    caller: Caller,
    At(name): At<String>,
    Body(wanted): Body<WatchWanted>,
) -> Result<Reply<ActiveShown>, Problem> {
    may_watch(&api, &caller, &name, wanted.binding.as_deref())?;
    if let Some(after) = wanted.promote_after {
        may_activate(&api, &caller, wanted.binding.as_deref())?;
        if !(1..=PROMOTE_AFTER_MAX).contains(&after) {
            let detail = format!("promote_after is {after}, and must be within 1 to {PROMOTE_AFTER_MAX}");
            return Err(Problem::new(Code::REFUSED, detail, "leave it out for never"));
        }
    }
    let shadow = ShadowWanted {
        name: &name,
        digest: wanted.version.strip_prefix("sha256:").unwrap_or(&wanted.version),
        binding: wanted.binding.as_deref(),
        promote_after: wanted.promote_after,
        rollback_on_fault: wanted.rollback_on_fault,
    };
    let before = api.steering().registry().active(&name).await?;
    let active = api.steering().set_shadow(&shadow, &caller.identity.who()).await?;
    told(&api, &caller, &name, before.as_ref(), active).await
}

/// Ends a version's watching, for whom it was set. What it remembers is dropped.
#[utoipa::path(
    delete, path = "/v1/policies/{name}/shadow/{digest}", tag = "policies",
    params(("name", description = "The policy's name"), ("digest", description = "SHA-256 of its bytes"), ForWhom),
    responses((status = 200, body = ActiveShown))
)]
pub(super) async fn remove(
    State(api): State<Api>,
    caller: Caller,
    At((name, digest)): At<(String, String)>,
    Ask(whom): Ask<ForWhom>,
) -> Result<Reply<ActiveShown>, Problem> {
    if let Some(binding) = &whom.binding
        && api.steering().bindings().iter().all(|one| one.name != *binding)
    {
        // A binding that is gone has shadows still, which nobody but who may see to the whole host can be asked about.
        caller.permit(Permission::HostSteer, &crate::access::Object::Host)?;
    } else {
        may_watch(&api, &caller, &name, whom.binding.as_deref())?;
    }
    let before = api.steering().registry().active(&name).await?;
    let who = caller.identity.who();
    let active = api.steering().remove_shadow(&name, &digest, whom.binding.as_deref(), &who).await?;
    told(&api, &caller, &name, before.as_ref(), active).await
}

/// Beside the active version of one binding, or of each that uses the name: watching costs them time.
fn may_watch(api: &Api, caller: &Caller, name: &str, binding: Option<&str>) -> Result<(), Problem> {
    let bindings = api.steering().bindings();
    let permit = |one: &crate::cycle::Binding| caller.permit(Permission::PolicyShadow, &binding_place(one));
    let Some(binding) = binding else {
        let uses = |one: &crate::cycle::Binding| one.slots.iter().any(|slot| slot.policy.manifest().name == name);
        return bindings.iter().filter(|one| uses(one)).try_for_each(|one| permit(one));
    };
    let found = bindings.iter().find(|one| one.name == binding).ok_or_else(|| {
        Problem::new(Code::NO_SUCH_BINDING, format!("there is no binding {binding:?}"), "see GET /v1/bindings")
    })?;
    permit(found)
}

async fn told(
    api: &Api,
    caller: &Caller,
    name: &str,
    before: Option<&Active>,
    active: Active,
) -> Result<Reply<ActiveShown>, Problem> {
    let brief = |active: &Active| json!({ "shadows": active.shadows });
    let change = api.change(caller, Permission::PolicyShadow, format!("policy {name}")).to(&brief(&active));
    let change = before.iter().fold(change, |change, before| change.from(&brief(before)));
    api.access().note(&change).await?;
    Ok(Reply::ok(ActiveShown::of(api, name, active)))
}

impl ShadowShown {
    pub(super) fn of(api: &Api, name: &str, shadow: &Shadow) -> Self {
        let seen = api.steering().shadow_seen(name, &shadow.digest, shadow.binding.as_deref());
        Self {
            digest: shadow.digest.clone(),
            binding: shadow.binding.clone(),
            promote_after: shadow.promote_after,
            rollback_on_fault: shadow.rollback_on_fault,
            by: shadow.by.clone(),
            at_ms: shadow.at_ms,
            targets: seen.targets,
            agreed: seen.agreed,
            failing: seen.failing,
        }
    }
}
