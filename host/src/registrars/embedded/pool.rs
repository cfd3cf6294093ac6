//! Who is entered, who gets the next request, and what each is still busy with.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use axum::http::Uri;
use axum_reverse_proxy::{HostBehaviour, ProxyPolicy, ReverseProxy};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;

use crate::snapshot::TargetId;

/// Most instances entered at once.
const INSTANCES_MAX: usize = 10_000;

/// For how long an instance that could not be reached gets work only if no other can.
const SHUN: Duration = Duration::from_secs(1);

/// For how long an idle connection to an instance is kept.
const IDLE: Duration = Duration::from_secs(30);

/// How instances are spoken to.
#[derive(Debug, Clone, Copy)]
pub(super) struct UpstreamSettings {
    pub(super) connect_timeout: Duration,
    pub(super) response_timeout: Duration,
    pub(super) request_body_bytes_max: u64,
}

/// What the balancer has done so far, and what it is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BalancerStats {
    /// Per instance that is entered now, ordered by target and instance.
    pub instances: Vec<InstanceStats>,
    /// Requests being answered now, also by instances that are no longer entered.
    pub in_flight: usize,
    /// Requests that an instance answered, whatever its answer.
    pub served: u64,
    /// Of these, answered with a status of 500 or above.
    pub server_errors: u64,
    /// Requests that no instance answered: the client got 502 or 504 from us.
    pub failed: u64,
    /// Requests that were given to no instance: none was there, or too many were in flight. The client got 503.
    pub refused: u64,
    /// Requests given to a second instance, since the first could not be reached.
    pub retried: u64,
}

/// One instance at the balancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstanceStats {
    /// Its target.
    pub target: TargetId,
    /// Its id.
    pub instance: String,
    /// Where it is reached.
    pub address: String,
    /// Whether it gets no more work.
    pub draining: bool,
    /// Requests that it is answering.
    pub in_flight: usize,
    /// Requests that it answered.
    pub served: u64,
    /// Of these, answered with a status of 500 or above.
    pub server_errors: u64,
    /// Requests that it did not answer.
    pub failed: u64,
}

/// Everyone who is entered.
#[derive(Debug)]
pub(super) struct Pool {
    settings: UpstreamSettings,
    upstreams: RwLock<Vec<Arc<Upstream>>>,
    turn: AtomicUsize,
    pub(super) totals: Totals,
}

/// Counts that outlive the instances.
#[derive(Debug, Default)]
pub(super) struct Totals {
    in_flight: Arc<AtomicUsize>,
    pub(super) served: AtomicU64,
    pub(super) server_errors: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) retried: AtomicU64,
}

/// One entry.
pub(super) struct Upstream {
    target: TargetId,
    instance: String,
    address: String,
    began: Instant,
    pub(super) proxy: ReverseProxy<HttpConnector>,
    draining: AtomicBool,
    in_flight: Arc<AtomicUsize>,
    pub(super) served: AtomicU64,
    pub(super) server_errors: AtomicU64,
    pub(super) failed: AtomicU64,
    /// Milliseconds after `began` until which it is shunned.
    shunned_until_ms: AtomicU64,
}

/// Counts a request as in flight while it lives.
#[derive(Debug)]
pub(super) struct InFlight([Arc<AtomicUsize>; 2]);

