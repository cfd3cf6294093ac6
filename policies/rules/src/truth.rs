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
    if let (Gathering::Own, None, [Figure { value: Some(value), .. }]) = (test.gathering, test.each, figures) {
        let span = Span::of(*value);
        return (compare(&test.check, span), span);
    }
    let tally = Tally::of(figures.iter());
    if tally.known == 0 {
        return (Truth::Unknown, ANYTHING);
    }
    let known = Span { low: tally.least, high: tally.greatest };
    let compared = |span: Span| compare(&test.check, test.each.map_or(span, |each| span.remainder(each)));
    let of_value = |figure: &Figure| figure.value.map_or(Truth::Unknown, |value| compared(Span::of(value)));
    match test.gathering {
        Gathering::Own => (compared(known), known),
        Gathering::Over(Aggregate::Any) => (figures.iter().map(of_value).max().unwrap_or(Truth::Unknown), known),
        Gathering::Over(Aggregate::All) => (figures.iter().map(of_value).min().unwrap_or(Truth::Unknown), known),
        Gathering::Over(aggregate) => {
            let span = tally.gather(aggregate, figures, None);
            (compared(span), span)
        }
        Gathering::ByNode { outer, inner } => {
            let nodes = nodes(inner, figures, tally.floor());
            let truths = nodes.iter().map(|span| compared(*span));
            match outer {
                Aggregate::Any => (truths.max().unwrap_or(Truth::Unknown), hull(&nodes)),
                Aggregate::All => (truths.min().unwrap_or(Truth::Unknown), hull(&nodes)),
                _ => {
                    let span = gather_spans(outer, &nodes);
                    (compared(span), span)
                }
            }
        }
    }
}

/// What a comparison would come to if fewer replicas shared the same load, `more` times as much each: use rises, what is free falls. A
/// sum stays what it is, and so does what has no order.
pub(crate) fn anticipate(test: &Test<'_>, truth: Truth, span: Span, more: f64) -> Truth {
    let sums = matches!(
        test.gathering,
        Gathering::Over(Aggregate::Sum) | Gathering::ByNode { outer: Aggregate::Sum, inner: Aggregate::Sum }
    );
    let factor = match test.check {
        Check::Number(Order::AtLeast | Order::Above, _) => more,
        Check::Number(Order::AtMost | Order::Below, _) => 1.0 / more,
        _ => return truth,
    };
    if sums || test.each.is_some() {
        return truth;
    }
    let Span { low, high } = span;
    let end = match (test.gathering, factor > 1.0) {
        (Gathering::Over(Aggregate::Any) | Gathering::ByNode { outer: Aggregate::Any, .. }, true) => Span::of(high),
        (Gathering::Over(Aggregate::All) | Gathering::ByNode { outer: Aggregate::All, .. }, true) => Span::of(low),
        (Gathering::Over(Aggregate::Any) | Gathering::ByNode { outer: Aggregate::Any, .. }, false) => Span::of(low),
        (Gathering::Over(Aggregate::All) | Gathering::ByNode { outer: Aggregate::All, .. }, false) => Span::of(high),
        _ => span,
    };
    compare(&test.check, Span { low: end.low * factor, high: end.high * factor })
}

/// The group of instances whose node is not known.
pub(crate) const NO_NODE: u32 = u32::MAX;

/// The figure of each node.
fn nodes(inner: Aggregate, figures: &[Figure], floor: f64) -> Vec<Span> {
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
            Tally::of(figures.iter().filter(is_same)).gather(inner, figures, Some(figure.group))
        });
    }
    nodes
}

/// What is known of several figures, in one pass: it is made at every moment of every `for`.
struct Tally {
    known: u32,
    missing: u32,
    sum: f64,
    least: f64,
    greatest: f64,
}

impl Tally {
    fn of<'f>(figures: impl Iterator<Item = &'f Figure>) -> Self {
        let mut tally = Self { known: 0, missing: 0, sum: 0.0, least: f64::INFINITY, greatest: f64::NEG_INFINITY };
        for figure in figures {
            let Some(value) = figure.value else {
                tally.missing += 1;
                continue;
            };
            tally.known += 1;
            tally.sum += value;
            if value < tally.least {
                tally.least = value;
            }
            if value > tally.greatest {
                tally.greatest = value;
            }
        }
        tally
    }

    /// A sum or mean with one missing is at least that of the others, if they show that the reading does not go below zero.
    fn floor(&self) -> f64 {
        if self.least >= 0.0 { 0.0 } else { f64::NEG_INFINITY }
    }

    /// One figure of the figures of that group, or of all.
    fn gather(&self, aggregate: Aggregate, figures: &[Figure], group: Option<u32>) -> Span {
        if self.known == 0 {
            return ANYTHING;
        }
        let is_whole = self.missing == 0;
        let or_more = |value: f64| if is_whole { value } else { f64::INFINITY };
        let or_less = |value: f64| if is_whole { value } else { f64::NEG_INFINITY };
        let sum = Span { low: if is_whole { self.sum } else { self.sum + self.floor() }, high: or_more(self.sum) };
        match aggregate {
            Aggregate::Sum => sum,
            Aggregate::Mean => {
                let count = f64::from(self.known + self.missing);
                Span { low: sum.low / count, high: sum.high / count }
            }
            Aggregate::Min => Span { low: or_less(self.least), high: self.least },
            Aggregate::Percentile(share) => {
                let ours = figures.iter().filter(|figure| group.is_none_or(|group| figure.group == group));
                let ends = |missing: f64| ours.clone().map(|figure| figure.value.unwrap_or(missing)).collect();
                let low = percentile(ends(f64::NEG_INFINITY), share);
                Span { low, high: if is_whole { low } else { percentile(ends(f64::INFINITY), share) } }
            }
            // `any` and `all` compare before they join; a figure of them is asked of nobody.
            Aggregate::Max | Aggregate::Any | Aggregate::All => {
                Span { low: self.greatest, high: or_more(self.greatest) }
            }
        }
    }
}

/// From the least to the greatest that is known.
fn hull(spans: &[Span]) -> Span {
    let ends = spans.iter().flat_map(|span| [span.low, span.high]).filter(|end| end.is_finite());
    let tally = Tally::of(ends.map(known).collect::<Vec<_>>().iter());
    Span { low: tally.least, high: tally.greatest }
}

fn known(value: f64) -> Figure {
    Figure { group: NO_NODE, value: Some(value) }
}

/// One figure of several spans: each end apart.
fn gather_spans(aggregate: Aggregate, spans: &[Span]) -> Span {
    let end = |end: fn(&Span) -> f64| {
        let ends: Vec<Figure> = spans.iter().map(end).map(known).collect();
        Tally::of(ends.iter()).gather(aggregate, &ends, None).low
    };
    Span { low: end(|span| span.low), high: end(|span| span.high) }
}

/// By linear interpolation between the two nearest ranks, as the SDK's for samples.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of a length that fits"
)]
fn percentile(mut values: Vec<f64>, share: f64) -> f64 {
    sort(&mut values);
    let rank = share * values.len().saturating_sub(1) as f64;
    let (below, part) = (rank as usize, rank - (rank as usize) as f64);
    let low = values.get(below).copied().unwrap_or(f64::NAN);
    let high = values.get(below + 1).copied().unwrap_or(low);
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
                if values.get(before) <= values.get(at) {
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
    if let [Step::Test(number)] = steps {
        return of_test(*number);
    }
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
