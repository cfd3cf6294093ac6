//! What every decision is held to: *no change moves away from [min, max]; outside it, changes move inward within the step
//! limits; none exceeds a step, a window, a cooldown, a budget or a grant* — and what else design section 3 forbids.
//!
//! Written from that sentence and not from the kernel: it keeps its own history, its own clock and its own sums, looks only
//! at questions and decisions, and takes nothing from the past that the kernel hands on.

mod losses;
mod mended;

use std::collections::BTreeSet;

use self::losses::Losses;
use self::mended::Mended;
use super::*;
use crate::snapshot::VictimAbility;

/// What a history has shown so far.
#[derive(Default)]
pub(super) struct Checker {
    clock_ms: u64,
    told_ms: u64,
    counts: Vec<(u64, u32, u32)>,
    resizes: Vec<(u64, bool)>,
    actions: Vec<(u64, u32)>,
    wishes: Vec<(u64, u32)>,
    unanswered_ms: Option<u64>,
    lost_before: BTreeSet<String>,
    losses: Losses,
    mended: Mended,
    /// The clock jumped, at this time as told, and no sample has come since.
    jumped_ms: Option<u64>,
    /// Too many are lost.
    many: bool,
}

type Verdict = Result<(), &'static str>;

fn must(holds: bool, wrong: &'static str) -> Verdict {
    if holds { Ok(()) } else { Err(wrong) }
}

/// What the checker makes of one question.
struct Turn<'q> {
    q: &'q Question<'q>,
    /// The combined wishes: as voted, and with the groups' votes standing for what is.
    wishes: [Option<u32>; 2],
    blamed: bool,
    certain: bool,
    pinned: bool,
    fallback: Option<u32>,
    jumped: bool,
    many_lost: bool,
    missing: bool,
}

impl Checker {
    /// A turn begins: time goes on, the facts are looked at.
    pub(super) fn begin(&mut self, snapshot: &Snapshot, settings: &Settings, gates: &Gates) {
        let first = self.told_ms == 0;
        let told_ms = std::mem::replace(&mut self.told_ms, snapshot.now_ms);
        self.clock_ms += snapshot.now_ms.saturating_sub(told_ms).max(u64::from(snapshot.now_ms < told_ms));
        if !first && (gates.clock_jumped || snapshot.now_ms.saturating_add(1_000) <= told_ms) {
            self.jumped_ms = Some(snapshot.now_ms);
        } else if let Some(at_ms) = self.jumped_ms {
            let mut samples = snapshot.readings.iter().filter_map(Reading::latest_ms).peekable();
            if samples.peek().is_none() || samples.any(|time| at_ms < time && time <= snapshot.now_ms) {
                self.jumped_ms = None;
            }
        }
        self.many = self.losses.see(self.clock_ms, snapshot, settings);
    }

    /// What was decided in this turn was not done.
    pub(super) fn undone(&mut self) {
        let now_ms = self.clock_ms;
        self.counts.retain(|(at, ..)| *at != now_ms);
        self.resizes.retain(|(at, _)| *at != now_ms);
        self.actions.retain(|(at, _)| *at != now_ms);
    }

    pub(super) fn judge(&mut self, q: &Question<'_>, ruling: &Ruling) -> Verdict {
        let turn = self.turn(q);
        let desired = q.snapshot.target.desired;
        let raw = turn.wishes[0].or(turn.fallback).unwrap_or(desired);
        self.wishes.push((self.clock_ms, raw));
        let Some(decision) = &ruling.decision else { return Ok(()) };
        must(!is_stopped(q.snapshot, q.settings, q.gates), "acted although stopped")?;
        must(decision.lease_epoch == q.lease_epoch && decision.key == q.key, "forgot the lease or the key")?;
        if let Some(change) = decision.replicas {
            self.count(&turn, decision, change)?;
            self.counts.push((self.clock_ms, change.from, change.to));
        }
        self.instance_actions(&turn, decision)?;
        if !decision.resize.is_empty() {
            let raises = self.figures(&turn, decision)?;
            self.resizes.push((self.clock_ms, raises));
        }
        whole_group(&turn, decision)
    }

