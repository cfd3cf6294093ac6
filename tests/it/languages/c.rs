//! What `policy build` says where C cannot be compiled, and with which remedy.

use super::bench::Bench;

const CLANG: &str = r#"case "$1" in
  --version) echo "clang version 19.1.7" ;;
  --print-targets) echo "  wasm32 - WebAssembly 32-bit" ;;
  *) echo "$@" > asked; COMPILE ;;
esac"#;

fn clang(compile: &str) -> String {
    CLANG.replace("COMPILE", compile)
}

#[test]
fn without_a_compiler_it_names_all_that_would_do() {
    let bench = Bench::new("c");
    bench.ends(
        2,
        &[
            "no compiler of C for WebAssembly",
            "none is on the path",
            "apt-get install clang lld",
            "pip install ziglang",
        ],
    );
}

#[test]
fn a_compiler_that_does_not_do_is_named_with_the_reason() {
    let bench = Bench::new("c");
    bench.tool("clang", "echo 'clang version 11.0.1'");
    bench.ends(2, &["clang is of version 11", "install clang 14 or newer"]);
    bench.tool("clang", "[ \"$1\" = --version ] && echo 'clang version 15.0.0' || echo '  x86-64'");
    bench.ends(2, &["clang knows no wasm32"]);
    bench.tool("clang", &clang("true"));
    bench.ends(2, &["clang has no linker for WebAssembly (wasm-ld)", "apt-get install clang lld"]);
}

#[test]
fn what_the_compiler_says_of_the_code_is_shown() {
    let bench = Bench::new("c");
    bench.tool("wasm-ld", "true");
    bench.tool("clang", &clang("echo './policy.c:7:1: error: expected expression' >&2; exit 1"));
    bench.ends(4, &["./policy.c:7:1: error: expected expression", "failed", "see its words above"]);
}

#[test]
fn an_output_that_is_missing_is_told_and_no_older_one_taken_for_it() {
    let bench = Bench::new("c");
    bench.tool("wasm-ld", "true");
    std::fs::create_dir(bench.project("dist")).unwrap();
    std::fs::write(bench.project("dist/policy.wasm"), "of an earlier build").unwrap();
    bench.tool("clang-19", &clang("true"));
    bench.ends(4, &["clang-19", "left no web/dist/policy.wasm"]);
}

#[test]
fn a_project_without_its_sdk_is_told_where_to_get_it() {
    let bench = Bench::new("c");
    std::fs::remove_file(bench.project("trimtab/guest.c")).unwrap();
    bench.ends(2, &["web/trimtab/guest.c is not there", "trimtab policy new --lang c"]);
}

#[test]
fn all_files_but_the_tests_are_compiled() {
    let bench = Bench::new("c");
    std::fs::write(bench.project("more.c"), "").unwrap();
    bench.tool("wasm-ld", "true");
    bench.tool("clang", &clang("echo made > dist/policy.wasm"));
    let ran = bench.build();
    assert_eq!((ran.code, ran.out.as_str()), (0, "web/dist/policy.wasm\n"), "{}", ran.err);
    let asked = std::fs::read_to_string(bench.project("asked")).unwrap();
    assert!(asked.contains("./more.c ./policy.c trimtab/text.c"), "{asked}");
    assert!(!asked.contains("policy_test.c"), "{asked}");
}

#[test]
fn zig_stands_in_for_clang() {
    let bench = Bench::new("c");
    bench.tool(
        "python3",
        "shift 2; [ \"$1\" = version ] && echo 0.17.1 || { echo \"$@\" > asked; echo made > dist/policy.wasm; }",
    );
    let ran = bench.build();
    assert_eq!(ran.code, 0, "{}", ran.err);
    let asked = std::fs::read_to_string(bench.project("asked")).unwrap();
    assert!(asked.starts_with("cc -target wasm32-freestanding"), "{asked}");
}
