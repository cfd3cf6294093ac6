//! The real arrow and engine over a backend in memory, turn by turn: what is decided, and how long a turn takes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use trimtab::audit::{self, Event, Record, Span, Trigger};
use trimtab::bounds::{Range, Settings};
use trimtab::cycle::{Binding, Clock, Cycle, Lease, Parts, Patience, Role, Selector, Shared, Slot};
use trimtab::drivers::memory::{MemoryDriver, MemorySettings, MemoryTarget};
use trimtab::policy::{Policy, Tier, check_params};
use trimtab::registry::{Registry, RegistryParts};
use trimtab::sandbox::{Compiler, Sandbox, SandboxConfig};
use trimtab::snapshot::{Subject, TargetId};
use trimtab::sources::memory::MemorySource;
use trimtab::sources::{GatherLimits, ReadingSpec, Source, Sources};
use trimtab::store::{MemoryStore, Store};

use super::{HONEST, HOSTILE, guests, hostile, load};

const START_MS: u64 = 1_795_176_000_000;
/// So quick that no hostile policy is in quarantine until the last turns.
const EVERY_MS: u64 = 8_000;
/// The last three after the minute of faults by which quarantine begins.
const TURNS: u64 = 11;
/// How many of the twenty burn all that they are given, each on its core, one after the other.
const BURNING: u32 = 9;
/// What a machine that does much else may take longer, once in a run.
const BUSY: Duration = Duration::from_secs(3);

/// Time that goes on when told.
#[derive(Debug)]
struct Told(AtomicU64);

impl Clock for Told {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One run.
struct Ran {
    /// Of each that means well, what its policy answered and what was decided, turn by turn, as JSON.
    decided: BTreeMap<String, Vec<String>>,
    /// How long each turn took.
    took: Vec<Duration>,
    /// How many policies failed in each.
    faults: Vec<usize>,
}

struct Rig {
    registry: Registry,
    driver: Arc<MemoryDriver>,
    source: Arc<MemorySource>,
    store: Arc<dyn Store>,
    clock: Arc<Told>,
    bindings: Vec<Arc<Binding>>,
}

impl Rig {
    fn new(config: &SandboxConfig) -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let sandbox = Sandbox::start(config).unwrap();
        let registry = Registry::new(RegistryParts {
            sandbox,
            compiler: Compiler::in_process(),
            cache: None,
            store: Arc::clone(&store),
            policies_dir: "/nonexistent".into(),
        });
        Self {
            registry,
            driver: Arc::new(MemoryDriver::new(
                "memory",
                MemorySettings { start_ms: 0, stop_ms: 0, ..Default::default() },
            )),
            source: Arc::new(MemorySource::new("meter")),
            store,
            clock: Arc::new(Told(AtomicU64::new(START_MS))),
            bindings: Vec::new(),
        }
    }

    fn bind(&mut self, name: &str, policy: Arc<Policy>, given: &serde_json::Value) -> TargetId {
        let target = self.driver.insert(MemoryTarget::new(name, 3)).unwrap();
        let params = check_params(&policy.manifest().parameters, given.as_object().unwrap()).unwrap();
        let needs = policy.needs(&params).unwrap();
        let granted = policy.manifest().kinds.clone();
        self.bindings.push(Arc::new(Binding {
            name: name.to_owned(),
            digest: "0".repeat(64),
            select: Selector::Ids([target.clone()].into()),
            every_ms: EVERY_MS,
            settings: Settings { replicas: Range { min: 1, max: 20 }, stabilize_down_ms: 0, ..Settings::default() },
            readings: vec![Arc::new(reading())],
            slots: vec![Slot {
                name: "one".to_owned(),
                role: Role::Active { probation: None },
                policy,
                params,
                needs,
                granted,
            }],
            alerts: Vec::new(),
            caps: Range { min: 0, max: u32::MAX },
            group: None,
            fitting: None,
        }));
        target
    }

