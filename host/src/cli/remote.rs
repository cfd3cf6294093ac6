//! A running host, spoken to as everybody does: over its API.

mod follow;
mod upload;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

pub(super) use self::follow::{Followed, Heard};
use super::certificates::{self, TrustArgs};
use super::{Fail, Global, fields};
use crate::access::FIRST_TOKEN_FILE;
use crate::causes::root_cause;

/// How long a host may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it may take to say that it is there.
const GLANCE: Duration = Duration::from_secs(3);
/// A longer answer is none of ours.
const TOKEN_BYTES_MAX: u64 = 1024;
/// Where a host is spoken to if nothing else is said.
const ADDRESS: &str = "http://127.0.0.1:9470";

/// Which host, and by which token.
#[derive(Debug, Clone, Args)]
pub(super) struct RemoteArgs {
    /// The host's address; else where the configuration has it listen, else http://127.0.0.1:9470.
    #[arg(long, global = true, value_name = "URL", env = "TRIMTAB_HOST")]
    host: Option<String>,
    /// The file that holds the token; else TRIMTAB_TOKEN, else admin.token in the data directory.
    #[arg(long, global = true, value_name = "FILE", env = "TRIMTAB_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
}

impl RemoteArgs {
    /// Whether a host was named on the command line.
    pub(super) fn is_named(&self) -> bool {
        self.host.is_some()
    }
}

/// A host that can be asked.
pub(super) struct Remote {
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    host: String,
    token: String,
}

/// What it answered, whatever that was.
pub(super) struct Answer {
    /// The status, where it says no.
    refused: Option<u16>,
    pub(super) value: Value,
}

impl Remote {
    pub(super) fn open(global: &Global) -> Result<Self> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
        // No proxy: the token is for the host alone. No redirects: it would follow them.
        let client =
            reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE);
        let client = global.remote.trust.client(client)?.build().context("starting the client")?;
        let host = address(global);
        if !host.starts_with("http://") && !host.starts_with("https://") {
            return Err(Fail::usage(format!("--host is {host:?}: write http://ADDRESS:PORT or https://NAME:PORT")));
        }
        Ok(Self { client, runtime, host, token: token(global)? })
    }

    /// Its address.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Whether anything answers there.
    pub(super) fn is_there(&self) -> bool {
        let asked = self.client.get(format!("{}/healthz", self.host)).timeout(GLANCE);
        self.runtime.block_on(async { asked.send().await.is_ok() })
    }

    /// Asks, and gives the answer; a problem becomes an error that says what to do.
    pub(super) fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let request = self.request(method, path);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        self.send(request)?.good().map(|answer| answer.value)
    }

    /// Looks at something.
    pub(super) fn get(&self, path: &str) -> Result<Value> {
        self.ask(Method::GET, path, None)
    }

    /// A request that is not sent yet.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.host)).bearer_auth(&self.token)
    }

    /// Sends it, and gives whatever was answered.
    pub(super) fn send(&self, request: RequestBuilder) -> Result<Answer> {
        self.runtime.block_on(async {
            let answer = request.send().await.map_err(|error| self.unanswered(error))?;
            self.read(answer).await
        })
    }

    async fn read(&self, answer: reqwest::Response) -> Result<Answer> {
        let status = answer.status();
        let refused = (!status.is_success()).then(|| status.as_u16());
        let text = answer.text().await.context("reading the answer")?;
        let value: Value = serde_json::from_str(&text)
            .with_context(|| format!("{} answers {status}, and not in JSON: is it a trimtab?", self.host))?;
        Ok(Answer { refused, value })
    }

    fn unanswered(&self, error: reqwest::Error) -> anyhow::Error {
        let remedy = certificates::remedy(&self.host, &root_cause(&error));
        anyhow::Error::new(error).context(format!("asking the host at {}; {remedy}", self.host))
    }

    /// All rows of a list, page by page. The path may hold filters.
    pub(super) fn all(&self, path: &str) -> Result<Vec<Value>> {
        self.rows(path, usize::MAX)
    }

    /// The first rows of a list, page by page.
    pub(super) fn rows(&self, path: &str, rows_max: usize) -> Result<Vec<Value>> {
        let mut rows = Vec::new();
        let (joint, limit) = (if path.contains('?') { '&' } else { '?' }, rows_max.min(1000));
        let mut after = String::new();
        while rows.len() < rows_max {
            let mut page = self.get(&format!("{path}{joint}limit={limit}{after}"))?;
            if let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) {
                rows.extend(items);
            }
            match page.get("next").and_then(Value::as_str) {
                Some(next) => after = format!("&after={}", encoded(next)),
                None => break,
            }
        }
        rows.truncate(rows_max);
        Ok(rows)
    }

    /// What stands at the top of every listing of a host that is frozen; empty where it is not.
    pub(super) fn banner(&self) -> Result<String> {
        let freeze = self.get("/v1/freeze")?;
        if !fields::flag(&freeze, "frozen") {
            return Ok(String::new());
        }
        let until = fields::number(&freeze, "until_ms").map(fields::at);
        let until = until.map_or_else(String::new, |until| format!(" until {until}"));
        let why = super::clean(fields::text(&freeze, "why")).replace('\n', " ");
        Ok(format!("EVERYTHING IS FROZEN{until}: {why}; `trimtab thaw` lets it go on\n\n"))
    }
}

