//! `trimtab backtest`: what policies would have done over a demand trace, on a simple plant, in the real loop.

mod contestants;
mod demand;
mod shelf;
mod text;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use clap::{Args, ValueHint};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use self::contestants::Contestant;
use super::moment::Moment;
use super::{Exit, Fail, Global, print, terminal};
use crate::backtest::{Outage, Plant, Report, Run, Series, TURNS_MAX, Trace, page, run as play};
use crate::policy::Tier;
use crate::quantity::{CpuMillis, DurationMs, MemoryBytes};
use crate::snapshot::{Resources, Size};

/// Most turns of all runs together: each keeps 80 bytes.
const ALL_TURNS_MAX: u64 = 4_000_000;
const TRACES_MAX: usize = 32;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  trimtab backtest --policy target-tracking --param reading=demand --param target=70
  trimtab backtest --binding web --trace spike --html report.html
  trimtab backtest --binding web --policy ./mine.wasm --trace demand.csv
  trimtab backtest --binding web --target local/web --demand rps --since 1d
  trimtab backtest --contestants many.toml --trace diurnal --trace noisy --markdown

The plant, its formulas and the series that feed readings: docs/backtest.md")]
pub(super) struct BacktestArgs {
    /// A binding of the configuration: its policies, parameters, bounds and pace, as they are written.
    #[arg(long, value_name = "NAME", conflicts_with = "contestants")]
    binding: Option<String>,
    /// A policy: a built-in name, a Wasm file, or with a data directory name@version or a digest. May be given many times, to
    /// compare them. With --binding, each is also put into the binding's place, under its bounds.
    #[arg(long = "policy", value_name = "POLICY", conflicts_with = "contestants")]
    policies: Vec<String>,
    /// A parameter of those of --policy that have it. May be given many times.
    #[arg(long = "param", value_name = "NAME=VALUE", requires = "policies")]
    params: Vec<String>,
    /// A TOML file of contestants, each with name, use, params, readings, every and bounds: see docs/backtest.md.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    contestants: Option<PathBuf>,
    /// A demand trace: a CSV file with the columns time and demand, or one that comes with the binary: diurnal, spike, noisy.
    /// May be given many times.
    #[arg(long = "trace", value_name = "TRACE", value_hint = ValueHint::FilePath)]
    traces: Vec<String>,
    #[command(flatten)]
    recorded: RecordedArgs,
    /// Feeds a reading by a series of the plant: demand, served, unmet, backlog, utilization, cpu_millicores, memory_bytes,
    /// cpu_throttled_ratio. Readings of such a name, and an only reading of the target, are fed without it.
    #[arg(long = "reading", value_name = "NAME=SERIES", value_parser = reading)]
    readings: Vec<(String, Series)>,
    /// Readings are absent for a while: 12:00+10m is ten minutes, twelve hours after the start. May be given many times.
    #[arg(long = "outage", value_name = "AFTER+LENGTH")]
    outages: Vec<Outage>,
    /// Time between turns; else that of the binding, or 15s.
    #[arg(long, value_name = "TIME")]
    every: Option<DurationMs>,
    /// A TOML file with bounds, in place of the binding's or the usual ones.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    bounds: Option<PathBuf>,
    /// Least and most replicas, in place of those of the bounds: 1..20.
    #[arg(long, value_name = "MIN..MAX", value_parser = range)]
    replicas: Option<(u32, u32)>,
    /// How a file that is a core module holds its texts, if it does not say so itself.
    #[arg(long, value_enum)]
    string_encoding: Option<super::policy::load::EncodingWord>,
    /// Answer in JSON.
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Answer with tables in Markdown.
    #[arg(long)]
    markdown: bool,
    /// Also write one page with plots, which fetches nothing.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    html: Option<PathBuf>,
    /// Also write every turn as CSV.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    csv: Option<PathBuf>,
    #[command(flatten)]
    plant: PlantArgs,
}

