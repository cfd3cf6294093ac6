//! A host that runs: the real pace, cycle, registry and sandbox over a backend and a source in memory. Turns come when a test
//! orders them; the binding's own pace is an hour.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::access::TRAIL;
use crate::alerts::Alerts;
use crate::audit::{self, Event, Record, Span, Trigger};
use crate::config::Config;
use crate::cycle::{Clock, Cycle, Lease, Parts, Patience, Shared, TargetState, TargetView, TimerClock, TurnReport};
use crate::drivers::memory::{MemoryDriver, MemorySettings, MemoryTarget};
use crate::policy::probe::{Probe, sandbox};
use crate::registry::{PushMeta, Registry, RegistryParts, Version, builtin};
use crate::sandbox::{ArtefactCache, Compiler};
use crate::snapshot::TargetId;
use crate::sources::memory::MemorySource;
use crate::sources::{GatherLimits, Source, Sources};
use crate::store::{LogRange, MemoryStore, Store};
use crate::supervisor::bind::{Binder, Found};
use crate::supervisor::reload::{InForce, wanted};
use crate::supervisor::steering::SteeringParts;
use crate::supervisor::tables::Tables;
use crate::supervisor::{Steering, automatic, hand, own, pace, tables};

pub(super) const NOON_MS: u64 = 1_795_176_000_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// The name under which versions of the real `target-tracking` are pushed.
pub(super) const TRACKING: &str = "target-tracking";

/// The configuration of most tests.
pub(super) const CONFIG: &str = r#"
[driver.local.process]
[source.meter.prometheus]
url = "http://127.0.0.1:9"
[binding.web]
select = { driver = "local", labels = { app = "web" } }
every = "1h"
replicas = { min = 1, max = 10 }
stabilization = { up = "0s", down = "0s" }
cooldown = { up = "0s", down = "0s" }
[[binding.web.reading]]
name = "load"
source = "meter"
query = "load"
[[binding.web.policy]]
use = "target-tracking"
params = { reading = "load", target = 50.0 }
"#;

pub(super) struct Stage {
    pub(super) steering: Steering,
    pub(super) clock: Arc<TimerClock>,
    pub(super) target: TargetId,
    folder: TempDir,
    driver: Arc<MemoryDriver>,
    source: Arc<MemorySource>,
    store: Arc<dyn Store>,
    shutdown: CancellationToken,
    task: JoinHandle<Cycle>,
    epoch: u64,
}

impl Stage {
    /// A host with two instances of `local/web`.
    pub(super) async fn set(config: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Arc::new(TimerClock::starting_at(NOON_MS));
        let behavior = MemorySettings { keeps_desired: false, start_ms: 0, stop_ms: 0 };
        let driver = Arc::new(MemoryDriver::new("local", behavior));
        let mut workload = MemoryTarget::new("web", 2);
        workload.labels.insert("app".to_owned(), "web".to_owned());
        let target = driver.insert(workload).unwrap();
        let source = Arc::new(MemorySource::new("meter"));
        source.set("load", &target, None, NOON_MS, 100.0);
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        std::fs::write(folder.path().join("trimtab.toml"), config).unwrap();
        let (steering, shutdown, task) = start(&folder, &driver, &source, &store, &clock, 1).await;
        let stage = Self { steering, clock, target, folder, driver, source, store, shutdown, task, epoch: 1 };
        stage.seen().await;
        stage
    }

    /// The host ends in order, and starts again with what is kept.
    pub(super) async fn restart(mut self) -> Self {
        self.shutdown.cancel();
        (&mut self.task).await.unwrap().farewell().await;
        self.epoch += 1;
        let Self { folder, driver, source, store, clock, .. } = &self;
        let (steering, shutdown, task) = start(folder, driver, source, store, clock, self.epoch).await;
        let stage = Self { steering, shutdown, task, ..self };
        stage.seen().await;
        stage
    }

    pub(super) fn edit(&self, config: &str) {
        std::fs::write(self.folder.path().join("trimtab.toml"), config).unwrap();
    }

    /// Puts labels on the workload, and takes off those without a value.
    pub(super) fn label(&self, labels: &[(&str, Option<&str>)]) {
        self.driver.edit_target("web", |target| {
            for (label, value) in labels {
                match value {
                    Some(value) => drop(target.labels.insert((*label).to_owned(), (*value).to_owned())),
                    None => drop(target.labels.remove(*label)),
                }
            }
        });
    }

