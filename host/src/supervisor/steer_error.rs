//! Why a running host was not steered as it was told.

use crate::config::Complaints;
use crate::registry::RegistryError;
use crate::registry::oci::OciError;
use crate::snapshot::TargetId;
use crate::store::StoreError;

/// Why a running host was not steered as it was told. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SteerError {
    /// Nobody has seen such a target.
    #[error("there is no target {target}")]
    UnknownTarget {
        /// As it was named.
        target: TargetId,
    },
    /// There is no such binding.
    #[error("there is no binding {name:?}")]
    UnknownBinding {
        /// As it was named.
        name: String,
    },
    /// The binding is a table's.
    #[error("binding {name:?} comes from table {table}")]
    OfTable {
        /// As it was named.
        name: String,
        /// The table.
        table: String,
    },
    /// No binding would have it watch.
    #[error(
        "version {digest} of {name:?} has nothing to watch: no binding uses that name, or all run this very version"
    )]
    NothingToWatch {
        /// The policy's name.
        name: String,
        /// The version.
        digest: String,
    },
    /// A count that the caps do not allow.
    #[error("{replicas} replicas are outside of {min} to {max}, which the caps on this target allow")]
    OutOfRange {
        /// Asked for.
        replicas: u32,
        /// Fewest allowed.
        min: u32,
        /// Most allowed.
        max: u32,
    },
    /// An end that has passed.
    #[error("it would end at {until_ms}, which is not after now, {now_ms}")]
    Past {
        /// Its end.
        until_ms: u64,
        /// The host's time.
        now_ms: u64,
    },
    /// What was asked for does not hold together.
    #[error(transparent)]
    Complaints(#[from] Complaints),
    /// Somebody else changed it meanwhile.
    #[error("it is at version {found} by now, not at {expected}: look at it again")]
    Stale {
        /// The version that was named.
        expected: u64,
        /// The version there is; 0: none.
        found: u64,
    },
    /// Too many wait for a turn already.
    #[error("too many wait for a turn already: come again")]
    Busy,
    /// The turn that was ordered could not be made.
    #[error("no turn could be made: {what}")]
    Turn {
        /// Why.
        what: String,
    },
    /// The policy cannot be had or changed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// It cannot be pulled.
    #[error(transparent)]
    Oci(#[from] OciError),
    /// It cannot be kept.
    #[error("it cannot be kept")]
    Store(#[from] StoreError),
}
