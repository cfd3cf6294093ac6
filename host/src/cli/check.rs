//! `trimtab check`: everything that is wrong, without starting anything.

use anyhow::Result;
use clap::Args;

use super::{Exit, Global, certificates, clean, print};
use crate::config::{Complaints, Config};
use crate::supervisor::{self, HostError};

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &CheckArgs) -> Result<Exit> {
    let checked = match global.load() {
        Ok(mut config) => {
            let files = certificates::check(&config).map(|doubts| config.warnings.extend(doubts)).err();
            within(&config, files)?.map_or(Ok(config), Err)
        }
        Err(complaints) => Err(complaints),
    };
    if args.json {
        print(&format!("{:#}\n", as_json(global, &checked)))?;
        return Ok(if checked.is_ok() { Exit::Fine } else { Exit::Usage });
    }
    let config = checked?;
    for warning in &config.warnings {
        eprintln!("{}", clean(&format!("warning: {}", warning.line_of(&config.file.display().to_string()))));
    }
    print(&clean(&summary(&config)))?;
    Ok(Exit::Fine)
}

/// What is wrong between the rooms: policies that do not load, parameters that they do not take, readings that are missing.
fn within(config: &Config, files: Option<Complaints>) -> Result<Option<Complaints>> {
    match super::run::runtime()?.block_on(supervisor::check(config)) {
        Ok(()) => Ok(files),
        Err(HostError::Bindings(mut found)) => {
            found.complaints.extend(files.into_iter().flat_map(|files| files.complaints));
            Ok(Some(found))
        }
        Err(HostError::Source { name, what }) => Err(super::Fail::usage(format!("source {name}: {what}"))),
        Err(error) => Err(error.into()),
    }
}

fn as_json(global: &Global, checked: &Result<Config, Complaints>) -> serde_json::Value {
    let file = global.config_path().display().to_string();
    match checked {
        Ok(config) => serde_json::json!({
            "file": file, "ok": true, "digest": config.digest, "complaints": [], "warnings": config.warnings,
        }),
        Err(complaints) => serde_json::json!({
            "file": file, "ok": false, "complaints": complaints.complaints, "warnings": [],
        }),
    }
}

fn summary(config: &Config) -> String {
    let count = |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
    format!(
        "{} is sound: {}, {}, {}, {}\n",
        config.file.display(),
        count(config.bindings.len(), "binding"),
        count(config.drivers.len(), "driver"),
        count(config.sources.len(), "source"),
        count(config.registrars.len(), "registrar"),
    )
}
