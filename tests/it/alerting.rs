//! An alert's whole way: a figure that Prometheus scrapes, its rule, Alertmanager, the host's door for alerts, the policies that
//! deal with it, and what is left to read: the books, and a notice in a chat. Prometheus and Alertmanager are the real ones.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::backends::alertmanager::Alertmanager;
use crate::backends::prometheus::Prometheus;
use crate::backends::server::program_or_skip;
use crate::cli::Desk;
use crate::host::Host;
use crate::kill::{kill_marked, marked};

/// Rules, groups and scrapes each take a second or two; a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(100);

const CONFIG: &str = r#"
data_dir = "data"
[api]
listen = "127.0.0.1:0"
[driver.local.process]
cgroups = false
[driver.local.process.workload.web]
command = ["sleep", "100000"]
[notice.chat]
url = { file = "chat.url" }
[binding.web]
select = { id = "local/web" }
every = "200ms"
replicas = { min = 1, max = 4 }
stabilization = { up = "0s", down = "0s" }
[[binding.web.policy]]
use = "alert-scale"
params = { rules = ["+1 when alert Busy service=web", "-1 when alert Idle service=web"] }
[[binding.web.policy]]
use = "availability"
params = { instance_labels = ["instance_id"] }
[[binding.web.alert]]
match = { service = "web" }
"#;

const RULES: &str = "groups:
- name: web
  interval: 500ms
  rules:
  - {alert: Busy, expr: load > 0.8, labels: {service: web}}
  - {alert: Idle, expr: load < 0.1, labels: {service: web}}
  - {alert: Silent, expr: silent == 1, labels: {service: web, autoscale_action: service_availability}}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_of_the_real_alertmanager_scales_heals_is_in_the_books_and_is_told() {
    let Some(stage) = Stage::open().await else { return };
    stage.until("one instance", || stage.instances().len() == 1).await;

    stage.shows("load 0.95");
    stage.until("a second instance", || stage.instances().len() == 2).await;
    stage
        .until("an alert that is dealt with", || stage.alert("Busy").is_some_and(|alert| alert["state"] == "handled"))
        .await;

    let silent = stage.instances().remove(0);
    stage.shows(&format!("load 0.5\nsilent{{instance_id=\"{}\"}} 1", silent.0));
    stage.until("a restart", || stage.instances().iter().any(|(id, pid)| *id == silent.0 && *pid != silent.1)).await;
    stage.until("the end of the alert", || stage.alert("Busy").is_some_and(|alert| alert["state"] == "resolved")).await;
    assert_eq!(stage.instances().len(), 2, "an alert is one step, however often it comes");

    stage.shows("load 0.05");
    stage.until("one instance again", || stage.instances().len() == 1).await;

    let mut rows = Vec::new();
    stage
        .until("three changes in the books", || {
            rows = stage.books();
            let has = |metric: &str, status: &str| rows.iter().any(|row| row[3] == metric && row[5] == status);
            has("Busy", "running") && has("Silent", "restarted") && has("Idle", "deleted")
        })
        .await;
    let of = |metric: &str| rows.iter().find(|row| row[3] == metric).unwrap();
    assert!(of("Busy")[2].starts_with("alert-scale ") && of("Silent")[2].starts_with("availability "), "{rows:?}");
    assert!(of("Silent")[1] == silent.0 && rows.iter().all(|row| row[6] == "web"), "{rows:?}");
    let kept = stage.desk.run(&["audit", "--offline", "--json"]);
    let kept: Value = serde_json::from_str(&kept.out).unwrap_or_else(|_| panic!("{}", kept.err));
    assert_eq!(kept.as_array().unwrap().len(), rows.len(), "the data directory tells the same");

    stage.until("a notice", || stage.told.lock().unwrap().iter().any(|told| told.contains("1 to 2 applied"))).await;
    stage.until("another", || stage.told.lock().unwrap().iter().any(|told| told.contains("2 to 1 applied"))).await;
}

/// A host, what it scales, what is measured, and those who raise alerts. Ends with the test.
struct Stage {
    desk: Desk,
    address: String,
    measured: Arc<Mutex<String>>,
    told: Arc<Mutex<Vec<String>>>,
    host: Option<Host>,
    _servers: (Prometheus, Alertmanager),
}

