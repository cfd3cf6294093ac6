//! What the comparisons saw, and how a person is told.

use std::fmt::Write;

use trimtab_sdk::{Subject, figure};

use crate::lens::{Lens, Member};
use crate::statement::{Check, Gathering, Rule, Rulebook, Test};
use crate::truth::{Figure, Span, Truth, anticipate, judge};

/// So many figures, and so many gaps, are told.
const TOLD_MAX: usize = 4;

/// One comparison now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) truth: Truth,
    span: Span,
    /// Owners that count, and those of them whose figure is known.
    members: usize,
    known: usize,
    /// The text, where texts are compared.
    text: Option<&'a str>,
}

impl<'a> Seen<'a> {
    pub(crate) fn by(lens: &Lens<'a>, test: &Test<'a>) -> Self {
        if test.subject == Subject::Target {
            // One owner, and most often so: no list is made of it.
            let own = lens.own(test);
            let figure = own.now(&test.check);
            let (truth, span) = judge(test, &[figure]);
            return Self { truth, span, members: 1, known: usize::from(figure.value.is_some()), text: own.text() };
        }
        let members = lens.members(test);
        let figures: Vec<Figure> = members.iter().map(|member| member.now(&test.check)).collect();
        let (truth, span) = judge(test, &figures);
        let known = figures.iter().filter(|figure| figure.value.is_some()).count();
        Self { truth, span, members: members.len(), known, text: members.first().and_then(Member::text) }
    }

    /// What the comparison would come to if each had `more` times the load.
    pub(crate) fn with(&self, test: &Test<'_>, more: f64) -> Truth {
        anticipate(test, self.truth, self.span, more)
    }

    /// Every owner has a figure, and there is one.
    pub(crate) fn is_whole(&self) -> bool {
        self.members > 0 && self.known == self.members
    }

    /// No owner has a figure.
    pub(crate) fn is_nothing(&self) -> bool {
        self.known == 0
    }

    fn tell(&self, test: &Test<'_>, told: &mut String) {
        let Span { low, high } = self.span;
        told.push_str(test.text);
        // Writing to a text does not fail.
        let _ = match (self.text, low == high) {
            (Some(text), _) => write!(told, " is \"{text}\""),
            _ if self.is_nothing() => write!(told, " is not known"),
            (None, true) => write!(told, " is {}", figure(low)),
            (None, false) if high.is_infinite() && low.is_infinite() => write!(told, " is not known of all"),
            (None, false) if high.is_infinite() => write!(told, " is at least {}", figure(low)),
            (None, false) if low.is_infinite() => write!(told, " is at most {}", figure(high)),
            (None, false) => write!(told, " is {} to {}", figure(low), figure(high)),
        };
    }

    /// What it lacks, if it does.
    fn lack(&self, test: &Test<'_>) -> Option<String> {
        let (Test { text, reading, subject, .. }, members) = (test, self.members);
        let whose = match subject {
            Subject::Target if matches!(test.check, Check::Text { .. }) => {
                return (!self.is_whole()).then(|| format!("reading `{reading}` has no fresh text"));
            }
            Subject::Target => return (!self.is_whole()).then(|| format!("reading `{reading}` is absent or stale")),
            other => other.as_str(),
        };
        let missing = members - self.known;
        let or_share = if test.share.is_some() { ", or nothing to take a share of" } else { "" };
        if members == 0 {
            Some(format!("`{text}` has no {whose} to look at"))
        } else if missing > 0 {
            Some(format!("`{text}`: {missing} of {members} {whose}s have no fresh sample{or_share}"))
        } else if matches!(test.gathering, Gathering::ByNode { .. }) && self.truth == Truth::Unknown {
            Some(format!("`{text}`: the node of an instance is not known"))
        } else {
            None
        }
    }
}

/// The figures of a rule: `max(cpu) is 91, sessions is 3`.
pub(crate) fn figures(book: &Rulebook<'_>, rule: &Rule<'_>, seen: &[Seen<'_>]) -> String {
    listed(book, seen, rule.tests.clone())
}

/// The figures of all rules.
pub(crate) fn all_figures(book: &Rulebook<'_>, seen: &[Seen<'_>]) -> String {
    listed(book, seen, 0..book.tests.len())
}

fn listed(book: &Rulebook<'_>, seen: &[Seen<'_>], numbers: std::ops::Range<usize>) -> String {
    let mut told = String::new();
    let mut count = 0;
    let tests = book.tests.get(numbers.clone()).unwrap_or_default();
    for (index, (test, seen)) in tests.iter().zip(seen.iter().skip(numbers.start)).enumerate() {
        if tests.iter().take(index).any(|before| before.text == test.text) {
            continue;
        }
        count += 1;
        if count > TOLD_MAX {
            told.push_str(" …");
            break;
        }
        if count > 1 {
            told.push_str(", ");
        }
        seen.tell(test, &mut told);
    }
    told
}

/// What is missing of the readings, each once.
pub(crate) fn lacks(book: &Rulebook<'_>, seen: &[Seen<'_>]) -> Vec<String> {
    let mut lacks: Vec<String> = Vec::new();
    for lack in book.tests.iter().zip(seen).filter_map(|(test, seen)| seen.lack(test)) {
        if lacks.len() < TOLD_MAX && !lacks.contains(&lack) {
            lacks.push(lack);
        }
    }
    lacks
}
