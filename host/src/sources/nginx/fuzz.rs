//! A fuzzer's way to what reads nginx's status; listed in `crate::fuzzing`.

use super::counts;

/// The page of `stub_status`.
pub(crate) fn status(input: &[u8]) -> Result<(), String> {
    let counts = counts(&String::from_utf8_lossy(input)).ok_or("it is not stub_status's page")?;
    assert!(counts.iter().all(|count| count.is_finite()), "{counts:?}");
    Ok(())
}
