//! What the host measures of itself, in Prometheus' text form.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};

use super::Api;
use super::problem::Problem;
use crate::telemetry::measures;

/// Says what the host measures of itself: turns, evaluations, restraints, actions, errors, sizes.
#[utoipa::path(
    get, path = "/metrics", tag = "health",
    responses((status = 200, body = String, content_type = "application/openmetrics-text", description = "OpenMetrics"))
)]
pub(super) async fn measures(State(api): State<Api>) -> Result<Response, Problem> {
    let steering = api.steering();
    let store_bytes = steering.store().size_bytes().await?;
    let targets = steering.targets();
    let unseen = steering.drivers().values().filter(|seen| seen.is_err()).count();
    let text = measures::text(&measures::Moment {
        targets: targets.len(),
        unready: targets.values().filter(|view| view.target.ready < view.target.desired).count(),
        in_flight: targets.values().filter(|view| view.in_flight.is_some()).count(),
        drivers_unseen: unseen,
        store_bytes,
    });
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    text.map(|text| ([(header::CONTENT_TYPE, kind)], text).into_response())
        .map_err(|error| Problem::internal(&error.to_string()))
}
