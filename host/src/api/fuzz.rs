//! A fuzzer's way to bodies of requests: every route that takes one, through the real router, of a host that runs over a backend
//! in memory. Listed in `crate::fuzzing`.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::rules::{RULES, Rule};
use super::{Api, router};
use crate::access::{Access, FIRST_TOKEN_FILE};
use crate::causes::with_causes;
use crate::config::{ApiSettings, Config};
use crate::drivers::Driver;
use crate::drivers::memory::{MemoryDriver, MemorySettings, MemoryTarget};
use crate::supervisor::Host;

/// Answers are read to this length.
const ANSWER_BYTES_MAX: usize = 16 << 20;

const CONFIG: &str = r#"
[driver.local.process]
[source.page.push]
[binding.web]
select = { driver = "local", labels = { app = "web" } }
every = "1h"
replicas = { min = 0, max = 4 }
policy = [{ use = "target-tracking", params = { reading = "load", target = 10.0 } }]
[[binding.web.reading]]
name = "load"
source = "page"
query = "load"
"#;

/// A host, and who may do everything there.
struct Stage {
    runtime: Runtime,
    router: Router,
    admin: String,
    _folder: tempfile::TempDir,
}

/// The first line is a route as in the route table, the rest its body. Whatever the body, the answer is JSON or protobuf, no
/// failure of ours, and a problem in one sentence.
pub(crate) fn bodies(input: &[u8]) -> Result<(), String> {
    static STAGE: OnceLock<Stage> = OnceLock::new();
    let stage = STAGE.get_or_init(Stage::set);
    let line = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (route, body) = input.split_at(line);
    let Some(rule) = rule(&String::from_utf8_lossy(route)) else { return Ok(()) };
    let body = body.get(1..).unwrap_or_default();
    let (status, answer) = stage.runtime.block_on(stage.ask(rule, body));
    assert!(status != StatusCode::INTERNAL_SERVER_ERROR, "{}: {}", rule.path, String::from_utf8_lossy(&answer));
    if status.is_success() {
        return Ok(());
    }
    let problem: Value = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
    let detail = problem.get("detail").and_then(Value::as_str);
    assert!(detail.is_some(), "{}: a problem without words: {problem}", rule.path);
    Err(detail.unwrap_or_default().to_owned())
}

/// The row of the route table, of those that take a body. A line that names none means one all the same, always the same.
fn rule(line: &str) -> Option<&'static Rule> {
    let with_body = || RULES.iter().filter(|rule| !rule.of_body.is_empty());
    let named = with_body().find(|rule| format!("{} {}", rule.method, rule.path) == line);
    let at = line.bytes().fold(7_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
    named.or_else(|| with_body().nth(at % with_body().count().max(1)))
}

impl Stage {
    #[expect(clippy::unwrap_used, reason = "a fuzzer without a host has nothing to do")]
    fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::parse(CONFIG, &folder.path().join("trimtab.toml")).unwrap();
        let driver = MemoryDriver::new("local", MemorySettings { keeps_desired: true, start_ms: 0, stop_ms: 0 });
        let mut workload = MemoryTarget::new("web", 2);
        workload.labels.insert("app".to_owned(), "web".to_owned());
        driver.insert(workload).unwrap();
        let drivers: Vec<Arc<dyn Driver>> = vec![Arc::new(driver)];
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (router, admin) = runtime.block_on(async {
            let host = Host::build_over(&config, drivers).await.unwrap();
            let steering = host.steering();
            let access = Access::open(Arc::clone(steering.store()), &config.data_dir, steering.clock().now_ms());
            let settings = ApiSettings { rate_per_second: u32::MAX, burst: u32::MAX, ..ApiSettings::default() };
            let api = Api::new(steering, access.await.unwrap(), settings, 1 << 20);
            let targets = api.clone();
            tokio::spawn(host.run(CancellationToken::new()));
            // Until the workload was looked at there is nothing that a body could name.
            while targets.steering().targets().values().all(|view| view.seats.is_empty()) {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            let admin = std::fs::read_to_string(config.data_dir.join(FIRST_TOKEN_FILE)).unwrap();
            (router(api), admin.trim_end().to_owned())
        });
        Self { runtime, router, admin, _folder: folder }
    }

    async fn ask(&self, rule: &Rule, body: &[u8]) -> (StatusCode, Vec<u8>) {
        let path = rule.path.replace("{driver}", "local").replace("{digest}", &"0".repeat(64)).replace("{name}", "web");
        let kind = if rule.path.ends_with("/otlp/metrics") { "application/x-protobuf" } else { "application/json" };
        let request = Request::builder()
            .method(&rule.method)
            .uri(path)
            .header(header::CONTENT_TYPE, kind)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.admin))
            .body(Body::from(body.to_vec()));
        let Ok(request) = request else { return (StatusCode::OK, Vec::new()) };
        let answer = match self.router.clone().oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        let status = answer.status();
        let answer = axum::body::to_bytes(answer.into_body(), ANSWER_BYTES_MAX).await;
        (status, answer.map_or_else(|error| with_causes(&error).into_bytes(), |bytes| bytes.to_vec()))
    }
}
