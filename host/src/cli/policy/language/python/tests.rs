use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use super::{Componentizer, FACTS, name};
use crate::cli::policy::language::Language;

fn project(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let path = dir.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    dir
}

#[test]
fn a_project_is_known_by_its_module_and_the_contract() {
    let own = project(&[("app.py", ""), ("trimtab/policy.wit", "")]);
    let other = project(&[("app.py", "")]);
    assert_eq!(Language::of(own.path()), Some(Language::Python));
    assert_eq!(Language::of(other.path()), None);
}

#[test]
fn what_is_made_is_named_after_the_project() {
    let named = |text| name(project(&[("pyproject.toml", text)]).path());
    assert_eq!(named("[project]\nname = \"night\"").unwrap(), "night");
    assert_eq!(named("[project]\nname = \"../../night\"").unwrap(), "night");
    assert_eq!(named("").unwrap(), "policy");
    assert!(named("[").unwrap_err().to_string().contains("is not TOML"));
}

#[test]
fn a_tool_of_another_version_is_named_with_the_command_that_gets_the_right_one() {
    let said = |words: &str| {
        let dir = project(&[(".venv/bin/componentize-py", &format!("#!/bin/sh\necho '{words}'\n"))]);
        Componentizer::find(dir.path()).unwrap().check_version()
    };
    assert!(said("componentize-py 0.25.1").is_ok());
    let older = said("componentize-py 0.17.2").unwrap_err().to_string();
    assert!(older.contains("0.17.2") && older.contains("componentize-py==0.25.1"), "{older}");
    let missing = said("python3: No module named componentize_py").unwrap_err().to_string();
    assert!(missing.starts_with("componentize-py is not installed: run `python3 -m venv"), "{missing}");
}

#[test]
fn the_template_holds_every_file_of_the_layer() {
    let layer = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/python/trimtab");
    for entry in std::fs::read_dir(&layer).unwrap() {
        let name = format!("trimtab/{}", entry.unwrap().file_name().to_string_lossy());
        // Python leaves one where somebody runs the layer in place.
        if name.ends_with("__pycache__") {
            continue;
        }
        let held = FACTS.files.iter().any(|(file, _)| *file == name || file.starts_with(&format!("{name}/")));
        assert!(held, "{name} is not put into a new project");
    }
}
