//! Resizes CPU and memory so that use stays near a target share of what is set aside: Asgard's rule, made safe.
//!
//! `use_by_instance.rs` sums up what the instances use, `rule.rs` turns that into a new figure for one dimension; `asgard.rs`
//! is the rule as Asgard had it. README.md has the formula, its source, and what differs from Asgard.

mod asgard;
mod rule;
mod use_by_instance;

use std::time::Duration;

use trimtab_sdk::Resizing;
use trimtab_sdk::prelude::*;
use trimtab_sdk::snapshot::Container;

use crate::asgard::Stats;
use crate::rule::{Dimension, Held, Room, Verdict};
use crate::use_by_instance::{Aggregate, Usage};

parameters! {
    /// What the operator sets.
    pub struct Parameters {
        /// Share of its CPU that an instance should use.
        pub cpu_target: f64 { default: 0.7, min: 0.01, max: 1 },
        /// Share of its memory that an instance should use.
        pub memory_target: f64 { default: 0.8, min: 0.01, max: 1 },
        /// How far from its target, in points of the share, use may be before anything changes.
        pub margin: f64 { default: 0.1, min: 0, max: 1 },
        /// Dimensions to leave alone: `cpu`, `memory`, `all`.
        pub ignore: Vec<String> { default: Vec::new(), choices: ["cpu", "memory", "all"] },
        /// Which instance is sized for: the one that uses most (`max`), or the mean of all.
        pub aggregate: String { default: "max", choices: ["max", "mean"] },
        /// Over how long current use is averaged.
        pub window: Duration { default: Duration::from_secs(60), min: Duration::from_secs(1) },
        /// How far back the peak of memory use counts.
        pub look_back: Duration { default: Duration::from_secs(3600) },
        /// What stays free above current use, and above the peak of memory, as a share of it.
        pub headroom: f64 { default: 0.15, min: 0, max: 10 },
        /// Share of periods throttled above which CPU is not lowered but raised.
        pub throttled_above: f64 { default: 0.05, min: 0, max: 1 },
        /// CPU is rounded to multiples of so many thousandths of a core.
        pub round_cpu: i64 { default: 1, min: 1, max: 1_000_000 },
        /// Memory is rounded to multiples of so many MiB.
        pub round_memory_mib: i64 { default: 1, min: 1, max: 1_048_576 },
        /// The container to size; needed only where the workload has several.
        pub container: Option<String> {},
        /// The reading of CPU use, by instance, in thousandths of a core.
        pub cpu_reading: String { default: "cpu_millicores" },
        /// The reading of memory use, by instance, in bytes.
        pub memory_reading: String { default: "memory_bytes" },
        /// The reading of the share of periods throttled, by instance, 0 to 1.
        pub throttled_reading: String { default: "cpu_throttled_ratio" },
        /// Whether to decide as Asgard did, without floor, without regard to throttling and to instances that are not seen.
        /// Of the parameters above only targets, margin, `ignore`, `window`, `container` and the readings then count.
        pub compat: String { default: "none", choices: ["none", "asgard"] },
        /// The label `asgard.autoscale.ignore` as it stands, for `compat = "asgard"`: what contains `cpu`, `mem` or `all`,
        /// be it within another word, ignores that.
        pub ignore_label: Option<String> {},
    }
}

impl Parameters {
    fn ignores(&self, dimension: Dimension) -> bool {
        let label = self.ignore_label.as_deref().unwrap_or_default();
        let in_label = match dimension {
            Dimension::Cpu => label.contains("cpu"),
            Dimension::Memory => label.contains("mem"),
        };
        in_label || label.contains("all") || self.ignore.iter().any(|word| word == "all" || word == dimension.word())
    }

    fn is_asgard(&self) -> bool {
        self.compat == "asgard"
    }

    fn aggregate(&self) -> Aggregate {
        if self.aggregate == "mean" { Aggregate::Mean } else { Aggregate::Max }
    }
}

/// The policy.
#[derive(Debug)]
pub struct Rightsizing;

impl Policy for Rightsizing {
    type Parameters = Parameters;
    type Memory = ();
    const ABOUT: About = about!(Kind::Resize);

