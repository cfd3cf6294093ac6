//! Stage 1 and composing: which wishes may be made at all, and how those of several policies join into one.

use std::collections::{BTreeMap, BTreeSet};

use super::decide::Question;
use super::decision::{ActionKind, InstanceAction};
use super::past::{Past, present_of};
use super::restraint::{Figure, Restraint};
use super::settings::{Behavior, Combine};
use super::travel::{FigureWish, Wish};
use super::vote::{Vote, VoteAnswer};
use crate::policy::{Proposal, ProposalKind, RefusalKind};
use crate::snapshot::{Instance, ResizeAbility, Snapshot};

/// Most instance actions that one turn considers.
const ACTIONS_ASKED_MAX: usize = 256;
/// Most instances that are not there of which one policy is told by name in one turn. A policy may name tens of thousands, each
/// a "no" of its own that is compared with all others and kept in the record.
const UNKNOWN_TOLD_MAX: usize = 32;
/// Most replicas that a wish is taken seriously with; more is nonsense, and nonsense is not clamped but refused.
const COUNT_MAX: u32 = 1_000_000;
/// Most thousandths of a core, likewise: ten thousand cores.
const CPU_MILLIS_MAX: u64 = 10_000_000;
/// Most bytes of memory, likewise: one PiB.
const MEMORY_BYTES_MAX: u64 = 1 << 50;
/// Containers whose figures are bounded; further ones are left alone.
pub(super) const CONTAINERS_MAX: usize = 16;

/// The votes joined.
#[derive(Debug, Default)]
pub(super) struct Composed<'a> {
    /// What each policy said of the count.
    pub(super) count_votes: Vec<(&'a str, u32)>,
    /// The combined count, within floors and ceilings.
    pub(super) count: Option<u32>,
    /// Figures, by container and figure.
    pub(super) figures: Vec<FigureVotes<'a>>,
    /// The size asked for.
    pub(super) size: Option<&'a str>,
    /// Instance actions, the preferred first.
    pub(super) actions: Vec<(ActionKind, &'a Instance)>,
    /// Which instances should go first.
    pub(super) victims: Vec<&'a str>,
    /// Where new ones should go.
    pub(super) placement: Vec<&'a str>,
    /// Why, by slot.
    pub(super) reasons: Vec<(&'a str, &'a str)>,
    /// The first vote that forbids lowering.
    pub(super) blame: Option<&'a Vote>,
    /// Whether any policy answered; abstaining is an answer.
    pub(super) answered: bool,
    /// Groups still alive, in order, and whether the first stage broke them.
    groups: Vec<(Group, bool)>,
}

/// A group: index of the vote, number.
pub(super) type Group = (usize, u32);

/// What was said of one figure.
#[derive(Debug)]
pub(super) struct FigureVotes<'a> {
    pub(super) container: &'a str,
    pub(super) figure: Figure,
    pub(super) votes: Vec<(&'a str, u64)>,
    pub(super) wish: u64,
}

/// Joins the votes, without the groups that were dropped: in their place stands a vote for what is.
pub(super) fn compose<'a>(q: &Question<'a>, dropped: &[Group], notes: &mut Vec<Restraint>) -> Composed<'a> {
    let mut composer = Composer::new(q, notes);
    for (index, vote) in q.votes.iter().enumerate() {
        match &vote.answer {
            VoteAnswer::Proposals(proposals) => {
                composer.out.answered = true;
                composer.policy(index, vote, proposals, dropped);
            }
            VoteAnswer::Refused(refusal) if refusal.kind == RefusalKind::NotApplicable => composer.out.answered = true,
            VoteAnswer::Refused(_) | VoteAnswer::Faulted(_) | VoteAnswer::Quarantined { .. } => {
                composer.out.blame.get_or_insert(vote);
            }
        }
    }
    composer.finish()
}

