//! Readings to be held at targets, and the `target-tracking` that does it.

use super::draft::Policy;
use super::toml_text;

/// One reading and its target.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Goal {
    pub(super) reading: String,
    pub(super) target: f64,
    pub(super) kind: Comparison,
    pub(super) of_instances: bool,
    /// Whose request a utilization is a share of; `None`: the whole instance's.
    pub(super) container: Option<String>,
}

/// `kind` of `target-tracking`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    AverageValue,
    Value,
    Utilization,
    MemoryUtilization,
    /// CPU in millicores: as an average value, but what starts does not count yet.
    AverageCpu,
}

impl Comparison {
    fn word(self) -> &'static str {
        match self {
            Self::AverageValue => "average-value",
            Self::Value => "value",
            Self::Utilization => "utilization",
            Self::MemoryUtilization => "memory-utilization",
            Self::AverageCpu => "average-cpu",
        }
    }

    /// Whether it says by itself that the reading is of instances.
    fn says_subject(self) -> bool {
        matches!(self, Self::Utilization | Self::MemoryUtilization | Self::AverageCpu)
    }
}

/// All of a binding.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Goals {
    pub(super) goals: Vec<Goal>,
    pub(super) tolerance_up: Option<f64>,
    pub(super) tolerance_down: Option<f64>,
}

impl Goals {
    /// The policy; `None` where there is nothing to hold.
    pub(super) fn policy(&self) -> Option<Policy> {
        let mut policy = Policy::new("target-tracking");
        match self.goals.as_slice() {
            [] => return None,
            [one] => put_one(&mut policy, one),
            several => put_several(&mut policy, several),
        }
        for (key, tolerance) in [("tolerance_up", self.tolerance_up), ("tolerance_down", self.tolerance_down)] {
            if let Some(tolerance) = tolerance {
                policy.param(key, toml_text::float(tolerance));
            }
        }
        Some(policy)
    }
}

fn subject(goal: &Goal) -> &'static str {
    if goal.of_instances { "instance" } else { "target" }
}

fn put_one(policy: &mut Policy, goal: &Goal) {
    policy.param("reading", toml_text::text(&goal.reading));
    policy.param("target", toml_text::float(goal.target));
    policy.param("kind", toml_text::text(goal.kind.word()));
    if goal.of_instances && !goal.kind.says_subject() {
        policy.param("subject", toml_text::text(subject(goal)));
    }
    if let Some(container) = &goal.container {
        policy.param("container", toml_text::text(container));
    }
}

fn put_several(policy: &mut Policy, goals: &[Goal]) {
    let list = |item: &dyn Fn(&Goal) -> String| toml_text::list(&goals.iter().map(item).collect::<Vec<_>>());
    policy.param("readings", list(&|goal| toml_text::text(&goal.reading)));
    policy.param("targets", list(&|goal| toml_text::float(goal.target)));
    policy.param("kinds", list(&|goal| toml_text::text(goal.kind.word())));
    policy.param("subjects", list(&|goal| toml_text::text(subject(goal))));
    if goals.iter().any(|goal| goal.container.is_some()) {
        policy.param("containers", list(&|goal| toml_text::text(goal.container.as_deref().unwrap_or_default())));
    }
}
