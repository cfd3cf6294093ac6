//! Bounds and readings of what is resized: CPU and memory of instances, and replicas left as they are.

use super::draft::{Draft, Reading};
use super::{Choices, PUSH, toml_text};
use crate::quantity::{CpuMillis, MemoryBytes};

/// Least and most of one dimension, in millicores or bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Figures {
    pub(super) min: Option<u64>,
    pub(super) max: Option<u64>,
}

impl Figures {
    /// Wide enough for both.
    pub(super) fn joined(self, other: Self) -> Self {
        // Where one has no bound on a side, both have none.
        let both = |one: Option<u64>, other: Option<u64>, choose: fn(u64, u64) -> u64| Some(choose(one?, other?));
        Self { min: both(self.min, other.min, u64::min), max: both(self.max, other.max, u64::max) }
    }

    fn toml(self, show: impl Fn(u64) -> String) -> Option<String> {
        let side = |word: &str, figure: Option<u64>| figure.map(|figure| format!("{word} = \"{}\"", show(figure)));
        let sides: Vec<String> = [side("min", self.min), side("max", self.max)].into_iter().flatten().collect();
        (!sides.is_empty()).then(|| format!("{{ {} }}", sides.join(", ")))
    }
}

/// `cpu` and `memory` of the binding, where they are bounded.
pub(super) fn put_bounds(draft: &mut Draft, cpu: Figures, memory: Figures) {
    if let Some(value) = cpu.toml(|millis| CpuMillis(millis).to_string()) {
        draft.set("cpu", value);
    }
    if let Some(value) = memory.toml(|bytes| MemoryBytes(bytes).to_string()) {
        draft.set("memory", value);
    }
}

/// A binding that only resizes leaves every count as it is.
pub(super) fn put_any_replicas(draft: &mut Draft) {
    draft.set_with("replicas", "{ min = 0, max = 1000000 }", "it resizes only: any count may stay");
}

/// Cores as millicores; `None` where that is no figure of a binding.
pub(super) fn millicores(cores: f64) -> Option<u64> {
    whole(cores * 1000.0, 1_000_000_000)
}

/// Bytes, rounded; `None` where that is no figure of a binding.
pub(super) fn bytes(bytes: f64) -> Option<u64> {
    whole(bytes, 1 << 50)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the range is checked, and ends below 2^53"
)]
fn whole(number: f64, most: u64) -> Option<u64> {
    let number = number.round();
    (1.0..=most as f64).contains(&number).then_some(number as u64)
}

/// Readings of instances that somebody must send, or a source of the backend's will give.
pub(super) fn pushed(name: &str, of: &str) -> Reading {
    Reading {
        name: name.to_owned(),
        source: PUSH.to_owned(),
        subject: Some("instance"),
        about: format!("{of}: send it for each instance, with `trimtab reading push` or over the API or OTLP."),
        ..Reading::default()
    }
}

/// Readings of pods, from cAdvisor.
pub(super) fn of_pods(name: &str, query: String, choices: &Choices) -> Reading {
    Reading {
        name: name.to_owned(),
        source: choices.source.clone(),
        query: Some(query),
        subject: Some("instance"),
        label: Some("pod"),
        about: "From cAdvisor (kubelet) by way of Prometheus; the driver calls its instances as `pod` does.".to_owned(),
    }
}

/// `select` of one target.
pub(super) fn select(driver: &str, name: &str) -> String {
    format!("{{ id = {} }}", toml_text::text(&format!("{driver}/{name}")))
}
