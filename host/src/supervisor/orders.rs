//! What one backend is told to do between its paced turns. Orders join: however many events come while a turn lasts, each
//! target has one turn for all of them.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{Notify, oneshot};

use crate::audit::Trigger;
use crate::cycle::TurnReport;
use crate::snapshot::TargetId;

/// Callers that wait for one turn at most; whoever comes later is told to come again.
const WAITING_MAX: usize = 1_024;

/// What came of an ordered turn: its report, or why none could be made.
pub(super) type Told = Result<TurnReport, String>;

/// The orders of one backend.
#[derive(Debug, Default)]
pub(super) struct Orders {
    open: Mutex<Open>,
    called: Notify,
}

#[derive(Debug, Default)]
struct Open {
    /// A person's, which are whole turns.
    manual: Option<Order>,
    /// Events', which never lower.
    event: Option<Order>,
    /// Whether the host has ended: nobody takes orders any more.
    closed: bool,
}

/// One turn that is wanted.
#[derive(Debug)]
pub(super) struct Order {
    /// Of these targets; `None`: of all.
    pub(super) targets: Option<BTreeSet<TargetId>>,
    /// Why; of several events, the first.
    pub(super) trigger: Trigger,
    /// Whether the backend is to be asked, whatever is known.
    pub(super) anew: bool,
    /// Who waits for it.
    pub(super) waiting: Vec<oneshot::Sender<Told>>,
}

impl Orders {
    /// Takes an order in; `false` where too many wait already.
    pub(super) fn place(&self, order: Order) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.closed {
            // Whoever waits is told by its being dropped.
            return true;
        }
        let place = if matches!(order.trigger, Trigger::Event { .. }) { &mut open.event } else { &mut open.manual };
        match place {
            None => *place = Some(order),
            Some(there) if there.waiting.len().saturating_add(order.waiting.len()) > WAITING_MAX => return false,
            Some(there) => there.join(order),
        }
        drop(open);
        self.called.notify_one();
        true
    }

    /// The next turn that is wanted.
    pub(super) fn take(&self) -> Option<Order> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.manual.take().or_else(|| open.event.take())
    }

    /// Calls again where there are more.
    pub(super) fn call_again(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.manual.is_some() || open.event.is_some() {
            self.called.notify_one();
        }
    }

    /// Takes no more orders, and sends those that wait away.
    pub(super) fn close(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Open { closed: true, ..Open::default() };
    }

    /// Waits for an order.
    pub(super) async fn called(&self) {
        self.called.notified().await;
    }
}

impl Order {
    /// A turn for which nobody waits.
    pub(super) fn unattended(targets: Option<BTreeSet<TargetId>>, trigger: Trigger) -> Self {
        Self { targets, trigger, anew: false, waiting: Vec::new() }
    }

    fn join(&mut self, other: Self) {
        match (&mut self.targets, other.targets) {
            (Some(targets), Some(more)) => targets.extend(more),
            (targets, _) => *targets = None,
        }
        self.anew |= other.anew;
        self.waiting.extend(other.waiting);
    }

    /// Tells whoever waits.
    pub(super) fn tell(self, told: &Told) {
        for waiting in self.waiting {
            // Whoever has gone away needs no answer.
            let _ = waiting.send(told.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(target: &str) -> Order {
        let targets = Some(BTreeSet::from([target.parse().unwrap()]));
        Order::unattended(targets, Trigger::Event { what: target.to_owned() })
    }

    #[test]
    fn events_join_and_a_persons_order_goes_first() {
        let orders = Orders::default();
        assert!(orders.place(event("local/a")));
        assert!(orders.place(Order { anew: true, ..event("local/b") }));
        assert!(orders.place(event("local/a")));
        assert!(orders.place(Order::unattended(None, Trigger::Manual { who: "ada".to_owned() })));
        let first = orders.take().unwrap();
        assert_eq!((first.trigger, first.targets), (Trigger::Manual { who: "ada".to_owned() }, None));
        let second = orders.take().unwrap();
        assert_eq!(second.targets.unwrap().len(), 2, "one turn for all three");
        assert!(second.anew, "as the most demanding wants it");
        assert!(orders.take().is_none());
    }

    #[test]
    fn a_turn_of_all_takes_in_those_of_some() {
        let orders = Orders::default();
        orders.place(event("local/a"));
        orders.place(Order { targets: None, ..event("local/b") });
        orders.place(event("local/c"));
        assert_eq!(orders.take().unwrap().targets, None);
    }

    #[test]
    fn more_than_may_wait_are_sent_away_and_the_others_are_told() {
        let orders = Orders::default();
        let mut waiting = Vec::new();
        let mut wait = || {
            let (sender, receiver) = oneshot::channel();
            waiting.push(receiver);
            orders.place(Order { waiting: vec![sender], ..event("local/a") })
        };
        assert!((0..WAITING_MAX).all(|_| wait()));
        assert!(!wait());
        orders.take().unwrap().tell(&Ok(TurnReport::default()));
        let told = waiting.iter_mut().map(|receiver| receiver.try_recv()).filter(Result::is_ok).count();
        assert_eq!(told, WAITING_MAX);
    }
}
