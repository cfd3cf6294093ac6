//! The HTTP API: how people and programs see and steer a running host.
//!
//! | route | needs | does |
//! |---|---|---|
//! | `GET /healthz` | nothing | says that the host answers |
//! | `GET /readyz` | nothing | says whether it can do its work, and what is in the way |
//! | `GET /openapi.json` | nothing | describes all of this, made from the code |
//! | `GET /v1/whoami` | a token | says what it may |
//! | `GET /v1/targets` | viewer | lists what is scaled |
//! | `GET /v1/targets/{driver}/{name}` | viewer | one target, whole |
//! | `GET`, `POST /v1/tokens`, `DELETE /v1/tokens/{id}` | admin | tokens |
//! | `GET /v1/audit` | admin | who changed what |
//!
//! `rules` is that table as the guard reads it. Every request passes the [`guard`]; every "no" is a [`problem`]. This room
//! alone knows HTTP statuses, and wire structs end here.

mod rules;

mod guard;
mod rates;

mod ask;
mod page;
mod problem;
mod reply;

mod health;
mod targets;
mod tokens;
mod trail;

mod document;
mod serve;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::middleware::from_fn_with_state;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::problem::Problem;
use self::rates::Rates;
pub use self::serve::serve;
use crate::access::Access;
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
    rates: Rates,
    /// Sets the ids of this start's requests apart from those of others.
    start: String,
    requests: AtomicU64,
}

impl Api {
    /// Speaks for a host.
    #[must_use]
    pub fn new(steering: Steering, access: Access, settings: ApiSettings) -> Self {
        let rates = Rates::new(settings.rate_per_second, settings.burst);
        let start = format!("{:x}", steering.clock().now_ms());
        Self(Arc::new(Inner { steering, access, settings, rates, start, requests: AtomicU64::new(0) }))
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

    fn now_ms(&self) -> u64 {
        self.0.steering.clock().now_ms()
    }

    fn next_request(&self) -> String {
        format!("{}-{}", self.0.start, self.0.requests.fetch_add(1, Ordering::Relaxed))
    }
}

/// All routes, behind the guard.
#[must_use]
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
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(trail::list))
}
