//! Overlord's decision (DtxdF/overlord, `scale_project`, steps 8 to 10): node by node, one up per turn if a node fails a test, else one
//! down.

use trimtab_sdk::prelude::*;

use crate::lens::{Lens, Place};
use crate::statement::{Rule, Rulebook, Test};
use crate::told::{self, Seen};
use crate::truth::{Figure, Truth, join};

/// What the tests say of one node.
enum Node {
    Passes,
    /// It fails a test, or has no figures at all.
    Overloaded(String),
    /// A figure is missing: an exception there, and the node is skipped, as if it passed.
    Skipped,
}

/// In the order of its tests: rctl (readings of instances), economy (of nodes), load balancer (all others).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Rctl,
    Economy,
    Balancer,
}

/// One more if a node is overloaded; one less if none is, be it that nothing is known of it.
pub(crate) fn decide(snapshot: &Snapshot<'_>, book: &Rulebook<'_>) -> Result<Answer, Refusal> {
    let current = snapshot.desired();
    let limits = &snapshot.target().limits;
    if snapshot.instances().is_empty() && book.tests.iter().any(|test| test.subject == Subject::Instance) {
        return Ok(Answer::hold("there is no instance: Overlord fills up to its floor before it asks its rules"));
    }
    if current < limits.replicas_min {
        return Ok(Answer::hold(format!("{current} is below the floor of {}: no rule is asked", limits.replicas_min)));
    }
    let places = places(snapshot);
    let mut skipped = 0u32;
    for place in &places {
        match judge(&Lens { place: *place, ..Lens::on(snapshot) }, book) {
            Node::Overloaded(reason) if current >= limits.replicas_max => {
                return Ok(Answer::hold(format!("keeps {current}, the most: {reason}")));
            }
            Node::Overloaded(reason) => return Ok(Proposal::scale(current.saturating_add(1)).because(reason).into()),
            Node::Skipped => skipped += 1,
            Node::Passes => {}
        }
    }
    let reason = all_pass(snapshot, book, &places, skipped);
    Ok(if current > limits.replicas_min {
        Proposal::scale(current - 1).because(reason).into()
    } else {
        Answer::hold(format!("keeps {current}, the least: {reason}"))
    })
}

fn all_pass(snapshot: &Snapshot<'_>, book: &Rulebook<'_>, places: &[Place], skipped: u32) -> String {
    let mut reason = format!("no node of {} is overloaded", places.len());
    if skipped > 0 {
        reason += &format!(", {skipped} skipped for a missing figure");
    }
    if let Some(place) = places.last() {
        let lens = Lens { place: *place, ..Lens::on(snapshot) };
        let seen: Vec<Seen<'_>> = book.tests.iter().map(|test| Seen::by(&lens, test)).collect();
        reason += &format!("; on the last, {}", told::all_figures(book, &seen));
    }
    reason
}

/// Nodes with instances that serve, in the order of these; one that starts passes.
fn places(snapshot: &Snapshot<'_>) -> Vec<Place> {
    let lens = Lens::on(snapshot);
    let mut places = Vec::new();
    for (index, instance) in snapshot.instances().iter().enumerate() {
        let place = instance.node.map_or(Place::Alone(index), Place::Node);
        if lens.counts(index, instance) && !places.contains(&place) {
            places.push(place);
        }
    }
    // Rules that look at no instance have but one place.
    if snapshot.instances().is_empty() {
        places.push(Place::Everywhere);
    }
    places
}

fn judge(lens: &Lens<'_>, book: &Rulebook<'_>) -> Node {
    let seen: Vec<Seen<'_>> = book.tests.iter().map(|test| Seen::by(lens, test)).collect();
    let mut stack = Vec::new();
    for class in [Class::Rctl, Class::Economy, Class::Balancer] {
        let rules = || book.rules.iter().filter(|rule| class_of_rule(book, rule) == Some(class));
        if class != Class::Balancer && rules().next().is_some() && has_an_empty_owner(lens, book, class) {
            let what = if class == Class::Rctl { "an instance" } else { "the node" };
            return Node::Overloaded(format!("{what} has no figures at all, which Overlord takes for overload"));
        }
        for rule in rules() {
            let is_whole = (rule.tests.clone()).all(|number| seen.get(number).is_some_and(Seen::is_whole));
            if class != Class::Balancer && !is_whole {
                return Node::Skipped;
            }
            let steps = book.steps.get(rule.steps.clone()).unwrap_or_default();
            let truth_of = |number: usize| seen.get(number).map_or(Truth::Unknown, |seen| seen.truth);
            if join(steps, &mut stack, truth_of) == Truth::True {
                return Node::Overloaded(format!("{}: `{}`", told::figures(book, rule, &seen), rule.text));
            }
        }
    }
    Node::Passes
}

/// Whether one owner lacks every figure that the tests of the class look at.
fn has_an_empty_owner(lens: &Lens<'_>, book: &Rulebook<'_>, class: Class) -> bool {
    let tests = || book.tests.iter().filter(|test| class_of(test) == class);
    let figures =
        |test: &Test<'_>| -> Vec<Figure> { lens.members(test).iter().map(|member| member.now(&test.check)).collect() };
    let mut is_empty: Option<Vec<bool>> = None;
    for figures in tests().map(figures) {
        let lacking = is_empty.get_or_insert_with(|| vec![true; figures.len()]);
        for (lacks, figure) in lacking.iter_mut().zip(&figures) {
            *lacks &= figure.value.is_none();
        }
    }
    is_empty.is_some_and(|owners| owners.is_empty() || owners.contains(&true))
}

fn class_of_rule(book: &Rulebook<'_>, rule: &Rule<'_>) -> Option<Class> {
    book.tests_of(rule).first().map(class_of)
}

fn class_of(test: &Test<'_>) -> Class {
    match test.subject {
        Subject::Instance => Class::Rctl,
        Subject::Node => Class::Economy,
        _ => Class::Balancer,
    }
}
