use std::fs;

use tempfile::TempDir;

use super::{FACTS, SOURCE_BYTES_MAX, build};
use crate::cli::policy::language::Names;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn complaint(files: &[(&str, &str)]) -> String {
    build(folder(files).path()).unwrap_err().to_string()
}

#[test]
fn the_template_is_assembled_without_any_tool() {
    let names = Names { name: "by-hand", sdk: "" };
    let files: Vec<(String, String)> = FACTS.files.iter().map(|(n, t)| (names.fill(n), names.fill(t))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let dir = folder(&files);
    assert!((FACTS.is_project)(dir.path()));
    let wasm = build(dir.path()).unwrap();
    assert_eq!(wasm, dir.path().join("dist/by-hand.wasm"));
    assert!(fs::read(wasm).unwrap().starts_with(b"\0asm"));
}

#[test]
fn what_is_wrong_with_the_text_is_said_with_its_line() {
    let wrong = complaint(&[("p.wat", "(module\n  (func (i32.cosnt 1)))")]);
    assert!(wrong.contains("does not assemble") && wrong.contains("p.wat:2"), "{wrong}");
}

#[test]
fn the_encoding_of_texts_is_never_guessed() {
    let wrong = complaint(&[("p.wat", "(module)")]);
    assert!(wrong.contains("trimtab:string-encoding"), "{wrong}");
}

#[test]
fn one_folder_holds_one_policy() {
    let wrong = complaint(&[("a.wat", "(module)"), ("b.wat", "(module)")]);
    assert!(wrong.contains("more than one .wat file"), "{wrong}");
    assert!(!(FACTS.is_project)(folder(&[("a.txt", "")]).path()));
}

#[test]
fn a_source_beyond_all_reason_is_not_read() {
    let long = " ".repeat(usize::try_from(SOURCE_BYTES_MAX).unwrap() + 1);
    assert!(complaint(&[("p.wat", &long)]).contains("at most"));
}
