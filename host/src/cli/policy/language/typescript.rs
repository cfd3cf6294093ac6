//! TypeScript and JavaScript: npm's esbuild makes one module of the project, componentize-qjs a component with the engine QuickJS in it.
//!
//! Both are one SDK: a TypeScript project's types are checked before it is built, that is all the difference.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Facts;
use super::tool::{Tool, numbers};
use crate::cli::Fail;

/// A file of the layer: the same place in the project.
macro_rules! layer {
    ($file:literal) => {
        (concat!("trimtab/", $file), include_str!(concat!("../../../../../sdk/typescript/trimtab/", $file)))
    };
}

/// What both kinds of project hold: the layer, the contract, and what npm and the type checker are told.
macro_rules! files {
    ($( $own:expr ),* $(,)?) => {
        &[
            ("package.json", include_str!("../../../../../sdk/typescript/template/package.json.tmpl")),
            ("package-lock.json", include_str!("../../../../../sdk/typescript/template/package-lock.json.tmpl")),
            ("tsconfig.json", include_str!("../../../../../sdk/typescript/template/tsconfig.json.tmpl")),
            ("test/tsconfig.json", include_str!("../../../../../sdk/typescript/template/test/tsconfig.json.tmpl")),
            (".gitignore", include_str!("../../../../../sdk/typescript/template/.gitignore.tmpl")),
            ("trimtab/policy.wit", include_str!("../../../../../wit/v1/policy.wit")),
            layer!("contract/contract.d.ts"),
            layer!("answer.ts"),
            layer!("crossing.ts"),
            layer!("figure.ts"),
            layer!("index.ts"),
            layer!("memory.ts"),
            layer!("needs.ts"),
            layer!("parameters.ts"),
            layer!("phase.ts"),
            layer!("policy.ts"),
            layer!("reading.ts"),
            layer!("refusal.ts"),
            layer!("rehearsal.ts"),
            layer!("samples.ts"),
            layer!("snapshot.ts"),
            $( $own ),*
        ]
    };
}

const STEPS: &[(&str, &str)] =
    &[("npm install", "gets the tools, once"), ("npm test", "plays it through a few moments")];

pub(super) static TYPESCRIPT: Facts = Facts {
    files: files![
        ("README.md", include_str!("../../../../../sdk/typescript/template/README.md.tmpl")),
        ("src/policy.ts", include_str!("../../../../../sdk/typescript/template/src/policy.ts.tmpl")),
        ("test/policy.test.ts", include_str!("../../../../../sdk/typescript/template/test/policy.test.ts.tmpl")),
    ],
    steps: STEPS,
    known_by: "package.json with componentize-qjs, and src/policy.ts",
    is_project: |dir| is_project(dir, "src/policy.ts"),
    build: |dir| build(dir, "src/policy.ts", Checked::Types),
};

pub(super) static JAVASCRIPT: Facts = Facts {
    files: files![
        ("README.md", include_str!("../../../../../sdk/javascript/template/README.md.tmpl")),
        ("src/policy.js", include_str!("../../../../../sdk/javascript/template/src/policy.js.tmpl")),
        ("test/policy.test.js", include_str!("../../../../../sdk/javascript/template/test/policy.test.js.tmpl")),
    ],
    steps: STEPS,
    known_by: "package.json with componentize-qjs, and src/policy.js",
    is_project: |dir| is_project(dir, "src/policy.js"),
    build: |dir| build(dir, "src/policy.js", Checked::Nothing),
};

/// What is held against the author before the build.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Checked {
    Types,
    Nothing,
}

/// What componentize-qjs is to be of: how it passes numbers changes between versions, and the layer makes up for this one's way.
const COMPONENTIZER: (u32, u32) = (0, 4);
/// What the tools run on, at least.
const NODE_MAJOR: u32 = 18;

const NODE: &str =
    "install Node.js 18 or newer with npm (for example `apt-get install nodejs npm`, or from https://nodejs.org)";
const INSTALL: &str = "run `npm install` in the project";

fn is_project(dir: &Path, entry: &str) -> bool {
    let package = std::fs::read_to_string(dir.join("package.json"));
    dir.join(entry).is_file() && package.is_ok_and(|package| package.contains("\"componentize-qjs\""))
}

