//! How a running host is steered: the one door for the API, the watched folder and signals.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::cycle::{Binding, Board, Clock, Seen, Steered, Views};
use crate::registry::Registry;
use crate::store::Store;

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
}

impl Steering {
    pub(super) fn new(parts: SteeringParts) -> Self {
        let SteeringParts { registry, store, clock, bindings } = parts;
        let bindings = watch::Sender::new(bindings.into());
        Self(Arc::new(Inner {
            registry,
            store,
            clock,
            board: Arc::default(),
            bindings,
            steered: watch::Sender::new(Arc::default()),
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

    /// The backends, and whether each was seen at its last turn.
    #[must_use]
    pub fn drivers(&self) -> BTreeMap<String, Seen> {
        self.0.board.drivers()
    }

    pub(super) fn steered(&self) -> watch::Receiver<Arc<Steered>> {
        self.0.steered.subscribe()
    }

    pub(super) fn board(&self) -> &Arc<Board> {
        &self.0.board
    }

    /// The bindings as they will be: each turn begins with the newest.
    pub(super) fn listen(&self) -> watch::Receiver<Bindings> {
        self.0.bindings.subscribe()
    }
}
