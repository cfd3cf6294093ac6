//! Turns alerts into steps of the count, each of them once.
//!
//! `rule.rs` reads the rules, `vocabulary.rs` the words of aviratna/autoscaling as rules, `tally.rs` counts which alert has had
//! its step, `service.rs` tells whom an alert means.

mod past;
mod rule;
mod service;
mod tally;
mod vocabulary;

use std::time::Duration;

use trimtab_sdk::prelude::*;

use crate::past::Past;

parameters! {
    /// What the operator sets.
    pub struct Parameters {
        /// Which alert makes which step: `[NAME:] STEP [on node LABEL] [of service LABEL] [every TIME] when alert NAME
        /// [LABEL=VALUE …]`, STEP being `+2`, `-1`, `+50%`, `-10%`, `to 4` or `fill`; the first that fits counts.
        pub rules: Vec<String> { default: Vec::new() },
        /// The label of alerts that bears one of the words `scale_up`, `scale_down`, `scale_up_node` and so on; empty for none.
        pub action_label: String { default: "autoscale_action" },
        /// What these words do: `step`, or `fill` to the most that there may be.
        pub mode: String { default: "step", choices: ["step", "fill"] },
        /// So many at a step of these words.
        pub step: i64 { default: 1, min: 1, max: 1000 },
        /// The label of an alert that tells the most that it may raise to.
        pub max_label: String { default: "autoscale_max_instances" },
        /// The label of an alert that tells the least that it may lower to.
        pub min_label: String { default: "autoscale_min_instances" },
        /// Labels of an alert that name the service, for these words: the first that it has must mean this target.
        pub service_labels: Vec<String> { default: service::labels() },
        /// The label of the target that bears the service's name; its own name counts, too.
        pub service_label: String { default: "container_service_name" },
        /// The label of an alert that names the node, for `scale_up_node` and `scale_down_node`.
        pub node_label: String { default: "metricset.host" },
        /// Older alerts never act.
        pub max_age: Duration { default: Duration::from_secs(600), min: Duration::from_secs(1) },
        /// An alert that stands acts again after so long; 0 for once. A rule's own `every` goes before.
        pub repeat_every: Duration { default: Duration::ZERO },
        /// Alerts with the same values of these labels are one; empty to tell them apart by their ids.
        pub dedupe_by: Vec<String> { default: Vec::new() },
        /// With `dedupe_by`: how long after a step another alert of the same values is still the same.
        pub dedupe_for: Duration { default: Duration::from_secs(300) },
    }
}

/// The policy.
#[derive(Debug)]
pub struct AlertScale;

impl Policy for AlertScale {
    type Parameters = Parameters;
    type Memory = Past;
    const ABOUT: About = about!(Kind::Scale);

    fn needs(parameters: &Parameters) -> Result<Needs<'_>, Refusal> {
        let rules = rule::all(&parameters.rules)?;
        let words = !parameters.action_label.is_empty();
        if rules.is_empty() && !words {
            return Err(Refusal::parameter_wrong("`rules` and `action_label` are empty: no alert would do anything"));
        }
        let every = rules.iter().filter_map(|rule| rule.every).chain([parameters.repeat_every]);
        if every.max().is_some_and(|every| every >= parameters.max_age) {
            let text = "`repeat_every`, or `every` of one of `rules`, is not shorter than `max_age`: no alert would live to repeat";
            return Err(Refusal::parameter_wrong(text));
        }
        let mut needs = Needs::new().alerts().changes().look_back(parameters.max_age);
        if words || rules.iter().any(|rule| rule.node_label.is_some()) {
            needs = needs.instances().nodes();
        }
        if !parameters.service_label.is_empty() {
            needs = needs.label(&parameters.service_label);
        }
        Ok(needs)
    }

    fn evaluate(snapshot: &Snapshot<'_>, parameters: &Parameters, past: &mut Past) -> Result<Answer, Refusal> {
        let rules = rule::all(&parameters.rules)?;
        Ok(tally::answer(&rules, snapshot, parameters, past))
    }
}

trimtab_sdk::export!(AlertScale);

#[cfg(test)]
mod tests;
