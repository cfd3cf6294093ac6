//! What `policy build` says where Zig cannot be compiled, and with which remedy.

use super::bench::Bench;

#[test]
fn without_zig_it_says_how_to_get_it() {
    let bench = Bench::new("zig");
    bench.ends(2, &["Zig's compiler is not installed", "pip install ziglang==0.17.1", "ziglang.org"]);
    // A Python without the package is no compiler.
    bench.tool("python3", "echo '/usr/bin/python3.11: No module named ziglang' >&2; exit 1");
    bench.ends(2, &["Zig's compiler is not installed"]);
}

#[test]
fn a_version_that_the_sdk_does_not_know_is_refused() {
    let bench = Bench::new("zig");
    for version in ["0.13.0", "0.18.0-dev.12+abc", "1.0.0"] {
        bench.tool("zig", &format!("echo {version}"));
        bench.ends(2, &[version, "which the SDK does not know", "Zig 0.14 to 0.17"]);
    }
}

#[test]
fn what_the_compiler_says_of_the_code_is_shown() {
    let bench = Bench::new("zig");
    bench.tool("zig", "[ \"$1\" = version ] && echo 0.15.2 || { echo 'policy.zig:3:1: error: unused' >&2; exit 1; }");
    bench.ends(4, &["policy.zig:3:1: error: unused", "see its words above"]);
}

#[test]
fn an_output_that_is_missing_is_told() {
    let bench = Bench::new("zig");
    bench.tool("zig", "[ \"$1\" = version ] && echo 0.17.1 || true");
    bench.ends(4, &["left no web/dist/policy.wasm"]);
}

#[test]
fn a_project_without_its_sdk_is_told_where_to_get_it() {
    let bench = Bench::new("zig");
    std::fs::remove_file(bench.project("trimtab/trimtab.zig")).unwrap();
    bench.ends(2, &["web/trimtab/trimtab.zig is not there", "trimtab policy new --lang zig"]);
}
