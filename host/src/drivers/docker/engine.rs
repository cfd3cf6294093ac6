//! The connection to one engine.

use std::sync::{Mutex as Lock, PoisonError};
use std::time::{Duration, Instant};

use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::Connect;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Mutex;

use super::config::DockerHost;
use super::ssh::SshConnector;
use crate::causes::{on_one_line, with_causes};
use crate::drivers::DriverError;
use crate::tls::{Connector, TlsError, Trouble};

/// Between two readings of an answer that passes.
const MOMENT: Duration = Duration::from_millis(50);
/// So many of them; the call's own limit may come first.
const MOMENTS_MAX: usize = 40;

/// One engine, connected when it is first needed.
#[derive(Debug)]
pub(super) struct Engine {
    /// The driver's name, for errors.
    driver: String,
    /// The operator's name for it.
    pub name: String,
    pub config: DockerHost,
    call_timeout: Duration,
    client: Mutex<Option<Docker>>,
    heard: Lock<Heard>,
}

/// What became of the last calls.
#[derive(Debug, Clone, Copy)]
struct Heard {
    /// Whether the last one was answered.
    reached: bool,
    /// Since when none has been answered. Where the two sides do not believe each other, something answers.
    silent_since: Option<Instant>,
}

/// What an engine answered other than yes.
#[derive(Debug, thiserror::Error)]
pub(super) enum EngineError {
    /// It knows no such thing.
    #[error("{0}")]
    Missing(String),
    /// The thing is in the way of itself: a name taken, a removal under way.
    #[error("{0}")]
    Conflict(String),
    /// It said no.
    #[error("{0}")]
    Refused(String),
    /// What it is to start runs already, and it does not know: it was killed while it started it. We do not end
    /// that process, which keeps its address while the engine gives it to another.
    #[error(
        "{said}: the engine was killed while it started this and does not know that it runs; as root there, end it: {remedy}"
    )]
    Forgotten {
        /// The engine's words.
        said: String,
        /// A shell's command.
        remedy: String,
    },
    /// It did not answer.
    #[error("{0}")]
    Unreachable(String),
    /// It answered, and not so that one could read it.
    #[error("its answer cannot be read: {0}")]
    Unreadable(String),
    /// The two sides did not agree on a protected connection.
    #[error("{what}; {remedy}")]
    Distrust {
        /// What happened.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// A file of the connection's cannot be used.
    #[error("{}", with_causes(.0))]
    Files(TlsError),
}

impl From<Error> for EngineError {
    fn from(error: Error) -> Self {
        match error {
            Error::DockerResponseServerError { status_code: 404, message } => Self::Missing(on_one_line(&message)),
            Error::DockerResponseServerError { status_code: 409, message } => Self::Conflict(on_one_line(&message)),
            Error::DockerResponseServerError { status_code: 503, message } => Self::Unreachable(on_one_line(&message)),
            // Podman's word where two of its own threads are at one container.
            Error::DockerResponseServerError { message, .. } if message.ends_with("container state improper") => {
                Self::Conflict(on_one_line(&message))
            }
            Error::DockerResponseServerError { message, .. } => Self::Refused(on_one_line(&message)),
            Error::DockerStreamError { error } => Self::Refused(on_one_line(&error)),
            Error::RequestTimeoutError => Self::Unreachable("it took too long".to_owned()),
            Error::JsonDataError { message, .. } => Self::Unreadable(on_one_line(&message)),
            other => Self::Unreachable(on_one_line(&with_causes(&other))),
        }
    }
}

impl Engine {
    pub(super) fn new(driver: &str, name: &str, config: DockerHost, call_timeout: Duration) -> Self {
        Self {
            driver: driver.to_owned(),
            name: name.to_owned(),
            config,
            call_timeout,
            client: Mutex::new(None),
            heard: Lock::new(Heard { reached: true, silent_since: None }),
        }
    }

