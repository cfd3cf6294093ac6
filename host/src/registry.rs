//! Policies by name and digest: from a `use` in a binding to a loaded [`Policy`](crate::policy::Policy).
//!
//! Bytes come from this binary, from a file, or from the store; they are compiled in a child and cached, and kept in the store
//! by digest once they have loaded, so that every record that names a digest can be replayed.

pub mod builtin;
mod error;
mod index;
mod load;

#[cfg(test)]
mod tests;

pub use self::error::RegistryError;
pub use self::load::{Registry, RegistryParts};
