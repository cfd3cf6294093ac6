//! Readings of instances, in two passes as the HPA makes them (`GetResourceReplicas`, `calcPlainMetricReplicas` and
//! `groupPods` in `pkg/controller/podautoscaler/replica_calculator.go`).
//!
//! First pass: the ratio over the instances that are ready and have a fresh sample. Second pass, if instances are missing
//! or (going up) not ready: going up both count as 0; going down, missing ones count as full (their whole request, or the
//! target where that is more). If the ratio then lies on the other side of 1 or within tolerance, nothing changes.

use std::time::Duration;

use trimtab_sdk::snapshot::Instance;
use trimtab_sdk::{Fact, Phase, Resources, Samples, Snapshot, replicas};

use crate::Parameters;
use crate::estimate::{Basis, Estimate, Finding, Groups, Missing, is_within_tolerance};
use crate::goal::{Goal, Measure};

/// Sums over one group of instances.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    value: f64,
    /// What the target is a share of: the requests for utilization, the number of instances for plain values.
    base: f64,
}

pub(crate) fn estimate<'p>(
    goal: &Goal<'p>,
    snapshot: &Snapshot<'_>,
    parameters: &Parameters,
) -> Result<Estimate<'p>, Missing<'p>> {
    let current = snapshot.desired();
    let mut groups = Groups::default();
    let (mut measured, mut unready, mut missing) = (Sums::default(), Sums::default(), Sums::default());
    for (instance, fact) in snapshot.reading_of(&goal.subject(), goal.reading).instances() {
        if instance.phase().is_leaving() {
            continue;
        }
        let base = base(goal, instance, snapshot)?;
        let sample = usable(fact);
        if instance.phase() == Phase::Pending {
            groups.unready += 1;
            unready.base += base;
        } else if let Some(sample) = sample {
            if goal.measure.is_cpu() && is_starting(instance, &sample, snapshot.now_ms(), parameters) {
                groups.unready += 1;
                unready.base += base;
            } else {
                groups.measured += 1;
                measured.base += base;
                measured.value += sample.latest().max(0.0);
            }
        } else {
            groups.missing += 1;
            missing.base += base;
        }
    }
    let settled = |count, value, ratio, finding| {
        Ok(Estimate { count, goal: *goal, value, ratio, basis: Basis::Instances(groups), finding })
    };
    if current == 0 {
        return settled(0, 0.0, 0.0, Finding::NothingToMeasure);
    }
    if groups.measured == 0 {
        return Err(Missing::NoInstance(goal.reading, groups));
    }
    let unit = if goal.measure.is_utilization() { 100.0 } else { 1.0 };
    let shown = measured.value / measured.base * unit;
    let first = shown / goal.target;
    let goes_up = first > 1.0;
    // Exactly on target there is no side on which the others could be counted. (The HPA counts them as 0 for plain values,
    // which lowers for want of samples.)
    if first.total_cmp(&1.0).is_eq() {
        return settled(current, shown, first, Finding::WithinTolerance);
    }
    let with_unready = goes_up && groups.unready > 0;
    let (ratio, counted) = if !with_unready && groups.missing == 0 {
        (first, groups.measured)
    } else {
        let mut all = Sums { value: measured.value, base: measured.base + missing.base };
        let mut counted = groups.measured + groups.missing;
        if first < 1.0 {
            all.value += missing.base * full(goal) / unit;
        }
        if with_unready {
            all.base += unready.base;
            counted += groups.unready;
        }
        (all.value / all.base * unit / goal.target, counted)
    };
    if (first > 1.0 && ratio < 1.0) || (first < 1.0 && ratio > 1.0) {
        return settled(current, shown, first, Finding::Reversed);
    }
    if is_within_tolerance(ratio, parameters) {
        return settled(current, shown, ratio, Finding::WithinTolerance);
    }
    let count = replicas(ratio * f64::from(counted));
    if (goes_up && count < current) || (!goes_up && count > current) {
        return settled(current, shown, ratio, Finding::AgainstRatio);
    }
    settled(count, shown, ratio, Finding::Formula)
}

/// A stale sample is none: it is too old to act on in either direction.
fn usable(fact: Fact<Samples<'_>>) -> Option<Samples<'_>> {
    fact.fresh()
}

/// What a missing instance counts as going down: all that it requested, or the target where that is more.
fn full(goal: &Goal<'_>) -> f64 {
    if goal.measure.is_utilization() { goal.target.max(100.0) } else { goal.target }
}

/// What an instance adds to the denominator: its request, or that of one container of the template. An instance without a
/// request of its own has its template's.
fn base<'p>(goal: &Goal<'p>, instance: &Instance, snapshot: &Snapshot<'_>) -> Result<f64, Missing<'p>> {
    let resource = match goal.measure {
        Measure::Cpu => "CPU",
        Measure::Memory => "memory",
        _ => return Ok(1.0),
    };
    let of = |resources: &Resources| match goal.measure {
        Measure::Cpu => resources.cpu_millis,
        _ => resources.memory_bytes,
    };
    let target = snapshot.target();
    let request = match goal.container {
        Some(name) => of(&target.container(name).ok_or(Missing::Container(goal.reading, name))?.requests),
        None => of(&instance.requests)
            .or_else(|| target.containers.iter().map(|container| of(&container.requests)).sum::<Option<u64>>()),
    };
    let request = request.filter(|request| *request > 0);
    request.map(|request| request as f64).ok_or(Missing::Request(goal.reading, resource))
}

/// Whether CPU use is that of starting. The HPA knows when a pod became ready and how long a sample's window is; here a
/// sample of the first `readiness_delay` of life stands for both. An instance whose start is not known has long started.
fn is_starting(instance: &Instance, sample: &Samples<'_>, now_ms: u64, parameters: &Parameters) -> bool {
    let is_younger = |span: Duration| instance.age(now_ms).is_some_and(|age| age < span);
    match instance.phase() {
        Phase::Starting => true,
        Phase::Unready => is_younger(parameters.initialization.max(parameters.readiness_delay)),
        _ => {
            let too_early = instance.age(sample.latest_ms()).is_some_and(|age| age < parameters.readiness_delay);
            is_younger(parameters.initialization) && too_early
        }
    }
}