    fn needs(parameters: &Parameters) -> Result<Needs<'_>, Refusal> {
        if let Some(label) = &parameters.ignore_label
            && !parameters.is_asgard()
        {
            return Err(Refusal::parameter_wrong(format!(
                "`ignore_label` is `{label}`, which only `compat` = `asgard` reads; use `ignore`"
            )));
        }
        let mut needs = Needs::new().instances();
        if parameters.is_asgard() {
            // It asks for all of them, also where one is ignored: only together do they tell that there is no data.
            for (reading, dimension) in [
                (&parameters.cpu_reading, Some(Dimension::Cpu)),
                (&parameters.memory_reading, Some(Dimension::Memory)),
                (&parameters.throttled_reading, None),
            ] {
                needs = needs.reading(reading, Subject::Instance).look_back(parameters.window);
                if dimension.is_some_and(|one| !parameters.ignores(one)) {
                    needs = needs.required();
                }
            }
            return Ok(needs);
        }
        if !parameters.ignores(Dimension::Cpu) {
            needs = needs.reading(&parameters.cpu_reading, Subject::Instance).look_back(parameters.window).required();
            needs = needs.reading(&parameters.throttled_reading, Subject::Instance).look_back(parameters.window);
        }
        if !parameters.ignores(Dimension::Memory) {
            let reach = parameters.look_back.max(parameters.window);
            needs = needs.reading(&parameters.memory_reading, Subject::Instance).look_back(reach).required();
        }
        Ok(needs)
    }

    fn evaluate(snapshot: &Snapshot<'_>, parameters: &Parameters, _: &mut ()) -> Result<Answer, Refusal> {
        let dimensions = [Dimension::Cpu, Dimension::Memory].map(|one| (!parameters.ignores(one)).then_some(one));
        if dimensions == [None, None] {
            return Err(Refusal::not_applicable("`ignore` leaves neither cpu nor memory to size"));
        }
        let container = container(snapshot, parameters)?;
        if snapshot.desired() == 0 {
            return Ok(Answer::hold("there is nothing to measure at zero replicas"));
        }
        let stats = parameters.is_asgard().then(|| Stats::measure(snapshot, parameters));
        if stats.is_some_and(Stats::are_missing) {
            let text = "CPU, memory and throttling are all absent or zero, which Asgard takes for no data";
            return Err(Refusal::reading_missing(text));
        }
        let (mut requests, mut limits) = (NONE, NONE);
        let (mut changed, mut held) = (Vec::new(), Vec::new());
        let mut unknown = true;
        for dimension in dimensions.into_iter().flatten() {
            let verdict = match stats {
                Some(stats) => asgard::size(dimension, container, snapshot, parameters, stats),
                None => size(dimension, container, snapshot, parameters),
            };
            match verdict {
                Verdict::Change(room, reason) => {
                    unknown = false;
                    dimension.put(&mut requests, room.request);
                    dimension.put(&mut limits, room.limit);
                    changed.push(reason);
                }
                Verdict::Hold(why) => {
                    unknown &= why.is_unknown();
                    held.push(format!("{}: {why}", dimension.word()));
                }
            }
        }
        if unknown {
            return Err(Refusal::reading_missing(held.join("; ")));
        }
        if changed.is_empty() {
            return Ok(Answer::hold(held.join("; ")));
        }
        let resize = Proposal::resize().container(&container.name, requests, limits).because(changed.join("; "));
        Ok(Answer::from(resize).notes(held))
    }
}

trimtab_sdk::export!(Rightsizing);

const NONE: Resources = Resources { cpu_millis: None, memory_bytes: None };

/// The container that the readings of an instance are those of.
fn container<'s>(snapshot: &'s Snapshot<'_>, parameters: &Parameters) -> Result<&'s Container, Refusal> {
    let target = snapshot.target();
    match target.abilities.resizing() {
        Resizing::None => {
            return Err(Refusal::not_applicable(format!("backend `{}` cannot resize", target.backend)));
        }
        Resizing::Live | Resizing::Recreate | Resizing::Other(_) => {}
    }
    if !target.abilities.sizes.is_empty() {
        let text = format!("backend `{}` sells fixed sizes, and this policy proposes free ones", target.backend);
        return Err(Refusal::not_applicable(text));
    }
    let name = parameters.container.as_deref().unwrap_or_default();
    target.container(name).ok_or_else(|| match (name, target.containers.len()) {
        ("", 0) => Refusal::not_applicable("the workload has no container to size"),
        ("", several) => {
            Refusal::not_applicable(format!("the workload has {several} containers, and `container` names none"))
        }
        (name, _) => Refusal::not_applicable(format!("the workload has no container `{name}`")),
    })
}

fn size(dimension: Dimension, container: &Container, snapshot: &Snapshot<'_>, parameters: &Parameters) -> Verdict {
    let Some(present) = Room::of(dimension, container) else {
        return Verdict::Hold(Held::NothingSetAside);
    };
    let reading = match dimension {
        Dimension::Cpu => &parameters.cpu_reading,
        Dimension::Memory => &parameters.memory_reading,
    };
    let Some(usage) = Usage::measure(&snapshot.reading(reading), snapshot, parameters) else {
        return Verdict::Hold(Held::NoSample(reading.clone()));
    };
    let throttled = match dimension {
        Dimension::Cpu => use_by_instance::worst_throttling(&snapshot.reading(&parameters.throttled_reading)),
        Dimension::Memory => None,
    };
    rule::decide(dimension, present, &usage, throttled, &snapshot.target().limits, parameters)
}

#[cfg(test)]
mod tests;
