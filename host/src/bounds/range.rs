//! Stage 4 for figures: least and most, whole steps, and never memory below what was lately used.

use super::decide::Question;
use super::restraint::Figure;
use super::settings::{Range, Settings};
use super::steps::ceil_u64;
use crate::snapshot::{Phase, Snapshot};

/// The range of one figure.
#[derive(Debug, Clone, Copy)]
pub(super) struct FigureRange {
    /// A present value below it is corrected.
    pub(super) min: u64,
    /// A present value above it is corrected.
    pub(super) max: u64,
    /// Least that is set: whole steps.
    pub(super) least: u64,
    /// Most that is set: whole steps.
    pub(super) most: u64,
    /// What figures are multiples of.
    pub(super) step: u64,
}

impl FigureRange {
    pub(super) fn of(settings: &Settings, figure: Figure) -> Self {
        let range = settings.range_of(figure);
        let max = range.max.unwrap_or(u64::MAX);
        let min = range.min.unwrap_or(0).min(max);
        let step = settings.step_of(figure);
        let (least, most) = (round_up(min, step), round_down(max, step));
        // A range that holds no whole step is taken as it is.
        if least > most {
            Self { min, max, least: min, most: max, step: 1 }
        } else {
            Self { min, max, least, most, step }
        }
    }

    /// What the present value is corrected to; itself where it is within.
    pub(super) fn correct(&self, present: u64) -> u64 {
        if present < self.min {
            self.least
        } else if present > self.max {
            self.most
        } else {
            present
        }
    }

    /// A wish within the range. A present value between the last whole step and the end of the range is never passed on
    /// the way: a wish to raise does not come out as a lowering.
    pub(super) fn hold(&self, present: Option<u64>, wished: u64) -> u64 {
        let held = wished.clamp(self.least, self.most);
        match present {
            Some(present) if present < self.min || present > self.max => held,
            Some(present) if wished >= present => held.max(present),
            Some(present) => held.min(present),
            None => held,
        }
    }
}

/// The recent peak of memory, and the least that follows from it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peak {
    pub(super) peak: u64,
    pub(super) floor: u64,
}

/// The highest recent use of memory of any instance that runs; `None` where it is not known of enough of them. It is an
/// instance's, so that with several containers it bounds each of them: more than needed, never less.
pub(super) fn memory_peak(q: &Question<'_>) -> Option<Peak> {
    let (snapshot, settings): (&Snapshot, &Settings) = (q.snapshot, q.settings);
    let (mut running, mut known) = (0_u32, 0_u32);
    let mut peak = None;
    for instance in &snapshot.instances {
        let of_this = instance.memory_peak_bytes.max(instance.usage.memory_bytes);
        peak = peak.max(of_this);
        if matches!(instance.phase, Phase::Ready | Phase::Unready) {
            running = running.saturating_add(1);
            known = known.saturating_add(u32::from(of_this.is_some()));
        }
    }
    let peak = peak.filter(|_| f64::from(known) >= settings.coverage_min * f64::from(running))?;
    let margin = 1.0 + settings.memory_peak_margin.max(0.0);
    #[expect(clippy::cast_precision_loss, reason = "bytes of memory stay far below 2^53")]
    let floor = ceil_u64(peak as f64 * margin).max(peak);
    Some(Peak { peak, floor })
}

/// The next multiple of `step`.
pub(super) fn round_up(value: u64, step: u64) -> u64 {
    value.checked_next_multiple_of(step.max(1)).unwrap_or_else(|| round_down(value, step))
}

/// The multiple of `step` before.
pub(super) fn round_down(value: u64, step: u64) -> u64 {
    let step = step.max(1);
    value / step * step
}

impl Settings {
    /// Least and most of a figure.
    pub(super) fn range_of(&self, figure: Figure) -> Range<Option<u64>> {
        match figure {
            Figure::CpuRequest | Figure::CpuLimit => self.cpu_millis,
            Figure::MemoryRequest | Figure::MemoryLimit => self.memory_bytes,
        }
    }

    /// What a figure is rounded to.
    pub(super) fn step_of(&self, figure: Figure) -> u64 {
        match figure {
            Figure::CpuRequest | Figure::CpuLimit => self.cpu_step_millis.max(1),
            Figure::MemoryRequest | Figure::MemoryLimit => self.memory_step_bytes.max(1),
        }
    }
}
