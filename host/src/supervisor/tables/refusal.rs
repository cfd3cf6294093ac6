//! Why a row is not taken up.

use super::SETTINGS_BYTES_MAX;
use crate::config::Complaints;

/// Why a row is not taken up, with the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The file has a binding of this name.
    #[error("the configuration's file has a binding of this name, which goes before it; give the row another name")]
    InFile,
    /// The API made a binding of this name.
    #[error("a binding of this name was made by the API and goes before it; remove that one, or rename the row")]
    ByApi,
    /// Another table has a binding of this name in force.
    #[error("table {table} has a binding of this name in force; give the row another name")]
    InTable {
        /// The other.
        table: String,
    },
    /// Several rows bear this name.
    #[error("several rows bear this name, and which of them is meant cannot be told; leave one")]
    Twice,
    /// There is more than a row may hold.
    #[error("its settings are longer than {SETTINGS_BYTES_MAX} bytes; split the binding")]
    TooLong,
    /// What it says does not hold together.
    #[error(transparent)]
    Complaints(#[from] Complaints),
}

impl Refusal {
    /// Its word, for programs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::InFile => "in-file",
            Self::ByApi => "by-api",
            Self::InTable { .. } => "in-table",
            Self::Twice => "twice",
            Self::TooLong => "too-long",
            Self::Complaints(_) => "complaints",
        }
    }
}
