//! A real Prometheus (`TRIMTAB_TEST_PROMETHEUS`, else `prometheus`).

use std::process::Command;

use super::engine::Engine;
use super::server::{PATIENCE, Server, answers, free_port, program_or_skip};

/// Prometheus, which scrapes and judges its rules twice a second. It ends with this.
pub(crate) struct Prometheus {
    _server: Server,
    url: String,
}

impl Prometheus {
    /// Starts one with these sections (`scrape_configs`, `rule_files`, …) below its `global`.
    pub(crate) async fn start(test: &str, sections: &str) -> Option<Self> {
        let program = program_or_skip(test, "TRIMTAB_TEST_PROMETHEUS", "prometheus")?;
        let (mut server, url) = run(Command::new(program), sections);
        let ready = format!("{url}/-/ready");
        server.ready(async || answers(&ready).await).await;
        Some(Self { _server: server, url })
    }

    /// The same in the network of an engine, from where it reaches containers; ask it by [`Engine::within`].
    pub(crate) async fn beside(engine: &Engine, test: &str, sections: &str) -> Option<Self> {
        let program = program_or_skip(test, "TRIMTAB_TEST_PROMETHEUS", "prometheus")?;
        let (mut server, url) = run(engine.inside(program), sections);
        let ready = format!("{url}/-/ready");
        server.ready(async || engine.within(async || answers(&ready).await)).await;
        Some(Self { _server: server, url })
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

fn run(mut command: Command, sections: &str) -> (Server, String) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("prometheus.yml");
    let global = "global: {scrape_interval: 500ms, scrape_timeout: 400ms, evaluation_interval: 500ms}";
    std::fs::write(&config, format!("{global}\n{sections}\n")).unwrap();
    let port = free_port();
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--rules.alert.resend-delay=1s");
    (Server::start(command, folder), format!("http://127.0.0.1:{port}"))
}

/// What it answers to a query: the first number.
async fn first(url: &str, query: &str) -> Option<String> {
    let answer = reqwest::get(format!("{url}/api/v1/query?query={query}")).await.unwrap();
    let answer: serde_json::Value = answer.json().await.unwrap();
    answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned)
}

#[tokio::test]
async fn prometheus_scrapes_what_is_in_an_engines_network() {
    let Some(engine) = Engine::start("prometheus").await else { return };
    let port = free_port();
    let sections = format!("scrape_configs: [{{job_name: self, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]");
    let Some(prometheus) = Prometheus::beside(&engine, "prometheus", &sections).await else { return };
    let url = prometheus.url();
    let end = std::time::Instant::now() + PATIENCE;
    // Nobody listens there, which it finds out by trying.
    while engine.within(async || first(url, "up").await).as_deref() != Some("0") {
        assert!(std::time::Instant::now() < end, "no scrape");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}
