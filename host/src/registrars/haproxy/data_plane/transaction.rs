//! One change of the configuration: begun at a version, committed whole, and over when HAProxy runs it.

use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::client::{DataPlane, refusal};
use crate::causes::on_one_line;
use crate::registrars::haproxy::Trouble;

/// How often a change is made anew since somebody else changed the configuration meanwhile.
const TRIES: u32 = 3;

/// Time for a reload: the API gathers changes for 5 s by default before it reloads.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(20);
const RELOAD_POLL: Duration = Duration::from_millis(50);

/// The change that is to be made.
pub(super) struct Change {
    method: Method,
    path: String,
    body: Option<Value>,
}

/// Says what the change is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tx;

impl Tx {
    pub(super) fn post(self, path: String, body: Value) -> Change {
        Change { method: Method::POST, path, body: Some(body) }
    }

    pub(super) fn put(self, path: String, body: Value) -> Change {
        Change { method: Method::PUT, path, body: Some(body) }
    }

    pub(super) fn delete(self, path: String) -> Change {
        Change { method: Method::DELETE, path, body: None }
    }
}

#[derive(Deserialize)]
struct Begun {
    id: String,
}

#[derive(Deserialize)]
struct Reload {
    status: String,
    response: Option<String>,
}

/// How an attempt ended.
enum Attempt {
    Done {
        reload: Option<String>,
    },
    /// Somebody else changed the configuration first.
    Outdated(Trouble),
}

impl DataPlane {
    /// Makes a change in a transaction of its own.
    pub(super) async fn change(&self, what: impl Fn(Tx) -> Change) -> Result<(), Trouble> {
        let mut last = Trouble::Refused("no attempt was made".to_owned());
        for _ in 0..TRIES {
            match self.attempt(&what(Tx)).await? {
                Attempt::Done { reload: None } => return Ok(()),
                Attempt::Done { reload: Some(id) } => return self.reloaded(&id).await,
                Attempt::Outdated(trouble) => last = trouble,
            }
        }
        Err(last)
    }

    async fn attempt(&self, change: &Change) -> Result<Attempt, Trouble> {
        const TRANSACTIONS: &str = "services/haproxy/transactions";
        let version: Option<u64> = self.get("services/haproxy/configuration/version", &[]).await?;
        let version =
            version.ok_or_else(|| Trouble::Refused("the API tells no version of the configuration".to_owned()))?;
        let version = version.to_string();
        let begun = self.send(Method::POST, TRANSACTIONS, &[("version", &version)], None).await?;
        if begun.status != 201 {
            let trouble = refusal("POST", TRANSACTIONS, &begun);
            return if matches!(begun.status, 406 | 409) { Ok(Attempt::Outdated(trouble)) } else { Err(trouble) };
        }
        let Begun { id } = serde_json::from_slice(&begun.body)
            .map_err(|error| Trouble::Refused(format!("a transaction without an id: {}", on_one_line(&error))))?;
        let transaction = format!("{TRANSACTIONS}/{}", escape(&id));
        let query = [("transaction_id", id.as_str())];
        let changed = self.send(change.method.clone(), &change.path, &query, change.body.as_ref()).await;
        let changed = match changed {
            // Gone already is what a deletion wants.
            Ok(answer) if matches!(answer.status, 200..=204) => Ok(()),
            Ok(answer) if change.method == Method::DELETE && answer.status == 404 => Ok(()),
            Ok(answer) => Err(refusal(change.method.as_str(), &change.path, &answer)),
            Err(trouble) => Err(trouble),
        };
        if let Err(trouble) = changed {
            // Open transactions are few; that it could not be closed is no worse than what went wrong before.
            let _ = self.send(Method::DELETE, &transaction, &[], None).await;
            return Err(trouble);
        }
        let force = if self.force_reload { "true" } else { "false" };
        let committed = self.send(Method::PUT, &transaction, &[("force_reload", force)], None).await?;
        match committed.status {
            200..=204 => Ok(Attempt::Done { reload: committed.reload }),
            406 | 409 => Ok(Attempt::Outdated(refusal("PUT", &transaction, &committed))),
            _ => Err(refusal("PUT", &transaction, &committed)),
        }
    }

    /// Waits until HAProxy runs the change.
    async fn reloaded(&self, id: &str) -> Result<(), Trouble> {
        let path = format!("services/haproxy/reloads/{}", escape(id));
        let until = Instant::now() + RELOAD_TIMEOUT;
        loop {
            // A reload that is forgotten was done.
            let Some(reload) = self.get::<Reload>(&path, &[]).await? else { return Ok(()) };
            match reload.status.as_str() {
                "succeeded" => return Ok(()),
                "failed" => {
                    let why: String = reload.response.unwrap_or_default().chars().take(300).collect();
                    return Err(Trouble::Refused(format!("HAProxy could not be reloaded: {why}")));
                }
                _ if Instant::now() >= until => {
                    return Err(Trouble::Unreachable(format!(
                        "reload {id} is not done after {} s",
                        RELOAD_TIMEOUT.as_secs()
                    )));
                }
                _ => tokio::time::sleep(RELOAD_POLL).await,
            }
        }
    }
}

/// An id of the API as one step of a path.
fn escape(id: &str) -> String {
    id.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect()
}
