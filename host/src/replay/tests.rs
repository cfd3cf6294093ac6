//! Turns of the real policies, recorded as a host records them, and played again.

mod comparing;
mod instead;
mod same;

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::{Desk, Leash, Replayed, Stretch, find, replay};
use crate::audit::{
    Evaluation, PolicyRef, QuietForm, RECORD_FORMAT, Record, RecordId, Recorder, Ruled, Settings, Slot, Trigger,
};
use crate::bounds::Mode;
use crate::policy::probe::{Probe, sandbox};
use crate::policy::{Answer, EvaluationInput, Policy, Queue, Spent, check_params};
use crate::registry::{Registry, RegistryParts, builtin};
use crate::sandbox::{ArtefactCache, Compiler, StringEncoding};
use crate::snapshot::{Snapshot, TargetId};
use crate::store::{MemoryStore, Store};

/// 2026-11-22T01:00:00Z.
const START_MS: u64 = 1_795_309_200_000;
const EVERY_MS: u64 = 15_000;
const TRACKING: &str = "target-tracking";

/// A host's records and policies.
struct Archive {
    _folder: TempDir,
    desk: Desk,
    recorder: Recorder,
    turn: u64,
}

/// A policy that runs in a slot.
struct Seat {
    slot: &'static str,
    policy: Arc<Policy>,
    params: Map<String, Value>,
    shadow: bool,
    memory: Vec<u8>,
}

impl Seat {
    fn new(slot: &'static str, policy: &Arc<Policy>, params: &Value) -> Self {
        let params = params.as_object().unwrap().clone();
        Self { slot, policy: Arc::clone(policy), params, shadow: false, memory: Vec::new() }
    }

    /// What a host does with it in one turn.
    fn run(&mut self, snapshot: &Snapshot) -> Slot {
        let manifest = self.policy.manifest();
        let params = check_params(&manifest.parameters, &self.params).unwrap();
        let needs = self.policy.needs(&params).unwrap();
        let memory_before = self.memory.clone();
        let input = EvaluationInput {
            snapshot,
            needs: &needs,
            params: &params,
            memory: &memory_before,
            queue: Queue::Ordinary,
        };
        let made = self.policy.evaluate(&input);
        let (evaluation, memory_after) = match made.outcome {
            Err(fault) => (Evaluation::Faulted(fault), None),
            Ok(answer) => {
                let after = answer.memory.clone();
                (Evaluation::Answered(Answer { memory: None, ..answer }), after)
            }
        };
        self.memory = memory_after.as_ref().unwrap_or(&memory_before).clone();
        let names = manifest.parameters.iter().map(|spec| spec.name.clone());
        Slot {
            slot: self.slot.to_owned(),
            policy: PolicyRef {
                name: manifest.name.clone(),
                version: manifest.version.clone(),
                digest: self.policy.digest().to_owned(),
            },
            shadow: self.shadow,
            tier: Some(self.policy.tier()),
            params: names.zip(params).collect(),
            memory_before,
            memory_after,
            evaluation,
            spent: made.spent,
        }
    }
}

impl Archive {
    fn new() -> Self {
        Self::keeping(QuietForm::Replayable)
    }

    fn keeping(quiet: QuietForm) -> Self {
        let folder = TempDir::new().unwrap();
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let registry = Arc::new(Registry::new(RegistryParts {
            sandbox: sandbox(),
            compiler: Compiler::in_process(),
            cache: Some(ArtefactCache::open(folder.path()).unwrap()),
            store: Arc::clone(&store),
            policies_dir: folder.path().to_owned(),
        }));
        let recorder = Recorder::new(Settings { quiet }, 0);
        Self { _folder: folder, desk: Desk { store, registry }, recorder, turn: 0 }
    }

    /// A built-in policy, kept as a host keeps what it binds; `version` makes another digest of it.
    async fn policy(&self, name: &str, version: u8) -> Arc<Policy> {
        let mut bytes = builtin::builtin(name).unwrap().bytes.to_vec();
        if version > 0 {
            bytes.extend([0, 3, 1, b'v', version]);
        }
        self.keep(&bytes).await
    }

    async fn keep(&self, bytes: &[u8]) -> Arc<Policy> {
        self.desk.registry.load("policy", bytes, None, Some(StringEncoding::Utf8)).await.unwrap()
    }

    /// Takes a turn, and lets a test say something else of it than what came of it.
    async fn turn_told(&mut self, readings: &Value, seats: &mut [Seat], tell: impl FnOnce(&mut Record)) {
        let snapshot = Arc::new(snapshot(self.turn, readings));
        let slots: Vec<Slot> = seats.iter_mut().map(|seat| seat.run(&snapshot)).collect();
        let mut record = Record {
            format: RECORD_FORMAT,
            id: RecordId::from(format!("{:013}-{:08x}-{}", snapshot.now_ms, 7, self.turn).as_str()),
            target: target(),
            turn: self.turn,
            at_ms: snapshot.now_ms,
            host: "one".to_owned(),
            trigger: Trigger::Pace,
            binding: "web".to_owned(),
            config: "cd".repeat(32),
            mode: Mode::Act,
            snapshot,
            slots,
            ruling: Ruled::default(),
        };
        tell(&mut record);
        self.turn += 1;
        let writes = self.recorder.turn(&[record]).unwrap();
        self.desk.store.write(writes).await.unwrap();
    }

