//! What the host measures of itself, in Prometheus' text form.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};

use super::Api;
use super::problem::Problem;
use crate::telemetry::measures::{self, Form, Moment};

/// Says what the host measures of itself: turns, evaluations, restraints, changes, errors, sizes. In OpenMetrics where that is
/// asked for, as Prometheus does, else in Prometheus' older form.
#[utoipa::path(
    get, path = "/metrics", tag = "health",
    responses((
        status = 200, description = "What is measured",
        content((String = "application/openmetrics-text"), (String = "text/plain"))
    ))
)]
pub(super) async fn measures(State(api): State<Api>, headers: HeaderMap) -> Result<Response, Problem> {
    let moment = moment(&api).await?;
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    let (form, kind) = if accepted.into_iter().any(|accept| accept.contains("application/openmetrics-text")) {
        (Form::OpenMetrics, "application/openmetrics-text; version=1.0.0; charset=utf-8")
    } else {
        (Form::Prometheus, "text/plain; version=0.0.4; charset=utf-8")
    };
    let text = measures::text(&moment, form).map_err(|error| Problem::internal(&error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

async fn moment(api: &Api) -> Result<Moment, Problem> {
    let (steering, now_ms) = (api.steering(), api.now_ms());
    let store_bytes = steering.store().size_bytes().await?;
    let targets = steering.targets();
    let mut quarantined: BTreeMap<String, usize> = BTreeMap::new();
    for slot in targets.values().flat_map(|view| &view.seats).flat_map(|seat| &seat.slots) {
        if slot.quarantined_until_ms.is_some_and(|until_ms| now_ms < until_ms) {
            *quarantined.entry(slot.policy.as_ref().to_owned()).or_default() += 1;
        }
    }
    let freeze = steering.steered().freeze.clone();
    Ok(Moment {
        targets: targets.len(),
        unready: targets.values().filter(|view| view.target.ready < view.target.desired).count(),
        in_flight: targets.values().filter(|view| view.in_flight.is_some()).count(),
        drivers_unseen: steering.drivers().values().filter(|seen| seen.is_err()).count(),
        frozen: freeze.is_some_and(|freeze| freeze.until_ms.is_none_or(|until_ms| now_ms < until_ms)),
        quarantined,
        store_bytes,
    })
}
