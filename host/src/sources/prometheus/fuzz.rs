//! A fuzzer's way to what reads Prometheus's answers; listed in `crate::fuzzing`.

use super::answer::{Answer, Series, refusal};
use super::{remote_read, selector};

/// Most bytes of an unpacked answer.
const BYTES_MAX: usize = 1 << 20;

/// An answer to a query, as JSON; and the same bytes as what a server says that refuses one.
pub(crate) fn answer(input: &[u8]) -> Result<(), String> {
    let refused = refusal(400, input);
    let answer = Answer::read(input)?;
    paired(&answer.series);
    match answer.incomplete() {
        Some(warning) => Err(warning.to_owned()),
        None => Err(refused),
    }
}

/// An answer to a remote read: as it came, and as what came unpacked.
pub(crate) fn remote(input: &[u8]) -> Result<(), String> {
    if let Ok(packed) = snap::raw::Encoder::new().compress_vec(input)
        && let Ok(series) = remote_read::read(&packed, BYTES_MAX)
    {
        paired(&series);
    }
    remote_read::read(input, BYTES_MAX).map(|series| paired(&series))
}

/// A selector, and the request that is made of it.
pub(crate) fn selectors(input: &[u8]) -> Result<(), String> {
    let matchers = selector::parse(&String::from_utf8_lossy(input))?;
    remote_read::request(matchers, 0, u64::MAX).map(drop)
}

fn paired(series: &[Series]) {
    assert!(series.iter().all(|one| one.times_ms.len() == one.values.len()), "times without values: {series:?}");
}