    async fn turn(&mut self, readings: &Value, seats: &mut [Seat]) {
        self.turn_told(readings, seats, |_| {}).await;
    }

    async fn replay(&self) -> Replayed {
        replay(&self.desk, &all(), &Leash::default(), None).await.unwrap()
    }
}

/// A policy that remembers how often it was asked, as the last of five bytes, and traps from the time on that it was asked
/// `traps_at` times. `version` makes another digest of it.
fn counting(traps_at: u32, version: u8) -> Vec<u8> {
    // Its memory is the one text of five bytes in the snapshot that begins with `prob`.
    let body = format!(
        "(local $at i32) (local $text i32) (local $count i32)
        (loop $on
            (local.set $text (i32.load (i32.add (local.get 0) (local.get $at))))
            (if (i32.and
                    (i32.lt_u (local.get $text) (i32.const 65000))
                    (i32.eq (i32.load offset=4 (i32.add (local.get 0) (local.get $at))) (i32.const 5)))
                (then (if (i32.eq (i32.load (local.get $text)) (i32.load (i32.const 1024)))
                    (then (local.set $count (i32.load8_u offset=4 (local.get $text)))))))
            (local.set $at (i32.add (local.get $at) (i32.const 4)))
            (br_if $on (i32.lt_u (local.get $at) (i32.const 600))))
        (if (i32.eq (local.get $count) (i32.const {traps_at})) (then unreachable))
        (i32.store (i32.const 2048) (i32.load (i32.const 1024)))
        (i32.store8 (i32.const 2052) (i32.add (local.get $count) (i32.const 1)))
        (i32.store8 (i32.const 284) (i32.const 1)) (i32.store (i32.const 288) (i32.const 2048))
        (i32.store (i32.const 292) (i32.const 5)) (i32.const 256)"
    );
    let further = format!("(@custom \"v\" \"{version}\")");
    Probe { further, ..Probe::evaluating(&body) }.module()
}

fn target() -> TargetId {
    "local/web".parse().unwrap()
}

fn all() -> Stretch {
    Stretch::of(target(), 0, u64::MAX)
}

fn now_ms(turn: u64) -> u64 {
    START_MS + turn * EVERY_MS
}

/// Three instances of `local/web`, and these readings: `{ "load": 12.5 }`, each a sample a second old.
fn snapshot(turn: u64, readings: &Value) -> Snapshot {
    let now_ms = now_ms(turn);
    let mut rows: Vec<Value> = Vec::new();
    for (name, value) in readings.as_object().unwrap() {
        let owners: Vec<Value> = match value {
            Value::Array(values) => {
                (1..).zip(values).map(|(n, value)| json!([format!("web-{n}"), "instance", value])).collect()
            }
            value => vec![json!([null, "target", value])],
        };
        rows.extend(owners.into_iter().map(|row| match &row[2] {
            Value::Null => json!({ "name": name, "owner": row[0], "subject": row[1], "freshness": "absent" }),
            value => json!({
                "name": name, "owner": row[0], "subject": row[1], "freshness": "fresh",
                "samples": { "of": "numbers", "times_ms": [now_ms - 1_000], "values": [value] },
            }),
        }));
    }
    let resources = json!({ "cpu_millis": 500, "memory_bytes": 268_435_456 });
    let instance = |n: u32| {
        json!({
            "id": format!("web-{n}"), "name": format!("web-{n}"), "phase": "ready",
            "started_ms": START_MS - 3_600_000, "requests": resources, "limits": resources,
            "usage": { "cpu_millis": 100 + turn * 3 % 40, "memory_bytes": 90_000_000 + turn * 4096 },
        })
    };
    serde_json::from_value(json!({
        "now_ms": now_ms,
        "target": {
            "id": "local/web", "desired": 3, "total": 3, "ready": 3,
            "containers": [{ "name": "main", "requests": resources, "limits": resources }],
            "limits": { "replicas_min": 1, "replicas_max": 20 },
        },
        "instances": (1..=3).map(instance).collect::<Vec<_>>(),
        "readings": rows,
    }))
    .unwrap()
}

/// A load that is never twice the same.
fn load(turn: u64) -> Value {
    let noise = (turn * 104_729).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    json!({ "load": 60.0 + f64::from(u32::try_from(noise).unwrap()) / 9.7e4 })
}

fn tracks() -> Value {
    json!({ "reading": "load", "target": 50.0 })
}
