use std::fs;

use tempfile::TempDir;

use super::{check_compiler, check_node, out_file};

fn said<T: std::fmt::Debug>(result: anyhow::Result<T>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn node_must_be_as_new_as_the_compiler_wants_it() {
    check_node("v20.0.0").unwrap();
    check_node("v24.1.0").unwrap();
    assert!(said(check_node("v18.19.0")).contains("install Node.js 20 or newer"));
    assert!(said(check_node("no version")).contains("too old"));
}

#[test]
fn the_compiler_must_be_the_one_that_the_sdk_was_made_for() {
    let dir = TempDir::new().unwrap();
    assert!(said(check_compiler(dir.path())).contains("run `npm install` there"));
    let package = dir.path().join("node_modules/assemblyscript");
    fs::create_dir_all(&package).unwrap();
    fs::write(package.join("package.json"), r#"{ "version": "0.27.0" }"#).unwrap();
    let wrong = said(check_compiler(dir.path()));
    assert!(wrong.contains("is 0.27.0") && wrong.contains("npm install --save-dev"), "{wrong}");
    fs::write(package.join("package.json"), r#"{ "version": "0.28.20" }"#).unwrap();
    check_compiler(dir.path()).unwrap();
}

#[test]
fn the_template_pins_the_compiler_that_the_build_asks_for() {
    for file in ["package.json", "package-lock.json"] {
        let (_, text) = super::FACTS.files.iter().find(|(name, _)| *name == file).unwrap();
        assert!(text.contains(&format!(r#""assemblyscript": "{}""#, super::COMPILER_VERSION)), "{file}");
        assert!(!text.contains("resolved"), "{file} names a registry's host");
    }
}

#[test]
fn the_configuration_says_which_file_is_made() {
    let dir = TempDir::new().unwrap();
    let put = |text: &str| fs::write(dir.path().join("asconfig.json"), text).unwrap();
    put(r#"{ "targets": { "release": { "outFile": "dist/p.wasm" } } }"#);
    assert_eq!(out_file(dir.path()).unwrap().to_str(), Some("dist/p.wasm"));
    put("{}");
    assert!(said(out_file(dir.path())).contains("into its target `release`"));
    put("{");
    assert!(said(out_file(dir.path())).contains("is not valid JSON"));
}
