//! Which instances go.

use std::collections::BTreeMap;

use crate::snapshot::{Instance, Phase, Snapshot, VictimAbility};

/// The instances that go where the count falls by `fall`: first those to be removed, then in the policies' preference, then
/// failed and lost ones, unready ones, and the newest, zones staying balanced. Only ids of this snapshot; never protected
/// ones. Empty where the backend chooses.
pub(super) fn choose_victims<'a>(
    snapshot: &'a Snapshot,
    removals: &[&'a str],
    preferred: &[&str],
    fall: u32,
) -> Vec<&'a str> {
    if fall == 0 || snapshot.target.abilities.victims == VictimAbility::None {
        return Vec::new();
    }
    let number = usize::try_from(fall).unwrap_or(usize::MAX);
    let mut left: BTreeMap<&str, &Instance> = snapshot
        .instances
        .iter()
        .filter(|instance| may_go(instance))
        .map(|instance| (instance.id.as_str(), instance))
        .collect();
    let mut victims = Vec::new();
    for id in removals.iter().chain(preferred) {
        if victims.len() >= number {
            return victims;
        }
        victims.extend(left.remove(id).map(|instance| instance.id.as_str()));
    }
    default_order(left.into_values().collect(), number.saturating_sub(victims.len()), &mut victims);
    victims
}

/// Whether an instance can be told to go: it is not protected, and not on its way already.
pub(super) fn may_go(instance: &Instance) -> bool {
    !instance.protected && !matches!(instance.phase, Phase::Draining | Phase::Stopping | Phase::Stopped)
}

/// Failed and lost, then unready, then ready; within each the newest, always from the zone that has most left.
fn default_order<'a>(candidates: Vec<&'a Instance>, number: usize, victims: &mut Vec<&'a str>) {
    let rank = |instance: &Instance| match instance.phase {
        Phase::Failed | Phase::Lost => 0_u8,
        Phase::Ready => 2,
        _ => 1,
    };
    let mut zones: BTreeMap<&str, usize> = BTreeMap::new();
    for instance in candidates.iter().filter(|instance| instance.phase.counts()) {
        *zones.entry(instance.zone.as_deref().unwrap_or("")).or_default() += 1;
    }
    let mut ranks: [BTreeMap<&str, Vec<&Instance>>; 3] = Default::default();
    for instance in candidates {
        if let Some(by_zone) = ranks.get_mut(usize::from(rank(instance))) {
            by_zone.entry(instance.zone.as_deref().unwrap_or("")).or_default().push(instance);
        }
    }
    let mut wanted = number;
    for mut by_zone in ranks {
        // Oldest first, so that the newest is at the end; an instance of unknown age counts as new.
        for instances in by_zone.values_mut() {
            instances.sort_by_key(|instance| (instance.started_ms.unwrap_or(u64::MAX), instance.id.as_str()));
        }
        while wanted > 0 {
            let fullest =
                by_zone.iter_mut().filter(|(_, instances)| !instances.is_empty()).max_by_key(|(zone, instances)| {
                    let newest = instances.last().map(|instance| instance.started_ms.unwrap_or(u64::MAX));
                    (zones.get(*zone).copied().unwrap_or(0), newest)
                });
            let Some((zone, instances)) = fullest else { break };
            let Some(instance) = instances.pop() else { break };
            if instance.phase.counts()
                && let Some(number) = zones.get_mut(*zone)
            {
                *number = number.saturating_sub(1);
            }
            victims.push(&instance.id);
            wanted -= 1;
        }
    }
}
