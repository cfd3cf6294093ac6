//! Extremes of a window of time: what stabilization needs of the wishes of the last minutes, and no more.

use serde::{Deserialize, Serialize};

/// Most entries of one window. At 16 bytes an entry, two windows of a count are 2 KiB at the very worst; a steady wish is one.
const ENTRIES_MAX: usize = 64;

/// Which extreme is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extreme {
    Lowest,
    Highest,
}

/// A monotonic queue: of the values of a window only those that can still become its extreme, oldest (and most extreme) first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Extremes(Vec<(u64, u64)>);

impl Extremes {
    /// Enters a value and forgets what is `window_ms` old or older. The value entered last is always in the window, also in
    /// one of no length.
    pub(super) fn push(&mut self, extreme: Extreme, now_ms: u64, window_ms: u64, value: u64) {
        self.0.retain(|(at_ms, _)| now_ms.saturating_sub(*at_ms) < window_ms);
        while self.0.last().is_some_and(|(_, last)| match extreme {
            Extreme::Lowest => *last >= value,
            Extreme::Highest => *last <= value,
        }) {
            self.0.pop();
        }
        self.0.push((now_ms, value));
        if self.0.len() > ENTRIES_MAX {
            self.merge_closest();
        }
    }

    /// The extreme value of the window, as of the last push.
    pub(super) fn get(&self) -> Option<u64> {
        self.0.first().map(|(_, value)| *value)
    }

    /// Joins the two entries closest in time: the more extreme value stays, and stays longer. The window may hold a change
    /// back for a moment more than it should, never less.
    fn merge_closest(&mut self) {
        let gap = |pair: &[(u64, u64)]| match pair {
            [(older, _), (newer, _)] => newer.saturating_sub(*older),
            _ => u64::MAX,
        };
        let Some((closest, _)) = self.0.windows(2).enumerate().min_by_key(|(_, pair)| gap(pair)) else { return };
        let (_, value) = self.0.remove(closest);
        if let Some(entry) = self.0.get_mut(closest) {
            entry.1 = value;
        }
    }
}
