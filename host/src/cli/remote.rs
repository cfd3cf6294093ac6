//! A running host, spoken to as everybody does: over its API.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use reqwest::Method;
use serde_json::Value;

use super::certificates::{self, TrustArgs};
use super::{Fail, Global};
use crate::access::FIRST_TOKEN_FILE;
use crate::causes::root_cause;

/// How long a host may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// A longer answer is none of ours.
const TOKEN_BYTES_MAX: u64 = 1024;

/// Which host, and by which token.
#[derive(Debug, Clone, Args)]
pub(super) struct RemoteArgs {
    /// The host's address.
    #[arg(long, global = true, value_name = "URL", env = "TRIMTAB_HOST", default_value = "http://127.0.0.1:9470")]
    host: String,
    /// The file that holds the token; else TRIMTAB_TOKEN, else admin.token in the data directory.
    #[arg(long, global = true, value_name = "FILE", env = "TRIMTAB_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
}

/// A host that can be asked.
pub(super) struct Remote {
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    host: String,
    token: String,
}

impl Remote {
    pub(super) fn open(global: &Global) -> Result<Self> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
        // No proxy: the token is for the host alone. No redirects: it would follow them.
        let client =
            reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE);
        let client = global.remote.trust.client(client)?.build().context("starting the client")?;
        let host = global.remote.host.trim_end_matches('/').to_owned();
        if !host.starts_with("http://") && !host.starts_with("https://") {
            return Err(Fail::usage(format!("--host is {host:?}: write http://ADDRESS:PORT or https://NAME:PORT")));
        }
        Ok(Self { client, runtime, host, token: token(global)? })
    }

    /// Asks, and gives the answer; a problem becomes an error that says what to do.
    pub(super) fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        self.runtime.block_on(async {
            let mut request = self.client.request(method, format!("{}{path}", self.host)).bearer_auth(&self.token);
            if let Some(body) = body {
                request = request.json(body);
            }
            let answer = request.send().await.map_err(|error| {
                let remedy = certificates::remedy(&self.host, &root_cause(&error));
                anyhow::Error::new(error).context(format!("asking the host at {}; {remedy}", self.host))
            })?;
            let status = answer.status();
            let text = answer.text().await.context("reading the answer")?;
            let value: Value = serde_json::from_str(&text)
                .with_context(|| format!("{} answers {status}, and not in JSON: is it a trimtab?", self.host))?;
            if status.is_success() { Ok(value) } else { Err(problem(status.as_u16(), &value)) }
        })
    }

    /// All rows of a list, page by page.
    pub(super) fn all(&self, path: &str) -> Result<Vec<Value>> {
        let mut rows = Vec::new();
        let mut after = String::new();
        loop {
            let mut page = self.ask(Method::GET, &format!("{path}?limit=1000{after}"), None)?;
            if let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) {
                rows.extend(items);
            }
            match page.get("next").and_then(Value::as_str) {
                Some(next) => after = format!("&after={}", encoded(next)),
                None => return Ok(rows),
            }
        }
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

/// A problem as an error: what exists not, what is wrong with the call, and everything else end differently.
fn problem(status: u16, problem: &Value) -> anyhow::Error {
    let part = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut text = format!("{} ({})", part("detail"), part("code"));
    if !part("remedy").is_empty() {
        text.push_str(&format!("; {}", part("remedy")));
    }
    match status {
        404 => Fail::not_found(text),
        400 | 415 | 422 => Fail::usage(text),
        _ => anyhow::anyhow!(text),
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
