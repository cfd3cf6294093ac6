//! Who may do what: roles, tokens, the one permission check, and the log of every change that somebody made.
//!
//! A [`Token`] names a [`Role`] and a [`Scope`]; whoever presents its secret becomes an [`Identity`]. [`permit`] alone says
//! whether an identity may do something to something: API, command line and dashboard all end at it. Tokens stand in the
//! store under `access/token/<id>`, without their secrets; changes in the log `access/audit`.
//!
//! Knows no HTTP and no clock of its own: `now_ms` is an argument.

mod identity;
mod permission;
mod role;
mod scope;

mod secret;
mod token;

mod first;
mod trail;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

pub use self::first::FIRST_TOKEN_FILE;
pub use self::identity::{Identity, NotKnown};
pub use self::permission::{Denied, Object, Permission, permit};
pub use self::role::Role;
pub use self::scope::{Place, Scope, ScopeError};
pub use self::secret::Secret;
pub use self::token::{LIFE_MS_DEFAULT, LIFE_MS_MAX, LIFE_MS_MIN, NAME_BYTES_MAX, Token, TokenState, Wanted};
pub use self::trail::{Change, TRAIL};
use crate::store::{LogRange, Store, StoreError, Write, Written};

/// Beginning of the keys of tokens.
const TOKENS: &str = "access/token/";

/// Most tokens that are kept, revoked ones included: all of them stay in memory, some 300 bytes each.
pub const TOKENS_MAX: usize = 10_000;

/// Everybody who may speak to this host. The host alone writes its store, so what is in memory is what holds.
#[derive(Debug)]
pub struct Access {
    store: Arc<dyn Store>,
    tokens: RwLock<BTreeMap<String, Arc<Token>>>,
    /// One change of tokens at a time: "not the last admin" is a rule about all of them.
    changing: tokio::sync::Mutex<()>,
}

