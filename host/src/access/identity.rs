//! Somebody who has shown a token.

use super::{Role, Scope, Token};

/// Who asks: what a token says of whoever shows its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The token's id; empty for the host itself.
    pub token: String,
    /// The token's name.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Where it holds.
    pub scope: Scope,
}

/// Why nobody is known by what was shown. Whether a token exists is told only to who has its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotKnown {
    /// It has not the form of a token.
    #[error("this is no token: tokens have the form trimtab_<id>_<secret>")]
    Malformed,
    /// There is none of this id and secret.
    #[error("this token is not known here")]
    NoSuchToken,
    /// It has expired.
    #[error("this token has expired")]
    Expired,
    /// It was revoked.
    #[error("this token was revoked")]
    Revoked,
}

impl Identity {
    /// The host itself, which needs no leave: for what it does at its own start.
    #[must_use]
    pub fn host() -> Self {
        Self { token: String::new(), name: "the host".to_owned(), role: Role::Admin, scope: Scope::default() }
    }

    pub(super) fn of(token: &Token) -> Self {
        Self { token: token.id.clone(), name: token.name.clone(), role: token.role, scope: token.scope.clone() }
    }

    /// For records and logs: `ops (1f2e3d4c5b6a7980)`.
    #[must_use]
    pub fn who(&self) -> String {
        if self.token.is_empty() { self.name.clone() } else { format!("{} ({})", self.name, self.token) }
    }
}
