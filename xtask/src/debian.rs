//! Debian packages without root: downloaded with the machine's own apt sources and unpacked below the cache folder.
//!
//! Nothing is installed, no service starts, no file outside the cache folder changes. apt checks what it downloads against
//! the archive's signed lists. Where the system's lists are missing or out of date, a private copy of them is fetched, since
//! updating the system's would need root.

use std::collections::{BTreeSet, VecDeque};
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cache::Cache;
use crate::steps::{self, Step};

/// Bytes in the megabytes that people read.
const MEGABYTE: f64 = 1e6;

/// Which lists of packages apt reads.
pub(crate) struct Apt {
    options: Vec<OsString>,
}

/// One package in one version, as the lists describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Bytes to download.
    pub(crate) bytes: u64,
    /// What it depends on: the first alternative of each, with the version if one is demanded exactly.
    pub(crate) depends: Vec<(String, Option<String>)>,
}

impl Package {
    /// What it depends on that bears its own name and a number.
    fn versioned(&self) -> Option<&str> {
        let number = |name: &str| {
            let number = name.strip_prefix(self.name.as_str()).and_then(|rest| rest.strip_prefix('-'));
            number.is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
        };
        self.depends.iter().map(|(name, _)| name.as_str()).find(|name| number(name))
    }
}

/// Runs `work` on the system's lists of packages, and if that fails, on freshly fetched private ones.
///
/// # Errors
/// Where this is no Debian, or `work` fails on fresh lists too.
pub(crate) fn with_lists<T>(cache: &Cache, work: impl Fn(&Apt) -> Result<T>) -> Result<T> {
    if !installed_program("apt-get") || !installed_program("dpkg") {
        bail!("this machine has no apt-get and dpkg, so Debian's packages cannot be used");
    }
    if let Ok(done) = work(&Apt::system()) {
        return Ok(done);
    }
    let apt = Apt::private(cache)?;
    let step = Step::begin("fetching a private copy of the lists of packages (apt-get update)");
    // Its exit code says little: one unreachable third-party source fails it, a missing Debian one may not. What counts is
    // whether the packages can be had now.
    let updated = steps::output(apt.command("apt-get").arg("update"))?;
    step.done();
    work(&apt).with_context(|| {
        format!(
            "(apt-get update ended with {}: {})",
            updated.status,
            String::from_utf8_lossy(&updated.stderr).trim_end()
        )
    })
}

/// Whether a program is on the path.
pub(crate) fn installed_program(name: &str) -> bool {
    program(name).is_some()
}

/// Where a program lies, if it is on the path or where Debian keeps servers, which a plain user's path leaves out.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let servers = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(servers).map(|folder| folder.join(name)).find(|file| file.is_file())
}

impl Apt {
    fn system() -> Self {
        // As root apt would hand downloads to the user `_apt`, who may not write to the cache folder of another.
        Self { options: vec!["-oAPT::Sandbox::User=root".into()] }
    }

    fn private(cache: &Cache) -> Result<Self> {
        let mut apt = Self::system();
        for (option, folder) in [("Dir::State::lists", "apt/lists"), ("Dir::Cache", "apt/cache")] {
            let folder = cache.path(folder);
            let partial = folder.join(if option == "Dir::Cache" { "archives/partial" } else { "partial" });
            fs::create_dir_all(&partial).with_context(|| format!("making {}", partial.display()))?;
            let mut argument = OsString::from(format!("-o{option}="));
            argument.push(folder);
            apt.options.push(argument);
        }
        // An unreachable third-party source must not hold up Debian's for minutes.
        apt.options.extend(
            ["-oAcquire::http::Timeout=15", "-oAcquire::https::Timeout=15", "-oAcquire::Retries=0"].map(Into::into),
        );
        Ok(apt)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args(&self.options).env("LC_ALL", "C.UTF-8").env_remove("LD_LIBRARY_PATH");
        command
    }

