//! A fuzzer's way to what reads an engine's statistics; listed in `crate::fuzzing`.

use bollard::models::ContainerStatsResponse;

use super::stats::{QUERIES, Stats};

/// Two answers of `/containers/{id}/stats`, one a line: all that is made of the second, by itself and after the first.
pub(crate) fn statistics(input: &[u8]) -> Result<(), String> {
    let mut before: Option<Stats> = None;
    for line in input.split(|byte| *byte == b'\n').take(2) {
        let answer: ContainerStatsResponse = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let now = Stats::read(&answer)?;
        for (query, quantity) in QUERIES {
            let value = quantity.of(&now, before.as_ref());
            assert!(value.is_none_or(|value| value.is_finite() && value >= 0.0), "{query} is {value:?}");
        }
        before = Some(now);
    }
    Ok(())
}
