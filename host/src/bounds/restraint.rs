//! Every way in which the bounds say no, with its numbers.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::decision::ActionKind;
use crate::policy::ProposalKind;
use crate::quantity::DurationMs;
use crate::snapshot::{Freshness, Phase};

/// One reason why a wish was changed or dropped. `Display` is the sentence that people read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "restraint", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each field is explained by the sentence above its variant")]
pub enum Restraint {
    // ---------------------------------------------------------------------------------------------------- 1. grants
    #[error("policy {slot} asked for {kind}, which its manifest does not declare")]
    NotDeclared { slot: String, kind: ProposalKind },
    #[error("policy {slot} asked for {kind}, which the operator has not granted it")]
    NotGranted { slot: String, kind: ProposalKind },
    #[error("policy {slot} asked for {kind:?}, a kind that this host does not know")]
    KindUnknown { slot: String, kind: String },
    #[error("policy {slot} asked for {kind}, which the backend cannot do for this target")]
    BackendCannot { slot: String, kind: ProposalKind },
    #[error("policy {slot} asked for {kind} without saying what: no figure, no instance")]
    NothingAsked { slot: String, kind: ProposalKind },
    #[error("policy {slot} asked for {kind} of {instance}, which is not in this snapshot")]
    InstanceUnknown { slot: String, kind: ProposalKind, instance: String },
    #[error("policy {slot} named more than {max} instances that are not in this snapshot; the others are not told")]
    InstancesUnknown { slot: String, max: usize },
    #[error("policy {slot} named the container {container:?}, which the target does not have")]
    ContainerUnknown { slot: String, container: String },
    #[error("policy {slot} asked for the size {size:?}, which the backend does not have")]
    SizeUnknown { slot: String, size: String },
    #[error("policy {slot} asked for figures, and the backend has sizes only")]
    SizesOnly { slot: String },
    #[error("policy {slot} asked for {wished}, an absurd number; the most that is taken seriously is {max}")]
    Absurd { slot: String, wished: u64, max: u64 },
    #[error("policy {slot} asked for more than {max} things at once; the rest is dropped")]
    TooMuch { slot: String, max: usize },

    // --------------------------------------------------------------------------------------------------- composing
    #[error("{what} stays at {present} instead of {wished}: policy {slot} refused ({kind}): {text}")]
    LoweringRefused { what: Quantity, present: u64, wished: u64, slot: String, kind: String, text: String },
    #[error("{what} stays at {present} instead of {wished}: policy {slot} failed: {fault}")]
    LoweringFaulted { what: Quantity, present: u64, wished: u64, slot: String, fault: String },
    #[error("{what} stays at {present} instead of {wished}: policy {slot} is in quarantine")]
    LoweringQuarantined { what: Quantity, present: u64, wished: u64, slot: String, until_ms: Option<u64> },
    #[error("the policies' highest floor {floor} is above their lowest ceiling {ceiling}: the floor holds")]
    FloorAboveCeiling { floor: u32, ceiling: u32 },
    #[error("{first} and {second} of {instance} were both asked for: neither is done")]
    ActionsConflict { instance: String, first: ActionKind, second: ActionKind },
    #[error("the sizes {first:?} and {second:?} were both asked for: neither is taken")]
    SizesConflict { first: String, second: String },
    #[error("group {group} of policy {slot} is dropped whole, for not all of it can be done: {part}")]
    GroupDropped { slot: String, group: u32, part: String },
    #[error("a person ({by}) pinned the count at {pinned}; the policies wished {wished}")]
    Pinned { pinned: u32, wished: u32, by: String, until_ms: Option<u64> },

    // ------------------------------------------------------------------------------------------------ 2. tolerance
    #[error("{wished} is within the tolerance of {tolerance} around {present}")]
    WithinTolerance { present: u32, wished: u32, tolerance: f64 },

    // -------------------------------------------------------------------------------------------- 3. stabilization
    #[error("{what} goes {} to {held} instead of {wished}: a wish of the last {} was no further", .direction.word(), DurationMs(*.window_ms))]
    Stabilized { what: Quantity, direction: Direction, wished: u64, held: u64, window_ms: u64 },

