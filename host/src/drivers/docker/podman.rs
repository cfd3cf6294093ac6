//! Where Podman differs: Docker's call for a live update answers 404 there (4.3), and its own does the same.

use std::time::Duration;

use bollard::models::HostConfig;
use serde_json::json;

use super::clone::sizes_of;
use super::engine::{Engine, EngineError};

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
fn resources(host: &HostConfig) -> serde_json::Value {
    let sizes = sizes_of(host);
    let mut cpu = json!({});
    if let Some(millis) = sizes.limits.cpu_millis {
        cpu = json!({ "quota": millis.saturating_mul(PERIOD_US) / 1_000, "period": PERIOD_US });
    }
    let mut memory = json!({});
    if let Some(bytes) = sizes.limits.memory_bytes {
        memory = json!({ "limit": bytes, "swap": host.memory_swap });
    }
    json!({ "cpu": cpu, "memory": memory })
}
