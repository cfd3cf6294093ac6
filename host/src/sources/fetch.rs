//! Requests to servers that may be slow, gone, broken or hostile: bounded in time and size, and led nowhere else.

mod credentials;

use std::path::Path;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Url};

pub(super) use self::credentials::Credentials;
use crate::causes::{root_cause, with_causes};
use crate::quantity::DurationMs;

/// Most redirects followed, all on one host and port.
const REDIRECTS_MAX: usize = 3;

/// Most characters of a server's own words that an error repeats.
const WORDS_MAX: usize = 300;

/// Most bytes of a refusing server's answer that are read for its reason.
const REFUSAL_BYTES_MAX: usize = 64 << 10;

/// Most bytes of a password's file.
const PASSWORD_BYTES_MAX: u64 = 64 << 10;

/// How long and how much.
#[derive(Debug, Clone, Copy)]
pub(super) struct FetchLimits {
    pub(super) connect_timeout_ms: u64,
    /// For the whole request, the body's last byte included.
    pub(super) timeout_ms: u64,
    pub(super) body_bytes_max: usize,
}

/// Time to connect to a server that answers for all targets.
pub(super) fn server_connect_timeout_ms() -> u64 {
    1_000
}

/// Time for all that such a server has to say: less than a turn's time for a source, so that its own error is told.
pub(super) fn server_timeout_ms() -> u64 {
    4_000
}

/// A client that keeps these limits.
#[derive(Debug, Clone)]
pub(super) struct Fetcher {
    client: Client,
    credentials: Credentials,
    body_bytes_max: usize,
    timeout_ms: u64,
}

/// A user and a password, which never print.
#[derive(Clone)]
pub(super) struct Basic {
    user: String,
    password: String,
}

impl Basic {
    /// Reads the password from its file, of which line ends at the end are no part.
    pub(super) fn read(user: &str, file: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("password_file {}: {error}", file.display());
        if std::fs::metadata(file).map_err(failed)?.len() > PASSWORD_BYTES_MAX {
            return Err(format!("password_file {} is too long for a password", file.display()));
        }
        let text = std::fs::read_to_string(file).map_err(failed)?;
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(format!("password_file {} is empty", file.display())),
            password => Ok(Self { user: user.to_owned(), password: password.to_owned() }),
        }
    }
}

impl std::fmt::Debug for Basic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Basic").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Why there is no body.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("no answer within {}", DurationMs(*.0))]
    TimedOut(u64),
    #[error("{0}")]
    Unreachable(String),
    #[error("status {status}: {}", shorten(&String::from_utf8_lossy(body)))]
    Status { status: u16, body: Vec<u8> },
    #[error("the answer is larger than {0} bytes")]
    Large(usize),
}

impl Fetcher {
    /// `ca_file` says whom to believe where TLS is spoken; `None`: whom the system believes.
    pub(super) fn new(limits: FetchLimits, ca_file: Option<&Path>) -> Result<Self, String> {
        Self::known(limits, ca_file, None, Credentials::default())
    }

    /// One that also says who it is: by a certificate and its key, and by credentials in each request.
    pub(super) fn known(
        limits: FetchLimits,
        ca_file: Option<&Path>,
        shown: Option<(&Path, &Path)>,
        credentials: Credentials,
    ) -> Result<Self, String> {
        let same_origin = Policy::custom(|attempt| {
            let from = attempt.previous().first().map(origin);
            if attempt.previous().len() > REDIRECTS_MAX {
                attempt.error("too many redirects")
            } else if from == Some(origin(attempt.url())) {
                attempt.follow()
            } else {
                attempt.error("a redirect to another host, which is not followed")
            }
        });
        let client = crate::tls::believing(Client::builder(), ca_file).map_err(|error| with_causes(&error))?;
        let client = match shown {
            Some((cert, key)) => crate::tls::showing(client, cert, key).map_err(|error| with_causes(&error))?,
            None => client,
        };
        let client = client
            .no_proxy()
            .redirect(same_origin)
            .connect_timeout(Duration::from_millis(limits.connect_timeout_ms))
            .timeout(Duration::from_millis(limits.timeout_ms))
            .pool_idle_timeout(Duration::from_secs(30))
            .user_agent(concat!("trimtab/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| told(&error))?;
        Ok(Self { client, credentials, body_bytes_max: limits.body_bytes_max, timeout_ms: limits.timeout_ms })
    }

    pub(super) async fn get(&self, url: Url, accept: &'static str) -> Result<Vec<u8>, FetchError> {
        self.send(self.client.get(url).header(ACCEPT, HeaderValue::from_static(accept))).await
    }

    /// The same, as somebody.
    pub(super) async fn get_as(
        &self,
        url: Url,
        accept: &'static str,
        basic: Option<&Basic>,
    ) -> Result<Vec<u8>, FetchError> {
        let request = self.client.get(url).header(ACCEPT, HeaderValue::from_static(accept));
        self.send(match basic {
            Some(Basic { user, password }) => request.basic_auth(user, Some(password)),
            None => request,
        })
        .await
    }

    /// Posts what stands after the `?` as a form: queries may be longer than a URL can be.
    pub(super) async fn post_form(&self, mut url: Url) -> Result<Vec<u8>, FetchError> {
        let form = url.query().unwrap_or_default().to_owned();
        url.set_query(None);
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        self.send(self.client.post(url).header(CONTENT_TYPE, kind).body(form)).await
    }

    /// Posts a body as it is.
    pub(super) async fn post(
        &self,
        url: Url,
        headers: &[(&'static str, &'static str)],
        body: Vec<u8>,
    ) -> Result<Vec<u8>, FetchError> {
        let request = self.client.post(url).body(body);
        self.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Vec<u8>, FetchError> {
        let failed = |error: reqwest::Error| match error.is_timeout() {
            true => FetchError::TimedOut(self.timeout_ms),
            false => FetchError::Unreachable(told(&error)),
        };
        let request = self.credentials.show(request).map_err(FetchError::Unreachable)?;
        let mut answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let most = if status.is_success() { self.body_bytes_max } else { self.body_bytes_max.min(REFUSAL_BYTES_MAX) };
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > most {
                if status.is_success() {
                    return Err(FetchError::Large(most));
                }
                break;
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() { Ok(body) } else { Err(FetchError::Status { status: status.as_u16(), body }) }
    }
}

/// A URL that we can speak to.
pub(super) fn parse_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("url {text:?}: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("url {text:?} does not begin with http:// or https:// and a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a url must hold no user and no password".to_owned());
    }
    Ok(url)
}

/// At most so many characters of what a server said, on one line.
pub(super) fn shorten(words: &str) -> String {
    let mut line: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS_MAX).collect();
    if words.chars().nth(WORDS_MAX).is_some() {
        line.push('…');
    }
    line
}

fn origin(url: &Url) -> (String, Option<String>, Option<u16>) {
    (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default())
}

/// reqwest's own words mostly say only that there was an error, and repeat the URL, which may be long.
fn told(error: &reqwest::Error) -> String {
    shorten(&root_cause(error))
}
