//! Policies by name and digest: from a `use` in a binding to a loaded [`Policy`](crate::policy::Policy).
//!
//! Bytes come from this binary, from a file, or from the store; they are compiled in a child and cached, and kept in the store
//! by digest once they have loaded, so that every record that names a digest can be replayed.
//!
//! What is uploaded becomes a [`Version`] of the name that its manifest gives: `policy/version/<digest>` says where it stands,
//! `policy/active/<name>` which version of a name runs, and which watch beside it. A `use` that is a name means the active version where there is one.

mod activate;
mod active;
pub mod builtin;
mod error;
mod index;
mod load;
pub mod oci;
mod rejection;
mod retention;
pub mod sample;
mod shadow;
mod signature;
mod trial;
mod trust;
mod upload;
mod version;

#[cfg(test)]
mod tests;

pub use self::activate::Planned;
pub use self::active::{Active, Previous, Probation};
pub use self::error::RegistryError;
pub use self::load::{Registry, RegistryParts, read_signature};
pub use self::rejection::Rejection;
pub use self::retention::Keep;
pub use self::shadow::{SHADOWS_MAX, Shadow};
pub use self::signature::{
    KEY_BYTES_MAX, Keyring, PrivateKey, Signature, SignatureError, TRUSTED_KEYS_MAX, TrustedKey,
};
pub use self::trial::{Rehearsal, Trial, TrialCase};
pub use self::upload::PushMeta;
pub use self::version::{Grants, Version, VersionState};