    fn turn<'q>(&mut self, q: &'q Question<'q>) -> Turn<'q> {
        let failed = |vote: &Vote| !answers_sensibly(vote);
        let answered = |vote: &Vote| match &vote.answer {
            VoteAnswer::Proposals(_) => true,
            VoteAnswer::Refused(refusal) => refusal.kind == RefusalKind::NotApplicable,
            _ => false,
        };
        if q.votes.iter().any(answered) {
            self.unanswered_ms = None;
        } else {
            self.unanswered_ms.get_or_insert(self.clock_ms);
        }
        let silent_ms = self.unanswered_ms.map(|since_ms| self.clock_ms - since_ms);
        let due = q.settings.fallback.filter(|fallback| silent_ms.is_some_and(|silent| silent >= fallback.after_ms));
        let fallback = due.and_then(|fallback| match fallback.behavior {
            Behavior::Hold => None,
            Behavior::IfHigher(count) => Some(count).filter(|count| *count > q.snapshot.target.desired),
            Behavior::Fixed(count) => Some(count),
        });
        let fixed = fallback.is_some() && matches!(due.unwrap().behavior, Behavior::Fixed(_));
        let pinned = q.gates.pin.as_ref().is_some_and(|pin| pin.until_ms.is_none_or(|until| q.snapshot.now_ms < until));
        let lost: BTreeSet<String> =
            q.snapshot.instances.iter().filter(|one| one.phase.is_lost()).map(|one| one.id.clone()).collect();
        let new = lost.difference(&self.lost_before).count();
        let of = q.snapshot.instances.len().max(q.snapshot.target.desired as usize);
        self.lost_before = lost;
        Turn {
            q,
            wishes: [false, true].map(|without_groups| combined(q, without_groups)),
            blamed: q.votes.iter().any(|vote| !answered(vote) || failed(vote)),
            certain: pinned || fixed,
            pinned,
            fallback,
            jumped: self.jumped_ms.is_some(),
            many_lost: self.many || (new >= 2 && new as f64 > q.settings.lost_share_max * of as f64),
            missing: is_missing(q),
        }
    }

    fn count(&self, turn: &Turn<'_>, decision: &Decision, change: CountChange) -> Verdict {
        let (q, settings) = (turn.q, turn.q.settings);
        let CountChange { from, to } = change;
        let Range { min, max } = settings.replicas;
        must(from == q.snapshot.target.desired && to != from, "a change from what is not, or to what is")?;
        let inward = if from < min {
            from < to && to <= max
        } else if from > max {
            min <= to && to < from
        } else {
            min <= to && to <= max
        };
        must(inward, "the count leaves the range")?;
        let up = to > from;
        let distance = to.abs_diff(from);
        let step = if up { settings.step_up } else { settings.step_down };
        must(distance <= reach(step, from), "a step too far")?;
        for window in if up { &settings.windows_up } else { &settings.windows_down } {
            let recent = || self.counts.iter().filter(|(at, ..)| self.clock_ms - at < window.window_ms);
            let added: u32 = recent().map(|(_, from, to)| to.saturating_sub(*from)).sum();
            let taken: u32 = recent().map(|(_, from, to)| from.saturating_sub(*to)).sum();
            let used = if up { added } else { taken };
            let base = (i64::from(from) - i64::from(added) + i64::from(taken)).max(0) as u32;
            must(
                u64::from(used) + u64::from(distance) <= u64::from(reach(window.limit, base)),
                "more than a window allows",
            )?;
        }
        if let Some(budget) = q.gates.budget.as_ref().filter(|_| up) {
            must(distance <= budget.left || to <= min, "more than the budget has")?;
        }
        self.in_flight(q, to)?;
        let corrects = if from < min {
            to <= min
        } else if from > max {
            to >= max
        } else {
            false
        };
        if !corrects {
            let raised =
                self.counts.iter().filter(|(_, from, to)| !up || to > from).map(|(at, ..)| self.clock_ms - at).min();
            let pause = if up { settings.cooldown.up_ms } else { settings.cooldown.down_ms };
            must(raised.is_none_or(|since| since >= pause), "a cooldown was cut short")?;
            self.wanted(turn, change)?;
        }
        if !up {
            must(!q.gates.event_turn, "an event lowered")?;
            must(settings.mode != Mode::RaiseOnly, "a binding that raises only lowered")?;
            must(!turn.many_lost, "lowered while many were lost")?;
            must(corrects || turn.certain || !(turn.blamed || turn.missing || turn.jumped), "lowered on missing data")?;
        }
        victims(q, decision, change)
    }

