//! Steps as the operator writes them, `10..20: +30%`: read, checked as EC2 Auto Scaling checks step adjustments, and picked.

use trimtab_sdk::Refusal;

use crate::Parameters;

/// As many as EC2 Auto Scaling takes for one policy.
const STEPS_MAX: usize = 20;

/// The steps on one side of the band.
#[derive(Debug)]
pub(crate) struct Side<'p> {
    pub(crate) threshold: f64,
    /// Whether the threshold itself breaches.
    pub(crate) includes: bool,
    way: Way,
    steps: Vec<Step<'p>>,
}

/// One step: a range of distances from the threshold, and what to do within it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step<'p> {
    pub(crate) text: &'p str,
    low: f64,
    high: f64,
    change: Change,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Change {
    Nothing,
    /// So many more, or fewer.
    By(u32),
    /// So many percent more, or fewer.
    Percent(f64),
    To(u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

type Sides<'p> = (Option<Side<'p>>, Option<Side<'p>>);

/// The steps upwards and downwards.
///
/// # Errors
/// `parameter-wrong`, naming the step or the parameters that contradict each other.
pub(crate) fn both(parameters: &Parameters) -> Result<Sides<'_>, Refusal> {
    let up = side(Way::Up, parameters.up_threshold, parameters.up_comparison == ">=", &parameters.up_steps)?;
    let down = side(Way::Down, parameters.down_threshold, parameters.down_comparison == "<=", &parameters.down_steps)?;
    match (&up, &down) {
        (None, None) => Err(Refusal::parameter_wrong("neither `up_steps` nor `down_steps` has a step")),
        (Some(up), Some(down)) if down.threshold > up.threshold => {
            Err(Refusal::parameter_wrong("`down_threshold` is above `up_threshold`: one value would breach both"))
        }
        _ => Ok((up, down)),
    }
}

impl<'p> Side<'p> {
    /// Whether a value lies beyond the threshold.
    pub(crate) fn is_breached(&self, value: f64) -> bool {
        let beyond = match self.way {
            Way::Up => value > self.threshold,
            Way::Down => value < self.threshold,
        };
        beyond || (self.includes && value == self.threshold)
    }

    /// The step in whose range the distance (value minus threshold) lies. Above the threshold, the near end of a range
    /// belongs to it and the far end to the next; below, likewise.
    ///
    /// # Errors
    /// Never: ranges that were checked have no gap. An error and no panic, should that be wrong.
    pub(crate) fn pick(&self, distance: f64) -> Result<Step<'p>, Refusal> {
        let lies_in = |step: &&Step<'p>| match self.way {
            Way::Up => step.low <= distance && distance < step.high,
            Way::Down => step.low < distance && distance <= step.high,
        };
        let found = self.steps.iter().find(lies_in).copied();
        found.ok_or_else(|| Refusal::parameter_wrong("no step holds such a distance from the threshold"))
    }

    /// The step that begins at the threshold.
    ///
    /// # Errors
    /// As [`pick`](Self::pick).
    pub(crate) fn nearest(&self) -> Result<Step<'p>, Refusal> {
        self.pick(0.0)
    }
}

impl Step<'_> {
    /// The count that it asks for, going up from `base`; `None` if it changes nothing.
    pub(crate) fn above(&self, base: u32, least: i64) -> Option<u32> {
        match self.change {
            Change::Nothing => None,
            Change::By(count) => Some(base.saturating_add(count)),
            Change::Percent(percent) => Some(base.saturating_add(share(base, percent, least))),
            Change::To(count) => Some(count),
        }
    }

    /// The count that it asks for, going down from `base`; `None` if it changes nothing.
    pub(crate) fn below(&self, base: u32, least: i64) -> Option<u32> {
        match self.change {
            Change::Nothing => None,
            Change::By(count) => Some(base.saturating_sub(count)),
            Change::Percent(percent) => Some(base.saturating_sub(share(base, percent, least))),
            Change::To(count) => Some(count),
        }
    }
}

/// A share of the base in whole replicas: rounded towards zero, but at least 1 and at least `least`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and it is at least 0")]
fn share(base: u32, percent: f64, least: i64) -> u32 {
    // A millionth of a replica is forgiven before rounding down: 129.2 % of 250 is 322.99999999999994 in floating point.
    let exact = (f64::from(base) * percent / 100.0 + 1e-6).floor();
    (exact as u32).max(u32::try_from(least).unwrap_or(1)).max(1)
}

