//! The HTTP API: how people and programs see and steer a running host.
//!
//! | route | needs | does |
//! |---|---|---|
//! | `GET /healthz` | nothing | says that the host answers |
//! | `GET /readyz` | nothing | says whether it can do its work, and what is in the way |
//! | `GET /openapi.json` | nothing | describes all of this, made from the code |
//! | `GET /v1/whoami` | a token | says what it may |
//! | `GET /v1/targets`, `GET /v1/targets/{driver}/{name}` | viewer | what is scaled, and how it stands |
//! | `POST /v1/targets/{driver}/{name}/{pause,resume,scale,evaluate,clear}`, `DELETE …/scale` | operator | steers one |
//! | `GET /v1/freeze`; `POST`, `DELETE` | viewer; operator | stops and resumes everything |
//! | `POST /v1/reload` | operator | the configuration again |
//! | `GET /v1/bindings`, `GET /v1/bindings/{name}` | viewer | bindings, as they run |
//! | `PUT`, `DELETE /v1/bindings/{name}` | operator | bindings by API, in place of the file's |
//! | `GET /v1/binding-tables` | viewer | tables that bindings come from, and rows that were refused |
//! | `POST /v1/readings`, `POST /v1/otlp/metrics` | operator | takes in readings |
//! | `GET /v1/alerts`; `POST /v1/alerts`, `DELETE /v1/alerts/{id}` | viewer; operator | alerts, and what became of them |
//! | `GET /v1/decisions`, `GET /v1/decisions/{id}` | viewer | what was decided, and why |
//! | `GET /v1/decisions/{id}/replay`, `POST /v1/targets/{driver}/{name}/replay` | viewer | recorded turns, played again |
//! | `POST /v1/targets/{driver}/{name}/compare` | viewer | two policies on the same recorded turns |
//! | `GET /v1/targets/{driver}/{name}/explain` | viewer | the same as a story |
//! | `GET /v1/events` | viewer | what happens, as it happens (server-sent events) |
//! | `GET /metrics` | viewer of the whole host | Prometheus text |
//! | `GET /v1/policies`, `GET /v1/versions/{digest}`, `GET /v1/jobs`, `GET /v1/jobs/{job}` | viewer | versions, uploads |
//! | `POST /v1/policies` | author | takes in a policy, which then runs nowhere |
//! | `POST /v1/policies/pull` | author | has the host fetch one from an OCI registry, likewise |
//! | `GET`, `PUT /v1/versions/{digest}/grants` | viewer; operator | what a version may do |
//! | `GET /v1/policies/{name}/active`; `POST …/activate`, `POST …/rollback` | viewer; operator | which version runs |
//! | `POST /v1/policies/{name}/shadow`, `DELETE …/shadow/{digest}` | author | which versions watch |
//! | `DELETE /v1/versions/{digest}` | operator | forgets a version that nobody uses |
//! | `GET`, `POST /v1/tokens`, `DELETE /v1/tokens/{id}` | admin | tokens |
//! | `GET /v1/audit` | admin | who changed what |
//!
//! `rules` is that table as the guard reads it. Every request passes the `guard`; every "no" is a `problem`. This room
//! alone knows HTTP statuses, and wire structs end here.

mod rules;

mod guard;
mod rates;

mod ask;
mod page;
mod problem;
mod refusal;
mod reply;

mod alerts;
mod binding_tables;
mod bindings;
mod decisions;
mod events;
mod explain;
mod grants;
mod health;
mod measures;
mod otlp;
mod policies;
mod pulls;
mod readings;
mod replays;
mod shadows;
mod steer;
mod targets;
mod tokens;
mod trail;
mod uploads;

mod document;
mod serve;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::middleware::from_fn_with_state;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[cfg(any(test, fuzzing))]
pub(crate) use self::alerts::fuzz as alerts_fuzz;
use self::events::Streams;
use self::guard::Caller;
use self::problem::Problem;
use self::rates::Rates;
pub use self::serve::{renew, serve, serve_tls};
use self::uploads::Jobs;
use crate::access::{Access, Change, Permission};
use crate::config::ApiSettings;
use crate::supervisor::Steering;

