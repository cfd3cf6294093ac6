//! Policies that misbehave, one way each, and what becomes of them; then what crosses the boundary.

mod answers;
mod faults;
mod parameters;
mod projection;
mod words;

use serde_json::json;

use super::{EvaluationInput, Policy, Queue};
use crate::snapshot::Snapshot;

/// A target of two replicas at half past nothing, with these readings.
fn snapshot(readings: &serde_json::Value) -> Snapshot {
    serde_json::from_value(json!({
        "now_ms": 1_000_000,
        "target": {
            "id": "local/web", "desired": 2, "total": 2, "ready": 2,
            "labels": { "app": "web", "team": "shop" },
            "limits": { "replicas_min": 1, "replicas_max": 10 },
        },
        "readings": readings,
    }))
    .unwrap()
}

fn evaluate(policy: &Policy) -> super::Evaluation {
    let snapshot = snapshot(&json!([]));
    policy.evaluate(&EvaluationInput {
        snapshot: &snapshot,
        needs: &[],
        params: &[],
        memory: &[],
        queue: Queue::Ordinary,
    })
}
