//! The first-party policies inside this binary.
//!
//! They are WebAssembly like a stranger's and go through the same door. `build.rs` embeds what `cargo xtask policies` built;
//! a binary built without that command has none and says so when one is asked for.

/// A policy inside this binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltinPolicy {
    /// Its name, as a binding's `use` gives it.
    pub name: &'static str,
    /// Its module or component.
    pub bytes: &'static [u8],
    /// SHA-256 of `bytes`, as lower-case hexadecimal digits.
    pub sha256: &'static str,
}

/// All policies inside this binary, by name.
pub static BUILTIN: &[BuiltinPolicy] = include!(concat!(env!("OUT_DIR"), "/builtin.rs"));

/// Why there is no such policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuiltinError {
    /// The binary was built without any.
    #[error(
        "find the policy `{name}`: this binary was built without policies; run `cargo xtask policies` \
         in a checkout and build it again, or upload the policy"
    )]
    NoneBuilt {
        /// What was asked for.
        name: String,
    },
    /// It has others.
    #[error("find the policy `{name}`: this binary has {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<&'static str>,
    },
}

/// The policy of that name.
///
/// # Errors
/// Where this binary has no such policy; [`BuiltinError`] says what it has.
pub fn builtin(name: &str) -> Result<&'static BuiltinPolicy, BuiltinError> {
    find(BUILTIN, name)
}

fn find(table: &'static [BuiltinPolicy], name: &str) -> Result<&'static BuiltinPolicy, BuiltinError> {
    if let Some(policy) = table.iter().find(|policy| policy.name == name) {
        return Ok(policy);
    }
    let name = name.to_owned();
    if table.is_empty() {
        return Err(BuiltinError::NoneBuilt { name });
    }
    Err(BuiltinError::Unknown { name, known: table.iter().map(|policy| policy.name).collect() })
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    static TWO: &[BuiltinPolicy] = &[
        BuiltinPolicy { name: "rightsizing", bytes: b"a", sha256: "" },
        BuiltinPolicy { name: "target-tracking", bytes: b"b", sha256: "" },
    ];

    #[test]
    fn finds_by_name() {
        assert_eq!(find(TWO, "target-tracking").unwrap().bytes, b"b");
    }

    #[test]
    fn an_unknown_name_lists_the_known() {
        assert_eq!(
            find(TWO, "target_tracking").unwrap_err().to_string(),
            "find the policy `target_tracking`: this binary has rightsizing, target-tracking"
        );
    }

    #[test]
    fn an_empty_table_names_the_command() {
        let said = find(&[], "target-tracking").unwrap_err().to_string();
        assert!(said.contains("cargo xtask policies"), "{said}");
    }

    #[test]
    fn what_is_embedded_has_its_digest() {
        for policy in BUILTIN {
            assert_eq!(hex::encode(Sha256::digest(policy.bytes)), policy.sha256, "{}", policy.name);
            assert_eq!(builtin(policy.name).unwrap(), policy);
        }
    }
}
