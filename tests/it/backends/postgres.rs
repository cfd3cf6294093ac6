//! A real PostgreSQL (`TRIMTAB_TEST_POSTGRES`, else `postgres`, each with `initdb` beside it).

use std::path::Path;
use std::process::Command;

use super::server::{Server, free_port, program_or_skip};
use crate::skip::skip;

/// PostgreSQL with a superuser `trimtab` without a password and the database `postgres`. It ends with this.
pub(crate) struct Postgres {
    server: Server,
    url: String,
}

impl Postgres {
    /// Makes an empty cluster and starts it.
    pub(crate) async fn start(test: &str) -> Option<Self> {
        Self::with(test, |_| Vec::new()).await
    }

    /// The same, with settings from somebody who may also change files of the cluster before it is started.
    pub(crate) async fn with(test: &str, prepare: impl FnOnce(&Path) -> Vec<String>) -> Option<Self> {
        let program = program_or_skip(test, "TRIMTAB_TEST_POSTGRES", "postgres")?;
        let tried = as_nobody(Path::new("true")).output();
        if !tried.is_ok_and(|tried| tried.status.success()) {
            skip(test, "PostgreSQL refuses root, who may make no user namespace here: run the tests as another user");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let made = as_nobody(&program.with_file_name("initdb"))
            .args(["--username=trimtab", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", "--pgdata"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        let settings = prepare(&data);
        let mut command = as_nobody(&program);
        command.arg("-D").arg(data).args(["-p", &port.to_string()]);
        let own = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"];
        for setting in own.into_iter().chain(settings.iter().map(String::as_str)) {
            command.args(["-c", setting]);
        }
        let url = format!("postgres://trimtab@127.0.0.1:{port}/postgres");
        let mut postgres = Self { server: Server::start(command, folder), url };
        let url = postgres.url.clone();
        postgres.server.ready(async || sqlx::PgPool::connect(&url).await.is_ok()).await;
        Some(postgres)
    }

    /// `postgres://trimtab@127.0.0.1:PORT/postgres`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Its process, for SIGSTOP and the like.
    pub(crate) fn pid(&self) -> u32 {
        self.server.pid()
    }
}

/// PostgreSQL refuses root. In a user namespace root goes by another number and still owns its files.
fn as_nobody(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-user=1000", "--map-group=1000", "--"]).arg(program);
    command
}

#[tokio::test]
async fn postgres_answers_with_a_number() {
    let Some(server) = Postgres::start("postgres").await else { return };
    assert!(server.pid() > 0);
    let pool = sqlx::PgPool::connect(server.url()).await.unwrap();
    let number: i32 = sqlx::query_scalar("select 42").fetch_one(&pool).await.unwrap();
    assert_eq!(number, 42);
}
