//! The binding of all stories: the real `target-tracking` out of this binary.

use std::sync::Arc;

use serde_json::json;
use trimtab::bounds::{Range, Settings};
use trimtab::cycle::{Binding, Selector, Slot};
use trimtab::policy::{Policy, check_params};
use trimtab::snapshot::Subject;
use trimtab::sources::ReadingSpec;

use crate::library::builtin;

/// Distance of turns in all stories.
pub(super) const EVERY_MS: u64 = 15_000;

/// Requests per second that one replica takes.
const TARGET: f64 = 50.0;

/// A binding of `target-tracking` to all workloads with the label `app = web`. The load is a total, or where
/// `per_instance` one number per instance.
pub(super) fn binding(name: &str, settings: Settings, per_instance: bool) -> Arc<Binding> {
    let subject = if per_instance { Subject::Instance } else { Subject::Target };
    let policy = target_tracking();
    let given = json!({
        "reading": "load", "target": TARGET, "subject": if per_instance { "instance" } else { "target" },
    });
    let params = check_params(&policy.manifest().parameters, given.as_object().unwrap()).unwrap();
    let needs = policy.needs(&params).unwrap();
    let reading = ReadingSpec {
        name: "load".into(),
        source: "meter".to_owned(),
        query: "load".to_owned(),
        subject,
        unit: "requests/s".into(),
        label: None,
        rate: false,
        look_back_ms: 0,
        step_ms: 0,
        stale_after_ms: 30_000,
        absent_as: None,
    };
    let granted = policy.manifest().kinds.clone();
    Arc::new(Binding {
        name: name.to_owned(),
        digest: name.to_owned(),
        select: Selector::Labels { driver: "local".to_owned(), labels: [("app".to_owned(), "web".to_owned())].into() },
        every_ms: EVERY_MS,
        settings,
        readings: vec![Arc::new(reading)],
        slots: vec![Slot {
            name: "tracking".to_owned(),
            role: trimtab::cycle::Role::Active { probation: None },
            policy,
            params,
            needs,
            granted,
        }],
        alerts: Vec::new(),
        caps: Range { min: 0, max: u32::MAX },
        group: None,
        fitting: None,
    })
}

pub(super) fn target_tracking() -> Arc<Policy> {
    builtin("target-tracking")
}
