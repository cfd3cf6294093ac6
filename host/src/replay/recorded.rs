//! Whether a record holds what a policy wants that did not run then. A snapshot holds what the policies of its turn needed:
//! what stands in it nowhere may have been there all the same.

use std::sync::Arc;

use crate::policy::{Need, NeedKind};
use crate::quantity::DurationMs;
use crate::snapshot::{Reading, Snapshot, Subject};

/// What of these needs the snapshot does not hold, in words. `given`: what the policies of the turn needed, as far as is known.
///
/// A reading that nobody must have is absent to the policy, as in a binding that does not declare it.
pub(super) fn missing(snapshot: &Snapshot, needs: &[Need], given: &[Arc<[Need]>]) -> Vec<String> {
    let mut missing: Vec<String> = needs.iter().filter_map(|need| lack(snapshot, need, given)).collect();
    missing.dedup();
    missing
}

fn lack(snapshot: &Snapshot, need: &Need, given: &[Arc<[Need]>]) -> Option<String> {
    let farthest_ms = farthest(need, given);
    match need.kind {
        NeedKind::Reading => lack_of_reading(snapshot, need, farthest_ms),
        // The whole of these stands in every snapshot.
        NeedKind::Label | NeedKind::Instances | NeedKind::Changes => None,
        NeedKind::Nodes => (snapshot.nodes.is_empty() && farthest_ms.is_none()).then(|| "nodes".to_owned()),
        NeedKind::Alerts => (snapshot.alerts.is_empty() && farthest_ms.is_none()).then(|| "alerts".to_owned()),
        NeedKind::Transitions => {
            let known = snapshot.transitions.iter().any(|transitions| transitions.zone == need.name);
            let far_enough = farthest_ms.is_some_and(|farthest_ms| farthest_ms >= need.look_back_ms);
            (!(known && far_enough)).then(|| format!("the time zone {}", need.name))
        }
    }
}

/// How far back (or ahead) this fact was wanted then; `None`: by nobody.
fn farthest(need: &Need, given: &[Arc<[Need]>]) -> Option<u64> {
    let same = |one: &&Need| {
        let named = matches!(need.kind, NeedKind::Reading | NeedKind::Transitions);
        one.kind == need.kind && (!named || one.name == need.name) && one.subject == need.subject
    };
    given.iter().flat_map(|needs| needs.iter()).filter(same).map(|need| need.look_back_ms).max()
}

fn lack_of_reading(snapshot: &Snapshot, need: &Need, farthest_ms: Option<u64>) -> Option<String> {
    let of_need = |reading: &&Reading| *reading.name == *need.name && reading.subject == need.subject;
    let mut readings = snapshot.readings.iter().filter(of_need).peekable();
    if readings.peek().is_none() {
        // Where there are no instances (or nodes), there was nothing to be read of them.
        let nobody = match need.subject {
            Subject::Instance => snapshot.instances.is_empty() && farthest_ms.is_some(),
            Subject::Node => snapshot.nodes.is_empty() && farthest_ms.is_some(),
            _ => false,
        };
        return (need.required && !nobody).then(|| format!("the reading {:?} of the {}", need.name, need.subject));
    }
    let known_ms = farthest_ms.unwrap_or(0);
    if need.look_back_ms <= known_ms {
        return None;
    }
    // Nobody asked for so much; the binding may have. An owner without samples lacks them at any look-back.
    let from_ms = snapshot.now_ms.saturating_sub(need.look_back_ms);
    let short = |reading: &Reading| oldest_ms(reading).is_some_and(|oldest_ms| oldest_ms > from_ms);
    let asked = DurationMs(need.look_back_ms);
    readings.any(short).then(|| format!("{asked} of the reading {:?}: they hold less", need.name))
}

fn oldest_ms(reading: &Reading) -> Option<u64> {
    use crate::snapshot::Samples;
    match &reading.samples {
        Samples::Numbers { times_ms, .. } | Samples::Texts { times_ms, .. } => times_ms.first().copied(),
    }
}
