//! Which alert has had its step. A step's goal is set when its alert is first seen, from the count of that moment, and is asked
//! for until it is reached: what the bounds hold back is asked again, what is done is not.

use trimtab_sdk::Maker;
use trimtab_sdk::prelude::*;
use trimtab_sdk::snapshot::{Alert, Change};

use crate::Parameters;
use crate::past::{Past, STEPS_MAX, Step, mark_of};
use crate::rule::{Rule, What, label};
use crate::service;
use crate::vocabulary::{self, Word};

/// Most sentences of one answer, and most notes.
const SENTENCES_MAX: usize = 8;
/// Most characters of a name that is told.
const SHORT_CHARS: usize = 64;
/// Most instances of a node that are named to go; where more go, the host chooses.
const VICTIMS_MAX: usize = 64;

/// What an alert asks for.
struct Wish<'s, 'p> {
    alert: &'s Alert,
    /// What it is called in reasons.
    rule: &'p str,
    what: What,
    node_label: Option<&'p str>,
    every_ms: u64,
    key: u64,
    age_ms: u64,
}

/// What comes of all alerts, as it is put together.
struct Tally<'s> {
    count: u32,
    steps: Vec<Step>,
    reasons: Vec<String>,
    notes: Vec<String>,
    /// Alerts that have had their step.
    dealt: Vec<&'s str>,
    places: Vec<String>,
    victims: Vec<String>,
    /// Whether one of the alerts has just had its step.
    reached: bool,
}

pub(crate) fn answer(rules: &[Rule], snapshot: &Snapshot<'_>, parameters: &Parameters, past: &mut Past) -> Answer {
    let desired = snapshot.desired();
    let mut tally = Tally {
        count: desired,
        steps: Vec::new(),
        reasons: Vec::new(),
        notes: Vec::new(),
        dealt: Vec::new(),
        places: Vec::new(),
        victims: Vec::new(),
        reached: false,
    };
    let mut wishes = Vec::new();
    for alert in snapshot.alerts() {
        match wish_of(alert, rules, snapshot, parameters) {
            Ok(wish) => wishes.extend(wish),
            Err(why) => tally.notes.push(format!("alert {}: {why}", short(&alert.name))),
        }
    }
    // Raises first: while one of them is on its way, nothing is lowered.
    let raises = |wish: &&Wish<'_, '_>| goal_of(wish, desired, snapshot, parameters).is_ok_and(|goal| goal > desired);
    let (up, down): (Vec<_>, Vec<_>) = wishes.iter().partition(raises);
    for wish in up.into_iter().chain(down) {
        tally.take(wish, snapshot, parameters, past);
    }
    past.keep(tally.steps.clone(), snapshot, parameters);
    tally.answer(snapshot)
}

/// What an alert asks for; `None` where no rule fits it.
///
/// # Errors
/// A sentence, where it is meant and nothing comes of it.
fn wish_of<'s, 'p>(
    alert: &'s Alert,
    rules: &'p [Rule],
    snapshot: &Snapshot<'_>,
    parameters: &'p Parameters,
) -> Result<Option<Wish<'s, 'p>>, String> {
    let mut every = parameters.repeat_every;
    let found = rules.iter().enumerate().find(|(_, rule)| rule.fits(alert));
    let (rule, what, node_label) = match found {
        Some((_, rule)) => {
            let service = rule.service_label.as_ref().map(|name| label(alert, name).unwrap_or_default());
            if service.is_some_and(|service| !service::is_target(service, snapshot, parameters)) {
                return Err("it is about another service".to_owned());
            }
            every = rule.every.unwrap_or(every);
            (rule.name.as_str(), rule.what, rule.node_label.as_deref())
        }
        None => match vocabulary::read(alert, snapshot, parameters) {
            Word::Step(what, node_label) => ("", what, node_label),
            Word::Nothing(None) => return Ok(None),
            Word::Nothing(Some(why)) => return Err(why.to_owned()),
        },
    };
    let (now_ms, max_age_ms) = (snapshot.now_ms(), millis(parameters.max_age));
    let age_ms = now_ms.saturating_sub(alert.since_ms);
    if age_ms > max_age_ms {
        return Err(format!("it is {} s old, older than {} s never act", age_ms / 1000, max_age_ms / 1000));
    }
    let place = found.map_or(rules.len(), |(index, _)| index);
    let same = parameters.dedupe_by.iter().map(|name| label(alert, name).unwrap_or_default());
    let key = match parameters.dedupe_by.is_empty() {
        true => mark_of([alert.id.as_str()]) ^ alert.since_ms,
        false => mark_of(same) ^ place as u64,
    };
    Ok(Some(Wish { alert, rule, what, node_label, every_ms: millis(every), key, age_ms }))
}

