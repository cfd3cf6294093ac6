//! What the operator wants held: the short form and the lists, read as one list.

use trimtab_sdk::{Refusal, Subject};

use crate::Parameters;

pub(crate) const KINDS: [&str; 4] = ["average-value", "value", "utilization", "memory-utilization"];
pub(crate) const SUBJECTS: [&str; 2] = ["target", "instance"];

/// One reading and its target.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Goal<'p> {
    pub(crate) reading: &'p str,
    pub(crate) target: f64,
    pub(crate) measure: Measure,
}

/// How a reading is compared with its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    /// A total of the target, shared by its replicas (the HPA's external metric with `averageValue`).
    Total,
    /// A figure of the target that falls as replicas are added (the HPA's object metric with `value`).
    Figure,
    /// A number of each instance (the HPA's pods metric).
    PerInstance,
    /// CPU of each instance, in percent of its request (the HPA's resource metric).
    Cpu,
    /// Memory of each instance, in percent of its request.
    Memory,
}

/// Whether a goal is judged over the whole target or over its instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subjects {
    Whole,
    Instances,
}

impl Goal<'_> {
    pub(crate) fn subjects(&self) -> Subjects {
        match self.measure {
            Measure::Total | Measure::Figure => Subjects::Whole,
            Measure::PerInstance | Measure::Cpu | Measure::Memory => Subjects::Instances,
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self.subjects() {
            Subjects::Whole => Subject::Target,
            Subjects::Instances => Subject::Instance,
        }
    }
}

/// The goals in the operator's order: `reading` first, then `readings`.
///
/// # Errors
/// `parameter-wrong` where there is none, a target is missing, or lists differ in length.
pub(crate) fn all(parameters: &Parameters) -> Result<Vec<Goal<'_>>, Refusal> {
    let Parameters { reading, target, kind, subject, readings, targets, kinds, subjects, .. } = parameters;
    let lists = [("targets", targets.len()), ("kinds", kinds.len()), ("subjects", subjects.len())];
    if let Some((name, length)) = lists.into_iter().find(|(_, length)| *length != 0 && *length != readings.len()) {
        let text = format!("`{name}` has {length} items for {} of `readings`", readings.len());
        return Err(Refusal::parameter_wrong(text));
    }
    let mut goals = Vec::with_capacity(readings.len() + 1);
    let usual = measure(kind, subject)?;
    if let Some(reading) = reading {
        goals.push(goal(reading, *target, usual)?);
    }
    for (index, reading) in readings.iter().enumerate() {
        let own = match (kinds.get(index), subjects.get(index)) {
            (None, None) => usual,
            (own_kind, own_subject) => measure(own_kind.unwrap_or(kind), own_subject.unwrap_or(subject))?,
        };
        goals.push(goal(reading, targets.get(index).copied().or(*target), own)?);
    }
    if goals.is_empty() {
        return Err(Refusal::parameter_wrong("neither `reading` nor `readings` names a reading"));
    }
    Ok(goals)
}

fn measure(kind: &str, subject: &str) -> Result<Measure, Refusal> {
    match (kind, subject) {
        ("utilization", _) => Ok(Measure::Cpu),
        ("memory-utilization", _) => Ok(Measure::Memory),
        ("average-value", "instance") => Ok(Measure::PerInstance),
        ("value", "instance") => {
            Err(Refusal::parameter_wrong("kind `value` is of the target; for instances, use `average-value`"))
        }
        ("value", _) => Ok(Measure::Figure),
        _ => Ok(Measure::Total),
    }
}

fn goal(reading: &str, target: Option<f64>, measure: Measure) -> Result<Goal<'_>, Refusal> {
    let target = target.ok_or_else(|| Refusal::parameter_wrong(format!("reading `{reading}` has no target")))?;
    Ok(Goal { reading, target, measure })
}
