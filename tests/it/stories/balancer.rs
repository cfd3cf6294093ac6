//! A balancer in memory that counts what is asked of it, and whose drains take as long as they are told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use trimtab::cycle::Clock;
use trimtab::registrars::{DrainState, Registrar, RegistrarError};
use trimtab::snapshot::TargetId;

#[derive(Debug)]
pub(super) struct Balancer {
    clock: Arc<dyn Clock>,
    drain_ms: u64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Instances entered, and since when they are drained.
    entries: BTreeMap<String, Option<u64>>,
    /// What was asked, in order.
    asked: Vec<String>,
}

impl Balancer {
    pub(super) fn new(clock: Arc<dyn Clock>, drain_ms: u64) -> Self {
        Self { clock, drain_ms, inner: Mutex::default() }
    }

    /// What was asked since the last call.
    pub(super) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.inner.lock().unwrap().asked)
    }
}

#[async_trait]
impl Registrar for Balancer {
    fn name(&self) -> &'static str {
        "lb"
    }

    fn kind(&self) -> &'static str {
        "story"
    }

    fn serves(&self, _: &TargetId) -> bool {
        true
    }

    async fn entered(&self, _: &TargetId) -> Result<Vec<String>, RegistrarError> {
        Ok(self.inner.lock().unwrap().entries.keys().cloned().collect())
    }

    async fn register(&self, _: &TargetId, instance: &str, _: &str) -> Result<(), RegistrarError> {
        let mut inner = self.inner.lock().unwrap();
        inner.entries.insert(instance.to_owned(), None);
        inner.asked.push(format!("{instance} in"));
        Ok(())
    }

    async fn drain(&self, _: &TargetId, instance: &str) -> Result<DrainState, RegistrarError> {
        let now_ms = self.clock.now_ms();
        let mut guard = self.inner.lock().unwrap();
        let inner = &mut *guard;
        let Some(since_ms) = inner.entries.get_mut(instance) else { return Ok(DrainState::Drained) };
        if since_ms.is_none() {
            inner.asked.push(format!("{instance} drains"));
        }
        let since_ms = *since_ms.get_or_insert(now_ms);
        if now_ms - since_ms >= self.drain_ms {
            return Ok(DrainState::Drained);
        }
        Ok(DrainState::Waiting { why: "1 request".to_owned() })
    }

    async fn undrain(&self, _: &TargetId, instance: &str) -> Result<(), RegistrarError> {
        let mut inner = self.inner.lock().unwrap();
        if let Some(since_ms) = inner.entries.get_mut(instance) {
            *since_ms = None;
            inner.asked.push(format!("{instance} drains no more"));
        }
        Ok(())
    }

    async fn deregister(&self, _: &TargetId, instance: &str) -> Result<(), RegistrarError> {
        let mut inner = self.inner.lock().unwrap();
        inner.entries.remove(instance);
        inner.asked.push(format!("{instance} out"));
        Ok(())
    }

    async fn check(&self) -> Result<(), RegistrarError> {
        Ok(())
    }
}
