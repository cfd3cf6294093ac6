//! The load, averaged over both windows.

use trimtab_sdk::{Refusal, Samples, Snapshot, Subject};

use crate::Parameters;

/// The load of all replicas together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Load {
    /// Over the stable window.
    pub(crate) stable: f64,
    /// Over the panic window; where no sample falls into it, the latest.
    pub(crate) panic: f64,
    /// How far back the stable average reaches.
    pub(crate) reach: Reach,
    /// Instances that serve and have no fresh sample: the load is at least so much.
    pub(crate) missing: u32,
}

/// How much of the stable window has samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// Less than half, or one sample only.
    Little,
    /// At least half.
    Half,
    /// A sample from before it, too.
    Whole,
}

impl Load {
    /// `None` where the reading is of instances and there is none to have one.
    ///
    /// # Errors
    /// `reading-missing` where nothing is known.
    pub(crate) fn average(snapshot: &Snapshot<'_>, parameters: &Parameters) -> Result<Option<Self>, Refusal> {
        let reading = snapshot.reading_of(&Subject::Target, &parameters.reading);
        if parameters.subject() == Subject::Target {
            return Ok(Some(Self::of(reading.fresh()?, snapshot, parameters)));
        }
        let mut sum: Option<Self> = None;
        let mut missing = 0;
        for (_, fact) in snapshot.reading_of(&Subject::Instance, &parameters.reading).serving() {
            match fact.fresh().map(|samples| Self::of(samples, snapshot, parameters)) {
                Some(load) => sum = Some(sum.map_or(load, |sum| sum.plus(load))),
                None => missing += 1,
            }
        }
        match sum {
            Some(sum) => Ok(Some(Self { missing, ..sum })),
            None if missing == 0 => Ok(None),
            None => {
                let text = format!("reading `{}`: none of {missing} instances has a fresh sample", parameters.reading);
                Err(Refusal::reading_missing(text))
            }
        }
    }

    /// What is missing, in a sentence.
    pub(crate) fn told_missing(&self, parameters: &Parameters) -> Option<String> {
        let Self { missing, .. } = self;
        (*missing > 0).then(|| format!("reading `{}`: {missing} instances have no fresh sample", parameters.reading))
    }

    fn of(samples: Samples<'_>, snapshot: &Snapshot<'_>, parameters: &Parameters) -> Self {
        let mean_since = |from_ms| samples.since(from_ms).map_or(samples.latest(), |young| young.mean()).max(0.0);
        let stable_ms = snapshot.ago_ms(parameters.stable_window);
        let half_ms = snapshot.ago_ms(parameters.stable_window / 2);
        let first_ms = samples.iter().next().map_or(samples.latest_ms(), |(at_ms, _)| at_ms);
        let reach = match first_ms {
            // One sample may be old and fresh at once; it is a moment all the same.
            _ if samples.len() < 2 => Reach::Little,
            first_ms if first_ms <= stable_ms => Reach::Whole,
            first_ms if first_ms <= half_ms => Reach::Half,
            _ => Reach::Little,
        };
        Self {
            stable: mean_since(stable_ms),
            panic: mean_since(snapshot.ago_ms(parameters.panic_window())),
            reach,
            missing: 0,
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            stable: self.stable + other.stable,
            panic: self.panic + other.panic,
            // An instance that came lately has a short past without hiding any load: the longest tells.
            reach: self.reach.max(other.reach),
            missing: 0,
        }
    }
}
