//! What the host counts of itself, for Prometheus. Counters belong to the process, as the log does: whoever has something to
//! count does so here, and no room hands them on.
//!
//! No measure bears a target's name: there may be ten thousand.

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

type Label<const N: usize> = [(&'static str, String); N];
type Count<const N: usize> = Family<Label<N>, Counter>;
type Seconds<const N: usize> = Family<Label<N>, Counter<f64, AtomicU64>>;

struct Measures {
    registry: Registry,
    turns: Count<1>,
    stages: Seconds<2>,
    evaluations: Count<2>,
    evaluating: Seconds<1>,
    restraints: Count<1>,
    changes: Count<2>,
    source_errors: Count<1>,
    backend_errors: Count<1>,
    labels_refused: Count<1>,
}

static MEASURES: LazyLock<Measures> = LazyLock::new(Measures::new);

/// What is looked up when somebody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    /// Targets that are known.
    pub targets: usize,
    /// Those of which fewer instances serve than are desired.
    pub unready: usize,
    /// Those with a change in flight.
    pub in_flight: usize,
    /// Backends that could not be seen at their last turn.
    pub drivers_unseen: usize,
    /// Bytes that the store's content takes.
    pub store_bytes: u64,
}

/// A turn of a backend was made; its stages took so long.
pub fn turn(driver: &str, stages: &[(&'static str, Duration)]) {
    MEASURES.turns.get_or_create(&[("driver", driver.to_owned())]).inc();
    for (stage, took) in stages {
        let labels = [("driver", driver.to_owned()), ("stage", (*stage).to_owned())];
        MEASURES.stages.get_or_create(&labels).inc_by(took.as_secs_f64());
    }
}

/// A policy was asked: what it came to, as a word, and how long it took.
pub fn evaluation(policy: &str, outcome: &str, took: Duration) {
    let labels = [("policy", policy.to_owned()), ("outcome", outcome.to_owned())];
    MEASURES.evaluations.get_or_create(&labels).inc();
    MEASURES.evaluating.get_or_create(&[("policy", policy.to_owned())]).inc_by(took.as_secs_f64());
}

/// A wish was held back.
pub fn restraint(word: &str) {
    MEASURES.restraints.get_or_create(&[("restraint", word.to_owned())]).inc();
}

/// A change has ended.
pub fn change(driver: &str, outcome: &str) {
    let labels = [("driver", driver.to_owned()), ("outcome", outcome.to_owned())];
    MEASURES.changes.get_or_create(&labels).inc();
}

/// A reading could not be had.
pub fn source_error(source: &str) {
    MEASURES.source_errors.get_or_create(&[("source", source.to_owned())]).inc();
}

/// A backend could not be listed.
pub fn backend_error(driver: &str) {
    MEASURES.backend_errors.get_or_create(&[("driver", driver.to_owned())]).inc();
}

/// Labels of a workload made no sense to a binding, and did not before or for another reason.
pub fn labels_refused(binding: &str) {
    MEASURES.labels_refused.get_or_create(&[("binding", binding.to_owned())]).inc();
}

/// All of it, as OpenMetrics text.
///
/// # Errors
/// Where it cannot be put into words, which would be a bug.
pub fn text(moment: &Moment) -> Result<String, fmt::Error> {
    let mut text = String::new();
    encode(&mut text, &MEASURES.registry)?;
    let mut now = Registry::with_prefix("trimtab");
    let mut gauge = |name: &str, help: &str, value: u64| {
        let gauge: Gauge = Gauge::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        now.register(name, help, gauge);
    };
    gauge("targets", "Targets that are known", moment.targets as u64);
    gauge("targets_unready", "Targets of which fewer instances serve than are desired", moment.unready as u64);
    gauge("targets_in_flight", "Targets with a change in flight", moment.in_flight as u64);
    gauge("backends_unseen", "Backends that could not be listed at their last turn", moment.drivers_unseen as u64);
    gauge("store_bytes", "Bytes that the content of the store takes", moment.store_bytes);
    // Each text ends with a mark of its end; there may be one only.
    let mut whole = text.strip_suffix("# EOF\n").unwrap_or(&text).to_owned();
    encode(&mut whole, &now)?;
    Ok(whole)
}

impl Measures {
    fn new() -> Self {
        let mut registry = Registry::with_prefix("trimtab");
        let turns = Count::default();
        registry.register("turns", "Turns that were made", turns.clone());
        let stages = Seconds::default();
        registry.register_with_unit("turn_stage", "Time that turns spent in each stage", Unit::Seconds, stages.clone());
        let evaluations = Count::default();
        registry.register("evaluations", "Evaluations of policies, by what they came to", evaluations.clone());
        let evaluating = Seconds::default();
        registry.register_with_unit("evaluation", "Time that evaluations took", Unit::Seconds, evaluating.clone());
        let restraints = Count::default();
        registry.register("restraints", "Wishes that were held back, by what", restraints.clone());
        let changes = Count::default();
        registry.register("changes", "Changes that ended, by what came of them", changes.clone());
        let source_errors = Count::default();
        registry.register("source_errors", "Readings that could not be had", source_errors.clone());
        let backend_errors = Count::default();
        registry.register("backend_errors", "Lists of backends that could not be had", backend_errors.clone());
        let labels_refused = Count::default();
        registry.register(
            "labels_refused",
            "Times that labels of a workload could not be taken",
            labels_refused.clone(),
        );
        Self {
            registry,
            turns,
            stages,
            evaluations,
            evaluating,
            restraints,
            changes,
            source_errors,
            backend_errors,
            labels_refused,
        }
    }
}
