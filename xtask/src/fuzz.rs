//! `cargo xtask fuzz`: the host's fuzz targets under libFuzzer, as long as wished.
//!
//! cargo-fuzz builds and starts them; it is installed into the cache folder. It asks for a nightly compiler only because of the
//! sanitizer, and the host has no unsafe code for one to look at: so the compiler is the ordinary one, told to accept the flags.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cache::Cache;
use crate::steps::{self, Step, say};
use crate::workspace::Workspace;
use crate::{debian, policies};

/// The release of cargo-fuzz.
const VERSION: &str = "0.13.2";
/// Where the crate, the seeds and the findings lie.
const FOLDER: &str = "tests/fuzz";
/// The program that has all targets, and the variable by which it is told which one.
const PROGRAM: &str = "trimtab-fuzz";
const TARGET: &str = "TRIMTAB_FUZZ_TARGET";
/// Longest input: real uploads are longer, but take too long to be tried by the thousand.
const INPUT_BYTES_MAX: u32 = 64 << 10;
/// An input that takes longer is a finding, and so is one that takes more memory.
const INPUT_SECONDS_MAX: u32 = 25;
const MEMORY_MIB_MAX: u32 = 4096;

/// What `cargo xtask fuzz` takes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The target; left out: all of them, one after the other
    target: Option<String>,
    /// For how long each is tried
    #[arg(long, default_value_t = 2.0)]
    minutes: f64,
    /// Say which targets there are, and end
    #[arg(long, conflicts_with = "target")]
    list: bool,
    /// Arguments for libFuzzer, after `--`
    #[arg(last = true)]
    libfuzzer: Vec<String>,
}

/// Builds what is needed and tries the targets.
///
/// # Errors
/// Where a target does not exist, something cannot be built, or an input breaks a target: it is kept, and its place said.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let known = targets(workspace)?;
    if arguments.list {
        known.iter().for_each(|name| println!("{name}"));
        return Ok(());
    }
    let chosen = match &arguments.target {
        None => known,
        Some(name) if known.contains(name) => vec![name.clone()],
        Some(name) => bail!("there is no fuzz target {name:?}; there are {}", known.join(", ")),
    };
    if !(arguments.minutes > 0.0 && arguments.minutes < 1e6) {
        bail!("--minutes {} is no time to try for; write 2 or 0.5", arguments.minutes);
    }
    let seconds = (arguments.minutes * 60.0).ceil().max(1.0);
    let policies = policies::build(workspace)?;
    let tool = cargo_fuzz()?;
    let mut broken = Vec::new();
    for name in chosen {
        say(format!("{name}: {seconds} seconds"));
        let corpus = workspace.target.join("fuzz-corpus").join(&name);
        fs::create_dir_all(&corpus).with_context(|| format!("making {}", corpus.display()))?;
        let mut fuzz = runner(workspace, &tool, &policies);
        fuzz.env(TARGET, &name);
        // The first folder takes what is found; the others are read.
        fuzz.arg(&corpus);
        for kind in ["seeds", "found"] {
            let folder = workspace.root.join(FOLDER).join(kind).join(&name);
            if folder.is_dir() {
                fuzz.arg(folder);
            }
        }
        if name == "upload" {
            fuzz.arg(&policies);
        }
        let findings = workspace.target.join("fuzz-findings");
        fs::create_dir_all(&findings).with_context(|| format!("making {}", findings.display()))?;
        fuzz.arg("--").args([
            format!("-max_total_time={seconds}"),
            format!("-max_len={INPUT_BYTES_MAX}"),
            format!("-timeout={INPUT_SECONDS_MAX}"),
            format!("-rss_limit_mb={MEMORY_MIB_MAX}"),
            format!("-dict={}", workspace.root.join(FOLDER).join("words.dict").display()),
            format!("-artifact_prefix={}/{name}-", findings.display()),
            "-print_final_stats=1".to_owned(),
            "-verbosity=0".to_owned(),
        ]);
        fuzz.args(&arguments.libfuzzer);
        if let Err(error) = steps::run(&mut fuzz) {
            say(format!("{name}: {error:#}"));
            broken.push(name);
        }
    }
    if !broken.is_empty() {
        bail!(
            "broken: {}; what broke them lies in {}. Mend it, and put a small input into {FOLDER}/found/TARGET",
            broken.join(", "),
            workspace.target.join("fuzz-findings").display()
        );
    }
    Ok(())
}

/// Their names: each has a folder of seeds.
fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    let folder = workspace.root.join(FOLDER).join("seeds");
    let entries = fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("listing {}", folder.display()))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// cargo-fuzz in the cache folder.
fn cargo_fuzz() -> Result<PathBuf> {
    if !debian::installed_program("c++") {
        bail!("libFuzzer is C++ and is compiled here; install a compiler (Debian: apt-get install g++)");
    }
    let folder = Cache::open()?.folder(&format!("cargo-fuzz-{VERSION}"), |folder| {
        let step = Step::begin("installing cargo-fuzz");
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut install = Command::new(cargo);
        install.args(["install", "cargo-fuzz", "--locked", "--quiet", "--version", VERSION, "--root"]).arg(folder);
        steps::capture(&mut install)?;
        step.done();
        Ok(())
    })?;
    Ok(folder.join("bin/cargo-fuzz"))
}

/// cargo-fuzz, told where everything is and what to run; folders with inputs follow.
fn runner(workspace: &Workspace, tool: &Path, policies: &Path) -> Command {
    let mut fuzz = Command::new(tool);
    fuzz.current_dir(&workspace.root);
    fuzz.env("RUSTC_BOOTSTRAP", "1").env("TRIMTAB_POLICIES_DIR", policies);
    // Its builds have flags of their own: in the folder of the others, each would make the other begin anew. `--dev` is the profile
    // with what lies below us optimized, and ours quick to build, with all checks of its arithmetic.
    fuzz.args(["fuzz", "run", "--fuzz-dir", FOLDER, "--dev", "--sanitizer", "none", "--target-dir"]);
    fuzz.arg(workspace.target.join("fuzz")).arg(PROGRAM);
    fuzz
}
