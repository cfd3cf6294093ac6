//! How large the errors of the forecast are, and so whether it is followed.
//!
//! Two mean absolute errors of one-bucket forecasts, smoothed exponentially: one over the last few buckets, which notices at
//! once that a day is not like the others, and one over the last season. The larger of them is compared twice:
//!
//! * with the mean demand of a season. (This share of sums, MAD/mean, is that of Kolassa and Schütz, *Foresight* 6, 2007. MAPE,
//!   the mean of shares, would be without end where the demand is zero for an hour.)
//! * with the mean absolute error of the naive forecast, "as the last bucket, so the next", over a season: MASE of Hyndman and
//!   Koehler, *International Journal of Forecasting* 22, 2006 (*Forecasting: Principles and Practice*, 5.8). A day off shows here
//!   first: the level runs after the season that does not come, so that each error is small, yet nothing moves.

use crate::Parameters;
use crate::rhythm::{Grid, Rhythm};

/// Forecasts to be judged before one is followed.
pub(crate) const JUDGED_MIN: u32 = 4;
/// Buckets that the short mean is over.
const FEW: f64 = 4.0;
/// A billionth of the demand is forgiven: it is an error of arithmetic.
const FORGIVEN: f64 = 1e-9;

/// Why a forecast is not followed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Doubt {
    /// The error is too large a share of the demand.
    Share { error: f64, most: f64 },
    /// The naive forecast does better.
    Naive { mase: f64, most: f64 },
}

/// Takes in the error of one forecast, what the demand was, and how it differs from the bucket before, if that was seen.
pub(crate) fn judge(rhythm: &mut Rhythm, error: f64, demand: f64, moved: Option<f64>, grid: &Grid) {
    rhythm.judged = rhythm.judged.saturating_add(1);
    // A plain mean at first: smoothing would give the first error the weight of all that came before it.
    let plain = 1.0 / f64::from(rhythm.judged);
    let season = 2.0 / (grid.places as f64 + 1.0);
    let magnitude = error.abs();
    rhythm.errors.0 += plain.max(2.0 / (FEW + 1.0)) * (magnitude - rhythm.errors.0);
    rhythm.errors.1 += plain.max(season) * (magnitude - rhythm.errors.1);
    rhythm.demand += season * (demand - rhythm.demand);
    if let Some(moved) = moved {
        rhythm.naive += season * (moved.abs() - rhythm.naive);
    }
}

/// The mean absolute error that counts, at lead 1.
pub(crate) fn magnitude(rhythm: &Rhythm) -> f64 {
    let magnitude = rhythm.errors.0.max(rhythm.errors.1);
    if magnitude > rhythm.demand.max(0.0) * FORGIVEN { magnitude } else { 0.0 }
}

/// The error as a share of the mean demand, at a lead where it is `spread` times as wide. An error where there is no demand is
/// without end; no error is none.
pub(crate) fn share(rhythm: &Rhythm, spread: f64) -> f64 {
    ratio(magnitude(rhythm) * spread, rhythm.demand)
}

/// Whether the forecast is followed at such a lead.
pub(crate) fn doubt(rhythm: &Rhythm, spread: f64, parameters: &Parameters) -> Option<Doubt> {
    let (error, most) = (share(rhythm, spread), parameters.error_max);
    if error > most {
        return Some(Doubt::Share { error, most });
    }
    let (mase, most) = (ratio(magnitude(rhythm), rhythm.naive), parameters.mase_max);
    (mase > most).then_some(Doubt::Naive { mase, most })
}

fn ratio(error: f64, of: f64) -> f64 {
    if error <= 0.0 { 0.0 } else { error / of.max(0.0) }
}
