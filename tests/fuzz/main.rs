//! The host's fuzz targets (`host/src/fuzzing.rs`) under libFuzzer. `cargo xtask fuzz TARGET` builds and starts it.
#![cfg_attr(fuzzing, no_main)]
#![cfg_attr(fuzzing, expect(unsafe_code, reason = "libFuzzer calls in by a symbol of C, which its macro exports"))]

/// Names the target; libFuzzer takes the arguments for itself.
#[cfg(fuzzing)]
const VARIABLE: &str = "TRIMTAB_FUZZ_TARGET";

#[cfg(fuzzing)]
static TARGET: std::sync::LazyLock<&trimtab::fuzzing::Target> = std::sync::LazyLock::new(|| {
    let name = std::env::var(VARIABLE).unwrap_or_default();
    trimtab::fuzzing::target(&name).unwrap_or_else(|| {
        eprintln!("there is no fuzz target {name:?}: set {VARIABLE} to one that `cargo xtask fuzz --list` names");
        std::process::exit(2)
    })
});

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| TARGET.run(input));

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    eprintln!("this was built without libFuzzer: run `cargo xtask fuzz TARGET`");
    std::process::ExitCode::from(2)
}
