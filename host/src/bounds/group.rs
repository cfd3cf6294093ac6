//! Proposals of one group stand or fall together.

use super::compose::{Composed, Group, container_of};
use super::decide::{Draft, Question};
use super::decision::ActionKind;
use super::past::present_of;
use super::range::round_up;
use super::restraint::{Figure, Quantity, Restraint};
use super::vote::VoteAnswer;
use crate::policy::{ContainerResources, Proposal, ProposalKind};

/// A group of which a part cannot be done.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) group: Group,
    part: String,
}

impl Broken {
    pub(super) fn restraint(self, q: &Question<'_>) -> Restraint {
        let (index, group) = self.group;
        let slot = q.votes.get(index).map_or_else(String::new, |vote| vote.slot.clone());
        Restraint::GroupDropped { slot, group, part: self.part }
    }
}

/// The first group that the draft does not carry out to the letter.
pub(super) fn first_broken(q: &Question<'_>, composed: &Composed<'_>, draft: &Draft<'_>) -> Option<Broken> {
    composed.groups().find_map(|group| {
        if composed.is_broken(group) {
            return Some(Broken { group, part: "a proposal of it was refused".to_owned() });
        }
        let VoteAnswer::Proposals(proposals) = &q.votes.get(group.0)?.answer else { return None };
        let mut members = proposals.iter().filter(|proposal| proposal.group == group.1);
        let part = members.find_map(|proposal| unmet(q, draft, proposal))?;
        Some(Broken { group, part })
    })
}

/// What of a proposal the draft does not do.
fn unmet(q: &Question<'_>, draft: &Draft<'_>, proposal: &Proposal) -> Option<String> {
    match &proposal.kind {
        ProposalKind::Hold => None,
        ProposalKind::Scale => {
            let met = proposal.count.is_none_or(|count| draft.to == count)
                && proposal.at_least.is_none_or(|floor| draft.to >= floor)
                && proposal.at_most.is_none_or(|ceiling| draft.to <= ceiling);
            (!met).then(|| format!("the count would be {}", draft.to))
        }
        ProposalKind::Resize => {
            let size = proposal.size_class.as_str();
            let other_size = !size.is_empty() && draft.resized.size_now.as_deref() != Some(size);
            let mut figures = proposal.resources.iter();
            if other_size {
                Some(format!("the size {size} is not taken"))
            } else {
                figures.find_map(|one| unmet_figure(q, draft, one))
            }
        }
        ProposalKind::Redeploy => {
            let mut all = q.snapshot.instances.iter().filter(|instance| instance.phase.counts());
            all.find_map(|instance| unmet_action(draft, &proposal.kind, &instance.id))
        }
        kind => proposal.instances.iter().find_map(|id| unmet_action(draft, kind, id)),
    }
}

fn unmet_figure(q: &Question<'_>, draft: &Draft<'_>, wished: &ContainerResources) -> Option<String> {
    let container = container_of(q.snapshot, &wished.container)?;
    let done = draft.resized.resources.iter().find(|done| done.container == container);
    let figures = [
        (Figure::CpuRequest, wished.requests.cpu_millis, done.and_then(|done| done.requests.cpu_millis)),
        (Figure::CpuLimit, wished.limits.cpu_millis, done.and_then(|done| done.limits.cpu_millis)),
        (Figure::MemoryRequest, wished.requests.memory_bytes, done.and_then(|done| done.requests.memory_bytes)),
        (Figure::MemoryLimit, wished.limits.memory_bytes, done.and_then(|done| done.limits.memory_bytes)),
    ];
    figures.into_iter().find_map(|(figure, wished, done)| {
        let wished = wished?;
        let now = done.or_else(|| present_of(q.snapshot, container, figure));
        let met = now == Some(wished) || now == Some(round_up(wished, q.settings.step_of(figure)));
        let what = Quantity::Figure { container: container.to_owned(), figure };
        (!met).then(|| format!("{what} would be {}", now.unwrap_or(0)))
    })
}

fn unmet_action(draft: &Draft<'_>, kind: &ProposalKind, id: &str) -> Option<String> {
    let wanted = match kind {
        ProposalKind::Restart => ActionKind::Restart,
        ProposalKind::Start => ActionKind::Start,
        ProposalKind::Remove if draft.victims.contains(&id) => return None,
        ProposalKind::Remove => ActionKind::Remove,
        _ => ActionKind::Replace,
    };
    let met = draft.actions.iter().any(|action| action.kind == wanted && action.instance == id);
    (!met).then(|| format!("{wanted} of {id} would not be done"))
}
