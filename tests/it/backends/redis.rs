//! A real Redis (`TRIMTAB_TEST_REDIS`, else `redis-server`).

use std::process::Command;

use super::server::{Server, free_port, program_or_skip};

/// Redis. It ends with this.
pub(crate) struct Redis {
    server: Server,
    url: String,
}

impl Redis {
    /// Starts an empty one that keeps nothing on disk, with further arguments such as `--requirepass secret`.
    pub(crate) async fn start(test: &str, arguments: &[&str]) -> Option<Self> {
        let program = program_or_skip(test, "TRIMTAB_TEST_REDIS", "redis-server")?;
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut command = Command::new(program);
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"]);
        command.arg("--dir").arg(folder.path()).args(arguments);
        let mut redis = Self { server: Server::start(command, folder), url: format!("redis://127.0.0.1:{port}/") };
        redis.server.ready(async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await;
        Some(redis)
    }

    /// `redis://127.0.0.1:PORT/`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        self.server.kill();
    }
}

#[tokio::test]
async fn redis_counts_a_list() {
    let Some(mut server) = Redis::start("redis", &[]).await else { return };
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let length: u64 = redis::cmd("RPUSH").arg("jobs").arg(&["a", "b"]).query_async(&mut connection).await.unwrap();
    assert_eq!(length, 2);
    server.kill();
    assert!(redis::cmd("LLEN").arg("jobs").query_async::<u64>(&mut connection).await.is_err());
}
