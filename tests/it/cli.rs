//! The built binary, as a person or a script meets it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// What a run of the binary came to.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A folder of its own, in which the binary runs.
pub(crate) struct Desk {
    dir: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { dir: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trimtab"));
        command
            .current_dir(self.path())
            .env_remove("TRIMTAB_CONFIG")
            .env_remove("TRIMTAB_DATA_DIR")
            .env_remove("TRIMTAB_HOST")
            .env_remove("TRIMTAB_TOKEN")
            .env_remove("TRIMTAB_TOKEN_FILE")
            .env("COLUMNS", "100");
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, "")
    }

    pub(crate) fn run_with(&self, args: &[&str], input: &str) -> Ran {
        let mut child = self.command();
        let mut child =
            child.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A command that reads no input may have ended before it is written.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

const SOUND: &str = r#"
[driver.local.process]

[source.app.http-json]
url = "http://127.0.0.1:9/"

[binding.web]
select = { driver = "local" }

[[binding.web.reading]]
name = "load"
source = "app"
query = "/load"

[[binding.web.policy]]
use = "target-tracking"
params = { reading = "load", target = 50.0 }
"#;

#[test]
fn a_configuration_with_twelve_faults_gets_twelve_complaints_with_their_lines() {
    let desk = Desk::new();
    desk.put("trimtab.toml", include_str!("../configs/twelve_faults.toml"));
    let ran = desk.run(&["check"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    insta::assert_snapshot!(ran.err);
    let ran = desk.run(&["check", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, json["ok"].as_bool()), (2, Some(false)));
    assert_eq!(json["complaints"].as_array().unwrap().len(), 12);
    assert_eq!(json["complaints"][4]["place"]["line"], 11);
}

#[test]
fn a_configuration_that_is_not_there_or_not_text_is_one_complaint() {
    let desk = Desk::new();
    let ran = desk.run(&["check", "--config", "none.toml"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.starts_with("none.toml: cannot be read: ") && ran.err.contains("--config"), "{}", ran.err);
    std::fs::write(desk.path().join("bytes.toml"), [0xff, 0xfe]).unwrap();
    let ran = desk.run(&["check", "--config", "bytes.toml"]);
    assert_eq!((ran.code, ran.err.lines().next()), (2, Some("bytes.toml: is not UTF-8 text")));
}

#[test]
fn help_tells_the_exit_codes() {
    let ran = Desk::new().run(&["--help"]);
    assert_eq!(ran.code, 0);
    for code in 0..=5 {
        assert!(ran.out.contains(&format!("\n  {code}  ")), "{}", ran.out);
    }
    assert_eq!(Desk::new().run(&["no-such-command"]).code, 2);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let desk = Desk::new();
    desk.put("trimtab.toml", SOUND);
    let mut child = desk.command();
    let mut child = child.arg("check").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(told.matches("rror").count(), 0, "{told}");
    assert!(output.status.success());
}

#[test]
fn a_new_policy_is_a_project_with_its_name_in_it() {
    let desk = Desk::new();
    let ran = desk.run(&["policy", "new", "--lang", "rust", "my-policy"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let manifest = std::fs::read_to_string(desk.path().join("my-policy/Cargo.toml")).unwrap();
    assert!(manifest.contains("name = \"my-policy\"") && !manifest.contains("{{"), "{manifest}");
    let again = desk.run(&["policy", "new", "--lang", "rust", "my-policy"]);
    assert_eq!(again.code, 2);
    assert!(again.err.contains("choose another --dir"), "{}", again.err);
    for name in ["My-Policy", "../up", "", "9"] {
        assert_eq!(desk.run(&["policy", "new", "--lang", "rust", "--dir", "x", "--", name]).code, 2, "{name}");
    }
    assert!(!desk.path().join("x").exists());
}

#[test]
fn a_folder_without_a_policy_is_not_built() {
    let desk = Desk::new();
    let ran = desk.run(&["policy", "build"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("a project is known by Cargo.toml (rust)"), "{}", ran.err);
    assert_eq!(desk.run(&["policy", "build", "nowhere"]).code, 3);
}

#[test]
fn a_data_directory_that_is_not_there_is_not_found_and_not_made() {
    let desk = Desk::new();
    for args in [["target", "list"], ["explain", "local/web"]] {
        let ran = desk.run(&[&args[..], &["--data-dir", "nowhere"]].concat());
        assert_eq!(ran.code, 3, "{}", ran.err);
        assert!(ran.err.contains("--data-dir"), "{}", ran.err);
    }
    assert!(!desk.path().join("nowhere").exists());
    assert_eq!(desk.run(&["explain", "no-slash", "--data-dir", "."]).code, 2);
}

/// A policy by hand: a core module that abstains. `evaluate` gives the address of an answer that is all zeroes.
pub(crate) const ABSTAINS: &str = r#"(module
    (memory (export "memory") 1)
    (data (i32.const 1024) "probe") (data (i32.const 1032) "1.0.0")
    (global $top (mut i32) (i32.const 8192))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
        (global.set $top (i32.add (local.get $at) (local.get 3)))
        (local.get $at))
    (func (export "trimtab:policy/decide@0.1.0#describe") (result i32)
        (i32.store (i32.const 16) (i32.const 1024)) (i32.store (i32.const 20) (i32.const 5))
        (i32.store (i32.const 24) (i32.const 1032)) (i32.store (i32.const 28) (i32.const 5))
        (i32.const 16))
    (func (export "trimtab:policy/decide@0.1.0#needs") (param i32 i32) (result i32) (i32.const 128))
    (func (export "trimtab:policy/decide@0.1.0#evaluate") (param i32) (result i32) EVALUATE))"#;

impl Desk {
    pub(crate) fn policy(&self, name: &str, evaluate: &str) -> String {
        let wasm = wat::parse_str(ABSTAINS.replace("EVALUATE", evaluate)).unwrap();
        std::fs::write(self.path().join(name), wasm).unwrap();
        name.to_owned()
    }
}

#[test]
fn five_lines_of_snapshot_are_enough_to_try_a_policy() {
    let desk = Desk::new();
    let policy = desk.policy("abstains.wasm", "(i32.const 256)");
    let args = ["policy", "eval", &policy, "--snapshot", "-", "--string-encoding", "utf8"];
    let snapshot = r#"{ "target": { "desired": 3 }, "readings": { "requests_per_second": 180 } }"#;
    let ran = desk.run_with(&args, snapshot);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let told: Vec<&str> = ran.out.lines().take(3).collect();
    let expected =
        ["policy    probe 1.0.0 on eval/target", "answer    it abstains", "decision  nothing is done: abstained"];
    assert_eq!(told, expected);
    let ran = desk.run_with(&[&args[..], &["--json"]].concat(), snapshot);
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json["ruling"]["quiet"], "abstained");
    assert!(json["spent"]["fuel"].as_u64().unwrap() > 0);
}

#[test]
fn a_policy_that_fails_says_how_and_ends_with_4() {
    let desk = Desk::new();
    let policy = desk.policy("traps.wasm", "unreachable");
    let ran = desk.run_with(&["policy", "eval", &policy, "--snapshot", "-", "--string-encoding", "utf8"], "{}");
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert!(ran.out.contains("fault     it trapped"), "{}", ran.out);
}

#[test]
fn what_is_no_policy_gets_one_clear_error() {
    let desk = Desk::new();
    let good = desk.policy("good.wasm", "(i32.const 256)");
    let bytes = std::fs::read(desk.path().join(&good)).unwrap();
    std::fs::write(desk.path().join("truncated.wasm"), &bytes[..bytes.len() / 2]).unwrap();
    desk.put("text.wasm", "not WebAssembly at all");
    std::fs::write(desk.path().join("empty.wasm"), wat::parse_str("(module)").unwrap()).unwrap();
    let importing = "(module (import \"env\" \"now\" (func (result i64))))";
    std::fs::write(desk.path().join("importing.wasm"), wat::parse_str(importing).unwrap()).unwrap();
    for (file, code) in
        [("none.wasm", 3), ("truncated.wasm", 4), ("text.wasm", 4), ("empty.wasm", 4), ("importing.wasm", 4)]
    {
        let ran = desk.run(&["policy", "check", file, "--string-encoding", "utf8"]);
        assert_eq!(ran.code, code, "{file}: {}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{file}: {}", ran.err);
        assert!(ran.err.starts_with("error: ") && ran.err.contains(file), "{file}: {}", ran.err);
    }
    let ran = desk.run(&["policy", "check", &good, "--string-encoding", "utf8", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((json["kind"].as_str(), json["manifest"]["name"].as_str()), (Some("core module"), Some("probe")));
}
