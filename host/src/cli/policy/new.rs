//! `trimtab policy new`: a project with a policy that builds, a test that passes, and a README.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use super::language::{Language, Names};
use crate::cli::{Exit, Fail, print};

const NAME_BYTES_MAX: usize = 63;

#[derive(Debug, Args)]
pub(in crate::cli) struct NewArgs {
    /// The policy's name: lower-case letters, digits and "-".
    name: String,
    /// The language to write it in.
    #[arg(long, value_enum)]
    lang: Language,
    /// The folder to make; by default of the policy's name.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Rust: the folder of trimtab-sdk; by default that of the checkout this binary was built in, else the published crate.
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
}

pub(in crate::cli) fn run(args: &NewArgs) -> Result<Exit> {
    if !is_name(&args.name) {
        let text =
            format!("{:?} is not a policy's name: use lower-case letters, digits and \"-\", a letter first", args.name);
        return Err(Fail::usage(text));
    }
    if args.sdk.is_some() && args.lang != Language::Rust {
        let text = "--sdk is for --lang rust: the other languages' SDKs are put into the project";
        return Err(Fail::usage(text.to_owned()));
    }
    let dir = args.dir.clone().unwrap_or_else(|| PathBuf::from(&args.name));
    if dir.read_dir().is_ok_and(|mut entries| entries.next().is_some()) || dir.is_file() {
        let text = format!("{} is there already and not empty: choose another --dir", dir.display());
        return Err(Fail::usage(text));
    }
    let facts = args.lang.facts();
    let names = Names { name: &args.name, sdk: &args.lang.dependency(args.sdk.as_deref())? };
    // All of it before any of it is written: half a project is no project.
    let files: Vec<(String, String)> =
        facts.files.iter().map(|(file, text)| (names.fill(file), names.fill(text))).collect();
    for (file, text) in files {
        write(&dir.join(file), &text)?;
    }
    print(&next(&dir, facts.steps))?;
    Ok(Exit::Fine)
}

/// What to do with the project.
fn next(dir: &Path, steps: &[(&str, &str)]) -> String {
    let dir = dir.display();
    let mut text = format!("{dir} holds a policy that builds. Next:\n  cd {dir}\n");
    let last = [
        ("trimtab policy build", "makes the Wasm file"),
        ("trimtab policy push", "to a running host; it runs nowhere until it is activated"),
    ];
    for (command, what) in steps.iter().chain(&last) {
        text.push_str(&format!("  {command:<24} # {what}\n"));
    }
    text
}

fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
