//! What the demo ends with: one document, for people and for machines.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::load::LoadReport;
use super::setup::Setup;
use super::watch::{Cost, Point, Step, Watch};
use crate::registrars::embedded::BalancerStats;

/// How the demo ended.
#[derive(Debug)]
pub(super) struct Ending {
    /// By a signal.
    pub(super) told: bool,
    /// Time that taking down took.
    pub(super) took: Duration,
    /// What taking down left.
    pub(super) left: Vec<String>,
}

/// The document.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    /// Number of this form.
    format: u32,
    /// How long the load was to last.
    seconds: f64,
    /// `load-over` or `signal`.
    ended_by: &'static str,
    /// Turns of the target.
    turns: usize,
    /// Fewest and most replicas allowed.
    bounds: (u32, u32),
    /// Requests per second that one replica is to get.
    target_per_replica: f64,
    /// Whether limits can be changed here while instances run: cgroups are writable.
    can_resize: bool,
    /// The state at each turn.
    replicas: Vec<Point>,
    /// What was decided, why, and what came of it.
    decisions: Vec<Step>,
    /// What became of the requests, as their sender saw it; `None`: none was sent.
    requests: Option<LoadReport>,
    /// The same, as the balancer saw it.
    balancer: BalancerStats,
    /// The cost of evaluations, per policy.
    policies: BTreeMap<String, Spending>,
    /// The cost of each evaluation.
    evaluations: Vec<Cost>,
    /// Time that taking everything down took.
    take_down_ms: u64,
    /// What decisions did not take down; it was killed.
    pub(super) left_behind: Vec<String>,
    /// The data directory, where it was kept.
    data_dir: Option<String>,
}

/// What one policy cost.
#[derive(Debug, Default, Serialize)]
struct Spending {
    evaluations: usize,
    faults: usize,
    fuel_median: u64,
    fuel_most: u64,
    micros_median: f64,
    micros_most: f64,
    memory_peak_bytes: u64,
}

impl Summary {
    pub(super) fn new(
        setup: &Setup,
        watch: &Watch,
        requests: Option<LoadReport>,
        balancer: BalancerStats,
        ending: Ending,
    ) -> Self {
        let evaluations = watch.costs();
        Self {
            format: 1,
            seconds: setup.length.as_secs_f64(),
            ended_by: if ending.told { "signal" } else { "load-over" },
            turns: watch.turns(),
            bounds: setup.replicas,
            target_per_replica: setup.per_replica,
            can_resize: watch.can_resize(),
            replicas: watch.points(),
            decisions: watch.decisions(),
            requests,
            balancer,
            policies: spending(&evaluations),
            evaluations,
            take_down_ms: u64::try_from(ending.took.as_millis()).unwrap_or(u64::MAX),
            left_behind: ending.left,
            data_dir: None,
        }
    }

    /// Adds what was found after the host had ended.
    pub(super) fn finish(mut self, killed: usize, kept: Option<&Path>) -> Self {
        if killed > 0 {
            self.left_behind.push(format!("{killed} processes were found after the end, and killed"));
        }
        self.data_dir = kept.map(|path| path.display().to_string());
        self
    }
}

fn spending(costs: &[Cost]) -> BTreeMap<String, Spending> {
    let mut by_policy: BTreeMap<String, Vec<&Cost>> = BTreeMap::new();
    for cost in costs {
        by_policy.entry(cost.policy.clone()).or_default().push(cost);
    }
    let spending = |costs: Vec<&Cost>| {
        let mut fuel: Vec<u64> = costs.iter().map(|cost| cost.fuel).collect();
        let mut micros: Vec<f64> = costs.iter().map(|cost| cost.micros).collect();
        fuel.sort_unstable();
        micros.sort_by(f64::total_cmp);
        let middle = costs.len() / 2;
        Spending {
            evaluations: costs.len(),
            faults: costs.iter().filter(|cost| cost.came_to != "answered").count(),
            fuel_median: fuel.get(middle).copied().unwrap_or(0),
            fuel_most: fuel.last().copied().unwrap_or(0),
            micros_median: micros.get(middle).copied().unwrap_or(0.0),
            micros_most: micros.last().copied().unwrap_or(0.0),
            memory_peak_bytes: costs.iter().map(|cost| cost.memory_peak_bytes).max().unwrap_or(0),
        }
    };
    by_policy.into_iter().map(|(policy, costs)| (policy, spending(costs))).collect()
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = self.replicas.iter().map(|point| point.desired).max().unwrap_or(0);
        let resizes = self.decisions.iter().filter(|step| step.cpu_limit_millis.is_some()).count();
        let changes = self.decisions.len();
        writeln!(f, "{} turns, {changes} changes, of them {resizes} live resizes; up to {most} replicas", self.turns)?;
        if !self.can_resize {
            writeln!(f, "no cgroups can be written here: CPU limits were not set and not changed")?;
        }
        match &self.requests {
            None => writeln!(f, "no requests were sent")?,
            Some(report) => {
                write!(f, "{} requests served, {} failed", report.served, report.failed)?;
                match (report.latency.p50_ms, report.latency.p99_ms) {
                    (Some(half), Some(most)) => writeln!(f, "; half within {half:.1} ms, 99 % within {most:.1} ms")?,
                    _ => writeln!(f)?,
                }
            }
        }
        for (policy, cost) in &self.policies {
            let Spending { evaluations, faults, fuel_median, micros_median, .. } = cost;
            let faults = if *faults == 0 { String::new() } else { format!(", {faults} faults") };
            writeln!(
                f,
                "{policy}: {evaluations} evaluations{faults}, median {micros_median:.0} µs and {fuel_median} fuel"
            )?;
        }
        for left in &self.left_behind {
            writeln!(f, "left behind: {left}")?;
        }
        if self.left_behind.is_empty() {
            writeln!(
                f,
                "everything was taken down in {:.1} s; nothing is left",
                f64::from(u32::try_from(self.take_down_ms).unwrap_or(u32::MAX)) / 1_000.0
            )?;
        }
        match &self.data_dir {
            Some(path) => {
                writeln!(f, "why it did all this: trimtab explain {} --last 200 --data-dir {path}", Setup::TARGET)
            }
            None => writeln!(f, "with --keep the records stay, and `trimtab explain` tells why it did all this"),
        }
    }
}
