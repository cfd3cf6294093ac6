//! What can be known of a comparison: true, false, or neither, where samples are missing. Figures are spans from what they are
//! at least to what they are at most, so that a missing sample makes a figure wide, not wrong.

use crate::statement::{Aggregate, Check, Gathering, Order, Step, Test};

/// Ordered so that `and` is the least and `or` the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Truth {
    False,
    Unknown,
    True,
}

/// A figure that lies between the two, both included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// One owner's figure; `None` if it is not known. The group is that of its node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figure {
    pub(crate) group: u32,
    pub(crate) value: Option<f64>,
}

const ANYTHING: Span = Span { low: f64::NEG_INFINITY, high: f64::INFINITY };

impl Span {
    fn of(value: f64) -> Self {
        Self { low: value, high: value }
    }

    fn remainder(self, each: f64) -> Self {
        if self.low.is_finite() && self.low == self.high {
            Self::of(self.low.rem_euclid(each))
        } else {
            Self { low: 0.0, high: each }
        }
    }
}

impl From<bool> for Truth {
    fn from(is_so: bool) -> Self {
        if is_so { Self::True } else { Self::False }
    }
}

impl Truth {
    fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::True => Self::False,
        }
    }

    /// What is certain at one end decides; between, it is not known.
    fn between(surely: bool, possibly: bool) -> Self {
        match (surely, possibly) {
            (true, _) => Self::True,
            (false, true) => Self::Unknown,
            (false, false) => Self::False,
        }
    }
}

/// What a comparison comes to, and the figure compared (for `any` and `all`: from the least known to the greatest).
///
/// Nothing is known where no owner has a figure.
pub(crate) fn judge(test: &Test<'_>, figures: &[Figure]) -> (Truth, Span) {
    let known = |figure: &Figure| figure.value;
    let Some(least) = figures.iter().filter_map(known).reduce(f64::min) else {
        return (Truth::Unknown, ANYTHING);
    };
    // A sum or mean with one missing is at least that of the others, if they show that the reading does not go below zero.
    let floor = if least >= 0.0 { 0.0 } else { f64::NEG_INFINITY };
    let span = |figure: &Figure, floor: f64| figure.value.map_or(Span { low: floor, high: f64::INFINITY }, Span::of);
    let spans = |of: &mut dyn Iterator<Item = &Figure>, aggregate: Aggregate| -> Vec<Span> {
        let floor = if matches!(aggregate, Aggregate::Sum | Aggregate::Mean) { floor } else { f64::NEG_INFINITY };
        of.map(|figure| span(figure, floor)).collect()
    };
    match test.gathering {
        // The one figure there is.
        Gathering::Own => over(test, Aggregate::Max, &[Span::of(least)]),
        Gathering::Over(aggregate) => over(test, aggregate, &spans(&mut figures.iter(), aggregate)),
        Gathering::ByNode { outer, inner } => {
            let mut nodes: Vec<Span> = Vec::new();
            for (index, figure) in figures.iter().enumerate() {
                let is_same = |other: &&Figure| other.group == figure.group;
                if figures.iter().take(index).any(|before| is_same(&before)) {
                    continue;
                }
                // Who is on the unknown node, nobody knows: it may be any of the others.
                nodes.push(if figure.group == NO_NODE {
                    Span { low: floor, high: f64::INFINITY }
                } else {
                    gather(inner, &spans(&mut figures.iter().filter(is_same), inner))
                });
            }
            over(test, outer, &nodes)
        }
    }
}

/// The group of instances whose node is not known.
pub(crate) const NO_NODE: u32 = u32::MAX;

fn over(test: &Test<'_>, aggregate: Aggregate, spans: &[Span]) -> (Truth, Span) {
    let compared = |span: Span| compare(&test.check, test.each.map_or(span, |each| span.remainder(each)));
    let truths = spans.iter().map(|span| compared(*span));
    match aggregate {
        Aggregate::Any => (truths.max().unwrap_or(Truth::Unknown), hull(spans)),
        Aggregate::All => (truths.min().unwrap_or(Truth::Unknown), hull(spans)),
        _ => {
            let span = gather(aggregate, spans);
            (compared(span), span)
        }
    }
}

/// From the least to the greatest that is known.
fn hull(spans: &[Span]) -> Span {
    let known = |end: fn(&Span) -> f64| spans.iter().map(end).filter(|end| end.is_finite());
    let low = known(|span| span.low).fold(f64::INFINITY, f64::min);
    Span { low, high: known(|span| span.high).fold(f64::NEG_INFINITY, f64::max) }
}

