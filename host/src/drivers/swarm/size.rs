//! What each task of a service may use: Swarm's billionths of a core and bytes, and ours.

use bollard::models::TaskSpec;
use serde_json::{Map, Value};

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

    /// With these requests and limits in place of what there is; what they leave out stays.
    pub(super) fn overlaid(mut self, requests: Resources, limits: Resources) -> Self {
        overlay(&mut self.requests, requests);
        overlay(&mut self.limits, limits);
        self
    }

    /// Writes it into a specification. What we do not speak of, processes and devices, stays as it is. Tells whether there was a
    /// template to write it into.
    pub(super) fn write(self, spec: &mut Value) -> bool {
        let Some(template) = spec.get_mut("TaskTemplate").and_then(Value::as_object_mut) else { return false };
        let resources = inner(template, "Resources");
        for (word, wanted) in [("Reservations", self.requests), ("Limits", self.limits)] {
            let (Some(resources), false) = (resources.as_object_mut(), wanted.is_empty()) else { continue };
            let Some(object) = inner(resources, word).as_object_mut() else { continue };
            if let Some(millis) = wanted.cpu_millis {
                object.insert("NanoCPUs".to_owned(), millis.saturating_mul(NANOS_PER_MILLI).into());
            }
            if let Some(bytes) = wanted.memory_bytes {
                object.insert("MemoryBytes".to_owned(), bytes.into());
            }
        }
        true
    }
}

/// The object of this name, made where there is none.
fn inner<'a>(object: &'a mut Map<String, Value>, word: &str) -> &'a mut Value {
    let value = object.entry(word).or_insert(Value::Null);
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value
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

fn overlay(kept: &mut Resources, wanted: Resources) {
    kept.cpu_millis = wanted.cpu_millis.or(kept.cpu_millis);
    kept.memory_bytes = wanted.memory_bytes.or(kept.memory_bytes);
}
