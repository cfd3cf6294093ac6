//! What each task of a service may use: Swarm's billionths of a core and bytes, and ours.

use bollard::models::{Limit, ResourceObject, TaskSpec, TaskSpecResources};

use crate::policy::ContainerResources;
use crate::snapshot::Resources;

/// Billionths of a core in a thousandth.
const NANOS_PER_MILLI: u64 = 1_000_000;

/// What is set aside for each task, and what it may use at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Size {
    pub requests: Resources,
    pub limits: Resources,
}

impl Size {
    /// As a template or a task has it. Zero is Swarm's word for none.
    pub(super) fn of(spec: Option<&TaskSpec>) -> Self {
        let Some(resources) = spec.and_then(|spec| spec.resources.as_ref()) else { return Self::default() };
        let requests = resources.reservations.as_ref().map(|object| from(object.nano_cpus, object.memory_bytes));
        let limits = resources.limits.as_ref().map(|limit| from(limit.nano_cpus, limit.memory_bytes));
        Self { requests: requests.unwrap_or_default(), limits: limits.unwrap_or_default() }
    }

    /// With what was asked for in place of what there is; what was not asked for stays.
    pub(super) fn overlaid(mut self, wanted: &[ContainerResources]) -> Self {
        for wanted in wanted {
            overlay(&mut self.requests, wanted.requests);
            overlay(&mut self.limits, wanted.limits);
        }
        self
    }

    /// Writes it into a template. What we do not speak of, processes and devices, stays as it is.
    pub(super) fn write(self, spec: &mut TaskSpec) {
        let resources = spec.resources.get_or_insert_with(TaskSpecResources::default);
        if !self.requests.is_empty() {
            let object = resources.reservations.get_or_insert_with(ResourceObject::default);
            write(self.requests, &mut object.nano_cpus, &mut object.memory_bytes);
        }
        if !self.limits.is_empty() {
            let limit = resources.limits.get_or_insert_with(Limit::default);
            write(self.limits, &mut limit.nano_cpus, &mut limit.memory_bytes);
        }
    }
}

/// What a node or a task has.
pub(super) fn from(nano_cpus: Option<i64>, memory_bytes: Option<i64>) -> Resources {
    let positive =
        |figure: Option<i64>| figure.and_then(|figure| u64::try_from(figure).ok()).filter(|figure| *figure > 0);
    Resources {
        cpu_millis: positive(nano_cpus).map(|nanos| nanos.div_ceil(NANOS_PER_MILLI)),
        memory_bytes: positive(memory_bytes),
    }
}

fn write(resources: Resources, nano_cpus: &mut Option<i64>, memory_bytes: &mut Option<i64>) {
    let signed = |figure: u64| i64::try_from(figure).unwrap_or(i64::MAX);
    if let Some(millis) = resources.cpu_millis {
        *nano_cpus = Some(signed(millis.saturating_mul(NANOS_PER_MILLI)));
    }
    if let Some(bytes) = resources.memory_bytes {
        *memory_bytes = Some(signed(bytes));
    }
}

fn overlay(kept: &mut Resources, wanted: Resources) {
    kept.cpu_millis = wanted.cpu_millis.or(kept.cpu_millis);
    kept.memory_bytes = wanted.memory_bytes.or(kept.memory_bytes);
}
