//! Requests to the Data Plane API: basic auth, JSON, bounded in time and size.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::causes::{on_one_line, root_cause, with_causes};
use crate::registrars::haproxy::Trouble;
use crate::registrars::haproxy::config::DataPlaneConfig;

/// Most bytes of an answer: a thousand servers with all their fields.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Most bytes of a password's file.
const PASSWORD_BYTES_MAX: u64 = 64 << 10;

/// A Data Plane API.
pub(in crate::registrars::haproxy) struct DataPlane {
    client: Client,
    base: Url,
    user: String,
    password: String,
    pub(super) force_reload: bool,
}

impl std::fmt::Debug for DataPlane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataPlane").field("base", &self.base.as_str()).field("user", &self.user).finish_non_exhaustive()
    }
}

/// What the API answered.
pub(super) struct Answer {
    pub(super) status: u16,
    /// The reload that this change asked for, where it asked for one.
    pub(super) reload: Option<String>,
    pub(super) body: Vec<u8>,
}

/// `{"code": 404, "message": "…"}`.
#[derive(Deserialize)]
struct Said {
    message: String,
}

impl DataPlane {
    pub(in crate::registrars::haproxy) fn new(settings: &DataPlaneConfig) -> Result<Self, String> {
        let mut base = Url::parse(&settings.url).map_err(|error| format!("url {:?}: {error}", settings.url))?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() || !base.username().is_empty() {
            return Err(format!("url {:?} is not http:// or https:// and a host", settings.url));
        }
        base.set_path(&format!("{}/v3/", base.path().trim_end_matches('/')));
        let password = read_password(&settings.password_file)?;
        let client = crate::tls::believing(Client::builder(), settings.ca_file.as_deref())
            .map_err(|error| with_causes(&error))?
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_millis(settings.timeout_ms))
            .build()
            .map_err(|error| root_cause(&error))?;
        Ok(Self { client, base, user: settings.user.clone(), password, force_reload: settings.force_reload })
    }

    /// `None` where the API answers that there is no such thing.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Option<T>, Trouble> {
        let answer = self.send(Method::GET, path, query, None).await?;
        match answer.status {
            404 => Ok(None),
            200 => serde_json::from_slice(&answer.body).map(Some).map_err(|error| {
                Trouble::Refused(format!(
                    "the answer to GET {path} is not what version 3 gives: {}",
                    on_one_line(&error)
                ))
            }),
            _ => Err(refusal("GET", path, &answer)),
        }
    }

    pub(super) async fn put(&self, path: &str, query: &[(&str, &str)], body: &Value) -> Result<(), Trouble> {
        let answer = self.send(Method::PUT, path, query, Some(body)).await?;
        match answer.status {
            200..=204 => Ok(()),
            _ => Err(refusal("PUT", path, &answer)),
        }
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, Trouble> {
        let mut url = self
            .base
            .join(path)
            .map_err(|error| Trouble::Refused(format!("path {path:?} is no path of the API: {error}")))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request: RequestBuilder = self.client.request(method, url).basic_auth(&self.user, Some(&self.password));
        if let Some(body) = body {
            request = request.json(body);
        }
        let failed = |error: reqwest::Error| {
            let at = self.base.host_str().unwrap_or_default();
            let why = if error.is_timeout() { "no answer in time".to_owned() } else { root_cause(&error) };
            Trouble::Unreachable(format!("the Data Plane API at {at}: {why}"))
        };
        let mut answer = request.send().await.map_err(failed)?;
        let status = answer.status().as_u16();
        let reload = answer.headers().get("Reload-ID").and_then(|id| id.to_str().ok()).map(str::to_owned);
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(Trouble::Refused(format!("an answer is longer than {ANSWER_BYTES_MAX} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Answer { status, reload, body: bytes })
    }
}

/// What the API said instead of yes.
pub(super) fn refusal(method: &str, path: &str, answer: &Answer) -> Trouble {
    let mut what = format!("the Data Plane API answered {} to {method} {path}", answer.status);
    if let Ok(Said { message }) = serde_json::from_slice(&answer.body) {
        let message: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
        // Writing to a text cannot fail.
        let _ = write!(what, ": {message}");
    }
    if matches!(answer.status, 401 | 403) {
        what.push_str("; look at user and its password_file");
    }
    Trouble::Refused(what)
}

fn read_password(path: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("password_file {}: {error}", path.display());
    if std::fs::metadata(path).map_err(failed)?.len() > PASSWORD_BYTES_MAX {
        return Err(format!("password_file {} is no password: it is too long", path.display()));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(format!("password_file {} is empty", path.display()));
    }
    Ok(password.to_owned())
}
