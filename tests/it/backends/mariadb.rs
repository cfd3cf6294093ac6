//! A real MariaDB (`TRIMTAB_TEST_MARIADB`, else `mariadbd`, each with `mariadb-install-db` beside it or on the path).

use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::Connection as _;

use super::server::{Server, free_port, program_or_skip};

/// MariaDB with the user `root` without a password and the database `test`. It ends with this.
pub(crate) struct Mariadb {
    server: Server,
    url: String,
}

impl Mariadb {
    /// Makes an empty folder of data and starts it.
    pub(crate) async fn start(test: &str) -> Option<Self> {
        let program = program_or_skip(test, "TRIMTAB_TEST_MARIADB", "mariadbd")?;
        let folder = tempfile::tempdir().unwrap();
        let data = format!("--datadir={}", folder.path().join("data").display());
        let made = Command::new(installer(&program))
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--user=root", &data])
            .output()
            .unwrap();
        let said = [made.stdout, made.stderr].concat();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&said));
        let port = free_port();
        let mut command = Command::new(program);
        command.args(["--no-defaults", "--user=root", "--bind-address=127.0.0.1", &format!("--port={port}"), &data]);
        command.arg(format!("--socket={}", folder.path().join("socket").display()));
        let url = format!("mysql://root@127.0.0.1:{port}/test");
        let mut mariadb = Self { server: Server::start(command, folder), url };
        let url = mariadb.url.clone();
        mariadb.server.ready(async || sqlx::MySqlConnection::connect(&url).await.is_ok()).await;
        Some(mariadb)
    }

    /// `mysql://root@127.0.0.1:PORT/test`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Kills it. What it keeps stays.
    pub(crate) fn kill(&mut self) {
        self.server.kill();
    }
}

/// Beside the server, as xtask unpacks it; else on the path.
fn installer(program: &Path) -> PathBuf {
    let beside = program.with_file_name("mariadb-install-db");
    if beside.is_file() { beside } else { "mariadb-install-db".into() }
}

#[tokio::test]
async fn mariadb_answers_with_a_number() {
    let Some(mut server) = Mariadb::start("mariadb").await else { return };
    let mut connection = sqlx::MySqlConnection::connect(server.url()).await.unwrap();
    let number: i64 = sqlx::query_scalar("select 42").fetch_one(&mut connection).await.unwrap();
    assert_eq!(number, 42);
    server.kill();
    assert!(sqlx::MySqlConnection::connect(server.url()).await.is_err());
}
