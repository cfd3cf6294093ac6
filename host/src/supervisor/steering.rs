//! How a running host is steered: the one door for the API, the watched folder and signals.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{Mutex, broadcast, oneshot, watch};

use super::orders::{Order, Orders};
use super::reload::InForce;
use super::steer_error::SteerError;
use crate::alerts::Alerts;
use crate::audit::Trigger;
use crate::cycle::{Binding, Board, Clock, LiveEvent, Seen, Steered, TargetView, TurnReport, Views};
use crate::registry::Registry;
use crate::snapshot::TargetId;
use crate::sources::Sources;
use crate::store::Store;

/// How long an ordered turn is waited for; it goes on without whoever waits.
const TURN_PATIENCE: Duration = Duration::from_secs(60);

/// A hand on a host. Copies steer the same host.
#[derive(Debug, Clone)]
pub struct Steering(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Arc<Registry>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    board: Arc<Board>,
    bindings: watch::Sender<Bindings>,
    steered: watch::Sender<Arc<Steered>>,
    /// Held while what people said is kept and changed.
    speaking: Mutex<()>,
    /// Held while bindings are made and put into force.
    in_force: Mutex<InForce>,
    orders: BTreeMap<String, Arc<Orders>>,
    alerts: Arc<Alerts>,
    /// The sources that run; the same as in what is in force, which is held while bindings are made.
    sources: Arc<Sources>,
}

/// All bindings of a host, replaced as a whole.
pub(super) type Bindings = Arc<[Arc<Binding>]>;

/// What a steering is made of.
#[derive(Debug)]
pub(super) struct SteeringParts {
    pub(super) registry: Arc<Registry>,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) bindings: Vec<Arc<Binding>>,
    pub(super) in_force: InForce,
    pub(super) steered: Steered,
    pub(super) alerts: Arc<Alerts>,
}

impl Steering {
    pub(super) fn new(parts: SteeringParts) -> Self {
        let SteeringParts { registry, store, clock, bindings, in_force, steered, alerts } = parts;
        let drivers = in_force.config.drivers.iter().map(|driver| (driver.name.clone(), Arc::default()));
        let sources = Arc::clone(&in_force.sources);
        Self(Arc::new(Inner {
            alerts,
            sources,
            registry,
            store,
            clock,
            board: Arc::default(),
            bindings: watch::Sender::new(bindings.into()),
            steered: watch::Sender::new(Arc::new(steered)),
            speaking: Mutex::default(),
            orders: drivers.collect(),
            in_force: Mutex::new(in_force),
        }))
    }

    /// The policies.
    #[must_use]
    pub fn registry(&self) -> &Arc<Registry> {
        &self.0.registry
    }

    /// Where this host keeps its state.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    /// The host's time.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// The bindings in force, as they run. A turn in progress may still end on those before.
    #[must_use]
    pub fn bindings(&self) -> Arc<[Arc<Binding>]> {
        self.0.bindings.borrow().clone()
    }

    /// The targets as last observed, and how they stand. Cheap: nothing is copied.
    #[must_use]
    pub fn targets(&self) -> Views {
        self.0.board.targets()
    }

    /// One of them. Whoever holds all of them has the next turn copy the list; whoever holds one does not.
    #[must_use]
    pub fn target(&self, id: &TargetId) -> Option<Arc<TargetView>> {
        self.0.board.target(id)
    }

    /// The backends, and whether each was seen at its last turn.
    #[must_use]
    pub fn drivers(&self) -> BTreeMap<String, Seen> {
        self.0.board.drivers()
    }

    /// What has happened after event `number` as far as it is kept, oldest first, and what happens from now on.
    #[must_use]
    pub fn events(&self, number: u64) -> (Vec<Arc<LiveEvent>>, broadcast::Receiver<Arc<LiveEvent>>) {
        self.0.board.events(number)
    }

