//! The real `target-tracking`, out of this binary, compiled by the real child: once for all stories.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde_json::json;
use trimtab::bounds::{Range, Settings};
use trimtab::cycle::{Binding, Selector, Slot};
use trimtab::policy::{Policy, check_params};
use trimtab::registry::{Registry, RegistryParts};
use trimtab::sandbox::{Compiler, Sandbox, SandboxConfig};
use trimtab::snapshot::Subject;
use trimtab::sources::ReadingSpec;
use trimtab::store::MemoryStore;

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
        caps: Range { min: 0, max: u32::MAX },
        group: None,
        fitting: None,
    })
}

/// On a thread and a runtime of its own: the compiling child lives by the real clock, and the stories' is paused.
pub(super) fn target_tracking() -> Arc<Policy> {
    static POLICY: OnceLock<Arc<Policy>> = OnceLock::new();
    Arc::clone(POLICY.get_or_init(|| std::thread::spawn(load).join().unwrap()))
}

fn load() -> Arc<Policy> {
    let sandbox = Sandbox::start(&SandboxConfig::default()).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_trimtab")).to_owned();
    let registry = Registry::new(RegistryParts {
        compiler: Compiler::new(Some(program), sandbox.compile_limits()).unwrap(),
        cache: None,
        store: Arc::new(MemoryStore::new()),
        policies_dir: PathBuf::new(),
        sandbox,
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(registry.resolve("target-tracking", None)).unwrap()
}
