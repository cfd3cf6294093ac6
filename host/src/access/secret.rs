//! The secret of a token.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::AccessError;

/// What tokens begin with, so that a scanner finds one that was published by mistake.
const PREFIX: &str = "trimtab_";
/// Bytes of a token's id: with at most 10,000 tokens two of the same come once in some 10^11 hosts.
const ID_BYTES: usize = 8;
/// Bytes of the secret: 256 bits.
const SECRET_BYTES: usize = 32;

/// `trimtab_<id>_<secret>`: id and secret in hex. Shown once, when the token is made. Never prints by accident.
#[derive(Clone)]
pub struct Secret {
    text: String,
}

impl Secret {
    /// A new one, of the system's randomness.
    pub(super) fn make() -> Result<Self, AccessError> {
        let mut bytes = [0_u8; ID_BYTES + SECRET_BYTES];
        getrandom::fill(&mut bytes).map_err(AccessError::Random)?;
        let (id, secret) = bytes.split_at(ID_BYTES);
        Ok(Self { text: format!("{PREFIX}{}_{}", hex::encode(id), hex::encode(secret)) })
    }

    /// Reads what somebody shows; `None` where it has not the form.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let is_hex = |part: &str, bytes: usize| {
            part.len() == 2 * bytes && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        (is_hex(id, ID_BYTES) && is_hex(secret, SECRET_BYTES)).then(|| Self { text: text.to_owned() })
    }

    /// The token's id, which is no secret.
    #[must_use]
    pub fn id(&self) -> &str {
        self.text.strip_prefix(PREFIX).and_then(|rest| rest.split('_').next()).unwrap_or_default()
    }

    /// The whole text, to be given to who asked for the token, and to nobody else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What is kept of it: the SHA-256 of the whole text. A slow hash guards secrets that people think up, of which few are
    /// tried before the right one; of 2^256 random ones no hash need be slow, and a fast one lets every request be checked.
    pub(super) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.text.as_bytes()).into()
    }

    /// Whether it is the one of this hash; tells nothing by its time.
    pub(super) fn is_of(&self, hash: &[u8; 32]) -> bool {
        self.hash().ct_eq(hash).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({PREFIX}{}_…)", self.id())
    }
}
