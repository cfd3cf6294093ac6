//! How many notices may go out: a bucket that holds one minute's, and fills over a minute.

use tokio::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

/// The bucket.
#[derive(Debug)]
pub(super) struct Rate {
    per_minute: f64,
    left: f64,
    at: Instant,
}

impl Rate {
    pub(super) fn new(per_minute: u32) -> Self {
        Self { per_minute: f64::from(per_minute), left: f64::from(per_minute), at: Instant::now() }
    }

    /// Takes one; else the time at which there is one.
    pub(super) fn take(&mut self) -> Result<(), Instant> {
        let now = Instant::now();
        let filled = now.duration_since(self.at).as_secs_f64() / MINUTE.as_secs_f64() * self.per_minute;
        self.left = (self.left + filled).min(self.per_minute);
        self.at = now;
        // What was filled in parts may lack the last bit of a whole one.
        if self.left >= 1.0 - 1e-6 {
            self.left -= 1.0;
            return Ok(());
        }
        Err(now + MINUTE.mul_f64(((1.0 - self.left) / self.per_minute).clamp(0.0, 1.0)))
    }
}
