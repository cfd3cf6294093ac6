//! What whole turns cost: 10,000 and 100,000 targets with 20 readings each, the real engine and the compiled
//! `target-tracking`, a tenth of the targets acting, every record durable before its act.
//!
//!     cargo bench -p trimtab --bench turn
//!
//! Each size runs in a process of its own, so that its memory is its own, and on one core: the engine, the store's writing
//! thread and the acts share it. `TRIMTAB_TURN_CORES=all` lets it have all of them.

#![expect(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a benchmark: it stops where it must")]

#[path = "told/figures.rs"]
mod figures;

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use trimtab::audit::{Settings as RecordSettings, Trigger};
use trimtab::bounds::{Range, Settings};
use trimtab::cycle::{Binding, Clock, Cycle, Lease, Parts, Patience, Role, Selector, Shared, Slot, TurnReport};
use trimtab::drivers::memory::{MemoryDriver, MemorySettings, MemoryTarget};
use trimtab::policy::{Need, NeedKind, check_params};
use trimtab::registry::{Registry, RegistryParts};
use trimtab::sandbox::{Compiler, Sandbox, SandboxConfig};
use trimtab::snapshot::Subject;
use trimtab::sources::memory::MemorySource;
use trimtab::sources::{GatherLimits, ReadingSpec, Source, Sources};
use trimtab::store::{SqliteStore, Store};

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const START_MS: u64 = 1_795_309_200_000;
const EVERY_MS: u64 = 15_000;
const READINGS: usize = 20;
/// Turns of one run; in every third a tenth of the targets act.
const TURNS: u64 = 6;
/// One target in so many acts.
const ACTS_ONE_IN: usize = 9;
const SIZES: [usize; 2] = [10_000, 100_000];
const TARGETS_VARIABLE: &str = "TRIMTAB_TURN_TARGETS";
const CORES_VARIABLE: &str = "TRIMTAB_TURN_CORES";

fn main() {
    if let Some(targets) = std::env::var_os(TARGETS_VARIABLE) {
        return measure(targets.to_str().unwrap().parse().unwrap());
    }
    // Like criterion's: arguments without a dash choose by name.
    let chosen: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for targets in SIZES {
        let name = format!("turn/{targets}_targets");
        if chosen.is_empty() || chosen.iter().any(|part| name.contains(part)) {
            let status =
                Command::new(std::env::current_exe().unwrap()).env(TARGETS_VARIABLE, targets.to_string()).status();
            assert!(status.unwrap().success(), "{name} failed");
        }
    }
}

/// Time that goes on when told.
#[derive(Debug)]
struct Told(AtomicU64);

impl Clock for Told {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A host in one process: everything real but the backend and what it measures.
struct Rig {
    cycle: Cycle,
    bindings: Vec<Arc<Binding>>,
    due: BTreeSet<String>,
    clock: Arc<Told>,
    store: Arc<dyn Store>,
    /// Resident before the host knew of any target: the backend and its samples are there already.
    before_bytes: u64,
    _dir: tempfile::TempDir,
}

impl Rig {
    async fn new(targets: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(Told(AtomicU64::new(START_MS)));
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path()).unwrap());
        let sandbox = Sandbox::start(&SandboxConfig::default()).unwrap();
        let registry = Registry::new(RegistryParts {
            sandbox,
            compiler: Compiler::in_process(),
            cache: None,
            store: Arc::clone(&store),
            policies_dir: dir.path().to_owned(),
        });
        let binding = binding(&registry).await;
        let driver = Arc::new(MemoryDriver::new("memory", MemorySettings::default()));
        let source = Arc::new(MemorySource::new("metrics"));
        let readings = binding.readings.clone();
        fill(&driver, &source, &readings, targets);
        let sources: Sources = [("metrics".to_owned(), source as Arc<dyn Source>)].into();
        let before_bytes = resident("VmRSS:");
        let cycle = Cycle::take_up(Parts {
            driver,
            registrars: Vec::new(),
            sources: Arc::new(sources),
            store: Arc::clone(&store),
            records: RecordSettings::default(),
            host: "bench".to_owned(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            patience: Patience::default(),
            gather_limits: GatherLimits::default(),
            lease: Lease { epoch: 1, expires_ms: u64::MAX },
            shared: Shared::default(),
        });
        let cycle = cycle.await.unwrap();
        let due = [binding.name.clone()].into();
        Self { cycle, bindings: vec![Arc::new(binding)], due, clock, store, before_bytes, _dir: dir }
    }