fn build(dir: &Path, entry: &str, checked: Checked) -> Result<PathBuf> {
    check_node()?;
    check_componentizer(dir)?;
    let (bundle, wasm) = outputs(dir)?;
    let made = dir.join(&wasm);
    // The last run's file is not to be taken for what this run made.
    let _ = std::fs::remove_file(&made);
    if checked == Checked::Types {
        let tsc = installed(dir, "tsc", "TypeScript's compiler");
        tsc.run(tsc.command(dir).args(["--project", "."]), "checking types")?;
    }
    let esbuild = installed(dir, "esbuild", "the bundler");
    let mut bundling = esbuild.command(dir);
    bundling.arg(entry).args(["--bundle", "--format=esm", "--platform=neutral", "--target=es2023"]);
    bundling.arg("--log-level=warning").arg(format!("--outfile={}", bundle.display()));
    esbuild.run(&mut bundling, "making one module of the project")?;
    let componentizer = installed(dir, "componentize-qjs", "the maker of components");
    let mut making = componentizer.command(dir);
    // Without WASI and without async exports: a policy has neither.
    making.args(["--sync", "--stub-wasi", "--world", "policy", "--wit", "trimtab/policy.wit", "--js"]);
    componentizer.run(making.arg(&bundle).arg("--output").arg(&wasm), "putting the engine and the module together")?;
    if made.is_file() {
        return Ok(made);
    }
    Err(Fail::policy(format!("componentize-qjs left no {}: see its words above", made.display())))
}

fn check_node() -> Result<()> {
    let node = Tool { program: "node".to_owned(), what: "Node.js", remedy: NODE };
    let said = node.version(&["--version"])?;
    match numbers(&said) {
        Some((major, _)) if major >= NODE_MAJOR => Ok(()),
        _ => Err(Fail::usage(format!("Node.js is of version {said:?}, too old for the tools: {NODE}"))),
    }
}

/// Fails where the project's dependencies are not installed, or the one that matters is of another version.
fn check_componentizer(dir: &Path) -> Result<()> {
    let package = dir.join("node_modules/componentize-qjs/package.json");
    let Ok(package) = std::fs::read_to_string(&package) else {
        let dir = dir.display();
        return Err(Fail::usage(format!("{dir} has no node_modules with componentize-qjs: {INSTALL}")));
    };
    let package: serde_json::Value = serde_json::from_str(&package).unwrap_or_default();
    let version = package.get("version").and_then(serde_json::Value::as_str).unwrap_or("unknown");
    if numbers(version) == Some(COMPONENTIZER) {
        return Ok(());
    }
    Err(Fail::usage(format!(
        "componentize-qjs is of version {version}, and passes numbers in another way than 0.4, which the files in trimtab/ are for: \
         run `npm install --save-dev --save-exact componentize-qjs@0.4.5` in the project"
    )))
}

/// A program that npm put into the project.
fn installed(dir: &Path, program: &str, what: &'static str) -> Tool {
    let path = dir.join("node_modules/.bin").join(program);
    // The programs are started in the project's folder: a path that is relative to ours would lead elsewhere.
    let path = std::path::absolute(&path).unwrap_or(path);
    Tool { program: path.to_string_lossy().into_owned(), what, remedy: INSTALL }
}

/// Where the bundle and the component go, in the project: named after the package, without its scope.
fn outputs(dir: &Path) -> Result<(PathBuf, PathBuf)> {
    let file = dir.join("package.json");
    let package = std::fs::read_to_string(&file).unwrap_or_default();
    let package: serde_json::Value = serde_json::from_str(&package)
        .map_err(|error| Fail::usage(format!("{} is not JSON: {error}; mend it there", file.display())))?;
    let name = package.get("name").and_then(serde_json::Value::as_str).unwrap_or("policy");
    let name = name.rsplit('/').next().unwrap_or(name);
    let dist = Path::new("dist");
    Ok((dist.join(format!("{name}.js")), dist.join(format!("{name}.wasm"))))
}

#[cfg(test)]
mod tests;
