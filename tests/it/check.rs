//! `trimtab policy check`: what a policy is, what it spends, and what mends one that the host does not take. The same words at the
//! host's own door.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::cli::Desk;
use crate::host::Host;
use crate::skip::skip;

const POLICY: &str = include_str!("../guests/wat/policy.wat");

fn put(desk: &Desk, name: &str, bytes: &[u8]) -> String {
    std::fs::write(desk.path().join(name), bytes).unwrap();
    name.to_owned()
}

fn check(desk: &Desk, arguments: &[&str]) -> Value {
    let ran = desk.run(&[&["policy", "check", "--json", "--string-encoding", "utf8"], arguments].concat());
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}{}", ran.out, ran.err))
}

#[test]
fn it_tells_what_each_call_spends_of_its_limits() {
    let desk = Desk::new();
    let file = put(&desk, "policy.wasm", &wat::parse_str(POLICY).unwrap());
    let ran = desk.run(&["policy", "check", &file, "--string-encoding", "utf8"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for words in [
        "of 33,554,432 bytes",
        "contract  0.1.0",
        "proposes  scale",
        "20,000,000  ",
        "describe  ",
        "evaluate: 3 instances, no reading there",
        "evaluate: 100 instances",
        "below 0.01 %)",
        "64 KiB (0.39 %)",
    ] {
        assert!(ran.out.contains(words), "{words:?} is not in:\n{}", ran.out);
    }
    let json = check(&desk, &[&file, "--param", "reading=load"]);
    assert_eq!((&json["ok"], &json["manifest"]["contract"]), (&Value::Bool(true), &"0.1.0".into()));
    assert_eq!(json["needs"][0]["name"], "load");
    let runs = json["spending"].as_array().unwrap();
    assert_eq!(runs.len(), 5);
    for run in runs {
        let (spent, limit) = (run["fuel"]["spent"].as_f64().unwrap(), run["fuel"]["limit"].as_f64().unwrap());
        assert!(spent > 0.0 && (run["fuel"]["share"].as_f64().unwrap() - spent / limit).abs() < 1e-12, "{run}");
    }
}

#[test]
fn a_snapshot_and_parameters_take_the_place_of_what_is_made_up() {
    let desk = Desk::new();
    let file = put(&desk, "policy.wasm", &wat::parse_str(POLICY).unwrap());
    put(&desk, "moment.json", br#"{ "target": { "desired": 3 }, "readings": { "load": 180 } }"#);
    let params = ["--param", "reading=load", "--param", "target=45"];
    let json = check(&desk, &[&[file.as_str(), "--snapshot", "moment.json"], &params[..]].concat());
    let runs = json["spending"].as_array().unwrap();
    assert_eq!((runs.len(), &runs[2]["scene"]), (3, &"moment.json".into()));
    assert!(runs[2]["came_to"].as_str().unwrap().starts_with("scale to 4"), "{}", runs[2]);
    let wrong = desk.run(&["policy", "check", &file, "--string-encoding", "utf8", "--param", "taget=1"]);
    assert!(wrong.code == 2 && wrong.err.contains("--param") && wrong.err.contains("taget"), "{}", wrong.err);
}

#[test]
fn what_takes_more_than_half_of_a_limit_is_warned_of_and_what_fails_is_no_success() {
    let desk = Desk::new();
    let policy = |evaluate: &str| {
        let (before, after) = POLICY.split_once("(func (export \"trimtab:policy/decide@0.1.0#evaluate\")").unwrap();
        wat::parse_str(format!(
            "{before}(func (export \"trimtab:policy/decide@0.1.0#evaluate\") (param i32) (result i32) {evaluate})
             (func $was {after}"
        ))
    };
    let grows = policy("(drop (memory.grow (i32.const 199))) (call $was (local.get 0))").unwrap();
    let file = put(&desk, "grows.wasm", &grows);
    let ran = desk.run(&["policy", "check", &file, "--string-encoding", "utf8"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("warning") && ran.out.contains("sandbox.compiled.memory_bytes_max"), "{}", ran.out);
    let file = put(&desk, "traps.wasm", &policy("unreachable").unwrap());
    let ran = desk.run(&["policy", "check", &file, "--string-encoding", "utf8"]);
    assert_eq!(ran.code, 4, "{}", ran.out);
    assert!(ran.out.contains("it trapped: "), "{}", ran.out);
    assert_eq!(check(&desk, &[&file])["ok"], false);
}

#[test]
fn a_folder_is_built_first() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["policy", "new", "--lang", "rust", "my-policy"]).code, 0);
    let mut command = desk.command();
    let output = command.args(["policy", "check", "my-policy"]).env("PATH", desk.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("https://rustup.rs"),
        "without its tools it cannot be built: {said}"
    );
    let empty = desk.run(&["policy", "check"]);
    assert!(empty.code == 2 && empty.err.contains("holds no policy"), "{}", empty.err);
    let nowhere = desk.run(&["policy", "check", "nowhere.wasm"]);
    assert_eq!(nowhere.code, 3, "{}", nowhere.err);
}

/// Files that are no policy, by name, and the words that mend them.
fn misfits() -> Vec<(&'static str, Vec<u8>, [&'static str; 2])> {
    let wat = |text: &str| wat::parse_str(text).unwrap();
    let whole = wat(POLICY);
    let renamed = |from: &str, to: &str| wat(&POLICY.replace(from, to));
    let decide = r#"(instance $decide) (export "trimtab:policy/decide@0.1.0" (instance $decide))"#;
    vec![
        ("text.wasm", b"export const decide = {}".to_vec(), ["not-wasm", "trimtab policy build"]),
        ("zipped.wasm", b"\x1f\x8b\x08\0\0\0\0\0".to_vec(), ["archive", "unpack it"]),
        ("as_text.wasm", b"(module)".to_vec(), ["text-format", "wasm-tools parse"]),
        ("cut.wasm", whole[..whole.len() / 2].to_vec(), ["truncated", "cut off"]),
        ("wide.wasm", wat(r#"(module (memory (export "memory") i64 1))"#), ["wasm64", "build it for wasm32"]),
        ("program.wasm", wat(r#"(module (func (export "_start")))"#), ["no-policy", "-buildmode=c-shared"]),
        ("newer.wasm", renamed("@0.1.0", "@0.7.0"), ["wrong-contract", "a newer trimtab"]),
        ("lacking.wasm", renamed("#needs", "#wants"), ["no-policy", "without `needs`"]),
        ("other.wasm", wat(&format!("(component {decide})")), ["wrong-contract", "wit/v1/policy.wit"]),
        (
            "network.wasm",
            wat(&format!(r#"(component (import "wasi:http/types@0.2.0" (instance)) {decide})"#)),
            ["unknown-import", "--stub-wasi"],
        ),
        (
            "waiting.wasm",
            wat(&format!("(component (core func (canon task.cancel)) {decide})")),
            ["async", "--backend-qjs-disable-async"],
        ),
    ]
}

#[test]
fn a_file_that_is_no_policy_is_refused_in_the_same_words_by_the_command_and_by_the_host() {
    let desk = Desk::new();
    let config = desk.put("trimtab.toml", "data_dir = \"data\"\n[api]\nlisten = \"127.0.0.1:0\"\n");
    let host = Host::start(&config);
    let address = format!("http://{}", host.address());
    host.says("running");
    for (name, bytes, [code, word]) in misfits() {
        put(&desk, name, &bytes);
        let checked = desk.run(&["policy", "check", name, "--string-encoding", "utf8"]);
        assert_eq!(checked.code, 4, "{name}: {}", checked.err);
        assert!(checked.err.contains(word), "{name}: {word:?} is not in: {}", checked.err);
        let push =
            ["--config", "trimtab.toml", "--host", &address, "policy", "push", name, "--string-encoding", "utf8"];
        let pushed = desk.run(&push);
        let said = format!("{}{}", pushed.out, pushed.err);
        assert_eq!(pushed.code, 4, "{name}: {said}");
        assert!(said.contains(&format!("refused ({code})")) && said.contains(word), "{name}: {said}");
    }
    // Without a word on its texts, a module that does not state it itself.
    put(&desk, "silent.wasm", &wat::parse_str(POLICY).unwrap());
    let silent = desk.run(&["policy", "check", "silent.wasm"]);
    assert!(silent.code == 4 && silent.err.contains("`--string-encoding utf8`"), "{}", silent.err);
}

/// With `cargo xtask test --all`: the real tool, told and not told.
#[test]
fn long_a_quickjs_build_names_the_flag_that_it_lacks() {
    let tool = std::env::var_os("TRIMTAB_TEST_QUICKJS").map(PathBuf::from).filter(|tool| tool.is_file());
    let Some(tool) = tool else {
        if std::env::var_os("TRIMTAB_LONG").is_none() {
            return;
        }
        return skip("componentize-qjs", "not installed: run `cargo xtask test --all`");
    };
    let desk = Desk::new();
    let build = |name: &str, flags: &[&str]| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut node = Command::new("node");
        node.arg(&tool).args(flags).args(["--world", "policy", "--wit"]).arg(root.join("wit/v1"));
        node.arg("--js").arg(root.join("tests/guests/quickjs/policy.js")).arg("--output").arg(desk.path().join(name));
        let output = node.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    build("async.wasm", &["--stub-wasi"]);
    let ran = desk.run(&["policy", "check", "async.wasm"]);
    assert!(ran.code == 4 && ran.err.contains("asynchronous") && ran.err.contains("`--sync`"), "{}", ran.err);
    // WASI is let in, and finds nothing: that is taken, with a word about it.
    build("wasi.wasm", &["--sync"]);
    let ran = desk.run(&["policy", "check", "wasi.wasm"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("imports WASI (18 names)") && ran.out.contains("`--stub-wasi`"), "{}", ran.out);
    build("right.wasm", &["--sync", "--stub-wasi"]);
    let ran = desk.run(&["policy", "check", "right.wasm"]);
    assert!(ran.code == 0 && !ran.out.contains("warning"), "{}{}", ran.out, ran.err);
}
