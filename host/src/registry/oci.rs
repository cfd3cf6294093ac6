//! Policies from an OCI registry: one manifest, one layer, named by digest.
//!
//! References and manifests are `oci-client`'s; the requests are ours. Its own pull reads a manifest of any length into memory
//! and follows redirects, and the place where a registry says that tokens are had, wherever they lead; here both lead to hosts
//! that the operator has named, and nowhere else, and everything that is read has an end. Nothing is decompressed.

mod ask;
mod error;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use oci_client::Reference;
use oci_client::manifest::{IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest};
use sha2::{Digest, Sha256};

use self::ask::Asker;
pub use self::error::OciError;
use super::signature::Signature;
use crate::causes::on_one_line;

/// Media types of a layer that is a policy as it is.
pub const LAYER_TYPES: [&str; 3] = [
    "application/wasm",
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
];

/// The annotation, of the manifest or of the layer, that holds the signature.
pub const SIGNATURE_ANNOTATION: &str = "io.trimtab.signature";

/// Longest reference: a host, a repository, a tag and a digest.
const REFERENCE_BYTES_MAX: usize = 700;
/// Longest manifest: of one layer and some annotations.
const MANIFEST_BYTES_MAX: u64 = 256 * 1024;

/// A registry that may be pulled from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OciPlace {
    /// Its host, with the port if it has one: as references begin.
    pub host: String,
    /// Whether it is spoken to without encryption.
    pub insecure_http: bool,
    /// Further hosts that it may lead to; `*.` in front stands for any name below.
    pub also: Vec<String>,
    /// As whom; `None`: as nobody.
    pub login: Option<OciLogin>,
}

/// Who pulls.
#[derive(Clone, PartialEq, Eq)]
pub struct OciLogin {
    /// The user.
    pub user: String,
    /// The password or token.
    pub password: String,
}

impl fmt::Debug for OciLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OciLogin").field("user", &self.user).field("password", &"[secret]").finish()
    }
}

/// What a pull may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OciLimits {
    /// The policy's bytes.
    pub bytes_max: u64,
    /// All of it, from the first connection to the last byte.
    pub timeout: Duration,
}

/// What was pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The policy.
    pub bytes: Vec<u8>,
    /// The signature that the manifest or the layer carries.
    pub signature: Option<Signature>,
    /// The reference with the digest of the manifest: what a tag meant this time.
    pub reference: String,
}

/// A reference: `registry/repository:tag@sha256:…`. Without `allow_tags` it must have a digest, since a tag is whatever the
/// registry says at the time.
///
/// # Errors
/// Where it is none, or has no digest.
pub fn reference(text: &str, allow_tags: bool) -> Result<Reference, OciError> {
    let bad = |what: String| OciError::Reference { text: text.chars().take(200).collect(), what };
    if text.len() > REFERENCE_BYTES_MAX {
        return Err(bad(format!("it is longer than {REFERENCE_BYTES_MAX} bytes")));
    }
    let reference: Reference = text.parse().map_err(|error: oci_client::ParseError| bad(error.to_string()))?;
    match reference.digest() {
        None if !allow_tags => Err(OciError::DigestNeeded { reference: reference.to_string() }),
        Some(digest) if sha256_of(digest).is_none() => Err(bad("its digest is not a sha256".to_owned())),
        // The client takes `Example/policy` for a repository of Docker Hub, by a name that it reads nowhere else.
        _ if reference.to_string().parse().ok().as_ref() != Some(&reference) => {
            Err(bad(format!("as {reference} it could not be read again; write registry and repository in lower case")))
        }
        _ => Ok(reference),
    }
}

/// Pulls what a reference names from its registry.
///
/// # Errors
/// Where it cannot be had, is not what its digest says, or is no policy.
pub async fn pull(reference: &Reference, place: &OciPlace, limits: OciLimits) -> Result<Pulled, OciError> {
    let timeout_ms = u64::try_from(limits.timeout.as_millis()).unwrap_or(u64::MAX);
    let pulled = tokio::time::timeout(limits.timeout, pull_now(reference, place, limits.bytes_max)).await;
    pulled.unwrap_or(Err(OciError::TooSlow { timeout_ms }))
}

async fn pull_now(reference: &Reference, place: &OciPlace, bytes_max: u64) -> Result<Pulled, OciError> {
    let mut asker = Asker::new(reference, place)?;
    let wanted = reference.digest().or(reference.tag()).unwrap_or("latest");
    let accept = [OCI_IMAGE_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE].join(", ");
    let manifest = asker.get("manifests", wanted, Some(&accept), "the manifest", MANIFEST_BYTES_MAX).await?;
    let digest = verified("the manifest", &manifest, reference.digest())?;
    let manifest: OciImageManifest = serde_json::from_slice(&manifest).map_err(|error| OciError::NotAPolicy {
        // An index has no layers, so it ends here, too.
        what: format!(
            "its manifest is not that of one artefact ({}); of an index, name one entry's digest",
            on_one_line(&error)
        ),
    })?;
    let layer = layer_of(&manifest, bytes_max)?;
    let bytes = asker.get("blobs", &layer.digest, None, "the layer", u64::try_from(layer.size).unwrap_or(0)).await?;
    verified("the layer", &bytes, Some(&layer.digest))?;
    let reference = reference.clone_with_digest(format!("sha256:{digest}")).to_string();
    Ok(Pulled { bytes, signature: signature_of(&manifest, layer)?, reference })
}

/// The one layer, where it can be a policy.
fn layer_of(manifest: &OciImageManifest, bytes_max: u64) -> Result<&OciDescriptor, OciError> {
    let no = |what: String| Err(OciError::NotAPolicy { what });
    let [layer] = manifest.layers.as_slice() else {
        return no(format!("it has {} layers, and a policy is one", manifest.layers.len()));
    };
    if !LAYER_TYPES.contains(&layer.media_type.as_str()) {
        let shown: String = layer.media_type.chars().take(100).collect();
        return no(format!("its layer is {shown:?}, and must be {}, uncompressed", LAYER_TYPES.join(" or ")));
    }
    if sha256_of(&layer.digest).is_none() {
        return no("the digest of its layer is not a sha256".to_owned());
    }
    match u64::try_from(layer.size) {
        Ok(size) if size <= bytes_max => Ok(layer),
        _ => Err(OciError::TooLarge { what: "the layer", bytes_max }),
    }
}

/// The signature that comes with it. One that cannot be read is not passed over: somebody meant something by it.
fn signature_of(manifest: &OciImageManifest, layer: &OciDescriptor) -> Result<Option<Signature>, OciError> {
    let annotations = [&manifest.annotations, &layer.annotations];
    let text = annotations.into_iter().flatten().find_map(|annotations| annotations.get(SIGNATURE_ANNOTATION));
    let read = text.map(|text| Signature::read(text.as_bytes())).transpose();
    read.map_err(|error| OciError::NotAPolicy { what: format!("its annotation {SIGNATURE_ANNOTATION}: {error}") })
}

/// The digest of what arrived, which must be the one that was asked for.
fn verified(what: &'static str, bytes: &[u8], wanted: Option<&str>) -> Result<String, OciError> {
    let found = hex::encode(Sha256::digest(bytes));
    match wanted.and_then(sha256_of) {
        Some(wanted) if wanted != found => Err(OciError::Digest { what, wanted: wanted.to_owned(), found }),
        _ => Ok(found),
    }
}

/// The hex digits of a digest by SHA-256.
fn sha256_of(digest: &str) -> Option<&str> {
    let hex = digest.strip_prefix("sha256:")?;
    (hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))).then_some(hex)
}
