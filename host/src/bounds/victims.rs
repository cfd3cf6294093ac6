//! Which instances go.

use crate::snapshot::{Instance, Phase, Snapshot, VictimAbility};

/// Instances of one zone that may go, by rank, the newest last.
struct Zone<'a> {
    name: Option<&'a str>,
    /// How many of it count towards the desired number, those taken already left out.
    counting: usize,
    ranks: [Vec<&'a Instance>; 3],
}

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
    let mut left: Vec<&Instance> = snapshot.instances.iter().filter(|instance| may_go(instance)).collect();
    let mut victims = Vec::new();
    if !(removals.is_empty() && preferred.is_empty()) {
        left.sort_unstable_by_key(|instance| instance.id.as_str());
    }
    for id in removals.iter().chain(preferred) {
        if victims.len() >= number {
            return victims;
        }
        if let Ok(place) = left.binary_search_by_key(id, |instance| instance.id.as_str()) {
            victims.push(left.remove(place).id.as_str());
        }
    }
    default_order(&left, number, &mut victims);
    victims
}

/// Whether an instance can be told to go: it is not protected, and not on its way already.
pub(super) fn may_go(instance: &Instance) -> bool {
    !instance.protected && !matches!(instance.phase, Phase::Draining | Phase::Stopping | Phase::Stopped)
}

/// Failed and lost, then unready, then ready; within each the newest, always from the zone that has most left.
fn default_order<'a>(left: &[&'a Instance], number: usize, victims: &mut Vec<&'a str>) {
    let mut zones = by_zone(left);
    for rank in 0..3 {
        while victims.len() < number {
            let last = |zone: &Zone<'a>| zone.ranks.get(rank).and_then(|ranked| ranked.last().copied());
            let fullest = zones
                .iter_mut()
                .filter(|zone| last(zone).is_some())
                .max_by_key(|zone| (zone.counting, last(zone).map(age)));
            let Some(zone) = fullest else { break };
            let Some(instance) = zone.ranks.get_mut(rank).and_then(Vec::pop) else { break };
            zone.counting = zone.counting.saturating_sub(usize::from(instance.phase.counts()));
            victims.push(&instance.id);
        }
    }
}

fn by_zone<'a>(left: &[&'a Instance]) -> Vec<Zone<'a>> {
    let mut zones: Vec<Zone<'_>> = Vec::new();
    for instance in left {
        let name = instance.zone.as_deref();
        let place = zones.iter().position(|zone| zone.name == name).unwrap_or_else(|| {
            zones.push(Zone { name, counting: 0, ranks: Default::default() });
            zones.len() - 1
        });
        let rank = match instance.phase {
            Phase::Failed | Phase::Lost => 0,
            Phase::Ready => 2,
            _ => 1,
        };
        let Some(zone) = zones.get_mut(place) else { continue };
        zone.counting += usize::from(instance.phase.counts());
        if let Some(ranked) = zone.ranks.get_mut(rank) {
            ranked.push(instance);
        }
    }
    for ranked in zones.iter_mut().flat_map(|zone| &mut zone.ranks) {
        ranked.sort_by_key(|instance| age(instance));
    }
    zones
}

/// When it started; an instance of unknown age counts as new.
fn age(instance: &Instance) -> u64 {
    instance.started_ms.unwrap_or(u64::MAX)
}
