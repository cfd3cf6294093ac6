//! A real Alertmanager (`TRIMTAB_TEST_ALERTMANAGER`, else `prometheus-alertmanager`).

use std::path::Path;
use std::process::Command;

use super::server::{Server, answers, free_port, program_or_skip};

/// Alertmanager. It ends with this.
pub(crate) struct Alertmanager {
    _server: Server,
    url: String,
}

impl Alertmanager {
    /// Starts one that sends every alert, firing and resolved, to this webhook at once, and again every two seconds.
    pub(crate) async fn start(test: &str, webhook: &str) -> Option<Self> {
        Self::run(test, webhook, "").await
    }

    /// The same with the token that a file holds.
    pub(crate) async fn with_token(test: &str, webhook: &str, token: &Path) -> Option<Self> {
        let file = token.display();
        Self::run(test, webhook, &format!("http_config: {{authorization: {{credentials_file: '{file}'}}}}")).await
    }

    async fn run(test: &str, webhook: &str, settings: &str) -> Option<Self> {
        let program = program_or_skip(test, "TRIMTAB_TEST_ALERTMANAGER", "prometheus-alertmanager")?;
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("alertmanager.yml");
        let text = format!(
            "route: {{receiver: trimtab, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 2s}}\n\
             receivers:\n- name: trimtab\n  webhook_configs:\n  - url: '{webhook}'\n    send_resolved: true\n    {settings}\n"
        );
        std::fs::write(&config, text).unwrap();
        let port = free_port();
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=");
        let mut alertmanager =
            Self { _server: Server::start(command, folder), url: format!("http://127.0.0.1:{port}") };
        let url = format!("{}/-/ready", alertmanager.url);
        alertmanager._server.ready(async || answers(&url).await).await;
        Some(alertmanager)
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

#[tokio::test]
async fn alertmanager_sends_an_alert_to_a_webhook() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let webhook = format!("http://{}/hook", listener.local_addr().unwrap());
    let Some(alertmanager) = Alertmanager::start("alertmanager", &webhook).await else { return };
    let (sender, mut received) = tokio::sync::mpsc::channel(4);
    let hook = async move |axum::Json(body): axum::Json<serde_json::Value>| sender.send(body).await.unwrap();
    let router = axum::Router::new().route("/hook", axum::routing::post(hook));
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let alert = serde_json::json!([{ "labels": { "alertname": "Busy", "service": "web" } }]);
    trimtab::tls::ready();
    let sent = reqwest::Client::new().post(format!("{}/api/v2/alerts", alertmanager.url())).json(&alert).send().await;
    assert_eq!(sent.unwrap().status(), 200);
    let body = tokio::time::timeout(super::server::PATIENCE, received.recv()).await.unwrap().unwrap();
    assert_eq!((&body["status"], &body["alerts"][0]["labels"]["service"]), (&"firing".into(), &"web".into()), "{body}");
    serving.abort();
}
