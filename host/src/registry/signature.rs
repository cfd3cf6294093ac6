//! Detached signatures over policies: pure Ed25519 (RFC 8032) over the file's own bytes, 64 bytes beside it.
//!
//! Nothing is written into the module and nothing is hashed first, so that what others have makes and checks the same:
//! `openssl pkeyutl -sign -rawin -inkey key.pem -in policy.wasm -out policy.wasm.sig`. A signature may name its key; then it
//! can be said whether the key is strange or the bytes are others. Pure: what is trusted and kept is the registry's to know.

mod base64;

#[cfg(test)]
mod tests;

use std::fmt;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _, KeypairBytes,
};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use super::rejection::Rejection;

/// Keys that may be trusted at once.
pub const TRUSTED_KEYS_MAX: usize = 64;
/// A longer text is no signature; also more than a file of one holds.
pub(super) const SIGNATURE_BYTES_MAX: usize = 512;
/// A longer text is no key.
pub const KEY_BYTES_MAX: usize = 16 * 1024;

/// Length of an Ed25519 signature.
const BYTES: usize = 64;
/// Length of an Ed25519 public key.
const KEY_BYTES: usize = 32;

/// A signature over some policy. What it says is not believed before a [`Keyring`] has checked it.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature {
    bytes: [u8; BYTES],
    /// The id of the key that made it, as it says itself.
    key: Option<String>,
}

/// Why a text is no signature or no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It is no signature.
    #[error("this is no signature: give 64 bytes, or base64 of them, with \"KEYID:\" in front or without")]
    Signature,
    /// It is no public key.
    #[error(
        "this is no Ed25519 public key: give PEM (`-----BEGIN PUBLIC KEY-----`), or base64 of its 32 bytes or of its DER"
    )]
    PublicKey,
    /// It is a key that would accept forged signatures.
    #[error("this public key is weak: anybody can make signatures that it accepts")]
    WeakKey,
    /// It is no private key.
    #[error(
        "this is no Ed25519 private key: give PEM (`-----BEGIN PRIVATE KEY-----`); `trimtab policy keygen` makes one"
    )]
    PrivateKey,
    /// The system gave no randomness.
    #[error("the system gave no randomness: {what}")]
    Randomness {
        /// Why.
        what: String,
    },
}

impl Signature {
    /// Reads a signature's file, or what stood in a header: 64 bytes as they are, or a text: base64, with or without the id
    /// of its key and a colon in front.
    ///
    /// # Errors
    /// Where it is none.
    pub fn read(raw: &[u8]) -> Result<Self, SignatureError> {
        if let Ok(bytes) = raw.try_into() {
            return Ok(Self { bytes, key: None });
        }
        let text = std::str::from_utf8(raw).map_err(|_| SignatureError::Signature)?.trim();
        if text.len() > SIGNATURE_BYTES_MAX {
            return Err(SignatureError::Signature);
        }
        let (key, encoded) = match text.split_once(':') {
            Some((key, encoded)) if is_key_id(key) => (Some(key.to_owned()), encoded),
            Some(_) => return Err(SignatureError::Signature),
            None => (None, text),
        };
        let bytes = base64::decode(encoded).and_then(|bytes| bytes.try_into().ok());
        Ok(Self { bytes: bytes.ok_or(SignatureError::Signature)?, key })
    }

    /// As one line of text, which [`Self::read`] reads.
    #[must_use]
    pub fn text(&self) -> String {
        let encoded = base64::encode(&self.bytes);
        match &self.key {
            Some(key) => format!("{key}:{encoded}"),
            None => encoded,
        }
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", self.text())
    }
}

/// A public key whose signatures are believed, and what the operator calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKey {
    name: String,
    key: VerifyingKey,
}

impl TrustedKey {
    /// Reads a public key: PEM, or base64 of its 32 bytes or of its DER.
    ///
    /// # Errors
    /// Where it is none, or one that proves nothing.
    pub fn read(name: &str, text: &str) -> Result<Self, SignatureError> {
        let text = text.trim();
        let key = if text.starts_with("-----BEGIN") {
            VerifyingKey::from_public_key_pem(text).map_err(|_| SignatureError::PublicKey)?
        } else {
            let bytes = base64::decode(text).ok_or(SignatureError::PublicKey)?;
            match <[u8; KEY_BYTES]>::try_from(bytes.as_slice()) {
                Ok(bytes) => VerifyingKey::from_bytes(&bytes).map_err(|_| SignatureError::PublicKey)?,
                Err(_) => VerifyingKey::from_public_key_der(&bytes).map_err(|_| SignatureError::PublicKey)?,
            }
        };
        if key.is_weak() {
            return Err(SignatureError::WeakKey);
        }
        Ok(Self { name: name.to_owned(), key })
    }