/// A trace of what a host recorded.
#[derive(Debug, Args)]
struct RecordedArgs {
    /// Takes the demand from what the data directory has kept of this target: driver/name.
    #[arg(long, value_name = "TARGET", requires = "demand")]
    target: Option<String>,
    /// The recorded reading that is the demand; one of instances is summed.
    #[arg(long, value_name = "READING", requires = "target")]
    demand: Option<String>,
    /// From this time on: 2026-01-01T12:00:00Z, or 1d for so long ago.
    #[arg(long, value_name = "TIME", requires = "target")]
    since: Option<Moment>,
    /// Before this time.
    #[arg(long, value_name = "TIME", requires = "target")]
    until: Option<Moment>,
}

/// The plant.
#[derive(Debug, Args)]
#[command(next_help_heading = "The plant")]
struct PlantArgs {
    /// Units of demand per second that one replica serves.
    #[arg(long, value_name = "UNITS", default_value_t = 100.0)]
    capacity: f64,
    /// From the making of a replica until it serves.
    #[arg(long, value_name = "TIME", default_value = "30s")]
    start_up: DurationMs,
    /// From the end of a replica's serving until it is gone.
    #[arg(long, value_name = "TIME", default_value = "10s")]
    stop_delay: DurationMs,
    /// Demand that finds no capacity waits; else it is lost.
    #[arg(long)]
    queue: bool,
    /// Replicas at the start; else enough for the first demand.
    #[arg(long, value_name = "N")]
    start: Option<u32>,
    /// CPU of a replica at the start: capacity goes with it.
    #[arg(long, value_name = "CPU", default_value = "1")]
    cpu: CpuMillis,
    /// Memory of a replica at the start: one that uses more is killed.
    #[arg(long, value_name = "MEMORY", default_value = "1Gi")]
    memory: MemoryBytes,
    /// Memory that a replica uses without load.
    #[arg(long, value_name = "MEMORY", default_value = "256Mi")]
    memory_base: MemoryBytes,
    /// Memory that it uses for each unit of demand per second.
    #[arg(long, value_name = "MEMORY", default_value = "4Mi")]
    memory_per_load: MemoryBytes,
    /// Price of an hour of one replica as it is at the start.
    #[arg(long, value_name = "PRICE", default_value_t = 0.05)]
    price: f64,
    /// A size that the backend offers, with its price per hour. May be given many times; then no other can be set.
    #[arg(long = "size", value_name = "NAME=CPU:MEMORY:PRICE", value_parser = size)]
    sizes: Vec<Size>,
}

impl PlantArgs {
    fn plant(&self) -> Plant {
        Plant {
            capacity: self.capacity,
            start_up_ms: self.start_up.0,
            stop_ms: self.stop_delay.0,
            queue: self.queue,
            replicas: self.start,
            cpu_millis: self.cpu.0,
            memory_bytes: self.memory.0,
            memory_base_bytes: self.memory_base.0,
            memory_per_load_bytes: self.memory_per_load.0,
            price_per_hour: self.price,
            sizes: self.sizes.clone(),
        }
    }
}

pub(super) fn run(global: &Global, args: &BacktestArgs) -> Result<Exit> {
    let plant = args.plant.plant();
    plant.check().map_err(|error| Fail::usage(error.to_string()))?;
    let traces = demand::traces(global, args)?;
    let contestants = contestants::all(global, args)?;
    contestants::check_readings(&contestants, &args.readings)?;
    let plants: Vec<Plant> = contestants
        .iter()
        .map(|contestant| Plant { queue: contestant.queue.unwrap_or(plant.queue), ..plant.clone() })
        .collect();
    let jobs = jobs(&contestants, &plants, &traces, &args.outages)?;
    let reports = play_all(&jobs)?;
    if let Some(path) = &args.html {
        let html = page("Backtest", &text::facts(&plant, &contestants, &args.outages), &reports)?;
        std::fs::write(path, html).with_context(|| format!("writing {}", path.display()))?;
    }
    if let Some(path) = &args.csv {
        text::write_csv(path, &reports).with_context(|| format!("writing {}", path.display()))?;
    }
    let told = if args.json {
        terminal::json(&json!({ "plant": plant, "outages": args.outages, "runs": reports }))
    } else if args.markdown {
        text::markdown(&reports)
    } else {
        text::told(&reports)
    };
    print(&told)?;
    let failed = reports.iter().any(|report| report.answers.faults() > 0);
    Ok(if failed { Exit::Policy } else { Exit::Fine })
}