    // ---------------------------------------------------------------------------------------------------- 4. range
    #[error("{what} of {wished} is above the most, {max}")]
    AboveMax { what: Quantity, wished: u64, max: u64 },
    #[error("{what} of {wished} is below the least, {min}")]
    BelowMin { what: Quantity, wished: u64, min: u64 },
    #[error("{what} of {wished} is below the recent peak use of {peak} with its margin, {floor}")]
    BelowPeak { what: Quantity, wished: u64, peak: u64, floor: u64 },
    #[error("{what} stays at {present} instead of {wished}: its recent peak use is not known")]
    PeakUnknown { what: Quantity, present: u64, wished: u64 },

    // ---------------------------------------------------------------------------------------------------- 5. steps
    #[error("{what} goes from {present} to {held} instead of {wished}: a change may move by {step} at most")]
    Step { what: Quantity, present: u64, wished: u64, held: u64, step: u64 },
    #[error("replicas go from {present} to {held} instead of {wished}: of {limit} per {}, {used} are used", DurationMs(*.window_ms))]
    StepWindow { present: u32, wished: u32, held: u32, used: u32, limit: u32, window_ms: u64 },

    // --------------------------------------------------------------------------------------------------- 6. budget
    #[error("replicas go from {present} to {held} instead of {wished}: the budget of {group} has {left} left")]
    Budget { group: String, present: u32, wished: u32, held: u32, left: u32 },

