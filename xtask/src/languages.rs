//! Builds the example policy in every language of `sdk/` into `target/languages-out/`, as a stranger would: by `trimtab policy new`
//! and `trimtab policy build` of the binary, with tools that are fetched into the cache folder where they are not installed.
//! Then each project's own tests are run by its language's own runner.
//!
//! A language is one file below, and one line in [`LANGUAGES`].

mod assemblyscript;
mod c;
mod go;
mod python;
mod rust;
mod typescript;
mod wat;
mod zig;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::index::{self, Entry, Kind};
use crate::steps::{self, Step, say};
use crate::workspace::Workspace;
use crate::{digest, policies};

/// The name that the example has in all languages.
const EXAMPLE: &str = "target-tracking";

/// How the example of one language is built and tested.
struct Language {
    /// The word of `trimtab policy new --lang`; its SDK lies in `sdk/<name>`.
    name: &'static str,
    /// What its tools leave.
    kind: Kind,
    /// Whether it takes so little time and so few tools that every run of the tests builds it.
    quick: bool,
    /// What must be on the path or in the environment, and whatever else the project needs before it builds.
    prepare: fn(&Workshop<'_>, &Path) -> Result<Tools>,
    /// Builds the project; [`by_trimtab`] unless tools are had in a way that nobody else has.
    build: fn(&Workshop<'_>, &Path, &Tools) -> Result<PathBuf>,
    /// The commands that run the project's own tests, each started in its folder.
    tests: &'static [&'static [&'static str]],
}

/// The model of the others stands first.
const LANGUAGES: &[Language] = &[
    rust::LANGUAGE,
    typescript::TYPESCRIPT,
    typescript::JAVASCRIPT,
    python::LANGUAGE,
    go::LANGUAGE,
    c::LANGUAGE,
    zig::LANGUAGE,
    assemblyscript::LANGUAGE,
    wat::LANGUAGE,
];

/// What there is to build with.
struct Workshop<'a> {
    workspace: &'a Workspace,
    /// The built binary.
    trimtab: PathBuf,
}

/// What a language's tools need of their surroundings.
#[derive(Default)]
struct Tools {
    /// Folders that go before those of the path.
    path: Vec<PathBuf>,
    /// Other variables.
    environment: Vec<(&'static str, OsString)>,
}

impl Tools {
    fn apply(&self, command: &mut Command) -> Result<()> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(self.path.iter().cloned().chain(std::env::split_paths(&path)));
        command.env("PATH", path.context("joining the folders of the path")?);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Ok(())
    }
}

/// What came of it.
pub(crate) struct Built {
    /// The folder with the examples and their index.
    pub(crate) folder: PathBuf,
    /// Languages that could not be built or tested, each with the reason.
    pub(crate) missing: Vec<(&'static str, anyhow::Error)>,
}

/// Builds and tests the examples of all languages, or of those that are quick.
///
/// # Errors
/// Where the binary does not build, or the disk fails. A language that cannot be built is told, and stops no other.
pub(crate) fn build(workspace: &Workspace, all: bool) -> Result<Built> {
    policies::build(workspace)?;
    steps::run(workspace.cargo().args(["build", "--quiet", "--package", "trimtab", "--bin", "trimtab"]))?;
    let workshop = Workshop { workspace, trimtab: workspace.target.join("debug/trimtab") };
    let folder = workspace.target.join("languages-out");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let (mut index, mut missing) = (Vec::new(), Vec::new());
    for language in LANGUAGES.iter().filter(|language| all || language.quick) {
        let built = workshop.example(language).and_then(|wasm| {
            let bytes = fs::read(&wasm).with_context(|| format!("reading {}", wasm.display()))?;
            let entry = Entry::new(language.name, language.kind, &bytes);
            index::write_if_changed(&folder.join(&entry.file), &bytes)?;
            Ok(entry)
        });
        match built {
            Ok(entry) => index.push(entry),
            Err(error) => missing.push((language.name, error)),
        }
    }
    index::write(&folder, &index)?;
    let sizes: Vec<String> = index.iter().map(|entry| format!("{} {} bytes", entry.name, entry.bytes)).collect();
    say(format!("the example in {} languages in {} ({})", index.len(), folder.display(), sizes.join(", ")));
    Ok(Built { folder, missing })
}

/// The script of componentize-qjs, where the example in TypeScript has it, for tests that run it otherwise than it is to be run.
pub(crate) fn componentize_qjs(workspace: &Workspace) -> PathBuf {
    workspace.target.join("languages-work/typescript/node_modules/componentize-qjs/cli.mjs")
}

/// Builds and tests all of them, and fails if one cannot be.
///
/// # Errors
/// Where a tool cannot be had or complains, or a test fails.
pub(crate) fn build_all(workspace: &Workspace) -> Result<()> {
    let built = build(workspace, true)?;
    for (name, error) in &built.missing {
        say(format!("{name}: {error:#}"));
    }
    if !built.missing.is_empty() {
        bail!("{} of {} languages could not be built; see above", built.missing.len(), LANGUAGES.len());
    }
    Ok(())
}

impl Workshop<'_> {
    /// Makes the project anew, unless nothing that it is made of has changed; builds it, tests it, and says where its file is.
    fn example(&self, language: &Language) -> Result<PathBuf> {
        let work = self.workspace.target.join("languages-work");
        let project = work.join(language.name);
        let (stamp, file) =
            (work.join(format!("{}.inputs", language.name)), work.join(format!("{}.path", language.name)));
        let root = &self.workspace.root;
        let inputs = digest::Inputs::default()
            .path(&root.join("sdk").join(language.name))?
            .path(&root.join("sdk").join(layer_of(language.name)))?
            .path(&root.join("wit"))?
            .path(&root.join("host/src/cli/policy/language"))?
            .path(&root.join("host/src/sandbox/preinitialise"))?
            .path(&root.join("host/src/sandbox/preinitialise.rs"))?
            .path(&root.join("xtask/src/languages"))?
            .finish();
        if let (Ok(made_of), Ok(wasm)) = (fs::read_to_string(&stamp), fs::read_to_string(&file)) {
            let wasm = PathBuf::from(wasm);
            if made_of == inputs && wasm.is_file() {
                return Ok(wasm);
            }
        }
        let step = Step::begin(format!("the example in {}", language.name));
        if project.exists() {
            fs::remove_dir_all(&project).with_context(|| format!("removing {}", project.display()))?;
        }
        let mut new = Command::new(&self.trimtab);
        steps::capture(new.args(["policy", "new", "--lang", language.name, EXAMPLE, "--dir"]).arg(&project))?;
        let tools = (language.prepare)(self, &project)?;
        let wasm = (language.build)(self, &project, &tools)?;
        for words in language.tests {
            let Some((program, arguments)) = words.split_first() else { continue };
            let mut test = Command::new(program);
            test.args(arguments).current_dir(&project);
            tools.apply(&mut test)?;
            steps::capture(&mut test).with_context(|| format!("the example's own tests in {}", language.name))?;
        }
        fs::write(&file, wasm.to_string_lossy().as_ref()).with_context(|| format!("writing {}", file.display()))?;
        fs::write(&stamp, inputs).with_context(|| format!("writing {}", stamp.display()))?;
        step.done();
        Ok(wasm)
    }
}

/// The folder of `sdk/` that holds the layer: two languages share one.
fn layer_of(name: &'static str) -> &'static str {
    match name {
        "javascript" => "typescript",
        other => other,
    }
}

/// Builds a project as its author would.
fn by_trimtab(workshop: &Workshop<'_>, project: &Path, tools: &Tools) -> Result<PathBuf> {
    let mut build = Command::new(&workshop.trimtab);
    build.args(["policy", "build", "--json"]).arg(project);
    tools.apply(&mut build)?;
    let said: serde_json::Value =
        serde_json::from_str(&steps::capture(&mut build)?).context("reading what `trimtab policy build` printed")?;
    let wasm = said.get("wasm").and_then(serde_json::Value::as_str).context("`trimtab policy build` names no file")?;
    Ok(PathBuf::from(wasm))
}
