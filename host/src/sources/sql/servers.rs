//! PostgreSQL and MySQL.

use std::fmt;
use std::time::Duration;

use reqwest::Url;
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions, MySqlRow, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow, PgSslMode};
use sqlx::{AssertSqlSafe, Column, Executor, MySqlPool, PgPool, Row, Statement};
use tokio::sync::Mutex;

use super::answer::Line;
use super::{SqlConfig, SqlTls, Trouble};
use crate::causes::{root_cause, with_causes};
use crate::secret::Secret;

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(120);

/// Most columns of an answer.
const COLUMNS_MAX: usize = 64;

/// A server, and the connections to it once there are some.
pub(super) struct Servers {
    url: Url,
    pool: Mutex<Option<Pool>>,
}

#[derive(Clone)]
enum Pool {
    Postgres(PgPool),
    MySql(MySqlPool),
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Servers").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

/// An address that we can speak to.
pub(super) fn parse_url(text: &str) -> Result<Url, String> {
    // What cannot be read could hold a password: it is not repeated.
    let url = Url::parse(text).map_err(|error| format!("it is no url: {error}"))?;
    if !matches!(url.scheme(), "postgres" | "postgresql" | "mysql" | "mariadb") || !url.has_host() {
        return Err("it does not begin with postgres:// or mysql:// and a host, or with sqlite:".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a url must hold no user and no password; write them in user and password".to_owned());
    }
    if url.query().is_some() || url.path().trim_start_matches('/').contains('/') {
        return Err("after the host there is only a database".to_owned());
    }
    Ok(url)
}

impl Servers {
    pub(super) fn new(url: &str) -> Result<Self, String> {
        Ok(Self { url: parse_url(url)?, pool: Mutex::default() })
    }

    /// The rows of this query, at most one more than may be.
    pub(super) async fn ask(&self, config: &SqlConfig, query: &str) -> Result<Vec<Line>, Trouble> {
        let pool = self.pool(config).await?;
        let lines = match &pool {
            Pool::Postgres(pool) => postgres(pool, config, query).await,
            Pool::MySql(pool) => mysql(pool, config, query).await,
        };
        if matches!(lines, Err(Trouble::Unreachable(_))) {
            // Perhaps the password has changed: the next question begins anew.
            self.forget().await;
        }
        lines
    }

    /// Has the next question make connections of its own.
    pub(super) async fn forget(&self) {
        *self.pool.lock().await = None;
    }

    async fn pool(&self, config: &SqlConfig) -> Result<Pool, Trouble> {
        let mut kept = self.pool.lock().await;
        if let Some(pool) = kept.as_ref() {
            return Ok(pool.clone());
        }
        crate::tls::ready();
        let fetch = config.password.as_ref().map(|at| at.fetch()).transpose();
        let password = fetch.map_err(|error| Trouble::Unreachable(with_causes(&error)))?;
        let within = Duration::from_millis(config.connect_timeout_ms);
        let pool = if self.url.scheme().starts_with("postgres") {
            let pool = PgPoolOptions::new().max_connections(config.connections_max);
            let pool = pool.acquire_timeout(within).idle_timeout(IDLE);
            Pool::Postgres(pool.connect_lazy_with(self.postgres_options(config, password.as_ref())))
        } else {
            let pool = MySqlPoolOptions::new().max_connections(config.connections_max);
            let pool = pool.acquire_timeout(within).idle_timeout(IDLE);
            Pool::MySql(pool.connect_lazy_with(self.mysql_options(config, password.as_ref())))
        };
        *kept = Some(pool.clone());
        Ok(pool)
    }

    fn host(&self) -> &str {
        // An IPv6 address stands in brackets in a URL alone.
        self.url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
    }

    fn database(&self) -> &str {
        self.url.path().trim_start_matches('/')
    }

    /// `~/.pgpass` is not looked at; variables as `PGDATABASE` and `PGPASSWORD` only where the configuration is silent.
    fn postgres_options(&self, config: &SqlConfig, password: Option<&Secret>) -> PgConnectOptions {
        let mut options = PgConnectOptions::new_without_pgpass()
            .host(self.host())
            .port(self.url.port().unwrap_or(5432))
            .username(config.user.as_deref().unwrap_or("postgres"))
            .application_name("trimtab")
            .options([
                ("default_transaction_read_only", "on".to_owned()),
                ("statement_timeout", config.timeout_ms.to_string()),
            ])
            .ssl_mode(match config.tls {
                SqlTls::Verify => PgSslMode::VerifyFull,
                SqlTls::Off => PgSslMode::Disable,
            });
        if !self.database().is_empty() {
            options = options.database(self.database());
        }
        if let Some(password) = password {
            options = options.password(password.reveal());
        }
        if let (Some(cert), Some(key)) = (&config.cert_file, &config.key_file) {
            options = options.ssl_client_cert(cert).ssl_client_key(key);
        }
        match &config.ca_file {
            Some(file) => options.ssl_root_cert(file),
            None => options,
        }
    }

    fn mysql_options(&self, config: &SqlConfig, password: Option<&Secret>) -> MySqlConnectOptions {
        let mut options = MySqlConnectOptions::new()
            .host(self.host())
            .port(self.url.port().unwrap_or(3306))
            .username(config.user.as_deref().unwrap_or("root"))
            .ssl_mode(match config.tls {
                SqlTls::Verify => MySqlSslMode::VerifyIdentity,
                SqlTls::Off => MySqlSslMode::Disabled,
            });
        if !self.database().is_empty() {
            options = options.database(self.database());
        }
        if let Some(password) = password {
            options = options.password(password.reveal());
        }
        if let (Some(cert), Some(key)) = (&config.cert_file, &config.key_file) {
            options = options.ssl_client_cert(cert).ssl_client_key(key);
        }
        match &config.ca_file {
            Some(file) => options.ssl_ca(file),
            None => options,
        }
    }
}

/// As a subquery it can only read: a statement that changes something cannot stand there, and two statements cannot be
/// prepared as one. Rows come as JSON, so that every type of number is read alike.
async fn postgres(pool: &PgPool, config: &SqlConfig, query: &str) -> Result<Vec<Line>, Trouble> {
    let limit = u64::from(config.rows_max) + 1;
    // The line's end ends a comment at the end of the query.
    let wrapped = format!("SELECT row_to_json(asked)::text FROM (\n{query}\n) AS asked LIMIT {limit}");
    let mut reading = pool.begin_with("BEGIN READ ONLY").await.map_err(|error| trouble(&error))?;
    let rows = reading.fetch_all(sqlx::query(AssertSqlSafe(wrapped)).persistent(false)).await;
    let rows = rows.map_err(|error| trouble(&error))?;
    reading.rollback().await.map_err(|error| trouble(&error))?;
    rows.iter().map(line_of_json).collect()
}

fn line_of_json(row: &PgRow) -> Result<Line, Trouble> {
    let text: String = row.try_get(0).map_err(|error| trouble(&error))?;
    let columns: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&text).map_err(|error| Trouble::Bad(format!("a row cannot be read: {error}")))?;
    let text = |value: serde_json::Value| match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    Ok(Line::new(columns.into_iter().map(|(name, value)| (name, text(value))).collect()))
}

/// As above; every column is cast to text, for which their names are asked first.
async fn mysql(pool: &MySqlPool, config: &SqlConfig, query: &str) -> Result<Vec<Line>, Trouble> {
    let inner = format!("(\n{query}\n) AS asked");
    let mut reading = pool.begin_with("START TRANSACTION READ ONLY").await.map_err(|error| trouble(&error))?;
    let version: String =
        sqlx::query_scalar("SELECT VERSION()").fetch_one(&mut *reading).await.map_err(|error| trouble(&error))?;
    // The two have different words and units for the same; each is of this session, which is ours alone.
    let limit = match version.contains("MariaDB") {
        true => {
            format!("SET SESSION max_statement_time = {}.{:03}", config.timeout_ms / 1000, config.timeout_ms % 1000)
        }
        false => format!("SET SESSION max_execution_time = {}", config.timeout_ms),
    };
    reading.execute(AssertSqlSafe(limit)).await.map_err(|error| trouble(&error))?;
    let shape = AssertSqlSafe(format!("SELECT * FROM {inner} LIMIT 0"));
    let shape = reading.prepare(sqlx::SqlSafeStr::into_sql_str(shape)).await.map_err(|error| trouble(&error))?;
    if shape.columns().len() > COLUMNS_MAX {
        return Err(Trouble::Bad(format!("more than {COLUMNS_MAX} columns; name those that are needed")));
    }
    let cast = |column: &sqlx::mysql::MySqlColumn| {
        let name = format!("`{}`", column.name().replace('`', "``"));
        format!("CAST(asked.{name} AS CHAR) AS {name}")
    };
    let columns: Vec<String> = shape.columns().iter().map(cast).collect();
    let limit = u64::from(config.rows_max) + 1;
    let wrapped = format!("SELECT {} FROM {inner} LIMIT {limit}", columns.join(", "));
    let rows = reading.fetch_all(sqlx::query(AssertSqlSafe(wrapped)).persistent(false)).await;
    let rows = rows.map_err(|error| trouble(&error))?;
    reading.rollback().await.map_err(|error| trouble(&error))?;
    rows.iter().map(line_of_texts).collect()
}

fn line_of_texts(row: &MySqlRow) -> Result<Line, Trouble> {
    let column = |column: &sqlx::mysql::MySqlColumn| {
        let text: Option<String> = row.try_get(column.ordinal()).map_err(|error| trouble(&error))?;
        Ok((column.name().to_owned(), text))
    };
    Ok(Line::new(row.columns().iter().map(column).collect::<Result<_, Trouble>>()?))
}

/// What the server itself said of the query is its answer; all else means that it was not reached.
fn trouble(error: &sqlx::Error) -> Trouble {
    match error {
        sqlx::Error::Database(said) => Trouble::Bad(said.message().to_owned()),
        sqlx::Error::PoolTimedOut => Trouble::Unreachable("no connection in time".to_owned()),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
            Trouble::Bad(root_cause(error))
        }
        other => Trouble::Unreachable(root_cause(other)),
    }
}