impl Answer {
    /// The answer, or its problem as an error.
    pub(super) fn good(self) -> Result<Self> {
        match self.refused {
            None => Ok(self),
            Some(status) => Err(problem(status, &self.value)),
        }
    }

    /// Whether there is nothing of this kind.
    pub(super) fn is_missing(&self) -> bool {
        self.refused == Some(404)
    }
}

/// Percent-encodes what stands in a path or a query.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// A path with those filters that are set.
pub(super) fn filtered(path: &str, filters: &[(&str, Option<String>)]) -> String {
    let set = filters.iter().filter_map(|(key, value)| Some(format!("{key}={}", encoded(value.as_ref()?))));
    let set: Vec<String> = set.collect();
    if set.is_empty() { path.to_owned() } else { format!("{path}?{}", set.join("&")) }
}

/// A problem as an error: what exists not, what is wrong with the call, and everything else end differently.
fn problem(status: u16, problem: &Value) -> anyhow::Error {
    let part = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut text = format!("{} ({})", part("detail"), part("code"));
    if !part("remedy").is_empty() {
        text.push_str(&format!("; {}", part("remedy")));
    }
    match status {
        404 => Fail::not_found(text),
        400 | 401 | 403 | 413 | 415 | 422 => Fail::usage(text),
        _ => anyhow::anyhow!(text),
    }
}

/// Where the host is: as named, else as the configuration has it listen.
fn address(global: &Global) -> String {
    if let Some(host) = &global.remote.host {
        return host.trim_end_matches('/').to_owned();
    }
    let api = global.load().ok().map(|config| config.api).filter(|api| api.enabled);
    let scheme = if api.as_ref().is_some_and(|api| api.tls.is_some()) { "https" } else { "http" };
    match api.map(|api| api.listen) {
        // Port 0 is one that nobody knows yet, and an address of all networks is none to call.
        Some(listen) if listen.port() != 0 && !listen.ip().is_unspecified() => format!("{scheme}://{listen}"),
        Some(listen) if listen.port() != 0 => format!("{scheme}://127.0.0.1:{}", listen.port()),
        _ => ADDRESS.to_owned(),
    }
}

fn token(global: &Global) -> Result<String> {
    if let Some(file) = &global.remote.token_file {
        return read(file);
    }
    if let Some(token) = std::env::var_os("TRIMTAB_TOKEN") {
        let token = token.into_string().map_err(|_| Fail::usage("TRIMTAB_TOKEN is not text"))?;
        return Ok(token.trim().to_owned());
    }
    let nowhere = || Fail::usage("there is no token: name its file with --token-file, or set TRIMTAB_TOKEN");
    let data_dir = global.data_dir().map_err(|_complaints| nowhere())?;
    let file = data_dir.join(FIRST_TOKEN_FILE);
    if file.exists() { read(&file) } else { Err(nowhere()) }
}

fn read(file: &Path) -> Result<String> {
    let reading = || format!("reading the token from {}", file.display());
    if std::fs::metadata(file).with_context(reading)?.len() > TOKEN_BYTES_MAX {
        return Err(Fail::usage(format!("{} holds more than a token", file.display())));
    }
    Ok(std::fs::read_to_string(file).with_context(reading)?.trim().to_owned())
}
