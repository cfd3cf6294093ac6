//! Chooses the number of replicas and their size together, so that the load is carried at least cost.
//!
//! `prices.rs` reads the price list, `need.rs` sums up what is used, `offer.rs` knows which sizes there are and what they cost,
//! `plan.rs` finds how many of each would do, and `choice.rs` decides between what is and what could be. README.md has the
//! formulas.

mod choice;
mod need;
mod offer;
mod plan;
mod prices;

use std::time::Duration;

use trimtab_sdk::Resizing;
use trimtab_sdk::prelude::*;
use trimtab_sdk::snapshot::Container;

use crate::choice::{Choice, choose};
use crate::need::Need;
use crate::offer::{Offers, Size};
use crate::plan::{Plan, Rules};
use crate::prices::Price;

parameters! {
    /// What the operator sets.
    pub struct Parameters {
        /// Sizes and their price per replica and hour: `small: 1 cpu 2Gi 0.02`; for sizes that the backend knows, `small: 0.02`.
        pub prices: Vec<String> { default: Vec::new() },
        /// Price of one core for one hour, where any size can be had. With `price_per_gib`.
        pub price_per_core: Option<f64> { min: 0.000001 },
        /// Price of one GiB of memory for one hour, likewise.
        pub price_per_gib: Option<f64> { min: 0.000001 },
        /// Where any size can be had: cpu in multiples of so many thousandths of a core.
        pub cpu_step: i64 { default: 250, min: 1, max: 1_000_000 },
        /// Likewise memory, in MiB.
        pub memory_step_mib: i64 { default: 256, min: 1, max: 1_048_576 },
        /// Share of its CPU that a replica may use.
        pub cpu_target: f64 { default: 0.7, min: 0.01, max: 1 },
        /// Share of its memory that a replica may use.
        pub memory_target: f64 { default: 0.8, min: 0.01, max: 1 },
        /// What memory has above the most that any replica used within `look_back`, as a share of that.
        pub headroom: f64 { default: 0.15, min: 0, max: 10 },
        /// By what share of the load a new plan must carry more than the load, so that the next small rise does not undo it.
        pub slack: f64 { default: 0.1, min: 0, max: 10 },
        /// Share of the cost that a change must save while the target is met.
        pub saving_min: f64 { default: 0.1, min: 0, max: 1 },
        /// Fewest replicas, for availability.
        pub at_least: i64 { default: 2, min: 1, max: 1_000_000 },
        /// Replicas that may be lost while the others still carry the load.
        pub spare: i64 { default: 0, min: 0, max: 1_000 },
        /// Whether every zone of the target has a replica.
        pub spread: bool { default: true },
        /// Over how long use is averaged.
        pub window: Duration { default: Duration::from_secs(300), min: Duration::from_secs(1) },
        /// How far back the peak of memory counts.
        pub look_back: Duration { default: Duration::from_secs(3600) },
        /// The load as a total of the target, in the place of measured CPU. With `demand_per_core`.
        pub demand_reading: Option<String> {},
        /// How much of it one core carries. `cpu_target` then plays no part.
        pub demand_per_core: Option<f64> { min: 0.000001 },
        /// The container to size; needed only where the workload has several.
        pub container: Option<String> {},
        /// The reading of CPU use, by instance, in thousandths of a core.
        pub cpu_reading: String { default: "cpu_millicores" },
        /// The reading of memory use, by instance, in bytes.
        pub memory_reading: String { default: "memory_bytes" },
    }
}

/// The policy.
#[derive(Debug)]
pub struct CostAware;

impl Policy for CostAware {
    type Parameters = Parameters;
    type Memory = ();
    const ABOUT: About = about!(Kind::Scale, Kind::Resize);

