//! The operator's watermarks: the short form and the lists, read as one list.

use trimtab_sdk::{Refusal, figure};

use crate::Parameters;

/// One reading and its band. The WPA takes a band that is open on one side, and so does this.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Band<'p> {
    pub(crate) reading: &'p str,
    pub(crate) high: Option<f64>,
    pub(crate) low: Option<f64>,
}

/// The bands in the operator's order: `reading` first, then `readings`.
///
/// # Errors
/// `parameter-wrong` where there is none, both watermarks are missing, lists differ in length, or the low one is above the
/// high one.
pub(crate) fn all(parameters: &Parameters) -> Result<Vec<Band<'_>>, Refusal> {
    let Parameters { reading, high, low, readings, highs, lows, .. } = parameters;
    let lists = [("highs", highs.len()), ("lows", lows.len())];
    if let Some((name, length)) = lists.into_iter().find(|(_, length)| *length != 0 && *length != readings.len()) {
        let text = format!("`{name}` has {length} items for {} of `readings`", readings.len());
        return Err(Refusal::parameter_wrong(text));
    }
    let mut bands = Vec::with_capacity(readings.len() + 1);
    if let Some(reading) = reading {
        bands.push(band(reading, *high, *low)?);
    }
    for (index, reading) in readings.iter().enumerate() {
        bands.push(band(reading, highs.get(index).copied().or(*high), lows.get(index).copied().or(*low))?);
    }
    if bands.is_empty() {
        return Err(Refusal::parameter_wrong("neither `reading` nor `readings` names a reading"));
    }
    let (goal, lacks): (_, fn(&Band<'_>) -> bool) = match parameters.converge_towards.as_str() {
        "high" => ("high", |band| band.high.is_none()),
        "low" => ("low", |band| band.low.is_none()),
        _ => return Ok(bands),
    };
    match bands.iter().find(|band| lacks(band)) {
        Some(band) => Err(Refusal::parameter_wrong(format!(
            "`converge_towards` is `{goal}`, but reading `{}` has no `{goal}` watermark",
            band.reading
        ))),
        None => Ok(bands),
    }
}

fn band(reading: &str, high: Option<f64>, low: Option<f64>) -> Result<Band<'_>, Refusal> {
    match (high, low) {
        (None, None) => {
            Err(Refusal::parameter_wrong(format!("reading `{reading}` has neither a `high` nor a `low` watermark")))
        }
        (Some(high), Some(low)) if low >= high => Err(Refusal::parameter_wrong(format!(
            "reading `{reading}`: `low` is {}, not below `high` of {}",
            figure(low),
            figure(high)
        ))),
        _ => Ok(Band { reading, high, low }),
    }
}
