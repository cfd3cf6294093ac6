//! AssemblyScript: asc, which npm installs into the project. The SDK is put into the project, under `trimtab/`.
//!
//! asc leaves a core module. A transform of the SDK gives its functions the contract's names and states that its texts are UTF-16,
//! so nothing is to be done to it here.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Facts;
use super::tool::{self, Tool};
use crate::cli::Fail;

/// What the project is known by: the compiler's own configuration.
const CONFIG: &str = "asconfig.json";
/// What asc is told of the contract by.
const TRANSFORM: &str = "trimtab/exports.mjs";
const COMPILER: &str = "node_modules/assemblyscript";
/// The compiler's version that the SDK was made for: it lays its classes over memory, which is the compiler's to define.
const COMPILER_VERSION: &str = "0.28.20";
/// As the compiler says of itself.
const NODE_MAJOR_MIN: u32 = 20;

pub(super) static FACTS: Facts = Facts {
    files: &[
        ("README.md", include_str!("../../../../../sdk/assemblyscript/template/README.md.tmpl")),
        (".gitignore", include_str!("../../../../../sdk/assemblyscript/template/.gitignore.tmpl")),
        ("asconfig.json", include_str!("../../../../../sdk/assemblyscript/template/asconfig.json.tmpl")),
        ("package.json", include_str!("../../../../../sdk/assemblyscript/template/package.json.tmpl")),
        ("package-lock.json", include_str!("../../../../../sdk/assemblyscript/template/package-lock.json.tmpl")),
        ("assembly/index.ts", include_str!("../../../../../sdk/assemblyscript/template/assembly/index.ts.tmpl")),
        ("assembly/policy.ts", include_str!("../../../../../sdk/assemblyscript/template/assembly/policy.ts.tmpl")),
        ("test/policy.test.mjs", include_str!("../../../../../sdk/assemblyscript/template/test/policy.test.mjs.tmpl")),
        ("trimtab/index.ts", include_str!("../../../../../sdk/assemblyscript/trimtab/index.ts")),
        ("trimtab/policy.ts", include_str!("../../../../../sdk/assemblyscript/trimtab/policy.ts")),
        ("trimtab/parameters.ts", include_str!("../../../../../sdk/assemblyscript/trimtab/parameters.ts")),
        ("trimtab/needs.ts", include_str!("../../../../../sdk/assemblyscript/trimtab/needs.ts")),
        ("trimtab/snapshot.ts", include_str!("../../../../../sdk/assemblyscript/trimtab/snapshot.ts")),
        ("trimtab/reading.ts", include_str!("../../../../../sdk/assemblyscript/trimtab/reading.ts")),
        ("trimtab/answer.ts", include_str!("../../../../../sdk/assemblyscript/trimtab/answer.ts")),
        ("trimtab/words.ts", include_str!("../../../../../sdk/assemblyscript/trimtab/words.ts")),
        ("trimtab/figure.ts", include_str!("../../../../../sdk/assemblyscript/trimtab/figure.ts")),
        ("trimtab/memory.ts", include_str!("../../../../../sdk/assemblyscript/trimtab/memory.ts")),
        ("trimtab/exports.mjs", include_str!("../../../../../sdk/assemblyscript/trimtab/exports.mjs")),
        ("trimtab/abi.mjs", include_str!("../../../../../sdk/assemblyscript/trimtab/abi.mjs")),
        ("trimtab/rehearsal.mjs", include_str!("../../../../../sdk/assemblyscript/trimtab/rehearsal.mjs")),
        (
            "trimtab/bindings/contract.ts",
            include_str!("../../../../../sdk/assemblyscript/trimtab/bindings/contract.ts"),
        ),
        (
            "trimtab/bindings/contract.mjs",
            include_str!("../../../../../sdk/assemblyscript/trimtab/bindings/contract.mjs"),
        ),
    ],
    steps: &[("npm install", "the compiler, once"), ("npm test", "plays it through a few moments")],
    known_by: CONFIG,
    is_project: |dir| dir.join(CONFIG).is_file(),
    build,
};

fn build(dir: &Path) -> Result<PathBuf> {
    let node = Tool { program: "node".to_owned(), what: "Node.js", remedy: NODE_REMEDY };
    check_node(&node.version(&["--version"])?)?;
    check_compiler(dir)?;
    if !dir.join(TRANSFORM).is_file() {
        return Err(Fail::usage(format!(
            "{} is missing, which gives the functions the contract's names: copy the folder `trimtab` from a project that \
             `trimtab policy new --lang assemblyscript` makes",
            dir.join(TRANSFORM).display()
        )));
    }
    let wasm = dir.join(out_file(dir)?);
    let mut asc = node.command(dir);
    asc.args([&format!("{COMPILER}/bin/asc.js"), "--target", "release", "--transform", &format!("./{TRANSFORM}")]);
    // What an earlier run left is not what this one makes.
    if wasm.is_file() {
        std::fs::remove_file(&wasm).with_context(|| format!("removing {}", wasm.display()))?;
    }
    node.run(&mut asc, &format!("compiling {} with asc {COMPILER_VERSION}", dir.display()))?;
    if wasm.is_file() {
        return Ok(wasm);
    }
    Err(Fail::usage(format!("asc made no {}: is it the outFile of the target `release` in {CONFIG}?", wasm.display())))
}

const NODE_REMEDY: &str = "install Node.js 20 or newer with npm, for example from https://nodejs.org";

fn check_node(said: &str) -> Result<()> {
    match tool::numbers(said) {
        Some((major, _)) if major >= NODE_MAJOR_MIN => Ok(()),
        _ => Err(Fail::usage(format!("Node.js is too old ({said:?}): {NODE_REMEDY}"))),
    }
}

/// Whether npm has installed the compiler that the SDK was made for.
fn check_compiler(dir: &Path) -> Result<()> {
    let package = dir.join(COMPILER).join("package.json");
    let Ok(text) = std::fs::read_to_string(&package) else {
        let dir = dir.display();
        return Err(Fail::usage(format!("AssemblyScript's compiler is not in {dir}: run `npm install` there")));
    };
    let version = serde_json::from_str::<serde_json::Value>(&text)
        .ok()
        .and_then(|package| Some(package.get("version")?.as_str()?.to_owned()))
        .unwrap_or_default();
    if version == COMPILER_VERSION {
        return Ok(());
    }
    Err(Fail::usage(format!(
        "AssemblyScript's compiler in {} is {version}, and the SDK lays its classes over memory as {COMPILER_VERSION} does: run \
         `npm install --save-dev --save-exact assemblyscript@{COMPILER_VERSION}` there",
        dir.display()
    )))
}

/// The file that asc is configured to write.
fn out_file(dir: &Path) -> Result<PathBuf> {
    let path = dir.join(CONFIG);
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let config: serde_json::Value = serde_json::from_str(&text)
        .map_err(|error| Fail::usage(format!("{} is not valid JSON: {error}", path.display())))?;
    let file = config.pointer("/targets/release/outFile").and_then(serde_json::Value::as_str);
    file.map(PathBuf::from).ok_or_else(|| {
        let path = path.display();
        Fail::usage(format!(
            "{path} does not say which file to write: put `\"outFile\": \"dist/NAME.wasm\"` into its target `release`"
        ))
    })
}

#[cfg(test)]
mod tests;
