//! Overscaler's decision (GleamAI/overscaler 0.1.0, `actions` and `rescale`): pod by pod, and the first that any rule moves decides.

use trimtab_sdk::prelude::*;

use crate::lens::{Lens, Member};
use crate::statement::{Action, Rulebook};
use crate::truth::{Figure, Truth, judge};

/// Every rule that holds for that pod moves the count by its step, one after the other, within the bounds and never below one.
/// A pod without samples counts as 0, so that a `lower` rule holds for it.
pub(crate) fn decide(snapshot: &Snapshot<'_>, book: &Rulebook<'_>) -> Result<Answer, Refusal> {
    let lens = Lens { with_starting: true, ..Lens::on(snapshot) };
    let members: Vec<Vec<Member<'_>>> = book.tests.iter().map(|test| lens.members(test)).collect();
    let counting = snapshot.instances().iter().enumerate().filter(|(index, pod)| lens.counts(*index, pod));
    let pods: Vec<&str> = counting.map(|(_, pod)| pod.id.as_str()).collect();
    let current = snapshot.desired();
    let limits = &snapshot.target().limits;
    let mut blocked: Option<String> = None;
    for (number, pod) in pods.iter().enumerate() {
        let mut count = current;
        let mut moved: Vec<String> = Vec::new();
        // The check of the form has seen to it that each rule has one test.
        for ((rule, test), members) in book.rules.iter().zip(&book.tests).zip(&members) {
            let Some(member) = members.get(number) else { continue };
            let value = member.now(&test.check).value.unwrap_or(0.0);
            if judge(test, &[Figure { group: 0, value: Some(value) }]).0 != Truth::True {
                continue;
            }
            let why = || format!("{} is {} on {pod}: `{}`", test.text, figure(value), rule.text);
            match step(rule.action, count, limits.replicas_min, limits.replicas_max) {
                Some(next) => {
                    count = next;
                    moved.push(why());
                }
                None if blocked.is_none() => blocked = Some(why()),
                None => {}
            }
        }
        if !moved.is_empty() {
            let reason = moved.join("; ");
            return Ok(if count == current {
                Answer::hold(format!("keeps {current}, up and down: {reason}"))
            } else {
                Proposal::scale(count).because(reason).into()
            });
        }
    }
    Ok(Answer::hold(match blocked {
        Some(why) => format!("keeps {current}, at the end of its range: {why}"),
        None => format!("no rule of {} holds for any of {} pods", book.rules.len(), pods.len()),
    }))
}

/// The count after one rule; `None` if the range forbids it.
fn step(action: Action, count: u32, least: u32, most: u32) -> Option<u32> {
    match action {
        Action::Add(step) if count < most => Some(count.saturating_add(step)),
        Action::Take(step) if count > 1 && count > least => Some(count.saturating_sub(step)),
        _ => None,
    }
}
