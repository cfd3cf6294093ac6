//! Readings of the whole target.
//!
//! The formulas are those of the HPA's external and object metrics (`GetExternalPerPodMetricReplicas`,
//! `GetObjectMetricReplicas` in `pkg/controller/podautoscaler/replica_calculator.go`):
//!
//! * a total: `ratio = total / (target × current)`, `count = ceil(total / target)`
//! * a figure: `ratio = value / target`, `count = ceil(current × ratio)`; from zero replicas, `ceil(ratio)`

use trimtab_sdk::{Snapshot, replicas};

use crate::Parameters;
use crate::estimate::{Basis, Estimate, Finding, Missing, is_within_tolerance};
use crate::goal::{Goal, Measure};

pub(crate) fn estimate<'p>(
    goal: &Goal<'p>,
    snapshot: &Snapshot<'_>,
    parameters: &Parameters,
) -> Result<Estimate<'p>, Missing<'p>> {
    let fact = snapshot.reading_of(&goal.subject(), goal.reading).samples();
    let word = fact.word();
    // A load below zero is none: it asks for no replicas, not for fewer than none.
    let value = fact.fresh().ok_or(Missing::Reading(goal.reading, word))?.latest().max(0.0);
    let current = snapshot.desired();
    let per_target = value / goal.target;
    let ratio = match goal.measure {
        Measure::Total if current > 0 => per_target / f64::from(current),
        _ => per_target,
    };
    let settled = |count, basis, finding| Ok(Estimate { count, goal: *goal, value, ratio, basis, finding });
    if current > 0 && is_within_tolerance(ratio, parameters) {
        return settled(current, Basis::Replicas(current), Finding::WithinTolerance);
    }
    if goal.measure == Measure::Total || current == 0 {
        return settled(replicas(per_target), Basis::Replicas(current), Finding::Formula);
    }
    let serving = snapshot.target().ready.min(current);
    if ratio < 1.0 || serving == current {
        return settled(replicas(f64::from(current) * ratio), Basis::Replicas(current), Finding::Formula);
    }
    // A figure shows what the serving replicas can do. Multiplying the desired count while new ones start would raise it
    // again at every turn until they serve, for a lack that is already made good (the HPA multiplies ready pods, too).
    let count = replicas(f64::from(serving) * ratio);
    if count > current {
        settled(count, Basis::Serving(serving), Finding::Formula)
    } else {
        settled(current, Basis::Serving(serving), Finding::AgainstRatio)
    }
}
