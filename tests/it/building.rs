//! `trimtab policy build` for languages whose tools are other people's: what it says where one is missing, of another version, or fails.
//!
//! The tools here are scripts of a line: it is their absence and their failure that is tried. The real ones build the examples of
//! `languages.rs`.

use std::os::unix::fs::PermissionsExt as _;

use crate::cli::{Desk, Ran};

/// A new project, and a folder of programs that is all of the path.
struct Workplace {
    desk: Desk,
}

impl Workplace {
    fn with_project(language: &str) -> Self {
        let desk = Desk::new();
        let made = desk.run(&["policy", "new", "--lang", language, "night"]);
        assert_eq!(made.code, 0, "{}", made.err);
        std::fs::create_dir(desk.path().join("bin")).unwrap();
        Self { desk }
    }

    /// A program that does what the script says.
    fn program(&self, path: &str, script: &str) -> &Self {
        let path = self.desk.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// What npm leaves of the tool whose version matters.
    fn componentizer(&self, version: &str) -> &Self {
        let manifest = self.desk.path().join("night/node_modules/componentize-qjs/package.json");
        std::fs::create_dir_all(manifest.parent().unwrap()).unwrap();
        std::fs::write(&manifest, format!("{{ \"version\": \"{version}\" }}")).unwrap();
        self
    }

    fn has(&self, path: &str) -> bool {
        self.desk.path().join(path).exists()
    }

    fn build(&self) -> Ran {
        let mut command = self.desk.command();
        command.args(["policy", "build", "night"]).env("PATH", self.desk.path().join("bin"));
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The exit code and the error of a build that fails.
    fn refused(&self, code: i32, words: &[&str]) {
        let ran = self.build();
        assert_eq!(ran.code, code, "{}", ran.err);
        for word in words {
            assert!(ran.err.contains(word), "{word} is not in: {}", ran.err);
        }
        assert_eq!(ran.out, "", "standard output is for the path alone");
    }
}

const USAGE: i32 = 2;
const POLICY: i32 = 4;

#[test]
fn a_project_in_typescript_says_which_tool_is_missing_and_how_to_get_it() {
    let place = Workplace::with_project("typescript");
    place.refused(USAGE, &["Node.js (node) is not installed", "apt-get install nodejs npm"]);
    place.program("bin/node", "echo v16.20.0");
    place.refused(USAGE, &["v16.20.0", "too old", "Node.js 18 or newer"]);
    place.program("bin/node", "echo v20.0.0");
    place.refused(USAGE, &["has no node_modules", "run `npm install` in the project"]);
    place.componentizer("0.3.0");
    place.refused(USAGE, &["of version 0.3.0", "npm install --save-dev --save-exact componentize-qjs@0.4.5"]);
    place.componentizer("0.4.5");
    place.refused(USAGE, &["TypeScript's compiler", "is not installed: run `npm install`"]);
}

#[test]
fn a_project_in_typescript_shows_the_tools_own_words_and_believes_no_old_file() {
    let place = Workplace::with_project("ts");
    let tool = |name: &str, script: &str| {
        place.program(&format!("night/node_modules/.bin/{name}"), script);
    };
    place.program("bin/node", "echo v22.1.0");
    place.componentizer("0.4.5");
    tool("tsc", "echo 'src/policy.ts(42,11): error TS2322'; exit 1");
    place.refused(POLICY, &["TS2322", "checking types: TypeScript's compiler"]);
    tool("tsc", "exit 0");
    tool("esbuild", "echo 'Unexpected \"=\"' >&2; exit 1");
    place.refused(POLICY, &["Unexpected \"=\"", "making one module of the project"]);
    tool("esbuild", "exit 0");
    std::fs::create_dir(place.desk.path().join("night/dist")).unwrap();
    std::fs::write(place.desk.path().join("night/dist/night.wasm"), "of yesterday").unwrap();
    tool("componentize-qjs", "exit 0");
    place.refused(POLICY, &["left no night/dist/night.wasm"]);
    assert!(!place.has("night/dist/night.wasm"));
    // The flags are ours to set: nobody builds one with WASI or async by mistake.
    tool("componentize-qjs", "case \"$*\" in *'--sync --stub-wasi --world policy'*) echo x > dist/night.wasm;; esac");
    let ran = place.build();
    assert_eq!((ran.code, ran.out.as_str()), (0, "night/dist/night.wasm\n"), "{}", ran.err);
    for step in ["checking types", "making one module", "putting the engine and the module together"] {
        assert!(ran.err.contains(step), "{}", ran.err);
    }
}

#[test]
fn a_project_in_javascript_is_built_without_a_type_checker() {
    let place = Workplace::with_project("js");
    place.program("bin/node", "echo v18.19.0");
    place.componentizer("0.4.5");
    std::fs::create_dir(place.desk.path().join("night/dist")).unwrap();
    place.program("night/node_modules/.bin/esbuild", "[ \"$1\" = src/policy.js ]");
    place.program("night/node_modules/.bin/componentize-qjs", "echo x > dist/night.wasm");
    let ran = place.build();
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(!ran.err.contains("checking types"), "{}", ran.err);
}

#[test]
fn a_project_in_python_says_which_tool_is_missing_and_how_to_get_it() {
    let place = Workplace::with_project("python");
    place.refused(USAGE, &["Python is not installed", "apt-get install python3-venv"]);
    place.program("bin/python3", "echo \"ModuleNotFoundError: No module named 'componentize_py'\" >&2; exit 1");
    place.refused(USAGE, &["componentize-py is not installed", ".venv/bin/pip install componentize-py==0.25.1"]);
    place.program("bin/componentize-py", "echo componentize-py 0.13.1");
    place.refused(USAGE, &["0.13.1", "componentize-py==0.25.1"]);
    // The project's own goes before that of the path.
    place.program("night/.venv/bin/componentize-py", "echo componentize-py 0.25.1");
    place.refused(POLICY, &["componentize-py left no night/dist/night.wasm"]);
}

#[test]
fn a_project_in_python_shows_the_tools_own_words_and_is_built_without_wasi() {
    let place = Workplace::with_project("py");
    let version = "if [ \"$1\" = --version ]; then echo componentize-py 0.25.1; exit; fi";
    let failing = format!("{version}\necho 'NameError: name scael is not defined' >&2; exit 1");
    place.program("bin/componentize-py", &failing);
    place.refused(POLICY, &["NameError", "putting CPython and the policy together"]);
    let making = format!("{version}\ncase \"$*\" in *'componentize --stub-wasi app'*) echo x > dist/night.wasm;; esac");
    place.program("bin/componentize-py", &making);
    let ran = place.build();
    assert_eq!((ran.code, ran.out.as_str()), (0, "night/dist/night.wasm\n"), "{}", ran.err);
}