    /// All versions of a package, newest first.
    ///
    /// # Errors
    /// Where the lists have none.
    pub(crate) fn versions(&self, name: &str) -> Result<Vec<Package>> {
        let said = steps::capture(self.command("apt-cache").args(["show", name]))
            .with_context(|| format!("looking for the Debian package {name}"))?;
        let mut packages: Vec<_> = described(&said).into_iter().filter(|package| package.name == name).collect();
        if packages.is_empty() {
            bail!("the lists of packages have no {name}");
        }
        packages.sort_by(|one, other| newer_first(&one.version, &other.version));
        packages.dedup_by(|one, other| one.version == other.version);
        Ok(packages)
    }

    /// One version of a package, or the newest.
    ///
    /// # Errors
    /// Where the lists do not have it.
    pub(crate) fn package(&self, name: &str, version: Option<&str>) -> Result<Package> {
        let wanted = |package: &Package| version.is_none_or(|version| package.version == version);
        self.versions(name)?
            .into_iter()
            .find(wanted)
            .with_context(|| format!("the lists of packages have no {name} {}", version.unwrap_or_default()))
    }

    /// The packages given and all shared libraries that they need and this machine lacks.
    ///
    /// # Errors
    /// Where the lists do not have one of them.
    pub(crate) fn with_libraries(&self, roots: Vec<Package>) -> Result<Vec<Package>> {
        let installed = installed_packages()?;
        let mut seen: BTreeSet<String> = roots.iter().map(|package| package.name.clone()).collect();
        let mut queue = VecDeque::from(roots);
        let mut found = Vec::new();
        while let Some(package) = queue.pop_front() {
            for (name, version) in &package.depends {
                // Tools, headers and data that packages recommend for general use are not needed to run one program.
                let library = name.starts_with("lib") && !name.ends_with("-dev") && !name.starts_with("libjs-");
                if library && !installed.contains(name) && seen.insert(name.clone()) {
                    queue.push_back(self.package(name, version.as_deref())?);
                }
            }
            found.push(package);
        }
        Ok(found)
    }

    /// Downloads packages and unpacks them all into one folder.
    ///
    /// # Errors
    /// Where one cannot be had or unpacked.
    pub(crate) fn unpack(&self, packages: &[Package], folder: &Path, title: &str) -> Result<()> {
        let bytes: u64 = packages.iter().map(|package| package.bytes).sum();
        #[expect(clippy::cast_precision_loss, reason = "shown with no decimals")]
        let megabytes = bytes as f64 / MEGABYTE;
        let step =
            Step::begin(format!("fetching {title} from Debian ({} packages, {megabytes:.0} MB)", packages.len()));
        let downloads = folder.join(".downloads");
        // A second try on fresh lists finds the first one's leftovers here.
        if downloads.exists() {
            fs::remove_dir_all(&downloads).with_context(|| format!("removing {}", downloads.display()))?;
        }
        fs::create_dir(&downloads).with_context(|| format!("making {}", downloads.display()))?;
        let exact = packages.iter().map(|package| format!("{}={}", package.name, package.version));
        steps::capture(self.command("apt-get").arg("download").args(exact).current_dir(&downloads))?;
        for entry in fs::read_dir(&downloads).with_context(|| format!("listing {}", downloads.display()))? {
            let file = entry.with_context(|| format!("listing {}", downloads.display()))?.path();
            steps::capture(Command::new("dpkg").arg("-x").arg(&file).arg(folder))?;
        }
        fs::remove_dir_all(&downloads).with_context(|| format!("removing {}", downloads.display()))?;
        step.done();
        Ok(())
    }
}

/// The cache folder with the newest version of some packages and the libraries that they need; the first names it.
///
/// # Errors
/// Where they cannot be had.
pub(crate) fn folder(cache: &Cache, names: &[&str]) -> Result<PathBuf> {
    let title = names.first().copied().unwrap_or_default();
    let folder = format!("debian-{title}");
    if cache.path(&folder).is_dir() {
        return Ok(cache.path(&folder));
    }
    with_lists(cache, |apt| {
        let mut roots = Vec::new();
        for name in names {
            let package = apt.package(name, None)?;
            // `postgresql` is empty, and depends on the `postgresql-15` of this release.
            let versioned = package.versioned().map(|name| apt.package(name, None)).transpose()?;
            roots.extend([Some(package), versioned].into_iter().flatten());
        }
        let packages = apt.with_libraries(roots)?;
        cache.folder(&folder, |half| apt.unpack(&packages, half, title))
    })
}

