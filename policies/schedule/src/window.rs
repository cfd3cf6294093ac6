//! One window: what it asks for, and whether it is open.

use std::fmt;

use crate::clock::Clock;
use crate::cron::Cron;

/// What is asked for while a window is open; at least one side is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) floor: Option<u32>,
    pub(crate) ceiling: Option<u32>,
}

/// One of `windows`, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window<'p> {
    pub(crate) text: &'p str,
    pub(crate) rule: Rule,
    pub(crate) start: Cron,
    pub(crate) end: End,
    pub(crate) zone: &'p str,
    pub(crate) priority: u32,
}

/// When a window closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// By the wall clock.
    At(Cron),
    /// After so many seconds of real time.
    After(i64),
}

/// Whether a window is open, and when that changes; `None` where no change is in sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Open { until_s: Option<i64> },
    Closed { until_s: Option<i64> },
}

impl Window<'_> {
    /// Whether it is open at `now_s`: it opens with each of its starts and closes with the first end after.
    ///
    /// Starts and ends by the wall are compared on the wall, whose minutes each come once. So no offset of the past is needed
    /// to know what is open, and a start and an end in the same skipped hour keep their order.
    pub(crate) fn state(&self, clock: &Clock<'_>, now_s: i64) -> State {
        let reached = clock.reached(now_s);
        let opens = || State::Closed { until_s: self.start.next(reached).map(|minute| clock.comes_s(minute)) };
        let Some(started) = self.start.last(reached) else {
            return opens();
        };
        match self.end {
            End::At(end) if end.last(reached).is_none_or(|ended| ended <= started) => {
                State::Open { until_s: end.next(reached).map(|minute| clock.comes_s(minute)) }
            }
            End::After(seconds) if now_s < clock.comes_s(started) + seconds => {
                State::Open { until_s: Some(clock.comes_s(started) + seconds) }
            }
            End::At(_) | End::After(_) => opens(),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.floor, self.ceiling) {
            (Some(floor), Some(ceiling)) if floor == ceiling => write!(out, "exactly {floor}"),
            (Some(floor), None) => write!(out, "at least {floor}"),
            (None, Some(ceiling)) => write!(out, "at most {ceiling}"),
            (floor, ceiling) => {
                write!(out, "{} to {}", floor.unwrap_or_default(), ceiling.unwrap_or(u32::MAX))
            }
        }
    }
}