fn jobs<'a>(
    contestants: &'a [Contestant],
    plants: &'a [Plant],
    traces: &'a [Trace],
    outages: &'a [Outage],
) -> Result<Vec<Run<'a>>> {
    let jobs: Vec<Run<'a>> = traces
        .iter()
        .flat_map(|trace| contestants.iter().zip(plants).map(move |(contestant, plant)| (trace, contestant, plant)))
        .map(|(trace, contestant, plant)| Run {
            contestant: &contestant.name,
            slots: &contestant.slots,
            settings: &contestant.settings,
            every_ms: contestant.every_ms,
            wiring: &contestant.wiring,
            plant,
            trace,
            outages,
        })
        .collect();
    let turns: u64 = jobs.iter().map(Run::turns).sum();
    if let Some(long) = jobs.iter().find(|job| job.turns() > TURNS_MAX) {
        let (name, turns) = (long.trace.name(), long.turns());
        let text =
            format!("{turns} turns over {name} are more than {TURNS_MAX}: take a longer --every or a shorter trace");
        return Err(Fail::usage(text));
    }
    if turns > ALL_TURNS_MAX {
        let text =
            format!("{turns} turns in all are more than {ALL_TURNS_MAX}: compare fewer policies or traces at once");
        return Err(Fail::usage(text));
    }
    Ok(jobs)
}

/// Runs them side by side, as many as there are processors; the reports come in the order of the jobs.
fn play_all(jobs: &[Run<'_>]) -> Result<Vec<Report>> {
    let bar = bar(jobs.iter().map(Run::turns).sum());
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(jobs.len()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    std::thread::scope(|scope| -> Result<()> {
        let mut workers = Vec::new();
        for _ in 0..threads {
            let thread = std::thread::Builder::new().stack_size(crate::sandbox::THREAD_STACK_BYTES);
            let work = || {
                while let Some((at, job)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    jobs.get(at).map(|job| (at, job))
                } {
                    let mut told = 0;
                    let report = play(job, |turns| {
                        bar.inc(turns - told);
                        told = turns;
                    });
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((at, report));
                }
            };
            workers.push(thread.spawn_scoped(scope, work).context("starting a thread")?);
        }
        for worker in workers {
            // A panic of ours is no answer of a guest's: it goes on here.
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, report)| report.map_err(|error| Fail::usage(error.to_string()))).collect()
}

/// How far it has come, where a person looks on.
fn bar(turns: u64) -> ProgressBar {
    let target =
        if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(turns), target);
    match ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} turns, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// `NAME=SERIES`.
fn reading(text: &str) -> Result<(String, Series), String> {
    let (name, series) = text.split_once('=').ok_or("write NAME=SERIES, such as rps=demand")?;
    Ok((name.to_owned(), series.parse()?))
}

/// `MIN..MAX`.
fn range(text: &str) -> Result<(u32, u32), String> {
    let read = || {
        let (min, max) = text.split_once("..")?;
        let (min, max): (u32, u32) = (min.trim().parse().ok()?, max.trim().parse().ok()?);
        (min <= max && max <= 10_000).then_some((min, max))
    };
    read().ok_or_else(|| "write the least and the most, such as 1..20; at most 10000".to_owned())
}

/// `NAME=CPU:MEMORY:PRICE`.
fn size(text: &str) -> Result<Size, String> {
    let wants = "write NAME=CPU:MEMORY:PRICE, such as small=500m:512Mi:0.02";
    let (class, figures) = text.split_once('=').ok_or(wants)?;
    let mut figures = figures.split(':');
    let (Some(cpu), Some(memory), Some(price), None) = (figures.next(), figures.next(), figures.next(), figures.next())
    else {
        return Err(wants.to_owned());
    };
    let CpuMillis(cpu_millis) = cpu.parse().map_err(|error| format!("{error}"))?;
    let MemoryBytes(memory_bytes) = memory.parse().map_err(|error| format!("{error}"))?;
    Ok(Size {
        class: class.to_owned(),
        resources: Resources { cpu_millis: Some(cpu_millis), memory_bytes: Some(memory_bytes) },
        price_per_hour: Some(price.parse().map_err(|_| wants.to_owned())?),
    })
}

/// What is asked of a policy's tier: nothing, so its size or its upload decides.
const TIER: Option<Tier> = None;