/// What the API speaks for. Copies are the same.
#[derive(Debug, Clone)]
pub struct Api(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    steering: Steering,
    access: Access,
    settings: ApiSettings,
    upload_bytes_max: u64,
    rates: Rates,
    jobs: Jobs,
    /// Replays at a time: one.
    replays: Arc<Semaphore>,
    streams: Streams,
    /// Ends what would go on for ever, once the host takes no more requests.
    ending: CancellationToken,
    /// Sets the ids of this start's requests apart from those of others.
    start: String,
    requests: AtomicU64,
}

impl Api {
    /// Speaks for a host; `upload_bytes_max` is the sandbox's.
    #[must_use]
    pub fn new(steering: Steering, access: Access, settings: ApiSettings, upload_bytes_max: u64) -> Self {
        let rates = Rates::new(settings.rate_per_second, settings.burst);
        let start = format!("{:x}", steering.clock().now_ms());
        Self(Arc::new(Inner {
            steering,
            access,
            settings,
            upload_bytes_max,
            rates,
            jobs: Jobs::default(),
            replays: Arc::new(Semaphore::new(1)),
            streams: Streams::default(),
            ending: CancellationToken::new(),
            start,
            requests: AtomicU64::new(0),
        }))
    }

    fn steering(&self) -> &Steering {
        &self.0.steering
    }

    fn access(&self) -> &Access {
        &self.0.access
    }

    fn settings(&self) -> &ApiSettings {
        &self.0.settings
    }

    fn rates(&self) -> &Rates {
        &self.0.rates
    }

    fn upload_bytes_max(&self) -> u64 {
        self.0.upload_bytes_max
    }

    fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    fn replays(&self) -> &Arc<Semaphore> {
        &self.0.replays
    }

    fn streams(&self) -> &Streams {
        &self.0.streams
    }

    fn ending(&self) -> &CancellationToken {
        &self.0.ending
    }

    /// A change that this caller makes now.
    fn change(&self, caller: &Caller, permission: Permission, object: String) -> Change {
        Change::new(self.now_ms(), &caller.identity, permission, object).asked_by(&caller.request)
    }

    fn now_ms(&self) -> u64 {
        self.0.steering.clock().now_ms()
    }

    fn next_request(&self) -> String {
        format!("{}-{}", self.0.start, self.0.requests.fetch_add(1, Ordering::Relaxed))
    }
}

/// All routes, behind the guard.
pub fn router(api: Api) -> Router {
    let (router, document) = routes_of().split_for_parts();
    let document = document::serve(document);
    let router = router.merge(document).fallback(async || Problem::no_such_route());
    router.layer(from_fn_with_state(api.clone(), guard::guard)).with_state(api)
}

fn routes_of() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(tokens::whoami))
        .routes(routes!(targets::list))
        .routes(routes!(targets::show))
        .routes(routes!(steer::pause))
        .routes(routes!(steer::resume))
        .routes(routes!(steer::scale, steer::unscale))
        .routes(routes!(steer::evaluate))
        .routes(routes!(steer::clear))
        .routes(routes!(steer::frozen, steer::freeze, steer::thaw))
        .routes(routes!(steer::reload))
        .routes(routes!(bindings::list))
        .routes(routes!(bindings::show, bindings::put, bindings::remove))
        .routes(routes!(binding_tables::list))
        .routes(routes!(readings::push))
        .routes(routes!(otlp::metrics))
        .routes(routes!(alerts::list, alerts::take))
        .routes(routes!(alerts::remove))
        .routes(routes!(decisions::list))
        .routes(routes!(decisions::show))
        .routes(routes!(replays::replay_one))
        .routes(routes!(replays::replay))
        .routes(routes!(replays::compare))
        .routes(routes!(explain::explain))
        .routes(routes!(events::follow))
        .routes(routes!(measures::measures))
        .routes(routes!(policies::list, uploads::upload))
        .routes(routes!(pulls::pull))
        .routes(routes!(grants::show, grants::put))
        .routes(routes!(policies::active))
        .routes(routes!(policies::activate))
        .routes(routes!(policies::rollback))
        .routes(routes!(shadows::set))
        .routes(routes!(shadows::remove))
        .routes(routes!(policies::show, policies::remove))
        .routes(routes!(uploads::list))
        .routes(routes!(uploads::show))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(trail::list))
}