    // ---------------------------------------------------------------------------------------------------- 7. gates
    #[error("the binding is off")]
    Off,
    #[error("the binding is in dry-run: nothing is carried out")]
    DryRun,
    #[error("{what} stays at {held} instead of {wished}: the binding only raises")]
    RaisesOnly { what: Quantity, held: u64, wished: u64 },
    #[error("paused by {by}")]
    Paused { by: String, until_ms: Option<u64> },
    #[error("everything is frozen: {why}")]
    Frozen { why: String, until_ms: Option<u64> },
    #[error("two bindings act on this target: {}; it holds", .bindings.join(", "))]
    Conflict { bindings: Vec<String> },
    #[error("nothing changes, for the backend's list is partial: {why}")]
    InventoryPartial { why: String },
    #[error("nothing changes, for the backend's list is suddenly empty; there were {before}")]
    InventoryEmpty { before: u32 },
    #[error("{what} stays at {held} instead of {wished}: change {key} has been in flight since {since_ms}")]
    InFlight { what: Quantity, held: u64, wished: u64, key: String, since_ms: u64 },
    #[error("a raise to {coming} is in flight already ({key}); {wished} is no more than that")]
    AlreadyComing { wished: u32, coming: u32, key: String },
    #[error("{what} stays at {held} instead of {wished}: the reading {reading} is {}", .freshness.word())]
    ReadingMissing { what: Quantity, held: u64, wished: u64, reading: String, freshness: Freshness },
    #[error("{what} stays at {held} instead of {wished}: {reading} is fresh for {fresh} of {of}, a share below {min}")]
    CoverageLow { what: Quantity, held: u64, wished: u64, reading: String, fresh: u32, of: u32, min: f64 },
    #[error(
        "{what} stays at {held} instead of {wished}: the clock jumped at {at_ms} and no fresh sample has come since"
    )]
    ClockJumped { what: Quantity, held: u64, wished: u64, at_ms: u64 },
    #[error("{what} stays at {held} instead of {wished}: a turn begun by an event never lowers")]
    EventTurn { what: Quantity, held: u64, wished: u64 },
    #[error("{what} stays at {held} instead of {wished}: {lost} of {of} were lost since {since_ms}")]
    TooManyLost { what: Quantity, held: u64, wished: u64, lost: u32, of: u32, since_ms: u64 },
    #[error("{what} stays at {held} instead of {wished}: cooling down for another {}", DurationMs(*.left_ms).rounded())]
    CoolingDown { what: Quantity, direction: Direction, held: u64, wished: u64, left_ms: u64 },
    #[error("replicas stay at {held} instead of {wished}: {protected} instances are protected")]
    ProtectedCount { held: u32, wished: u32, protected: u32 },

    // ---------------------------------------------------------------------------------------- 7. gates of instances
    #[error("{kind} of {instance} waits: change {key} is in flight")]
    ActionInFlight { kind: ActionKind, instance: String, key: String },
    #[error("{kind} of {instance} waits: a turn begun by an event takes nothing away")]
    ActionEventTurn { kind: ActionKind, instance: String },
    #[error("{kind} of {instance} waits: {lost} of {of} were lost since {since_ms}")]
    ActionTooManyLost { kind: ActionKind, instance: String, lost: u32, of: u32, since_ms: u64 },
    #[error("{kind} of {instance} is not done: the binding only raises")]
    ActionRaisesOnly { kind: ActionKind, instance: String },
    #[error("{kind} of {instance} is not done: the instance is protected")]
    Protected { kind: ActionKind, instance: String },
    #[error("{kind} of {instance} makes no sense while it is {}", .phase.word())]
    PhaseWrong { kind: ActionKind, instance: String, phase: Phase },
    #[error("{kind} of {instance} waits: {unavailable} are away already, at most {max} may be")]
    UnavailableMax { kind: ActionKind, instance: String, unavailable: u32, max: u32 },
    #[error("{kind} of {instance} waits: {ready} are ready and {min} must remain so")]
    ReadyMin { kind: ActionKind, instance: String, ready: u32, min: u32 },
    #[error("{kind} of {instance} waits: {used} of {limit} actions per {} are used", DurationMs(*.window_ms))]
    ActionRate { kind: ActionKind, instance: String, used: u32, limit: u32, window_ms: u64 },
    #[error("start of {instance} would make more than the {desired} desired")]
    StartAboveDesired { instance: String, desired: u32 },
    #[error("remove of {instance} is not done: the backend chooses which instance goes")]
    VictimNotOurs { instance: String },
    #[error("remove of {instance} waits: the count does not fall with it in this turn, it goes to {to}")]
    RemovalWaits { instance: String, to: u32 },
    #[error("{kind} of {instance} is not done: the instance goes")]
    GoesAnyway { kind: ActionKind, instance: String },
    #[error("the next repair waits until {until_ms}, after {tries} tries")]
    BackingOff { until_ms: u64, tries: u32 },
    #[error("{lost} lost instances are not made anew: too many were lost since {since_ms}")]
    RepairTooManyLost { lost: u32, since_ms: u64 },

    // ------------------------------------------------------------------------------------------------- 8. rounding
    #[error("{what} goes from {present} to {held} instead of {wished}: it moves in steps of {step}")]
    Rounded { what: Quantity, present: u64, wished: u64, held: u64, step: u64 },
    #[error("{what} is {held} instead of {wished}, so that the request stays within the limit")]
    RequestAboveLimit { what: Quantity, wished: u64, held: u64 },
    #[error("the size {size:?} is not taken: {what} would be {wished}, and {held} is what the bounds let through")]
    SizeOutOfBounds { size: String, what: Quantity, wished: u64, held: u64 },
}

/// The stages, in the order in which they are passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names of design section 3, Bounds")]
pub enum Stage {
    Grants,
    Compose,
    Tolerance,
    Stabilization,
    Range,
    Steps,
    Budget,
    Gates,
    Rounding,
}

/// What is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is what it names")]
pub enum Dimension {
    Replicas,
    Cpu,
    Memory,
    Instances,
}

/// One number that is bounded: the count, or one figure of one container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantity {
    /// The count of replicas.
    Replicas,
    /// A figure of a container.
    Figure {
        /// The container.
        container: String,
        /// Which of its figures.
        figure: Figure,
    },
}

/// The four figures of a container. CPU in thousandths of a core, memory in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is what it names")]
pub enum Figure {
    CpuRequest,
    CpuLimit,
    MemoryRequest,
    MemoryLimit,
}

/// Which way a number moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is what it names")]
pub enum Direction {
    Up,
    Down,
}

