//! How long a workload waits after crashes.

use super::config::RestartConfig;
use super::files::BackOff;

impl BackOff {
    /// Notes that an instance ended by itself. Several that end while the workload waits already count as one: ten instances
    /// that fall with their database are not ten attempts.
    pub(in crate::drivers) fn crashed(&mut self, config: &RestartConfig, now_ms: u64) {
        if self.until_ms(now_ms).is_some() {
            return;
        }
        if now_ms.saturating_sub(self.last_ms) > config.reset_after.0 {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        self.last_ms = now_ms;
        self.next_start_ms = now_ms.saturating_add(wait_ms(config, self.failures));
    }

    /// Until when repairs wait; `None` where they need not. Before the last crash there is nothing to wait for: then the clock was
    /// set back since.
    pub(in crate::drivers) fn until_ms(&self, now_ms: u64) -> Option<u64> {
        (self.last_ms <= now_ms && now_ms < self.next_start_ms).then_some(self.next_start_ms)
    }
}

/// `min × factor^(failures − 1)`, at most `max`.
fn wait_ms(config: &RestartConfig, failures: u32) -> u64 {
    #[expect(clippy::cast_precision_loss, reason = "a week in milliseconds is exact")]
    let (min, max) = (config.min.0 as f64, config.max.0 as f64);
    // Capped before it can overflow: factor 1.0 at least, so that more than 64 doublings are never needed.
    let exponent = i32::try_from(failures.saturating_sub(1).min(64)).unwrap_or(64);
    let wait = (min * config.factor.powi(exponent)).min(max);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within 0..=max, which came from a u64"
    )]
    {
        wait as u64
    }
}