    fn in_flight(&self, q: &Question<'_>, to: u32) -> Verdict {
        let Some(change) = &q.snapshot.in_flight else { return Ok(()) };
        must(to > q.snapshot.target.desired, "lowered while a change is in flight")?;
        if q.snapshot.now_ms <= change.deadline_ms {
            must(q.snapshot.target.abilities.supersede, "superseded what must not be")?;
            must(change.to_count <= change.from_count || to > change.to_count, "made a raise twice")?;
        }
        Ok(())
    }

    /// Somebody who may wished at least as much, long enough, and by more than the tolerance.
    fn wanted(&self, turn: &Turn<'_>, CountChange { from, to }: CountChange) -> Verdict {
        let (q, settings) = (turn.q, turn.q.settings);
        let up = to > from;
        if turn.pinned {
            let pin = q.gates.pin.as_ref().unwrap().replicas;
            return must(if up { to <= pin } else { to >= pin }, "went past the pin");
        }
        if removable(q).next().is_some() && !up {
            return Ok(());
        }
        let wishes: Vec<u32> = turn.wishes.into_iter().flatten().chain(turn.fallback).collect();
        let reaches = |wish: &u32| if up { *wish >= to } else { *wish <= to };
        must(wishes.iter().any(reaches), "nobody who may wished for that")?;
        let near = |wish: &u32| f64::from(wish.abs_diff(from)) < settings.tolerance * f64::from(from);
        let far = |wish: &u32| !near(wish);
        must(turn.fallback.is_some() || wishes.iter().any(|wish| reaches(wish) && far(wish)), "within the tolerance")?;
        let window_ms = if up { settings.stabilize_up_ms } else { settings.stabilize_down_ms };
        let steady = |(at, wish): &(u64, u32)| self.clock_ms - at >= window_ms || reaches(wish);
        must(self.wishes.iter().all(steady), "a wish within the window was less")
    }

    fn instance_actions(&mut self, turn: &Turn<'_>, decision: &Decision) -> Verdict {
        let (q, settings) = (turn.q, turn.q.settings);
        let (mut away, mut seen) = (0, BTreeSet::new());
        for InstanceAction { kind, instance } in &decision.actions {
            let known = q.snapshot.instance(instance).ok_or("acted on a stranger")?;
            must(seen.insert(instance), "acted on one instance twice")?;
            must(!decision.victims.contains(instance), "acted on one that goes")?;
            must(*kind != ActionKind::Remove, "a removal is a change of the count")?;
            let word = kind.to_string();
            let asked = granted(q).any(|proposal| match proposal.kind {
                ProposalKind::Redeploy => *kind == ActionKind::Replace,
                _ => proposal.kind.as_str() == word && proposal.instances.contains(instance),
            });
            must(asked, "acted unasked")?;
            if *kind == ActionKind::Start {
                continue;
            }
            let still = q.snapshot.in_flight.is_none() && !q.gates.event_turn && settings.mode == Mode::Act;
            must(still && !known.protected, "took away what must stay")?;
            must(*kind != ActionKind::Replace || !turn.many_lost, "replaced while many were lost")?;
            away += u32::from(known.phase == Phase::Ready);
        }
        let ready = q.snapshot.instances.iter().filter(|one| one.phase == Phase::Ready).count() as u32;
        let free = settings.unavailable_max.saturating_sub(q.snapshot.target.desired.saturating_sub(ready));
        must(away <= free, "more away at once than allowed")?;
        must(away == 0 || ready - away >= settings.ready_min, "too few remain ready")?;
        let number = decision.actions.len() as u32;
        let used: u32 = self
            .actions
            .iter()
            .filter(|(at, _)| self.clock_ms - at < settings.actions_max.window_ms)
            .map(|(_, n)| n)
            .sum();
        must(
            number == 0 || used + number <= reach(settings.actions_max.limit, q.snapshot.target.desired),
            "more actions than the rate",
        )?;
        self.actions.push((self.clock_ms, number));
        Ok(())
    }