impl<'a> Composed<'a> {
    /// The groups still alive.
    pub(super) fn groups(&self) -> impl Iterator<Item = Group> + '_ {
        self.groups.iter().map(|(group, _)| *group)
    }

    /// Whether the first stage refused a part of this group.
    pub(super) fn is_broken(&self, group: Group) -> bool {
        self.groups.iter().any(|(known, broken)| *known == group && *broken)
    }

    /// Whether nobody wished for anything.
    pub(super) fn is_silent(&self) -> bool {
        self.count.is_none() && self.figures.is_empty() && self.size.is_none() && self.actions.is_empty()
    }

    /// The wish as records keep it.
    pub(super) fn wish(&self) -> Wish {
        let figures = self.figures.iter().map(|votes| FigureWish {
            container: votes.container.to_owned(),
            figure: votes.figure,
            value: votes.wish,
        });
        let action =
            |(kind, instance): &(ActionKind, &Instance)| InstanceAction { kind: *kind, instance: instance.id.clone() };
        Wish {
            replicas: self.count,
            figures: figures.collect(),
            size_class: self.size.map(str::to_owned),
            actions: self.actions.iter().map(action).collect(),
        }
    }

    /// Enters the raw wishes into the windows. Where nobody said anything the present value is entered: no holes.
    pub(super) fn record(&self, past: &mut Past, q: &Question<'_>, unanswered_ms: u64) {
        let desired = q.snapshot.target.desired;
        let count = self.count.or_else(|| self.fallback(q, unanswered_ms)).unwrap_or(desired);
        past.record_count(q.settings, u64::from(count));
        for votes in &self.figures {
            let present = present_of(q.snapshot, votes.container, votes.figure);
            past.record_figure(q.settings, votes.container, votes.figure, present, votes.wish);
        }
        past.record_unwished_figures(q.snapshot, q.settings);
    }

    /// The count to fall back to, where no policy has answered for long enough.
    pub(super) fn fallback(&self, q: &Question<'_>, unanswered_ms: u64) -> Option<u32> {
        let fallback = q.settings.fallback.filter(|fallback| !self.answered && unanswered_ms >= fallback.after_ms)?;
        let desired = q.snapshot.target.desired;
        match fallback.behavior {
            Behavior::Hold => None,
            Behavior::IfHigher(count) => (count > desired).then_some(count),
            Behavior::Fixed(count) => Some(count),
        }
    }
}

/// Joins votes one by one.
struct Composer<'q, 'a, 'n> {
    q: &'q Question<'a>,
    notes: &'n mut Vec<Restraint>,
    out: Composed<'a>,
    floor: Option<u32>,
    ceiling: Option<u32>,
    figures: BTreeMap<(&'a str, Figure), Vec<(&'a str, u64)>>,
    /// Slots that vote for the present figures, whichever others name.
    holds: Vec<&'a str>,
    asked: BTreeMap<&'a str, ActionKind>,
    /// Instances of which more than one kind of action was asked for.
    conflicting: BTreeSet<&'a str>,
    /// How many instances the policy in hand has named that are not there.
    unknown: usize,
    instances: Option<BTreeMap<&'a str, &'a Instance>>,
}

impl<'q, 'a, 'n> Composer<'q, 'a, 'n> {
    fn new(q: &'q Question<'a>, notes: &'n mut Vec<Restraint>) -> Self {
        Self {
            q,
            notes,
            out: Composed::default(),
            floor: None,
            ceiling: None,
            figures: BTreeMap::new(),
            holds: Vec::new(),
            asked: BTreeMap::new(),
            conflicting: BTreeSet::new(),
            unknown: 0,
            instances: None,
        }
    }

