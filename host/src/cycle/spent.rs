//! Where the time of a turn went, stage by stage.

use std::time::{Duration, Instant};

/// Time that a turn spent in each stage, waiting included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// Listing what is there.
    pub observe: Duration,
    /// Seating the bindings, asking the sources, judging their answers.
    pub gather: Duration,
    /// Making snapshots.
    pub look: Duration,
    /// Running policies.
    pub evaluate: Duration,
    /// Ruling on what they answered.
    pub decide: Duration,
    /// Putting records and states into words.
    pub record: Duration,
    /// Making them durable.
    pub commit: Duration,
    /// Handing over what is to be done.
    pub begin: Duration,
}

/// Measures stages that follow one another.
pub(super) struct Laps(Instant);

impl Laps {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    /// Adds the time since the last lap.
    pub(super) fn lap(&mut self, stage: &mut Duration) {
        let now = Instant::now();
        *stage = stage.saturating_add(now.duration_since(self.0));
        self.0 = now;
    }
}