    /// Tells whether any figure was raised.
    fn figures(&self, turn: &Turn<'_>, decision: &Decision) -> Result<bool, &'static str> {
        let (q, settings) = (turn.q, turn.q.settings);
        must(q.snapshot.in_flight.is_none(), "resized while a change is in flight")?;
        must(decision.resize.len() == 1, "resized what is not there")?;
        let (done, now) = (&decision.resize[0], &q.snapshot.target.containers[0]);
        must(done.container == now.name, "resized what is not there")?;
        let cpu = (settings.cpu_millis, settings.cpu_step_millis);
        let memory = (settings.memory_bytes, settings.memory_step_bytes);
        type Pick = fn(&Resources, &Resources) -> Option<u64>;
        let figures: [(_, Pick); 4] = [
            (cpu, |requests, _| requests.cpu_millis),
            (cpu, |_, limits| limits.cpu_millis),
            (memory, |requests, _| requests.memory_bytes),
            (memory, |_, limits| limits.memory_bytes),
        ];
        let mut raises = false;
        for ((range, step), pick) in figures {
            let (from, to) = (pick(&now.requests, &now.limits), pick(&done.requests, &done.limits));
            let (Some(from), Some(to)) = (from, to) else { continue };
            let (min, max) = (range.min.unwrap_or(0), range.max.unwrap_or(u64::MAX));
            must(from != to, "a change to what is")?;
            let up = to > from;
            raises |= up;
            let outside = from < min || from > max;
            must(
                if from < min {
                    up
                } else if from > max {
                    !up
                } else {
                    min <= to && to <= max
                },
                "a figure leaves the range",
            )?;
            let share = if up { settings.resize_step.max } else { settings.resize_step.min };
            let near = |share: f64| to.abs_diff(from) as f64 <= from as f64 * share + 1e-3;
            let far = |share: f64| from > 0 && !near(share);
            must(!share.is_some_and(far), "a resize too far")?;
            let mut wishes = granted(q).flat_map(|proposal| &proposal.resources);
            // A limit of memory that is raised goes above the peak at once.
            let lifted = up && pick(&now.requests, &now.limits) == now.limits.memory_bytes;
            let reaches = |wish: u64| lifted || if up { round_up(wish, step) >= to } else { wish <= to };
            let wished = wishes.any(|wish| pick(&wish.requests, &wish.limits).is_some_and(reaches));
            must(outside || wished, "resized further than anybody wished")?;
            let corrects = if from < min { to <= round_up(min, step) } else { outside && to >= max / step * step };
            if !corrects {
                let last =
                    self.resizes.iter().filter(|(_, raise)| !up || *raise).map(|(at, _)| self.clock_ms - at).min();
                let pause = if up { settings.resize_cooldown.up_ms } else { settings.resize_cooldown.down_ms };
                must(last.is_none_or(|since| since >= pause), "a cooldown of resizes was cut short")?;
            }
            if !up {
                must(
                    settings.mode != Mode::RaiseOnly && !q.gates.event_turn,
                    "lowered a figure where that is forbidden",
                )?;
                must(corrects || !(turn.blamed || turn.missing || turn.jumped), "lowered a figure on missing data")?;
            }
        }
        memory_stays(q, done.limits.memory_bytes, now.limits.memory_bytes)?;
        memory_stays(q, done.requests.memory_bytes, now.requests.memory_bytes)?;
        for figure in [|r: &Resources| r.cpu_millis, |r: &Resources| r.memory_bytes] {
            let before = figure(&now.requests) <= figure(&now.limits);
            let after =
                figure(&done.requests).or(figure(&now.requests)) <= figure(&done.limits).or(figure(&now.limits));
            must(after || !before, "a request above its limit")?;
        }
        Ok(raises)
    }
}

fn is_stopped(snapshot: &Snapshot, settings: &Settings, gates: &Gates) -> bool {
    let lasts = |until_ms: Option<u64>| until_ms.is_none_or(|until_ms| snapshot.now_ms < until_ms);
    matches!(settings.mode, Mode::Off | Mode::DryRun)
        || gates.freeze.as_ref().is_some_and(|freeze| lasts(freeze.until_ms))
        || gates.pause.as_ref().is_some_and(|pause| lasts(pause.until_ms))
        || !gates.conflict.is_empty()
        || snapshot.inventory != Inventory::Complete
}

fn round_up(value: u64, step: u64) -> u64 {
    value.checked_next_multiple_of(step).unwrap_or(u64::MAX)
}

fn reach(limit: StepLimit, base: u32) -> u32 {
    let share = limit.percent.map(|percent| (f64::from(base.max(1)) * percent / 100.0 - 1e-9).ceil() as u32);
    match (limit.count, share) {
        (None, None) => u32::MAX,
        (count, share) => count.unwrap_or(0).max(share.unwrap_or(0)),
    }
}

/// Proposals that the operator and the manifest allow.
fn granted<'q>(q: &'q Question<'_>) -> impl Iterator<Item = &'q Proposal> {
    q.votes.iter().flat_map(granted_of)
}

fn granted_of(vote: &Vote) -> impl Iterator<Item = &Proposal> {
    let proposals = match &vote.answer {
        VoteAnswer::Proposals(proposals) => proposals.as_slice(),
        _ => &[],
    };
    let may = |kind: &ProposalKind| vote.granted.contains(kind) && vote.declared.contains(kind);
    proposals
        .iter()
        .filter(move |proposal| proposal.kind == ProposalKind::Hold || (may(&proposal.kind) && !is_absurd(proposal)))
}

/// Numbers that no workload of this world has.
fn is_absurd(proposal: &Proposal) -> bool {
    let figure = |side: &Resources| {
        side.cpu_millis.is_some_and(|millis| millis > 10_000_000)
            || side.memory_bytes.is_some_and(|bytes| bytes > 1024 * 1024 * 1024 * MIB)
    };
    proposal.count.max(proposal.at_least) > Some(1_000_000)
        || proposal.resources.iter().any(|wish| figure(&wish.requests) || figure(&wish.limits))
}

/// Whether nothing that a policy may ask for is absurd.
fn answers_sensibly(vote: &Vote) -> bool {
    let VoteAnswer::Proposals(proposals) = &vote.answer else { return true };
    let may = |kind: &ProposalKind| vote.granted.contains(kind) && vote.declared.contains(kind);
    !proposals.iter().any(|proposal| may(&proposal.kind) && is_absurd(proposal))
}

/// Ids that a policy may have removed.
fn removable<'q>(q: &'q Question<'_>) -> impl Iterator<Item = &'q str> {
    granted(q)
        .filter(|proposal| proposal.kind == ProposalKind::Remove)
        .flat_map(|p| p.instances.iter().map(String::as_str))
}

fn combined(q: &Question<'_>, without_groups: bool) -> Option<u32> {
    let desired = q.snapshot.target.desired;
    let (mut votes, mut floor, mut ceiling) = (Vec::new(), None, None);
    for vote in q.votes {
        let mut count = None;
        let mut hold = None;
        for proposal in granted_of(vote) {
            let scales = vote.declared.contains(&ProposalKind::Scale) || !vote.declared.contains(&ProposalKind::Resize);
            match proposal.kind {
                ProposalKind::Hold if scales => hold = Some(desired),
                ProposalKind::Scale if without_groups && proposal.group != 0 => hold = Some(desired),
                ProposalKind::Scale => {
                    count = count.max(proposal.count);
                    floor = floor.max(proposal.at_least);
                    ceiling = [ceiling, proposal.at_most].into_iter().flatten().min();
                }
                _ => {}
            }
        }
        votes.extend(count.or(hold));
    }
    let bounded = floor.is_some() || ceiling.is_some();
    let joined = match q.settings.combine {
        Combine::First => votes.first().copied(),
        Combine::Max => votes.iter().copied().max(),
        Combine::Min => votes.iter().copied().min(),
        Combine::Mean if votes.is_empty() => None,
        Combine::Mean => Some((votes.iter().map(|v| u64::from(*v)).sum::<u64>().div_ceil(votes.len() as u64)) as u32),
        Combine::Median => {
            votes.sort_unstable();
            votes.get(votes.len() / 2).copied()
        }
    };
    let base = joined.or(bounded.then_some(desired))?;
    Some(base.min(ceiling.unwrap_or(u32::MAX)).max(floor.unwrap_or(0)))
}

fn is_missing(q: &Question<'_>) -> bool {
    let of_target = |reading: &&Reading| reading.subject == Subject::Target;
    if q.snapshot.readings.iter().filter(of_target).any(|reading| reading.freshness != Freshness::Fresh) {
        return true;
    }
    if q.snapshot.readings.iter().all(|reading| reading.subject != Subject::Instance) {
        return false;
    }
    let ready: Vec<&str> =
        q.snapshot.instances.iter().filter(|one| one.phase == Phase::Ready).map(|one| one.id.as_str()).collect();
    let is_fresh = |id: &&&str| {
        q.snapshot
            .readings
            .iter()
            .any(|reading| reading.owner.as_deref() == Some(**id) && reading.freshness == Freshness::Fresh)
    };
    let enough = ready.iter().filter(is_fresh).count() as f64 >= q.settings.coverage_min * ready.len() as f64;
    !enough
}

fn victims(q: &Question<'_>, decision: &Decision, CountChange { from, to }: CountChange) -> Verdict {
    let mut seen = BTreeSet::new();
    for id in &decision.victims {
        let known = q.snapshot.instance(id).ok_or("a stranger is to go")?;
        must(!known.protected, "a protected instance is to go")?;
        must(seen.insert(id), "one instance is to go twice")?;
    }
    must(decision.victims.len() as u32 <= from.saturating_sub(to), "more go than the count falls")?;
    let protected = q.snapshot.instances.iter().filter(|one| one.protected && one.phase.counts()).count() as u32;
    let blind = q.snapshot.target.abilities.victims == VictimAbility::None && protected > 0;
    must(to > from || (!blind && to >= protected), "no room is left for protected instances")
}

fn memory_stays(q: &Question<'_>, to: Option<u64>, from: Option<u64>) -> Verdict {
    let (Some(to), Some(from)) = (to, from) else { return Ok(()) };
    let peak = q.snapshot.instances.iter().filter_map(|one| one.memory_peak_bytes).max();
    let margin = 1.0 + q.settings.memory_peak_margin.max(0.0);
    must(to > from || peak.is_some_and(|peak| peak == 0 || to as f64 >= peak as f64 * margin), "memory below its peak")
}

/// A lone policy's group is done to the letter or not at all; what the host corrects by itself is no part of it.
fn whole_group(turn: &Turn<'_>, decision: &Decision) -> Verdict {
    let q = turn.q;
    let Some(VoteAnswer::Proposals(proposals)) = q.votes.first().map(|vote| &vote.answer) else { return Ok(()) };
    let [scale, resize] = proposals.as_slice() else { return Ok(()) };
    if scale.group == 0 || turn.pinned || decision.origin == Origin::Correction {
        return Ok(());
    }
    let desired = q.snapshot.target.desired;
    let count = decision.replicas.map_or(desired, |change| change.to);
    let done = decision.resize.first().cloned().unwrap_or_default();
    let (wish, now) = (&resize.resources[0], &q.snapshot.target.containers[0]);
    let near = |wish: Option<u64>, done: Option<u64>, now: Option<u64>, step: u64| {
        wish.is_none_or(|wish| done.or(now).is_some_and(|is| is >= wish && is - wish < step.max(1)))
    };
    let (cpu, mem) = (q.settings.cpu_step_millis, q.settings.memory_step_bytes);
    let met = scale.count == Some(count)
        && near(wish.requests.cpu_millis, done.requests.cpu_millis, now.requests.cpu_millis, cpu)
        && near(wish.limits.cpu_millis, done.limits.cpu_millis, now.limits.cpu_millis, cpu)
        && near(wish.requests.memory_bytes, done.requests.memory_bytes, now.requests.memory_bytes, mem)
        && near(wish.limits.memory_bytes, done.limits.memory_bytes, now.limits.memory_bytes, mem);
    // Where a container is outside its range the host corrects that, whatever became of the group.
    let corrected = |range: Range<Option<u64>>, is: Option<u64>| {
        is.is_some_and(|is| range.min.is_some_and(|min| is < min) || range.max.is_some_and(|max| is > max))
    };
    let any_corrected = [now.requests, now.limits].iter().any(|side| {
        corrected(q.settings.cpu_millis, side.cpu_millis) || corrected(q.settings.memory_bytes, side.memory_bytes)
    });
    must(met || (any_corrected && decision.replicas.is_none()), "half a group")
}