impl Restraint {
    /// The stage that said it.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self {
            Self::NotDeclared { .. }
            | Self::NotGranted { .. }
            | Self::KindUnknown { .. }
            | Self::BackendCannot { .. }
            | Self::NothingAsked { .. }
            | Self::InstanceUnknown { .. }
            | Self::InstancesUnknown { .. }
            | Self::ContainerUnknown { .. }
            | Self::SizeUnknown { .. }
            | Self::SizesOnly { .. }
            | Self::Absurd { .. }
            | Self::TooMuch { .. } => Stage::Grants,
            Self::LoweringRefused { .. }
            | Self::LoweringFaulted { .. }
            | Self::LoweringQuarantined { .. }
            | Self::FloorAboveCeiling { .. }
            | Self::ActionsConflict { .. }
            | Self::SizesConflict { .. }
            | Self::GroupDropped { .. }
            | Self::Pinned { .. } => Stage::Compose,
            Self::WithinTolerance { .. } => Stage::Tolerance,
            Self::Stabilized { .. } => Stage::Stabilization,
            Self::AboveMax { .. } | Self::BelowMin { .. } | Self::BelowPeak { .. } | Self::PeakUnknown { .. } => {
                Stage::Range
            }
            Self::Step { .. } | Self::StepWindow { .. } => Stage::Steps,
            Self::Budget { .. } => Stage::Budget,
            Self::Rounded { .. } | Self::RequestAboveLimit { .. } | Self::SizeOutOfBounds { .. } => Stage::Rounding,
            Self::Off
            | Self::DryRun
            | Self::RaisesOnly { .. }
            | Self::Paused { .. }
            | Self::Frozen { .. }
            | Self::Conflict { .. }
            | Self::InventoryPartial { .. }
            | Self::InventoryEmpty { .. }
            | Self::InFlight { .. }
            | Self::AlreadyComing { .. }
            | Self::ReadingMissing { .. }
            | Self::CoverageLow { .. }
            | Self::ClockJumped { .. }
            | Self::EventTurn { .. }
            | Self::TooManyLost { .. }
            | Self::CoolingDown { .. }
            | Self::ProtectedCount { .. }
            | Self::ActionInFlight { .. }
            | Self::ActionEventTurn { .. }
            | Self::ActionTooManyLost { .. }
            | Self::ActionRaisesOnly { .. }
            | Self::Protected { .. }
            | Self::PhaseWrong { .. }
            | Self::UnavailableMax { .. }
            | Self::ReadyMin { .. }
            | Self::ActionRate { .. }
            | Self::StartAboveDesired { .. }
            | Self::VictimNotOurs { .. }
            | Self::RemovalWaits { .. }
            | Self::GoesAnyway { .. }
            | Self::BackingOff { .. }
            | Self::RepairTooManyLost { .. } => Stage::Gates,
        }
    }

    /// A short word for metrics, tests and records: the tag of the JSON form.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotDeclared { .. } => "not-declared",
            Self::NotGranted { .. } => "not-granted",
            Self::KindUnknown { .. } => "kind-unknown",
            Self::BackendCannot { .. } => "backend-cannot",
            Self::NothingAsked { .. } => "nothing-asked",
            Self::InstanceUnknown { .. } => "instance-unknown",
            Self::InstancesUnknown { .. } => "instances-unknown",
            Self::ContainerUnknown { .. } => "container-unknown",
            Self::SizeUnknown { .. } => "size-unknown",
            Self::SizesOnly { .. } => "sizes-only",
            Self::Absurd { .. } => "absurd",
            Self::TooMuch { .. } => "too-much",
            Self::LoweringRefused { .. } => "lowering-refused",
            Self::LoweringFaulted { .. } => "lowering-faulted",
            Self::LoweringQuarantined { .. } => "lowering-quarantined",
            Self::FloorAboveCeiling { .. } => "floor-above-ceiling",
            Self::ActionsConflict { .. } => "actions-conflict",
            Self::SizesConflict { .. } => "sizes-conflict",
            Self::GroupDropped { .. } => "group-dropped",
            Self::Pinned { .. } => "pinned",
            Self::WithinTolerance { .. } => "within-tolerance",
            Self::Stabilized { .. } => "stabilized",
            Self::AboveMax { .. } => "above-max",
            Self::BelowMin { .. } => "below-min",
            Self::BelowPeak { .. } => "below-peak",
            Self::PeakUnknown { .. } => "peak-unknown",
            Self::Step { .. } => "step",
            Self::StepWindow { .. } => "step-window",
            Self::Budget { .. } => "budget",
            Self::Off => "off",
            Self::DryRun => "dry-run",
            Self::RaisesOnly { .. } => "raises-only",
            Self::Paused { .. } => "paused",
            Self::Frozen { .. } => "frozen",
            Self::Conflict { .. } => "conflict",
            Self::InventoryPartial { .. } => "inventory-partial",
            Self::InventoryEmpty { .. } => "inventory-empty",
            Self::InFlight { .. } => "in-flight",
            Self::AlreadyComing { .. } => "already-coming",
            Self::ReadingMissing { .. } => "reading-missing",
            Self::CoverageLow { .. } => "coverage-low",
            Self::ClockJumped { .. } => "clock-jumped",
            Self::EventTurn { .. } => "event-turn",
            Self::TooManyLost { .. } => "too-many-lost",
            Self::CoolingDown { .. } => "cooling-down",
            Self::ProtectedCount { .. } => "protected-count",
            Self::ActionInFlight { .. } => "action-in-flight",
            Self::ActionEventTurn { .. } => "action-event-turn",
            Self::ActionTooManyLost { .. } => "action-too-many-lost",
            Self::ActionRaisesOnly { .. } => "action-raises-only",
            Self::Protected { .. } => "protected",
            Self::PhaseWrong { .. } => "phase-wrong",
            Self::UnavailableMax { .. } => "unavailable-max",
            Self::ReadyMin { .. } => "ready-min",
            Self::ActionRate { .. } => "action-rate",
            Self::StartAboveDesired { .. } => "start-above-desired",
            Self::VictimNotOurs { .. } => "victim-not-ours",
            Self::RemovalWaits { .. } => "removal-waits",
            Self::GoesAnyway { .. } => "goes-anyway",
            Self::BackingOff { .. } => "backing-off",
            Self::RepairTooManyLost { .. } => "repair-too-many-lost",
            Self::Rounded { .. } => "rounded",
            Self::RequestAboveLimit { .. } => "request-above-limit",
            Self::SizeOutOfBounds { .. } => "size-out-of-bounds",
        }
    }
}

