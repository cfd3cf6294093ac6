//! The source `sql`: numbers by a query to PostgreSQL, MySQL (MariaDB) or SQLite.
//!
//! One query per reading, for all targets. Its rows have a column `value`, or one column only; a column named by `target_label`
//! says whose each row is, and one named by `instance_label` which instance's. The query stands as a subquery of ours in a
//! transaction that may only read, and the server itself ends it when its time is over. A value that is NULL, and a target without a
//! row, are absent, and told so.

mod answer;
mod rows;
mod servers;
mod sqlite;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use self::answer::Line;
use self::servers::Servers;
use super::fetch::{server_connect_timeout_ms, shorten};
use super::owners::Owners;
use super::{Ask, AskTarget, Measurement, ReadingSpec, Row, Source, SourceError};
use crate::quantity::DurationMs;
use crate::secret::SecretAt;
use crate::snapshot::{Samples, Subject};

/// What the client waits longer than the server, so that the server's own word is heard.
const LONGER_MS: u64 = 500;

/// What an address begins with that is a file of SQLite.
const SQLITE: &str = "sqlite:";

/// `[source.NAME.sql]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlConfig {
    /// Where it is: `postgres://host:port/database`, `mysql://host:port/database`, or `sqlite:path`.
    pub url: String,
    /// As whom.
    #[serde(default)]
    pub user: Option<String>,
    /// That user's password.
    #[serde(default)]
    pub password: Option<SecretAt>,
    /// How the server is spoken to.
    #[serde(default)]
    pub tls: SqlTls,
    /// Who vouches for the server, in PEM; `None`: whom the system believes.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The certificate, in PEM, that shows the server who we are; with `key_file`.
    #[serde(default)]
    pub cert_file: Option<PathBuf>,
    /// Its key, in PEM.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// The column that names the target, by its id or by its name without the driver's.
    #[serde(default = "default_target_label")]
    pub target_label: String,
    /// The column that names the instance, where a reading belongs to instances.
    #[serde(default = "default_instance_label")]
    pub instance_label: String,
    /// Most connections.
    #[serde(default = "default_connections_max")]
    pub connections_max: u32,
    /// Most rows of an answer.
    #[serde(default = "default_rows_max")]
    pub rows_max: u32,
    /// Time to connect.
    #[serde(default = "server_connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// Time for one query; then the server ends it.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
}

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SqlTls {
    /// Encrypted, and the server's certificate must be vouched for and name it.
    #[default]
    Verify,
    /// In the clear.
    Off,
}

fn default_target_label() -> String {
    "target".to_owned()
}

fn default_instance_label() -> String {
    "instance_id".to_owned()
}

fn default_connections_max() -> u32 {
    4
}

fn default_rows_max() -> u32 {
    10_000
}

fn default_timeout_ms() -> u64 {
    3_000
}

impl SqlConfig {
    /// The defaults, for the database at this address.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            user: None,
            password: None,
            tls: SqlTls::default(),
            ca_file: None,
            cert_file: None,
            key_file: None,
            target_label: default_target_label(),
            instance_label: default_instance_label(),
            connections_max: default_connections_max(),
            rows_max: default_rows_max(),
            connect_timeout_ms: server_connect_timeout_ms(),
            timeout_ms: default_timeout_ms(),
        }
    }

    /// What its shape does not say: `key: what is wrong; the remedy`.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        match self.sqlite_file() {
            None => complaints.extend(servers::parse_url(&self.url).err().map(|what| format!("url: {what}"))),
            Some("") => complaints.push("url: names no file; write sqlite:path".to_owned()),
            Some(_) if self.user.is_some() || self.password.is_some() || !self.files().is_empty() => {
                complaints.push("url: a file has no user, no password and no certificates; remove them".to_owned());
            }
            Some(_) => {}
        }
        if let Some((key, _)) = self.files().first().filter(|_| self.tls == SqlTls::Off) {
            complaints.push(format!("{key}: is of no use without TLS; remove it, or tls = \"off\""));
        }
        match (&self.cert_file, &self.key_file) {
            (Some(_), None) => complaints.push("cert_file: stands without key_file; write both or none".to_owned()),
            (None, Some(_)) => complaints.push("key_file: stands without cert_file; write both or none".to_owned()),
            _ => {}
        }
        for (key, value) in [("connections_max", self.connections_max), ("rows_max", self.rows_max)] {
            if value == 0 {
                complaints.push(format!("{key}: is 0; write at least 1"));
            }
        }
        if self.timeout_ms == 0 {
            complaints.push("timeout_ms: is 0, which servers take for no limit; write at least 1".to_owned());
        }
        complaints
    }

    /// Has relative files start from this folder.
    pub fn root_at(&mut self, base: &Path) {
        if let Some(file) = self.sqlite_file() {
            self.url = format!("{SQLITE}{}", base.join(file).display());
        }
        for file in [&mut self.ca_file, &mut self.cert_file, &mut self.key_file].into_iter().flatten() {
            *file = base.join(&*file);
        }
        self.password.iter_mut().for_each(|password| password.root_at(base));
    }

    /// The files of TLS that are named, by their keys.
    fn files(&self) -> Vec<(&'static str, &Path)> {
        let files = [("ca_file", &self.ca_file), ("cert_file", &self.cert_file), ("key_file", &self.key_file)];
        files.into_iter().filter_map(|(key, file)| Some((key, file.as_deref()?))).collect()
    }

    fn sqlite_file(&self) -> Option<&str> {
        self.url.strip_prefix(SQLITE)
    }
}

