//! The text exposition format, as far as a query looks at it.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>. The crate `prometheus-parse` (0.2.5) drops labels whose values
//! hold `=`, a comma or a brace, and names with a colon, without a word; a sum over what is left would be wrong.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::sources::fetch::shorten;

/// Most series of one instance that one query may match.
const SERIES_MAX: usize = 10_000;

/// `name{label="value",other!="value"}`.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::sources) struct Query<'a> {
    name: &'a str,
    filters: Vec<Filter<'a>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Filter<'a> {
    label: &'a str,
    value: Cow<'a, str>,
    equal: bool,
}

/// The matching series of one instance.
#[derive(Debug, Default)]
pub(in crate::sources) struct Sum {
    /// Per series: a number for its labels, and its value.
    pub(in crate::sources) series: Vec<(u64, f64)>,
    /// The oldest time that the exposition itself states.
    pub(in crate::sources) at_ms: Option<u64>,
    /// When the page was read.
    pub(in crate::sources) read_ms: u64,
}

impl Sum {
    pub(in crate::sources) fn value(&self) -> f64 {
        self.series.iter().map(|(_, value)| value).sum()
    }
}

impl<'a> Query<'a> {
    pub(in crate::sources) fn parse(text: &'a str) -> Result<Self, String> {
        let text = text.trim();
        let (name, mut rest) = split_name(text, true);
        if name.is_empty() {
            return Err(format!("query {text:?} does not begin with a metric's name"));
        }
        let mut filters = Vec::new();
        if let Some(inside) = rest.trim_start().strip_prefix('{') {
            (filters, rest) = filter_list(inside).map_err(|why| format!("query {text:?}: {why}"))?;
        }
        match rest.trim() {
            "" => Ok(Self { name, filters }),
            rest => Err(format!("query {text:?}: {rest:?} is too much; functions are for the source prometheus")),
        }
    }

    pub(in crate::sources) fn name(&self) -> &'a str {
        self.name
    }

    /// The matching series of a page.
    ///
    /// An error if a line of this metric cannot be read, if a value is not finite or if nothing matches: a sum over the rest
    /// would be a lower number that looks whole.
    pub(in crate::sources) fn sum(&self, page: &str) -> Result<Sum, String> {
        let mut sum = Sum::default();
        for line in page.lines() {
            // The format ignores blanks at either end of a line.
            let line = line.trim_start();
            let Some(rest) = line.strip_prefix(self.name) else { continue };
            if !rest.starts_with(|c: char| c == '{' || c.is_whitespace()) {
                continue;
            }
            let malformed = || format!("a line that cannot be read: {}", shorten(line));
            let (matches, tail) = self.matches(rest).ok_or_else(malformed)?;
            let mut words = tail.split_ascii_whitespace();
            let value: f64 = words.next().and_then(|word| word.parse().ok()).ok_or_else(malformed)?;
            let at_ms = words.next().map(|word| word.parse::<i64>().map_err(|_| malformed())).transpose()?;
            if !matches {
                continue;
            }
            if !value.is_finite() {
                return Err(format!("a value that is not a finite number: {}", shorten(line)));
            }
            if sum.series.len() >= SERIES_MAX {
                return Err(format!("more than {SERIES_MAX} series match"));
            }
            let labels = rest.get(..rest.len() - tail.len()).unwrap_or_default();
            sum.series.push((number(labels), value));
            let at_ms = at_ms.and_then(|at_ms| u64::try_from(at_ms).ok());
            sum.at_ms = sum.at_ms.into_iter().chain(at_ms).min();
        }
        if sum.series.is_empty() { Err("no series matches".to_owned()) } else { Ok(sum) }
    }

    /// Whether the labels at the head of `rest` pass the filters, and what stands behind them.
    fn matches<'l>(&self, rest: &'l str) -> Option<(bool, &'l str)> {
        let Some(inside) = rest.strip_prefix('{') else {
            let bare = self.filters.iter().all(|filter| filter.passes(""));
            return Some((bare, rest));
        };
        let mut seen: Vec<(&str, Cow<'_, str>)> = Vec::new();
        let tail = pairs(inside, |label, equal, value| {
            seen.push((label, value));
            if equal { Ok(()) } else { Err(String::new()) }
        });
        let tail = tail.ok()?;
        let of = |label: &str| seen.iter().find(|(name, _)| *name == label).map_or("", |(_, value)| value.as_ref());
        Some((self.filters.iter().all(|filter| filter.passes(of(filter.label))), tail))
    }
}

impl Filter<'_> {
    /// A label that is not there is empty, as in PromQL.
    fn passes(&self, value: &str) -> bool {
        (self.value == value) == self.equal
    }
}

fn filter_list(inside: &str) -> Result<(Vec<Filter<'_>>, &str), String> {
    let mut filters = Vec::new();
    let rest = pairs(inside, |label, equal, value| {
        filters.push(Filter { label, value, equal });
        Ok(())
    })?;
    Ok((filters, rest))
}

/// Reads `label="value",…}` and gives what stands behind the brace.
fn pairs<'l>(
    mut rest: &'l str,
    mut each: impl FnMut(&'l str, bool, Cow<'l, str>) -> Result<(), String>,
) -> Result<&'l str, String> {
    loop {
        rest = rest.trim_start();
        if let Some(tail) = rest.strip_prefix('}') {
            return Ok(tail);
        }
        let (label, tail) = split_name(rest, false);
        if label.is_empty() {
            return Err("a label's name or `}` is missing".to_owned());
        }
        let tail = tail.trim_start();
        let (equal, tail) = match (tail.strip_prefix("!="), tail.strip_prefix('=')) {
            (Some(tail), _) => (false, tail),
            (None, Some(tail)) if !tail.starts_with('~') => (true, tail),
            _ => return Err(format!("after label {label} there must be = or !=, and no pattern")),
        };
        let quoted = tail.trim_start().strip_prefix('"').ok_or(format!("the value of {label} is not in quotes"))?;
        let (value, tail) = text(quoted).ok_or(format!("the value of {label} has no end"))?;
        each(label, equal, value)?;
        rest = tail.trim_start();
        match rest.strip_prefix(',') {
            Some(tail) => rest = tail,
            None if rest.starts_with('}') => {}
            None => return Err(format!("after the value of {label} there must be a comma or `}}`")),
        }
    }
}

/// A quoted text up to its closing quote, and what stands behind it.
fn text(quoted: &str) -> Option<(Cow<'_, str>, &str)> {
    let end = quoted.find(['"', '\\'])?;
    if quoted.get(end..)?.starts_with('"') {
        return Some((Cow::Borrowed(quoted.get(..end)?), quoted.get(end + 1..)?));
    }
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((Cow::Owned(value), quoted.get(at + 1..)?)),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

fn split_name(text: &str, colon: bool) -> (&str, &str) {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colon && c == ':');
    let end = text.find(|c| !part(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.starts_with(|c: char| c.is_ascii_digit()) { ("", text) } else { (name, rest) }
}

fn number(labels: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    labels.trim().hash(&mut hasher);
    hasher.finish()
}
