//! Changes the number of replicas in steps, by how far a reading is beyond a threshold, as EC2 Auto Scaling's step scaling does.
//!
//! `alarm.rs` makes datapoints out of samples and says whether they breach, `steps.rs` reads the steps and picks one,
//! `capacity.rs` knows from which count a step starts. README.md has the rules, their sources, and what differs from AWS.

mod alarm;
mod capacity;
mod steps;

use std::time::Duration;

use trimtab_sdk::prelude::*;

use crate::alarm::{Alarm, Breach, Datapoints, Found};
use crate::capacity::Capacity;
use crate::steps::{Side, Step};

parameters! {
    /// What the operator sets.
    pub struct Parameters {
        /// The reading to watch.
        pub reading: String {},
        /// Whose the reading is: `target`, or `instance` for one per instance, of which those that warm up do not count.
        pub subject: String { default: "target", choices: ["target", "instance"] },
        /// How long the samples of one datapoint are collected.
        pub period: Duration {
            default: Duration::from_secs(60), min: Duration::from_secs(1), max: Duration::from_secs(86_400)
        },
        /// What a datapoint is of its samples.
        pub statistic: String { default: "average", choices: ["average", "minimum", "maximum", "sum"] },
        /// How many of the latest periods are looked at; with `period`, at most a day.
        pub evaluation_periods: i64 { default: 1, min: 1, max: 100 },
        /// How many of these must breach the threshold. Not given: all.
        pub datapoints_to_alarm: Option<i64> { min: 1, max: 100 },
        /// What of the datapoints that breach is compared with the steps.
        pub aggregation: String { default: "average", choices: ["average", "minimum", "maximum"] },
        /// What a period without samples counts as, going up: not there (`missing`), no reason to act (`ignore`,
        /// `not-breaching`), or `breaching`. It never is a reason to remove replicas.
        pub treat_missing: String {
            default: "missing", choices: ["missing", "ignore", "not-breaching", "breaching"]
        },
        /// Above it, `up_steps` are taken.
        pub up_threshold: Option<f64> {},
        /// Whether the threshold itself breaches.
        pub up_comparison: String { default: ">=", choices: [">=", ">"] },
        /// Steps upwards: a range of distances above the threshold, a colon, and what to add: `0..10: +1`, `10..20: +30%`,
        /// `20..: =8`, `0..5: 0`. The first begins at 0, the last is open, without gap or overlap.
        pub up_steps: Vec<String> { default: Vec::new() },
        /// Below it, `down_steps` are taken.
        pub down_threshold: Option<f64> {},
        /// Whether the threshold itself breaches.
        pub down_comparison: String { default: "<=", choices: ["<=", "<"] },
        /// Steps downwards, by distances below the threshold: `-10..0: -1`, `..-10: -20%`.
        pub down_steps: Vec<String> { default: Vec::new() },
        /// Least change of a step in percent.
        pub min_adjustment: i64 { default: 1, min: 1, max: 10_000 },
        /// Whether a step down is left out if what it takes away would, shared by the rest, breach the upper threshold at once. Not
        /// for a reading that does not rise as replicas go, such as the length of a queue.
        pub anticipate: bool { default: true },
        /// How long after its start an instance warms up: until then it is not measured, steps up do not start from it, and
        /// nothing is removed.
        pub warmup: Duration { default: Duration::from_secs(300), max: Duration::from_secs(86_400) },
    }
}

/// The policy.
#[derive(Debug)]
pub struct StepScaling;

impl Policy for StepScaling {
    type Parameters = Parameters;
    type Memory = ();
    const ABOUT: About = about!(Kind::Scale);

    fn needs(parameters: &Parameters) -> Result<Needs<'_>, Refusal> {
        let alarm = Alarm::of(parameters)?;
        steps::both(parameters)?;
        let subject = if parameters.subject == "instance" { Subject::Instance } else { Subject::Target };
        let needs = Needs::new().reading(&parameters.reading, subject).look_back(alarm.range()).required();
        Ok(needs.instances().changes().look_back(alarm.range()))
    }

    fn evaluate(snapshot: &Snapshot<'_>, parameters: &Parameters, _: &mut ()) -> Result<Answer, Refusal> {
        let alarm = Alarm::of(parameters)?;
        let (up, down) = steps::both(parameters)?;
        let capacity = Capacity::of(snapshot, parameters.warmup);
        let reading = parameters.reading.as_str();
        let points = match alarm.collect(snapshot, parameters) {
            Found::Datapoints(points) => points,
            Found::NobodyCounts => {
                let (warming, desired) = (capacity.warming, capacity.desired);
                return Ok(Answer::hold(format!(
                    "`{reading}` is of instances, and none counts yet: {warming} of {desired} warm up"
                )));
            }
            Found::Missing(word) => match (parameters.treat_missing.as_str(), &up) {
                ("breaching", Some(up)) => {
                    let why = format!("`{reading}` is {word}, which counts as breaching");
                    return Ok(raise(&up.nearest()?, &capacity, parameters, &why));
                }
                ("not-breaching", _) => {
                    return Ok(Answer::hold(format!("`{reading}` is {word}, which counts as not breaching")));
                }
                _ => return Err(Refusal::reading_missing(format!("reading `{reading}` is {word}"))),
            },
        };
        if let Some(up) = &up
            && let Some(breach) = alarm.breach_above(&points, up, parameters)
        {
            let step = up.pick(breach.distance)?;
            return Ok(raise(&step, &capacity, parameters, &told(&breach, up, parameters)));
        }
        if let Some(down) = &down
            && let Some(breach) = alarm.breach_below(&points, down, parameters)
        {
            let step = down.pick(breach.distance)?;
            let why = told(&breach, down, parameters);
            let restraint = restraint(snapshot, &alarm, &points, &capacity);
            let up = up.as_ref().filter(|_| parameters.anticipate);
            return Ok(lower(&step, &capacity, parameters, &breach, &why, up, restraint));
        }
        Ok(Answer::hold(format!("`{reading}` is {}: {}", points, calm(up.as_ref(), down.as_ref()))))
    }
}

