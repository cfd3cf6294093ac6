//! What a benchmark measured, for the table at the end of `cargo xtask bench`.

use std::io::Write as _;

/// The file to which figures are appended, a line each: what, a tab, the figure with its unit, a tab, a remark.
const FILE_VARIABLE: &str = "TRIMTAB_BENCH_FIGURES";

/// Adds a line to the table; without one, does nothing.
pub(crate) fn told(what: &str, figure: &str, remark: &str) {
    let Some(path) = std::env::var_os(FILE_VARIABLE) else { return };
    let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
    let written = file.and_then(|mut file| writeln!(file, "{what}\t{figure}\t{remark}"));
    assert!(written.is_ok(), "the file of {FILE_VARIABLE} cannot be written: {written:?}");
}
