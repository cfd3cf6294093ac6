//! A real RabbitMQ with its management API (`TRIMTAB_TEST_RABBITMQ`, else Debian's `rabbitmq-server` as its package has it).

use std::path::{Path, PathBuf};
use std::process::Command;

use super::server::{Server, free_port};
use crate::skip::skip;

/// Where Debian's package has the script that stays the user that it is; the one on the path becomes another.
const INSTALLED: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/// RabbitMQ with its user `guest`, password `guest`. It ends with this.
pub(crate) struct Rabbitmq {
    server: Server,
    management: String,
}

impl Rabbitmq {
    /// Starts an empty one; takes some seconds.
    pub(crate) async fn start(test: &str) -> Option<Self> {
        let Some(program) = program() else {
            skip(test, "no rabbitmq-server; run `cargo xtask test`, or name one in TRIMTAB_TEST_RABBITMQ");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let management = free_port();
        let text = format!(
            "listeners.tcp.1 = 127.0.0.1:{}\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {management}\n",
            free_port()
        );
        std::fs::write(folder.path().join("rabbitmq.conf"), text).unwrap();
        std::fs::write(folder.path().join("plugins"), "[rabbitmq_management].\n").unwrap();
        let command = command(&program, folder.path());
        let mut server = Server::start(command, folder);
        let management = format!("http://127.0.0.1:{management}");
        let overview = format!("{}/api/overview", management.replace("http://", "http://guest:guest@"));
        server.ready(async || super::server::answers(&overview).await).await;
        Some(Self { server, management })
    }

    /// `http://127.0.0.1:PORT`, of the management API.
    pub(crate) fn management(&self) -> &str {
        &self.management
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        self.server.kill();
    }
}

fn command(program: &Path, folder: &Path) -> Command {
    // It leaves a daemon of names behind, but not behind the end of its process namespace.
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--pid", "--fork", "--kill-child", "--"]).arg(program);
    for (variable, name) in [
        ("HOME", ""),
        ("RABBITMQ_MNESIA_BASE", "db"),
        ("RABBITMQ_LOG_BASE", "log"),
        ("RABBITMQ_CONFIG_FILE", "rabbitmq.conf"),
        ("RABBITMQ_ADVANCED_CONFIG_FILE", "none.config"),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", "plugins"),
        ("RABBITMQ_PID_FILE", "pid"),
    ] {
        command.env(variable, folder.join(name));
    }
    command
        .envs([("RABBITMQ_CONF_ENV_FILE", "/dev/null"), ("RABBITMQ_LOGS", "-"), ("ERL_EPMD_ADDRESS", "127.0.0.1")])
        .env("RABBITMQ_NODENAME", "trimtab@localhost")
        .env("ERL_EPMD_PORT", free_port().to_string())
        .env("RABBITMQ_DIST_PORT", free_port().to_string());
    command
}

fn program() -> Option<PathBuf> {
    let named = std::env::var_os("TRIMTAB_TEST_RABBITMQ").map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from(INSTALLED)).filter(|file| file.is_file()))
}

#[tokio::test]
async fn rabbitmq_tells_of_a_queue() {
    let Some(server) = Rabbitmq::start("rabbitmq").await else { return };
    let url = format!("{}/api/queues/%2f/jobs", server.management());
    trimtab::tls::ready();
    let client = reqwest::Client::new();
    let guest = |request: reqwest::RequestBuilder| request.basic_auth("guest", Some("guest")).send();
    let made = guest(client.put(&url).json(&serde_json::json!({}))).await.unwrap();
    assert_eq!(made.status(), 201);
    let queue: serde_json::Value = guest(client.get(&url)).await.unwrap().json().await.unwrap();
    assert_eq!(queue["name"], "jobs");
}
