//! The decision of DigitalOcean's droplet-autoscale (DO-Solutions/droplet-autoscale, `scale.go`): up before down, and nothing at all
//! while one droplet cannot be measured.

use trimtab_sdk::prelude::*;

use crate::lens::Lens;
use crate::statement::{Rule, Rulebook};
use crate::told::{self, Seen};
use crate::truth::{Truth, join};

/// One up or one down, never below one droplet; readings of `as_zero` count as 0 where they are missing.
pub(crate) fn decide(snapshot: &Snapshot<'_>, book: &Rulebook<'_>, as_zero: &[String]) -> Result<Answer, Refusal> {
    let lens = Lens { with_starting: true, as_zero, ..Lens::on(snapshot) };
    let seen: Vec<Seen<'_>> = book.tests.iter().map(|test| Seen::by(&lens, test)).collect();
    if !seen.iter().all(Seen::is_whole) {
        let text = format!("the cluster's figures are invalid: {}", told::lacks(book, &seen).join("; "));
        return Err(Refusal::reading_missing(text));
    }
    let mut stack = Vec::new();
    let mut first = |raises: bool| {
        let mut holds = |rule: &Rule<'_>| {
            let steps = book.steps.get(rule.steps.clone()).unwrap_or_default();
            join(steps, &mut stack, |number| seen.get(number).map_or(Truth::Unknown, |seen| seen.truth)) == Truth::True
        };
        book.rules.iter().find(|rule| rule.action.raises() == raises && holds(rule))
    };
    let (up, down) = (first(true), first(false));
    let current = snapshot.desired();
    let because = |rule: &Rule<'_>| format!("{}: `{}`", told::figures(book, rule, &seen), rule.text);
    let most = snapshot.target().limits.replicas_max;
    Ok(match (up, down) {
        (Some(rule), _) if current >= most => {
            Answer::hold(format!("no change: {current} droplets reached the most of {most}; {}", because(rule)))
        }
        (Some(rule), _) => Proposal::scale(current.saturating_add(1)).because(because(rule)).into(),
        (None, Some(rule)) if current <= 1 => {
            Answer::hold(format!("no change: the last droplet stays; {}", because(rule)))
        }
        (None, Some(rule)) => Proposal::scale(current - 1).because(because(rule)).into(),
        (None, None) => Answer::hold(format!("no change: {}", told::all_figures(book, &seen))),
    })
}
