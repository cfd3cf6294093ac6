use std::path::Path;

use tempfile::TempDir;

use super::{JAVASCRIPT, TYPESCRIPT, check_componentizer, outputs};
use crate::cli::policy::language::Language;

fn project(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let path = dir.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

const PACKAGE: &str = r#"{ "name": "@us/night", "devDependencies": { "componentize-qjs": "0.4.5" } }"#;

#[test]
fn a_project_is_known_by_its_tool_and_its_entry() {
    let typed = project(&[("package.json", PACKAGE), ("src/policy.ts", "")]);
    let plain = project(&[("package.json", PACKAGE), ("src/policy.js", "")]);
    let other = project(&[("package.json", "{}"), ("src/policy.ts", "")]);
    assert_eq!(Language::of(typed.path()), Some(Language::Typescript));
    assert_eq!(Language::of(plain.path()), Some(Language::Javascript));
    assert_eq!(Language::of(other.path()), None);
}

#[test]
fn what_is_made_is_named_after_the_package() {
    let dir = project(&[("package.json", PACKAGE)]);
    let (bundle, wasm) = outputs(dir.path()).unwrap();
    assert_eq!((bundle.as_path(), wasm.as_path()), (Path::new("dist/night.js"), Path::new("dist/night.wasm")));
    let broken = project(&[("package.json", "{")]);
    assert!(outputs(broken.path()).unwrap_err().to_string().contains("package.json is not JSON"));
}

#[test]
fn tools_that_are_absent_or_of_another_version_are_named_with_the_command_that_gets_them() {
    let manifest = "node_modules/componentize-qjs/package.json";
    let said = |files: &[(&str, &str)]| check_componentizer(project(files).path()).unwrap_err().to_string();
    assert!(said(&[]).ends_with("run `npm install` in the project"), "{}", said(&[]));
    let newer = said(&[(manifest, r#"{ "version": "0.5.1" }"#)]);
    assert!(newer.contains("of version 0.5.1") && newer.contains("componentize-qjs@0.4.5"), "{newer}");
    let none = said(&[(manifest, "[]")]);
    assert!(none.contains("of version unknown"), "{none}");
    assert!(check_componentizer(project(&[(manifest, r#"{ "version": "0.4.9" }"#)]).path()).is_ok());
}

#[test]
fn both_templates_hold_every_file_of_the_layer() {
    let layer = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/typescript/trimtab");
    for facts in [&TYPESCRIPT, &JAVASCRIPT] {
        for entry in std::fs::read_dir(&layer).unwrap() {
            let entry = entry.unwrap();
            let name = format!("trimtab/{}", entry.file_name().to_string_lossy());
            let held = facts.files.iter().any(|(file, _)| *file == name || file.starts_with(&format!("{name}/")));
            assert!(held, "{name} is not put into a new project");
        }
    }
}

#[test]
fn the_lock_file_is_of_the_same_versions_and_names_no_registry() {
    let text = |name: &str| TYPESCRIPT.files.iter().find(|(file, _)| *file == name).unwrap().1;
    let package: serde_json::Value = serde_json::from_str(text("package.json")).unwrap();
    let lock: serde_json::Value = serde_json::from_str(text("package-lock.json")).unwrap();
    assert_eq!(lock["packages"][""]["devDependencies"], package["devDependencies"]);
    assert!(!text("package-lock.json").contains("://"));
}
