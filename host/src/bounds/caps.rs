//! Caps: what no settings exceed, whoever made them.

use super::settings::{Range, Settings};

/// What the operator lets nothing exceed on one target. Separate from defaults: caps set nothing that is within them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Caps {
    /// Fewest and most replicas.
    pub replicas: Range<u32>,
    /// CPU requests and limits per container, thousandths of a core; `None`: not capped on that side.
    pub cpu_millis: Range<Option<u64>>,
    /// Memory requests and limits per container, bytes.
    pub memory_bytes: Range<Option<u64>>,
}

impl Caps {
    /// No cap at all.
    pub const OPEN: Self = Self {
        replicas: Range { min: 0, max: u32::MAX },
        cpu_millis: Range { min: None, max: None },
        memory_bytes: Range { min: None, max: None },
    };

    /// Both at once. Where they leave nothing in common, the lower most holds.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let max = self.replicas.max.min(other.replicas.max);
        Self {
            replicas: Range { min: self.replicas.min.max(other.replicas.min).min(max), max },
            cpu_millis: tighter(self.cpu_millis, other.cpu_millis),
            memory_bytes: tighter(self.memory_bytes, other.memory_bytes),
        }
    }
}

impl Range<u32> {
    /// As much of it as lies within `caps`; where none does, the nearest that they allow.
    #[must_use]
    pub fn within(self, caps: Self) -> Self {
        let hold = |count: u32| count.max(caps.min).min(caps.max);
        let max = hold(self.max);
        Self { min: hold(self.min).min(max), max }
    }
}

impl Settings {
    /// These settings as far as the caps allow.
    #[must_use]
    pub fn capped(&self, caps: &Caps) -> Self {
        Self {
            replicas: self.replicas.within(caps.replicas),
            cpu_millis: figure_within(self.cpu_millis, caps.cpu_millis),
            memory_bytes: figure_within(self.memory_bytes, caps.memory_bytes),
            ..self.clone()
        }
    }
}

fn tighter(one: Range<Option<u64>>, other: Range<Option<u64>>) -> Range<Option<u64>> {
    let max = [one.max, other.max].into_iter().flatten().min();
    let min = one.min.max(other.min);
    Range { min: min.map(|min| max.map_or(min, |max| min.min(max))), max }
}

/// A side that is not bounded is bounded by the caps.
fn figure_within(range: Range<Option<u64>>, caps: Range<Option<u64>>) -> Range<Option<u64>> {
    let hold = |figure: u64| {
        let low = figure.max(caps.min.unwrap_or(0));
        caps.max.map_or(low, |max| low.min(max))
    };
    let max = range.max.map(hold).or(caps.max);
    let min = range.min.map(hold).or(caps.min);
    Range { min: min.map(|min| max.map_or(min, |max| min.min(max))), max }
}
