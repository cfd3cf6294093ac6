//! From the rhythm to one figure: the most that is to be expected from now to the horizon.

use std::fmt;

use trimtab_sdk::figure;

use crate::Parameters;
use crate::holt_winters::spread;
use crate::rhythm::{Grid, Rhythm};
use crate::trust::{self, Doubt};

/// What is to be expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Outlook {
    /// The first season is not yet full.
    Learning { seen: u64, of: u64 },
    /// Too few forecasts were judged.
    Untried { judged: u32 },
    /// The forecast errs too much.
    Mistrusted(Doubt),
    /// It may be followed.
    Trusted(Peak),
}

/// Where forecast and band are highest.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Peak {
    pub(crate) forecast: f64,
    pub(crate) band: f64,
    /// As a share of the mean demand, at the horizon.
    pub(crate) error: f64,
    pub(crate) horizon_ms: u64,
}

impl Peak {
    pub(crate) fn upper(&self) -> f64 {
        self.forecast + self.band
    }
}

impl Rhythm {
    pub(crate) fn outlook(&self, now_ms: u64, horizon_ms: u64, grid: &Grid, parameters: &Parameters) -> Outlook {
        let smoothing = parameters.smoothing();
        let until_ms = now_ms.saturating_add(horizon_ms);
        let Some(look) = Look::new(self, grid, parameters, now_ms) else {
            return Outlook::Learning { seen: self.seen(), of: grid.places };
        };
        if self.judged < trust::JUDGED_MIN {
            return Outlook::Untried { judged: self.judged };
        }
        let widest = spread(self.lead(until_ms / look.bucket_ms), grid.places, &smoothing);
        if let Some(doubt) = trust::doubt(self, widest, parameters) {
            return Outlook::Mistrusted(doubt);
        }
        let error = trust::share(self, widest);
        let mut peak = Peak { error, horizon_ms, ..Peak::default() };
        let half_ms = look.bucket_ms / 2;
        let middles = (now_ms / look.bucket_ms..=until_ms / look.bucket_ms)
            .map(|bucket| bucket.saturating_mul(look.bucket_ms).saturating_add(half_ms))
            .filter(|at_ms| (now_ms..=until_ms).contains(at_ms));
        // Between the middles of buckets the forecast is a line, so that it is highest at one of them or at an end.
        for at_ms in middles.chain([now_ms, until_ms]) {
            let Some((forecast, band)) = look.at(at_ms) else { continue };
            if forecast + band > peak.upper() {
                (peak.forecast, peak.band) = (forecast, band);
            }
        }
        Outlook::Trusted(peak)
    }
}

/// A look ahead from what was measured last.
struct Look<'l> {
    rhythm: &'l Rhythm,
    grid: &'l Grid,
    parameters: &'l Parameters,
    bucket_ms: u64,
    /// The bucket of now: the first that a forecast is wanted of.
    present: u64,
}

impl<'l> Look<'l> {
    /// `None` while the season is learned.
    fn new(rhythm: &'l Rhythm, grid: &'l Grid, parameters: &'l Parameters, now_ms: u64) -> Option<Self> {
        let bucket_ms = grid.bucket_ms.max(1);
        let present = now_ms / bucket_ms;
        rhythm.forecast(present, grid, &parameters.smoothing())?;
        Some(Self { rhythm, grid, parameters, bucket_ms, present })
    }

    /// Forecast and band at a point in time, between those of the two buckets whose middles are nearest.
    fn at(&self, at_ms: u64) -> Option<(f64, f64)> {
        let shifted_ms = at_ms.saturating_sub(self.bucket_ms / 2);
        let (left, share) = (shifted_ms / self.bucket_ms, shifted_ms % self.bucket_ms);
        let share = share as f64 / self.bucket_ms as f64;
        let ((left, left_band), (right, right_band)) = (self.of(left)?, self.of(left.saturating_add(1))?);
        Some((left + (right - left) * share, left_band + (right_band - left_band) * share))
    }

    fn of(&self, bucket: u64) -> Option<(f64, f64)> {
        let bucket = bucket.max(self.present);
        let smoothing = self.parameters.smoothing();
        let forecast = self.rhythm.forecast(bucket, self.grid, &smoothing)?;
        let wider = spread(self.rhythm.lead(bucket), self.grid.places, &smoothing);
        Some((forecast, self.parameters.band * trust::magnitude(self.rhythm) * wider))
    }
}

impl fmt::Display for Outlook {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Learning { seen, of } => {
                write!(out, "no forecast: {} of {of} buckets of the first season are still missing", of - seen)
            }
            Self::Untried { judged } => {
                write!(out, "no forecast: {judged} were judged, {} are needed", trust::JUDGED_MIN)
            }
            Self::Mistrusted(Doubt::Share { error, most }) => {
                let [error, most] = [error, most].map(|share| figure((share * 100.0).round()));
                write!(out, "no forecast: its error of {error}% is above {most}%")
            }
            Self::Mistrusted(Doubt::Naive { mase, most }) => {
                let [mase, most] = [mase, most].map(|times| figure((times * 10.0).round() / 10.0));
                write!(out, "no forecast: its error is {mase} times that of a naive one, above {most}")
            }
            Self::Trusted(_) => out.write_str("the forecast is trusted"),
        }
    }
}
