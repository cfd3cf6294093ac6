//! A fuzzer's way to what is kept of targets; listed in `crate::fuzzing`.

use super::parse;
use crate::causes::with_causes;

/// What the store holds of a target: written and read again it is the same.
pub(crate) fn kept(input: &[u8]) -> Result<(), String> {
    let (target, state) = parse("target/local/web", input).map_err(|error| with_causes(&error))?;
    let written = serde_json::to_vec(&state).map_err(|error| error.to_string())?;
    let (_, again) = parse(&format!("target/{target}"), &written).map_err(|error| with_causes(&error))?;
    assert_eq!(serde_json::to_vec(&again).ok(), Some(written), "the state of a target is another one when it is read");
    Ok(())
}
