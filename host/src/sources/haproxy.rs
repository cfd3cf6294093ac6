//! The source `haproxy`: HAProxy's statistics, by the runtime socket or the statistics page.
//!
//! A query is `frontend/NAME/FIELD`, `backend/NAME/FIELD` or `server/BACKEND/FIELD`, with HAProxy's own field names (management
//! guide, 9.1): `backend/web/scur`. `{target}` stands for the target's name. Fields joined by `+` are summed:
//! `backend/web/hrsp_5xx+econ`. `server` is for readings of instances: a server is an instance's by its address, or by its name,
//! with or without our registrar's mark. Statistics are asked for once per turn, however many readings look at them.
//!
//! Counters never fall: what they had when HAProxy was restarted is carried over (`steady`), so a reload is neither a dip nor
//! a storm. The socket tells which process it is, the page does not: there a restart shows by a counter that fell. Take `rate = true` for their growth per second.

mod page;
mod query;
mod steady;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use self::page::{Page, Value};
use self::query::{Of, Query};
use self::steady::Steady;
use super::fetch::{Basic, FetchError, FetchLimits, Fetcher, parse_url, server_connect_timeout_ms, server_timeout_ms};
use super::{Ask, AskTarget, Measurement, ReadingSpec, Row, Source, SourceError};
use crate::causes::with_causes;
use crate::runtime_socket::{RuntimeSocket, SocketError};
use crate::snapshot::{Samples, Subject};

/// `[source.NAME.haproxy]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HaproxySourceConfig {
    /// The runtime socket: an absolute path, or `host:port`; or the statistics page, `http://…`. Whoever asks needs no more than
    /// level user.
    pub at: String,
    /// The page's user.
    #[serde(default)]
    pub user: Option<String>,
    /// The file that holds that user's password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// Who vouches for the page's server, in PEM; `None`: whom the system believes. For `https://` alone.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// What the names of servers begin with that our registrar made.
    #[serde(default = "default_prefix")]
    pub prefix: String,
    /// Time to connect to the page.
    #[serde(default = "server_connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// Time for all statistics.
    #[serde(default = "server_timeout_ms")]
    pub timeout_ms: u64,
    /// Most bytes of them; a server takes some 20 KB.
    #[serde(default = "default_body_bytes_max")]
    pub body_bytes_max: usize,
}

impl HaproxySourceConfig {
    /// The defaults, for the statistics at this place.
    #[must_use]
    pub fn new(at: &str) -> Self {
        Self {
            at: at.to_owned(),
            user: None,
            password_file: None,
            ca_file: None,
            prefix: default_prefix(),
            connect_timeout_ms: server_connect_timeout_ms(),
            timeout_ms: server_timeout_ms(),
            body_bytes_max: default_body_bytes_max(),
        }
    }
}

fn default_prefix() -> String {
    "trimtab.".to_owned()
}

fn default_body_bytes_max() -> usize {
    64 << 20
}

/// Tries to have the statistics of one process: each restart in between costs one.
const FETCHES_MAX: usize = 3;

/// The statistics of one HAProxy.
#[derive(Debug)]
pub struct HaproxySource {
    name: String,
    prefix: String,
    place: Place,
    /// Locked while they are fetched, so that one request serves all readings of a turn.
    state: Mutex<State>,
}

#[derive(Debug)]
enum Place {
    Socket(RuntimeSocket),
    Page(Box<PageAt>),
}

#[derive(Debug)]
struct PageAt {
    fetcher: Fetcher,
    url: Url,
    basic: Option<Basic>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<(u64, Result<Arc<Page>, Trouble>)>,
    steady: Steady,
    /// Which process the last statistics were of; a page does not tell.
    process: Option<String>,
}

/// Why there are no statistics; kept for every reading of the turn.
#[derive(Debug, Clone)]
enum Trouble {
    Unreachable(String),
    Bad(String),
}

impl HaproxySource {
    /// A source that will ask for these statistics; nothing is sent yet.
    ///
    /// # Errors
    /// What is wrong with the configuration, or with the password's file.
    pub fn new(name: &str, config: &HaproxySourceConfig) -> Result<Self, String> {
        let place = if config.at.contains("://") {
            let mut url = parse_url(&config.at)?;
            url.set_path(&format!("{};json", url.path()));
            let limits = FetchLimits {
                connect_timeout_ms: config.connect_timeout_ms,
                timeout_ms: config.timeout_ms,
                body_bytes_max: config.body_bytes_max,
            };
            let basic = match (&config.user, &config.password_file) {
                (None, None) => None,
                (Some(user), Some(file)) => Some(Basic::read(user, file)?),
                _ => return Err("user and password_file belong together; give both, or neither".to_owned()),
            };
            let fetcher = Fetcher::new(limits, config.ca_file.as_deref())?;
            Place::Page(Box::new(PageAt { fetcher, url, basic }))
        } else {
            if config.user.is_some() || config.password_file.is_some() || config.ca_file.is_some() {
                return Err("user, password_file and ca_file are for the statistics page; leave them out".to_owned());
            }
            Place::Socket(RuntimeSocket::new(&config.at, config.timeout_ms, config.body_bytes_max)?)
        };
        Ok(Self { name: name.to_owned(), prefix: config.prefix.clone(), place, state: Mutex::default() })
    }

    async fn page(&self, now_ms: u64) -> Result<Arc<Page>, Trouble> {
        let mut state = self.state.lock().await;
        if let Some((at_ms, page)) = &state.last
            && *at_ms == now_ms
        {
            return page.clone();
        }
        let page = self.fetch(state.process.as_deref()).await.map(|(mut page, process)| {
            let restarted = state.process.is_some() && process != state.process;
            state.steady.carry(&mut page, restarted);
            state.process = process;
            Arc::new(page)
        });
        state.last = Some((now_ms, page.clone()));
        page
    }