    /// One turn, then everything that it began.
    async fn turn(&mut self, turn: u64) -> Turn {
        let now_ms = START_MS + turn * EVERY_MS;
        self.clock.0.store(now_ms, Ordering::Relaxed);
        reset_peak();
        let bytes = resident("VmRSS:");
        let (began, began_cpu) = (Instant::now(), cpu());
        let report = self.cycle.turn(&self.bindings, &self.due, &Trigger::Pace).await.unwrap();
        let (wall, cpu) = (began.elapsed(), cpu() - began_cpu);
        let peak_bytes = resident("VmHWM:").saturating_sub(bytes);
        let began = Instant::now();
        while self.cycle.running() > 0 {
            self.cycle.next_finished().await.unwrap();
        }
        assert!(report.troubles.is_empty(), "{report:?}");
        Turn { report, wall, cpu, closed: began.elapsed(), peak_bytes }
    }
}

struct Turn {
    report: TurnReport,
    wall: Duration,
    /// Of all threads.
    cpu: Duration,
    /// Until everything that it began was done and its records closed.
    closed: Duration,
    peak_bytes: u64,
}

/// Holds one of twenty readings at its target; all twenty are asked for and cross into the policy.
async fn binding(registry: &Registry) -> Binding {
    let policy = registry.resolve("target-tracking", None).await.unwrap();
    let given = json!({ "reading": "reading_00", "target": 10.0 });
    let params = check_params(&policy.manifest().parameters, given.as_object().unwrap()).unwrap();
    let mut needs = policy.needs(&params).unwrap();
    needs.extend((1..READINGS).map(|index| Need {
        kind: NeedKind::Reading,
        name: format!("reading_{index:02}"),
        subject: Subject::Target,
        unit: String::new(),
        look_back_ms: 0,
        step_ms: 0,
        required: false,
    }));
    let readings = (0..READINGS).map(|index| {
        Arc::new(ReadingSpec {
            name: format!("reading_{index:02}").into(),
            source: "metrics".to_owned(),
            query: format!("reading_{index:02}"),
            subject: Subject::Target,
            unit: "1/s".into(),
            label: None,
            rate: false,
            look_back_ms: 0,
            step_ms: 0,
            stale_after_ms: 60_000,
            absent_as: None,
        })
    });
    let granted = policy.manifest().kinds.clone();
    Binding {
        name: "web".to_owned(),
        digest: "0".repeat(64),
        select: Selector::Labels { driver: "memory".to_owned(), labels: std::collections::BTreeMap::new() },
        every_ms: EVERY_MS,
        settings: Settings { stabilize_down_ms: 0, ..Settings::default() },
        readings: readings.collect(),
        slots: vec![Slot {
            name: "tracking".to_owned(),
            role: Role::Active { probation: None },
            policy,
            params,
            needs,
            granted,
        }],
        caps: Range { min: 0, max: u32::MAX },
        group: None,
        fitting: None,
    }
}

/// All targets with three replicas each, and what is measured of them in all turns ahead.
fn fill(driver: &MemoryDriver, source: &MemorySource, readings: &[Arc<ReadingSpec>], targets: usize) {
    for number in 0..targets {
        let id = driver.insert(MemoryTarget::new(&format!("web-{number:06}"), 3)).unwrap();
        for (index, reading) in readings.iter().enumerate() {
            for turn in 0..TURNS {
                source.set(&reading.query, &id, None, START_MS + turn * EVERY_MS - 800, value(number, index, turn));
            }
        }
    }
}

/// Whether a target acts in this turn.
fn acts(number: usize, turn: u64) -> bool {
    turn % 3 == 2 && number.is_multiple_of(ACTS_ONE_IN)
}

