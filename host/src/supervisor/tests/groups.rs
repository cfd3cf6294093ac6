//! Budgets of groups: two backends, many targets, one budget. Turns are made by hand, one backend after the other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tempfile::TempDir;

use super::full_store::FullStore;
use super::stage::NOON_MS;
use crate::audit::{self, Trigger};
use crate::bounds::Restraint;
use crate::config::Config;
use crate::cycle::{Binding, Board, Cycle, Lease, Parts, Patience, Shared, Steered, TimerClock, TurnReport};
use crate::drivers::memory::{Failure, MemoryDriver, MemorySettings, MemoryTarget};
use crate::policy::probe::sandbox;
use crate::registry::{Registry, RegistryParts};
use crate::sandbox::Compiler;
use crate::snapshot::TargetId;
use crate::sources::memory::MemorySource;
use crate::sources::{GatherLimits, Source, Sources};
use crate::store::Store;
use crate::supervisor::bind::{Binder, Found};

const CONFIG: &str = r#"
[driver.east.process]
[driver.west.process]
[source.meter.prometheus]
url = "http://127.0.0.1:9"
[group.shop]
replicas_max = 20
"#;

/// A binding for all targets of a driver.
fn binding(driver: &str, least: u32) -> String {
    format!(
        r#"
[binding.{driver}]
select = {{ driver = "{driver}" }}
group = "shop"
every = "1h"
replicas = {{ min = {least}, max = 100 }}
stabilization = {{ up = "0s", down = "0s" }}
reading = [{{ name = "load", source = "meter", query = "load" }}]
policy = [{{ use = "target-tracking", params = {{ reading = "load", target = 50.0 }} }}]
"#
    )
}

struct Pair {
    _folder: TempDir,
    bindings: Vec<Arc<Binding>>,
    cycles: Vec<Cycle>,
    drivers: Vec<Arc<MemoryDriver>>,
    source: Arc<MemorySource>,
    sources: Arc<Sources>,
    store: Arc<FullStore>,
    clock: Arc<TimerClock>,
    board: Arc<Board>,
    shared: Shared,
    _steered: tokio::sync::watch::Sender<Arc<Steered>>,
}

impl Pair {
    /// Backends `east` and `west`, each with targets `a`, `b` … of so many replicas.
    async fn set(config: &str, east: &[u32], west: &[u32]) -> Self {
        let folder = TempDir::new().unwrap();
        let store: Arc<FullStore> = Arc::default();
        let source = Arc::new(MemorySource::new("meter"));
        let sources: Arc<Sources> = Arc::new([("meter".to_owned(), Arc::clone(&source) as Arc<dyn Source>)].into());
        let registry = Arc::new(Registry::new(RegistryParts {
            sandbox: sandbox(),
            compiler: Compiler::in_process(),
            cache: None,
            store: Arc::clone(&store) as Arc<dyn Store>,
            policies_dir: folder.path().to_owned(),
        }));
        let config =
            Config::parse(config, &folder.path().join("trimtab.toml")).unwrap_or_else(|found| panic!("{found}"));
        let binder = Binder {
            registry: &registry,
            sources: &sources,
            planned: None,
            config: &config,
            keys: registry.keys(),
            granting: None,
            found: Found::default(),
        };
        let bindings = binder.all(&config.bindings.iter().collect::<Vec<_>>(), &[]).await.unwrap();
        let behavior = MemorySettings { keeps_desired: false, start_ms: 0, stop_ms: 0 };
        let drivers = [("east", east), ("west", west)].map(|(name, counts)| {
            let driver = Arc::new(MemoryDriver::new(name, behavior));
            for (count, letter) in counts.iter().zip('a'..='z') {
                driver.insert(MemoryTarget::new(&letter.to_string(), *count)).unwrap();
            }
            driver
        });
        let mut pair = Self {
            _folder: folder,
            bindings,
            cycles: Vec::new(),
            drivers: drivers.to_vec(),
            source,
            sources,
            store,
            clock: Arc::new(TimerClock::starting_at(NOON_MS)),
            board: Arc::default(),
            shared: Shared::default(),
            _steered: tokio::sync::watch::Sender::new(Arc::default()),
        };
        pair.start(1).await;
        pair
    }

