//! Why nothing could be played again.

use crate::audit::AuditError;
use crate::registry::RegistryError;

/// Why nothing could be played again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// No policy is meant by this word.
    #[error("there is no policy {word:?} here: give a digest (8 digits of it at least), name@version, or a name")]
    NoSuchPolicy {
        /// The word.
        word: String,
    },
    /// Several are.
    #[error("{word:?} is the beginning of several digests: {}", digests.join(", "))]
    Ambiguous {
        /// The word.
        word: String,
        /// Some of them.
        digests: Vec<String>,
    },
    /// The policy cannot be had.
    #[error("the policy cannot be had")]
    Registry(#[from] RegistryError),
    /// The records cannot be read.
    #[error("the records cannot be read")]
    Audit(#[from] AuditError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] crate::store::StoreError),
    /// Its thread was lost: the host ends, or this is a bug of ours.
    #[error("the thread that played it again was lost")]
    Lost,
}
