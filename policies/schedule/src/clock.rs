//! The wall clock of a zone, out of the offsets that the snapshot tells.
//!
//! Points in time are seconds since the Unix epoch; the wall's are minutes since 1970-01-01 00:00 of that wall. Every minute of
//! the wall comes once: one that is skipped comes at the jump, one that is shown twice the first time.

use std::fmt;

use trimtab_sdk::Snapshot;

use crate::calendar::Date;
use crate::cron::{MINUTES_PER_DAY, MINUTES_PER_HOUR};

const SECONDS_PER_MINUTE: i64 = 60;

/// The zone that needs no telling.
pub(crate) const UTC: &str = "UTC";

/// A zone's offsets: from each point in time on, until the next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock<'s> {
    zone: &'s str,
    /// Milliseconds since the Unix epoch, ascending; the first offset holds before the first point, too.
    from_ms: &'s [u64],
    offsets_seconds: &'s [i32],
}

/// A point in time as the wall of a zone shows it: `2026-03-29 08:00 Europe/Berlin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown<'s> {
    minute: i64,
    zone: &'s str,
}

impl<'s> Clock<'s> {
    /// `None` if the snapshot does not tell the zone's offsets, or tells nonsense.
    pub(crate) fn of(snapshot: &'s Snapshot<'_>, zone: &'s str) -> Option<Self> {
        if zone == UTC {
            return Some(Self { zone, from_ms: &[0], offsets_seconds: &[0] });
        }
        let told = snapshot.wire().transitions.iter().find(|told| told.zone == zone)?;
        let clock = Self { zone, from_ms: &told.at_ms, offsets_seconds: &told.offsets_seconds };
        let is_sane = clock.from_ms.len() == clock.offsets_seconds.len() && clock.from_ms.is_sorted();
        (is_sane && !clock.from_ms.is_empty()).then_some(clock)
    }

    /// The last minute of the wall that has come at `now_s`. In the hour shown twice that is the hour's end: all of it has
    /// been there when it is shown again.
    pub(crate) fn reached(&self, now_s: i64) -> i64 {
        let mut reached: i64 = i64::MIN;
        let mut before: Option<i64> = None;
        for (from_s, offset_s) in self.stretches().take_while(|(from_s, _)| *from_s <= now_s) {
            if let Some(before_s) = before {
                reached = reached.max((from_s + before_s - 1).div_euclid(SECONDS_PER_MINUTE));
            }
            before = Some(offset_s);
        }
        reached.max((now_s + self.offset_s(now_s)).div_euclid(SECONDS_PER_MINUTE))
    }

    /// When a minute of the wall comes.
    pub(crate) fn comes_s(&self, minute: i64) -> i64 {
        let wall_s = minute.saturating_mul(SECONDS_PER_MINUTE);
        let mut stretches = self.stretches().peekable();
        let mut is_first = true;
        while let Some((from_s, offset_s)) = stretches.next() {
            let comes_s = wall_s - offset_s;
            if comes_s < from_s && !is_first {
                return from_s;
            }
            if stretches.peek().is_none_or(|(end_s, _)| comes_s < *end_s) {
                return comes_s;
            }
            is_first = false;
        }
        wall_s
    }

    /// A point in time as the wall shows it.
    pub(crate) fn shows(&self, at_s: i64) -> Shown<'s> {
        Shown { minute: (at_s + self.offset_s(at_s)).div_euclid(SECONDS_PER_MINUTE), zone: self.zone }
    }

    fn offset_s(&self, at_s: i64) -> i64 {
        let first = self.stretches().next().map_or(0, |(_, offset_s)| offset_s);
        self.stretches().take_while(|(from_s, _)| *from_s <= at_s).last().map_or(first, |(_, offset_s)| offset_s)
    }

    fn stretches(&self) -> impl Iterator<Item = (i64, i64)> + use<'s> {
        self.from_ms
            .iter()
            .zip(self.offsets_seconds)
            .map(|(from_ms, offset_s)| (seconds(*from_ms), i64::from(*offset_s)))
    }
}

/// Whole seconds of a point in time in milliseconds.
#[expect(clippy::cast_possible_wrap, reason = "a thousandth of a u64 is far below the greatest i64")]
pub(crate) fn seconds(ms: u64) -> i64 {
    (ms / 1000) as i64
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = Date::of(self.minute.div_euclid(MINUTES_PER_DAY));
        let of_day = self.minute.rem_euclid(MINUTES_PER_DAY);
        let (hour, minute) = (of_day / MINUTES_PER_HOUR, of_day % MINUTES_PER_HOUR);
        write!(out, "{}-{:02}-{:02} {hour:02}:{minute:02} {}", date.year, date.month, date.day, self.zone)
    }
}
