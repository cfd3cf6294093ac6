//! Who changed what, when, from what to what.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Identity, Permission};
use crate::store::{Entry, Write};

/// The log.
pub const TRAIL: &str = "access/audit";

/// Most bytes of what stood before or after: more is said to be left out.
const VALUE_BYTES_MAX: usize = 16 * 1024;

/// A change that somebody made. `before` and `after` are what anybody who may read the log may see: never a secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// When.
    pub at_ms: u64,
    /// Name and id of the token, or "the host".
    pub who: String,
    /// By which leave.
    pub what: String,
    /// To what: `token 1f2e…`, `target local/web`.
    pub object: String,
    /// What was there; `None`: nothing, or it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What is there now; `None`: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// The request, as its answer named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

impl Change {
    /// A change of `object`, by this leave.
    #[must_use]
    pub fn new(at_ms: u64, by: &Identity, permission: Permission, object: String) -> Self {
        let (who, what) = (by.who(), permission.word().to_owned());
        Self { at_ms, who, what, object, before: None, after: None, request: None }
    }

    /// With what was there.
    #[must_use]
    pub fn from(self, before: &Value) -> Self {
        Self { before: Some(bounded(before)), ..self }
    }

    /// With what is there now.
    #[must_use]
    pub fn to(self, after: &Value) -> Self {
        Self { after: Some(bounded(after)), ..self }
    }

    /// With the request that asked for it.
    #[must_use]
    pub fn asked_by(self, request: &str) -> Self {
        Self { request: Some(request.to_owned()), ..self }
    }

    /// The write that keeps it.
    #[must_use]
    pub fn write(&self) -> Write {
        // Texts and JSON values cannot fail to be written.
        let body = serde_json::to_vec(self).unwrap_or_default();
        Write::Append { log: TRAIL.to_owned(), at_ms: self.at_ms, kind: 1, body }
    }

    /// An entry that cannot be read is told, not passed over.
    pub(super) fn read(entry: &Entry) -> Self {
        serde_json::from_slice(&entry.body).unwrap_or_else(|error| Self {
            at_ms: entry.at_ms,
            who: String::new(),
            what: "unreadable".to_owned(),
            object: error.to_string(),
            before: None,
            after: None,
            request: None,
        })
    }
}

fn bounded(value: &Value) -> Value {
    let bytes = value.to_string().len();
    if bytes <= VALUE_BYTES_MAX { value.clone() } else { Value::String(format!("left out: {bytes} bytes")) }
}
