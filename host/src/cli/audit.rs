//! `trimtab audit`: what was done, as a table that other programs take in.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use clap::{ArgGroup, Args};
use reqwest::Method;
use serde_json::Value;

use super::facts::{Facts, OfflineArgs};
use super::fields::{at, text};
use super::moment::Moment;
use super::records::{Records, target_id};
use super::remote::{Remote, encoded, filtered};
use super::{Columns, Exit, Global, decision, print, terminal};
use crate::audit::{Ledger, LedgerRow, recently};
use crate::snapshot::TargetId;

/// Columns of the table; the first eight are the history table of policy-based autoscalers.
const COLUMNS: [&str; 10] =
    ["host", "container", "policy", "metric", "value", "status", "service", "time", "decision", "reason"];
/// Entries that are read at once.
const CHUNK: usize = 250;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("form").args(["csv", "json"]), after_help = "Examples:
  trimtab audit                                  what was done, newest first
  trimtab audit --csv --since 30d > changes.csv  for a spreadsheet
  trimtab audit --json --target docker/web       for a program")]
pub(super) struct AuditArgs {
    /// Of this target: driver/name.
    #[arg(long)]
    target: Option<String>,
    /// From this time on: 2026-01-01T12:00:00Z, or 1h for so long ago.
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Before this time.
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// Of the newest so many decisions.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Comma-separated, with a line of headings.
    #[arg(long)]
    csv: bool,
    /// A list in JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    offline: OfflineArgs,
}

pub(super) fn run(global: &Global, args: &AuditArgs) -> Result<Exit> {
    let target = args.target.as_deref().map(target_id).transpose()?;
    let (rows, banner) = match Facts::open(global, &args.offline)? {
        Facts::Live(remote) => (live(&remote, args)?, remote.banner()?),
        Facts::Kept(records) => (kept(*records, target.as_ref(), args)?, String::new()),
    };
    let table = if args.csv {
        csv_of(&rows)?
    } else if args.json {
        terminal::json(&serde_json::to_value(&rows)?)
    } else {
        banner + &table(&rows)
    };
    print(&table)?;
    Ok(Exit::Fine)
}

/// What the host tells: a list of decisions, and each of them whole.
fn live(remote: &Remote, args: &AuditArgs) -> Result<Vec<LedgerRow>> {
    let filters = [
        ("kind", Some("acted".to_owned())),
        ("target", args.target.clone()),
        ("from_ms", args.since.map(|since| since.ms().to_string())),
        ("to_ms", args.until.map(|until| until.ms().to_string())),
    ];
    let decisions = remote.rows(&filtered("/v1/decisions", &filters), args.limit_rows())?;
    let mut books = Ledger::default();
    for target in decisions.iter().map(|listed| text(listed, "target")).collect::<BTreeSet<_>>() {
        if let Ok(target) = target.parse() {
            enter_nodes(remote, &target, &mut books)?;
        }
    }
    for listed in &decisions {
        let shown = remote.get(&format!("/v1/decisions/{}", encoded(text(listed, "id"))))?;
        books.enter(&turn(&shown)?);
    }
    Ok(books.into_rows())
}

/// Where the instances of a target run now; a target that is gone has none.
fn enter_nodes(remote: &Remote, target: &TargetId, books: &mut Ledger) -> Result<()> {
    let path = format!("/v1/targets/{}/{}", encoded(target.driver()), encoded(target.name()));
    let answer = remote.send(remote.request(Method::GET, &path))?;
    if answer.is_missing() {
        return Ok(());
    }
    let shown = answer.good()?.value;
    for instance in shown.get("instances").and_then(Value::as_array).into_iter().flatten() {
        if let Some(node) = instance.get("node").and_then(Value::as_str) {
            books.runs_on(target, text(instance, "id"), node);
        }
    }
    Ok(())
}

fn turn(shown: &Value) -> Result<crate::audit::Turn> {
    decision::turn(shown).context("reading the record: is the host of another version than this program?")
}