/// One figure of several; interval arithmetic, each end apart.
#[expect(clippy::cast_precision_loss, reason = "a number of instances")]
fn gather(aggregate: Aggregate, spans: &[Span]) -> Span {
    let count = spans.len() as f64;
    let by = |fold: fn(f64, f64) -> f64| {
        spans
            .iter()
            .copied()
            .reduce(|one, other| Span { low: fold(one.low, other.low), high: fold(one.high, other.high) })
    };
    let add = |one: f64, other: f64| one + other;
    match aggregate {
        Aggregate::Sum => by(add).unwrap_or(ANYTHING),
        Aggregate::Mean => by(add).map_or(ANYTHING, |sum| Span { low: sum.low / count, high: sum.high / count }),
        Aggregate::Min => by(f64::min).unwrap_or(ANYTHING),
        Aggregate::Percentile(share) => {
            let low = percentile(spans, share, |span| span.low);
            Span { low, high: percentile(spans, share, |span| span.high) }
        }
        // `any` and `all` compare before they join; a figure of them is asked of nobody.
        Aggregate::Max | Aggregate::Any | Aggregate::All => by(f64::max).unwrap_or(ANYTHING),
    }
}

/// By linear interpolation between the two nearest ranks, as the SDK's for samples.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of a length that fits"
)]
fn percentile(spans: &[Span], share: f64, end: fn(&Span) -> f64) -> f64 {
    let mut sorted: Vec<f64> = spans.iter().map(end).collect();
    sort(&mut sorted);
    let rank = share * spans.len().saturating_sub(1) as f64;
    let (below, part) = (rank as usize, rank - (rank as usize) as f64);
    let low = sorted.get(below).copied().unwrap_or(f64::NAN);
    let high = sorted.get(below + 1).copied().unwrap_or(low);
    // Between infinities there is no distance.
    if part == 0.0 || low == high { low } else { low + (high - low) * part }
}

/// Shell's sort: a tenth of the code of the standard library's, and quick enough for what one workload has of instances.
fn sort(values: &mut [f64]) {
    let mut gap = values.len() / 2;
    while gap > 0 {
        for end in gap..values.len() {
            let mut at = end;
            while let Some(before) = at.checked_sub(gap) {
                let is_in_order = values.get(before) <= values.get(at);
                if is_in_order {
                    break;
                }
                values.swap(before, at);
                at = before;
            }
        }
        gap /= 2;
    }
}

fn compare(check: &Check<'_>, span: Span) -> Truth {
    let Span { low, high } = span;
    if low.is_nan() || high.is_nan() {
        return Truth::Unknown;
    }
    match *check {
        Check::Number(Order::AtLeast, value) => Truth::between(low >= value, high >= value),
        Check::Number(Order::Above, value) => Truth::between(low > value, high > value),
        Check::Number(Order::AtMost, value) => Truth::between(high <= value, low <= value),
        Check::Number(Order::Below, value) => Truth::between(high < value, low < value),
        Check::Number(Order::Equal, value) => within(span, value, value),
        Check::Number(Order::Unequal, value) => within(span, value, value).not(),
        Check::Within(least, most) => within(span, least, most),
        // The figure of a text is 1 where it is that text.
        Check::Text { equal, .. } => {
            let is_it = within(span, 1.0, 1.0);
            if equal { is_it } else { is_it.not() }
        }
    }
}

fn within(span: Span, least: f64, most: f64) -> Truth {
    Truth::between(span.low >= least && span.high <= most, span.high >= least && span.low <= most)
}

/// What a condition comes to, of what its comparisons come to.
pub(crate) fn join(steps: &[Step], stack: &mut Vec<Truth>, of_test: impl Fn(usize) -> Truth) -> Truth {
    stack.clear();
    for step in steps {
        match step {
            Step::Test(number) => stack.push(of_test(*number)),
            Step::And | Step::Or => {
                // The grammar puts two conditions before each of these.
                let one = stack.pop().unwrap_or(Truth::Unknown);
                let other = stack.pop().unwrap_or(Truth::Unknown);
                stack.push(if *step == Step::And { one.min(other) } else { one.max(other) });
            }
        }
    }
    stack.pop().unwrap_or(Truth::Unknown)
}
