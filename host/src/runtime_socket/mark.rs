//! Whose a server is: its name says it, and which instance it is. The registrar writes these names, the source finds them.
//!
//! HAProxy takes letters, digits and `. : _ -` in names. Every other byte of an instance's id, and `_`, is written `_` and two
//! hex digits, so that each name stands for one id.

use std::fmt::Write as _;

/// The name of this instance's server.
pub(crate) fn name_of(prefix: &str, instance: &str) -> String {
    let mut name = String::with_capacity(prefix.len() + instance.len());
    name.push_str(prefix);
    for byte in instance.bytes() {
        if byte.is_ascii_alphanumeric() || b".:-".contains(&byte) {
            name.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(name, "_{byte:02x}");
        }
    }
    name
}

/// The instance whose server has this name; `None` if it is not ours.
pub(crate) fn instance_of(prefix: &str, name: &str) -> Option<String> {
    let mut rest = name.strip_prefix(prefix)?.bytes();
    let mut id = Vec::with_capacity(name.len());
    while let Some(byte) = rest.next() {
        if byte == b'_' {
            let digits = [rest.next()?, rest.next()?];
            id.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            id.push(byte);
        }
    }
    let id = String::from_utf8(id).ok().filter(|id| !id.is_empty())?;
    // A name that we would not have written is not ours.
    (name_of(prefix, &id) == name).then_some(id)
}