    /// Whether the last call was answered.
    pub(super) fn is_reached(&self) -> bool {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).reached
    }

    /// How long nothing has been heard of it; `None`: something was, last.
    pub(super) fn silent_for(&self) -> Option<Duration> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.silent_since.map(|since| since.elapsed())
    }

    fn note(&self, failed: Option<&EngineError>) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.reached = !failed.is_some_and(EngineError::is_of_connection);
        heard.silent_since = match failed {
            Some(EngineError::Unreachable(_)) => heard.silent_since.or_else(|| Some(Instant::now())),
            _ => None,
        };
    }

    /// A client that speaks the newest version which both sides know.
    pub(super) async fn client(&self) -> Result<Docker, EngineError> {
        let mut client = self.client.lock().await;
        if let Some(client) = client.as_ref() {
            return Ok(client.clone());
        }
        let fresh = self.connect(self.call_timeout).await?;
        *client = Some(fresh.clone());
        Ok(fresh)
    }

    /// A client of its own for a call that may take longer.
    pub(super) async fn patient(&self, timeout: Duration) -> Result<Docker, EngineError> {
        self.connect(timeout).await
    }

    /// Asks the engine; whatever it does not answer in time is unreachable.
    pub(super) async fn call<T, F>(&self, ask: impl FnOnce(Docker) -> F + Send) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, Error>> + Send,
    {
        let answer = async { ask(self.client().await?).await.map_err(|error| self.judge(error)) };
        let answer = tokio::time::timeout(self.call_timeout, answer).await;
        let answer = answer.unwrap_or_else(|_| {
            Err(EngineError::Unreachable(format!("no answer within {} s", self.call_timeout.as_secs_f64())))
        });
        self.note(answer.as_ref().err());
        if answer.as_ref().err().is_some_and(EngineError::is_of_connection) {
            // It may come back as another version, or with other certificates.
            *self.client.lock().await = None;
        }
        answer
    }

    /// Starts a container. That its process runs unknown to the engine is told here, too: no other call finds out.
    pub(super) async fn start(&self, container: &str) -> Result<(), EngineError> {
        let id = container.to_owned();
        match self.call(|client| async move { client.start_container(&id, None).await }).await {
            Err(EngineError::Refused(said)) if has_forgotten(&said, container) => {
                let remedy = ending_all_of(container);
                tracing::warn!(driver = self.driver, host = self.name, container, %said, remedy, "a process runs unknown to its engine");
                Err(EngineError::Forgotten { said, remedy })
            }
            other => other,
        }
    }

    async fn connect(&self, timeout: Duration) -> Result<Docker, EngineError> {
        crate::tls::ready();
        // A little more than ours, whose words say how long was waited.
        let seconds = timeout.as_secs().saturating_add(2);
        let url = self.config.url.as_str();
        let client = match (url.split_once("://"), &self.config) {
            (Some(("unix", _)), _) => Docker::connect_with_unix(url, seconds, API_DEFAULT_VERSION),
            (Some(("ssh", _)), DockerHost { key_file, known_hosts_file, .. }) => {
                let known_hosts = known_hosts_file.as_deref();
                let connector = SshConnector::new(url, key_file.as_deref(), known_hosts, self.call_timeout);
                let connector =
                    connector.ok_or_else(|| EngineError::Refused(format!("{url} is no address for SSH")))?;
                over(connector, "http://engine".to_owned(), seconds)
            }
            (Some((_, address)), DockerHost { ca_file: Some(ca), cert_file: Some(cert), key_file: Some(key), .. }) => {
                let connector = Connector::new(ca, cert, key).map_err(EngineError::Files)?;
                // The library's own client also believes whomever the machine believes.
                over(connector, format!("https://{address}"), seconds)
            }
            _ => Docker::connect_with_http(url, seconds, API_DEFAULT_VERSION),
        };
        let client = client.map_err(|error| self.judge(error))?;
        client.negotiate_version().await.map_err(|error| self.judge(error))
    }

    /// An error as a person can mend it: with the file or the key that it is about.
    fn judge(&self, error: Error) -> EngineError {
        let shown = |file: &Option<std::path::PathBuf>| file.clone().unwrap_or_default().display().to_string();
        let (ca, cert) = (shown(&self.config.ca_file), shown(&self.config.cert_file));
        let tls = |what: String, remedy: String| EngineError::Distrust { what, remedy };
        match Trouble::of(&error) {
            Some(Trouble::Untrusted) => tls(
                format!("ca_file {ca} does not vouch for its certificate"),
                "set ca_file to the authority that signed the engine's --tlscert".to_owned(),
            ),
            Some(Trouble::OtherName) => tls(
                format!("its certificate is for another name than that in {}", self.config.url),
                "write the name in url that it was made for, or make one for this name".to_owned(),
            ),
            Some(Trouble::Invalid(why)) => {
                tls(format!("its certificate is not valid: {why}"), "renew the engine's --tlscert".to_owned())
            }
            Some(Trouble::NotAccepted(said)) => tls(
                format!("it does not accept our certificate, cert_file {cert}: {said}"),
                "set cert_file to one for clients that the authority in the engine's --tlscacert signed".to_owned(),
            ),
            Some(Trouble::NoTls) => tls(
                format!("it does not speak TLS at {}", self.config.url),
                "start it with --tlsverify and write that port, or leave out ca_file, cert_file and key_file"
                    .to_owned(),
            ),
            None => match error {
                // The words of the library that engines are written with.
                Error::DockerResponseServerError { status_code: 400, message } if message.contains("HTTPS server") => {
                    tls(
                        format!("it speaks TLS at {}", self.config.url),
                        "set ca_file, cert_file and key_file".to_owned(),
                    )
                }
                other => self.judge_ssh(other.into()),
            },
        }
    }

    /// Of what `ssh` says, what is about who believes whom: then somebody is there.
    fn judge_ssh(&self, error: EngineError) -> EngineError {
        let said = error.to_string();
        let about = ["Host key verification failed", "Permission denied", "Too many authentication failures"];
        if !self.config.url.starts_with("ssh://") || !about.iter().any(|words| said.contains(words)) {
            return error;
        }
        let user = "the key in key_file, else of the user that trimtab runs as, must be allowed there";
        let host = "and the machine's own key stand in known_hosts_file, else in that user's ~/.ssh/known_hosts";
        EngineError::Distrust { what: said, remedy: format!("{user}, {host}") }
    }

    /// What went wrong, as the driver says it.
    pub(super) fn error(&self, what: &str, error: &EngineError) -> DriverError {
        let driver = self.driver.clone();
        let what = format!("{what} on host {}: {error}", self.name);
        match error {
            error if error.is_of_connection() => DriverError::Unreachable { driver, what },
            EngineError::Unreadable(_) => DriverError::Unreachable { driver, what },
            _ => DriverError::Refused { driver, what },
        }
    }
}

