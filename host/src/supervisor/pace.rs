//! When which binding is due. One slow backend delays no other: each has a task of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::orders::{Order, Orders};
use super::steering::Bindings;
use crate::audit::Trigger;
use crate::cycle::{Binding, Cycle, Occasion};

/// How long changes under way are waited for when the host ends in order. What is not done then, the next start finds.
const FAREWELL: Duration = Duration::from_secs(10);
/// After a turn that could not be made, the next waits at least so long.
const TROUBLE: Duration = Duration::from_secs(1);

/// Takes one backend's bindings through their turns until `shutdown`, then waits a little for what is under way. A turn
/// begins with the newest bindings and ends with those that it began with.
pub(super) async fn drive(
    mut cycle: Cycle,
    mut newest: watch::Receiver<Bindings>,
    orders: Arc<Orders>,
    shutdown: CancellationToken,
) -> Cycle {
    let mut bindings = newest.borrow().clone();
    let mut timetable = Timetable::default();
    timetable.rewrite(&bindings);
    let mut trigger = Trigger::Start;
    // An ordered turn that must come again, once nothing is under way.
    let mut again: Option<Order> = None;
    while !shutdown.is_cancelled() {
        if cycle.running() == 0 {
            timetable.hurried_now();
            if let Some(order) = again.take() {
                orders.place(order);
            }
        }
        take_newest(&mut newest, &mut bindings, &mut timetable);
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
        if let Some(order) = orders.take() {
            // Whoever ordered it may have changed the bindings before.
            take_newest(&mut newest, &mut bindings, &mut timetable);
            again = ordered(&mut cycle, &bindings, order).await.or(again);
            orders.call_again();
        }
        let sleep = tokio::time::sleep_until(timetable.next());
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = sleep => {}
            () = orders.called() => {}
            // That nobody can change them any more does not happen: the host holds the other end.
            Ok(()) = newest.changed() => newest.mark_changed(),
            // Only the waiting may be dropped where another arm is first; the closing is done whole.
            () = cycle.ended(), if cycle.running() > 0 => match cycle.next_finished().await {
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(driver = cycle.driver().name(), %error, "the end of a change could not be kept");
                    timetable.delay(Instant::now() + TROUBLE);
                }
            },
        }
    }
    orders.close();
    let farewell =
        tokio::time::timeout(FAREWELL, async { while cycle.running() > 0 && cycle.next_finished().await.is_ok() {} });
    if farewell.await.is_err() {
        tracing::warn!(driver = cycle.driver().name(), running = cycle.running(), "changes were left under way");
    }
    cycle
}

/// Takes other bindings in, where there are others.
fn take_newest(newest: &mut watch::Receiver<Bindings>, bindings: &mut Bindings, timetable: &mut Timetable) {
    if newest.has_changed().unwrap_or(false) {
        *bindings = newest.borrow_and_update().clone();
        timetable.rewrite(bindings);
    }
}

/// Makes a turn that was ordered; returns the order for another that must follow, where a change was cancelled first.
async fn ordered(cycle: &mut Cycle, bindings: &[Arc<Binding>], order: Order) -> Option<Order> {
    let due: BTreeSet<String> = bindings.iter().map(|binding| binding.name.clone()).collect();
    let (only, trigger, anew) = (order.targets.as_ref(), &order.trigger, order.anew);
    let occasion = Occasion { bindings, due: &due, only, trigger, anew };
    match cycle.turn_for(&occasion).await {
        Ok(report) => {
            let again = || Order { anew, ..Order::unattended(order.targets.clone(), order.trigger.clone()) };
            let again = report.again.then(again);
            order.tell(&Ok(report));
            again
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::error!(driver = cycle.driver().name(), %error, cause, "no turn could be made");
            order.tell(&Err(error.to_string()));
            None
        }
    }
}

/// Next turns of the bindings.
#[derive(Debug, Default)]
struct Timetable {
    every: BTreeMap<String, Duration>,
    next: BTreeMap<String, Instant>,
    /// Bindings that want a turn as soon as nothing is under way.
    hurried: BTreeSet<String>,
}

impl Timetable {
    /// Takes in other bindings. Those that are new are due at once; those that were there keep their time, brought forward
    /// where their pace is quicker now.
    fn rewrite(&mut self, bindings: &[Arc<Binding>]) {
        let now = Instant::now();
        let every = |binding: &Arc<Binding>| (binding.name.clone(), Duration::from_millis(binding.every_ms));
        self.every = bindings.iter().map(every).collect();
        let next = |(name, every): (&String, &Duration)| {
            let next = self.next.get(name).map_or(now, |next| (*next).min(now + *every));
            (name.clone(), next)
        };
        self.next = self.every.iter().map(next).collect();
        self.hurried.retain(|name| self.every.contains_key(name));
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
