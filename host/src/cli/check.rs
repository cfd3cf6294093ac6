//! `trimtab check`: everything that is wrong, without starting anything.

use anyhow::Result;
use clap::Args;

use super::{Exit, Global, certificates, clean, print};
use crate::config::{Complaints, Config};
use crate::supervisor::{self, HostError, TableChecked};

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Read the tables of `[bindings_from.NAME]`, too, and judge their rows.
    #[arg(long)]
    connect: bool,
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
    let tables = match &checked {
        Ok(config) if args.connect => super::run::runtime()?.block_on(supervisor::check_tables(config))?,
        _ => Vec::new(),
    };
    let exit = exit_of(&tables);
    if args.json {
        let mut told = as_json(global, &checked);
        if args.connect {
            let tables: serde_json::Value = tables.iter().map(table_json).collect();
            told.as_object_mut().map(|told| told.insert("tables".to_owned(), tables));
        }
        print(&format!("{told:#}\n"))?;
        return Ok(if checked.is_ok() { exit } else { Exit::Usage });
    }
    let config = checked?;
    for warning in &config.warnings {
        eprintln!("{}", clean(&format!("warning: {}", warning.line_of(&config.file.display().to_string()))));
    }
    print(&clean(&(summary(&config) + &tables.iter().map(table_text).collect::<String>())))?;
    Ok(exit)
}

/// A table that cannot be read is no mistake of the file's; a row that is refused is one of whoever wrote it.
fn exit_of(tables: &[TableChecked]) -> Exit {
    if tables.iter().any(|table| !table.refused.is_empty()) {
        Exit::Usage
    } else if tables.iter().any(|table| table.sound.is_err()) {
        Exit::Trouble
    } else {
        Exit::Fine
    }
}

fn table_text(table: &TableChecked) -> String {
    let name = &table.name;
    let mut text = match &table.sound {
        Ok(sound) => format!("table {name} was read: {} sound, {} refused\n", sound.len(), table.refused.len()),
        Err(why) => format!("table {name} cannot be read: {why}\n"),
    };
    for (row, why) in &table.refused {
        for line in why.to_string().lines() {
            text.push_str(&format!("  {row}: {line}\n"));
        }
    }
    text
}

fn table_json(table: &TableChecked) -> serde_json::Value {
    let refused = table.refused.iter().map(|(row, why)| {
        let lines: Vec<_> = why.to_string().lines().map(str::to_owned).collect();
        serde_json::json!({ "name": row, "reason": why.word(), "why": lines })
    });
    serde_json::json!({
        "name": table.name,
        "problem": table.sound.as_ref().err(),
        "sound": table.sound.as_deref().unwrap_or_default(),
        "refused": refused.collect::<Vec<_>>(),
    })
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
    let tables = match config.tables.len() {
        0 => String::new(),
        1 => ", 1 table of bindings".to_owned(),
        number => format!(", {number} tables of bindings"),
    };
    format!(
        "{} is sound: {}, {}, {}, {}{tables}\n",
        config.file.display(),
        count(config.bindings.len(), "binding"),
        count(config.drivers.len(), "driver"),
        count(config.sources.len(), "source"),
        count(config.registrars.len(), "registrar"),
    )
}