impl EngineError {
    /// Whether it is the connection that failed: nobody knows then how things stand behind it.
    pub(super) fn is_of_connection(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Distrust { .. } | Self::Files(_))
    }
}

/// Whether Docker says that it found a process where it was to start one: by its own list of those of containerd, or by containerd.
fn has_forgotten(said: &str, container: &str) -> bool {
    said.contains("id already in use") || said.contains(&format!("task {container}: already exists"))
}

/// A shell's command that ends every process of a container, of which no engine needs to know.
fn ending_all_of(container: &str) -> String {
    // It comes from the engine, and a person is to paste it.
    let container: String = container.chars().filter(char::is_ascii_alphanumeric).collect();
    let processes = format!("find /sys/fs/cgroup -path '*{container}*' -name cgroup.procs -exec cat {{}} +");
    format!("{processes} | sort -u | xargs -r kill -9")
}

/// A client whose connections are made by us.
fn over<C>(connector: C, address: String, timeout_s: u64) -> Result<Docker, Error>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let transport = move |request: BollardRequest| {
        let client = client.clone();
        async move { client.request(request).await.map_err(Error::from) }
    };
    Docker::connect_with_custom_transport(transport, Some(address), timeout_s, API_DEFAULT_VERSION)
}

/// Asks again while the answer is one that passes: Podman has states for moments (`stopped`, until its cleaning up has run) that
/// Docker's API does not know, and its whole list cannot be read then.
pub(super) async fn settled<T, F>(ask: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    for _ in 0..MOMENTS_MAX {
        match ask().await {
            Err(Error::JsonDataError { message, .. }) if message.contains("unknown variant") => {}
            answer => return answer,
        }
        tokio::time::sleep(MOMENT).await;
    }
    ask().await
}
