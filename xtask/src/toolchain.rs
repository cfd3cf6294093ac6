//! A Rust compiler and standard library for `wasm32-unknown-unknown`.
//!
//! rustup's, if installed or to be had within [`RUSTUP_SILENCE`]. Else Debian's compiler with Debian's source of the standard
//! library, unpacked into the cache folder: compiler and source must be of one version, and the stable cargo drives them.
//! What it takes is set on guest builds only and never reaches a host build.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::cache::{Cache, HALF};
use crate::debian::{self, Apt, Package};
use crate::steps::{self, Step, say};
use crate::workspace::Workspace;

/// What policies are compiled for.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// How long rustup may receive nothing before it is given up: where its server cannot be reached it waits for ever.
const RUSTUP_SILENCE: Duration = Duration::from_secs(10);
/// How long rustup may take in all: about 20 MB, on a slow line.
const RUSTUP_LIMIT: Duration = Duration::from_secs(300);
/// How long a failure of rustup is remembered.
const RUSTUP_MEMORY: Duration = Duration::from_secs(24 * 60 * 60);
/// The name of that memory in the cache folder.
const RUSTUP_NOTE: &str = "rustup-target-add";

/// How to compile for [`TARGET`].
pub(crate) struct Toolchain {
    /// Which it is, for a person and for telling whether something must be built anew.
    pub(crate) name: String,
    environment: Vec<(&'static str, OsString)>,
    arguments: Vec<&'static str>,
}

impl Toolchain {
    /// Finds a toolchain, or fetches one.
    ///
    /// # Errors
    /// Where none can be had; then with what to install.
    pub(crate) fn find(workspace: &Workspace) -> Result<Self> {
        let rustc = Rustc::ask()?;
        if rustc.has_target()? {
            return Ok(Self { name: rustc.version, environment: Vec::new(), arguments: Vec::new() });
        }
        let cache = Cache::open()?;
        if rustup_adds_target(&cache)? && rustc.has_target()? {
            return Ok(Self { name: rustc.version, environment: Vec::new(), arguments: Vec::new() });
        }
        from_debian(&cache, workspace).map_err(|error| {
            anyhow!(
                "no standard library of Rust for {TARGET}.\n  rustup: `rustup target add {TARGET}` did not succeed.\n  \
                 Debian's rustc-web: {error:#}.\nInstall one and try again: with rustup, `rustup target add {TARGET}` \
                 (then delete {}); with a distribution's Rust, its package of that target's standard library.",
                cache.path(format!("{RUSTUP_NOTE}.failed")).display()
            )
        })
    }

    /// Whether it is the machine's own, which needs no further words.
    pub(crate) fn is_plain(&self) -> bool {
        self.arguments.is_empty()
    }

