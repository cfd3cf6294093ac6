//! Sets floors, ceilings or exact counts of replicas by the clock.
//!
//! `grammar.rs` reads windows, `cron.rs` and `calendar.rs` know when their times come on a wall, `clock.rs` when that wall shows
//! them, `window.rs` says what is open, `overlap.rs` which of several counts. README.md has the grammar and what daylight saving
//! does to it.

mod calendar;
mod clock;
mod cron;
mod grammar;
mod overlap;
mod window;

use std::time::Duration;

use trimtab_sdk::prelude::*;

use crate::clock::{Clock, Shown, UTC};
use crate::grammar::Unreadable;
use crate::overlap::InForce;
use crate::window::{Rule, State, Window};

/// Most windows of one policy.
const WINDOWS_MAX: usize = 50;
/// How far back and ahead offsets are asked for: a window lasts a leap year at most, and a note on what is next is worth a year.
const REACH: Duration = Duration::from_secs(400 * 86_400);

parameters! {
    /// What the operator sets.
    pub struct Parameters {
        /// Windows: `at least 10 from '0 8 * * 1-5' to '0 18 * * 1-5'`, `at most 2 from '0 22 * * *' for 8h priority 5`,
        /// `exactly 3 from '0 0 25 12 *' for 24h in Europe/Berlin`.
        pub windows: Vec<String> {},
        /// The time zone, by its IANA name, of windows that name none.
        pub zone: String { default: UTC },
        /// What holds while no window is open: `at least 1`, `at most 5`, `exactly 2`. Without it other policies decide.
        pub otherwise: Option<String> {},
    }
}

/// The policy.
#[derive(Debug)]
pub struct Schedule;

impl Policy for Schedule {
    type Parameters = Parameters;
    type Memory = ();
    const ABOUT: About = about!(Kind::Scale);

    fn needs(parameters: &Parameters) -> Result<Needs<'_>, Refusal> {
        let mut needs = Needs::new();
        let mut zones: Vec<&str> = vec![UTC];
        for window in read(parameters)? {
            if !zones.contains(&window.zone) {
                zones.push(window.zone);
                needs = needs.transitions(window.zone).look_back(REACH);
            }
        }
        otherwise(parameters)?;
        Ok(needs)
    }

    fn evaluate(snapshot: &Snapshot<'_>, parameters: &Parameters, _: &mut ()) -> Result<Answer, Refusal> {
        let windows = read(parameters)?;
        let now_s = clock::seconds(snapshot.now_ms());
        let mut in_force = InForce::default();
        let mut unknown: Vec<&str> = Vec::new();
        let mut next: Option<Change<'_>> = None;
        for window in &windows {
            let Some(clock) = Clock::of(snapshot, window.zone) else {
                if !unknown.contains(&window.zone) {
                    unknown.push(window.zone);
                }
                continue;
            };
            let state = window.state(&clock, now_s);
            let (State::Open { until_s } | State::Closed { until_s }) = state;
            let until = until_s.map(|at_s| (at_s, clock.shows(at_s)));
            let opens = !matches!(state, State::Open { .. });
            if !opens {
                in_force.add(window, until.map(|(_, shown)| shown));
            }
            if let Some((at_s, shown)) = until.filter(|(at_s, _)| next.as_ref().is_none_or(|next| *at_s < next.at_s)) {
                next = Some(Change { at_s, shown, opens, window });
            }
        }
        if !unknown.is_empty() {
            return with_unknown(in_force, &unknown, snapshot.desired());
        }
        let answer = match in_force.proposal() {
            Some(proposal) => proposal.into(),
            None => otherwise(parameters)?.map_or_else(Answer::abstain, resort),
        };
        Ok(match next {
            Some(next) => answer.attr("next_change_ms", next.at_s.saturating_mul(1000)).note(next.told()),
            None => answer,
        })
    }
}

trimtab_sdk::export!(Schedule);

/// The change that comes next.
struct Change<'w> {
    at_s: i64,
    shown: Shown<'w>,
    opens: bool,
    window: &'w Window<'w>,
}

impl Change<'_> {
    fn told(&self) -> String {
        let word = if self.opens { "opens" } else { "closes" };
        format!("next, at {}, `{}` {word}", self.shown, self.window.text)
    }
}

/// The windows, read.
///
/// # Errors
/// `parameter-wrong` where there are none or too many, or one cannot be read.
fn read(parameters: &Parameters) -> Result<Vec<Window<'_>>, Refusal> {
    let texts = &parameters.windows;
    if texts.is_empty() || texts.len() > WINDOWS_MAX {
        let text = format!("`windows` has {} items; 1 to {WINDOWS_MAX} are wanted", texts.len());
        return Err(Refusal::parameter_wrong(text));
    }
    texts
        .iter()
        .map(|text| grammar::window(text, &parameters.zone).map_err(|why| wrong("windows", text, why)))
        .collect()
}

fn otherwise(parameters: &Parameters) -> Result<Option<Rule>, Refusal> {
    let text = parameters.otherwise.as_deref();
    text.map(|text| grammar::rule(text).map_err(|why| wrong("otherwise", text, why))).transpose()
}

fn wrong(parameter: &str, text: &str, why: Unreadable<'_>) -> Refusal {
    Refusal::parameter_wrong(format!("`{parameter}`: {why} in `{text}`"))
}

/// What holds while no window is open.
fn resort(rule: Rule) -> Answer {
    let draft = match (rule.floor, rule.ceiling) {
        (Some(floor), Some(_)) => overlap::exactly(floor),
        (Some(floor), None) => Proposal::at_least(floor),
        (None, ceiling) => Proposal::at_most(ceiling.unwrap_or(u32::MAX)),
    };
    draft.because(format!("no window is open: otherwise {rule}")).into()
}

/// With some windows not known: the others may raise, and nothing lowers.
fn with_unknown(in_force: InForce<'_>, unknown: &[&str], desired: u32) -> Result<Answer, Refusal> {
    let text = format!("the snapshot tells no offsets of time zone `{}`", unknown.join("`, `"));
    match in_force.floor_above(desired) {
        Some(floor) => Ok(Answer::from(floor).note(text)),
        None => Err(Refusal::reading_missing(text)),
    }
}

#[cfg(test)]
mod tests;
