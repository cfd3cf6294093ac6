//! What must be carried: CPU and memory of all replicas together, and the most memory that one of them used.

use std::fmt;

use trimtab_sdk::reading::Reading;
use trimtab_sdk::{Refusal, Samples, Snapshot, figure};

use crate::Parameters;
use crate::offer::MIB;

/// The need of the whole workload. CPU and memory are what replicas must *have*, so that use is at its target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Need {
    /// What is used, in thousandths of a core.
    pub(crate) cpu_used: f64,
    /// What must be there for it.
    pub(crate) cpu: f64,
    /// What is used, in bytes.
    pub(crate) memory_used: f64,
    /// What must be there for it.
    pub(crate) memory: f64,
    /// The most that one replica used within the look-back.
    pub(crate) peak: f64,
    /// Instances without a fresh sample of one of the two.
    pub(crate) missing: u32,
}

/// One dimension over all instances that do their share.
#[derive(Debug, Clone, Copy, Default)]
struct Use {
    total: f64,
    greatest: f64,
    peak: f64,
    measured: u32,
    missing: u32,
}

impl Need {
    /// # Errors
    /// `reading-missing` where nothing is known of CPU or of memory.
    pub(crate) fn measure(snapshot: &Snapshot<'_>, parameters: &Parameters) -> Result<Self, Refusal> {
        let memory = Use::of(&snapshot.reading(&parameters.memory_reading), snapshot, parameters)?;
        let (cpu_used, cpu, cpu_missing) = match (&parameters.demand_reading, parameters.demand_per_core) {
            (Some(reading), Some(per_core)) => {
                let samples = snapshot.reading(reading).fresh()?;
                let millis = recent(&samples, snapshot, parameters) / per_core * 1000.0;
                (millis, millis, 0)
            }
            _ => {
                let cpu = Use::of(&snapshot.reading(&parameters.cpu_reading), snapshot, parameters)?;
                (cpu.total, cpu.total / parameters.cpu_target, cpu.missing)
            }
        };
        Ok(Self {
            cpu_used,
            cpu,
            memory_used: memory.total,
            memory: memory.total / parameters.memory_target,
            peak: memory.peak,
            missing: cpu_missing.max(memory.missing),
        })
    }
}

impl Use {
    fn of(reading: &Reading<'_>, snapshot: &Snapshot<'_>, parameters: &Parameters) -> Result<Self, Refusal> {
        let mut all = Self::default();
        for (_, fact) in reading.serving() {
            let Some(samples) = fact.fresh() else {
                all.missing += 1;
                continue;
            };
            let used = recent(&samples, snapshot, parameters);
            all.measured += 1;
            all.total += used;
            all.greatest = all.greatest.max(used);
            all.peak = all.peak.max(samples.max()).max(used);
        }
        if all.measured == 0 {
            let text = format!("no instance has a fresh sample of `{}`", reading.name());
            return Err(Refusal::reading_missing(text));
        }
        // One that is not seen works, too: no less than the others, as far as anyone knows.
        all.total += all.greatest * f64::from(all.missing);
        Ok(all)
    }
}

/// The mean over the window; where samples are rarer than that, the latest. Less than nothing is nothing.
fn recent(samples: &Samples<'_>, snapshot: &Snapshot<'_>, parameters: &Parameters) -> f64 {
    let young = samples.since(snapshot.ago_ms(parameters.window));
    young.map_or(samples.latest(), |young| young.mean()).max(0.0)
}

impl fmt::Display for Need {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [memory, peak] = [self.memory_used, self.peak].map(|bytes| figure((bytes / MIB).round()));
        write!(out, "{}m cpu and {memory}Mi used in all, at most {peak}Mi by one", figure(self.cpu_used.round()))
    }
}
