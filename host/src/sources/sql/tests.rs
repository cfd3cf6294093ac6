//! With SQLite, which needs no server. `tests/it/sources/databases.rs` and `secured.rs` ask the real PostgreSQL and MariaDB.

use rusqlite::Connection;

use super::*;
use crate::snapshot::{Instance, Target};
use crate::sources::stage::{NOW, failed, instance, measure, newest, spec, target};

fn two() -> Vec<(Target, Vec<Instance>)> {
    vec![(target("web"), vec![instance("w1")]), (target("api"), vec![])]
}

/// A database with a few jobs in it.
fn shop() -> (tempfile::TempDir, SqlConfig) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("shop.db");
    let jobs = "CREATE TABLE jobs (queue TEXT, size REAL, worker TEXT);
        INSERT INTO jobs VALUES ('web', 1.5, 'w1'), ('web', 2, 'w1'), ('elsewhere', 9, 'x'), (NULL, NULL, NULL);";
    Connection::open(&file).unwrap().execute_batch(jobs).unwrap();
    (dir, at(&file))
}

fn at(file: &Path) -> SqlConfig {
    SqlConfig::new(&format!("sqlite:{}", file.display()))
}

async fn ask(
    config: &SqlConfig,
    query: &str,
    subject: Subject,
    of: &[(Target, Vec<Instance>)],
) -> Result<Measurement, String> {
    let source = SqlSource::new("shop", config.clone()).unwrap();
    let mut reading = spec("jobs", "shop", subject);
    reading.query = query.to_owned();
    source.check_reading(&reading).unwrap();
    measure(&source, &reading, of, NOW).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_column_says_whose_each_row_is() {
    let (_dir, config) = shop();
    let query = "SELECT queue AS target, count(*) AS value FROM jobs GROUP BY queue; -- by queue";
    let told = ask(&config, query.trim_end_matches(" -- by queue"), Subject::Target, &two()).await.unwrap();
    assert_eq!(newest(&told), [("web", None, 2.0)]);
    assert_eq!(
        failed(&told),
        ["local/api: the answer has no row of it", "row {}: it has no label target, which would name the target"],
        "of NULL"
    );
    let query = "SELECT worker AS instance_id, sum(size) AS value FROM jobs GROUP BY worker -- by worker";
    let told = ask(&config, query, Subject::Instance, &two()).await.unwrap();
    assert_eq!(newest(&told), [("web", Some("w1"), 3.5)]);
    let told = ask(&config, "SELECT count(*) FROM jobs", Subject::Target, &two()[..1]).await.unwrap();
    assert_eq!(newest(&told), [("web", None, 4.0)], "one target alone needs no column");
}

#[tokio::test]
async fn nothing_is_not_zero() {
    let (_dir, config) = shop();
    for (query, why) in [
        ("SELECT sum(size) FROM jobs WHERE queue = 'none'", "row {}: its value is NULL"),
        ("SELECT size FROM jobs WHERE queue = 'none'", "local/web: the answer has no row of it"),
    ] {
        let told = ask(&config, query, Subject::Target, &two()[..1]).await.unwrap();
        assert!(told.rows.is_empty(), "{told:?}");
        assert_eq!(failed(&told), [why]);
    }
    let told = ask(&config, "SELECT 'web' AS target, 'lots' AS value", Subject::Target, &two()).await.unwrap();
    assert_eq!(
        failed(&told),
        ["local/api: the answer has no row of it", r#"row {target="web"}: "lots" is not a number"#]
    );
    let told = ask(&config, "SELECT 'web' AS target, 3 AS depth", Subject::Target, &two()).await.unwrap();
    assert!(failed(&told).iter().any(|why| why.contains("it has no column value")), "{told:?}");
    let told = ask(&config, "SELECT queue AS target, size AS value FROM jobs", Subject::Target, &two()).await.unwrap();
    assert!(told.rows.is_empty(), "two rows of one target could mean anything: {told:?}");
}

#[tokio::test]
async fn a_query_can_only_read() {
    let (_dir, config) = shop();
    for query in [
        "DELETE FROM jobs",
        "DELETE FROM jobs RETURNING size AS value",
        "SELECT 1 AS value; DELETE FROM jobs",
        "SELECT 1 AS value) AS asked; DELETE FROM jobs; --",
        "PRAGMA query_only = off",
        "ATTACH 'other.db' AS other",
    ] {
        ask(&config, query, Subject::Target, &two()[..1]).await.unwrap_err();
    }
    let told = ask(&config, "SELECT count(*) FROM jobs", Subject::Target, &two()[..1]).await.unwrap();
    assert_eq!(newest(&told), [("web", None, 4.0)]);
}

#[tokio::test]
async fn a_query_without_end_is_ended_and_too_many_rows_are_refused() {
    let (_dir, mut config) = shop();
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS value FROM n";
    config.timeout_ms = 100;
    let began = std::time::Instant::now();
    let error = ask(&config, endless, Subject::Target, &two()[..1]).await.unwrap_err();
    assert_eq!(error, "source shop gave a bad answer: the query was ended after 100ms");
    assert!(began.elapsed() < Duration::from_secs(3));
    (config.rows_max, config.timeout_ms) = (2, 3_000);
    let error = ask(&config, "SELECT size AS value FROM jobs", Subject::Target, &two()[..1]).await.unwrap_err();
    assert!(error.contains("more than 2 rows"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("none.db");
    let error = ask(&at(&file), "SELECT 1", Subject::Target, &two()[..1]).await.unwrap_err();
    assert!(error.starts_with("source shop did not answer: "), "{error}");
    assert!(!file.exists());
    std::fs::write(&file, "this is no database, but long enough to be looked at as one").unwrap();
    ask(&at(&file), "SELECT * FROM x", Subject::Target, &two()[..1]).await.unwrap_err();
}

#[test]
fn settings_that_do_not_suit_are_refused_and_passwords_not_repeated() {
    let (file, server) = (at(Path::new("x.db")), SqlConfig::new("postgres://127.0.0.1/shop"));
    assert!(file.complaints().is_empty() && server.complaints().is_empty());
    let url = SqlConfig::new;
    for (config, expected) in [
        (SqlConfig { user: Some("me".to_owned()), ..file }, "url: a file has no user"),
        (
            SqlConfig { ca_file: Some("ca.pem".into()), tls: SqlTls::Off, ..server.clone() },
            "ca_file: is of no use without TLS",
        ),
        (SqlConfig { cert_file: Some("me.pem".into()), ..server.clone() }, "cert_file: stands without key_file"),
        (SqlConfig { key_file: Some("me.key".into()), ..server.clone() }, "key_file: stands without cert_file"),
        (SqlConfig { timeout_ms: 0, ..server.clone() }, "timeout_ms: is 0"),
        (SqlConfig { rows_max: 0, ..server }, "rows_max: is 0"),
        (url("postgres://me:hush@127.0.0.1/shop"), "url: a url must hold no user"),
        (url("sqlite:"), "url: names no file"),
        (url("oracle://x"), "url: it does not begin with"),
        (url("postgres://127.0.0.1/shop?sslmode=disable"), "url: after the host there is only a database"),
    ] {
        let complaints = config.complaints();
        assert!(complaints.len() == 1 && complaints[0].starts_with(expected), "{complaints:?}");
        assert!(!complaints[0].contains("hush"));
        SqlSource::new("shop", config).unwrap_err();
    }
}
