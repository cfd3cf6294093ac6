//! Policies that the host fetches itself, from OCI registries that its configuration names.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::Api;
use super::ask::Body;
use super::guard::Caller;
use super::problem::Problem;
use super::reply::Reply;
use super::uploads::{EncodingWord, JobShown, TierWord, job};
use crate::access::Permission;
use crate::causes::with_causes;
use crate::policy::Tier;
use crate::registry::PushMeta;
use crate::sandbox::StringEncoding;
use crate::supervisor::{AllowedPull, SteerError};

/// What is to be fetched.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PullWanted {
    /// `registry/repository@sha256:…`; with a tag alone only where the configuration allows it.
    #[schema(
        example = "ghcr.io/example/policy@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    )]
    reference: String,
    /// Limits that it runs under where a binding does not say; left out: its size decides.
    #[serde(default)]
    #[schema(inline)]
    tier: Option<TierWord>,
    /// How a core module holds its texts, where it does not say so itself.
    #[serde(default)]
    #[schema(inline)]
    encoding: Option<EncodingWord>,
}

/// Fetches a policy from an OCI registry that the configuration names, and takes it in as an upload. What comes of it is told
/// by the job: its digest once the bytes are here, and why, if nothing came of it.
#[utoipa::path(
    post, path = "/v1/policies/pull", tag = "policies", request_body = PullWanted,
    responses((status = 202, body = JobShown, description = "Begun; `location` names the job"))
)]
pub(super) async fn pull(
    State(api): State<Api>,
    caller: Caller,
    Body(wanted): Body<PullWanted>,
) -> Result<Response, Problem> {
    let pull = api.steering().allow_pull(&wanted.reference).await?;
    let busy = || Problem::busy("too many policies are fetched at once");
    let place = api.jobs().places().try_acquire_owned().map_err(|_full| busy())?;
    let reference = pull.reference();
    let meta = PushMeta {
        by: caller.identity.who(),
        at_ms: api.now_ms(),
        tier: wanted.tier.map(Tier::from),
        encoding: wanted.encoding.map(StringEncoding::from),
        ..PushMeta::default()
    };
    let change = api.change(&caller, Permission::PolicyUpload, format!("pull {reference}"));
    api.access().note(&change.to(&json!({ "reference": reference }))).await?;
    let number = api.jobs().begin("", Some(&reference), &meta.by, meta.at_ms);
    let seen_through = api.clone();
    tokio::spawn(async move {
        let failed = see_through(&seen_through, number, &pull, meta).await.err();
        drop(place);
        seen_through.jobs().end(number, seen_through.now_ms(), failed);
    });
    let location = format!("/v1/jobs/{number}");
    let shown = job(&api, number).await?;
    Ok(([(header::LOCATION, location)], Reply(StatusCode::ACCEPTED, shown)).into_response())
}

/// Fetches it and takes it in; else says why not.
async fn see_through(api: &Api, number: u64, pull: &AllowedPull, meta: PushMeta) -> Result<(), String> {
    let pulled = pull.fetch().await.map_err(|error| match error {
        SteerError::Oci(error) => format!("{}: {}; {}", error.code(), with_causes(&error), error.remedy()),
        error => with_causes(&error),
    })?;
    let meta = PushMeta { signature: pulled.signature, ..meta };
    api.jobs().fetched(number, &pulled.bytes, &pulled.reference);
    let pushed = api.steering().push(&pulled.bytes, &meta).await;
    let version = pushed.map_err(|error| with_causes(&error))?;
    tracing::info!(reference = pulled.reference, digest = version.digest, by = meta.by, "a policy was pulled");
    Ok(())
}