    /// `cargo build` for [`TARGET`] in a target folder of its own.
    pub(crate) fn build(&self, workspace: &Workspace) -> Command {
        let mut command = workspace.cargo();
        // The user's flags are for the host's linker and processor.
        command.args(["build", "--target", TARGET]).args(&self.arguments).env_remove("CARGO_ENCODED_RUSTFLAGS");
        command.arg("--target-dir").arg(workspace.target.join("guests"));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The compiler that builds the host.
struct Rustc {
    version: String,
    triple: String,
    sysroot: PathBuf,
}

impl Rustc {
    fn ask() -> Result<Self> {
        let version = steps::capture(Command::new("rustc").arg("-vV"))?;
        let triple = version.lines().find_map(|line| line.strip_prefix("host: "));
        Ok(Self {
            triple: triple.context("`rustc -vV` names no host")?.to_owned(),
            version: version.lines().next().unwrap_or_default().to_owned(),
            sysroot: steps::capture(Command::new("rustc").args(["--print", "sysroot"]))?.trim_end().into(),
        })
    }

    fn has_target(&self) -> Result<bool> {
        let folder = self.sysroot.join("lib/rustlib").join(TARGET).join("lib");
        if !folder.is_dir() {
            return Ok(false);
        }
        let mut files = fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))?;
        Ok(files.any(|file| file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libstd-"))))
    }

    /// The linker that comes with rustup's toolchains.
    fn lld(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib").join(&self.triple).join("bin/rust-lld")
    }
}

/// The linker for WebAssembly that comes with rustup's toolchains, for compilers that bring none.
///
/// # Errors
/// Where this toolchain has none.
pub(crate) fn linker() -> Result<PathBuf> {
    let lld = Rustc::ask()?.lld();
    if !lld.is_file() {
        bail!("{} is not there; toolchains of rustup have it: use one", lld.display());
    }
    Ok(lld)
}

// ------------------------------------------------------------------------------------------------------------- rustup

fn rustup_adds_target(cache: &Cache) -> Result<bool> {
    if !debian::installed_program("rustup") || cache.failed_within(RUSTUP_NOTE, RUSTUP_MEMORY) {
        return Ok(false);
    }
    let step = Step::begin(format!("rustup target add {TARGET}"));
    let mut rustup = Command::new("rustup");
    // One process without children, in our group: Ctrl-C ends it too, and killing it leaves nothing behind.
    rustup.args(["target", "add", TARGET]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = rustup.spawn().context("starting `rustup target add`")?;
    match wait_while_receiving(child)? {
        None => {
            step.done();
            Ok(true)
        }
        Some(reason) => {
            drop(step);
            say(format!("rustup target add {TARGET}: {reason}; not tried again for a day"));
            cache.note_failure(RUSTUP_NOTE, &reason)?;
            Ok(false)
        }
    }
}

/// Waits for rustup as long as it receives something; says why it failed, if it did.
fn wait_while_receiving(mut child: Child) -> Result<Option<String>> {
    let begun = Instant::now();
    let mut received = downloaded_bytes();
    let mut last_news = begun;
    loop {
        if let Some(status) = child.try_wait().context("waiting for rustup")? {
            let mut said = String::new();
            if let Some(mut stderr) = child.stderr.take() {
                stderr.read_to_string(&mut said).context("reading what rustup said")?;
            }
            let why = said.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or("no reason given");
            return Ok((!status.success()).then(|| format!("it ended with {status} ({why})")));
        }
        let now = downloaded_bytes();
        if now != received {
            (received, last_news) = (now, Instant::now());
        }
        if last_news.elapsed() > RUSTUP_SILENCE || begun.elapsed() > RUSTUP_LIMIT {
            child.kill().context("ending rustup")?;
            child.wait().context("waiting for rustup")?;
            return Ok(Some(format!("nothing received for {} s", last_news.elapsed().as_secs())));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Bytes in the folders where rustup keeps what it is downloading and unpacking.
fn downloaded_bytes() -> u64 {
    let home = env::var_os("RUSTUP_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".rustup"))).unwrap_or_default();
    ["downloads", "tmp"].iter().map(|folder| bytes_below(&home.join(folder))).sum()
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => bytes_below(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

// ------------------------------------------------------------------------------------------------------------- Debian

/// How the folders of unpacked compilers are called in the cache folder, before their version.
const DEBIAN_PREFIX: &str = "debian-rust-";

fn from_debian(cache: &Cache, workspace: &Workspace) -> Result<Toolchain> {
    let lld = linker()?;
    let least = workspace.rust_version();
    let folder = match newest_unpacked(cache, &least) {
        Some(folder) => folder,
        None => debian::with_lists(cache, |apt| unpack_newest(cache, apt, &least))?,
    };
    let program = folder.join("usr/bin/rustc");
    let libraries = debian::library_path(&folder)?;
    let version = steps::capture(Command::new(&program).arg("--version").env("LD_LIBRARY_PATH", &libraries))
        .with_context(|| {
            format!("trying the compiler in {}; delete that folder to fetch it again", folder.display())
        })?;
    let source = folder.join("usr/lib/rustlib/src/rust/library/std/Cargo.toml");
    if !source.is_file() {
        bail!("{} is not there; delete {} to fetch it again", source.display(), folder.display());
    }
    Ok(Toolchain {
        name: version.trim_end().to_owned(),
        environment: vec![
            ("RUSTC", program.into()),
            ("LD_LIBRARY_PATH", libraries),
            // `-Zbuild-std` by a stable cargo.
            ("RUSTC_BOOTSTRAP", "1".into()),
            ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", lld.into()),
        ],
        arguments: vec!["-Zbuild-std=std,panic_abort"],
    })
}

fn newest_unpacked(cache: &Cache, least: &str) -> Option<PathBuf> {
    let folders = fs::read_dir(cache.path("")).ok()?.flatten();
    let names = folders.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let versions = names.filter_map(|name| Some(name.strip_prefix(DEBIAN_PREFIX)?.to_owned()));
    let mut versions: Vec<_> =
        versions.filter(|version| !version.ends_with(HALF) && new_enough(version, least)).collect();
    versions.sort_by(|one, other| debian::newer_first(one, other));
    versions.first().map(|version| cache.path(format!("{DEBIAN_PREFIX}{version}")))
}

fn unpack_newest(cache: &Cache, apt: &Apt, least: &str) -> Result<PathBuf> {
    let (version, packages) = matching_set(apt, least)?;
    cache.folder(&format!("{DEBIAN_PREFIX}{version}"), |folder| {
        apt.unpack(&packages, folder, &format!("Rust {version} for WebAssembly"))
    })
}

/// The newest version of the compiler of which the library and its source can be had too.
fn matching_set(apt: &Apt, least: &str) -> Result<(String, Vec<Package>)> {
    let mut complaint = anyhow!("the lists of packages have no rustc-web");
    for compiler in apt.versions("rustc-web")? {
        let version = compiler.version.clone();
        if !new_enough(&version, least) {
            return Err(complaint.context(format!("rustc-web {version} is too old: {least} is needed")));
        }
        match roots(apt, compiler).and_then(|roots| apt.with_libraries(roots)) {
            Ok(packages) => return Ok((version, packages)),
            Err(error) => complaint = error,
        }
    }
    Err(complaint)
}

fn new_enough(version: &str, least: &str) -> bool {
    debian::newer_first(version, least).is_le()
}

fn roots(apt: &Apt, compiler: Package) -> Result<Vec<Package>> {
    let version = Some(compiler.version.clone());
    let library = apt.package("libstd-rust-web-dev", version.as_deref())?;
    let source = apt.package("rust-web-src", version.as_deref())?;
    Ok(vec![compiler, library, source])
}
