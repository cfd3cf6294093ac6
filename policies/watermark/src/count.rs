//! The formulas of the WPA (`controllers/datadoghq/replica_calculator.go`, `getReplicaCount`, `tryToConvergeToWatermark`):
//!
//! * above `high × (1 + tolerance)`: `ceil(serving × value / high)`, never below the present count
//! * below `low × (1 − tolerance)`: `floor(present × value / low)`, at least 1, never above the present count
//! * between: stay, or one step of `multiple_of` towards a watermark as long as it is not passed
//!
//! Going down stops where the high watermark would be passed, since the next turn would go up again.

use std::fmt;

use trimtab_sdk::{figure, replicas};

use crate::Parameters;
use crate::band::Band;
use crate::usage::{Serving, Usage};

/// The count that one reading asks for, and the numbers that led to it.
#[derive(Debug)]
pub(crate) struct Estimate<'p> {
    pub(crate) count: u32,
    band: Band<'p>,
    usage: Usage,
    serving: Serving,
    finding: Finding,
}

/// Why the count is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finding {
    Above,
    /// Above, yet what starts already makes it good.
    AboveAndStarting,
    Below,
    /// Below, yet one fewer would pass the high watermark.
    BelowAndStays,
    Within,
    TowardsHigh,
    TowardsLow,
    /// Lowering is not founded: instances are unseen.
    Unseen,
    /// A zero that is not believed.
    Zero,
}

pub(crate) fn estimate<'p>(
    band: &Band<'p>,
    usage: Usage,
    current: u32,
    serving: Serving,
    parameters: &Parameters,
) -> Estimate<'p> {
    let settled = |count, finding| Estimate { count, band: *band, usage, serving, finding };
    let value = usage.value;
    if value <= 0.0 && !parameters.tolerate_zero {
        return settled(current, Finding::Zero);
    }
    if let Some(high) = band.high
        && value > high * (1.0 + parameters.tolerance)
    {
        // From zero replicas a figure says how many times one replica is wanted, as for target-tracking.
        let base = if current == 0 { 1 } else { serving.count };
        let count = rounded_up(replicas(f64::from(base) * value / high), parameters);
        return if count > current {
            settled(count, Finding::Above)
        } else {
            settled(current, Finding::AboveAndStarting)
        };
    }
    if current == 0 {
        return settled(0, Finding::Within);
    }
    let least = least_below_high(band, value, current, parameters);
    if let Some(low) = band.low
        && value < low * (1.0 - parameters.tolerance)
    {
        if usage.unseen > 0 {
            return settled(current, Finding::Unseen);
        }
        let by_low = rounded_up(rounded_down(f64::from(current) * value / low).max(1), parameters);
        let count = by_low.max(least);
        return if count < current { settled(count, Finding::Below) } else { settled(current, Finding::BelowAndStays) };
    }
    within(band, usage, current, serving, parameters)
        .map_or_else(|| settled(current, Finding::Within), |(count, finding)| settled(count, finding))
}

/// One step towards a watermark, if converging is wanted, all serve, and the step does not pass it.
fn within(
    band: &Band<'_>,
    usage: Usage,
    current: u32,
    serving: Serving,
    parameters: &Parameters,
) -> Option<(u32, Finding)> {
    let step = multiple(parameters);
    if serving.count < current {
        return None;
    }
    match parameters.converge_towards.as_str() {
        "high" => {
            let fewer = current.saturating_sub(step).max(1);
            let is_founded = fewer < current && fewer >= least_below_high(band, usage.value, current, parameters);
            is_founded.then_some(if usage.unseen > 0 {
                (current, Finding::Unseen)
            } else {
                (fewer, Finding::TowardsHigh)
            })
        }
        "low" => {
            let most = band.low.map_or(current, |low| rounded_down(f64::from(current) * usage.value / low));
            let more = current.saturating_add(step);
            (more <= most).then_some((more, Finding::TowardsLow))
        }
        _ => None,
    }
}

/// The fewest replicas with which the value stays at or below its high watermark, if they share it evenly.
fn least_below_high(band: &Band<'_>, value: f64, current: u32, parameters: &Parameters) -> u32 {
    let least = band.high.map_or(1, |high| replicas(f64::from(current) * value / high).max(1));
    rounded_up(least, parameters)
}

fn multiple(parameters: &Parameters) -> u32 {
    u32::try_from(parameters.multiple_of).unwrap_or(1).max(1)
}

fn rounded_up(count: u32, parameters: &Parameters) -> u32 {
    count.checked_next_multiple_of(multiple(parameters)).unwrap_or(u32::MAX)
}

/// A billionth part is forgiven before rounding down, as [`replicas`] does before rounding up.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and it is at least 0")]
fn rounded_down(wish: f64) -> u32 {
    let wish = wish.clamp(0.0, 1e12);
    (wish + wish.max(1.0) * 1e-9).floor() as u32
}

impl fmt::Display for Estimate<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, band, usage, serving, finding } = self;
        write!(out, "`{}` is {}, watermarks ", band.reading, figure(usage.value))?;
        match (band.low, band.high) {
            (Some(low), Some(high)) => write!(out, "{} and {}", figure(low), figure(high))?,
            (None, Some(high)) => write!(out, "none and {}", figure(high))?,
            (low, None) => write!(out, "{} and none", figure(low.unwrap_or_default()))?,
        }
        match finding {
            Finding::Above => write!(out, ": above with {} that serve: {count}", serving.count),
            Finding::AboveAndStarting => write!(out, ": above with {} that serve, of {count} asked for", serving.count),
            Finding::Below => write!(out, ": below: {count}"),
            Finding::BelowAndStays => write!(out, ": below, but fewer than {count} would pass the high one"),
            Finding::Within => out.write_str(": between"),
            Finding::TowardsHigh => write!(out, ": between, one step towards the high one: {count}"),
            Finding::TowardsLow => write!(out, ": between, one step towards the low one: {count}"),
            Finding::Unseen => write!(out, ": not lowered, {} instances have no fresh sample", usage.unseen),
            Finding::Zero => out.write_str(": zero is not believed without `tolerate_zero`"),
        }
    }
}