    /// A whole turn of these targets now (`None`: of all), outside of their pace. Waits for it; what it began goes on.
    ///
    /// # Errors
    /// Where nobody has seen one of them, or no turn could be made.
    pub async fn turn_now(
        &self,
        targets: Option<BTreeSet<TargetId>>,
        trigger: Trigger,
    ) -> Result<TurnReport, SteerError> {
        let shown = self.targets();
        if let Some(unknown) = targets.iter().flatten().find(|target| !shown.contains_key(target)) {
            return Err(SteerError::UnknownTarget { target: unknown.clone() });
        }
        let mut waiting = Vec::new();
        for (orders, targets) in self.concerned(targets.as_ref()) {
            let (sender, receiver) = oneshot::channel();
            if !orders.place(Order { targets, trigger: trigger.clone(), anew: false, waiting: vec![sender] }) {
                return Err(SteerError::Busy);
            }
            waiting.push(receiver);
        }
        let no_turn = |what: &str| SteerError::Turn { what: what.to_owned() };
        let told = tokio::time::timeout(TURN_PATIENCE, join_all(waiting)).await;
        let told = told.map_err(|_elapsed| no_turn("the backend is busy still; it will have its turn"))?;
        let mut total = TurnReport::default();
        for told in told {
            let told = told.map_err(|_gone| no_turn("the host is ending"))?;
            total.join(told.map_err(|what| SteerError::Turn { what })?);
        }
        Ok(total)
    }

    /// A turn of these targets as soon as may be: something happened ([`Trigger::Event`]: it never lowers), or a person wants
    /// it. Waits for nothing. Targets that nobody has seen are passed over; many calls come to one turn.
    pub fn turn_soon(&self, targets: BTreeSet<TargetId>, trigger: &Trigger) {
        self.order_soon(targets, trigger, false);
    }

    /// The same because of what a backend said by itself: it is asked anew, for what is known is what has just changed.
    pub fn look_soon(&self, targets: BTreeSet<TargetId>, what: &str) {
        self.order_soon(targets, &Trigger::Event { what: what.to_owned() }, true);
    }

    fn order_soon(&self, targets: BTreeSet<TargetId>, trigger: &Trigger, anew: bool) {
        let known = targets.into_iter().filter(|target| self.target(target).is_some()).collect();
        for (orders, targets) in self.concerned(Some(&known)) {
            // With nobody to wait there is always room.
            orders.place(Order { anew, ..Order::unattended(targets, trigger.clone()) });
        }
    }

    /// The backends of these targets, and which of them are theirs.
    fn concerned(&self, targets: Option<&BTreeSet<TargetId>>) -> Vec<(&Arc<Orders>, Option<BTreeSet<TargetId>>)> {
        let Some(targets) = targets else { return self.0.orders.values().map(|orders| (orders, None)).collect() };
        let of = |driver: &str| targets.iter().filter(|target| target.driver() == driver).cloned().collect();
        let theirs = self.0.orders.iter().map(|(driver, orders)| (orders, of(driver)));
        let theirs = theirs.filter(|(_, theirs): &(_, BTreeSet<TargetId>)| !theirs.is_empty());
        theirs.map(|(orders, theirs)| (orders, Some(theirs))).collect()
    }

    pub(super) fn alerts_kept(&self) -> &Arc<Alerts> {
        &self.0.alerts
    }

    pub(super) fn sources(&self) -> &Arc<Sources> {
        &self.0.sources
    }

    pub(super) fn board(&self) -> &Arc<Board> {
        &self.0.board
    }

    pub(super) fn orders(&self, driver: &str) -> Arc<Orders> {
        self.0.orders.get(driver).map(Arc::clone).unwrap_or_default()
    }

    /// The bindings as they will be: each turn begins with the newest.
    pub(super) fn listen(&self) -> watch::Receiver<Bindings> {
        self.0.bindings.subscribe()
    }

    /// Puts bindings into force: turns that begin from here on use them.
    pub(super) fn put_into_force(&self, bindings: Vec<Arc<Binding>>) {
        // Labels may name a policy of which another version is active now, also where their binding does not.
        bindings.iter().filter_map(|binding| binding.fitting.as_ref()).for_each(|fitting| fitting.outdate());
        self.0.bindings.send_replace(bindings.into());
    }

    pub(super) fn in_force(&self) -> &Mutex<InForce> {
        &self.0.in_force
    }

    pub(super) fn said(&self) -> &watch::Sender<Arc<Steered>> {
        &self.0.steered
    }

    pub(super) fn speaking(&self) -> &Mutex<()> {
        &self.0.speaking
    }
}
