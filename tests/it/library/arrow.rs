//! A bench for a policy in the whole arrow: the real cycle over a backend in memory that dies and comes back as a story says,
//! turn after turn, 15 seconds apart.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use trimtab::alerts::{Aim, Alerts, Incoming};
use trimtab::audit::{self, Trigger};
use trimtab::bounds::{Range, Settings};
use trimtab::cycle::{Binding, Clock, Cycle, Lease, Parts, Patience, Role, Selector, Shared, Slot, TimerClock};
use trimtab::drivers::memory::{MemoryDriver, MemorySettings, MemoryTarget};
use trimtab::policy::check_params;
use trimtab::snapshot::{Instance, Phase, TargetId};
use trimtab::sources::GatherLimits;
use trimtab::store::MemoryStore;

use super::builtin;

const NOON_MS: u64 = 1_795_176_000_000;
const EVERY_MS: u64 = 15_000;

/// One workload, `local/web`, with one policy.
pub(crate) struct Arrow {
    pub(crate) driver: Arc<MemoryDriver>,
    alerts: Arc<Alerts>,
    cycle: Cycle,
    clock: Arc<TimerClock>,
    binding: Arc<Binding>,
    target: TargetId,
}

impl Arrow {
    /// So many replicas that are ready for an hour, and the host repairs what is missing. Time has to be paused.
    pub(crate) async fn of(name: &str, params: &Value, replicas: u32) -> Self {
        let clock = Arc::new(TimerClock::starting_at(NOON_MS));
        let behavior = MemorySettings { keeps_desired: false, start_ms: 5_000, stop_ms: 0 };
        let driver = Arc::new(MemoryDriver::new("local", behavior));
        driver.set_now(NOON_MS);
        let target = driver.insert(MemoryTarget::new("web", replicas)).unwrap();
        for instance in driver.instances("web") {
            driver.edit_instance("web", &instance.id, |one| {
                (one.phase, one.started_ms) = (Phase::Ready, Some(NOON_MS - 3_600_000));
            });
        }
        let store = Arc::new(MemoryStore::new());
        let alerts = Arc::new(Alerts::load(Arc::clone(&store) as _).await.unwrap());
        let parts = Parts {
            driver: Arc::clone(&driver) as _,
            registrars: Vec::new(),
            sources: Arc::default(),
            store,
            records: audit::Settings::default(),
            host: "here".to_owned(),
            clock: Arc::clone(&clock) as _,
            patience: Patience::default(),
            gather_limits: GatherLimits::default(),
            lease: Lease { epoch: 1, expires_ms: u64::MAX },
            shared: Shared::default(),
        };
        let mut cycle = Cycle::take_up(parts).await.unwrap();
        cycle.hear(Arc::clone(&alerts));
        let binding = binding(name, params, target.clone());
        let mut arrow = Self { driver, alerts, cycle, clock, binding, target };
        arrow.turns(2).await;
        arrow
    }

    /// So many turns, each with all that it begins carried to its end.
    pub(crate) async fn turns(&mut self, count: u32) {
        for _ in 0..count {
            let due = [self.binding.name.clone()].into();
            self.driver.set_now(self.clock.now_ms());
            self.cycle.turn(&[Arc::clone(&self.binding)], &due, &Trigger::Pace).await.unwrap();
            let next = tokio::time::Instant::now() + std::time::Duration::from_millis(EVERY_MS);
            while tokio::time::Instant::now() < next {
                let second = tokio::time::Instant::now() + std::time::Duration::from_secs(1);
                if self.cycle.running() > 0
                    && let Ok(finished) = tokio::time::timeout_at(second, self.cycle.next_finished()).await
                {
                    drop(finished.unwrap());
                }
                tokio::time::sleep_until(second).await;
                self.driver.set_now(self.clock.now_ms());
            }
        }
    }

    /// One instance is changed by force.
    pub(crate) fn force(&self, instance: &str, edit: impl FnOnce(&mut Instance)) {
        assert!(self.driver.edit_instance("web", instance, edit), "no {instance}");
    }

    /// An alert with that name comes, and stands for an hour.
    pub(crate) async fn alert(&self, name: &str) {
        let labels: BTreeMap<String, String> = [("alertname".to_owned(), name.to_owned())].into();
        let one = Incoming { name: name.to_owned(), labels, expires_in_ms: 3_600_000, ..Incoming::default() };
        let aim = Aim { targets: vec![self.target.clone()], ..Aim::default() };
        self.alerts.take(vec![(one, aim)], "story", self.clock.now_ms()).await.unwrap();
    }

    /// How the alerts stand, by name: `HighCpu open`.
    pub(crate) fn alerts(&self) -> Vec<String> {
        let now_ms = self.clock.now_ms();
        let alerts = self.alerts.all();
        let mut told: Vec<String> =
            alerts.iter().map(|alert| format!("{} {}", alert.name, alert.state(now_ms).word())).collect();
        told.sort();
        told
    }

    /// Replicas that are desired.
    pub(crate) fn desired(&self) -> u32 {
        self.cycle.state(&self.target).and_then(|state| state.desired).unwrap()
    }

    /// The instances with their phases, `web-1 ready`, those made by the host as `new`.
    pub(crate) fn instances(&self) -> Vec<String> {
        let word = |one: &Instance| {
            let name = if one.made_by.is_some() { "new" } else { one.id.as_str() };
            format!("{name} {:?}", one.phase).to_lowercase()
        };
        let mut told: Vec<String> = self.driver.instances("web").iter().map(word).collect();
        told.sort();
        told
    }
}

fn binding(name: &str, params: &Value, target: TargetId) -> Arc<Binding> {
    let policy = builtin(name);
    let params = check_params(&policy.manifest().parameters, params.as_object().unwrap()).unwrap();
    let needs = policy.needs(&params).unwrap();
    let granted = policy.manifest().kinds.clone();
    let slot = Slot { name: name.to_owned(), role: Role::Active { probation: None }, policy, params, needs, granted };
    Arc::new(Binding {
        name: "web".to_owned(),
        digest: "web".to_owned(),
        select: Selector::Ids([target].into()),
        every_ms: EVERY_MS,
        settings: Settings { stabilize_down_ms: 0, ..Settings::default() },
        readings: Vec::new(),
        slots: vec![slot],
        alerts: Vec::new(),
        caps: Range { min: 0, max: u32::MAX },
        group: None,
        fitting: None,
    })
}
