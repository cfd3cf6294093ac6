//! A fuzzer's way to what reads references and manifests; listed in `crate::fuzzing`.

use oci_client::manifest::OciImageManifest;

use super::{layer_of, reference, signature_of};
use crate::causes::with_causes;

/// A reference, which is the same when it is printed and read again.
pub(crate) fn references(input: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(input);
    let read = reference(&text, true).map_err(|error| with_causes(&error))?;
    let printed = read.to_string();
    let again = reference(&printed, true).map(|again| again.to_string());
    assert_eq!(again.ok().as_ref(), Some(&printed), "{text:?} is another reference when it is read again");
    Ok(())
}

/// A manifest, as a registry sent it: of which layer and signature would be taken.
pub(crate) fn manifests(input: &[u8]) -> Result<(), String> {
    const BYTES_MAX: u64 = 1 << 20;
    let manifest: OciImageManifest = serde_json::from_slice(input).map_err(|error| error.to_string())?;
    let layer = layer_of(&manifest, BYTES_MAX).map_err(|error| with_causes(&error))?;
    assert!(u64::try_from(layer.size).is_ok_and(|size| size <= BYTES_MAX), "{layer:?}");
    signature_of(&manifest, layer).map(drop).map_err(|error| with_causes(&error))
}
