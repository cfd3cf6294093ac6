//! The facts of an event, by the names that templates know, and the sentence where there is no template.

use std::collections::{BTreeMap, VecDeque};

use crate::cycle::{Happening, LiveEvent};

/// Changes whose beginning is remembered until they end: as many as the host has events in hand.
const BEGUN_MAX: usize = 1_024;

pub(super) type Facts = BTreeMap<&'static str, String>;

/// Changes that have begun: their end says neither from where to where nor why.
#[derive(Debug, Default)]
pub(super) struct Begun(VecDeque<(String, Facts)>);

impl Begun {
    /// The facts of an event, with what is remembered of its change.
    pub(super) fn facts(&mut self, event: &LiveEvent, host: &str) -> Facts {
        let mut facts = own(event);
        match &event.what {
            Happening::Begun { record, .. } => {
                self.0.push_back((record.clone(), facts.clone()));
                if self.0.len() > BEGUN_MAX {
                    self.0.pop_front();
                }
            }
            Happening::Ended { record, .. } => {
                let at = self.0.iter().position(|(known, _)| known == record);
                for (name, fact) in at.and_then(|at| self.0.remove(at)).map(|(_, facts)| facts).into_iter().flatten() {
                    facts.entry(name).or_insert(fact);
                }
            }
            _ => {}
        }
        facts.insert("host", host.to_owned());
        facts
    }
}

/// What the event itself says.
fn own(event: &LiveEvent) -> Facts {
    let mut facts = Facts::from([("event", event.what.word().to_owned()), ("time", time(event.at_ms))]);
    if let Some(target) = event.what.target() {
        facts.insert("target", target.to_string());
        facts.insert("driver", target.driver().to_owned());
        facts.insert("service", target.name().to_owned());
    }
    match &event.what {
        Happening::Begun { record, from, to, reason, .. } => {
            facts.insert("record", record.clone());
            facts.insert("reason", reason.clone());
            facts.extend(from.map(|from| ("from", from.to_string())));
            facts.extend(to.map(|to| ("to", to.to_string())));
        }
        Happening::Ended { record, outcome, .. } => {
            facts.insert("record", record.clone());
            facts.insert("outcome", outcome.to_string());
        }
        Happening::Failed { binding, slot, digest, quarantined_until_ms, .. } => {
            facts.insert("binding", binding.clone());
            facts.insert("slot", slot.clone());
            facts.insert("policy", digest.chars().take(12).collect());
            let until = quarantined_until_ms.map(|until| format!("it is not asked any more until {}", time(until)));
            facts.extend(until.map(|until| ("reason", until)));
        }
        Happening::Refused { binding, slot, kind, text, .. } => {
            facts.insert("binding", binding.clone());
            facts.insert("slot", slot.clone());
            facts.insert("reason", format!("{kind}: {text}"));
        }
        Happening::Withheld { binding, from, to, .. } => {
            facts.insert("binding", binding.clone());
            facts.insert("from", from.to_string());
            facts.insert("to", to.to_string());
        }
        Happening::Freeze { text, .. } | Happening::Steered { text, .. } => {
            facts.insert("reason", text.clone());
        }
    }
    facts
}

/// The sentence for a kind of event where nobody wrote one.
pub(super) fn sentence(what: &Happening, facts: &Facts) -> &'static str {
    let counts = facts.contains_key("from") && facts.contains_key("to");
    match what {
        Happening::Begun { .. } if counts => "{target}: {from} to {to} begun: {reason}",
        Happening::Begun { .. } => "{target}: a change is begun: {reason}",
        Happening::Ended { .. } if counts => "{target}: {from} to {to} {outcome}: {reason}",
        Happening::Ended { .. } => "{target}: a change is {outcome}: {reason}",
        Happening::Failed { .. } => "{target}: policy {slot} of binding {binding} failed; {reason}",
        Happening::Refused { .. } => "{target}: policy {slot} of binding {binding} refuses: {reason}",
        Happening::Withheld { .. } => {
            "{target}: binding {binding} only looks on, and would have gone from {from} to {to}"
        }
        Happening::Freeze { frozen: true, .. } => "{host}: everything is frozen: {reason}",
        Happening::Freeze { frozen: false, .. } => "{host}: everything goes on: {reason}",
        Happening::Steered { target: Some(_), .. } => "{target}: {reason}",
        Happening::Steered { target: None, .. } => "{host}: {reason}",
    }
}

fn time(at_ms: u64) -> String {
    let at = i64::try_from(at_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    at.map_or_else(|| format!("{at_ms} ms"), |at| format!("{at:.0}"))
}
