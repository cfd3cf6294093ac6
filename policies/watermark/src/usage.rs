//! What a reading says of each replica, and how many serve.

use trimtab_sdk::{Phase, Snapshot};

use crate::Parameters;
use crate::band::Band;

/// How many instances serve, of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Serving {
    pub(crate) count: u32,
    pub(crate) of: u32,
}

/// One reading, comparable with its watermarks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Usage {
    /// The value that is compared: of each replica for totals and readings of instances.
    pub(crate) value: f64,
    /// Instances that count and have no fresh sample.
    pub(crate) unseen: u32,
}

impl Serving {
    pub(crate) fn of(snapshot: &Snapshot<'_>, parameters: &Parameters) -> Self {
        let target = snapshot.target();
        if snapshot.instances().is_empty() {
            return Self { count: target.ready.min(target.desired), of: target.desired };
        }
        let now_ms = snapshot.now_ms();
        let (mut count, mut of) = (0u32, 0u32);
        for instance in snapshot.instances().iter().filter(|one| !one.phase().is_leaving()) {
            of += 1;
            let is_young = instance.age(now_ms).is_some_and(|age| age < parameters.readiness_delay);
            count += u32::from(matches!(instance.phase(), Phase::Ready | Phase::Unknown) && !is_young);
        }
        Self { count: count.min(target.desired), of }
    }

    pub(crate) fn share(self) -> f64 {
        f64::from(self.count) / f64::from(self.of.max(1))
    }
}

impl Usage {
    /// # Errors
    /// A sentence that names the reading and what is missing of it.
    pub(crate) fn measure(
        band: &Band<'_>,
        snapshot: &Snapshot<'_>,
        parameters: &Parameters,
        serving: Serving,
    ) -> Result<Self, String> {
        if parameters.subject == "instance" {
            return Self::of_instances(band, snapshot, parameters);
        }
        let fact = snapshot.reading(band.reading).samples();
        let word = fact.word();
        let value = fact.fresh().map(|samples| samples.latest()).filter(|value| value.is_finite());
        let value = value.ok_or_else(|| format!("reading `{}` is {word}", band.reading))?;
        let share = if parameters.algorithm == "average" { f64::from(serving.count.max(1)) } else { 1.0 };
        // A use below zero is none.
        Ok(Self { value: value.max(0.0) / share, unseen: 0 })
    }

    /// The mean of the instances that serve. (The WPA takes their sum where the algorithm is `absolute`, and multiplies it by
    /// their number once more.)
    fn of_instances(band: &Band<'_>, snapshot: &Snapshot<'_>, parameters: &Parameters) -> Result<Self, String> {
        let now_ms = snapshot.now_ms();
        let (mut sum, mut measured, mut unseen) = (0.0, 0u32, 0u32);
        for (instance, fact) in snapshot.reading(band.reading).serving() {
            if instance.age(now_ms).is_some_and(|age| age < parameters.readiness_delay) {
                continue;
            }
            match fact.fresh().map(|samples| samples.latest()).filter(|value| value.is_finite()) {
                Some(value) => {
                    sum += value.max(0.0);
                    measured += 1;
                }
                None => unseen += 1,
            }
        }
        if measured == 0 {
            return Err(format!("reading `{}`: no instance that serves has a fresh sample", band.reading));
        }
        Ok(Self { value: sum / f64::from(measured), unseen })
    }
}
