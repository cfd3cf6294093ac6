//! What every repair is held to: *towards what is desired, never past it nor past the range; not while somebody stops it, not on
//! half a list, not twice at once; many lost are neither doubled nor cleared away.*

use std::collections::BTreeSet;

use super::{Checker, Verdict, is_stopped, must};
use crate::bounds::{Mode, Origin, RepairQuestion, RepairRuling};
use crate::snapshot::{Instance, Phase};

/// Repairs since all was well.
#[derive(Default)]
pub(super) struct Mended {
    tries: u32,
    last_ms: u64,
}

impl Checker {
    pub(in super::super) fn judge_repair(&mut self, q: &RepairQuestion<'_>, ruling: &RepairRuling) -> Verdict {
        let snapshot = q.snapshot;
        let range = q.settings.replicas;
        let (min, max) = (range.min.min(range.max), range.max);
        let instances = || snapshot.instances.iter();
        let actual = instances().filter(|one| one.phase.counts() && !is_left_over(q, one)).count() as u32;
        let (desired, aim) = (snapshot.target.desired, snapshot.target.desired.min(max));
        if actual >= aim {
            self.mended.tries = 0;
        }
        let Some(decision) = &ruling.decision else { return Ok(()) };
        must(!is_stopped(snapshot, q.settings, q.gates), "repaired although stopped")?;
        must(!q.gates.event_turn, "an event repaired")?;
        must(decision.lease_epoch == q.lease_epoch && decision.key == q.key, "forgot the lease or the key")?;
        must(decision.origin == Origin::Repair, "a repair in another's name")?;
        must(decision.resize.is_empty() && decision.actions.is_empty(), "a repair does more than repair")?;
        let change = decision.replicas.ok_or("a repair of nothing")?;
        let (from, to) = (change.from, change.to);
        must(from == actual, "repaired from what is not")?;

        let mut seen = BTreeSet::new();
        let mut counting = 0;
        for id in &decision.victims {
            let known = snapshot.instance(id).ok_or("a repair sends a stranger away")?;
            must(!known.protected, "a repair sends a protected instance away")?;
            must(seen.insert(id), "a repair sends one instance away twice")?;
            must(to < from || is_left_over(q, known), "a repair sends away who serves")?;
            must(!(self.many && known.phase == Phase::Failed), "cleared away while many were lost")?;
            counting += u32::from(known.phase.counts() && !is_left_over(q, known));
        }
        must(counting <= from.saturating_sub(to), "a repair sends more away than are too many")?;
        if to > from {
            return self.grown(q, from, to, aim);
        }
        must(snapshot.in_flight.is_none(), "a repair took away while a change is in flight")?;
        must(q.settings.mode != Mode::RaiseOnly, "a repair lowered where that is forbidden")?;
        must(!self.many, "a repair took away while many were lost")?;
        must(to < from || !decision.victims.is_empty(), "a repair of nothing")?;
        let protected = instances().filter(|one| one.protected && one.phase.counts()).count() as u32;
        must(to == from || to >= desired.max(min), "a repair took away more than is too much")?;
        must(to == from || to >= protected, "a repair leaves no room for protected instances")
    }

    fn grown(&mut self, q: &RepairQuestion<'_>, from: u32, to: u32, aim: u32) -> Verdict {
        must(to <= aim, "a repair made more than is desired or allowed")?;
        let flying = q.snapshot.in_flight.as_ref().is_some_and(|change| q.snapshot.now_ms <= change.deadline_ms);
        must(!flying, "repaired what is on its way")?;
        let unseen = q.snapshot.instances.iter().filter(|one| one.phase == Phase::Lost).count() as u32;
        must(!self.many || to - from <= (aim - from).saturating_sub(unseen), "many lost were doubled")?;
        let Mended { tries, last_ms } = self.mended;
        let pause_ms = if tries == 0 { 0 } else { (1_000_u64 << (tries - 1).min(20)).min(300_000) };
        must(self.clock_ms - last_ms >= pause_ms, "repaired again at once")?;
        self.mended = Mended { tries: tries + 1, last_ms: self.clock_ms };
        Ok(())
    }
}

/// An instance that counts for nothing and is only to be cleared away.
fn is_left_over(q: &RepairQuestion<'_>, instance: &Instance) -> bool {
    let begun = matches!(instance.phase, Phase::Stopping | Phase::Stopped | Phase::Pending);
    instance.phase == Phase::Failed || (begun && instance.made_by.is_some() && q.snapshot.in_flight.is_none())
}
