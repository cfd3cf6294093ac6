//! Whether the host lives, and whether it can do its work: for whoever restarts and routes, without a token.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::reply::Reply;

/// A store that takes longer is not ready.
const STORE_PATIENCE: Duration = Duration::from_secs(2);

/// That the host answers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// Always "alive".
    status: &'static str,
    /// The host's version.
    version: &'static str,
}

/// Whether it can do its work.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Readiness {
    /// Whether nothing is in the way.
    ready: bool,
    /// What is in the way.
    waits_for: Vec<Wait>,
}

/// Something that is in the way.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Wait {
    /// What: `store`, `driver local`.
    what: String,
    /// Why.
    why: String,
}

/// Says that the host answers.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, body = Health)))]
pub(super) async fn healthz() -> Reply<Health> {
    Reply::ok(Health { status: "alive", version: env!("CARGO_PKG_VERSION") })
}

/// Says whether the host can do its work, and what is in the way.
#[utoipa::path(
    get, path = "/readyz", tag = "health",
    responses((status = 200, body = Readiness), (status = 503, body = Readiness, description = "Not ready"))
)]
pub(super) async fn readyz(State(api): State<Api>) -> Reply<Readiness> {
    let mut waits_for: Vec<Wait> = store_wait(&api).await.into_iter().collect();
    let drivers = api.steering().drivers();
    let unseen = drivers.iter().filter_map(|(driver, seen)| {
        Some(Wait { what: format!("driver {driver}"), why: seen.as_ref().err()?.clone() })
    });
    waits_for.extend(unseen);
    let ready = waits_for.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Reply(status, Readiness { ready, waits_for })
}

async fn store_wait(api: &Api) -> Option<Wait> {
    let wait = |why: &str| Some(Wait { what: "store".to_owned(), why: why.to_owned() });
    match tokio::time::timeout(STORE_PATIENCE, api.steering().store().get("host/epoch")).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the store cannot be read");
            wait("it cannot be read; the host's log says why")
        }
        Err(_) => wait("it does not answer"),
    }
}