    /// One policy's proposals. Several counts of one policy contradict each other: its highest holds.
    fn policy(&mut self, index: usize, vote: &'a Vote, proposals: &'a [Proposal], dropped: &[Group]) {
        let slot = vote.slot.as_str();
        let desired = self.q.snapshot.target.desired;
        let mut count: Option<u32> = None;
        let mut hold = false;
        let mut hold_figures = false;
        self.unknown = 0;
        for proposal in proposals {
            let group = (index, proposal.group);
            if dropped.contains(&group) {
                hold |= proposal.kind == ProposalKind::Scale;
                hold_figures |= proposal.kind == ProposalKind::Resize;
                continue;
            }
            let admitted = self.admit(vote, proposal);
            if proposal.group != 0 {
                match self.out.groups.iter_mut().find(|(known, _)| *known == group) {
                    Some((_, broken)) => *broken |= !admitted,
                    None => self.out.groups.push((group, !admitted)),
                }
            }
            if !admitted {
                continue;
            }
            if !proposal.reason.is_empty() {
                self.out.reasons.push((slot, &proposal.reason));
            }
            match &proposal.kind {
                ProposalKind::Hold => {
                    let resizes = vote.declared.contains(&ProposalKind::Resize);
                    hold |= !resizes || vote.declared.contains(&ProposalKind::Scale);
                    hold_figures |= resizes;
                }
                ProposalKind::Scale => {
                    count = count.max(proposal.count);
                    self.floor = self.floor.max(proposal.at_least);
                    self.ceiling = lower(self.ceiling, proposal.at_most);
                    self.out.victims.extend(proposal.instances.iter().map(String::as_str));
                    self.out.placement.extend(proposal.placement.iter().map(String::as_str));
                }
                ProposalKind::Resize => self.resize(slot, proposal),
                _ => self.actions(slot, proposal),
            }
        }
        if let Some(count) = count.or(hold.then_some(desired)) {
            self.out.count_votes.push((slot, count));
        }
        if hold_figures {
            self.holds.push(slot);
        }
    }

    /// Stage 1: kinds declared, granted, known here and at the backend; proposals that say something.
    fn admit(&mut self, vote: &'a Vote, proposal: &'a Proposal) -> bool {
        let (slot, kind) = (vote.slot.clone(), proposal.kind.clone());
        let abilities = &self.q.snapshot.target.abilities;
        let says_something = match &kind {
            ProposalKind::Hold => return true,
            ProposalKind::Other(word) => {
                self.notes.push(Restraint::KindUnknown { slot, kind: word.clone() });
                return false;
            }
            ProposalKind::Scale => proposal.count.or(proposal.at_least).or(proposal.at_most).is_some(),
            ProposalKind::Resize => !proposal.resources.is_empty() || !proposal.size_class.is_empty(),
            ProposalKind::Redeploy => true,
            _ => !proposal.instances.is_empty(),
        };
        let cannot = kind == ProposalKind::Resize && abilities.resize == ResizeAbility::None;
        let restraint = if !vote.declared.contains(&kind) {
            Restraint::NotDeclared { slot, kind }
        } else if !vote.granted.contains(&kind) {
            Restraint::NotGranted { slot, kind }
        } else if cannot || !abilities.kinds.iter().any(|able| able == kind.as_str()) {
            Restraint::BackendCannot { slot, kind }
        } else if says_something {
            return self.admit_numbers(vote, proposal) && self.admit_names(vote, proposal);
        } else {
            Restraint::NothingAsked { slot, kind }
        };
        self.notes.push(restraint);
        false
    }

    /// Stage 1: a policy that asks for an absurd number has failed, even if it does not know: others must not lower either.
    fn admit_numbers(&mut self, vote: &'a Vote, proposal: &Proposal) -> bool {
        let counts = [proposal.count, proposal.at_least].into_iter().flatten();
        let mut numbers: Vec<(u64, u64)> = counts.map(|count| (u64::from(count), u64::from(COUNT_MAX))).collect();
        for side in proposal.resources.iter().flat_map(|resources| [resources.requests, resources.limits]) {
            numbers.extend(side.cpu_millis.map(|millis| (millis, CPU_MILLIS_MAX)));
            numbers.extend(side.memory_bytes.map(|bytes| (bytes, MEMORY_BYTES_MAX)));
        }
        let Some((wished, max)) = numbers.into_iter().find(|(wished, max)| wished > max) else { return true };
        self.notes.push(Restraint::Absurd { slot: vote.slot.clone(), wished, max });
        self.out.blame.get_or_insert(vote);
        false
    }

