//! `cargo xtask test`: everything that tests need, then `cargo test`, then what was skipped and why.
//!
//! What tests find in their environment:
//!
//! | variable | is |
//! |---|---|
//! | `TRIMTAB_TEST_LANGUAGES` | the folder with the example policy in the languages of `sdk/`, and its `index.json` |
//! | `TRIMTAB_TEST_PROMETHEUS`, `TRIMTAB_TEST_HAPROXY` and the others of `servers.rs` | a program that the test may start; not set if it cannot be had |
//! | `TRIMTAB_TEST_SCHEMATHESIS` | the fuzzer that makes up calls from the OpenAPI document; not set if it cannot be had |
//! | `TRIMTAB_TEST_QUICKJS` | the script of componentize-qjs, with `--all` |
//! | `TRIMTAB_SKIPPED_LOG` | the file to which a test that skips itself appends the line `SKIPPED <name>: <reason>` |
//! | `TRIMTAB_HOSTILE_TABLE` | the file to which stories of hostile guests append their rows, printed at the end |
//! | `TRIMTAB_LONG` | `1` if tests that have a long form are to run that |
//! | `TRIMTAB_SOAK` | how much of the soak is run, as `EVALUATIONS,UPLOADS`: see `soak.rs` |
//!
//! A test that has a long form carries `long_` in its name.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::steps::say;
use crate::workspace::Workspace;
use crate::{fuzzer, hostile, languages, lint, policies, proxies, servers};

/// What the names of tests that have a long form contain.
const LONG: &str = "long_";
/// How many tests the test harness runs at once.
const THREADS: &str = "RUST_TEST_THREADS";

/// What `cargo xtask test` takes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Also lint, and run tests that have a long form in that form: many minutes
    #[arg(long)]
    all: bool,
    /// With --all: leave out what `cargo xtask test` has run already
    #[arg(long, requires = "all")]
    only_long: bool,
    /// Arguments for `cargo test`, after `--`: `-- --test it`, or `-- -- name_of_a_test`
    #[arg(last = true)]
    cargo: Vec<String>,
}

/// Sets up, runs, sums up.
///
/// # Errors
/// Where a test fails; with `CI=true` also where one was skipped.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    policies::build(workspace)?;
    let languages = languages::build(workspace, arguments.all)?;
    let mut servers = servers::find();
    proxies::find(&mut servers);
    match fuzzer::find(workspace) {
        Ok(program) => servers.variables.extend(program.map(|program| (fuzzer::VARIABLE, program.into()))),
        Err(error) => servers.missing.push(("schemathesis", error)),
    }
    let mut skipped = Vec::new();
    for (name, error) in languages.missing.iter().chain(&servers.missing) {
        say(format!("{name}: {error:#}"));
        // Named at the end as well, even where no test asks for it: what could not be had was not tried.
        let reason = format!("{error:#}");
        skipped.push(format!("{name} ({})", reason.lines().next().unwrap_or_default()));
    }

    let log = workspace.target.join("skipped.log");
    fs::write(&log, "").with_context(|| format!("emptying {}", log.display()))?;
    let hostile_table = workspace.target.join("hostile.tsv");
    fs::write(&hostile_table, "").with_context(|| format!("emptying {}", hostile_table.display()))?;
    let mut cargo = workspace.cargo();
    // All failures at once: a run takes minutes.
    cargo.args(["test", "--workspace", "--no-fail-fast"]);
    cargo.env("TRIMTAB_TEST_LANGUAGES", &languages.folder).env("TRIMTAB_SKIPPED_LOG", &log);
    cargo.env(hostile::VARIABLE, &hostile_table).envs(servers.variables);
    // Stories wait for servers more than they compute.
    if env::var_os(THREADS).is_none() {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        cargo.env(THREADS, (2 * cores).to_string());
    }
    if arguments.all {
        cargo.env("TRIMTAB_LONG", "1");
        cargo.env("TRIMTAB_TEST_QUICKJS", languages::componentize_qjs(workspace));
    }
    if arguments.only_long {
        cargo.args(["--lib", "--bins", "--tests"]);
    }
    cargo.args(&arguments.cargo);
    if arguments.only_long {
        if !arguments.cargo.iter().any(|argument| argument == "--") {
            cargo.arg("--");
        }
        cargo.arg(LONG);
    }
    let (counts, passed) = watch(&mut cargo)?;
    skipped.extend(read_skipped(&log)?);
    hostile::print(&hostile_table)?;

    if arguments.all {
        lint::run(workspace)?;
    }
    if arguments.only_long && counts == Counts::default() {
        // Not "0 passed": the run before this one was not empty, and a reader of closing lines would take it for so.
        say(format!("no test has a long form, that is, `{LONG}` in its name"));
    } else {
        println!("\n{} passed, {} failed, {} skipped", counts.passed, counts.failed, skipped.len() + counts.ignored);
    }
    println!("skipped: {}", if skipped.is_empty() { "none".to_owned() } else { skipped.join("; ") });
    if !passed {
        bail!("tests failed; see above");
    }
    if !skipped.is_empty() && env::var("CI").is_ok_and(|ci| ci == "true") {
        bail!("tests were skipped, which CI=true forbids; see above");
    }
    Ok(())
}

/// What the runs of one `cargo test` add up to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: usize,
    failed: usize,
    ignored: usize,
}

impl Counts {
    /// Adds `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; …`.
    fn add(&mut self, line: &str) {
        let Some((_, figures)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for figure in figures.split(';') {
            let mut words = figure.split_whitespace();
            let number = words.next().and_then(|word| word.parse().ok()).unwrap_or(0_usize);
            match words.next() {
                Some("passed") => self.passed += number,
                Some("failed") => self.failed += number,
                Some("ignored") => self.ignored += number,
                _ => {}
            }
        }
    }
}

/// Runs the tests, passes on what they print, and counts.
fn watch(cargo: &mut Command) -> Result<(Counts, bool)> {
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("starting cargo test")?;
    let printed = child.stdout.take().context("reading what cargo test prints")?;
    let mut counts = Counts::default();
    let mut out = std::io::stdout().lock();
    for line in BufReader::new(printed).split(b'\n') {
        let line = line.context("reading what cargo test prints")?;
        counts.add(&String::from_utf8_lossy(&line));
        out.write_all(&line).and_then(|()| out.write_all(b"\n")).context("printing")?;
    }
    let status = child.wait().context("waiting for cargo test")?;
    Ok((counts, status.success()))
}

/// What tests wrote about being skipped, each once: `name (reason)`.
fn read_skipped(log: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(log).with_context(|| format!("reading {}", log.display()))?;
    Ok(listed(&text))
}

fn listed(text: &str) -> Vec<String> {
    let lines: BTreeSet<&str> = text.lines().filter_map(|line| line.strip_prefix("SKIPPED ")).collect();
    lines
        .into_iter()
        .map(|line| match line.split_once(": ") {
            Some((name, reason)) => format!("{name} ({reason})"),
            None => line.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up_what_the_runner_says() {
        let mut counts = Counts::default();
        counts.add("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s");
        counts.add("test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.2s");
        counts.add("test some::test ... ok");
        assert_eq!(counts, Counts { passed: 13, failed: 2, ignored: 1 });
    }

    #[test]
    fn lists_each_skipped_test_once() {
        let text = "SKIPPED b: no haproxy\nnoise\nSKIPPED a: no cgroups: read-only\nSKIPPED b: no haproxy\n";
        assert_eq!(listed(text), ["a (no cgroups: read-only)", "b (no haproxy)"]);
    }
}
