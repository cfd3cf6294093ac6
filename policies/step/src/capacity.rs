//! From which count a step starts: going up, from the instances in service; going down, from those asked for and those that
//! still leave.

use std::time::Duration;

use trimtab_sdk::snapshot::Instance;
use trimtab_sdk::{Phase, Snapshot};

/// What there is of the count that was last asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Capacity {
    pub(crate) desired: u32,
    /// Those that are past their warm-up, at most `desired`.
    pub(crate) in_service: u32,
    pub(crate) warming: u32,
    /// Those that drain or stop.
    pub(crate) leaving: u32,
}

impl Capacity {
    pub(crate) fn of(snapshot: &Snapshot<'_>, warmup: Duration) -> Self {
        let desired = snapshot.desired();
        if snapshot.instances().is_empty() {
            // A backend that counts its instances and does not list them.
            let in_service = snapshot.target().ready.min(desired);
            return Self { desired, in_service, warming: desired - in_service, leaving: 0 };
        }
        let (mut in_service, mut warming, mut leaving) = (0u32, 0u32, 0u32);
        for instance in snapshot.instances() {
            match instance.phase() {
                Phase::Draining | Phase::Stopping => leaving += 1,
                phase if phase.is_leaving() => {}
                _ if is_warming(instance, snapshot.now_ms(), warmup) => warming += 1,
                _ => in_service += 1,
            }
        }
        Self { desired, in_service: in_service.min(desired), warming, leaving }
    }
}

/// An instance whose start is not known has long started.
pub(crate) fn is_warming(instance: &Instance, now_ms: u64, warmup: Duration) -> bool {
    matches!(instance.phase(), Phase::Pending | Phase::Starting) || instance.age(now_ms).is_some_and(|age| age < warmup)
}
