//! What one reading came to, and the sentence for it, written only for the reading that decides.

use std::fmt;

use trimtab_sdk::figure;

use crate::Parameters;
use crate::goal::{Goal, Measure};

/// The count that one reading asks for, and the numbers that led to it.
#[derive(Debug)]
pub(crate) struct Estimate<'p> {
    pub(crate) count: u32,
    pub(crate) goal: Goal<'p>,
    /// The reading, or its mean over instances; for utilization, in percent.
    pub(crate) value: f64,
    pub(crate) ratio: f64,
    pub(crate) basis: Basis,
    pub(crate) finding: Finding,
}

/// What the ratio is multiplied with.
#[derive(Debug)]
pub(crate) enum Basis {
    Replicas(u32),
    /// Replicas that serve, fewer than are desired.
    Serving(u32),
    Instances(Groups),
}

/// How many instances the second pass counted how.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Groups {
    pub(crate) measured: u32,
    pub(crate) unready: u32,
    pub(crate) missing: u32,
}

/// Why the count is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    /// The formula's.
    Formula,
    /// The present one: within tolerance.
    WithinTolerance,
    /// The present one: the formula turned round when missing and unready instances were counted.
    Reversed,
    /// The present one: the formula would move against its own ratio.
    AgainstRatio,
    /// The present one: at zero replicas there is no instance to measure.
    NothingToMeasure,
}

/// A reading that gives no count.
#[derive(Debug)]
pub(crate) enum Missing<'p> {
    Reading(&'p str, &'static str),
    NoInstance(&'p str, Groups),
    Request(&'p str, &'static str),
    Container(&'p str, &'p str),
}

/// Whether a ratio is near enough to 1 to leave the count alone.
pub(crate) fn is_within_tolerance(ratio: f64, parameters: &Parameters) -> bool {
    1.0 - parameters.tolerance_down <= ratio && ratio <= 1.0 + parameters.tolerance_up
}

impl fmt::Display for Estimate<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, goal, value, ratio, .. } = self;
        let (value, target, ratio) = (figure(*value), figure(goal.target), figure(*ratio));
        if self.finding == Finding::NothingToMeasure {
            return write!(out, "`{}` is of instances, and there are none at zero replicas", goal.reading);
        }
        match (&self.basis, goal.measure) {
            (Basis::Instances(groups), measure) => {
                let of = match measure {
                    Measure::Cpu => "% of requested CPU",
                    Measure::Memory => "% of requested memory",
                    Measure::PlainCpu => "m of CPU",
                    _ => "",
                };
                write!(out, "`{}` is {value}{of}", goal.reading)?;
                if let Some(container) = goal.container {
                    write!(out, " of container `{container}`")?;
                }
                write!(out, " on the mean of {} instances", groups.measured)?;
                if groups.unready > 0 {
                    write!(out, ", {} more are not ready", groups.unready)?;
                }
                if groups.missing > 0 {
                    write!(out, ", {} more have no fresh sample", groups.missing)?;
                }
                write!(out, "; target {target}, ratio {ratio}")?;
            }
            (Basis::Replicas(replicas), Measure::Total) => {
                write!(
                    out,
                    "`{}` is {value} over {replicas} replicas; target {target} each, ratio {ratio}",
                    goal.reading
                )?;
            }
            (Basis::Replicas(replicas), _) => {
                write!(out, "`{}` is {value}; target {target}, ratio {ratio} on {replicas} replicas", goal.reading)?;
            }
            (Basis::Serving(serving), _) => {
                write!(out, "`{}` is {value}; target {target}, ratio {ratio} on {serving} that serve", goal.reading)?;
            }
        }
        match self.finding {
            Finding::Formula => write!(out, ": {count}"),
            Finding::WithinTolerance => out.write_str(": within tolerance"),
            Finding::Reversed => out.write_str(": undone when these are counted"),
            Finding::AgainstRatio | Finding::NothingToMeasure => write!(out, ": {count} stay"),
        }
    }
}

impl fmt::Display for Missing<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reading(reading, word) => write!(out, "reading `{reading}` is {word}"),
            Self::NoInstance(reading, groups) => write!(
                out,
                "reading `{reading}`: no instance counts ({} without a fresh sample, {} not ready)",
                groups.missing, groups.unready
            ),
            Self::Request(reading, resource) => {
                write!(out, "reading `{reading}`: an instance has no request for {resource} to take a share of")
            }
            Self::Container(reading, container) => {
                write!(out, "reading `{reading}`: the workload has no container `{container}` to take a share of")
            }
        }
    }
}
