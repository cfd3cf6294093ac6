//! Where Podman differs (seen with 4.3). Docker's call for a live update answers 404 there. Its own does the same: limits, shares
//! and reservation reach the cgroup at once; but what it shows of the container stays as it was, at its next start the container
//! has its old sizes again, and one that does not run is refused. So what was given is remembered here, and given again.

use std::time::Duration;

use bollard::models::{ContainerInspectResponse, HostConfig};
use serde_json::{Map, Value, json};

use super::clone::{resize, sizes_of};
use super::engine::{Engine, EngineError};
use super::kept::Kept;

/// The first version of the API that has the call.
const VERSION: &str = "v4.3.0";
/// The span in which a share of the CPU is counted, in microseconds: the kernel's own default.
const PERIOD_US: u64 = 100_000;
/// How long the call may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// So much of a refusal is told.
const REFUSAL_CHARS: usize = 300;

/// Sets the sizes of a container by Podman's own API; `why` is what Docker's call was answered.
pub(super) async fn update(engine: &Engine, id: &str, host: &HostConfig, why: &str) -> Result<(), EngineError> {
    let Some(socket) = engine.config.url.strip_prefix("unix://") else {
        return Err(EngineError::Refused(format!("{why}; if this is Podman: sizes change over its unix socket only")));
    };
    let failed = |error: reqwest::Error| EngineError::Unreachable(crate::causes::with_causes(&error));
    crate::tls::ready();
    let client = reqwest::Client::builder().unix_socket(socket).timeout(TIMEOUT).build().map_err(failed)?;
    let url = format!("http://podman/{VERSION}/libpod/containers/{id}/update");
    let answer = client.post(url).json(&resources(host)).send().await.map_err(failed)?;
    if answer.status().is_success() {
        return Ok(());
    }
    let said: String = answer.text().await.map_err(failed)?.chars().take(REFUSAL_CHARS).collect();
    Err(EngineError::Refused(said))
}

/// The OCI runtime's form of the sizes: `LinuxResources`.
pub(super) fn resources(host: &HostConfig) -> Value {
    let known = |value: Option<i64>| value.filter(|value| *value > 0);
    let mut cpu = Map::new();
    if let Some(millis) = sizes_of(host).limits.cpu_millis {
        cpu.insert("quota".to_owned(), json!(millis.saturating_mul(PERIOD_US) / 1_000));
        cpu.insert("period".to_owned(), json!(PERIOD_US));
    }
    if let Some(shares) = known(host.cpu_shares) {
        cpu.insert("shares".to_owned(), json!(shares));
    }
    let mut memory = Map::new();
    if let Some(bytes) = known(host.memory) {
        memory.insert("limit".to_owned(), json!(bytes));
        memory.insert("swap".to_owned(), json!(host.memory_swap));
    }
    if let Some(bytes) = known(host.memory_reservation) {
        memory.insert("reservation".to_owned(), json!(bytes));
    }
    json!({ "cpu": cpu, "memory": memory })
}

/// Since when a container runs, as the engine says it.
pub(super) fn start_of(details: &ContainerInspectResponse) -> String {
    details.state.as_ref().and_then(|state| state.started_at.clone()).unwrap_or_default()
}

/// What a container has now: what the engine shows, with what it was given since it was started and the engine does not show.
pub(super) fn sized(kept: &Kept, id: &str, details: &ContainerInspectResponse) -> HostConfig {
    let mut host = details.host_config.clone().unwrap_or_default();
    if let Some(updated) = kept.updated.get(id).filter(|updated| updated.since == start_of(details)) {
        resize(&mut host, updated.sizes);
    }
    host
}
