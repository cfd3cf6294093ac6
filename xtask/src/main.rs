//! Set-up, demo, tests, benchmarks.

fn main() {}