    /// The statistics, and the process that they are of where that can be told.
    async fn fetch(&self, last: Option<&str>) -> Result<(Page, Option<String>), Trouble> {
        let body = match &self.place {
            Place::Socket(socket) => {
                let mut last = last.map(str::to_owned);
                for _ in 0..FETCHES_MAX {
                    let told = ask(socket, "show stat json").await?;
                    let process = process_of(&ask(socket, "show info").await?);
                    // The process before and after is one, so what came between is of it.
                    if last.as_ref().is_none_or(|last| *last == process) {
                        return Ok((Page::read(told.as_bytes()).map_err(Trouble::Bad)?, Some(process)));
                    }
                    last = Some(process);
                }
                return Err(Trouble::Unreachable(format!("{socket} answers by another process each time")));
            }
            Place::Page(page) => {
                let PageAt { fetcher, url, basic } = page.as_ref();
                fetcher.get_as(url.clone(), "application/json", basic.as_ref()).await.map_err(|error| match error {
                    FetchError::Status { .. } | FetchError::Large(_) => Trouble::Bad(error.to_string()),
                    FetchError::TimedOut(_) | FetchError::Unreachable(_) => Trouble::Unreachable(error.to_string()),
                })?
            }
        };
        Ok((Page::read(&body).map_err(Trouble::Bad)?, None))
    }

    fn trouble(&self, trouble: Trouble) -> SourceError {
        let name = self.name.clone();
        match trouble {
            Trouble::Unreachable(what) => SourceError::Unreachable { name, what },
            Trouble::Bad(what) => SourceError::BadAnswer { name, what },
        }
    }

    fn query<'a>(&self, spec: &'a ReadingSpec) -> Result<Query<'a>, SourceError> {
        let unsuited = |what: String| SourceError::Reading {
            reading: spec.name.as_ref().to_owned(),
            name: self.name.clone(),
            what,
        };
        let query = Query::parse(&spec.query).map_err(unsuited)?;
        match (&spec.subject, query.of) {
            (Subject::Target, Of::Frontend | Of::Backend) | (Subject::Instance, Of::Server) => Ok(query),
            (Subject::Target, Of::Server) => {
                Err(unsuited("servers are for readings of instances; ask a backend for the target's".to_owned()))
            }
            (Subject::Instance, _) => Err(unsuited("instances are servers; write server/BACKEND/FIELD".to_owned())),
            (other, _) => Err(unsuited(format!("it tells of targets and instances, not of a {other}"))),
        }
    }
}

#[async_trait]
impl Source for HaproxySource {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "haproxy"
    }

    fn check_reading(&self, spec: &ReadingSpec) -> Result<(), SourceError> {
        self.query(spec).map(|_| ())
    }

    async fn measure(&self, ask: &Ask<'_>) -> Result<Measurement, SourceError> {
        let query = self.query(ask.spec)?;
        let page = self.page(ask.now_ms).await.map_err(|trouble| self.trouble(trouble))?;
        let mut measurement = Measurement::default();
        for asked in ask.targets {
            self.tell(&query, &page, asked, ask.now_ms, &mut measurement);
        }
        Ok(measurement)
    }

    async fn check(&self) -> Result<(), SourceError> {
        self.fetch(None).await.map(|_| ()).map_err(|trouble| self.trouble(trouble))
    }
}

impl HaproxySource {
    fn tell(&self, query: &Query<'_>, page: &Page, asked: &AskTarget<'_>, now_ms: u64, told: &mut Measurement) {
        let target = &asked.target.id;
        let proxy = query.proxy(target.name());
        let mut put = |owner: Option<&str>, value: Result<Value, String>| match value {
            Ok(value) => told.rows.push(Row {
                target: target.clone(),
                owner: owner.map(str::to_owned),
                samples: match value {
                    Value::Number(number) => Samples::one(now_ms, number),
                    Value::Text(text) => Samples::Texts { times_ms: vec![now_ms], texts: vec![text] },
                },
            }),
            Err(why) => told.failed.push((owner.map_or_else(|| target.to_string(), str::to_owned), why)),
        };
        match query.of {
            Of::Frontend => put(None, query.value(page.frontend(&proxy), &format!("frontend {proxy}"))),
            Of::Backend => put(None, query.value(page.backend(&proxy), &format!("backend {proxy}"))),
            Of::Server => {
                for instance in asked.instances {
                    // One that is not entered yet, or no more, has no statistics: that is no failure.
                    let server = page.server(&proxy, instance.address.as_deref(), &self.prefix, &instance.id);
                    if let Some(server) = server {
                        put(Some(&instance.id), query.value(Some(server), &format!("a server of {proxy}")));
                    }
                }
            }
        }
    }
}

async fn ask(socket: &RuntimeSocket, command: &str) -> Result<String, Trouble> {
    socket.ask(command).await.map_err(|error| match error {
        SocketError::Long { .. } | SocketError::NotOne(_) => Trouble::Bad(error.to_string()),
        SocketError::Io { .. } | SocketError::TimedOut { .. } => Trouble::Unreachable(with_causes(&error)),
    })
}

/// Which process it is, out of `show info`. In a container each has the same number, so the start counts, too.
fn process_of(info: &str) -> String {
    let told = info.lines().filter(|line| line.starts_with("Pid:") || line.starts_with("Start_time_sec:"));
    told.collect::<Vec<_>>().join(" ")
}
