//! Stories over a real server: a host with a process driver whose workloads have no instances, spoken to over loopback.

mod alerting;
mod asking;
mod document;
mod doors;
mod following;
mod pushing;
mod replaying;
mod roles;
mod steering;
mod tls;
mod traces;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::access::{FIRST_TOKEN_FILE, Identity, Role, Scope, Secret, Wanted};
use crate::config::Config;
use crate::drivers::Driver;
use crate::supervisor::Host;

const CONFIG: &str = r#"
[driver.local.process]
cgroups = false

[driver.local.process.workload.web]
command = ["sleep", "1"]
replicas = 0
labels = { app = "web" }

[driver.local.process.workload.api]
command = ["sleep", "1"]
replicas = 0
labels = { app = "api" }

[source.page.http-json]
url = "http://127.0.0.1:9/"

[binding.web]
select = { driver = "local", labels = { app = "web" } }
every = "200ms"
replicas = { min = 0, max = 0 }
policy = [{ use = "target-tracking", params = { reading = "load", target = 10.0 } }]
[[binding.web.reading]]
name = "load"
source = "page"
query = "/load"

[binding.api]
select = { driver = "local", labels = { app = "api" } }
every = "200ms"
replicas = { min = 0, max = 0 }
policy = [{ use = "target-tracking", params = { reading = "load", target = 10.0 } }]
[[binding.api.reading]]
name = "load"
source = "page"
query = "/load"
"#;

/// A running host and its server.
struct Stage {
    dir: tempfile::TempDir,
    api: Api,
    address: SocketAddr,
    admin: String,
    client: reqwest::Client,
    shutdown: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Stage {
    async fn open() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(set: impl FnOnce(&mut ApiSettings)) -> Self {
        Self::of(CONFIG, set).await
    }

    /// Of another configuration with the same targets.
    async fn of(config: &str, set: impl FnOnce(&mut ApiSettings)) -> Self {
        Self::start(tempfile::tempdir().unwrap(), config, None, set).await
    }

    /// A host of this configuration over these backends, or over those that it names.
    async fn start(
        dir: tempfile::TempDir,
        text: &str,
        drivers: Option<Vec<Arc<dyn Driver>>>,
        set: impl FnOnce(&mut ApiSettings),
    ) -> Self {
        let config = Config::parse(text, &dir.path().join("trimtab.toml")).unwrap_or_else(|found| panic!("{found}"));
        let host = match drivers {
            Some(drivers) => Host::build_over(&config, drivers).await.unwrap(),
            None => Host::build(&config).await.unwrap(),
        };
        let steering = host.steering();
        let access =
            Access::open(Arc::clone(steering.store()), &config.data_dir, steering.clock().now_ms()).await.unwrap();
        let admin = first_token(&config.data_dir);
        let mut settings = ApiSettings::default();
        set(&mut settings);
        let api = Api::new(steering, access, settings, 1024 * 1024);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let tasks = vec![
            tokio::spawn(serve(listener, api.clone(), shutdown.clone())),
            tokio::spawn(host.run(shutdown.clone())),
        ];
        crate::tls::ready();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
        let stage = Self { dir, api, address, admin, client, shutdown, tasks };
        stage.until_ready().await;
        stage
    }

    /// Ready is when both targets had a turn.
    async fn until_ready(&self) {
        for _ in 0..400 {
            let whole = self.api.steering().targets().values().filter(|view| !view.seats.is_empty()).count() == 2;
            if whole && self.ask(Method::GET, "/readyz").send().await.unwrap().status() == StatusCode::OK {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("not ready: {:?}", self.api.steering().drivers());
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// As the first admin.
    fn admin(&self, method: Method, path: &str) -> RequestBuilder {
        self.ask(method, path).bearer_auth(&self.admin)
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.admin(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}: {}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    /// Makes a token at a time of the host's clock.
    async fn token(&self, role: Role, bindings: &[&str], made_ago_ms: u64) -> Secret {
        let scope = Scope { bindings: bindings.iter().map(|&name| name.to_owned()).collect(), ..Scope::default() };
        let wanted = Wanted { name: role.word().to_owned(), role, scope, life_ms: Some(600_000) };
        let at_ms = self.api.now_ms() - made_ago_ms;
        self.api.access().create(wanted, &Identity::host(), at_ms).await.unwrap().1
    }

    async fn end(self) {
        self.ended().await;
    }

    /// Ends in order; what is left is the folder.
    async fn ended(self) -> tempfile::TempDir {
        self.shutdown.cancel();
        for task in self.tasks {
            tokio::time::timeout(Duration::from_secs(15), task).await.expect("the host ends in order").unwrap();
        }
        self.dir
    }
}

fn first_token(data_dir: &Path) -> String {
    std::fs::read_to_string(data_dir.join(FIRST_TOKEN_FILE)).unwrap().trim_end().to_owned()
}

/// Status and code of a problem, whose form is checked.
async fn problem(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    let request = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let text = answer.text().await.unwrap();
    assert_eq!(kind, "application/problem+json", "{status}: {text}");
    let body: Value = serde_json::from_str(&text).unwrap();
    let code = body["code"].as_str().unwrap().to_owned();
    assert_eq!(body["status"], status);
    assert_eq!(body["request"], request);
    assert_eq!(body["type"], format!("urn:trimtab:problem:{code}"));
    assert!(!body["title"].as_str().unwrap().is_empty() && !body["detail"].as_str().unwrap().is_empty(), "{text}");
    assert!(problem::Code::ALL.iter().any(|known| known.word == code && known.status.as_u16() == status), "{text}");
    (status, code)
}

#[test]
fn every_code_is_one_of_its_kind() {
    let words: std::collections::BTreeSet<&str> = problem::Code::ALL.iter().map(|code| code.word).collect();
    assert_eq!(words.len(), problem::Code::ALL.len());
}
