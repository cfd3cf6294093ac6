//! A test that cannot run here says so: loudly, in the log that `cargo xtask test` sums up, and as a failure under CI.

use std::io::Write as _;

/// Says that a test is not run, and why.
pub(crate) fn skip(name: &str, why: &str) {
    println!("SKIPPED {name}: {why}");
    if let Some(log) = std::env::var_os("TRIMTAB_SKIPPED_LOG") {
        let mut log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        writeln!(log, "SKIPPED {name}: {why}").unwrap();
    }
    assert!(std::env::var_os("CI").is_none(), "SKIPPED {name}: {why}");
}
