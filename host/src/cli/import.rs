//! `trimtab import`: other systems' autoscaling, as bindings.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use super::{Exit, Fail, clean, print, terminal};
use crate::import::{Choices, FILE_BYTES_MAX, Import, Input, Outcome, System, import};

/// How standard input is named.
const STANDARD_INPUT: &str = "-";

#[derive(Debug, Args)]
#[command(after_help = "Exit codes:
  0  every document became a binding; what did not come along is told on standard error
  1  a file cannot be read
  2  a file or a document cannot be imported; or, with --strict, something was not carried over")]
pub(super) struct ImportArgs {
    /// The system that wrote the files.
    #[arg(value_name = "SYSTEM")]
    system: System,
    /// Files to read; `-` is standard input. Each may hold several documents.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Have policies decide as the old system did, where that is less safe.
    #[arg(long)]
    compat: bool,
    /// End with 2 where something was not carried over.
    #[arg(long)]
    strict: bool,
    /// The driver that `select` names, in place of the system's usual name.
    #[arg(long, value_name = "NAME", value_parser = room_name)]
    driver: Option<String>,
    /// The source of readings that PromQL asks for, in place of `prometheus`.
    #[arg(long, value_name = "NAME", value_parser = room_name)]
    source: Option<String>,
    /// Tell only what needs a look: neither what was carried over nor what says nothing about scaling.
    #[arg(long)]
    quiet: bool,
    /// Answer in JSON: `bindings` and `notes`.
    #[arg(long)]
    json: bool,
}

impl ValueEnum for System {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.word()).help(self.wants()))
    }
}

fn room_name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !text.is_empty() && text.len() <= 63 && text.chars().all(fits) {
        return Ok(text.to_owned());
    }
    Err("write letters, digits, `-` and `_`, at most 63".to_owned())
}

pub(super) fn run(args: &ImportArgs) -> Result<Exit> {
    let inputs = args.files.iter().map(|file| read(file)).collect::<Result<Vec<_>>>()?;
    let mut choices = Choices { compat: args.compat, ..Choices::of(args.system) };
    choices.driver = args.driver.clone().unwrap_or(choices.driver);
    choices.source = args.source.clone().unwrap_or(choices.source);
    let found = import(args.system, &inputs, &choices).map_err(|error| Fail::usage(error.to_string()))?;
    if args.json {
        print(&terminal::json(&as_json(&found)))?;
    } else {
        if !found.bindings.is_empty() {
            print(&clean(&found.toml()))?;
        }
        tell(&found, args.quiet);
    }
    let is_short = found.is_partial() || (args.strict && found.is_lossy());
    Ok(if is_short { Exit::Usage } else { Exit::Fine })
}

/// A file's text, or standard input's. Reading ends where no file of this kind goes on.
fn read(path: &Path) -> Result<Input> {
    let file = path.display().to_string();
    let most = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let taken = if path == Path::new(STANDARD_INPUT) {
        std::io::stdin().lock().take(most.saturating_add(1)).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|open| open.take(most.saturating_add(1)).read_to_end(&mut bytes))
    };
    taken.map_err(|error| anyhow::anyhow!("{file} cannot be read: {error}"))?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(Fail::usage(format!("{file}: is more than {FILE_BYTES_MAX} bytes; split it")));
    }
    let text = String::from_utf8(bytes).map_err(|_| Fail::usage(format!("{file}: is not UTF-8 text")))?;
    Ok(Input { file, text })
}

fn as_json(found: &Import) -> serde_json::Value {
    let bindings: Vec<_> =
        found.bindings.iter().map(|one| serde_json::json!({ "name": one.name, "toml": one.toml })).collect();
    serde_json::json!({ "bindings": bindings, "toml": found.toml(), "notes": found.notes })
}

/// The notes, and how many there are of each kind.
fn tell(found: &Import, quiet: bool) {
    let is_told = |outcome| !quiet || !matches!(outcome, Outcome::Carried | Outcome::Aside);
    for note in found.notes.iter().filter(|note| is_told(note.outcome)) {
        eprintln!("{}", clean(&note.to_string()));
    }
    let kinds = [Outcome::Carried, Outcome::Changed, Outcome::Lost, Outcome::Aside, Outcome::Refused];
    let counts: Vec<String> = kinds
        .into_iter()
        .map(|kind| (kind, found.notes.iter().filter(|note| note.outcome == kind).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    let bindings = found.bindings.len();
    eprintln!("{bindings} binding{}: {}", if bindings == 1 { "" } else { "s" }, counts.join(", "));
}
