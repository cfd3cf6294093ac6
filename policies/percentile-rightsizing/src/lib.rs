//! Resizes CPU and memory to a percentile of what was used, over days that fade: the Vertical Pod Autoscaler's recommender
//! and the rule by which its updater acts on it.
//!
//! `intake.rs` takes samples into `history.rs` (the memory), whose distributions are those of `histogram.rs`;
//! `recommendation.rs` reads target and range off them, `update.rs` says whether that is worth a change, and `room.rs` knows
//! what is set aside. README.md has the formulas, their source, and what differs.

mod histogram;
mod history;
mod intake;
mod recommendation;
mod room;
mod update;

use std::time::Duration;

use trimtab_sdk::Resizing;
use trimtab_sdk::prelude::*;
use trimtab_sdk::snapshot::Container;

pub use crate::history::History;
use crate::room::Dimension;

const DAY: Duration = Duration::from_secs(24 * 3600);
const MINUTE: Duration = Duration::from_secs(60);

parameters! {
    /// What the operator sets.
    pub struct Parameters {
        /// Dimensions to leave alone: `cpu`, `memory`, `all`.
        pub ignore: Vec<String> { default: Vec::new(), choices: ["cpu", "memory", "all"] },
        /// The container to size; needed only where the workload has several.
        pub container: Option<String> {},
        /// Where request and limit are both set: the limit keeps its proportion to the request (`keep`), or stays as it is and
        /// caps the request (`none`).
        pub limits: String { default: "keep", choices: ["keep", "none"] },
        /// Share of the CPU samples that the request should cover.
        pub cpu_percentile: f64 { default: 0.9, min: 0.01, max: 1 },
        /// Share of the CPU samples that gives the lower end of the range within which a request may stay.
        pub cpu_lower: f64 { default: 0.5, min: 0.01, max: 1 },
        /// Share of the CPU samples that gives the upper end of that range.
        pub cpu_upper: f64 { default: 0.95, min: 0.01, max: 1 },
        /// Share of the peaks of memory that the request should cover.
        pub memory_percentile: f64 { default: 0.9, min: 0.01, max: 1 },
        /// Share of the peaks of memory that gives the lower end of the range within which a request may stay.
        pub memory_lower: f64 { default: 0.5, min: 0.01, max: 1 },
        /// Share of the peaks of memory that gives the upper end of that range.
        pub memory_upper: f64 { default: 0.95, min: 0.01, max: 1 },
        /// What is added to each percentile, as a share of it.
        pub margin: f64 { default: 0.15, min: 0, max: 10 },
        /// After how long a sample of CPU weighs half.
        pub cpu_half_life: Duration { default: DAY, min: MINUTE },
        /// After how long a peak of memory weighs half.
        pub memory_half_life: Duration { default: DAY, min: MINUTE },
        /// Of memory, each instance gives one peak per such interval.
        pub memory_interval: Duration { default: DAY, min: MINUTE },
        /// How long a history, with a sample a minute, gives a confidence of 1. The range is wider the less there is.
        pub confidence_interval: Duration { default: DAY, min: MINUTE },
        /// Within the range, a change is made only if its shares of what is set aside, CPU and memory together, come to this.
        pub threshold: f64 { default: 0.1, min: 0, max: 10 },
        /// Within the range, a change is made only so long after the last resize, and with a history of that length.
        pub rest: Duration { default: Duration::from_secs(12 * 3600), max: Duration::from_secs(7 * 24 * 3600) },
        /// Least CPU of an instance, in thousandths of a core; its containers share it.
        pub least_cpu: i64 { default: 25, min: 1, max: 1_000_000 },
        /// Least memory of an instance, in MiB; its containers share it.
        pub least_memory_mib: i64 { default: 250, min: 1, max: 1_048_576 },
        /// After a kill for lack of memory, this many times what was used is needed, or `oom_bump_mib` more, the greater.
        pub oom_ratio: f64 { default: 1.2, min: 1, max: 10 },
        /// After a kill for lack of memory, so many MiB more are needed, or `oom_ratio` times what was used, the greater.
        pub oom_bump_mib: i64 { default: 100, min: 0, max: 1_048_576 },
        /// The reading that counts kills for lack of memory, by instance: a counter that only rises. Without it such kills are
        /// not known.
        pub oom_reading: Option<String> {},
        /// Whether a sample of CPU weighs as many times as a tenth of a core is requested, so that a raise makes what was seen
        /// before count less.
        pub weigh_by_request: bool { default: false },
        /// CPU is rounded up to multiples of so many thousandths of a core.
        pub round_cpu: i64 { default: 1, min: 1, max: 1_000_000 },
        /// Memory is rounded up to multiples of so many MiB.
        pub round_memory_mib: i64 { default: 1, min: 1, max: 1_048_576 },
        /// How far back samples are taken in: at least the time between two turns.
        pub look_back: Duration { default: Duration::from_secs(15 * 60), min: Duration::from_secs(1) },
        /// The reading of CPU use, by instance, in thousandths of a core.
        pub cpu_reading: String { default: "cpu_millicores" },
        /// The reading of memory use, by instance, in bytes.
        pub memory_reading: String { default: "memory_bytes" },
    }
}

