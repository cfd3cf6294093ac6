//! The traces that come with the binary. Their formulas stand in `docs/backtest.md`, and as code in this room's tests, which
//! hold the files to them.

use super::trace::{Trace, TraceError};

/// Name and text of each.
pub const SHIPPED: [(&str, &str); 3] = [
    ("diurnal", include_str!("../../traces/diurnal.csv")),
    ("spike", include_str!("../../traces/spike.csv")),
    ("noisy", include_str!("../../traces/noisy.csv")),
];

/// The trace of that name; `None`: there is none.
///
/// # Errors
/// Never, where the files are as they were when the binary was made.
#[must_use]
pub fn shipped(name: &str) -> Option<Result<Trace, TraceError>> {
    let (name, text) = SHIPPED.iter().find(|(known, _)| *known == name)?;
    Some(Trace::read(name, text.as_bytes()))
}
