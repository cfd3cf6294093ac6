//! Offsets of time zones, so that no policy bakes in a table that ages.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::seats::Binding;
use crate::policy::NeedKind;
use crate::snapshot::ZoneTransitions;

/// Most transitions told of one zone: four years of two each.
const TRANSITIONS_MAX: usize = 8;

/// The transitions that a binding's policies ask for. A zone that this machine does not know is left out: the policy sees
/// that it is missing.
pub(super) fn transitions(binding: &Binding, now_ms: u64) -> Vec<ZoneTransitions> {
    let mut all: Vec<ZoneTransitions> = Vec::new();
    let wanted = binding.slots.iter().flat_map(|slot| &slot.needs).filter(|need| need.kind == NeedKind::Transitions);
    for need in wanted {
        if all.iter().any(|known| known.zone == need.name) {
            continue;
        }
        match zone_transitions(&need.name, now_ms, need.look_back_ms) {
            Ok(zone) => all.push(zone),
            Err(error) => tracing::warn!(zone = need.name, %error, "unknown time zone"),
        }
    }
    all
}

/// The offset of a zone at `now_ms` and its transitions of the next `ahead_ms`.
///
/// # Errors
/// Where this machine knows no such zone, or no such time.
pub fn zone_transitions(name: &str, now_ms: u64, ahead_ms: u64) -> Result<ZoneTransitions, jiff::Error> {
    let zone = TimeZone::get(name)?;
    let now = Timestamp::from_millisecond(i64::try_from(now_ms).unwrap_or(i64::MAX))?;
    let until_ms = now_ms.saturating_add(ahead_ms);
    let mut at = vec![now_ms];
    let mut offsets_seconds = vec![zone.to_offset(now).seconds()];
    for transition in zone.following(now).take(TRANSITIONS_MAX) {
        let at_ms = u64::try_from(transition.timestamp().as_millisecond()).unwrap_or(0);
        if at_ms > until_ms {
            break;
        }
        at.push(at_ms);
        offsets_seconds.push(transition.offset().seconds());
    }
    Ok(ZoneTransitions { zone: name.to_owned(), at_ms: at, offsets_seconds })
}
