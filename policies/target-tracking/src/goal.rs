//! What the operator wants held: the short form and the lists, read as one list.

use trimtab_sdk::{Refusal, Subject};

use crate::Parameters;

pub(crate) const KINDS: [&str; 5] = ["average-value", "value", "utilization", "memory-utilization", "average-cpu"];
pub(crate) const SUBJECTS: [&str; 2] = ["target", "instance"];

/// One reading and its target.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Goal<'p> {
    pub(crate) reading: &'p str,
    pub(crate) target: f64,
    pub(crate) measure: Measure,
    /// Whose request a utilization is a share of: this container's of the template, or the whole instance's.
    pub(crate) container: Option<&'p str>,
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
    /// CPU of each instance in millicores, whatever it requests (the HPA's resource metric with `averageValue`).
    PlainCpu,
}

impl Measure {
    pub(crate) fn is_utilization(self) -> bool {
        matches!(self, Self::Cpu | Self::Memory)
    }

    /// Whether starting shows in it, so that the first samples of an instance do not count.
    pub(crate) fn is_cpu(self) -> bool {
        matches!(self, Self::Cpu | Self::PlainCpu)
    }
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
            Measure::PerInstance | Measure::Cpu | Measure::Memory | Measure::PlainCpu => Subjects::Instances,
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
/// `parameter-wrong` where there is none, a target is missing, lists differ in length, or a container is named for what is
/// not taken as a share of a request.
pub(crate) fn all(parameters: &Parameters) -> Result<Vec<Goal<'_>>, Refusal> {
    let Parameters { reading, target, kind, subject, readings, targets, kinds, subjects, containers, .. } = parameters;
    let lists = [
        ("targets", targets.len()),
        ("kinds", kinds.len()),
        ("subjects", subjects.len()),
        ("containers", containers.len()),
    ];
    if let Some((name, length)) = lists.into_iter().find(|(_, length)| *length != 0 && *length != readings.len()) {
        let text = format!("`{name}` has {length} items for {} of `readings`", readings.len());
        return Err(Refusal::parameter_wrong(text));
    }
    let mut goals = Vec::with_capacity(readings.len() + 1);
    let usual = measure(kind, subject)?;
    let usual_container = parameters.container.as_deref();
    if let Some(reading) = reading {
        goals.push(goal(reading, *target, usual, usual_container)?);
    }
    for (index, reading) in readings.iter().enumerate() {
        let own = match (kinds.get(index), subjects.get(index)) {
            (None, None) => usual,
            (own_kind, own_subject) => measure(own_kind.unwrap_or(kind), own_subject.unwrap_or(subject))?,
        };
        let container = match containers.get(index).map(String::as_str) {
            None => usual_container,
            Some("") => None,
            Some(container) if !own.is_utilization() => return Err(no_share("containers", container, reading)),
            own => own,
        };
        goals.push(goal(reading, targets.get(index).copied().or(*target), own, container)?);
    }
    let Some(first) = goals.first() else {
        return Err(Refusal::parameter_wrong("neither `reading` nor `readings` names a reading"));
    };
    match usual_container {
        Some(container) if goals.iter().all(|goal| goal.container.is_none()) => {
            Err(no_share("container", container, first.reading))
        }
        _ => Ok(goals),
    }
}

fn measure(kind: &str, subject: &str) -> Result<Measure, Refusal> {
    match (kind, subject) {
        ("utilization", _) => Ok(Measure::Cpu),
        ("memory-utilization", _) => Ok(Measure::Memory),
        ("average-cpu", _) => Ok(Measure::PlainCpu),
        ("average-value", "instance") => Ok(Measure::PerInstance),
        ("value", "instance") => {
            Err(Refusal::parameter_wrong("kind `value` is of the target; for instances, use `average-value`"))
        }
        ("value", _) => Ok(Measure::Figure),
        _ => Ok(Measure::Total),
    }
}

/// A container that holds for all readings concerns those that are taken as a share of a request.
fn goal<'p>(
    reading: &'p str,
    target: Option<f64>,
    measure: Measure,
    container: Option<&'p str>,
) -> Result<Goal<'p>, Refusal> {
    let target = target.ok_or_else(|| Refusal::parameter_wrong(format!("reading `{reading}` has no target")))?;
    Ok(Goal { reading, target, measure, container: container.filter(|_| measure.is_utilization()) })
}

fn no_share(parameter: &str, container: &str, reading: &str) -> Refusal {
    Refusal::parameter_wrong(format!(
        "`{parameter}` names `{container}`, but the `kind` of `{reading}` is not a share of what a container requests"
    ))
}
