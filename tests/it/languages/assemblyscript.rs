//! `trimtab policy build` of an AssemblyScript project on machines where something is amiss.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::cli::{Desk, Ran};

/// A new project, and a folder that is all of its path: with a Node.js that says this version and then does this.
fn project(version: &str, script: &str) -> Desk {
    let desk = Desk::new();
    assert_eq!(desk.run(&["policy", "new", "--lang", "assemblyscript", "p"]).code, 0);
    let node = format!("#!/bin/sh\nif [ \"$1\" = --version ]; then echo {version}; exit; fi\n{script}\n");
    fs::create_dir(desk.path().join("bin")).unwrap();
    let path = desk.put("bin/node", &node);
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    desk
}

/// What npm would have installed, as far as the build looks at it.
fn install(desk: &Desk) {
    fs::create_dir_all(desk.path().join("p/node_modules/assemblyscript")).unwrap();
    desk.put("p/node_modules/assemblyscript/package.json", r#"{ "version": "0.28.20" }"#);
}

fn build(desk: &Desk, path: &Path) -> Ran {
    let output = desk.command().args(["policy", "build", "p"]).env("PATH", path).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn what_is_missing_is_named_with_what_mends_it() {
    let desk = project("v20.1.0", "exit 9");
    let without = build(&desk, &desk.path().join("nowhere"));
    assert_eq!(without.code, 2, "{}", without.err);
    assert!(without.err.contains("Node.js (node) is not installed: install Node.js 20 or newer"), "{}", without.err);
    let bin = desk.path().join("bin");
    let bare = build(&desk, &bin);
    assert_eq!(bare.code, 2, "{}", bare.err);
    assert!(bare.err.contains("run `npm install` there"), "{}", bare.err);
    install(&desk);
    fs::remove_file(desk.path().join("p/trimtab/exports.mjs")).unwrap();
    let cut = build(&desk, &bin);
    assert_eq!(cut.code, 2, "{}", cut.err);
    assert!(cut.err.contains("copy the folder `trimtab`"), "{}", cut.err);
}

#[test]
fn an_old_node_is_refused_before_it_fails_in_words_of_its_own() {
    let desk = project("v18.19.0", "exit 9");
    install(&desk);
    let ran = build(&desk, &desk.path().join("bin"));
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("Node.js is too old (\"v18.19.0\")"), "{}", ran.err);
}

#[test]
fn what_the_compiler_says_is_shown() {
    let desk = project("v20.1.0", "echo 'ERROR TS2322: Type mismatch.' >&2; exit 1");
    install(&desk);
    let ran = build(&desk, &desk.path().join("bin"));
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert!(ran.err.contains("ERROR TS2322") && ran.err.contains("see its words above"), "{}", ran.err);
    assert_eq!(ran.out, "");
}

#[test]
fn a_compiler_that_makes_no_file_is_not_taken_at_its_word() {
    let desk = project("v20.1.0", "exit 0");
    install(&desk);
    // The file of an earlier build is not the one that was asked for.
    fs::create_dir(desk.path().join("p/dist")).unwrap();
    desk.put("p/dist/p.wasm", "old");
    let ran = build(&desk, &desk.path().join("bin"));
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("made no p/dist/p.wasm"), "{}", ran.err);
}
