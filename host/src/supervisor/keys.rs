//! The keys that the configuration trusts, read from where it says they are.

use std::io::Read as _;
use std::path::Path;

use crate::causes::with_causes;
use crate::config::{Complaint, KeyAt, PolicySettings};
use crate::registry::{KEY_BYTES_MAX, Keyring, TrustedKey};

/// The keys, or what is wrong with each of them.
pub(super) fn keyring(policies: &PolicySettings) -> Result<Keyring, Vec<Complaint>> {
    let mut keys = Vec::with_capacity(policies.trusted_keys.len());
    let mut complaints = Vec::new();
    for at in &policies.trusted_keys {
        match read(at) {
            Ok(key) => keys.push(key),
            Err(what) => complaints.push(Complaint {
                place: at.place,
                path: format!("policies.trusted_keys.{}", at.name),
                what,
                remedy: "`trimtab policy keygen` makes a pair; this wants the public one".to_owned(),
            }),
        }
    }
    if complaints.is_empty() { Ok(Keyring::new(keys)) } else { Err(complaints) }
}

fn read(at: &KeyAt) -> Result<TrustedKey, String> {
    let read = match &at.key {
        Ok(file) => text(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?,
        Err(text) => text.clone(),
    };
    TrustedKey::read(&at.name, &read).map_err(|error| with_causes(&error))
}

fn text(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(file)?.take(KEY_BYTES_MAX as u64).read_to_string(&mut text)?;
    Ok(text)
}
