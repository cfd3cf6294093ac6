//! PostgreSQL and MariaDB. SQLite needs no server and is tried in its room.

use std::time::Duration;

use sqlx::Connection as _;
use sqlx::Executor as _;
use trimtab::snapshot::Subject;
use trimtab::sources::Source;
use trimtab::sources::sql::{SqlConfig, SqlSource, SqlTls};

use super::{measure, row, told};
use crate::backends::mariadb::Mariadb;
use crate::backends::postgres::Postgres;

const JOBS: &str = "CREATE TABLE jobs (queue VARCHAR(20), size NUMERIC(10, 2), weight DOUBLE PRECISION);
    INSERT INTO jobs VALUES ('web', 1.25, 0.5), ('web', 2.50, 0.5), ('api', NULL, NULL);";

#[tokio::test]
async fn postgres_gives_numbers_to_queries_that_only_read() {
    let Some(server) = Postgres::start("source sql, PostgreSQL").await else { return };
    let mut connection = sqlx::PgConnection::connect(server.url()).await.unwrap();
    connection.execute(sqlx::raw_sql(JOBS)).await.unwrap();
    let url = server.url().replace("trimtab@", "");
    let source = source(&url, "trimtab");
    numbers(&source).await;
    only_reads(&source, "SELECT pg_sleep(30) IS NULL AS value").await;
    for query in ["SELECT 'NaN'::float8 AS value", "SELECT 'Infinity'::float8 AS value"] {
        assert!(!told(&source, query, &["web"]).await[0].1.is_finite(), "{query}: gather drops it and says so");
    }
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs").fetch_one(&mut connection).await.unwrap();
    assert_eq!(left, 3);

    // A server without TLS is not spoken to in the clear unless that is said.
    let config = SqlConfig { tls: SqlTls::Verify, user: Some("trimtab".to_owned()), ..SqlConfig::new(&url) };
    let error = SqlSource::new("shop", config).unwrap().check().await.unwrap_err().to_string();
    assert!(error.contains("did not answer"), "{error}");
}

#[tokio::test]
async fn mariadb_gives_numbers_to_queries_that_only_read() {
    let Some(server) = Mariadb::start("source sql, MariaDB").await else { return };
    let mut connection = sqlx::MySqlConnection::connect(server.url()).await.unwrap();
    connection.execute(sqlx::raw_sql(JOBS)).await.unwrap();
    let source = source(&server.url().replace("root@", ""), "root");
    numbers(&source).await;
    only_reads(&source, "SELECT SLEEP(30) AS value").await;
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs").fetch_one(&mut connection).await.unwrap();
    assert_eq!(left, 3);
    drop(server);
    assert!(measure(&source, "SELECT 1", Subject::Target, &[("web", &[])], 1).await.is_err());
}

fn source(url: &str, user: &str) -> SqlSource {
    let config = SqlConfig { tls: SqlTls::Off, user: Some(user.to_owned()), timeout_ms: 700, ..SqlConfig::new(url) };
    SqlSource::new("shop", config).unwrap()
}

async fn numbers(source: &SqlSource) {
    source.check().await.unwrap();
    let both = ["web", "api"];
    for (column, web) in [("count(size)", 2.0), ("sum(size)", 3.75), ("sum(weight)", 1.0), ("max(size)", 2.5)] {
        let query = format!("SELECT queue AS target, {column} AS value FROM jobs GROUP BY queue; ");
        let rows = told(source, &query, &both).await;
        assert_eq!(rows.last(), Some(&row("web", web)), "{column}: {rows:?}");
        assert_eq!(rows.len(), if column == "count(size)" { 2 } else { 1 }, "NULL is absent: {rows:?}");
    }
    assert_eq!(told(source, "SELECT count(*) FROM jobs -- all", &["web"]).await, [row("web", 3.0)]);
}

async fn only_reads(source: &SqlSource, slow: &str) {
    for query in [
        "DELETE FROM jobs",
        "SELECT 1 AS value; DELETE FROM jobs",
        "SELECT 1 AS value) AS asked; DELETE FROM jobs; SELECT 1 FROM (SELECT 1",
        "SELECT 1 AS value) AS asked; COMMIT; DELETE FROM jobs; -- ",
        "SELECT nothing FROM nowhere",
    ] {
        let error = measure(source, query, Subject::Target, &[("web", &[])], 1).await.unwrap_err().to_string();
        assert!(error.contains("gave a bad answer"), "{query}: {error}");
    }
    let began = std::time::Instant::now();
    let ended = measure(source, slow, Subject::Target, &[("web", &[])], 1).await.unwrap_err().to_string();
    assert!(ended.contains("timeout") || ended.contains("exceeded"), "the server's own word: {ended}");
    assert!(began.elapsed() < Duration::from_secs(5), "the server ended it");
    source.check().await.unwrap();
}