/// What went wrong with tokens or with the log of changes.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The store failed.
    #[error("the store of tokens failed")]
    Store(#[from] StoreError),
    /// What is kept cannot be read. Refused, for a token that is passed over could be one that was revoked.
    #[error("the token kept under {key} cannot be read; restore the store, or remove the key")]
    Unreadable {
        /// Its key.
        key: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random(#[source] getrandom::Error),
    /// The first token could not be left where an admin finds it.
    #[error("the first admin token cannot be written to {path}")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What was asked of a token cannot be.
    #[error("{what}")]
    Refused {
        /// What is wrong.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// There is no such token.
    #[error("there is no token {id:?}")]
    NoSuchToken {
        /// Its id.
        id: String,
    },
    /// It is the only way in for an admin.
    #[error("token {id} is the last that an admin of the whole host can use")]
    LastAdmin {
        /// Its id.
        id: String,
    },
    /// There are too many.
    #[error("there are {TOKENS_MAX} tokens already")]
    TooMany,
    /// Another was faster, which cannot be where one host owns the store.
    #[error("the token {id} changed underneath")]
    Lost {
        /// Its id.
        id: String,
    },
}

impl Access {
    /// Reads the tokens. Where there is none at all, makes one for an admin of everything and leaves it in
    /// `data_dir/admin.token`, which nobody but the host's own user can read.
    ///
    /// # Errors
    /// Where the store fails, holds what cannot be read, or the file cannot be written.
    pub async fn open(store: Arc<dyn Store>, data_dir: &Path, now_ms: u64) -> Result<Self, AccessError> {
        let kept = store.list(TOKENS, None, TOKENS_MAX).await?;
        let read = |(key, kept): (String, crate::store::Versioned)| match serde_json::from_slice::<Token>(&kept.value) {
            Ok(token) => Ok((token.id.clone(), Arc::new(token))),
            Err(source) => Err(AccessError::Unreadable { key, source }),
        };
        let tokens: BTreeMap<String, Arc<Token>> = kept.into_iter().map(read).collect::<Result<_, _>>()?;
        let none = tokens.is_empty();
        let access = Self { store, tokens: RwLock::new(tokens), changing: tokio::sync::Mutex::new(()) };
        if none {
            first::make(&access, data_dir, now_ms).await?;
        }
        Ok(access)
    }

    /// Whose secret this is. Takes as long for a wrong secret as for a right one.
    ///
    /// # Errors
    /// Where it is nobody's, or no longer holds.
    pub fn identify(&self, text: &str, now_ms: u64) -> Result<Identity, NotKnown> {
        let secret = Secret::parse(text).ok_or(NotKnown::Malformed)?;
        let token = self.token(secret.id()).ok_or(NotKnown::NoSuchToken)?;
        if !secret.is_of(&token.hash) {
            return Err(NotKnown::NoSuchToken);
        }
        match token.state(now_ms) {
            TokenState::Valid => Ok(Identity::of(&token)),
            TokenState::Expired => Err(NotKnown::Expired),
            TokenState::Revoked => Err(NotKnown::Revoked),
        }
    }

    /// The token of this id.
    #[must_use]
    pub fn token(&self, id: &str) -> Option<Arc<Token>> {
        self.tokens.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// All tokens, ordered by id; at most `limit`, after `after`.
    #[must_use]
    pub fn tokens(&self, after: Option<&str>, limit: usize) -> Vec<Arc<Token>> {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        tokens
            .values()
            .filter(|token| after.is_none_or(|after| token.id.as_str() > after))
            .take(limit)
            .cloned()
            .collect()
    }

    /// Makes a token. Its secret is in the answer and nowhere else: it cannot be shown again.
    ///
    /// # Errors
    /// Where what is wanted cannot be, or the store fails; then there is no token.
    pub async fn create(
        &self,
        wanted: Wanted,
        by: &Identity,
        now_ms: u64,
    ) -> Result<(Arc<Token>, Secret), AccessError> {
        let _changing = self.changing.lock().await;
        let wanted = wanted.checked()?;
        self.room()?;
        let (token, secret) = Token::make(wanted, by, now_ms)?;
        let change = Change::new(now_ms, by, Permission::TokenManage, format!("token {}", token.id)).to(&token.shown());
        self.keep(token, 0, &change).await.map(|token| (token, secret))
    }

    /// Ends a token, at once and for good. Ending one that is revoked already changes nothing.
    ///
    /// # Errors
    /// Where there is none, it is the last way in, or the store fails.
    pub async fn revoke(&self, id: &str, by: &Identity, now_ms: u64) -> Result<Arc<Token>, AccessError> {
        let _changing = self.changing.lock().await;
        let token = self.token(id).ok_or_else(|| AccessError::NoSuchToken { id: id.to_owned() })?;
        if token.revoked_ms.is_some() {
            return Ok(token);
        }
        if token.is_lasting_admin(now_ms) && !self.another_lasting_admin(id, now_ms) {
            return Err(AccessError::LastAdmin { id: id.to_owned() });
        }
        let revoked = Token { revoked_ms: Some(now_ms), ..token.as_ref().clone() };
        let change = Change::new(now_ms, by, Permission::TokenManage, format!("token {id}"))
            .from(&token.shown())
            .to(&revoked.shown());
        let version = self.store.get(&key(id)).await?.map_or(0, |kept| kept.version);
        self.keep(revoked, version, &change).await
    }

    /// Keeps a change that somebody made. See [`Change`] for what may stand in it.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn note(&self, change: &Change) -> Result<(), AccessError> {
        self.store.write(vec![change.write()]).await?;
        Ok(())
    }

    /// Changes that were made, newest first, each with its number: at most `limit`, before the number `before`.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn changes(&self, before: Option<u64>, limit: usize) -> Result<Vec<(u64, Change)>, AccessError> {
        let entries = self.store.read_log(TRAIL, LogRange { after: before, ..LogRange::newest(limit) }).await?;
        Ok(entries.iter().map(|entry| (entry.seq, Change::read(entry))).collect())
    }

    /// Keeps a token and the change that made it so in one commit: neither is there without the other.
    async fn keep(&self, token: Token, version: u64, change: &Change) -> Result<Arc<Token>, AccessError> {
        let key = key(&token.id);
        let unreadable = |source| AccessError::Unreadable { key: key.clone(), source };
        let value = serde_json::to_vec(&token).map_err(unreadable)?;
        let writes = vec![Write::CompareAndSet { key: key.clone(), version, value }, change.write()];
        if !matches!(self.store.write(writes).await?.first(), Some(Written::Set(_))) {
            return Err(AccessError::Lost { id: token.id });
        }
        let token = Arc::new(token);
        let mut tokens = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(token.id.clone(), Arc::clone(&token));
        Ok(token)
    }

    fn room(&self) -> Result<(), AccessError> {
        let count = self.tokens.read().unwrap_or_else(PoisonError::into_inner).len();
        if count < TOKENS_MAX { Ok(()) } else { Err(AccessError::TooMany) }
    }

    /// Whether an admin of the whole host could still come in without this token.
    fn another_lasting_admin(&self, id: &str, now_ms: u64) -> bool {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        tokens.values().any(|token| token.id != id && token.is_lasting_admin(now_ms))
    }
}

fn key(id: &str) -> String {
    format!("{TOKENS}{id}")
}