/// The value for `LD_LIBRARY_PATH` that makes an unpacked program find unpacked libraries.
///
/// # Errors
/// Where the folder cannot be read.
pub(crate) fn library_path(unpacked: &Path) -> Result<OsString> {
    let mut folders = Vec::new();
    for place in ["usr/lib", "lib"].map(|place| unpacked.join(place)).iter().filter(|place| place.is_dir()) {
        for entry in fs::read_dir(place).with_context(|| format!("listing {}", place.display()))? {
            let entry = entry.with_context(|| format!("listing {}", place.display()))?;
            // One folder per architecture: `x86_64-linux-gnu`.
            if entry.file_name().to_string_lossy().contains("-linux-") {
                folders.push(entry.path());
            }
        }
    }
    env::join_paths(folders)
        .context("naming the folders of unpacked libraries: the cache folder's path may hold no colon")
}

/// Compares versions as dpkg does, the newer first.
pub(crate) fn newer_first(one: &str, other: &str) -> std::cmp::Ordering {
    let newer = Command::new("dpkg").args(["--compare-versions", one, "gt", other]).status();
    if one == other {
        std::cmp::Ordering::Equal
    } else if newer.is_ok_and(|status| status.success()) {
        std::cmp::Ordering::Less
    } else {
        std::cmp::Ordering::Greater
    }
}

fn installed_packages() -> Result<BTreeSet<String>> {
    let said = steps::capture(Command::new("dpkg-query").args(["-W", "-f", "${Package} ${db:Status-Status}\\n"]))?;
    Ok(said.lines().filter_map(|line| line.strip_suffix(" installed")).map(str::to_owned).collect())
}

/// Reads what `apt-cache show` printed.
fn described(said: &str) -> Vec<Package> {
    said.split("\n\n")
        .filter_map(|stanza| {
            let field = |name: &str| {
                stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
            };
            let depends = [field("Pre-Depends"), field("Depends")].join(", ");
            Some(Package {
                name: Some(field("Package")).filter(|name| !name.is_empty())?.to_owned(),
                version: field("Version").to_owned(),
                bytes: field("Size").parse().unwrap_or_default(),
                depends: depends.split(", ").filter_map(dependency).collect(),
            })
        })
        .collect()
}

/// Reads `libllvm22 (= 1:22.1) | other`.
fn dependency(text: &str) -> Option<(String, Option<String>)> {
    let first = text.split('|').next()?.trim();
    let (name, demand) = first.split_once(' ').unwrap_or((first, ""));
    let name = name.split(':').next().filter(|name| !name.is_empty())?;
    let version = demand.strip_prefix("(= ").and_then(|rest| rest.strip_suffix(')'));
    Some((name.to_owned(), version.map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_description() {
        let said = "Package: lld-19\nVersion: 1:19.1.7\nDepends: libc6 (>= 2.34), libllvm19 (= 1:19.1.7), a:any | b\nSize: 42\n\nPackage: other\nVersion: 2\n";
        let packages = described(said);
        assert_eq!(packages.len(), 2);
        assert_eq!((packages[0].name.as_str(), packages[0].bytes), ("lld-19", 42));
        let depends = [("libc6", None), ("libllvm19", Some("1:19.1.7")), ("a", None)];
        assert_eq!(packages[0].depends, depends.map(|(name, version)| (name.to_owned(), version.map(str::to_owned))));
        assert_eq!(packages[1].depends, []);
        assert_eq!((packages[0].versioned(), packages[1].versioned()), (None, None));
    }

    #[test]
    fn knows_what_an_empty_package_stands_for() {
        let said = "Package: postgresql\nDepends: postgresql-common, postgresql-15\n";
        assert_eq!(described(said)[0].versioned(), Some("postgresql-15"));
    }
}