impl Quantity {
    /// What is bounded by it.
    #[must_use]
    pub fn dimension(&self) -> Dimension {
        match self {
            Self::Replicas => Dimension::Replicas,
            Self::Figure { figure, .. } => figure.dimension(),
        }
    }
}

impl Figure {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::CpuRequest, Self::CpuLimit, Self::MemoryRequest, Self::MemoryLimit];

    /// CPU or memory.
    #[must_use]
    pub fn dimension(self) -> Dimension {
        match self {
            Self::CpuRequest | Self::CpuLimit => Dimension::Cpu,
            Self::MemoryRequest | Self::MemoryLimit => Dimension::Memory,
        }
    }

    /// Whether it is a limit, not a request.
    #[must_use]
    pub fn is_limit(self) -> bool {
        matches!(self, Self::CpuLimit | Self::MemoryLimit)
    }
}

impl Direction {
    /// Where a move from one value to another goes; `None` if nowhere.
    #[must_use]
    pub fn of<T: Ord>(from: &T, to: &T) -> Option<Self> {
        match to.cmp(from) {
            std::cmp::Ordering::Greater => Some(Self::Up),
            std::cmp::Ordering::Less => Some(Self::Down),
            std::cmp::Ordering::Equal => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replicas => f.write_str("the count"),
            Self::Figure { container, figure } => {
                let name = match figure {
                    Figure::CpuRequest => "the CPU request",
                    Figure::CpuLimit => "the CPU limit",
                    Figure::MemoryRequest => "the memory request",
                    Figure::MemoryLimit => "the memory limit",
                };
                write!(f, "{name} of {container}")
            }
        }
    }
}

/// Words of other rooms' values, as sentences use them.
trait Word {
    fn word(&self) -> &'static str;
}

impl Word for Freshness {
    fn word(&self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Absent => "absent",
        }
    }
}

impl Word for Phase {
    fn word(&self) -> &'static str {
        match self {
            Self::Unknown => "in an unknown phase",
            Self::Pending => "pending",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Unready => "unready",
            Self::Draining => "draining",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Lost => "lost",
        }
    }
}
