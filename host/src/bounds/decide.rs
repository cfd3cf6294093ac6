//! One decision: the stages, in their order.

use serde::Serialize;

use super::actions::bound_actions;
use super::compose::{Composed, compose};
use super::count::bound_count;
use super::decision::{ActionKind, Decision, InstanceAction, Origin};
use super::gates::{Gates, Standing};
use super::group::first_broken;
use super::past::{Past, narrow};
use super::resize::{Resized, bound_resize};
use super::restraint::Restraint;
use super::settings::{Mode, Settings};
use super::travel::{Quiet, Travel, Wish, Withheld};
use super::victims::choose_victims;
use super::vote::Vote;
use crate::snapshot::Snapshot;

/// Most groups of proposals that are tried apart from each other; if there are more, all that remain are dropped.
const GROUPS_MAX: usize = 16;
/// Most bytes of a decision's reason.
const REASON_BYTES_MAX: usize = 1_000;

/// All that one decision follows from.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The facts of this turn.
    pub snapshot: &'a Snapshot,
    /// The bounds of the binding.
    pub settings: &'a Settings,
    /// What each policy came to, in the order of the binding.
    pub votes: &'a [Vote],
    /// What the last turn left.
    pub past: &'a Past,
    /// What stands in the way.
    pub gates: &'a Gates,
    /// The key that the change is to have.
    pub key: &'a str,
    /// Number of the lease under which the host acts.
    pub lease_epoch: u64,
    /// When that lease ends.
    pub lease_expires_ms: u64,
}

/// What the bounds came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ruling {
    /// What is to be done; `None` where nothing is.
    pub decision: Option<Decision>,
    /// In dry-run: what would have been.
    pub withheld: Option<Withheld>,
    /// The combined wish, before any bound.
    pub wish: Wish,
    /// What the next turn has to know. The decision counts as carried out in it, so that it is stored with the record,
    /// before the act; [`Past::undone`] takes it back.
    #[serde(skip)]
    pub past: Past,
    /// Every "no" on the way.
    pub restraints: Vec<Restraint>,
    /// How each number travelled.
    pub travels: Vec<Travel>,
    /// Why nothing is done, where nothing is.
    pub quiet: Option<Quiet>,
}

/// What one pass over the stages came to.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) to: u32,
    pub(super) origin: Origin,
    pub(super) victims: Vec<&'a str>,
    pub(super) resized: Resized,
    pub(super) actions: Vec<InstanceAction>,
    pub(super) removals: u32,
    pub(super) travels: Vec<Travel>,
}

/// Decides what of the policies' wishes is done. Pure and total: the same question has the same answer, and none panics.
#[must_use]
pub fn decide(q: &Question<'_>) -> Ruling {
    let mut past = q.past.clone();
    past.advance(q.snapshot, q.settings, q.gates);

    let mut restraints = Vec::new();
    let mut dropped = Vec::new();
    let mut composed = compose(q, &dropped, &mut restraints);
    let unanswered_ms = past.note_answered(composed.answered);
    let wish = composed.wish();
    composed.record(&mut past, q, unanswered_ms);
    let standing = Standing::of(q, &past, &composed, unanswered_ms);

    // A group stands or falls as a whole: with each one that falls, all is decided again without it.
    let draft = loop {
        let draft = pass(q, &past, &standing, &composed, &mut restraints);
        let Some(broken) = first_broken(q, &composed, &draft) else { break draft };
        let many = dropped.len() >= GROUPS_MAX;
        dropped.extend(composed.groups().filter(|group| many || *group == broken.group));
        restraints.push(broken.restraint(q));
        composed = compose(q, &dropped, &mut restraints);
    };
    dedup(&mut restraints);
    conclude(q, past, wish, &composed, draft, restraints)
}

/// Stages 2 to 8, once, for what was composed.
fn pass<'a>(
    q: &Question<'a>,
    past: &Past,
    standing: &Standing<'_>,
    composed: &Composed<'a>,
    restraints: &mut Vec<Restraint>,
) -> Draft<'a> {
    let mut travels = Vec::new();
    let (mut actions, removals) = bound_actions(q, past, standing, composed, restraints);
    let (to, origin) = bound_count(q, past, standing, composed, narrow(removals.len()), &mut travels, restraints);
    let resized = bound_resize(q, past, standing, composed, &mut travels, restraints);

    let fall = q.snapshot.target.desired.saturating_sub(to);
    let victims = choose_victims(q.snapshot, &removals, &composed.victims, fall);
    let removed = narrow(removals.iter().filter(|removal| victims.contains(removal)).count());
    for instance in removals.iter().filter(|removal| !victims.contains(removal)) {
        restraints.push(Restraint::RemovalWaits { instance: (*instance).to_owned(), to });
    }
    actions.retain(|action| {
        let goes = victims.contains(&action.instance.as_str());
        if goes {
            restraints.push(Restraint::GoesAnyway { kind: action.kind, instance: action.instance.clone() });
        }
        !goes
    });
    Draft { to, origin, victims, resized, actions, removals: removed, travels }
}

