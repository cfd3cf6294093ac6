//! Asgard's decision as it was (`compat = "asgard"`), after `asgard.workers.autoscaler` (`DecisionComponent`): nothing
//! stops it above what is used, and instances that are not seen do not matter. The bounds do what it lacks.

use trimtab_sdk::prelude::*;
use trimtab_sdk::snapshot::{Container, Limits};

use crate::Parameters;
use crate::rule::{Dimension, Held, Room, Verdict};

/// What Asgard's statistics say of one moment: means over all samples of all instances within the window. `None` where there
/// is none, which its API gives as 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stats {
    cpu: Option<f64>,
    memory: Option<f64>,
    throttled: Option<f64>,
}

impl Stats {
    pub(crate) fn measure(snapshot: &Snapshot<'_>, parameters: &Parameters) -> Self {
        let mean = |name| mean(snapshot, name, parameters);
        Self {
            cpu: mean(&parameters.cpu_reading),
            memory: mean(&parameters.memory_reading),
            throttled: mean(&parameters.throttled_reading),
        }
    }

    /// Its only way to tell that there is no data: all three are zero. A workload that idles still uses memory.
    pub(crate) fn are_missing(self) -> bool {
        [self.cpu, self.memory, self.throttled].into_iter().all(|mean| mean.unwrap_or(0.0) == 0.0)
    }
}

/// Act only if |use − target| > margin, both as shares; new = use × allocated / target; max(min(new, max), min); nothing if
/// that is what is allocated. Only then is it rounded: CPU to thousandths of a core, memory to whole MiB, half to even.
pub(crate) fn size(
    dimension: Dimension,
    container: &Container,
    snapshot: &Snapshot<'_>,
    parameters: &Parameters,
    stats: Stats,
) -> Verdict {
    let Some(present) = Room::of(dimension, container) else {
        return Verdict::Hold(Held::NothingSetAside);
    };
    let (used, target, reading) = match dimension {
        Dimension::Cpu => (stats.cpu, parameters.cpu_target, &parameters.cpu_reading),
        Dimension::Memory => (stats.memory, parameters.memory_target, &parameters.memory_reading),
    };
    let Some(used) = used else {
        return Verdict::Hold(Held::NoSample(reading.clone()));
    };
    let allocated = present.base() as f64;
    let share = used / allocated;
    // Strict, and as floats have it: 0.55 − 0.5 is above 0.05.
    if (share - target).abs() <= parameters.margin {
        return Verdict::Hold(Held::WithinMargin { share, target });
    }
    let new = clamped(share * allocated / target, dimension, &snapshot.target().limits);
    if new == allocated {
        let shown = dimension.show(allocated);
        return Verdict::Hold(Held::Bound { present: shown.clone(), bound: shown });
    }
    let unit = dimension.unit() as f64;
    let units = (new / unit).round_ties_even();
    if units <= 0.0 {
        return Verdict::Hold(Held::Dropped);
    }
    let reason = format!(
        "{}: {}% of {} used (mean of all), target {}%: {} as Asgard",
        dimension.word(),
        figure(share * 100.0),
        dimension.show(allocated),
        figure(target * 100.0),
        dimension.show(units * unit),
    );
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and it is above zero")]
    let base = (units * unit) as u64;
    Verdict::Change(present.with_base(base, dimension.of(&snapshot.target().limits.most)), reason)
}

/// The least wins where they contradict.
fn clamped(new: f64, dimension: Dimension, limits: &Limits) -> f64 {
    let most = dimension.of(&limits.most).map_or(f64::INFINITY, |most| most as f64);
    new.min(most).max(dimension.of(&limits.least).unwrap_or(0) as f64)
}

fn mean(snapshot: &Snapshot<'_>, name: &str, parameters: &Parameters) -> Option<f64> {
    let from_ms = snapshot.ago_ms(parameters.window);
    let reading = snapshot.reading(name);
    let young = reading.instances().filter_map(|(_, fact)| fact.fresh()?.since(from_ms));
    let (sum, count) = young.fold((0.0, 0.0), |(sum, count), samples| {
        let weight = samples.len() as f64;
        (sum + samples.mean() * weight, count + weight)
    });
    (count > 0.0).then_some(sum / count)
}