    /// What was noted of the target, oldest first.
    pub(super) async fn notes(&self) -> Vec<String> {
        let span = Span { from_ms: 0, to_ms: u64::MAX, entries_max: 100_000 };
        let events = audit::history(self.store.as_ref(), &self.target, span).await.unwrap();
        let notes = events.into_iter().filter_map(|event| match event {
            Event::Note(note) => Some(note.text),
            _ => None,
        });
        notes.collect()
    }

    pub(super) fn load(&self, load: f64) {
        self.source.set("load", &self.target, None, self.clock.now_ms(), load);
    }

    /// A whole turn, and the end of what it began.
    pub(super) async fn turn(&self) -> TurnReport {
        let manual = Trigger::Manual { who: "ada".to_owned() };
        let report = self.steering.turn_now(None, manual).await.unwrap();
        self.until(|view| view.in_flight.is_none()).await;
        report
    }

    pub(super) fn view(&self) -> Arc<TargetView> {
        Arc::clone(&self.steering.targets()[&self.target])
    }

    pub(super) fn desired(&self) -> u32 {
        self.view().target.desired
    }

    /// Waits until the target stands like this.
    pub(super) async fn until(&self, stands: impl Fn(&TargetView) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !stands(&self.view()) {
            assert!(Instant::now() < end, "{:?}", self.view());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// All records of the target, oldest first.
    pub(super) async fn records(&self) -> Vec<Record> {
        let span = Span { from_ms: 0, to_ms: u64::MAX, entries_max: 100_000 };
        let events = audit::history(self.store.as_ref(), &self.target, span).await.unwrap();
        let turns = events.into_iter().filter_map(|event| match event {
            Event::Turn(turn) => Some(turn.record),
            Event::NotRecorded { why, .. } => panic!("{why}"),
            Event::Counted(_) | Event::Note(_) => None,
        });
        turns.collect()
    }

    /// The digests that the last turn's policies had.
    pub(super) async fn last_digests(&self) -> Vec<String> {
        let last = self.records().await.pop().unwrap();
        last.slots.into_iter().map(|slot| slot.policy.digest).collect()
    }

    pub(super) async fn push(&self, bytes: &[u8]) -> Version {
        let meta = PushMeta { by: "ada".to_owned(), at_ms: self.clock.now_ms(), ..PushMeta::default() };
        self.steering.push(bytes, &meta).await.unwrap()
    }

    /// What is kept of the target, as the store has it.
    pub(super) async fn kept(&self) -> TargetState {
        let kept = self.store.get(&TargetState::key(&self.target)).await.unwrap().unwrap();
        serde_json::from_slice(&kept.value).unwrap()
    }

    /// Who made the automatic changes that the log of changes has, oldest first.
    pub(super) async fn changes_by(&self, word: &str) -> usize {
        let entries = self.store.read_log(TRAIL, LogRange::newest(100)).await.unwrap();
        entries.iter().filter(|entry| String::from_utf8_lossy(&entry.body).contains(word)).count()
    }

    async fn seen(&self) {
        let end = Instant::now() + PATIENCE;
        while self.steering.targets().get(&self.target).is_none_or(|view| view.in_flight.is_some()) {
            assert!(Instant::now() < end, "the first turn does not come");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

async fn start(
    folder: &TempDir,
    driver: &Arc<MemoryDriver>,
    source: &Arc<MemorySource>,
    store: &Arc<dyn Store>,
    clock: &Arc<TimerClock>,
    epoch: u64,
) -> (Steering, CancellationToken, JoinHandle<Cycle>) {
    let registry = Arc::new(Registry::new(RegistryParts {
        sandbox: sandbox(),
        compiler: Compiler::in_process(),
        cache: Some(ArtefactCache::open(folder.path()).unwrap()),
        store: Arc::clone(store),
        policies_dir: folder.path().to_owned(),
    }));
    let config = Config::load(&folder.path().join("trimtab.toml")).unwrap();
    let sources: Arc<Sources> = Arc::new([("meter".to_owned(), Arc::clone(source) as Arc<dyn Source>)].into());
    let binder = Binder {
        registry: &registry,
        sources: &sources,
        planned: None,
        config: &config,
        keys: registry.keys(),
        granting: None,
        found: Found::default(),
    };
    let own = own::load(store.as_ref(), &config).await.unwrap().unwrap();
    let mut bindings = binder.all(&wanted(&config, &own, &BTreeMap::new()), &[]).await.unwrap();
    let (rows, more) = tables::take_up_kept(store.as_ref(), &config, &own, &binder).await.unwrap();
    bindings.extend(more);
    let tables = Tables::open(&config).unwrap();
    let mut cycle = Cycle::take_up(Parts {
        driver: Arc::clone(driver) as _,
        registrars: Vec::new(),
        sources: Arc::clone(&sources),
        store: Arc::clone(store),
        records: audit::Settings::default(),
        host: "here".to_owned(),
        clock: Arc::clone(clock) as _,
        patience: Patience::default(),
        gather_limits: GatherLimits::default(),
        lease: Lease { epoch, expires_ms: u64::MAX },
        shared: Shared::default(),
    })
    .await
    .unwrap();
    let load = crate::supervisor::from_file(&config);
    let steering = Steering::new(SteeringParts {
        registry,
        store: Arc::clone(store),
        clock: Arc::clone(clock) as _,
        bindings,
        in_force: InForce { config, own, rows, sources, load },
        steered: hand::load(store.as_ref()).await.unwrap(),
        alerts: Arc::new(Alerts::load(Arc::clone(store)).await.unwrap()),
        tables,
    });
    cycle.steer(steering.said().subscribe(), Arc::clone(steering.board()));
    cycle.hear(Arc::clone(steering.alerts()));
    let shutdown = CancellationToken::new();
    tokio::spawn(automatic::keep_judging(steering.clone(), shutdown.clone()));
    let task = tokio::spawn(pace::drive(cycle, steering.listen(), steering.orders("local"), shutdown.clone()));
    (steering, shutdown, task)
}

/// The real `target-tracking`, made another version by a custom section that says so.
pub(super) fn tracking(version: u8) -> Vec<u8> {
    let mut bytes = builtin::builtin(TRACKING).unwrap().bytes.to_vec();
    bytes.extend([0, 3, 1, b'v', version]);
    bytes
}

/// A version of `target-tracking` by hand, which answers as the real one does but for what is said here.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ByHand {
    /// Asks for so many more.
    pub(super) adds: u32,
    /// Traps from this load on.
    pub(super) traps_from: Option<u32>,
    /// Looks back so far.
    pub(super) look_back_ms: u64,
    /// Wants a reading that nobody declares.
    pub(super) wants_another: bool,
}

impl ByHand {
    pub(super) fn module(self) -> Vec<u8> {
        let mut wat = include_str!("../../../../tests/guests/wat/policy.wat").to_owned();
        let mut put = |from: &str, to: &str| {
            assert!(wat.contains(from), "{from}");
            wat = wat.replacen(from, to, 1);
        };
        put("(module", r#"(module (@custom "trimtab:string-encoding" "utf8")"#);
        put("guest-wat", TRACKING);
        put("(i32.const 1024) (i32.const 9)", "(i32.const 1024) (i32.const 15)");
        let adds = format!("(local.set $count (i32.add (local.get $count) (i32.const {})))", self.adds);
        put(
            "(call $put_byte (i32.const 96))\n    (call $put (local.get $name)",
            &format!("{adds}\n(call $put_byte (i32.const 96))\n    (call $put (local.get $name)"),
        );
        if let Some(load) = self.traps_from {
            let trap = format!("(if (f64.ge (local.get $total) (f64.const {load})) (then unreachable))");
            put("(local.set $count (i32.trunc", &format!("{trap} (local.set $count (i32.trunc"));
        }
        if self.look_back_ms > 0 {
            let look_back = format!("(i64.store (i32.const 416) (i64.const {}))", self.look_back_ms);
            put("(i32.store8 (i32.const 432)", &format!("{look_back} (i32.store8 (i32.const 432)"));
        }
        if self.wants_another {
            put(
                "(i32.load offset=8 (local.get $params))\n      (i32.load offset=12 (local.get $params)))",
                "(i32.const 1120) (i32.const 4))",
            );
        }
        wat::parse_str(&wat).unwrap()
    }
}

/// A policy of that name which takes no parameters.
pub(super) fn without_parameters() -> Vec<u8> {
    let describe = "
        (i32.store (i32.const 16) (i32.const 2048)) (i32.store (i32.const 20) (i32.const 15))
        (i32.store (i32.const 24) (i32.const 1032)) (i32.store (i32.const 28) (i32.const 5))
        (i32.store (i32.const 56) (i32.const 64))
        (i32.const 16)";
    let further = r#"(data (i32.const 2048) "target-tracking") (@custom "trimtab:string-encoding" "utf8")"#;
    Probe { describe: describe.to_owned(), further: further.to_owned(), ..Probe::default() }.module()
}