    /// What the operator calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its id: the first 16 hex digits of the SHA-256 of its 32 bytes.
    #[must_use]
    pub fn id(&self) -> String {
        key_id(&self.key)
    }

    /// Whether it made this signature over these bytes. Strict: no two signatures pass where one was made.
    fn made(&self, bytes: &[u8], signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.bytes);
        self.key.verify_strict(bytes, &signature).is_ok()
    }
}

/// The keys whose signatures are believed; none: nothing need be signed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keyring(Vec<TrustedKey>);

impl Keyring {
    /// Of these keys.
    #[must_use]
    pub fn new(keys: Vec<TrustedKey>) -> Self {
        Self(keys)
    }

    /// Whether nothing need be signed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The name of the key that made this signature over these bytes; `None` where nothing need be signed.
    ///
    /// # Errors
    /// The code `unsigned`, `untrusted-key` (it names a key that is not trusted) or `wrong-signature` (no trusted key made it
    /// over these bytes).
    pub fn check(&self, bytes: &[u8], signature: Option<&Signature>) -> Result<Option<String>, Rejection> {
        if self.is_empty() {
            return Ok(None);
        }
        let refuse = |code, text: String, remedy| Err(Rejection::of_signature(code, &text, remedy));
        let Some(signature) = signature else {
            let remedy = "sign it with `trimtab policy sign`, and send the signature along";
            return refuse(
                "unsigned",
                format!("it is not signed, and this host takes what {} signed", self.names()),
                remedy,
            );
        };
        let named = |key: &&TrustedKey| signature.key.as_ref().is_none_or(|id| *id == key.id());
        let mut candidates = self.0.iter().filter(named).peekable();
        if candidates.peek().is_none() {
            let id = signature.key.as_deref().unwrap_or_default();
            let text = format!("the key {id} signed it, and this host trusts {}", self.names());
            return refuse(
                "untrusted-key",
                text,
                "sign it with a trusted key, or trust that one: trusted_keys in [policies]",
            );
        }
        match candidates.find(|key| key.made(bytes, signature)) {
            Some(key) => Ok(Some(key.name.clone())),
            None => {
                let text = format!("its signature is not one over these bytes by {}", self.names());
                refuse("wrong-signature", text, "sign these very bytes with a trusted key")
            }
        }
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|key| key.name.as_str()).take(8).collect();
        let more = if self.0.len() > names.len() { " or others" } else { "" };
        format!("{}{more}", names.join(" or "))
    }
}

/// A private key. Never shown, but as the PEM that its owner keeps.
pub struct PrivateKey(SigningKey);

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", key_id(&self.0.verifying_key()))
    }
}

impl PrivateKey {
    /// A new one, of the system's randomness.
    ///
    /// # Errors
    /// Where the system gives none.
    pub fn generate() -> Result<Self, SignatureError> {
        let mut seed = [0; KEY_BYTES];
        getrandom::fill(&mut seed).map_err(|error| SignatureError::Randomness { what: error.to_string() })?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Reads PEM of PKCS #8, as `openssl genpkey -algorithm ed25519` writes it.
    ///
    /// # Errors
    /// Where it is none.
    pub fn read(pem: &str) -> Result<Self, SignatureError> {
        SigningKey::from_pkcs8_pem(pem.trim()).map(Self).map_err(|_| SignatureError::PrivateKey)
    }

    /// As PEM: for the file that its owner keeps.
    ///
    /// # Errors
    /// Where it cannot be written down.
    pub fn pem(&self) -> Result<String, SignatureError> {
        // Without the public key beside it, which RFC 5958 allows and openssl does not read.
        let bare = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        let pem = bare.to_pkcs8_pem(LineEnding::LF).map_err(|_| SignatureError::PrivateKey)?;
        Ok(pem.to_string())
    }

    /// The public key, as PEM.
    ///
    /// # Errors
    /// Where it cannot be written down.
    pub fn public_pem(&self) -> Result<String, SignatureError> {
        self.0.verifying_key().to_public_key_pem(LineEnding::LF).map_err(|_| SignatureError::PublicKey)
    }

    /// The id of its public key.
    #[must_use]
    pub fn id(&self) -> String {
        key_id(&self.0.verifying_key())
    }

    /// Signs these bytes; the signature names the key.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> Signature {
        Signature { bytes: self.0.sign(bytes).to_bytes(), key: Some(self.id()) }
    }
}

fn key_id(key: &VerifyingKey) -> String {
    hex::encode(Sha256::digest(key.as_bytes())).chars().take(16).collect()
}

fn is_key_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
