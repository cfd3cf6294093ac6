//! The bounds that an operator sets for a binding, and their defaults.
//!
//! Defaults are customary ones: tolerance 0 here (policies bring their own), stabilization down 5 minutes and cooldown none as
//! the Kubernetes HPA has them.

use serde::{Deserialize, Serialize};

use crate::snapshot::Resources;

/// Bounds of one binding, checked: `min <= max`, shares within 0..=1, durations at most a week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Whether it acts.
    pub mode: Mode,
    /// Replicas.
    pub replicas: Range<u32>,
    /// CPU requests and limits per container, thousandths of a core; `None`: not bounded on that side.
    pub cpu_millis: Range<Option<u64>>,
    /// Memory requests and limits per container, bytes.
    pub memory_bytes: Range<Option<u64>>,
    /// Memory never goes below the recent peak times `1 + this`.
    pub memory_peak_margin: f64,
    /// How the counts of several policies join.
    pub combine: Combine,
    /// Relative change of the count below which a wish is dropped.
    pub tolerance: f64,
    /// Stabilization: a raise goes no higher than the lowest wish of this window.
    pub stabilize_up_ms: u64,
    /// Stabilization: a lowering goes no lower than the highest wish of this window.
    pub stabilize_down_ms: u64,
    /// Most that one change may add.
    pub step_up: StepLimit,
    /// Most that one change may take away.
    pub step_down: StepLimit,
    /// Most that changes may add within a window; all of them hold.
    pub windows_up: Vec<Window>,
    /// Most that changes may take away within a window; all of them hold.
    pub windows_down: Vec<Window>,
    /// Steps of a resize, for each figure: `max` is the most that it may rise at once and `min` the most that it may fall, as
    /// a share of the present figure (0.5: by half).
    pub resize_step: Range<Option<f64>>,
    /// Pauses after changes of the count.
    pub cooldown: Cooldown,
    /// Pauses after resizes.
    pub resize_cooldown: Cooldown,
    /// Lowering is forbidden where readings cover less than this share of the instances that serve.
    pub coverage_min: f64,
    /// If more than this share of instances is lost within the window, replacing stops.
    pub lost_share_max: f64,
    /// That window.
    pub lost_window_ms: u64,
    /// Instances that may be away at once by restarts, replacements and removals.
    pub unavailable_max: u32,
    /// Instance actions per window, at most.
    pub actions_max: Window,
    /// Instances that must remain ready through instance actions.
    pub ready_min: u32,
    /// Rounding of CPU, up, in thousandths of a core.
    pub cpu_step_millis: u64,
    /// Rounding of memory, up, in bytes.
    pub memory_step_bytes: u64,
    /// What happens where no policy has answered for long.
    pub fallback: Option<Fallback>,
    /// How long a change may take until it is called stuck.
    pub change_deadline_ms: u64,
}

/// Least and most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Range<T> {
    /// Least.
    pub min: T,
    /// Most.
    pub max: T,
}

/// What a binding does with its decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Carries them out.
    #[default]
    Act,
    /// Carries out raises only.
    RaiseOnly,
    /// Records them.
    DryRun,
    /// Does not ask.
    Off,
}

/// How the counts of several policies join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Combine {
    /// The highest.
    #[default]
    Max,
    /// The lowest.
    Min,
    /// The mean, rounded up.
    Mean,
    /// The median, the upper of two.
    Median,
    /// That of the first policy that has one.
    First,
}

/// Most that one change may move; where both are set, the wider one holds (as the HPA's default does). Both `None`: no limit.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct StepLimit {
    /// In replicas.
    pub count: Option<u32>,
    /// In percent of the present count, rounded up.
    pub percent: Option<f64>,
}

/// Most that changes may move within a window of time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Its length.
    pub window_ms: u64,
    /// Most within it.
    pub limit: StepLimit,
}

/// Pauses: a raise waits `up` after the last raise, a lowering `down` after any change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cooldown {
    /// After the last raise.
    pub up_ms: u64,
    /// After any change.
    pub down_ms: u64,
}

/// What happens where every policy was absent, faulted or in quarantine for `after_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fallback {
    /// For how long.
    pub after_ms: u64,
    /// What.
    pub behavior: Behavior,
}

/// Ways to fall back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Behavior {
    /// Stay.
    #[default]
    Hold,
    /// Go to so many, if that is higher.
    IfHigher(u32),
    /// Go to so many. The only way that lowers.
    Fixed(u32),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Act,
            replicas: Range { min: 1, max: 10 },
            cpu_millis: Range { min: None, max: None },
            memory_bytes: Range { min: None, max: None },
            memory_peak_margin: 0.1,
            combine: Combine::Max,
            tolerance: 0.0,
            stabilize_up_ms: 0,
            stabilize_down_ms: 5 * 60 * 1000,
            step_up: StepLimit::default(),
            step_down: StepLimit::default(),
            windows_up: Vec::new(),
            windows_down: Vec::new(),
            resize_step: Range { min: None, max: None },
            cooldown: Cooldown::default(),
            resize_cooldown: Cooldown { up_ms: 60 * 1000, down_ms: 10 * 60 * 1000 },
            coverage_min: 0.9,
            lost_share_max: 0.3,
            lost_window_ms: 5 * 60 * 1000,
            unavailable_max: 1,
            actions_max: Window { window_ms: 10 * 60 * 1000, limit: StepLimit { count: Some(10), percent: None } },
            ready_min: 1,
            cpu_step_millis: 1,
            memory_step_bytes: 1024 * 1024,
            fallback: None,
            change_deadline_ms: 10 * 60 * 1000,
        }
    }
}

impl Settings {
    /// The least and most per container, as policies see them.
    #[must_use]
    pub fn least_and_most(&self) -> (Resources, Resources) {
        (
            Resources { cpu_millis: self.cpu_millis.min, memory_bytes: self.memory_bytes.min },
            Resources { cpu_millis: self.cpu_millis.max, memory_bytes: self.memory_bytes.max },
        )
    }
}
