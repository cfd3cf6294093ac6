//! Which of the open windows is in force.
//!
//! Floor and ceiling are settled apart. Of the windows that set a side, the one of highest priority does; of equals the stricter:
//! the greatest floor, the least ceiling. Where the floor lies above the ceiling, the side of lower priority yields; of equals
//! the ceiling, for too few replicas hurt more than too many.

use std::fmt;

use trimtab_sdk::{Draft, Proposal};

use crate::clock::Shown;
use crate::window::Window;

/// The sides in force.
#[derive(Debug, Default)]
pub(crate) struct InForce<'w> {
    pub(crate) floor: Option<Side<'w>>,
    pub(crate) ceiling: Option<Side<'w>>,
}

/// A floor or a ceiling, and the open window that sets it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side<'w> {
    pub(crate) count: u32,
    /// What the window says, where it had to yield.
    yielded: Option<u32>,
    window: &'w Window<'w>,
    until: Option<Shown<'w>>,
}

impl<'w> InForce<'w> {
    /// One more open window.
    pub(crate) fn add(&mut self, window: &'w Window<'w>, until: Option<Shown<'w>>) {
        let side = |count| Side { count, yielded: None, window, until };
        if let Some(floor) = window.rule.floor.map(side) {
            self.floor = Some(floor.or_stricter(self.floor, |one, other| one > other));
        }
        if let Some(ceiling) = window.rule.ceiling.map(side) {
            self.ceiling = Some(ceiling.or_stricter(self.ceiling, |one, other| one < other));
        }
    }

    /// What it comes to; `None` if no window is open.
    pub(crate) fn proposal(mut self) -> Option<Proposal> {
        self.settle();
        let reason = self.to_string();
        let draft: Draft = match (self.floor, self.ceiling) {
            (None, None) => return None,
            (Some(floor), None) => Proposal::at_least(floor.count),
            (None, Some(ceiling)) => Proposal::at_most(ceiling.count),
            (Some(floor), Some(ceiling)) if floor.count == ceiling.count => exactly(floor.count),
            (Some(floor), Some(ceiling)) => Proposal::at_least(floor.count).and_at_most(ceiling.count),
        };
        Some(draft.because(reason))
    }

    /// The floor alone, where the rest is not known.
    pub(crate) fn floor_above(mut self, count: u32) -> Option<Proposal> {
        self.settle();
        self.ceiling = None;
        let floor = self.floor.filter(|floor| floor.count > count)?;
        Some(Proposal::at_least(floor.count).because(self.to_string()))
    }

    fn settle(&mut self) {
        let (Some(floor), Some(ceiling)) = (&mut self.floor, &mut self.ceiling) else { return };
        if floor.count <= ceiling.count {
            return;
        }
        if ceiling.window.priority > floor.window.priority {
            floor.yielded = Some(std::mem::replace(&mut floor.count, ceiling.count));
        } else {
            ceiling.yielded = Some(std::mem::replace(&mut ceiling.count, floor.count));
        }
    }
}

/// A count that no other policy raises or lowers.
pub(crate) fn exactly(count: u32) -> Draft {
    Proposal::scale(count).and_at_least(count).and_at_most(count)
}

impl Side<'_> {
    fn or_stricter(self, other: Option<Self>, is_stricter: impl Fn(u32, u32) -> bool) -> Self {
        let Some(other) = other else { return self };
        let (own, others) = (self.window.priority, other.window.priority);
        if own > others || (own == others && is_stricter(self.count, other.count)) { self } else { other }
    }
}

impl fmt::Display for InForce<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.floor, &self.ceiling) {
            (Some(one), Some(other)) if !std::ptr::eq(one.window, other.window) => write!(out, "{one}; {other}"),
            (Some(one), _) | (None, Some(one)) => one.fmt(out),
            (None, None) => out.write_str("no window is open"),
        }
    }
}

impl fmt::Display for Side<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "`{}` is open", self.window.text)?;
        if let Some(until) = self.until {
            write!(out, " until {until}")?;
        }
        match self.yielded {
            Some(own) => write!(out, " (its {own} yields to {})", self.count),
            None => Ok(()),
        }
    }
}
