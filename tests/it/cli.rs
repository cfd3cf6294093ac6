//! The built binary, as a person or a script meets it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// What a run of the binary came to.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

/// A folder of its own, in which the binary runs.
struct Desk {
    dir: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap() }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trimtab"));
        command
            .current_dir(self.path())
            .env_remove("TRIMTAB_CONFIG")
            .env_remove("TRIMTAB_DATA_DIR")
            .env("COLUMNS", "100");
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, "")
    }

    fn run_with(&self, args: &[&str], input: &str) -> Ran {
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

[binding.web]
select = { driver = "local" }

[[binding.web.policy]]
use = "target-tracking"
params = { reading = "load", target = 50.0 }
"#;

#[test]
fn a_configuration_with_ten_faults_gets_ten_complaints_with_their_lines() {
    let desk = Desk::new();
    desk.put(
        "trimtab.toml",
        r#"data_dri = "/var/lib/trimtab"

[driver.local.proces]

[source.prom.prometheus]
url = "http://127.0.0.1:9090"

[binding.web]
select = { driver = "locl", labels = { app = "web" } }
every = 15
replicas = { min = 5, max = 3 }
cpu = { min = "100q", max = "2" }
tolerance = "150%"
mode = "dry_run"
cooldown = { up = "15s", dwon = "2m" }

[[binding.web.policy]]
params = { target = 50.0 }
"#,
    );
    let ran = desk.run(&["check"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    insta::assert_snapshot!(ran.err);
    let ran = desk.run(&["check", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, json["ok"].as_bool()), (2, Some(false)));
    assert_eq!(json["complaints"].as_array().unwrap().len(), 10);
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
    for code in 0..=4 {
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
    assert_eq!(String::from_utf8_lossy(&output.stderr).matches("rror").count(), 0);
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
    assert!(ran.err.contains("there is no Cargo.toml"), "{}", ran.err);
    assert_eq!(desk.run(&["policy", "build", "nowhere"]).code, 3);
}
