//! Threshold rules in one readable language: `+1 when max(cpu_millicores % of cpu limit) >= 80% for 2m`.
//!
//! `words.rs` and `grammar.rs` read the statements into a rulebook (`statement.rs`); `lens.rs` looks at the snapshot, `truth.rs`
//! compares in three values, `held.rs` does so over time, `decision.rs` makes one answer of all rules, and `told.rs` says why.
//! `compat.rs` has the decisions of the systems that README.md compares with.

mod compat;
mod decision;
mod grammar;
mod held;
mod label_rule;
mod lens;
mod quantity;
mod statement;
mod told;
mod truth;
mod words;

use std::time::Duration;

use trimtab_sdk::prelude::*;

use crate::lens::Lens;
use crate::statement::{Rulebook, Test};

parameters! {
    /// What the operator sets.
    pub struct Parameters {
        /// The rules, one statement each, such as `+1 when mean(cpu_millicores % of cpu limit) >= 80% for 2m`. The largest count
        /// that a rule asks for wins.
        pub rules: Vec<String> {},
        /// Whose decision it is to be: this policy's own (`none`), or to the letter that of Overscaler, Overlord or
        /// DigitalOcean's droplet-autoscale.
        pub compat: String { default: "none", choices: ["none", "overscaler", "overlord", "droplet"] },
        /// Whether a lowering is left out if its load, shared by the rest, would let a rule that raises hold at once. Not for readings
        /// that do not rise as replicas go, such as the length of a queue. Without compat only.
        pub anticipate: bool { default: true },
        /// With `compat = "droplet"`: readings of instances whose absence counts as 0.
        pub missing_as_zero: Vec<String> { default: vec!["outbound_bandwidth".to_owned()] },
    }
}

/// The policy.
#[derive(Debug)]
pub struct Rules;

impl Policy for Rules {
    type Parameters = Parameters;
    type Memory = ();
    const ABOUT: About = about!(Kind::Scale);

    fn needs(parameters: &Parameters) -> Result<Needs<'_>, Refusal> {
        let book = read(parameters)?;
        let mut needs = Needs::new();
        for wanted in wanted(&book) {
            let Wanted { test, look_back } = wanted;
            needs = needs.reading(test.reading, test.subject.clone()).look_back(look_back).required();
        }
        Ok(needs)
    }

    fn evaluate(snapshot: &Snapshot<'_>, parameters: &Parameters, _: &mut ()) -> Result<Answer, Refusal> {
        let book = read(parameters)?;
        match parameters.compat.as_str() {
            "overscaler" => compat::overscaler::decide(snapshot, &book),
            "overlord" => compat::overlord::decide(snapshot, &book),
            "droplet" => compat::droplet::decide(snapshot, &book, &parameters.missing_as_zero),
            _ => decision::decide(&Lens::on(snapshot), &book, parameters.anticipate),
        }
    }
}

trimtab_sdk::export!(Rules);

fn read(parameters: &Parameters) -> Result<Rulebook<'_>, Refusal> {
    let book = grammar::read(&parameters.rules)?;
    compat::check(&parameters.compat, &book)?;
    Ok(book)
}

/// A reading, and how far back the longest `for` asks for it.
struct Wanted<'b, 'p> {
    test: &'b Test<'p>,
    look_back: Duration,
}

/// Each reading once.
fn wanted<'b, 'p>(book: &'b Rulebook<'p>) -> Vec<Wanted<'b, 'p>> {
    let mut all: Vec<Wanted<'b, 'p>> = Vec::new();
    for rule in &book.rules {
        let look_back = rule.lasting.map_or(Duration::ZERO, held::look_back);
        for test in book.tests_of(rule) {
            let known = all.iter().position(|one| one.test.reading == test.reading && one.test.subject == test.subject);
            match known.and_then(|known| all.get_mut(known)) {
                Some(one) => one.look_back = one.look_back.max(look_back),
                None => all.push(Wanted { test, look_back }),
            }
        }
    }
    all
}

#[cfg(test)]
mod tests;
