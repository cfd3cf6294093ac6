//! The host's time. Injected, so that stories run in no time.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch; never runs backwards within a host.
pub trait Clock: Send + Sync + Debug {
    /// Now.
    fn now_ms(&self) -> u64;
}

/// The machine's clock. Where it is set back, time stands until it has caught up: cooldowns and windows rely on order.
#[derive(Debug, Default)]
pub struct SystemClock {
    highest_ms: AtomicU64,
}

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall_ms = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
        self.highest_ms.fetch_max(wall_ms, Ordering::Relaxed).max(wall_ms)
    }
}

/// What the two clocks may differ by between two turns, apart from a thousandth for one that is slewed.
const JUMP_MS_MIN: u64 = 1_000;

/// Notices that the host's clock was set, or that the machine slept: the runtime's timer, which nobody sets and which stands
/// while a machine sleeps, then tells another time than the clock.
#[derive(Debug, Default)]
pub(super) struct Watch {
    last: Option<(tokio::time::Instant, u64)>,
}

impl Watch {
    /// Whether the clock jumped since the last call.
    pub(super) fn jumped(&mut self, now_ms: u64) -> bool {
        let now = tokio::time::Instant::now();
        let Some((then, then_ms)) = self.last.replace((now, now_ms)) else { return false };
        let passed_ms = u64::try_from(now.duration_since(then).as_millis()).unwrap_or(u64::MAX);
        let told_ms = now_ms.saturating_sub(then_ms);
        told_ms.abs_diff(passed_ms) > JUMP_MS_MIN.saturating_add(passed_ms / 1_000)
    }
}

/// A clock that follows the runtime's own timer from a given start, and can be made to jump. With the timer paused, a test
/// decides what time it is.
#[derive(Debug)]
pub struct TimerClock {
    start: tokio::time::Instant,
    start_ms: u64,
    jumped_ms: AtomicU64,
}

impl TimerClock {
    /// A clock that says `start_ms` now.
    #[must_use]
    pub fn starting_at(start_ms: u64) -> Self {
        Self { start: tokio::time::Instant::now(), start_ms, jumped_ms: AtomicU64::new(0) }
    }

    /// Jumps ahead without any timer firing, as a suspended machine does.
    pub fn jump(&self, ms: u64) {
        self.jumped_ms.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for TimerClock {
    fn now_ms(&self) -> u64 {
        let elapsed_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.start_ms.saturating_add(elapsed_ms).saturating_add(self.jumped_ms.load(Ordering::Relaxed))
    }
}
