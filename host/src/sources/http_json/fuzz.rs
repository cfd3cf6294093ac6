//! A fuzzer's way to what finds numbers in documents; listed in `crate::fuzzing`.

use super::pointer::Pointer;
use super::samples;
use crate::snapshot::{Samples, TargetId};

/// The first line is a pointer, the rest a document.
pub(crate) fn documents(input: &[u8]) -> Result<(), String> {
    let line = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (pointer, body) = input.split_at(line);
    let pointer = String::from_utf8_lossy(pointer);
    let pointer = Pointer::parse(&pointer, "name")?;
    let target = TargetId::new("local", "web").map_err(|error| error.to_string())?;
    let document: serde_json::Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let instance = pointer.names_instance().then_some("web-1");
    let Some(value) = pointer.find(&document, &target, instance) else { return Ok(()) };
    if let Some(Samples::Numbers { values, .. }) = samples(value, 1)? {
        assert!(values.iter().all(|value| value.is_finite()), "JSON holds no such number: {values:?}");
    }
    Ok(())
}