fn side(way: Way, threshold: Option<f64>, includes: bool, texts: &[String]) -> Result<Option<Side<'_>>, Refusal> {
    let (name, threshold_name) = way.names();
    let threshold = match (threshold, texts.is_empty()) {
        (None, true) => return Ok(None),
        (Some(threshold), false) => threshold,
        (Some(_), true) => {
            return Err(Refusal::parameter_wrong(format!("`{threshold_name}` is given, but `{name}` has no step")));
        }
        (None, false) => {
            return Err(Refusal::parameter_wrong(format!("`{name}` has steps, but `{threshold_name}` is not given")));
        }
    };
    if texts.len() > STEPS_MAX {
        return Err(Refusal::parameter_wrong(format!("`{name}` has {} steps, more than {STEPS_MAX}", texts.len())));
    }
    let mut steps: Vec<Step<'_>> = Vec::with_capacity(texts.len());
    for text in texts {
        let step = read(text, way).map_err(|why| Refusal::parameter_wrong(format!("`{name}`: `{text}` {why}")))?;
        // In order as they come: the standard library's sort costs a guest 10 KB.
        let place = steps.partition_point(|other| other.low <= step.low);
        steps.insert(place, step);
    }
    check(&steps, way).map_err(|why| Refusal::parameter_wrong(format!("`{name}`: {why}")))?;
    Ok(Some(Side { threshold, includes, way, steps }))
}

/// No gap, no overlap, from the threshold to infinity.
fn check(steps: &[Step<'_>], way: Way) -> Result<(), String> {
    for (step, next) in steps.iter().zip(steps.iter().skip(1)) {
        match step.high.total_cmp(&next.low) {
            std::cmp::Ordering::Less => {
                return Err(format!("there is a gap between `{}` and `{}`", step.text, next.text));
            }
            std::cmp::Ordering::Greater => return Err(format!("`{}` and `{}` overlap", step.text, next.text)),
            std::cmp::Ordering::Equal => {}
        }
    }
    let (first, last) = match (steps.first(), steps.last()) {
        (Some(first), Some(last)) => (first, last),
        _ => return Ok(()),
    };
    let (near, far) = match way {
        Way::Up => (first.low, last.high),
        Way::Down => (last.high, first.low),
    };
    if near.abs() > 0.0 {
        return Err("one step must begin at 0, the threshold".to_owned());
    }
    if far.is_finite() {
        return Err("the step farthest from the threshold must be open (`20..` or `..-20`)".to_owned());
    }
    Ok(())
}

fn read(text: &str, way: Way) -> Result<Step<'_>, &'static str> {
    const FORM: &str = "is not of the form `10..20: +1`";
    let (range, change) = text.split_once(':').ok_or(FORM)?;
    let (low, high) = range.split_once("..").ok_or(FORM)?;
    let end = |end: &str, open: f64| if end.is_empty() { Some(open) } else { decimal(end) };
    let low = end(low.trim(), f64::NEG_INFINITY).ok_or(FORM)?;
    let high = end(high.trim(), f64::INFINITY).ok_or(FORM)?;
    if low.is_infinite() && high.is_infinite() {
        return Err("is open at both ends");
    }
    if low >= high {
        return Err("ends before it begins");
    }
    Ok(Step { text, low, high, change: change_of(change.trim(), way)? })
}

fn change_of(text: &str, way: Way) -> Result<Change, &'static str> {
    const FORM: &str = "asks for none of `+1`, `-1`, `+30%`, `-30%`, `=5`, `0`";
    if text == "0" {
        return Ok(Change::Nothing);
    }
    if let Some(count) = text.strip_prefix('=') {
        return Ok(Change::To(whole(count.trim()).ok_or(FORM)?));
    }
    let amount = match (text.strip_prefix('+'), text.strip_prefix('-'), way) {
        (Some(amount), None, Way::Up) | (None, Some(amount), Way::Down) => amount,
        (Some(_), ..) => return Err("adds replicas on the way down"),
        (_, Some(_), _) => return Err("removes replicas on the way up"),
        _ => return Err(FORM),
    };
    match amount.strip_suffix('%') {
        None => match whole(amount).ok_or(FORM)? {
            0 => Ok(Change::Nothing),
            count => Ok(Change::By(count)),
        },
        Some(percent) => match decimal(percent.trim()).filter(|percent| *percent >= 0.0).ok_or(FORM)? {
            percent if percent > 100.0 && way == Way::Down => Err("removes more than there are"),
            percent if percent > 10_000.0 => Err("adds more than a hundredfold"),
            percent if percent > 0.0 => Ok(Change::Percent(percent)),
            _ => Ok(Change::Nothing),
        },
    }
}

impl Way {
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Up => ("up_steps", "up_threshold"),
            Self::Down => ("down_steps", "down_threshold"),
        }
    }
}

fn whole(text: &str) -> Option<u32> {
    let digits_only = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits_only.then(|| text.parse().ok()).flatten()
}

/// A decimal number without exponent. The standard library reads every float exactly, at a cost of 20 KB in a guest.
fn decimal(text: &str) -> Option<f64> {
    const DIGITS_MAX: usize = 15;
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let count = whole.len() + fraction.len();
    if whole.is_empty() || count > DIGITS_MAX || (digits.len() > count && fraction.is_empty()) {
        return None;
    }
    let mut number = 0u64;
    for byte in whole.bytes().chain(fraction.bytes()) {
        number = number * 10 + u64::from(char::from(byte).to_digit(10)?);
    }
    let scale = fraction.bytes().fold(1.0, |scale, _| scale * 10.0);
    Some(sign * number as f64 / scale)
}
