//! Why a policy cannot be had.

use std::path::PathBuf;

use super::builtin::BuiltinError;
use crate::policy::PolicyError;
use crate::sandbox::SandboxError;
use crate::store::StoreError;

/// Why a policy cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// This binary has no such policy.
    #[error("no policy of this name is built in")]
    Builtin {
        /// What there is.
        #[source]
        source: BuiltinError,
    },
    /// The file cannot be read.
    #[error("the policy's file {} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What stands in `use` is no name, file or digest.
    #[error(
        "{uses:?} is no policy: give the name of a built-in one, a file such as \"./policy.wasm\", or \"sha256:…\""
    )]
    Form {
        /// What was given.
        uses: String,
    },
    /// No bytes of this digest are kept.
    #[error("no policy with the digest {digest} is kept here: upload it")]
    Unknown {
        /// The digest.
        digest: String,
    },
    /// It cannot be compiled or linked.
    #[error("the policy {name} cannot be loaded")]
    Component {
        /// As it was asked for.
        name: String,
        /// Why.
        #[source]
        source: SandboxError,
    },
    /// It fails when it is asked what it is.
    #[error("the policy {name} cannot be used")]
    Policy {
        /// As it was asked for.
        name: String,
        /// Why.
        #[source]
        source: PolicyError,
    },
    /// The store failed.
    #[error("the policy {name} cannot be kept or read")]
    Store {
        /// As it was asked for.
        name: String,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// The host is shutting down.
    #[error("the host is shutting down")]
    ShuttingDown,
}