/// The count that a wish makes of `count`, within the bounds and the alert's own.
///
/// # Errors
/// A sentence, where it would lower by what is not known.
fn goal_of(wish: &Wish<'_, '_>, count: u32, snapshot: &Snapshot<'_>, parameters: &Parameters) -> Result<u32, String> {
    let limits = &snapshot.target().limits;
    let bound = |name: &str| label(wish.alert, name).map(str::parse::<u32>);
    let most = match bound(&parameters.max_label) {
        Some(Ok(most)) => most.min(limits.replicas_max),
        _ => limits.replicas_max,
    };
    let least = bound(&parameters.min_label);
    let floor = limits.replicas_min.max(least.clone().and_then(Result::ok).unwrap_or(0));
    let goal = wish.what.from(count, floor, most);
    if goal < count && least.is_some_and(|least| least.is_err()) {
        return Err(format!("its `{}` is no count: not lowered", parameters.min_label));
    }
    if goal < count && wish.alert.since_ms > snapshot.now_ms() {
        return Err("it begins in the future: not lowered".to_owned());
    }
    Ok(goal)
}

impl<'s> Tally<'s> {
    fn take(&mut self, wish: &Wish<'s, '_>, snapshot: &Snapshot<'_>, parameters: &Parameters, past: &Past) {
        let Wish { alert, key, .. } = *wish;
        let now_ms = snapshot.now_ms();
        if let Some(step) = self.steps.iter().find(|step| step.key == key) {
            // Another of the same values in this turn.
            self.dealt.extend((step.done && wish.every_ms == 0).then_some(alert.id.as_str()));
            return;
        }
        let known = past.steps.iter().find(|step| step.key == key).copied();
        let done = known.filter(|step| step.done && !wish.begins_anew(step, now_ms, parameters));
        if let Some(step) = done {
            self.steps.push(step);
            return self.dealt.extend((wish.every_ms == 0).then_some(alert.id.as_str()));
        }
        let pending = known.filter(|step| !step.done);
        let goal = match goal_of(wish, self.count, snapshot, parameters) {
            Ok(goal) => goal,
            Err(why) => return self.notes.push(format!("alert {}: {why}", short(&alert.name))),
        };
        let lowers = goal < self.count;
        if lowers && pending.is_none() && !past.begun && lowered_since(snapshot.changes(), alert.since_ms) {
            self.notes
                .push(format!("alert {}: the count was lowered since it began, and what for is forgotten", alert.name));
            return self.steps.push(Step { key, at_ms: now_ms, goal: self.count, done: true });
        }
        // The first goal holds; others may have moved the count meanwhile, and a step is never more than one step.
        let goal = match pending {
            Some(step) if goal >= self.count && step.goal <= goal => step.goal,
            Some(step) if lowers && step.goal > goal => step.goal,
            _ => goal,
        };
        let reached = match pending {
            Some(step) if lowers => snapshot.desired() <= step.goal,
            Some(step) => snapshot.desired() >= step.goal,
            None => goal == self.count,
        };
        if reached {
            self.reached = true;
            self.steps.push(Step { key, at_ms: now_ms, goal, done: true });
            self.dealt.extend((wish.every_ms == 0).then_some(alert.id.as_str()));
            return self.notes.push(format!("{}: {} replicas, done", wish.told(), snapshot.desired()));
        }
        if lowers && self.count > snapshot.desired() {
            self.steps.extend(pending);
            return self.notes.push(format!("{}: waits, for others raise", wish.told()));
        }
        if !self.place(wish, lowers, snapshot) {
            return;
        }
        let at_ms = pending.map_or(now_ms, |step| step.at_ms);
        self.steps.push(Step { key, at_ms, goal, done: false });
        self.reasons.push(format!("{}: {} to {goal}", wish.told(), self.count));
        self.count = goal;
    }

