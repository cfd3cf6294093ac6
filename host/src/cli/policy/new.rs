//! `trimtab policy new`: a project with a policy that builds, a test that passes, and a README.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::cli::{Exit, Fail, print};

const NAME_BYTES_MAX: usize = 63;

/// The files of the Rust template: where they go, and what is in them before names are put in.
const RUST: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../../../../sdk/rust/template/Cargo.toml.tmpl")),
    (".cargo/config.toml", include_str!("../../../../sdk/rust/template/.cargo/config.toml.tmpl")),
    (".gitignore", include_str!("../../../../sdk/rust/template/.gitignore.tmpl")),
    ("README.md", include_str!("../../../../sdk/rust/template/README.md.tmpl")),
    ("src/lib.rs", include_str!("../../../../sdk/rust/template/src/lib.rs.tmpl")),
    ("src/tests.rs", include_str!("../../../../sdk/rust/template/src/tests.rs.tmpl")),
];

/// The SDK of the checkout that this binary was built in; used while that is still there.
const SDK_OF_CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../sdk/rust");

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
    /// The folder of trimtab-sdk; by default that of the checkout this binary was built in, else the published crate.
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
}

/// Languages that there is a template for.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Language {
    Rust,
}

pub(in crate::cli) fn run(args: &NewArgs) -> Result<Exit> {
    let Language::Rust = args.lang;
    if !is_name(&args.name) {
        let text =
            format!("{:?} is not a policy's name: use lower-case letters, digits and \"-\", a letter first", args.name);
        return Err(Fail::usage(text));
    }
    let dir = args.dir.clone().unwrap_or_else(|| PathBuf::from(&args.name));
    if dir.read_dir().is_ok_and(|mut entries| entries.next().is_some()) || dir.is_file() {
        let text = format!("{} is there already and not empty: choose another --dir", dir.display());
        return Err(Fail::usage(text));
    }
    let sdk = dependency(args.sdk.as_deref())?;
    for (file, template) in RUST {
        let text = template
            .replace("{{name}}", &args.name)
            .replace("{{file}}", &args.name.replace('-', "_"))
            .replace("{{sdk}}", &sdk);
        write(&dir.join(file), &text)?;
    }
    let dir = dir.display();
    print(&format!(
        "{dir} holds a policy that builds. Next:\n  cd {dir}\n  cargo test               # plays it through a few moments\n  trimtab policy build     # makes the Wasm file\n  trimtab policy push      # to a running host; it runs nowhere until it is activated\n"
    ))?;
    Ok(Exit::Fine)
}

fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// The line of Cargo.toml that names the SDK.
fn dependency(sdk: Option<&Path>) -> Result<String> {
    let found = match sdk {
        Some(folder) if folder.join("Cargo.toml").is_file() => Some(folder),
        Some(folder) => return Err(Fail::not_found(format!("{} does not hold trimtab-sdk", folder.display()))),
        None => Some(Path::new(SDK_OF_CHECKOUT)).filter(|folder| folder.join("Cargo.toml").is_file()),
    };
    Ok(match found {
        Some(folder) => {
            let folder = folder.canonicalize().with_context(|| format!("looking at {}", folder.display()))?;
            // A TOML string escapes as JSON does.
            format!("trimtab-sdk = {{ path = {} }}", serde_json::Value::from(folder.to_string_lossy()))
        }
        None => "trimtab-sdk = \"0.1\"".to_owned(),
    })
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
