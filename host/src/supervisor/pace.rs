//! When which binding is due. One slow backend delays no other: each has a task of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::audit::Trigger;
use crate::cycle::{Binding, Cycle};

/// How long changes under way are waited for when the host ends in order. What is not done then, the next start finds.
const FAREWELL: Duration = Duration::from_secs(10);
/// After a turn that could not be made, the next waits at least so long.
const TROUBLE: Duration = Duration::from_secs(1);

/// Takes one backend's bindings through their turns until `shutdown`, then waits a little for what is under way.
pub(super) async fn drive(mut cycle: Cycle, bindings: Vec<Arc<Binding>>, shutdown: CancellationToken) -> Cycle {
    let mut timetable = Timetable::new(&bindings);
    let mut trigger = Trigger::Start;
    while !shutdown.is_cancelled() {
        let due = timetable.due(Instant::now());
        if !due.is_empty() {
            match cycle.turn(&bindings, &due, &trigger).await {
                Ok(report) => {
                    trigger = Trigger::Pace;
                    if report.again {
                        timetable.hurry(due);
                    }
                }
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                    tracing::error!(driver = cycle.driver().name(), %error, cause, "no turn could be made");
                    timetable.delay(Instant::now() + TROUBLE);
                }
            }
        }
        let sleep = tokio::time::sleep_until(timetable.next());
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = sleep => {}
            // Only the waiting may be dropped where another arm is first; the closing is done whole.
            () = cycle.ended(), if cycle.running() > 0 => match cycle.next_finished().await {
                Ok(_) if cycle.running() == 0 => timetable.hurried_now(),
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(driver = cycle.driver().name(), %error, "the end of a change could not be kept");
                    timetable.delay(Instant::now() + TROUBLE);
                }
            },
        }
    }
    let farewell =
        tokio::time::timeout(FAREWELL, async { while cycle.running() > 0 && cycle.next_finished().await.is_ok() {} });
    if farewell.await.is_err() {
        tracing::warn!(driver = cycle.driver().name(), running = cycle.running(), "changes were left under way");
    }
    cycle
}

/// Next turns of the bindings.
#[derive(Debug)]
struct Timetable {
    every: BTreeMap<String, Duration>,
    next: BTreeMap<String, Instant>,
    /// Bindings that want a turn as soon as nothing is under way.
    hurried: BTreeSet<String>,
}

impl Timetable {
    fn new(bindings: &[Arc<Binding>]) -> Self {
        let now = Instant::now();
        Self {
            every: bindings
                .iter()
                .map(|binding| (binding.name.clone(), Duration::from_millis(binding.every_ms)))
                .collect(),
            next: bindings.iter().map(|binding| (binding.name.clone(), now)).collect(),
            hurried: BTreeSet::new(),
        }
    }

    /// Names of the bindings that are due, each put off by its pace. Turns that were missed are not caught up.
    fn due(&mut self, now: Instant) -> BTreeSet<String> {
        let mut due = BTreeSet::new();
        for (name, next) in &mut self.next {
            if *next <= now {
                let every = self.every.get(name).copied().unwrap_or(TROUBLE);
                *next = (*next + every).max(now + every / 2);
                due.insert(name.clone());
            }
        }
        due
    }

    fn next(&self) -> Instant {
        self.next.values().min().copied().unwrap_or_else(|| Instant::now() + TROUBLE)
    }

    fn hurry(&mut self, names: BTreeSet<String>) {
        self.hurried.extend(names);
    }

    fn hurried_now(&mut self) {
        let now = Instant::now();
        for name in std::mem::take(&mut self.hurried) {
            self.next.insert(name, now);
        }
    }

    fn delay(&mut self, until: Instant) {
        for next in self.next.values_mut() {
            *next = (*next).max(until);
        }
    }
}
