//! Keeps a number of instances healthy: starts what stopped, restarts what is unready, replaces what failed or is lost, lets
//! others stand in for what is away with its node, and gives these back.
//!
//! `crew.rs` sorts the instances and remembers since when each is in trouble, `heal.rs` acts on single ones, `stand_in.rs` on
//! lost nodes, `notice.rs` on alerts, `redeploy.rs` on a changed template. `overlord.rs` is Overlord's rule in their place.

mod crew;
mod heal;
mod notice;
mod overlord;
mod past;
mod redeploy;
mod stand_in;

use std::time::Duration;

use trimtab_sdk::prelude::*;

use crate::crew::{Crew, Member};
use crate::past::Past;

parameters! {
    /// What the operator sets.
    pub struct Parameters {
        /// So many are to be healthy at least; the count never goes below.
        pub min_healthy: Option<i64> { min: 0, max: 100_000 },
        /// Such a share of the desired count is to be healthy at least; with `min_healthy`, the greater of both.
        pub min_share: f64 { default: 1, min: 0, max: 1 },
        /// How long an instance may take to start before it counts as unready.
        pub starting_for: Duration { default: Duration::from_secs(300) },
        /// How long an instance may be unready before it is restarted.
        pub unready_for: Duration { default: Duration::from_secs(60) },
        /// How long an instance has failed before it is replaced: first the backend, or the host's repair, has its turn.
        pub failed_for: Duration { default: Duration::from_secs(30) },
        /// How long an instance is lost before it is replaced, or others stand in for it.
        pub lost_for: Duration { default: Duration::from_secs(120) },
        /// So many restarts in vain, and it is replaced.
        pub restarts: i64 { default: 2, min: 0, max: 20 },
        /// Healthy for so long, and its restarts are forgotten.
        pub forget_after: Duration { default: Duration::from_secs(600) },
        /// Whether the count is raised for instances that are away with a lost node, and lowered again when they are back.
        /// Else these are replaced.
        pub hand_over: bool { default: true },
        /// Alerts on which an instance is started or restarted: `NAME`, `NAME*`, or `LABEL=VALUE`.
        pub alerts: Vec<String> { default: vec!["autoscale_action=service_availability".to_owned()] },
        /// Labels of an alert that name the instance, by id or name; the first that it has counts.
        pub instance_labels: Vec<String> { default: notice::instance_labels() },
        /// Labels of an alert that name the service; an alert for another one is left alone.
        pub service_labels: Vec<String> { default: notice::service_labels() },
        /// Older alerts are left alone.
        pub alert_max_age: Duration { default: Duration::from_secs(600), min: Duration::from_secs(1) },
        /// The label of the target that tells its template apart (a checksum, a revision): where it changes, all instances
        /// are replaced.
        pub digest_label: Option<String> {},
        /// `overlord` decides as Overlord does; see README.md.
        pub compat: String { default: "none", choices: ["none", "overlord"] },
        /// For `overlord`: the label of the target that asks to take everything down.
        pub cleanup_label: Option<String> {},
        /// For `overlord`: a reading of instances that is 1 where one is dirty.
        pub dirty_reading: Option<String> {},
    }
}

impl Parameters {
    fn is_overlord(&self) -> bool {
        self.compat == "overlord"
    }

    /// How many are to be healthy where `home` are desired.
    fn wanted(&self, home: u32) -> u32 {
        self.floor().max(replicas(self.min_share * f64::from(home)))
    }

    fn floor(&self) -> u32 {
        self.min_healthy.and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
    }
}

/// The policy.
#[derive(Debug)]
pub struct Availability;

impl Policy for Availability {
    type Parameters = Parameters;
    type Memory = Past;
    const ABOUT: About = about!(Kind::Scale, Kind::Start, Kind::Restart, Kind::Replace, Kind::Redeploy);