fn raise(step: &Step<'_>, capacity: &Capacity, parameters: &Parameters, why: &str) -> Answer {
    let Capacity { desired, in_service, warming, .. } = *capacity;
    let text = step.text;
    let Some(count) = step.above(in_service, parameters.min_adjustment) else {
        return Answer::hold(format!("{why}: step `{text}` changes nothing"));
    };
    if count <= desired {
        return Answer::hold(format!(
            "{why}: step `{text}` from {in_service} in service asks for {count}; {desired} are asked for already, {warming} of \
             them warm up"
        ));
    }
    Proposal::scale(count).because(format!("{why}: step `{text}` from {in_service} in service to {count}")).into()
}

fn lower(
    step: &Step<'_>,
    capacity: &Capacity,
    parameters: &Parameters,
    breach: &Breach,
    why: &str,
    up: Option<&Side<'_>>,
    restraint: Option<String>,
) -> Answer {
    let Capacity { desired, leaving, .. } = *capacity;
    let text = step.text;
    // Instances that go are still there: what they make too many is not removed twice.
    let base = desired.saturating_add(leaving);
    let Some(count) = step.below(base, parameters.min_adjustment) else {
        return Answer::hold(format!("{why}: step `{text}` changes nothing"));
    };
    if count >= desired {
        return Answer::hold(format!(
            "{why}: step `{text}` from {base} asks for {count}; {desired} are asked for already, {leaving} leave"
        ));
    }
    // What the rest would show if it shared the same load: a step down that is undone by the next step up is none.
    let shared = breach.value * f64::from(base) / f64::from(count);
    if let Some(up) = up.filter(|up| breach.value > 0.0 && up.is_breached(shared)) {
        let (shared, threshold) = (figure(shared), figure(up.threshold));
        return Answer::hold(format!(
            "{why}: step `{text}` not taken, for {count} would be at {shared}, beyond {threshold}"
        ));
    }
    match restraint {
        Some(restraint) => Answer::hold(format!("{why}: step `{text}` not taken while {restraint}")),
        None => Proposal::scale(count).because(format!("{why}: step `{text}` from {base} to {count}")).into(),
    }
}

/// What forbids to remove replicas although the alarm says so.
fn restraint(snapshot: &Snapshot<'_>, alarm: &Alarm, points: &Datapoints, capacity: &Capacity) -> Option<String> {
    if points.missing_instances > 0 {
        return Some(format!("{} instances have no fresh sample", points.missing_instances));
    }
    if capacity.warming > 0 {
        return Some(format!("{} instances warm up", capacity.warming));
    }
    let from_ms = snapshot.ago_ms(alarm.range());
    let last = snapshot.changes().iter().rev().find(|change| change.kind() == Kind::Scale)?;
    (last.at_ms > from_ms).then(|| {
        let seconds = snapshot.now_ms().saturating_sub(last.at_ms) / 1000;
        format!("datapoints are from before the last change, {seconds} s ago")
    })
}

fn told(breach: &Breach, side: &Side<'_>, parameters: &Parameters) -> String {
    let Breach { value, distance, breaching, of } = *breach;
    let beyond = if distance < 0.0 { "below" } else { "above" };
    format!(
        "`{}` is {} ({} of {breaching} of {of} datapoints), {} {beyond} {}",
        parameters.reading,
        figure(value),
        parameters.aggregation,
        figure(distance.abs()),
        figure(side.threshold)
    )
}

fn calm(up: Option<&Side<'_>>, down: Option<&Side<'_>>) -> String {
    match (up, down) {
        (Some(up), Some(down)) => {
            format!("within {} and {}", figure(down.threshold), figure(up.threshold))
        }
        (Some(up), None) => format!("{} is not breached", figure(up.threshold)),
        (None, Some(down)) => format!("{} is not breached", figure(down.threshold)),
        (None, None) => String::new(),
    }
}

trimtab_sdk::export!(StepScaling);

#[cfg(test)]
mod tests;