    /// A host takes all up: the first, or one that starts again.
    async fn start(&mut self, epoch: u64) {
        self.cycles.clear();
        self.shared = Shared::default();
        for driver in &self.drivers {
            let parts = Parts {
                driver: Arc::clone(driver) as _,
                registrars: Vec::new(),
                sources: Arc::clone(&self.sources),
                store: Arc::clone(&self.store) as _,
                records: audit::Settings::default(),
                host: "here".to_owned(),
                clock: Arc::clone(&self.clock) as _,
                patience: Patience::default(),
                gather_limits: GatherLimits::default(),
                lease: Lease { epoch, expires_ms: u64::MAX },
                shared: self.shared.clone(),
            };
            let mut cycle = Cycle::take_up(parts).await.unwrap();
            cycle.steer(self._steered.subscribe(), Arc::clone(&self.board));
            self.cycles.push(cycle);
        }
    }

    /// All want as many as this.
    fn want(&self, counts: &[(&str, u32)]) {
        for (target, count) in counts {
            let load = f64::from(*count) * 50.0;
            self.source.set("load", &id(target), None, crate::cycle::Clock::now_ms(self.clock.as_ref()), load);
        }
    }

    /// A turn of one backend, and the end of what it began.
    async fn turn(&mut self, at: usize) -> TurnReport {
        let due: BTreeSet<String> = self.bindings.iter().map(|binding| binding.name.clone()).collect();
        let cycle = &mut self.cycles[at];
        let report = cycle.turn(&self.bindings, &due, &Trigger::Pace).await.unwrap();
        while cycle.running() > 0 {
            cycle.next_finished().await.unwrap();
        }
        report
    }

    fn desired(&self, target: &str) -> u32 {
        let id = id(target);
        self.cycles.iter().find_map(|cycle| cycle.state(&id)).and_then(|state| state.desired).unwrap()
    }

    fn held(&self) -> u64 {
        self.shared.budgets.held("shop")
    }

    fn restraints(&self, target: &str) -> Vec<Restraint> {
        self.board.target(&id(target)).unwrap().seats[0].restraints.clone()
    }
}

fn id(target: &str) -> TargetId {
    target.parse().unwrap()
}

fn both(least: u32) -> String {
    format!("{CONFIG}{}{}", binding("east", least), binding("west", least))
}

#[tokio::test]
async fn a_group_has_no_more_than_its_budget_over_all_backends() {
    let mut pair = Pair::set(&both(1), &[4, 4], &[4]).await;
    pair.turn(1).await;
    pair.want(&[("east/a", 50), ("east/b", 6), ("west/a", 50)]);
    pair.turn(0).await;
    // Twelve are there, eight are left: the small wish is met, the other has the rest.
    assert_eq!((pair.desired("east/a"), pair.desired("east/b")), (10, 6));
    let short = pair.restraints("east/a");
    let budget = Restraint::Budget { group: "shop".to_owned(), present: 4, wished: 50, held: 10, left: 6 };
    assert!(short.contains(&budget), "{short:?}");
    assert!(!pair.restraints("east/b").iter().any(|one| matches!(one, Restraint::Budget { .. })));
    pair.turn(1).await;
    assert_eq!((pair.desired("west/a"), pair.held()), (4, 20), "nothing is left for the other backend");
    // What one gives up another may have.
    pair.want(&[("east/a", 2), ("east/b", 6), ("west/a", 50)]);
    pair.turn(0).await;
    pair.turn(0).await;
    pair.want(&[("west/a", 50)]);
    pair.turn(1).await;
    assert_eq!((pair.desired("east/a"), pair.desired("west/a"), pair.held()), (2, 12, 20));
}