    /// Stage 1: sizes and containers that exist. Instances are looked up one by one: one that is gone spoils only itself.
    fn admit_names(&mut self, vote: &'a Vote, proposal: &'a Proposal) -> bool {
        if proposal.kind != ProposalKind::Resize {
            return true;
        }
        let slot = vote.slot.clone();
        let sizes = &self.q.snapshot.target.abilities.sizes;
        if !proposal.size_class.is_empty() && !sizes.iter().any(|size| size.class == proposal.size_class) {
            self.notes.push(Restraint::SizeUnknown { slot, size: proposal.size_class.clone() });
            return false;
        }
        if !proposal.resources.is_empty() && !sizes.is_empty() {
            self.notes.push(Restraint::SizesOnly { slot });
            return false;
        }
        for resources in &proposal.resources {
            if container_of(self.q.snapshot, &resources.container).is_none() {
                let container = resources.container.clone();
                self.notes.push(Restraint::ContainerUnknown { slot, container });
                return false;
            }
        }
        true
    }

    fn resize(&mut self, slot: &'a str, proposal: &'a Proposal) {
        if !proposal.size_class.is_empty() {
            match self.out.size {
                Some(first) if first != proposal.size_class => {
                    let second = proposal.size_class.clone();
                    self.notes.push(Restraint::SizesConflict { first: first.to_owned(), second });
                    self.out.size = None;
                    for (group, broken) in &mut self.out.groups {
                        *broken |= group.1 == proposal.group;
                    }
                }
                _ => self.out.size = Some(&proposal.size_class),
            }
        }
        for resources in &proposal.resources {
            let Some(container) = container_of(self.q.snapshot, &resources.container) else { continue };
            let figures = [
                (Figure::CpuRequest, resources.requests.cpu_millis),
                (Figure::CpuLimit, resources.limits.cpu_millis),
                (Figure::MemoryRequest, resources.requests.memory_bytes),
                (Figure::MemoryLimit, resources.limits.memory_bytes),
            ];
            for (figure, value) in figures {
                let Some(value) = value else { continue };
                let votes = self.figures.entry((container, figure)).or_default();
                match votes.iter_mut().find(|(voter, _)| *voter == slot) {
                    Some((_, said)) => *said = value.max(*said),
                    None => votes.push((slot, value)),
                }
            }
        }
    }

    /// Instance actions merge by id; two of different kinds cancel each other.
    fn actions(&mut self, slot: &str, proposal: &'a Proposal) {
        let kind = match proposal.kind {
            ProposalKind::Restart => ActionKind::Restart,
            ProposalKind::Start => ActionKind::Start,
            ProposalKind::Remove => ActionKind::Remove,
            _ => ActionKind::Replace,
        };
        let snapshot = self.q.snapshot;
        if proposal.kind == ProposalKind::Redeploy {
            // Oldest first: those made since a redeployment began come last.
            let mut all: Vec<&Instance> = snapshot.instances.iter().filter(|one| one.phase.counts()).collect();
            all.sort_by_key(|instance| instance.started_ms);
            for instance in all {
                self.action(slot, kind, instance);
            }
            return;
        }
        let known = self
            .instances
            .get_or_insert_with(|| snapshot.instances.iter().map(|one| (one.id.as_str(), one)).collect())
            .clone();
        for id in &proposal.instances {
            if let Some(instance) = known.get(id.as_str()) {
                self.action(slot, kind, instance);
            } else {
                self.unknown_instance(slot, &proposal.kind, id);
            }
        }
    }

    fn unknown_instance(&mut self, slot: &str, kind: &ProposalKind, id: &str) {
        self.unknown += 1;
        let (slot, kind, max) = (slot.to_owned(), kind.clone(), UNKNOWN_TOLD_MAX);
        match self.unknown {
            told if told <= max => {
                self.notes.push(Restraint::InstanceUnknown { slot, kind, instance: id.to_owned() });
            }
            first if first == max + 1 => self.notes.push(Restraint::InstancesUnknown { slot, max }),
            _ => {}
        }
    }