    /// Where the new ones are to be, or which go; `false` where that is not known.
    fn place(&mut self, wish: &Wish<'_, '_>, lowers: bool, snapshot: &Snapshot<'_>) -> bool {
        let Some(name) = wish.node_label else { return true };
        let named = label(wish.alert, name);
        match (named.and_then(|named| service::node(named, snapshot)), lowers) {
            (Some((_, node)), false) => self.places.push(node.id.clone()),
            (None, false) => self.notes.push(format!("{}: `{name}` names no node, any will do", wish.told())),
            (None, true) => {
                self.notes.push(format!("{}: `{name}` names no node: not lowered", wish.told()));
                return false;
            }
            (Some((index, node)), true) => {
                let mut here: Vec<_> = snapshot.instances().iter().filter(|one| one.node == Some(index)).collect();
                if here.is_empty() {
                    self.notes.push(format!("{}: nothing runs on {}: not lowered", wish.told(), node.id));
                    return false;
                }
                // The newest first, as Docker lists them.
                while let Some(newest) = (0..here.len()).max_by_key(|place| here.get(*place).map(|one| one.started_ms))
                    && self.victims.len() < VICTIMS_MAX
                {
                    self.victims.push(here.swap_remove(newest).id.clone());
                }
            }
        }
        true
    }

    fn answer(mut self, snapshot: &Snapshot<'_>) -> Answer {
        self.notes.truncate(SENTENCES_MAX);
        let more = self.reasons.len().saturating_sub(SENTENCES_MAX);
        self.reasons.truncate(SENTENCES_MAX);
        let mut reason = self.reasons.join("; ");
        if more > 0 {
            reason += &format!("; and {more} more");
        }
        let answer = if self.count != snapshot.desired() {
            Proposal::scale(self.count).placement(self.places).instances(self.victims).because(reason).into()
        } else if self.reached {
            // Said once, so that the host closes the alert.
            Answer::hold(self.notes.join("; "))
        } else {
            Answer::abstain()
        };
        let answer = answer.notes(self.notes);
        if snapshot.alerts().is_empty() { answer } else { answer.deals_with(self.dealt) }
    }
}

impl Wish<'_, '_> {
    /// Whether an alert that has had its step has one more.
    fn begins_anew(&self, step: &Step, now_ms: u64, parameters: &Parameters) -> bool {
        let since_ms = now_ms.saturating_sub(step.at_ms);
        let repeats = self.every_ms > 0 && since_ms >= self.every_ms;
        let is_next = !parameters.dedupe_by.is_empty()
            && self.alert.since_ms > step.at_ms
            && since_ms >= millis(parameters.dedupe_for);
        repeats || is_next
    }

    fn told(&self) -> String {
        let (name, ago_s) = (short(&self.alert.name), self.age_ms / 1000);
        match self.rule {
            "" => format!("alert {name} of {ago_s} s ago"),
            rule => format!("{rule}, alert {name} of {ago_s} s ago"),
        }
    }
}

impl Past {
    /// Keeps this turn's steps, and those done lately of alerts that are not shown any more.
    fn keep(&mut self, mut steps: Vec<Step>, snapshot: &Snapshot<'_>, parameters: &Parameters) {
        let span_ms = millis(parameters.dedupe_for.max(parameters.max_age));
        let mut earlier = std::mem::take(&mut self.steps);
        earlier.retain(|step| {
            step.done
                && snapshot.now_ms().saturating_sub(step.at_ms) < span_ms
                && !steps.iter().any(|kept| kept.key == step.key)
        });
        // They are kept in the order in which they were done, the oldest last.
        steps.extend(earlier);
        steps.truncate(STEPS_MAX);
        (self.begun, self.steps) = (true, steps);
    }
}

/// What others wrote, cut to what people read: the host takes no sentence of any length.
fn short(text: &str) -> &str {
    let end = text.char_indices().nth(SHORT_CHARS).map_or(text.len(), |(end, _)| end);
    text.get(..end).unwrap_or(text)
}

fn lowered_since(changes: &[Change], since_ms: u64) -> bool {
    changes.iter().any(|change| {
        change.at_ms >= since_ms && change.maker() == Maker::Policy && change.to_count < change.from_count
    })
}

fn millis(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