    fn needs(parameters: &Parameters) -> Result<Needs<'_>, Refusal> {
        check(parameters)?;
        let mut needs = Needs::new().instances().nodes();
        if !(parameters.is_overlord() || parameters.alerts.is_empty()) {
            needs = needs.alerts();
        }
        for label in [&parameters.digest_label, &parameters.cleanup_label].into_iter().flatten() {
            needs = needs.label(label);
        }
        if let Some(reading) = &parameters.dirty_reading {
            needs = needs.reading(reading, Subject::Instance);
        }
        Ok(needs)
    }

    fn evaluate(snapshot: &Snapshot<'_>, parameters: &Parameters, past: &mut Past) -> Result<Answer, Refusal> {
        if parameters.is_overlord() {
            return overlord::evaluate(snapshot, parameters, past);
        }
        let crew = Crew::meet(snapshot, parameters, past);
        let changed = past.changed(snapshot, parameters);
        let mut plan = Plan::default();
        // A change in flight has these instances in its hands, and the bounds would take nothing else away beside it.
        let busy = snapshot.in_flight().filter(|change| !change.stuck);
        match busy {
            Some(change) => plan.notes.push(format!("instances wait for the {} in flight", change.kind)),
            None => {
                notice::answer(&crew, snapshot, parameters, &mut plan);
                heal::heal(&crew, snapshot, parameters, past, &mut plan);
                if let Some(changed) = changed.filter(|_| plan.proposals.is_empty()) {
                    redeploy::roll(&crew, snapshot, changed, &mut plan);
                }
            }
        }
        stand_in::balance(&crew, snapshot, parameters, past, &mut plan);
        Ok(plan.answer(&crew, snapshot))
    }
}

trimtab_sdk::export!(Availability);

/// What an evaluation comes to, as it is put together.
#[derive(Debug, Default)]
struct Plan {
    proposals: Vec<Proposal>,
    notes: Vec<String>,
    /// Ids of the instances that something is asked for.
    acted: Vec<String>,
    /// How many of these then count where they did not.
    made_good: u32,
    /// Ids of the alerts that this deals with.
    dealt: Vec<String>,
}

/// Most instances that one answer acts on; the bounds let through far fewer.
const ACTIONS_MAX: usize = 16;

/// Most sentences about single instances.
const NOTES_MAX: usize = 12;

impl Plan {
    /// Asks for the first of these kinds that the backend can do; whether it can do one.
    fn act(&mut self, kinds: &[Kind], member: &Member<'_>, snapshot: &Snapshot<'_>, why: String) -> bool {
        let Some(kind) = kinds.iter().find(|kind| snapshot.target().abilities.can(kind)) else {
            self.notes.push(format!("{why}; the backend can do nothing about it"));
            return false;
        };
        if self.proposals.len() >= ACTIONS_MAX {
            self.notes.push(format!("{why}; after {ACTIONS_MAX} others"));
            return false;
        }
        let id = &member.instance.id;
        self.acted.push(id.clone());
        self.made_good += u32::from(member.state.is_gone());
        self.proposals.push(Proposal::act(kind, [id.as_str()]).because(why));
        true
    }

    fn has_acted_on(&self, member: &Member<'_>) -> bool {
        self.acted.contains(&member.instance.id)
    }

    fn answer(mut self, crew: &Crew<'_>, snapshot: &Snapshot<'_>) -> Answer {
        if self.proposals.is_empty() {
            let (healthy, desired) = (crew.healthy(), snapshot.desired());
            self.notes.insert(0, format!("{healthy} of {desired} are healthy: nothing to do"));
        }
        self.notes.truncate(NOTES_MAX);
        let answer: Answer = self.proposals.into_iter().collect();
        let answer = answer.notes(self.notes);
        if snapshot.alerts().is_empty() { answer } else { answer.deals_with(self.dealt.iter().map(String::as_str)) }
    }
}

fn check(parameters: &Parameters) -> Result<(), Refusal> {
    let Parameters { alerts, instance_labels, service_labels, cleanup_label, dirty_reading, .. } = parameters;
    if !alerts.is_empty() && instance_labels.is_empty() && service_labels.is_empty() {
        let text =
            "`alerts` is given, and `instance_labels` and `service_labels` are empty: no alert would say whom it means";
        return Err(Refusal::parameter_wrong(text));
    }
    for (name, given) in [("cleanup_label", cleanup_label), ("dirty_reading", dirty_reading)] {
        if given.is_some() && !parameters.is_overlord() {
            return Err(Refusal::parameter_wrong(format!(
                "`{name}` means something with `compat` = \"overlord\" only"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