/// Makes the decision of the last pass, and notes it.
fn conclude(
    q: &Question<'_>,
    mut past: Past,
    wish: Wish,
    composed: &Composed<'_>,
    draft: Draft<'_>,
    mut restraints: Vec<Restraint>,
) -> Ruling {
    let Draft { to, origin, victims, resized, actions, removals, travels } = draft;
    let from = q.snapshot.target.desired;
    let nothing = to == from && resized.is_empty() && actions.is_empty();
    let decision = (!nothing).then(|| Decision {
        target: q.snapshot.target.id.clone(),
        key: q.key.to_owned(),
        origin,
        replicas: (to != from).then_some(super::CountChange { from, to }),
        victims: victims.into_iter().map(str::to_owned).collect(),
        placement: composed.placement.iter().map(|place| (*place).to_owned()).collect(),
        reason: reason(q, composed, origin, to),
        resize: resized.resources,
        size_class: resized.size_class,
        lowers_size: resized.lowers,
        actions,
        spares_lost: past.too_many_lost().is_some(),
        lease_epoch: q.lease_epoch,
        lease_expires_ms: q.lease_expires_ms,
    });

    let dry = q.settings.mode == Mode::DryRun;
    if let (Some(decision), false) = (&decision, dry) {
        if to != from {
            past.note_count(from, to);
        }
        if !decision.resize.is_empty() || decision.size_class.is_some() {
            past.note_resize(resized.raises);
        }
        past.note_actions(narrow(decision.actions.len()).saturating_add(removals));
    }
    if dry && decision.is_some() {
        restraints.push(Restraint::DryRun);
    }
    // What has stopped the target is said also where other bounds left nothing for it to stop: else nobody would read of it.
    if decision.is_none()
        && Standing::is_stopped(q)
        && let Some(stop) = super::gates::stop(q).filter(|stop| !restraints.contains(stop))
    {
        restraints.insert(0, stop);
    }
    let quiet = match (&decision, dry) {
        (Some(_), false) => None,
        (Some(_), true) => Some(Quiet::DryRun),
        (None, _) => Some(why_quiet(q, composed, &restraints)),
    };
    let (decision, withheld) = if dry { (None, decision.map(Withheld::new)) } else { (decision, None) };
    Ruling { decision, withheld, wish, past, restraints, travels, quiet }
}

fn why_quiet(q: &Question<'_>, composed: &Composed<'_>, restraints: &[Restraint]) -> Quiet {
    let stopped = q.settings.mode == Mode::Off || Standing::is_stopped(q);
    match () {
        () if stopped => Quiet::Stopped,
        () if !restraints.is_empty() => Quiet::Restrained,
        () if q.votes.is_empty() => Quiet::NoPolicy,
        () if !composed.answered => Quiet::Unanswered,
        () if composed.is_silent() => Quiet::Abstained,
        () => Quiet::AsWished,
    }
}

/// Why, for a person: the policies' own words, or the host's.
fn reason(q: &Question<'_>, composed: &Composed<'_>, origin: Origin, to: u32) -> String {
    let present = q.snapshot.target.desired;
    let range = q.settings.replicas;
    let mut text = match origin {
        Origin::Correction => format!(
            "{present} replicas or a container's figures are outside the range; \
            replicas {}..{}, so they go to {to}",
            range.min, range.max
        ),
        Origin::Manual => q.gates.pin.as_ref().map_or_else(String::new, |pin| format!("pinned by {}", pin.by)),
        Origin::Fallback => "no policy has answered for long: fallback".to_owned(),
        Origin::Repair => "what is there is not what is desired".to_owned(),
        Origin::Policy => String::new(),
    };
    if matches!(origin, Origin::Policy | Origin::Correction) {
        for (slot, words) in &composed.reasons {
            if !text.is_empty() {
                text.push_str("; ");
            }
            text.push_str(slot);
            text.push_str(": ");
            text.push_str(words);
            if text.len() > REASON_BYTES_MAX {
                break;
            }
        }
    }
    while text.len() > REASON_BYTES_MAX {
        text.pop();
    }
    text
}

/// The same "no" of several passes is said once.
fn dedup(restraints: &mut Vec<Restraint>) {
    let mut kept: Vec<Restraint> = Vec::with_capacity(restraints.len());
    for restraint in restraints.drain(..) {
        if !kept.contains(&restraint) {
            kept.push(restraint);
        }
    }
    *restraints = kept;
}

/// Whether an action takes a ready instance away for a while or for good.
pub(super) fn takes_away(kind: ActionKind) -> bool {
    kind != ActionKind::Start
}
