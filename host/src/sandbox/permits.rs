//! The queue in front of the engine's pool: the pool is never exhausted, callers wait their turn instead.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// In which order callers get a permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Queue {
    /// As they come.
    #[default]
    Ordinary,
    /// After all ordinary callers, and on at most half of the permits: for those that used up their budget last time.
    Last,
}

/// A bounded number of permits. Waiting blocks the thread: callers are threads that run guests, never the runtime's own.
#[derive(Debug)]
pub struct Permits {
    total: u32,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    taken: u32,
    taken_last: u32,
    ordinary_waiting: u32,
}

/// The right to hold one instance. Given back when dropped.
#[derive(Debug)]
pub struct Permit<'permits> {
    permits: &'permits Permits,
    queue: Queue,
}

impl Permits {
    /// So many permits, at least 1.
    #[must_use]
    pub fn new(total: u32) -> Self {
        Self { total: total.max(1), state: Mutex::default(), freed: Condvar::new() }
    }

    /// Waits for a permit. Every holder is held to a deadline, so the wait ends.
    pub fn take(&self, queue: Queue) -> Permit<'_> {
        let mut state = self.lock();
        match queue {
            Queue::Ordinary => {
                state.ordinary_waiting += 1;
                while state.taken >= self.total {
                    state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                state.ordinary_waiting -= 1;
            }
            Queue::Last => {
                let most = (self.total / 2).max(1);
                while state.taken >= self.total || state.taken_last >= most || state.ordinary_waiting > 0 {
                    state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                state.taken_last += 1;
            }
        }
        state.taken += 1;
        let others_may_go = state.ordinary_waiting == 0 && state.taken < self.total;
        drop(state);
        if others_may_go && queue == Queue::Ordinary {
            self.freed.notify_all();
        }
        Permit { permits: self, queue }
    }

    /// Permits taken now.
    #[must_use]
    pub fn taken(&self) -> u32 {
        self.lock().taken
    }

    /// All permits.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.total
    }

    // Nothing panics while it holds the lock; if something did, the counts would still be whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.permits.lock();
        state.taken -= 1;
        if self.queue == Queue::Last {
            state.taken_last -= 1;
        }
        drop(state);
        self.permits.freed.notify_all();
    }
}
