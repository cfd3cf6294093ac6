//! Offsets of time zones, so that no policy bakes in a table that ages.

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneTransition};

use super::seats::Binding;
use crate::policy::NeedKind;
use crate::snapshot::ZoneTransitions;

/// Most transitions told of one zone in each direction: four years of two each.
const TRANSITIONS_MAX: usize = 8;

/// The transitions that a binding's policies ask for. A zone that this machine does not know is left out: the policy sees
/// that it is missing.
pub(super) fn transitions(binding: &Binding, now_ms: u64) -> Vec<ZoneTransitions> {
    let mut all: Vec<ZoneTransitions> = Vec::new();
    let needs = || binding.slots.iter().flat_map(|slot| &slot.needs).filter(|need| need.kind == NeedKind::Transitions);
    for need in needs() {
        if all.iter().any(|known| known.zone == need.name) {
            continue;
        }
        let reaches_ms = needs().filter(|other| other.name == need.name).map(|other| other.look_back_ms);
        match zone_transitions(&need.name, now_ms, reaches_ms.max().unwrap_or(0)) {
            Ok(zone) => all.push(zone),
            Err(error) => tracing::warn!(zone = need.name, %error, "unknown time zone"),
        }
    }
    all
}

/// The offset of a zone at `now_ms`, and its transitions within `reach_ms` before and after. As far back as ahead: what began
/// before the last transition lasts until after it, and only both offsets tell how long.
///
/// # Errors
/// Where this machine knows no such zone, or no such time.
pub fn zone_transitions(name: &str, now_ms: u64, reach_ms: u64) -> Result<ZoneTransitions, jiff::Error> {
    let zone = TimeZone::get(name)?;
    let now = Timestamp::from_millisecond(i64::try_from(now_ms).unwrap_or(i64::MAX))?;
    let (from_ms, until_ms) = (now_ms.saturating_sub(reach_ms), now_ms.saturating_add(reach_ms));
    let told = |transition: TimeZoneTransition<'_>| {
        let at_ms = u64::try_from(transition.timestamp().as_millisecond()).unwrap_or(0);
        (at_ms, transition.offset().seconds())
    };
    // The first is in force at the far end of the look-back, so that no point in time within it lacks an offset.
    let far = Timestamp::from_millisecond(i64::try_from(from_ms).unwrap_or(i64::MAX))?;
    let first = (from_ms, zone.to_offset(far).seconds());
    let mut past: Vec<_> = zone.preceding(now).map(told).take_while(|(at_ms, _)| *at_ms > from_ms).collect();
    past.truncate(TRANSITIONS_MAX);
    past.extend((past.len() < TRANSITIONS_MAX).then_some(first));
    past.reverse();
    // `preceding` leaves out one that falls on this very moment, and so does `following`.
    let present = (now_ms, zone.to_offset(now).seconds());
    if past.last().is_none_or(|(_, offset_seconds)| *offset_seconds != present.1) {
        past.push(present);
    }
    let ahead = zone.following(now).map(told).take_while(|(at_ms, _)| *at_ms <= until_ms).take(TRANSITIONS_MAX);
    let (at_ms, offsets_seconds) = past.into_iter().chain(ahead).unzip();
    Ok(ZoneTransitions { zone: name.to_owned(), at_ms, offsets_seconds })
}

#[cfg(test)]
mod tests {
    use super::zone_transitions;

    const DAY_MS: u64 = 86_400_000;
    /// 2026-10-25, 01:00 UTC: Berlin's clocks go back.
    const JUMP_MS: u64 = 1_792_890_000_000;

    #[test]
    fn reaches_as_far_back_as_ahead() {
        let told = |now_ms, reach_ms| {
            let zone = zone_transitions("Europe/Berlin", now_ms, reach_ms).unwrap();
            (zone.at_ms, zone.offsets_seconds)
        };
        assert_eq!(told(JUMP_MS - DAY_MS, 0), (vec![JUMP_MS - DAY_MS], vec![7200]));
        let after = JUMP_MS + DAY_MS;
        assert_eq!(told(after, 2 * DAY_MS), (vec![after - 2 * DAY_MS, JUMP_MS], vec![7200, 3600]));
        assert_eq!(told(JUMP_MS, DAY_MS), (vec![JUMP_MS - DAY_MS, JUMP_MS], vec![7200, 3600]));
        let before = JUMP_MS - DAY_MS;
        assert_eq!(told(before, 2 * DAY_MS), (vec![before - 2 * DAY_MS, JUMP_MS], vec![7200, 3600]));
        let (at_ms, offsets) = told(JUMP_MS + DAY_MS, 400 * DAY_MS);
        assert_eq!((at_ms.len(), offsets), (6, vec![7200, 3600, 7200, 3600, 7200, 3600]));
        assert!(at_ms.is_sorted());
        assert_eq!(told(0, 0), (vec![0], vec![3600]), "the epoch has nothing before it");
        assert!(zone_transitions("Europe/Atlantis", 0, 0).is_err());
    }
}
