//! The decisions of other systems, to the letter. They lower on missing data where those did; the host's bounds restrain that.

pub(crate) mod droplet;
pub(crate) mod overlord;
pub(crate) mod overscaler;

use trimtab_sdk::{Refusal, Subject};

use crate::statement::{Action, Aggregate, Gathering, Rule, Rulebook, Test};

/// Refuses rules that the system could not have had: what it would make of them, nobody knows.
///
/// # Errors
/// `parameter-wrong`, naming `compat` and the rule.
pub(crate) fn check(compat: &str, book: &Rulebook<'_>) -> Result<(), Refusal> {
    if compat == "none" {
        return Ok(());
    }
    let complaint = |rule: &Rule<'_>| {
        let tests = book.tests_of(rule);
        match compat {
            "overscaler" => unlike_overscaler(rule, tests),
            "overlord" => unlike_overlord(rule, tests),
            "droplet" => unlike_droplet(rule),
            _ => None,
        }
    };
    let wrong = (1..).zip(&book.rules).find_map(|(number, rule)| Some((number, rule, complaint(rule)?)));
    let Some((number, rule, wants)) = wrong else { return Ok(()) };
    let text = rule.text;
    Err(Refusal::parameter_wrong(format!(
        "`compat` is \"{compat}\", which takes {wants}; rule {number} of `rules` is `{text}`"
    )))
}

fn unlike_overscaler(rule: &Rule<'_>, tests: &[Test<'_>]) -> Option<&'static str> {
    let is_alike = matches!(rule.action, Action::Add(_) | Action::Take(_))
        && rule.lasting.is_none()
        && matches!(tests, [only] if only.gathering == Gathering::Over(Aggregate::Any) && only.subject == Subject::Instance);
    (!is_alike).then_some("only its own rules and `±N when any(NAME) >= N`, without `for`")
}

fn unlike_overlord(rule: &Rule<'_>, tests: &[Test<'_>]) -> Option<&'static str> {
    let is_by_node = tests.iter().any(|test| matches!(test.gathering, Gathering::ByNode { .. }));
    let is_alike = rule.action == Action::Add(1) && rule.lasting.is_none() && !is_by_node;
    (!is_alike).then_some(
        "only `+1 when …`, without `for` and `by node`: it judges node by node, and lowers when none is overloaded",
    )
}

fn unlike_droplet(rule: &Rule<'_>) -> Option<&'static str> {
    let is_alike = matches!(rule.action, Action::Add(1) | Action::Take(1)) && rule.lasting.is_none();
    (!is_alike).then_some("only `+1 when …` and `-1 when …`, without `for`")
}
