//! Records as a story: what was seen, what each policy answered and why, what the bounds said, what was done, and what came
//! of it; also of the turns in which nothing was done.
//!
//! Pure. Times are RFC 3339 in UTC. Texts that come from policies and backends are shown with their control characters
//! escaped: a reason must not move a cursor or end a line.

mod text;

use serde::Serialize;

use super::history::{Event, Turn};
use super::record::{Note, Run};
use super::recorder::why;

/// A target's story; `Display` tells it, and so does its JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Story<'a> {
    /// What happened, oldest first.
    pub parts: Vec<Part<'a>>,
}

/// One part of a story.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "part", rename_all = "kebab-case")]
pub enum Part<'a> {
    /// A turn, in full.
    Turn(&'a Turn),
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

/// Tells a story. Turns in which nothing was done are joined to runs, unless `in_full`.
#[must_use]
pub fn explain(events: &[Event], in_full: bool) -> Story<'_> {
    let mut parts: Vec<Part<'_>> = Vec::new();
    for event in events {
        let part = match event {
            Event::Turn(turn) if in_full || !turn.record.is_quiet() => Part::Turn(turn),
            Event::Turn(turn) => Part::Quiet(run_of(turn)),
            Event::Counted(run) => Part::Quiet(run.clone()),
            Event::Note(note) => Part::Note(note),
            Event::NotRecorded { at_ms, why } => Part::NotRecorded { at_ms: *at_ms, entries: 1, why },
        };
        match (parts.last_mut(), part) {
            (Some(Part::Quiet(run)), Part::Quiet(next))
                if run.binding == next.binding && run.replicas == next.replicas =>
            {
                run.to_ms = next.to_ms;
                run.turns += next.turns;
                run.why = next.why;
            }
            (Some(Part::NotRecorded { entries, why, .. }), Part::NotRecorded { why: same, .. }) if *why == same => {
                *entries += 1;
            }
            (_, part) => parts.push(part),
        }
    }
    Story { parts }
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
