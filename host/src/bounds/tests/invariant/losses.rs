//! Who is lost, as the checker keeps it: when more than the share of them were lost within a window and are lost still, it is
//! too many, until they are back, replaced, or gone.
//!
//! Weaker than the kernel on purpose: whoever is back counts here no further at once, so that a kernel may hold longer.

use std::collections::{BTreeMap, BTreeSet};

use crate::bounds::Settings;
use crate::snapshot::{Phase, Snapshot};

#[derive(Default)]
pub(super) struct Losses {
    since_ms: BTreeMap<String, u64>,
    replaced: BTreeSet<String>,
    too_many: bool,
}

impl Losses {
    /// Tells whether too many are lost.
    pub(super) fn see(&mut self, clock_ms: u64, snapshot: &Snapshot, settings: &Settings) -> bool {
        let instances = snapshot.instances.iter().map(|one| (format!("i:{}", one.id), one.phase.is_lost()));
        let nodes = snapshot.nodes.iter().map(|one| (format!("n:{}", one.id), !one.ready));
        let seen: BTreeMap<String, bool> = instances.chain(nodes).collect();
        let whole = snapshot.inventory.is_complete();
        let still = |name: &String| seen.get(name).copied().unwrap_or(!whole);
        self.since_ms.retain(|name, _| still(name));
        self.replaced.retain(still);
        for name in seen.iter().filter(|(_, lost)| **lost).map(|(name, _)| name) {
            if !self.replaced.contains(name) {
                self.since_ms.entry(name.clone()).or_insert(clock_ms);
            }
        }
        let ready = snapshot.instances.iter().filter(|one| one.phase == Phase::Ready).count() as u32;
        if whole && ready >= snapshot.target.desired {
            for one in snapshot.instances.iter().filter(|one| one.phase == Phase::Failed) {
                let name = format!("i:{}", one.id);
                if self.since_ms.get(&name).is_some_and(|since_ms| *since_ms < clock_ms) {
                    self.since_ms.remove(&name);
                    self.replaced.insert(name);
                }
            }
        }
        let instances = snapshot.instances.len().max(snapshot.target.desired as usize);
        let exceeds = |kind: &str, of: usize| {
            let of_kind = self.since_ms.iter().filter(|(name, _)| name.starts_with(kind));
            let recent = |since_ms: &u64| self.too_many || clock_ms - since_ms < settings.lost_window_ms;
            let lost = of_kind.filter(|(_, since_ms)| recent(since_ms)).count();
            let few = lost as f64 <= settings.lost_share_max * of as f64;
            lost >= 2 && !few
        };
        let enough = f64::from(ready) >= (1.0 - settings.lost_share_max) * f64::from(snapshot.target.desired);
        let holds = self.too_many && !(whole && enough);
        self.too_many = holds || exceeds("i:", instances) || exceeds("n:", snapshot.nodes.len());
        self.too_many
    }
}