/// A database.
#[derive(Debug)]
pub struct SqlSource {
    name: String,
    config: SqlConfig,
    database: Database,
}

#[derive(Debug)]
enum Database {
    Server(Servers),
    File(PathBuf),
}

/// Why there is no answer.
#[derive(Debug)]
enum Trouble {
    Unreachable(String),
    Bad(String),
}

impl SqlSource {
    /// A source that will ask this database; nothing is opened yet.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(name: &str, config: SqlConfig) -> Result<Self, String> {
        if let Some(complaint) = config.complaints().into_iter().next() {
            return Err(complaint);
        }
        let database = match config.sqlite_file() {
            Some(file) => Database::File(file.into()),
            None => Database::Server(Servers::new(&config.url)?),
        };
        Ok(Self { name: name.to_owned(), config, database })
    }

    async fn ask(&self, query: &str) -> Result<Vec<Line>, SourceError> {
        let query = query.trim().trim_end_matches(';').trim_end();
        let most = Duration::from_millis(self.config.timeout_ms.saturating_add(LONGER_MS));
        let asking = async {
            match &self.database {
                Database::Server(servers) => servers.ask(&self.config, query).await,
                Database::File(file) => sqlite::ask(file, &self.config, query).await,
            }
        };
        let lines = match timeout(most, asking).await {
            Ok(lines) => lines,
            Err(_) => {
                // A connection on which nothing comes any more would keep the next question waiting, too.
                if let Database::Server(servers) = &self.database {
                    servers.forget().await;
                }
                Err(Trouble::Unreachable(format!("no answer within {}", DurationMs(self.config.timeout_ms))))
            }
        };
        lines.map_err(|trouble| match trouble {
            Trouble::Unreachable(what) => SourceError::Unreachable { name: self.name.clone(), what: shorten(&what) },
            Trouble::Bad(what) => SourceError::BadAnswer { name: self.name.clone(), what: shorten(&what) },
        })
    }
}

#[async_trait]
impl Source for SqlSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "sql"
    }

    fn check_reading(&self, spec: &ReadingSpec) -> Result<(), SourceError> {
        let what = if spec.query.trim().trim_end_matches(';').trim().is_empty() {
            "there is no query; write one that selects a column `value`".to_owned()
        } else if !matches!(spec.subject, Subject::Target | Subject::Instance) && spec.label.is_none() {
            format!("say in `label` which column of the answer names the {}", spec.subject)
        } else {
            return Ok(());
        };
        Err(SourceError::Reading { reading: spec.name.as_ref().to_owned(), name: self.name.clone(), what })
    }

    async fn measure(&self, ask: &Ask<'_>) -> Result<Measurement, SourceError> {
        let lines = self.ask(&ask.spec.query).await?;
        if u32::try_from(lines.len()).map_or(true, |lines| lines > self.config.rows_max) {
            // Which rows are missing is not known: a part would read as a fall in load.
            let what = format!("more than {} rows; have the query sum them, or raise rows_max", self.config.rows_max);
            return Err(SourceError::BadAnswer { name: self.name.clone(), what });
        }
        let owners = Owners::new(ask, &self.config.target_label, &self.config.instance_label);
        let mut measurement = Measurement::default();
        let mut seen = std::collections::HashSet::new();
        for line in lines {
            let Some(found) = owners.of(&line.labels) else { continue };
            let (target, owner) = match found {
                Ok(found) => found,
                Err(why) => {
                    measurement.failed.push((line.name(), why));
                    continue;
                }
            };
            if !seen.insert((target.clone(), owner.clone())) {
                measurement.failed.push((line.name(), "a second row of the same; sum them".to_owned()));
                measurement.rows.retain(|row| row.target != target || row.owner != owner);
                continue;
            }
            match line.value() {
                Ok(Some(value)) => {
                    measurement.rows.push(Row { target, owner, samples: Samples::one(ask.now_ms, value) });
                }
                Ok(None) => measurement.failed.push((line.name(), "its value is NULL".to_owned())),
                Err(why) => measurement.failed.push((line.name(), why)),
            }
        }
        if ask.spec.subject == Subject::Target {
            let silent = ask.targets.iter().filter(|asked| !seen.contains(&(asked.target.id.clone(), None)));
            let why = |asked: &AskTarget<'_>| (asked.target.id.to_string(), "the answer has no row of it".to_owned());
            measurement.failed.extend(silent.map(why));
        }
        Ok(measurement)
    }

    async fn check(&self) -> Result<(), SourceError> {
        let lines = self.ask("SELECT 1 AS value").await?;
        match lines.first().map(Line::value) {
            Some(Ok(Some(1.0))) => Ok(()),
            _ => Err(SourceError::BadAnswer { name: self.name.clone(), what: "SELECT 1 is not 1".to_owned() }),
        }
    }
}
