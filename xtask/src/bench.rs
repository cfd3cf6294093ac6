//! `cargo xtask bench`: the benchmarks of the host, and a table of what they measured.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::workspace::Workspace;
use crate::{languages, policies, steps};

/// The benchmark that needs the examples of all languages.
const LANGUAGES: &str = "languages";
/// The crate that has benchmarks.
const PACKAGE: &str = "trimtab";

/// What `cargo xtask bench` takes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run only this benchmark: a file of host/benches. May be given many times
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Arguments for the benchmarks, after `--`: a part of a name, `--save-baseline main` …
    #[arg(last = true)]
    bench: Vec<String>,
}

/// Builds the policies, runs the benchmarks, prints the table.
///
/// # Errors
/// Where there are none, or one fails.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let package = workspace.packages.iter().find(|package| package.name == PACKAGE);
    let targets = package.map(|package| package.targets.as_slice()).unwrap_or_default();
    let benches: Vec<&str> = targets
        .iter()
        .filter(|target| target.kind.iter().any(|kind| kind == "bench"))
        .map(|target| target.name.as_str())
        .collect();
    let benches = chosen(benches, &arguments.only)?;
    if benches.is_empty() {
        bail!("the package {PACKAGE} has no benchmark; they belong in host/benches");
    }
    policies::build(workspace)?;
    let mut cargo = workspace.cargo();
    if benches.contains(&LANGUAGES) {
        let built = languages::build(workspace, true)?;
        for (name, error) in &built.missing {
            steps::say(format!("{name} is not measured: {error:#}"));
        }
        cargo.env("TRIMTAB_TEST_LANGUAGES", &built.folder);
    }
    let begun = SystemTime::now();
    let figures = workspace.target.join("bench-figures.tsv");
    fs::write(&figures, "").with_context(|| format!("emptying {}", figures.display()))?;
    cargo.env("TRIMTAB_BENCH_FIGURES", &figures);
    cargo.args(["bench", "--package", PACKAGE]);
    // By name: the library's unit tests would count as a benchmark too, and trip over criterion's arguments.
    for bench in benches {
        cargo.args(["--bench", bench]);
    }
    steps::run(cargo.arg("--").args(&arguments.bench))?;
    print_table(&workspace.target.join("criterion"), begun)?;
    let told = fs::read_to_string(&figures).with_context(|| format!("reading {}", figures.display()))?;
    print!("{}", table(&told));
    Ok(())
}

/// Those that were asked for, or all.
fn chosen<'a>(benches: Vec<&'a str>, only: &[String]) -> Result<Vec<&'a str>> {
    if let Some(unknown) = only.iter().find(|name| !benches.contains(&name.as_str())) {
        bail!("there is no benchmark {unknown}; there are {}", benches.join(", "));
    }
    Ok(benches.into_iter().filter(|bench| only.is_empty() || only.iter().any(|name| name == bench)).collect())
}

/// The lines that benchmarks told, each `what <tab> figure <tab> remark`, as columns.
fn table(told: &str) -> String {
    let rows: Vec<(&str, &str, &str)> = told
        .lines()
        .filter_map(|line| {
            let (what, rest) = line.split_once('\t')?;
            let (figure, remark) = rest.split_once('\t')?;
            Some((what, figure, remark))
        })
        .collect();
    let width = rows.iter().map(|(what, ..)| what.chars().count()).max().unwrap_or_default();
    let mut text = String::from("\n");
    for (what, figure, remark) in rows {
        let line = format!("{what:width$}  {figure:>12}  {remark}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Criterion's `benchmark.json`.
#[derive(Deserialize)]
struct Benchmark {
    title: String,
}

/// Criterion's `estimates.json`, in nanoseconds.
#[derive(Deserialize)]
struct Estimates {
    mean: Estimate,
    median: Estimate,
}

/// One of them.
#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
}

fn print_table(folder: &Path, begun: SystemTime) -> Result<()> {
    let mut rows = Vec::new();
    collect(folder, begun, &mut rows)?;
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    let width = rows.iter().map(|(title, _)| title.chars().count()).max().unwrap_or_default();
    println!("\n{:width$}  {:>12}  {:>12}", "benchmark", "median", "mean");
    for (title, estimates) in rows {
        let [median, mean] = [&estimates.median, &estimates.mean].map(|estimate| time(estimate.point_estimate));
        println!("{title:width$}  {median:>12}  {mean:>12}");
    }
    Ok(())
}

/// Finds the results written since `begun`: each benchmark has a folder, and the newest result is in its `new`.
fn collect(folder: &Path, begun: SystemTime, rows: &mut Vec<(String, Estimates)>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    let list = || format!("listing {}", folder.display());
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>).with_context(list)?;
    for path in entries.iter().map(fs::DirEntry::path).filter(|path| path.is_dir()) {
        let estimates = path.join("estimates.json");
        let written = fs::metadata(&estimates).and_then(|meta| meta.modified());
        if path.file_name().is_some_and(|name| name == "new") && written.is_ok_and(|at| at >= begun) {
            let benchmark: Benchmark = read(&path.join("benchmark.json"))?;
            rows.push((benchmark.title, read(&estimates)?));
        }
        collect(&path, begun, rows)?;
    }
    Ok(())
}

fn read<T: for<'de> Deserialize<'de>>(path: &PathBuf) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))
}

/// Nanoseconds as a person reads them.
fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        ns if ns < 1e3 => format!("{ns:.1} ns"),
        ns if ns < 1e6 => format!("{:.2} µs", ns / 1e3),
        ns if ns < 1e9 => format!("{:.2} ms", ns / 1e6),
        ns => format!("{:.2} s", ns / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_times_in_their_unit() {
        assert_eq!([12.34, 9_876.0, 1.5e6, 2e9].map(time), ["12.3 ns", "9.88 µs", "1.50 ms", "2.00 s"]);
    }

    #[test]
    fn a_benchmark_is_chosen_by_its_name() {
        let all = || vec!["evaluate", "languages", "turn"];
        assert_eq!(chosen(all(), &[]).unwrap(), all());
        assert_eq!(chosen(all(), &["turn".to_owned()]).unwrap(), ["turn"]);
        assert!(chosen(all(), &["trun".to_owned()]).unwrap_err().to_string().contains("evaluate, languages, turn"));
    }

    #[test]
    fn what_was_told_becomes_columns() {
        let told = "host, fresh\t11.30 us\t4.0 x bare\nnative\t0.10 us\t\nno figure\n";
        assert_eq!(table(told), "\nhost, fresh      11.30 us  4.0 x bare\nnative            0.10 us\n");
    }

    #[test]
    fn finds_results_of_this_run_only() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["group/one/new", "group/one/base"] {
            let place = folder.path().join(name);
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join("benchmark.json"), r#"{"title":"group/one"}"#).unwrap();
            let estimates = r#"{"mean":{"point_estimate":2.0},"median":{"point_estimate":1.0}}"#;
            fs::write(place.join("estimates.json"), estimates).unwrap();
        }
        let found = |begun| {
            let mut rows = Vec::new();
            collect(folder.path(), begun, &mut rows).unwrap();
            rows.into_iter().map(|(title, _)| title).collect::<Vec<_>>()
        };
        assert_eq!(found(SystemTime::UNIX_EPOCH), ["group/one"]);
        assert!(found(SystemTime::now() + std::time::Duration::from_secs(60)).is_empty());
    }
}