/// What the data directory has kept.
fn kept(records: Records, target: Option<&TargetId>, args: &AuditArgs) -> Result<Vec<LedgerRow>> {
    let (store, runtime) = records.into_parts();
    let span = args.since.map_or(0, Moment::ms)..args.until.map_or(u64::MAX, Moment::ms);
    let (mut books, mut decisions, mut before) = (Ledger::default(), 0, None);
    loop {
        let found = runtime.block_on(recently(&store, target, before, CHUNK)).context("reading the records")?;
        for (_, turn) in found.turns.iter().filter(|(_, turn)| turn.record.acts()) {
            if span.contains(&turn.record.at_ms) && decisions < args.limit_rows() {
                decisions += 1;
                books.enter(turn);
            }
        }
        // The host's time never runs backwards: what was written before is older.
        let is_past = found.turns.last().is_some_and(|(_, turn)| turn.record.at_ms < span.start);
        before = found.reached.filter(|_| !is_past && decisions < args.limit_rows());
        if before.is_none() {
            return Ok(books.into_rows());
        }
    }
}

impl AuditArgs {
    fn limit_rows(&self) -> usize {
        usize::try_from(self.limit).unwrap_or(usize::MAX)
    }
}

/// The cells of a row, in the order of [`COLUMNS`]; a value that is not known is empty.
fn cells(row: &LedgerRow) -> [String; 10] {
    [
        row.host.clone(),
        row.container.clone(),
        row.policy.clone(),
        row.metric.clone(),
        row.value.map_or_else(String::new, |value| value.to_string()),
        row.status.clone(),
        row.service.clone(),
        at(row.time_ms),
        row.decision.clone(),
        row.reason.clone(),
    ]
}

fn csv_of(rows: &[LedgerRow]) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for row in rows {
        let mut cells = cells(row);
        // All but the value, which is our own number and may be negative.
        cells.iter_mut().enumerate().filter(|(at, _)| *at != 4).for_each(|(_, cell)| *cell = harmless(cell));
        writer.write_record(cells)?;
    }
    let bytes = writer.into_inner().context("writing the table")?;
    String::from_utf8(bytes).context("writing the table")
}

/// A text that no spreadsheet takes for a formula, and no terminal for a command: policies and backends said it.
fn harmless(text: &str) -> String {
    let clean = terminal::clean(text).replace('\n', " ");
    if clean.starts_with(['=', '+', '-', '@']) { format!("'{clean}") } else { clean }
}

fn table(rows: &[LedgerRow]) -> String {
    let mut columns = Columns::new(&["HOST", "CONTAINER", "POLICY", "METRIC", "VALUE", "STATUS", "SERVICE", "TIME"]);
    for row in rows {
        let shown = cells(row).into_iter().take(8).map(|cell| if cell.is_empty() { "–".to_owned() } else { cell });
        columns.row(shown);
    }
    columns.text(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> LedgerRow {
        LedgerRow {
            host: "node-1".to_owned(),
            container: "web-4".to_owned(),
            policy: "target-tracking 0.1.0".to_owned(),
            metric: "rps".to_owned(),
            value: Some(-0.5),
            status: "running".to_owned(),
            service: "web".to_owned(),
            time_ms: 1_795_309_200_000,
            target: "docker/web".to_owned(),
            decision: "1795309200000-0-1".to_owned(),
            reason: "rps, \"high\"".to_owned(),
        }
    }

    #[test]
    fn the_table_reads_back_and_nothing_in_it_is_a_formula() {
        let hostile = LedgerRow { reason: "=cmd()\n\u{1b}[2J".to_owned(), value: None, ..row() };
        let text = csv_of(&[row(), hostile]).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap(), &COLUMNS[..]);
        let read: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let wanted =
            ["node-1", "web-4", "target-tracking 0.1.0", "rps", "-0.5", "running", "web", "2026-11-22T01:00:00Z"];
        assert_eq!(read[0].iter().take(8).collect::<Vec<_>>(), wanted);
        assert_eq!(&read[0][9], "rps, \"high\"");
        assert_eq!((&read[1][4], &read[1][9]), ("", "'=cmd() \\u{1b}[2J"));
    }
}