impl Drop for InFlight {
    fn drop(&mut self) {
        for count in &self.0 {
            count.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Pool {
    pub(super) fn new(settings: UpstreamSettings) -> Self {
        Self { settings, upstreams: RwLock::default(), turn: AtomicUsize::new(0), totals: Totals::default() }
    }

    /// The instance for the next request, counted as in flight there: of those that neither drain nor were just found dead, the
    /// one with the fewest requests, in turn among equals. `not` is passed over.
    pub(super) fn pick(&self, not: Option<&Upstream>) -> Option<(Arc<Upstream>, InFlight)> {
        // The lock is held until the request is counted: whoever drains sees it, or it sees the drain.
        let upstreams = self.read();
        let count = upstreams.len();
        let first = self.turn.fetch_add(1, Ordering::Relaxed).checked_rem(count)?;
        let (head, tail) = upstreams.split_at_checked(first)?;
        let chosen = tail
            .iter()
            .chain(head)
            .filter(|upstream| !upstream.draining.load(Ordering::Relaxed))
            .filter(|upstream| not.is_none_or(|not| !std::ptr::eq(not, upstream.as_ref())))
            .min_by_key(|upstream| (upstream.is_shunned(), upstream.in_flight.load(Ordering::Relaxed)))?;
        let counts = [Arc::clone(&chosen.in_flight), Arc::clone(&self.totals.in_flight)];
        for count in &counts {
            count.fetch_add(1, Ordering::AcqRel);
        }
        Some((Arc::clone(chosen), InFlight(counts)))
    }

    /// How many are entered, and how many of them drain.
    pub(super) fn size(&self) -> (usize, usize) {
        let upstreams = self.read();
        let draining = upstreams.iter().filter(|upstream| upstream.draining.load(Ordering::Relaxed)).count();
        (upstreams.len(), draining)
    }

    pub(super) fn entered(&self, target: &TargetId) -> Vec<String> {
        let upstreams = self.read();
        upstreams
            .iter()
            .filter(|upstream| upstream.target == *target)
            .map(|upstream| upstream.instance.clone())
            .collect()
    }

    /// Enters an instance. One that is entered at this address stays as it is, draining or not.
    pub(super) fn register(&self, target: &TargetId, instance: &str, address: &str) -> Result<(), String> {
        let upstream = Upstream::new(target, instance, address, &self.settings)?;
        let mut upstreams = self.write();
        match find(&upstreams, target, instance) {
            Ok(at) => {
                if let Some(entry) = upstreams.get_mut(at).filter(|entry| entry.address != address) {
                    *entry = Arc::new(upstream);
                }
            }
            Err(_) if upstreams.len() >= INSTANCES_MAX => {
                return Err(format!("more than {INSTANCES_MAX} instances are entered"));
            }
            Err(at) => upstreams.insert(at, Arc::new(upstream)),
        }
        Ok(())
    }

    /// Gives it no more requests, and tells how many it still answers. One that is not entered has none.
    pub(super) fn drain(&self, target: &TargetId, instance: &str) -> usize {
        self.mark(target, instance, true).unwrap_or(0)
    }

    /// Whether it was entered, and so gets requests again.
    pub(super) fn undrain(&self, target: &TargetId, instance: &str) -> bool {
        self.mark(target, instance, false).is_some()
    }

    pub(super) fn deregister(&self, target: &TargetId, instance: &str) {
        let mut upstreams = self.write();
        if let Ok(at) = find(&upstreams, target, instance) {
            upstreams.remove(at);
        }
    }

    pub(super) fn stats(&self) -> BalancerStats {
        let totals = &self.totals;
        BalancerStats {
            instances: self.read().iter().map(|upstream| upstream.stats()).collect(),
            in_flight: totals.in_flight.load(Ordering::Acquire),
            served: totals.served.load(Ordering::Relaxed),
            server_errors: totals.server_errors.load(Ordering::Relaxed),
            failed: totals.failed.load(Ordering::Relaxed),
            refused: totals.refused.load(Ordering::Relaxed),
            retried: totals.retried.load(Ordering::Relaxed),
        }
    }

    fn mark(&self, target: &TargetId, instance: &str, draining: bool) -> Option<usize> {
        // For writing, so that no choice is under way while the mark changes.
        let upstreams = self.write();
        let upstream = find(&upstreams, target, instance).ok().and_then(|at| upstreams.get(at))?;
        upstream.draining.store(draining, Ordering::Relaxed);
        Some(upstream.in_flight.load(Ordering::Acquire))
    }

    fn read(&self) -> RwLockReadGuard<'_, Vec<Arc<Upstream>>> {
        self.upstreams.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<Arc<Upstream>>> {
        self.upstreams.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn find(upstreams: &[Arc<Upstream>], target: &TargetId, instance: &str) -> Result<usize, usize> {
    upstreams.binary_search_by(|entry| (&entry.target, entry.instance.as_str()).cmp(&(target, instance)))
}

impl Upstream {
    fn new(target: &TargetId, instance: &str, address: &str, settings: &UpstreamSettings) -> Result<Self, String> {
        // The library panics on what is no address, so that is refused here.
        let uri: Uri = format!("http://{address}/").parse().map_err(|error| format!("address {address:?}: {error}"))?;
        let whole = uri.authority().is_some_and(|authority| authority.as_str() == address);
        if !whole || uri.host().is_none_or(str::is_empty) || uri.port_u16().is_none() || address.contains('@') {
            return Err(format!("address {address:?} is not of the form host:port"));
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(settings.connect_timeout));
        // A client of its own, so that its idle connections go when the instance does.
        let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build(connector);
        let policy = ProxyPolicy::new()
            .with_host_behaviour(HostBehaviour::Preserve)
            .with_public_scheme("http")
            .with_upstream_timeout(settings.response_timeout)
            .with_max_request_body_bytes(settings.request_body_bytes_max);
        let proxy = ReverseProxy::new_with_client("/", format!("http://{address}"), client).with_policy(policy);
        Ok(Self {
            target: target.clone(),
            instance: instance.to_owned(),
            address: address.to_owned(),
            began: Instant::now(),
            proxy,
            draining: AtomicBool::new(false),
            in_flight: Arc::default(),
            served: AtomicU64::new(0),
            server_errors: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            shunned_until_ms: AtomicU64::new(0),
        })
    }

    pub(super) fn instance(&self) -> &str {
        &self.instance
    }

    /// Passes it over for a while: it could not be reached. Having no requests in flight it would else be chosen first.
    pub(super) fn shun(&self) {
        self.shunned_until_ms.store(millis(self.began.elapsed() + SHUN), Ordering::Relaxed);
    }

    fn is_shunned(&self) -> bool {
        let until_ms = self.shunned_until_ms.load(Ordering::Relaxed);
        until_ms > 0 && millis(self.began.elapsed()) < until_ms
    }

    fn stats(&self) -> InstanceStats {
        InstanceStats {
            target: self.target.clone(),
            instance: self.instance.clone(),
            address: self.address.clone(),
            draining: self.draining.load(Ordering::Relaxed),
            in_flight: self.in_flight.load(Ordering::Acquire),
            served: self.served.load(Ordering::Relaxed),
            server_errors: self.server_errors.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.stats().fmt(f)
    }
}
