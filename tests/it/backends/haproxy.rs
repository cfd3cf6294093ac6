//! A real HAProxy with a runtime socket (`TRIMTAB_TEST_HAPROXY`, else `haproxy`).

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::engine::Engine;
use super::server::{Server, free_port, program_or_skip};

/// HAProxy. It ends with this.
pub(crate) struct Haproxy {
    server: Server,
}

impl Haproxy {
    /// Starts one with these sections (frontends, backends) beside a `global` with a runtime socket and `defaults` for HTTP.
    pub(crate) async fn start(test: &str, sections: &str) -> Option<Self> {
        let program = program_or_skip(test, "TRIMTAB_TEST_HAPROXY", "haproxy")?;
        Some(Self::run(Command::new(program), sections).await)
    }

    /// The same in the network of an engine, from where it reaches containers.
    pub(crate) async fn beside(engine: &Engine, test: &str, sections: &str) -> Option<Self> {
        let program = program_or_skip(test, "TRIMTAB_TEST_HAPROXY", "haproxy")?;
        Some(Self::run(engine.inside(program), sections).await)
    }

    async fn run(mut command: Command, sections: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("haproxy.cfg");
        let text = format!(
            "global\n  stats socket {}/haproxy.sock mode 600 level admin\n\
             defaults\n  mode http\n  timeout connect 1s\n  timeout client 70s\n  timeout server 70s\n{sections}\n",
            folder.path().display()
        );
        std::fs::write(&config, text).unwrap();
        // In the foreground, without a master: the pid is its own.
        command.arg("-db").arg("-f").arg(config);
        let mut haproxy = Self { server: Server::start(command, folder) };
        haproxy.ready().await;
        haproxy
    }

    /// Its runtime socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.server.folder().join("haproxy.sock")
    }

    /// What it answers to a command on its runtime socket.
    pub(crate) fn ask(&self, command: &str) -> std::io::Result<String> {
        ask(&self.socket(), command)
    }

    /// Kills it; the socket's file stays, and nobody listens.
    pub(crate) fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts it again with the configuration that it had at first: what came in by its socket is lost.
    pub(crate) async fn start_again(&mut self) {
        self.server.start_again();
        self.ready().await;
    }

    async fn ready(&mut self) {
        let socket = self.socket();
        self.server.ready(async || UnixStream::connect(&socket).is_ok()).await;
    }
}

/// The same, where only the socket is at hand.
pub(crate) fn ask(socket: &Path, command: &str) -> std::io::Result<String> {
    let mut socket = UnixStream::connect(socket)?;
    writeln!(socket, "{command}")?;
    let mut said = String::new();
    socket.read_to_string(&mut said)?;
    Ok(said)
}

#[tokio::test]
async fn haproxy_forgets_servers_when_it_is_killed() {
    let port = free_port();
    let sections = format!("frontend web\n  bind 127.0.0.1:{port}\n  default_backend web\nbackend web");
    let Some(mut haproxy) = Haproxy::start("haproxy", &sections).await else { return };
    let added = haproxy.ask("add server web/one 127.0.0.1:1").unwrap();
    assert!(added.contains("registered"), "{added}");
    assert!(haproxy.ask("show servers state web").unwrap().contains(" one "));
    haproxy.kill();
    assert!(haproxy.ask("show info").is_err());
    haproxy.start_again().await;
    assert!(!haproxy.ask("show servers state web").unwrap().contains(" one "));
}
