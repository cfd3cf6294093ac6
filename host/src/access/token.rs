//! What is kept of a token.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::secret::Secret;
use super::{AccessError, Identity, Role, Scope};

/// Most bytes of a token's name.
pub const NAME_BYTES_MAX: usize = 63;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Least, usual and most time for which a token holds.
pub const LIFE_MS_MIN: u64 = 1000;
/// What a token gets that nobody said a time for.
pub const LIFE_MS_DEFAULT: u64 = 90 * DAY_MS;
/// Ten years.
pub const LIFE_MS_MAX: u64 = 3650 * DAY_MS;

/// A token, without its secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Unique in the host.
    pub id: String,
    /// The maker's name for it.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Where it holds.
    #[serde(default)]
    pub scope: Scope,
    /// Hash of its secret.
    #[serde(with = "hex::serde")]
    pub(super) hash: [u8; 32],
    /// When it was made.
    pub created_ms: u64,
    /// By whom.
    pub created_by: String,
    /// Until when it holds; `None`: until it is revoked. Only the first admin token has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_ms: Option<u64>,
}

/// A token that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Where it holds.
    pub scope: Scope,
    /// For how long; `None`: until it is revoked.
    pub life_ms: Option<u64>,
}

/// Whether a token holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenState {
    /// It does.
    Valid,
    /// No longer, by time.
    Expired,
    /// No longer, by somebody's word.
    Revoked,
}

impl Wanted {
    pub(super) fn checked(self) -> Result<Self, AccessError> {
        let refused = |what: String, remedy: &str| AccessError::Refused { what, remedy: remedy.to_owned() };
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
        if self.name.is_empty() || self.name.len() > NAME_BYTES_MAX || !self.name.chars().all(fits) {
            let remedy = "use 1 to 63 letters, digits, \"-\", \"_\", \".\" and \"@\"";
            return Err(refused("the token's name is empty, too long, or holds other characters".to_owned(), remedy));
        }
        if self.life_ms.is_some_and(|life_ms| !(LIFE_MS_MIN..=LIFE_MS_MAX).contains(&life_ms)) {
            return Err(refused("a token holds from a second to ten years".to_owned(), "say another time"));
        }
        match self.scope.check() {
            Ok(()) => Ok(self),
            Err(error) => Err(refused(error.to_string(), "correct the scope")),
        }
    }
}

impl Token {
    pub(super) fn make(wanted: Wanted, by: &Identity, now_ms: u64) -> Result<(Self, Secret), AccessError> {
        let secret = Secret::make()?;
        let token = Self {
            id: secret.id().to_owned(),
            name: wanted.name,
            role: wanted.role,
            scope: wanted.scope,
            hash: secret.hash(),
            created_ms: now_ms,
            created_by: by.who(),
            expires_ms: wanted.life_ms.map(|life_ms| now_ms.saturating_add(life_ms)),
            revoked_ms: None,
        };
        Ok((token, secret))
    }

    /// Whether it holds at this time.
    #[must_use]
    pub fn state(&self, now_ms: u64) -> TokenState {
        if self.revoked_ms.is_some() {
            TokenState::Revoked
        } else if self.expires_ms.is_some_and(|expires_ms| now_ms >= expires_ms) {
            TokenState::Expired
        } else {
            TokenState::Valid
        }
    }

    /// Whether it lets an admin of the whole host in.
    pub(super) fn is_lasting_admin(&self, now_ms: u64) -> bool {
        self.role == Role::Admin && self.scope.is_whole() && self.state(now_ms) == TokenState::Valid
    }

    /// For the log of changes: all but the hash.
    pub(super) fn shown(&self) -> serde_json::Value {
        json!({
            "id": self.id, "name": self.name, "role": self.role, "scope": self.scope,
            "expires_ms": self.expires_ms, "revoked_ms": self.revoked_ms,
        })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Token");
        shown.field("id", &self.id).field("name", &self.name).field("role", &self.role).field("scope", &self.scope);
        shown.field("expires_ms", &self.expires_ms).field("revoked_ms", &self.revoked_ms).finish_non_exhaustive()
    }
}
