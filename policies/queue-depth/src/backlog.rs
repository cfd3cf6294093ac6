//! The queues, added up, and how long they have been empty.

use std::time::Duration;

use trimtab_sdk::{Samples, Snapshot, Subject};

use crate::Parameters;

/// A hole between samples up to this long hides no message, however short `idle_for` is: sources are seldom asked more often.
const HOLE_MIN: Duration = Duration::from_secs(60);

/// What is known of the queues together.
#[derive(Debug)]
pub(crate) struct Backlog {
    /// Messages in the queues that are known; `None` if none is. With some missing, there are at least so many.
    pub(crate) waiting: Option<f64>,
    /// Whether all queues together were never above `activation` within `idle_for`, without a hole in what is known.
    pub(crate) is_idle: bool,
    /// The queues that are not known, in a sentence each.
    pub(crate) missing: Vec<String>,
}

impl Backlog {
    pub(crate) fn look(snapshot: &Snapshot<'_>, parameters: &Parameters) -> Self {
        let mut backlog = Self { waiting: None, is_idle: false, missing: Vec::new() };
        // The sum of what each had at most is never less than what all had at once.
        let mut most = Some(0.0);
        for queue in parameters.queues() {
            match latest(snapshot, queue) {
                Ok((samples, waiting)) => {
                    backlog.waiting = Some(backlog.waiting.unwrap_or(0.0) + waiting);
                    most = most.zip(most_while_idle(samples, snapshot, parameters)).map(|(sum, most)| sum + most);
                }
                Err(why) => backlog.missing.push(why),
            }
        }
        backlog.is_idle = backlog.missing.is_empty() && most.is_some_and(|most| most <= parameters.activation);
        backlog
    }
}

/// How far back a queue is asked for: `idle_for`, and the longest hole before it.
pub(crate) fn look_back(parameters: &Parameters) -> Duration {
    if parameters.idle_for.is_zero() { Duration::ZERO } else { parameters.idle_for + hole_max(parameters) }
}

/// The samples of a reading and the latest, at least zero; or why it is not known.
pub(crate) fn latest<'s>(snapshot: &'s Snapshot<'_>, name: &'s str) -> Result<(Samples<'s>, f64), String> {
    let fact = snapshot.reading_of(&Subject::Target, name).samples();
    let word = fact.word();
    let samples = fact.fresh().ok_or_else(|| format!("reading `{name}` is {word}"))?;
    Ok((samples, samples.latest().max(0.0)))
}

fn hole_max(parameters: &Parameters) -> Duration {
    (parameters.idle_for / 2).max(HOLE_MIN)
}

/// The most that waited within `idle_for`; `None` if that is not known without a hole. What holds at the ends counts: a sample
/// from before `idle_for` must be there.
fn most_while_idle(samples: Samples<'_>, snapshot: &Snapshot<'_>, parameters: &Parameters) -> Option<f64> {
    let since_ms = snapshot.ago_ms(parameters.idle_for);
    let mut most: f64 = 0.0;
    let mut later_ms = snapshot.now_ms();
    for (at_ms, waiting) in samples.iter().rev() {
        let hole = Duration::from_millis(later_ms.saturating_sub(at_ms));
        if hole > hole_max(parameters) {
            return None;
        }
        most = most.max(waiting);
        if at_ms <= since_ms {
            return Some(most);
        }
        later_ms = at_ms;
    }
    // With no time to wait for, the latest sample is all there is to know.
    parameters.idle_for.is_zero().then_some(most)
}
