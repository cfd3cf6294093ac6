//! From the rules that hold to one answer.

use trimtab_sdk::prelude::*;

use crate::held::held;
use crate::lens::Lens;
use crate::statement::{Action, Rule, Rulebook};
use crate::told::{self, Seen};
use crate::truth::{Truth, join};

/// A rule that holds and the count it asks for.
struct Wish<'b, 'p> {
    number: usize,
    rule: &'b Rule<'p>,
    count: u32,
}

/// The largest wish of the rules that hold wins. Lowering needs every reading of every rule, and no `hold`.
pub(crate) fn decide(lens: &Lens<'_>, book: &Rulebook<'_>, anticipate: bool) -> Result<Answer, Refusal> {
    let seen: Vec<Seen<'_>> = book.tests.iter().map(|test| Seen::by(lens, test)).collect();
    let truths = truths(lens, book, &seen);
    let lacks = told::lacks(book, &seen);
    let unknown = truths.iter().filter(|truth| **truth == Truth::Unknown).count();
    let mut causes = lacks;
    if causes.is_empty() && unknown > 0 {
        causes.push(too_short(book, &truths));
    }
    if unknown == truths.len() {
        return Err(Refusal::reading_missing(causes.join("; ")));
    }
    let ground = Ground { seen: &seen, truths: &truths, causes: &causes, anticipate };
    Ok(answer(lens.snapshot, book, &ground).notes(causes))
}

/// The truth of each rule.
fn truths(lens: &Lens<'_>, book: &Rulebook<'_>, seen: &[Seen<'_>]) -> Vec<Truth> {
    let mut stack = Vec::new();
    let truth = |rule: &Rule<'_>| {
        let steps = book.steps.get(rule.steps.clone()).unwrap_or_default();
        let now = join(steps, &mut stack, |number| seen.get(number).map_or(Truth::Unknown, |seen| seen.truth));
        match (now, rule.lasting) {
            (Truth::True, Some(lasting)) => held(lens, book, rule, lasting),
            _ => now,
        }
    };
    book.rules.iter().map(truth).collect()
}

/// What is known of all rules.
struct Ground<'g> {
    seen: &'g [Seen<'g>],
    truths: &'g [Truth],
    /// What is missing.
    causes: &'g [String],
    anticipate: bool,
}

fn answer(snapshot: &Snapshot<'_>, book: &Rulebook<'_>, ground: &Ground<'_>) -> Answer {
    let Ground { seen, truths, causes, anticipate } = *ground;
    let (current, most) = (snapshot.desired(), snapshot.target().limits.replicas_max);
    let rules = || (1..).zip(&book.rules).zip(truths);
    let holding = || rules().filter(|(_, truth)| **truth == Truth::True).map(|(numbered, _)| numbered);
    let wishes =
        holding().filter_map(|(number, rule)| Some(Wish { number, rule, count: rule.action.count(current, most)? }));
    // The first of equals: the operator's order decides which reason is told.
    let largest = wishes.reduce(|one, other| if other.count > one.count { other } else { one });
    let freeze = holding().find(|(_, rule)| rule.action == Action::Hold);
    let because = |number: usize, rule: &Rule<'_>| {
        format!("{}: rule {number} (`{}`)", told::figures(book, rule, seen), rule.text)
    };
    let Some(wish) = largest else {
        let reason = match freeze {
            Some((number, rule)) => because(number, rule),
            None => format!("no rule of {} holds: {}", book.rules.len(), told::all_figures(book, seen)),
        };
        return Answer::hold(reason);
    };
    let reason = because(wish.number, wish.rule);
    if wish.count > current {
        return Proposal::scale(wish.count).because(reason).into();
    }
    if wish.count == current {
        return Answer::hold(format!("{reason} keeps {current}"));
    }
    if let Some(cause) = causes.first() {
        return Answer::hold(format!("keeps {current}, not lowered to {}, while {cause}; {reason}", wish.count));
    }
    if let Some((number, rule)) = freeze {
        return Answer::hold(format!("keeps {current}, not lowered to {}: {}", wish.count, because(number, rule)));
    }
    if anticipate && let Some((number, rule)) = undone_by(book, seen, current, wish.count, most) {
        let text = rule.text;
        return Answer::hold(format!(
            "keeps {current}, at {} rule {number} (`{text}`) would hold; {reason}",
            wish.count
        ));
    }
    Proposal::scale(wish.count).because(reason).into()
}

/// The rule that would raise again at `count`, if the rest shared the same load.
fn undone_by<'b, 'p>(
    book: &'b Rulebook<'p>,
    seen: &[Seen<'_>],
    current: u32,
    count: u32,
    most: u32,
) -> Option<(usize, &'b Rule<'p>)> {
    let more = f64::from(current) / f64::from(count);
    let mut stack = Vec::new();
    (1..).zip(&book.rules).find(|(_, rule)| {
        let steps = book.steps.get(rule.steps.clone()).unwrap_or_default();
        let truth_of = |number: usize| match (seen.get(number), book.tests.get(number)) {
            (Some(seen), Some(test)) => seen.with(test, more),
            _ => Truth::Unknown,
        };
        rule.action.count(count, most).is_some_and(|raised| raised > count)
            && join(steps, &mut stack, truth_of) == Truth::True
    })
}

fn too_short(book: &Rulebook<'_>, truths: &[Truth]) -> String {
    let first = (1..).zip(&book.rules).zip(truths).find(|(_, truth)| **truth == Truth::Unknown);
    match first {
        Some(((number, rule), _)) => {
            format!("the samples do not span, without holes, the time of rule {number} (`{}`)", rule.text)
        }
        None => String::new(),
    }
}