impl Stage {
    async fn open() -> Option<Self> {
        // Before there is a host that has begun instances.
        program_or_skip("alerting", "TRIMTAB_TEST_PROMETHEUS", "prometheus")?;
        program_or_skip("alerting", "TRIMTAB_TEST_ALERTMANAGER", "prometheus-alertmanager")?;
        let desk = Desk::new();
        let (measured, told) = (Arc::new(Mutex::new("load 0.5\n".to_owned())), Arc::<Mutex<Vec<String>>>::default());
        let page = serve(&measured, &told).await;
        desk.put("chat.url", &format!("http://{page}/chat"));
        let file = desk.put("trimtab.toml", CONFIG);
        let host = Host::start(&file);
        let address = format!("http://{}", host.address());
        let (token, rules) = (desk.path().join("data/admin.token"), desk.put("rules.yml", RULES));
        let alertmanager = Alertmanager::with_token("alerting", &format!("{address}/v1/alerts"), &token).await?;
        let sections = format!(
            "rule_files: ['{}']\nalerting: {{alertmanagers: [{{static_configs: [{{targets: ['{}']}}]}}]}}\n\
             scrape_configs: [{{job_name: web, static_configs: [{{targets: ['{page}']}}]}}]",
            rules.display(),
            alertmanager.url().trim_start_matches("http://")
        );
        let prometheus = Prometheus::start("alerting", &sections).await?;
        let servers = (prometheus, alertmanager);
        Some(Self { desk, address, measured, told, host: Some(host), _servers: servers })
    }

    fn shows(&self, measured: &str) {
        *self.measured.lock().unwrap() = format!("{measured}\n");
    }

    /// Processes that run for the host, ordered by instance.
    fn instances(&self) -> Vec<(String, i32)> {
        let found = marked(&self.desk.path().join("data/process/local"));
        let mut instances: Vec<(String, i32)> = found.into_iter().map(|(pid, instance, _)| (instance, pid)).collect();
        instances.sort();
        instances
    }

    fn json(&self, args: &[&str]) -> Value {
        let ran = self.desk.run(&[args, &["--json", "--host", &self.address]].concat());
        serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{args:?}: {}", ran.err))
    }

    fn alert(&self, name: &str) -> Option<Value> {
        let alerts = self.json(&["alert", "list"]);
        alerts.as_array().unwrap().iter().find(|alert| alert["name"] == name).cloned()
    }

    /// The rows of `trimtab audit --csv`.
    fn books(&self) -> Vec<Vec<String>> {
        let ran = self.desk.run(&["audit", "--csv", "--host", &self.address]);
        let mut lines = ran.out.lines();
        assert!(
            lines.next().unwrap().starts_with("host,container,policy,metric,value,status,service,time,"),
            "{}",
            ran.err
        );
        // None of these cells holds a comma.
        lines.map(|line| line.split(',').take(8).map(str::to_owned).collect()).collect()
    }

    async fn until(&self, what: &str, mut reached: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !tokio::task::block_in_place(&mut reached) {
            if Instant::now() > end {
                let (alerts, books) = (self.json(&["alert", "list"]), self.books());
                panic!("no sign of {what}: {:?}\n{alerts:#}\n{books:#?}", self.instances());
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Drop for Stage {
    /// Also after a failed check: nothing outlives the test.
    fn drop(&mut self) {
        self.host = None;
        let state = self.desk.path().join("data/process/local");
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            let left = marked(&state);
            if left.is_empty() {
                return;
            }
            left.iter().for_each(|(pid, ..)| kill_marked(&state, *pid));
            std::thread::sleep(POLL);
        }
    }
}

/// What is measured, at `/metrics`; a chat at `/chat`.
async fn serve(measured: &Arc<Mutex<String>>, told: &Arc<Mutex<Vec<String>>>) -> String {
    let (measured, told) = (Arc::clone(measured), Arc::clone(told));
    let router = Router::new().route("/metrics", get(async move || measured.lock().unwrap().clone())).route(
        "/chat",
        post(async move |Json(body): Json<Value>| {
            told.lock().unwrap().push(body["text"].as_str().unwrap_or_default().to_owned());
            Json(json!({ "ok": true }))
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}