    async fn run(self) -> Ran {
        let Self { registry: _registry, driver, source, store, clock, bindings } = self;
        let sources: Sources = [("meter".to_owned(), source as Arc<dyn Source>)].into();
        let mut cycle = Cycle::take_up(Parts {
            driver,
            registrars: Vec::new(),
            sources: Arc::new(sources),
            store: Arc::clone(&store),
            records: audit::Settings::default(),
            host: "here".to_owned(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            patience: Patience::default(),
            gather_limits: GatherLimits::default(),
            lease: Lease { epoch: 1, expires_ms: u64::MAX },
            shared: Shared::default(),
        })
        .await
        .unwrap();
        let due: BTreeSet<String> = bindings.iter().map(|binding| binding.name.clone()).collect();
        let (mut took, mut faults) = (Vec::new(), Vec::new());
        for turn in 0..TURNS {
            clock.0.store(START_MS + turn * EVERY_MS, Ordering::Relaxed);
            let began = Instant::now();
            let report = cycle.turn(&bindings, &due, &Trigger::Pace).await.unwrap();
            took.push(began.elapsed());
            faults.push(report.faults);
            while cycle.running() > 0 {
                cycle.next_finished().await.unwrap();
            }
        }
        let mut decided = BTreeMap::new();
        for number in 0..HONEST {
            let name = super::honest(number);
            decided.insert(name.clone(), told(&store, &name).await);
        }
        Ran { decided, took, faults }
    }
}

fn reading() -> ReadingSpec {
    ReadingSpec {
        name: "load".into(),
        source: "meter".to_owned(),
        query: "load".to_owned(),
        subject: Subject::Target,
        unit: Arc::default(),
        label: None,
        rate: false,
        look_back_ms: 0,
        step_ms: 0,
        stale_after_ms: 60_000,
        absent_as: None,
    }
}

/// What was recorded of a target but what a run took, and the numbers that tell records apart.
async fn told(store: &Arc<dyn Store>, name: &str) -> Vec<String> {
    let target = TargetId::new("memory", name).unwrap();
    let span = Span { from_ms: 0, to_ms: u64::MAX, entries_max: 1_000 };
    let events = audit::history(store.as_ref(), &target, span).await.unwrap();
    let records = events.into_iter().filter_map(|event| match event {
        Event::Turn(turn) => Some(turn.record),
        Event::NotRecorded { why, .. } => panic!("{name}: {why}"),
        Event::Counted(_) | Event::Note(_) => None,
    });
    records.map(|record| said(&record)).collect()
}

fn said(record: &Record) -> String {
    let answers: Vec<_> =
        record.slots.iter().map(|slot| (&slot.evaluation, &slot.memory_after, slot.spent.fuel)).collect();
    let mut all = json!({ "at_ms": record.at_ms, "answers": answers, "ruling": record.ruling }).to_string();
    // The key of a change is its record's id, in which the start of the host stands.
    all = all.replace(record.id.as_str(), "KEY");
    all
}

/// What all do in the place of those that mean harm.
#[derive(Clone, Copy, PartialEq)]
enum Twenty {
    Harmless,
    Hostile(Tier),
}

async fn run(config: &SandboxConfig, twenty: Twenty) -> Ran {
    let mut rig = Rig::new(config);
    let tracking = rig.registry.resolve("target-tracking", None).await.unwrap();
    for number in 0..HONEST {
        let given = json!({ "reading": "load", "target": 50.0 });
        let target = rig.bind(&super::honest(number), Arc::clone(&tracking), &given);
        for turn in 0..TURNS {
            let swing = u32::try_from(turn * 13 % 40).unwrap();
            rig.source.set("load", &target, None, START_MS + turn * EVERY_MS - 500, f64::from(load(number) + swing));
        }
    }
    let tier = if let Twenty::Hostile(tier) = twenty { tier } else { Tier::Compiled };
    let mut known = BTreeMap::new();
    for (name, module) in guests::all() {
        known.insert(name, rig.registry.load_unkept(name, &module, Some(tier), None).await.unwrap());
    }
    let harmless = rig.registry.load_unkept("harmless", &guests::harmless(), Some(tier), None).await.unwrap();
    for number in 0..HOSTILE {
        let policy = if twenty == Twenty::Harmless { &harmless } else { &known[guests::kind_of(number)] };
        rig.bind(&hostile(number), Arc::clone(policy), &json!({}));
    }
    rig.run().await
}

/// How many deadlines longer turns may take beside those that mean harm.
struct Allowed {
    /// The first, in which nobody knows yet who means harm.
    first: u32,
    /// Each other.
    later: u32,
}

/// What is promised. For the first turn and one more [`BUSY`] is allowed on top: the story notices only what is worse than that.
const ONE: Allowed = Allowed { first: 1, later: 1 };

/// Holds a run with twenty that mean harm against one with twenty that do not.
async fn compare(config: &SandboxConfig, tier: Tier, allowed: Allowed) {
    let harmless = run(config, Twenty::Harmless).await;
    let beset = run(config, Twenty::Hostile(tier)).await;
    assert!(harmless.faults.iter().all(|faults| *faults == 0), "{:?}", harmless.faults);
    assert_eq!(beset.faults[0], HOSTILE, "each that means harm fails: {:?}", beset.faults);
    for (name, turns) in &harmless.decided {
        assert_eq!(turns.len(), usize::try_from(TURNS).unwrap(), "{name}");
        assert!(turns[0].contains("\"proposals\":[{"), "{name} asks for something: {}", turns[0]);
        assert_eq!(turns, &beset.decided[name], "{name}: another decision beside hostile policies");
    }
    let deadline = Duration::from_millis(config.limits(tier).unwrap().deadline_ms);
    let worst = *harmless.took.iter().max().unwrap();
    println!("{tier:?}, at once {:?}: harmless at worst {worst:.0?}; beset {:.0?}", config.at_once_max, beset.took);
    // The next turn waits for the end of this one: by so much it begins late.
    let most = |deadlines: u32| worst + deadline * deadlines;
    let (first, later) = beset.took.split_first().unwrap();
    let mut later = later.to_vec();
    later.sort_unstable();
    let busy = later.pop().unwrap();
    let mostly = later.pop().unwrap();
    assert!(mostly <= most(allowed.later), "turns take {mostly:?}, without hostile ones {worst:?} at worst");
    assert!(busy <= most(allowed.later) + BUSY, "a turn took {busy:?}, without hostile ones {worst:?} at worst");
    assert!(*first <= most(allowed.first) + BUSY, "the first turn took {first:?}");
}

fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eighty_bindings_do_not_notice_twenty_hostile_ones() {
    compare(&SandboxConfig::default(), Tier::Compiled, ONE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_do_they_where_only_two_run_at_once() {
    compare(&SandboxConfig { at_once_max: Some(2), ..SandboxConfig::default() }, Tier::Compiled, ONE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_do_they_where_hostile_ones_have_the_larger_tier() {
    compare(&SandboxConfig::default(), Tier::Interpreted, ONE).await;
}

/// As on a machine so slow that fuel outlasts the deadline: one after the other, they would take five deadlines on two cores.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_do_they_where_only_the_deadline_stops_hostile_ones() {
    let mut config = SandboxConfig::default();
    config.compiled.fuel = Some(1_000_000_000_000);
    compare(&config, Tier::Compiled, Allowed { first: BURNING.div_ceil(cores()), later: 2 }).await;
}
