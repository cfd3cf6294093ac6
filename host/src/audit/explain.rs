//! Records as a story: what was seen, what each policy answered and why, what the bounds said, what was done, and what came
//! of it; also of the turns in which nothing was done.
//!
//! Pure. Times are RFC 3339 in UTC. Texts that come from policies and backends are shown with their control characters
//! escaped: a reason must not move a cursor or end a line.

mod text;

use serde::Serialize;

use super::history::{Event, Turn};
use super::record::{Evaluation, Note, Record, Run};
use super::recorder::why;
use crate::bounds::{Quiet, Restraint};
use crate::policy::Verdict;

/// A target's story; `Display` tells it, and so does its JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Story<'a> {
    /// What happened, oldest first.
    pub parts: Vec<Part<'a>>,
    /// Whether every fact is told.
    #[serde(skip)]
    in_full: bool,
}

/// One part of a story.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "part", rename_all = "kebab-case")]
pub enum Part<'a> {
    /// A turn, in full.
    Turn(&'a Turn),
    /// Turns after the one before, in which the same policies refused or failed in the same way, and nothing was done.
    Again(Again),
    /// Turns in which nothing was done.
    Quiet(Run),
    /// A sentence.
    Note(&'a Note),
    /// What cannot be told.
    NotRecorded {
        /// When.
        at_ms: u64,
        /// How many entries in a row.
        entries: u64,
        /// Why.
        why: &'a str,
    },
}

/// Turns that came to the same as one that is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Again {
    /// Time of the first.
    pub from_ms: u64,
    /// Time of the last.
    pub to_ms: u64,
    /// How many.
    pub turns: u64,
}

/// Tells a story. Unless `in_full`, turns in which nothing was done for the same reason are joined to runs, and of those in
/// which the same policies refused or failed in the same way only the first is told.
#[must_use]
pub fn explain(events: &[Event], in_full: bool) -> Story<'_> {
    let mut parts: Vec<Part<'_>> = Vec::new();
    // Of the last turn: its sense, where it is known.
    let mut last: Option<Sense<'_>> = None;
    for event in events {
        let sense = match event {
            Event::Turn(turn) if !in_full => Some(Sense::of(&turn.record)),
            _ => None,
        };
        let same = sense.is_some() && sense == last;
        join(&mut parts, event, in_full, same, last.is_none() || sense.is_none());
        last = sense;
    }
    Story { parts, in_full }
}

/// Adds what happened to the last part, or as a new one. `same`: it is a turn that came to what the one before did; `unknown`:
/// that cannot be told of both.
fn join<'a>(parts: &mut Vec<Part<'a>>, event: &'a Event, in_full: bool, same: bool, unknown: bool) {
    let part = match event {
        Event::Turn(turn) if !in_full && turn.record.is_quiet() => Part::Quiet(run_of(turn)),
        Event::Turn(turn) if same && !turn.record.acts() => {
            let at_ms = turn.record.at_ms;
            Part::Again(Again { from_ms: at_ms, to_ms: at_ms, turns: 1 })
        }
        Event::Turn(turn) => Part::Turn(turn),
        Event::Counted(run) => Part::Quiet(run.clone()),
        Event::Note(note) => Part::Note(note),
        Event::NotRecorded { at_ms, why } => Part::NotRecorded { at_ms: *at_ms, entries: 1, why },
    };
    match (parts.last_mut(), part) {
        (Some(Part::Quiet(run)), Part::Quiet(next))
            if (same || unknown) && run.binding == next.binding && run.replicas == next.replicas =>
        {
            run.to_ms = next.to_ms;
            run.turns += next.turns;
            run.why = next.why;
        }
        (Some(Part::Again(again)), Part::Again(next)) => {
            again.to_ms = next.to_ms;
            again.turns += next.turns;
        }
        (Some(Part::NotRecorded { entries, why, .. }), Part::NotRecorded { why: same, .. }) if *why == same => {
            *entries += 1;
        }
        (_, part) => parts.push(part),
    }
}

/// What a turn came to, apart from its figures.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sense<'a> {
    binding: &'a str,
    desired: u32,
    quiet: Option<Quiet>,
    restraints: Vec<&'static str>,
    slots: Vec<(&'a str, &'a str, String)>,
}

impl<'a> Sense<'a> {
    fn of(record: &'a Record) -> Self {
        let answer = |evaluation: &'a Evaluation| match evaluation {
            Evaluation::Answered(answer) => match &answer.verdict {
                Verdict::Proposals(_) => "answered".to_owned(),
                Verdict::Refused(refusal) => format!("refused {}", refusal.kind.as_str()),
            },
            Evaluation::Faulted(fault) => format!("failed {:?}", std::mem::discriminant(fault)),
            Evaluation::Quarantined { .. } => "quarantined".to_owned(),
        };
        let slots =
            record.slots.iter().map(|slot| (slot.slot.as_str(), slot.policy.digest.as_str(), answer(&slot.evaluation)));
        Self {
            binding: &record.binding,
            desired: record.snapshot.target.desired,
            quiet: record.ruling.quiet,
            restraints: record.ruling.restraints.iter().map(Restraint::code).collect(),
            slots: slots.collect(),
        }
    }
}

fn run_of(turn: &Turn) -> Run {
    let record = &turn.record;
    Run {
        from_ms: record.at_ms,
        to_ms: record.at_ms,
        turns: 1,
        binding: record.binding.clone(),
        replicas: record.snapshot.target.desired,
        why: why(record),
    }
}
