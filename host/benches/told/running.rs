//! The built binary as a running host, for benchmarks that speak to it as everybody does.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

/// No step of a benchmark waits longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// A host and a hand on it; it does not outlive the benchmark.
pub(crate) struct Running {
    child: Child,
    pub(crate) client: reqwest::Client,
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) folder: TempDir,
}

impl Running {
    /// Starts a host with this configuration, whose API must listen at a free port, and waits until it runs.
    pub(crate) fn start(config: &str) -> Self {
        trimtab::tls::ready();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trimtab.toml");
        std::fs::write(&file, config).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_trimtab"))
            .args(["run", "--config"])
            .arg(&file)
            .env("TRIMTAB_LOG", "warn,trimtab=info")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = std::sync::mpsc::channel();
        let said = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            // Until it runs; after that nobody listens, and what it says is read and dropped.
            said.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        let end = Instant::now() + PATIENCE;
        let mut address = None;
        loop {
            let line = lines.recv_timeout(end.saturating_duration_since(Instant::now())).unwrap();
            if let Some(rest) = line.split("the API is served address=").nth(1) {
                address = rest.split_whitespace().next().map(str::to_owned);
            }
            if line.contains(" running ") {
                break;
            }
        }
        let token = std::fs::read_to_string(folder.path().join("data/admin.token")).unwrap().trim().to_owned();
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Self { child, client, url: format!("http://{}", address.unwrap()), token, folder }
    }

    pub(crate) fn data_dir(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token)
    }

    /// Asks, and gives an answer that must be a good one.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status}: {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Uploads a policy and waits until it is tried; its digest.
    pub(crate) async fn push(&self, bytes: &[u8]) -> String {
        let request = self.request(Method::POST, "/v1/policies").header("content-type", "application/wasm");
        let answer = request.body(bytes.to_vec()).send().await.unwrap();
        let location = answer.headers().get("location").map(|path| path.to_str().unwrap().to_owned());
        let told: Value = answer.json().await.unwrap();
        let Some(location) = location else { return told["digest"].as_str().unwrap().to_owned() };
        loop {
            let job = self.ask(Method::GET, &location, None).await;
            if job["ended_ms"].is_u64() {
                assert_eq!(job["version"]["state"], "tried", "{job}");
                return job["digest"].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) async fn activate(&self, name: &str, digest: &str) {
        let path = format!("/v1/policies/{name}/activate");
        self.ask(Method::POST, &path, Some(json!({ "digest": digest }))).await;
    }

    /// Ends it in order.
    pub(crate) fn end(mut self) -> TempDir {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A page that answers every question with the same load; its address. Ends with the process.
pub(crate) fn page() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            use std::io::{Read as _, Write as _};
            let _ = stream.read(&mut [0; 4096]);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: 11";
            let _ = write!(stream, "{head}\r\n\r\n{{\"load\": 1}}");
        }
    });
    address
}

/// A host with so many workloads of no instances in each of so many backends, all bound to one policy.
pub(crate) fn config(backends: usize, workloads: usize, every: &str, policy: &str, page: &str) -> String {
    let mut text =
        String::from("data_dir = \"data\"\n[api]\nlisten = \"127.0.0.1:0\"\nrate = 1000000\nburst = 1000000\n");
    text += &format!("[source.page.http-json]\nurl = \"http://{page}/\"\n");
    for backend in 0..backends {
        text += &format!("[driver.d{backend}.process]\ncgroups = false\n");
        for workload in 0..workloads {
            text += &format!("[driver.d{backend}.process.workload.w{workload}]\ncommand = [\"sleep\", \"1000\"]\n");
        }
        text += &format!(
            "[binding.b{backend}]\nselect = {{ driver = \"d{backend}\" }}\nevery = \"{every}\"\n\
             replicas = {{ min = 0, max = 0 }}\n\
             [[binding.b{backend}.reading]]\nname = \"load\"\nsource = \"page\"\nquery = \"/load\"\n\
             [[binding.b{backend}.policy]]\nuse = \"{policy}\"\nparams = {{ reading = \"load\", target = 10 }}\n"
        );
    }
    text
}

/// The same policy as another version: a custom section says so.
pub(crate) fn version_of(bytes: &[u8], version: u32) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.extend([0, 6, 1, b'v']);
    bytes.extend(version.to_le_bytes());
    bytes
}

/// The `share` quantile of some durations, in milliseconds.
pub(crate) fn quantile(sorted: &[Duration], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let at = ((sorted.len() as f64 * share) as usize).min(sorted.len() - 1);
    sorted[at].as_secs_f64() * 1e3
}
