//! What the demo runs: a configuration like any other, which is left in its folder to be read.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

/// First of the ports among which the workload's are; others than other demos' where they run at once.
const PORTS_FIRST: u32 = 20_000;
const PORTS_AT_ONCE: u32 = 64;

/// The demo's settings.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    /// The configuration.
    pub(super) text: String,
    /// Where it is kept.
    pub(super) file: PathBuf,
    /// How long the load lasts.
    pub(super) length: Duration,
    /// Requests per second at the beginning and the end.
    pub(super) quiet: f64,
    /// Requests per second at the height.
    pub(super) peak: f64,
    /// Requests per second that one replica is to get.
    pub(super) per_replica: f64,
    /// Fewest replicas and most.
    pub(super) replicas: (u32, u32),
}

impl Setup {
    pub(super) const TARGET: &str = "local/web";

    pub(super) fn new(folder: &Path, length: Duration) -> Result<Self> {
        let program = std::env::current_exe().context("finding this program, of which the workload is made")?;
        let (quiet, peak, per_replica, replicas) = (10.0, 120.0, 30.0, (2, 6));
        // Short enough that the fall is seen within the demo, long enough that a moment's lull lowers nothing.
        let lull_ms = (length.as_millis() / 10).clamp(1_500, 5_000);
        let first_port = PORTS_FIRST + std::process::id() % 128 * PORTS_AT_ONCE;
        let last_port = first_port + PORTS_AT_ONCE - 1;
        // A JSON string is a TOML one.
        let [program, data_dir] = [quoted(&program)?, quoted(folder)?];
        let (min, max) = replicas;
        let text = format!(
            r#"# The configuration of `trimtab demo`.
data_dir = {data_dir}

# A small web server, each of whose requests costs 3 ms of CPU.
[driver.local.process.workload.web]
command = [{program}, "demo-worker"]
env = {{ DEMO_CPU_US = "3000" }}
ports = "{first_port}-{last_port}"
labels = {{ app = "web" }}
replicas = {min}
limits = {{ cpu = "600m" }}
health = {{ http = {{ path = "/healthz", interval = "200ms" }} }}

# Its load balancer, at a free port.
[registrar.front.embedded]
listen = "127.0.0.1:0"
serves = ["local/web"]

# Its own counters, and what the kernel counts of it.
[source.app.scrape]
[source.kernel.process]

[binding.web]
select = {{ driver = "local", labels = {{ app = "web" }} }}
every = "1s"
replicas = {{ min = {min}, max = {max} }}
cpu = {{ min = "200m", max = "1" }}
stabilization = {{ down = "{lull_ms}ms" }}
cooldown = {{ up = "1s", down = "1s" }}
step = {{ down = 2 }}
resize_cooldown = {{ up = "3s", down = "5s" }}
rounding = {{ cpu = "10m" }}
deadline = "1m"

[[binding.web.reading]]
name = "requests_per_second"
source = "app"
query = "http_requests_total"
rate = true
stale_after = "5s"

[[binding.web.reading]]
name = "cpu_millicores"
source = "kernel"
subject = "instance"
stale_after = "5s"

[[binding.web.reading]]
name = "cpu_throttled_ratio"
source = "kernel"
subject = "instance"
stale_after = "5s"

[[binding.web.policy]]
use = "target-tracking"
params = {{ reading = "requests_per_second", target = {per_replica:.1} }}

[[binding.web.policy]]
use = "rightsizing"
params = {{ ignore = ["memory"], cpu_target = 0.4, margin = 0.1, window = "5s", throttled_above = 0.2, round_cpu = 10 }}
"#
        );
        Ok(Self { text, file: super::config_file(folder), length, quiet, peak, per_replica, replicas })
    }
}

fn quoted(path: &Path) -> Result<String> {
    let text = path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?;
    Ok(serde_json::to_string(text)?)
}