#[tokio::test]
async fn equal_wishes_have_equal_shares_whatever_their_order() {
    let mut pair = Pair::set(&both(1), &[2, 2, 2, 2], &[]).await;
    pair.want(&[("east/a", 30), ("east/b", 40), ("east/c", 50), ("east/d", 60)]);
    pair.turn(0).await;
    let counts = ["a", "b", "c", "d"].map(|name| pair.desired(&format!("east/{name}")));
    assert_eq!(counts, [5, 5, 5, 5]);
    assert_eq!(pair.held(), 20);
}

#[tokio::test]
async fn a_target_comes_to_its_fewest_whatever_the_budget() {
    let mut pair = Pair::set(&both(8), &[2, 2, 2], &[]).await;
    pair.want(&[("east/a", 30), ("east/b", 30), ("east/c", 30)]);
    pair.turn(0).await;
    let counts = ["a", "b", "c"].map(|name| pair.desired(&format!("east/{name}")));
    assert_eq!(counts, [8, 8, 8], "the budget never holds back what the range demands");
    assert_eq!(pair.held(), 24);
}

#[tokio::test]
async fn what_nobody_sees_goes_on_holding_also_over_a_restart() {
    let mut pair = Pair::set(&both(1), &[8], &[8]).await;
    pair.turn(0).await;
    pair.turn(1).await;
    assert_eq!(pair.held(), 16);
    pair.start(2).await;
    // The west does not answer; a host that starts knows nothing of it but what was kept.
    pair.drivers[1].fail(Failure::Observe { times: 1_000 });
    pair.want(&[("east/a", 50)]);
    pair.turn(1).await;
    pair.turn(0).await;
    assert_eq!((pair.desired("east/a"), pair.held()), (12, 20));
}

#[tokio::test]
async fn what_is_gone_for_long_or_left_the_group_holds_nothing() {
    let mut pair = Pair::set(&both(1), &[8], &[4, 4]).await;
    pair.turn(0).await;
    pair.turn(1).await;
    assert_eq!(pair.held(), 16);
    pair.drivers[1].remove("b");
    pair.turn(1).await;
    assert_eq!(pair.held(), 16, "it may come back");
    pair.clock.jump(11 * 60 * 1000);
    pair.turn(1).await;
    assert_eq!(pair.held(), 12);
    let alone: Binding = Binding { group: None, ..pair.bindings[1].as_ref().clone() };
    pair.bindings[1] = Arc::new(alone);
    pair.turn(1).await;
    assert_eq!(pair.held(), 8);
}

#[tokio::test]
async fn records_of_different_backends_have_different_ids() {
    let mut pair = Pair::set(&both(1), &[1, 1], &[1, 1]).await;
    for _ in 0..2 {
        pair.turn(0).await;
        pair.turn(1).await;
    }
    let mut seen = BTreeSet::new();
    for target in ["east/a", "east/b", "west/a", "west/b"] {
        let span = audit::Span { from_ms: 0, to_ms: u64::MAX, entries_max: 1_000 };
        for event in audit::history(pair.store.as_ref(), &id(target), span).await.unwrap() {
            if let audit::Event::Turn(turn) = event {
                assert!(seen.insert(turn.record.id.as_str().to_owned()), "{} twice", turn.record.id);
            }
        }
    }
    assert_eq!(seen.len(), 8);
}

#[tokio::test]
async fn a_raise_that_cannot_be_kept_gives_its_budget_back() {
    let mut pair = Pair::set(&both(1), &[4], &[4]).await;
    pair.turn(0).await;
    pair.turn(1).await;
    pair.want(&[("east/a", 50), ("west/a", 9)]);
    pair.store.full.store(true, Ordering::Relaxed);
    let due = BTreeSet::from(["east".to_owned()]);
    let failed = pair.cycles[0].turn(&pair.bindings, &due, &Trigger::Pace).await;
    assert!(failed.is_err(), "{failed:?}");
    assert_eq!(pair.held(), 8, "nothing was begun");
    pair.store.full.store(false, Ordering::Relaxed);
    pair.turn(1).await;
    assert_eq!((pair.desired("west/a"), pair.held()), (9, 13));
}
