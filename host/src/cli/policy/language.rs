//! The languages that policies are written in here: what a new project holds, how one is recognised, how it is built.
//!
//! One file per language, and one line for it in each of the lists below. What is embedded lies under `sdk/<language>/`.

mod assemblyscript;
mod c;
mod go;
mod python;
mod rust;
mod tool;
mod typescript;
mod wat;
mod zig;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;

/// Languages that there is a template for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Language {
    /// Compiled to a core module; the smallest figures of the comfortable ones.
    Rust,
    /// Run by the engine QuickJS, which is put into the component; needs Node.js and npm.
    #[value(alias = "ts")]
    Typescript,
    /// The same without types.
    #[value(alias = "js")]
    Javascript,
    /// Run by CPython, which is put into the component; needs componentize-py.
    #[value(alias = "py")]
    Python,
    /// Go's own compiler, and nothing else; started once when it is built.
    Go,
    /// Compiled by clang or `zig cc` to a core module, without a C library; small and quick.
    C,
    /// Compiled by Zig to a core module; small and quick.
    Zig,
    /// Like TypeScript, compiled to a core module of a few kilobytes; needs Node.js.
    #[value(name = "assemblyscript")]
    AssemblyScript,
    /// WebAssembly's own text, by hand: the smallest figures of all; needs no tool.
    Wat,
}

/// All of them, in the order in which a folder is asked whether it is one's project.
const ALL: &[Language] = &[
    Language::Rust,
    Language::Typescript,
    Language::Javascript,
    Language::Python,
    Language::Go,
    Language::C,
    Language::Zig,
    Language::AssemblyScript,
    Language::Wat,
];

/// What is known of a language.
pub(super) struct Facts {
    /// The files of a new project: where they go, and what is in them before names are put in.
    pub(super) files: &'static [(&'static str, &'static str)],
    /// The commands between `policy new` and `policy build`, each with a word on what it does.
    pub(super) steps: &'static [(&'static str, &'static str)],
    /// The file that a project of this language is known by, for a person.
    pub(super) known_by: &'static str,
    /// Whether a folder holds a project of this language.
    pub(super) is_project: fn(&Path) -> bool,
    /// Builds the project in a folder, and says where its Wasm file is. What its tools print goes to standard error.
    pub(super) build: fn(&Path) -> Result<PathBuf>,
}

impl Language {
    pub(super) fn facts(self) -> &'static Facts {
        match self {
            Self::Rust => &rust::FACTS,
            Self::AssemblyScript => &assemblyscript::FACTS,
            Self::Wat => &wat::FACTS,
            Self::Go => &go::FACTS,
            Self::C => &c::FACTS,
            Self::Zig => &zig::FACTS,
            Self::Typescript => &typescript::TYPESCRIPT,
            Self::Javascript => &typescript::JAVASCRIPT,
            Self::Python => &python::FACTS,
        }
    }

    /// The word of `--lang`.
    pub(super) fn word(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// The language of the project in a folder.
    pub(super) fn of(dir: &Path) -> Option<Self> {
        ALL.iter().copied().find(|language| (language.facts().is_project)(dir))
    }

    /// What a project is known by in each language: `Cargo.toml (rust), go.mod (go)`.
    pub(super) fn marks() -> String {
        let marks = ALL.iter().map(|language| format!("{} ({})", language.facts().known_by, language.word()));
        marks.collect::<Vec<_>>().join(", ")
    }

    /// How a new project names its SDK: only Rust's is a dependency, the others' are put into the project.
    pub(super) fn dependency(self, sdk: Option<&Path>) -> Result<String> {
        match self {
            Self::Rust => rust::dependency(sdk),
            _ => Ok(String::new()),
        }
    }
}

/// What is put into the files of a template.
pub(super) struct Names<'a> {
    /// For `{{name}}`, and with `_` for `-` for `{{file}}`.
    pub(super) name: &'a str,
    /// For `{{sdk}}`.
    pub(super) sdk: &'a str,
}

impl Names<'_> {
    pub(super) fn fill(&self, text: &str) -> String {
        text.replace("{{name}}", self.name)
            .replace("{{file}}", &self.name.replace('-', "_"))
            .replace("{{sdk}}", self.sdk)
    }
}