    fn action(&mut self, slot: &str, kind: ActionKind, instance: &'a Instance) {
        match self.asked.get(instance.id.as_str()) {
            Some(first) if *first == kind => {}
            // Told once for each instance, however often it is named.
            Some(first) if self.conflicting.insert(&instance.id) => {
                let (first, instance_id) = (*first, instance.id.clone());
                self.notes.push(Restraint::ActionsConflict { instance: instance_id, first, second: kind });
                self.out.actions.retain(|(_, other)| other.id != instance.id);
            }
            Some(_) => {}
            None if self.asked.len() >= ACTIONS_ASKED_MAX => {
                let restraint = Restraint::TooMuch { slot: slot.to_owned(), max: ACTIONS_ASKED_MAX };
                if self.notes.last() != Some(&restraint) {
                    self.notes.push(restraint);
                }
            }
            None => {
                self.asked.insert(&instance.id, kind);
                self.out.actions.push((kind, instance));
            }
        }
    }

    fn finish(mut self) -> Composed<'a> {
        let Question { snapshot, settings, .. } = *self.q;
        let votes: Vec<u64> = self.out.count_votes.iter().map(|(_, count)| u64::from(*count)).collect();
        let joined = combine(settings.combine, votes);
        let bounded = self.floor.is_some() || self.ceiling.is_some();
        let base = joined.or(bounded.then_some(u64::from(snapshot.target.desired)));
        let (floor, ceiling) = (self.floor.unwrap_or(0), self.ceiling.unwrap_or(u32::MAX));
        if floor > ceiling {
            self.notes.push(Restraint::FloorAboveCeiling { floor, ceiling });
        }
        self.out.count = base.map(|base| u32::try_from(base).unwrap_or(u32::MAX).min(ceiling).max(floor));

        for ((container, figure), mut votes) in std::mem::take(&mut self.figures) {
            if let Some(present) = present_of(snapshot, container, figure) {
                for slot in &self.holds {
                    if !votes.iter().any(|(voter, _)| voter == slot) {
                        votes.push((slot, present));
                    }
                }
                if settings.combine == Combine::First {
                    let place = |slot: &str| self.q.votes.iter().position(|vote| vote.slot == slot);
                    votes.sort_by_key(|(slot, _)| place(slot));
                }
            }
            if let Some(wish) = combine(settings.combine, votes.iter().map(|(_, value)| *value).collect()) {
                self.out.figures.push(FigureVotes { container, figure, votes, wish });
            }
        }
        self.out
    }
}

/// Joins numbers: see [`Combine`].
fn combine(how: Combine, mut values: Vec<u64>) -> Option<u64> {
    match how {
        Combine::Max => values.into_iter().max(),
        Combine::Min => values.into_iter().min(),
        Combine::First => values.first().copied(),
        Combine::Mean => {
            let number = u128::try_from(values.len()).ok().filter(|number| *number > 0)?;
            let sum: u128 = values.iter().map(|value| u128::from(*value)).sum();
            u64::try_from(sum.div_ceil(number)).ok()
        }
        Combine::Median => {
            values.sort_unstable();
            values.get(values.len() / 2).copied()
        }
    }
}

/// The lower of two ceilings, where there are two.
fn lower(one: Option<u32>, other: Option<u32>) -> Option<u32> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The container of this name; an empty name is that of the only one.
pub(super) fn container_of<'a>(snapshot: &'a Snapshot, name: &str) -> Option<&'a str> {
    let containers = &snapshot.target.containers;
    match (name, containers.as_slice()) {
        ("", [only]) => Some(&only.name),
        _ => containers.iter().take(CONTAINERS_MAX).find(|known| known.name == name).map(|known| known.name.as_str()),
    }
}