    fn needs(parameters: &Parameters) -> Result<Needs<'_>, Refusal> {
        check(parameters)?;
        let reach = parameters.look_back.max(parameters.window);
        let needs = Needs::new().instances();
        let needs = match &parameters.demand_reading {
            Some(demand) => needs.reading(demand, Subject::Target).look_back(parameters.window).required(),
            None => needs.reading(&parameters.cpu_reading, Subject::Instance).look_back(parameters.window).required(),
        };
        Ok(needs.reading(&parameters.memory_reading, Subject::Instance).look_back(reach).required())
    }

    fn evaluate(snapshot: &Snapshot<'_>, parameters: &Parameters, _: &mut ()) -> Result<Answer, Refusal> {
        let container = container(snapshot, parameters)?;
        let prices = prices::read(&parameters.prices)?;
        let (offers, unpriced) = Offers::of(snapshot, parameters, &prices)?;
        if snapshot.desired() == 0 {
            return Ok(Answer::hold("there is nothing to measure at zero replicas"));
        }
        let Some(present) = Size::of(container) else {
            return Ok(Answer::hold("the present size is not known: cpu and memory need a request or a limit each"));
        };
        let need = Need::measure(snapshot, parameters)?;
        let rules = Rules::of(snapshot, parameters, &need);
        let now = Plan { count: snapshot.desired(), size: present, name: offers.name_of(present) };
        let choice = choose(&now, &offers, &rules, &need, parameters);
        Ok(answer(&choice, &now, &offers, container, &need).notes(unpriced))
    }
}

trimtab_sdk::export!(CostAware);

/// # Errors
/// `parameter-wrong`, naming the two that contradict each other.
fn check(parameters: &Parameters) -> Result<(), Refusal> {
    let Parameters { price_per_core, price_per_gib, demand_reading, demand_per_core, at_least, spare, .. } = parameters;
    prices::read(&parameters.prices)?;
    let both = |one: &str, other: &str| {
        Err(Refusal::parameter_wrong(format!("`{one}` and `{other}` are given both or not at all")))
    };
    if price_per_core.is_some() != price_per_gib.is_some() {
        return both("price_per_core", "price_per_gib");
    }
    if demand_reading.is_some() != demand_per_core.is_some() {
        return both("demand_reading", "demand_per_core");
    }
    if spare >= at_least && *spare > 0 {
        let text = format!("`spare` is {spare} of `at_least` {at_least}: nobody would be left to carry the load");
        return Err(Refusal::parameter_wrong(text));
    }
    Ok(())
}

/// The container that the readings of an instance are those of.
fn container<'s>(snapshot: &'s Snapshot<'_>, parameters: &Parameters) -> Result<&'s Container, Refusal> {
    let target = snapshot.target();
    if target.abilities.resizing() == Resizing::None {
        let text = format!("backend `{}` cannot resize; `target-tracking` scales alone", target.backend);
        return Err(Refusal::not_applicable(text));
    }
    let name = parameters.container.as_deref().unwrap_or_default();
    target.container(name).ok_or_else(|| {
        let count = target.containers.len();
        Refusal::not_applicable(match name {
            "" => format!("the workload has {count} containers, and `container` names none"),
            name => format!("the workload has no container `{name}`"),
        })
    })
}

/// The choice as proposals, with its numbers.
fn answer(choice: &Choice<'_>, now: &Plan<'_>, offers: &Offers<'_>, container: &Container, need: &Need) -> Answer {
    let reason = format!("{need}; {choice}");
    let Some(plan) = choice.plan() else {
        return priced(Answer::hold(reason), now.cost(offers), None);
    };
    let (count, size) = (plan.count, plan.size);
    let is_larger = |one: Size, other: Size| one.cpu_millis > other.cpu_millis || one.memory_bytes > other.memory_bytes;
    let gives = count > now.count || is_larger(size, now.size);
    let takes = count < now.count || is_larger(now.size, size);
    // What only gives, or only takes, is safe in parts too: a bound on one of them need not stop the other.
    let group = u32::from(gives && takes);
    let mut answer = Answer::default();
    if count != now.count {
        answer = answer.and(Proposal::scale(count).group(group).because(reason.as_str()));
    }
    if size != now.size {
        let resize = Proposal::resize().group(group);
        let resize = match (offers, plan.name) {
            (Offers::Classes(_), Some(class)) => resize.size_class(class),
            _ => {
                let (requests, limits) = size.instead_of(container);
                resize.container(&container.name, requests, limits)
            }
        };
        answer = answer.and(resize.because(reason));
    }
    priced(answer, now.cost(offers), plan.cost(offers))
}

fn priced(answer: Answer, before: Option<f64>, after: Option<f64>) -> Answer {
    let answer = before.into_iter().fold(answer, |answer, cost| answer.attr("cost_now", cost));
    after.into_iter().fold(answer, |answer, cost| answer.attr("cost_after", cost))
}

#[cfg(test)]
mod tests;