impl Parameters {
    fn ignores(&self, dimension: Dimension) -> bool {
        self.ignore.iter().any(|word| word == "all" || word == dimension.word())
    }

    /// Lower end, target and upper end must rise, or no size could stay.
    fn check(&self) -> Result<(), Refusal> {
        let pairs = [
            ("cpu_lower", self.cpu_lower, "cpu_percentile", self.cpu_percentile),
            ("cpu_percentile", self.cpu_percentile, "cpu_upper", self.cpu_upper),
            ("memory_lower", self.memory_lower, "memory_percentile", self.memory_percentile),
            ("memory_percentile", self.memory_percentile, "memory_upper", self.memory_upper),
        ];
        match pairs.into_iter().find(|(_, low, _, high)| low > high) {
            Some((low_name, low, high_name, high)) => Err(Refusal::parameter_wrong(format!(
                "`{low_name}` is {}, above `{high_name}`, which is {}",
                figure(low),
                figure(high)
            ))),
            None => Ok(()),
        }
    }
}

/// The policy.
#[derive(Debug)]
pub struct PercentileRightsizing;

impl Policy for PercentileRightsizing {
    type Parameters = Parameters;
    type Memory = History;
    const ABOUT: About = about!(Kind::Resize);

    fn needs(parameters: &Parameters) -> Result<Needs<'_>, Refusal> {
        parameters.check()?;
        let mut needs = Needs::new().instances().changes().look_back(parameters.rest);
        for dimension in Dimension::ALL.into_iter().filter(|one| !parameters.ignores(*one)) {
            let reading = dimension.reading(parameters);
            needs = needs.reading(reading, Subject::Instance).look_back(parameters.look_back).required();
        }
        if let Some(oom_reading) = &parameters.oom_reading
            && !parameters.ignores(Dimension::Memory)
        {
            needs = needs.reading(oom_reading, Subject::Instance).look_back(parameters.look_back);
        }
        Ok(needs)
    }

    fn evaluate(snapshot: &Snapshot<'_>, parameters: &Parameters, history: &mut History) -> Result<Answer, Refusal> {
        let dimensions = Dimension::ALL.map(|one| (!parameters.ignores(one)).then_some(one));
        if dimensions == [None, None] {
            return Err(Refusal::not_applicable("`ignore` leaves neither cpu nor memory to size"));
        }
        let container = container(snapshot, parameters)?;
        if snapshot.desired() == 0 {
            return Ok(Answer::hold("there is nothing to measure at zero replicas"));
        }
        intake::follow(history, snapshot);
        let wishes = dimensions.into_iter().flatten().map(|dimension| {
            let seen = intake::take(dimension, history, container, snapshot, parameters);
            (dimension, update::judge(dimension, seen, history, container, snapshot, parameters))
        });
        update::answer(wishes.collect(), container, snapshot, parameters)
    }
}

trimtab_sdk::export!(PercentileRightsizing);

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

#[cfg(test)]
mod tests;