/// Something that moves like a load. The first reading asks for what is there, or in a turn that acts for one more or less.
fn value(number: usize, index: usize, turn: u64) -> f64 {
    let noise = ((number * 7919 + index * 613) as u64 + turn * 104_729).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let noise = noise as f64 / f64::from(1 << 24);
    if index > 0 {
        return 50.0 + noise;
    }
    let acted = (0..=turn).filter(|turn| acts(number, *turn)).count();
    (if acted % 2 == 1 { 38.5 } else { 29.5 }) + noise * 0.5
}

fn measure(targets: usize) {
    let cores = std::env::var(CORES_VARIABLE).unwrap_or_else(|_| "one".to_owned());
    if cores == "one" {
        pin_to_one_core();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut rig = Rig::new(targets).await;
        let mut quiet = Vec::new();
        let mut acting = Vec::new();
        for turn in 0..TURNS {
            let done = rig.turn(turn).await;
            match done.report.begun {
                0 if turn > 0 => quiet.push(done),
                0 => {}
                _ => acting.push(done),
            }
        }
        // A host at its pace has seconds between turns, in which its allocator gives back what a turn took: some only in passing,
        // when it is asked for more.
        for _ in 0..30 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            drop(std::hint::black_box(vec![1_u8; 1 << 20]));
            rig.store.size_bytes().await.unwrap();
        }
        let held = resident("VmRSS:").saturating_sub(rig.before_bytes);
        let records: u64 = rig.store.size_bytes().await.unwrap();
        println!("turn/{targets} targets, {READINGS} readings each, {cores} core(s)");
        tell("quiet", &mut quiet, targets);
        tell("acting", &mut acting, targets);
        println!(
            "  host memory between turns: {} per target; the store after {TURNS} turns: {} per target and turn",
            bytes(held as f64 / targets as f64),
            bytes(records as f64 / targets as f64 / TURNS as f64),
        );
        let memory = bytes(held as f64 / targets as f64);
        figures::told(
            &format!("host memory between turns, {targets} targets"),
            &memory,
            "each, all of the host divided by them",
        );
    });
}

fn tell(what: &str, turns: &mut [Turn], targets: usize) {
    turns.sort_by_key(|turn| turn.wall);
    let Some(turn) = turns.get(turns.len() / 2) else { return };
    println!("  {what:<7} {}", line(turn));
    println!(
        "          per target: {:.1} us, {:.1} us of CPU; at its peak {}",
        turn.wall.as_secs_f64() * 1e6 / targets as f64,
        turn.cpu.as_secs_f64() * 1e6 / targets as f64,
        bytes(turn.peak_bytes as f64 / targets as f64),
    );
    let figure = format!("{:.1} us", turn.wall.as_secs_f64() * 1e6 / targets as f64);
    let remark = format!("each; the turn {:.2} s, CPU {:.2} s", turn.wall.as_secs_f64(), turn.cpu.as_secs_f64());
    figures::told(&format!("{what} turn of {targets} targets"), &figure, &remark);
}

fn line(turn: &Turn) -> String {
    let Turn { report, wall, cpu, closed, .. } = turn;
    let (begun, faults, spent) = (report.begun, report.faults, &report.spent);
    format!("{begun:>6} act, {faults} fail  {wall:>8.1?} (CPU {cpu:.1?})  closed after {closed:.1?}  {spent:.0?}")
}

fn bytes(count: f64) -> String {
    if count < 10_240.0 { format!("{count:.0} bytes") } else { format!("{:.1} KiB", count / 1024.0) }
}

fn pin_to_one_core() {
    let allowed = sched_getaffinity(None).unwrap();
    let core = (0..CpuSet::MAX_CPU).find(|core| allowed.is_set(*core)).unwrap();
    let mut one = CpuSet::new();
    one.set(core);
    sched_setaffinity(None, &one).unwrap();
}

/// CPU time of this process.
fn cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap()
}

/// A row of `/proc/self/status`, in bytes.
fn resident(row: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(row)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Begins a new peak of resident memory.
fn reset_peak() {
    // Where the kernel refuses, the peak is that of the whole run: too high, never too low.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
