//! Why a policy cannot be had.

use std::path::PathBuf;

use super::builtin::BuiltinError;
use super::rejection::Rejection;
use super::version::VersionState;
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
    /// The upload is refused.
    #[error("the upload is refused ({}): {}", rejection.code, rejection.text)]
    Rejected {
        /// Why, and the remedy.
        rejection: Rejection,
    },
    /// It is not signed as this host wants it.
    #[error("the policy {name} is refused ({}): {}", rejection.code, rejection.text)]
    Untrusted {
        /// As it was asked for.
        name: String,
        /// Why, and the remedy.
        rejection: Rejection,
    },
    /// Too many uploads are in progress.
    #[error("{uploads_max} uploads are in progress: come again")]
    Busy {
        /// So many may be.
        uploads_max: usize,
    },
    /// No such version was uploaded.
    #[error("there is no version {digest} of {name:?} here: push it")]
    NoVersion {
        /// The policy's name.
        name: String,
        /// The digest.
        digest: String,
    },
    /// The version cannot be activated.
    #[error("the version {digest} is {state}: only one that was tried can be activated")]
    NotTried {
        /// Its digest.
        digest: String,
        /// Where it stands.
        state: VersionState,
    },
    /// There is no version to go back to.
    #[error("there is nothing of {name:?} to go back to")]
    NothingBefore {
        /// The policy's name.
        name: String,
    },
    /// Somebody else changed it meanwhile.
    #[error("somebody else changed which version of {name:?} is active: look at it again")]
    Raced {
        /// The policy's name.
        name: String,
    },
    /// No such version watches.
    #[error("no version {digest} of {name:?} watches {}", scope(binding.as_deref()))]
    NoShadow {
        /// The policy's name.
        name: String,
        /// The digest.
        digest: String,
        /// For whom; `None`: all.
        binding: Option<String>,
    },
    /// Each version that watches costs what one that acts does.
    #[error("{shadows_max} versions of {name:?} watch already {}: remove one", scope(binding.as_deref()))]
    TooManyShadows {
        /// The policy's name.
        name: String,
        /// For whom; `None`: all.
        binding: Option<String>,
        /// So many may.
        shadows_max: usize,
    },
    /// The version cannot be removed.
    #[error("the version {digest} of {name:?} is {state}: take it out of use first")]
    InUse {
        /// The policy's name.
        name: String,
        /// Its digest.
        digest: String,
        /// Where it stands.
        state: VersionState,
    },
    /// The host is shutting down.
    #[error("the host is shutting down")]
    ShuttingDown,
}

fn scope(binding: Option<&str>) -> String {
    binding.map_or_else(|| "for all bindings".to_owned(), |name| format!("for the binding {name:?}"))
}
