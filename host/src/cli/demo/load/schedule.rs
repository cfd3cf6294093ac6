//! When requests are due: the same at each run.

use std::time::Duration;

/// Requests per second over time: straight lines between points.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Seconds from the beginning, rising, and requests per second.
    points: Vec<(f64, f64)>,
}

impl Schedule {
    /// Straight lines between these points of (time, requests per second). Points out of order, and rates that are negative or
    /// not finite, are dropped; before the first point and after the last nothing is due.
    #[must_use]
    pub fn new(points: &[(Duration, f64)]) -> Self {
        let mut kept: Vec<(f64, f64)> = Vec::with_capacity(points.len());
        for (at, rate) in points {
            let at = at.as_secs_f64();
            let ordered = kept.last().is_none_or(|(last, _)| *last <= at);
            if ordered && rate.is_finite() && *rate >= 0.0 {
                kept.push((at, *rate));
            }
        }
        Self { points: kept }
    }

    /// The demo's: quiet, a rise to the peak, a stay, a fall, and quiet again, so that both ways of scaling are seen.
    #[must_use]
    pub fn demo(length: Duration, quiet: f64, peak: f64) -> Self {
        let at = |share: f64| length.mul_f64(share);
        Self::new(&[
            (at(0.00), quiet),
            (at(0.10), quiet),
            (at(0.30), peak),
            (at(0.50), peak),
            (at(0.65), quiet),
            (at(1.00), quiet),
        ])
    }

    /// How long it lasts.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.points.last().map_or(Duration::ZERO, |(at, _)| Duration::from_secs_f64(*at))
    }

    /// Requests per second at this time from the beginning.
    #[must_use]
    pub fn rate(&self, at: Duration) -> f64 {
        let at = at.as_secs_f64();
        let inside = self.lines().find(|((from, _), (to, _))| (*from..=*to).contains(&at));
        inside.map_or(0.0, |(from, to)| between(from, to, at))
    }

    /// How many requests are due by this time, all before included.
    #[must_use]
    pub fn due(&self, at: Duration) -> u64 {
        let at = at.as_secs_f64();
        let area: f64 = self
            .lines()
            .filter(|((from, _), _)| *from < at)
            .map(|(from, to)| {
                let end = to.0.min(at);
                (end - from.0) * f64::midpoint(from.1, between(from, to, end))
            })
            .sum();
        whole(area)
    }

    fn lines(&self) -> impl Iterator<Item = ((f64, f64), (f64, f64))> {
        self.points.iter().copied().zip(self.points.iter().copied().skip(1))
    }
}

fn between(from: (f64, f64), to: (f64, f64), at: f64) -> f64 {
    let width = to.0 - from.0;
    if width <= 0.0 { to.1 } else { from.1 + (to.1 - from.1) * (at - from.0) / width }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of areas that are not negative")]
fn whole(area: f64) -> u64 {
    area.max(0.0).floor() as u64
}
