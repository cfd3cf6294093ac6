//! The rules as the operator writes them: `[NAME:] STEP [on node LABEL] [of service LABEL] [every TIME] when alert NAME
//! [LABEL=VALUE …]`. Words are apart by spaces; a value with spaces stands in double quotes.

use std::time::Duration;

use trimtab_sdk::Refusal;
use trimtab_sdk::snapshot::Alert;

/// Most rules.
const RULES_MAX: usize = 64;
/// Most replicas that a rule may name.
const COUNT_MAX: u32 = 100_000;

/// What an alert does to the count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Up(u32),
    Down(u32),
    /// So many percent up, at least one.
    UpPercent(u32),
    /// So many percent down, at least one.
    DownPercent(u32),
    To(u32),
    /// To the most that there may be.
    Fill,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule<'p> {
    /// What it is called in reasons; empty for nothing.
    pub(crate) name: &'p str,
    pub(crate) what: What,
    /// The alert's label that names the node concerned.
    pub(crate) node_label: Option<&'p str>,
    /// The alert's label that must name this target.
    pub(crate) service_label: Option<&'p str>,
    pub(crate) every: Option<Duration>,
    alert: String,
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    label: String,
    equal: bool,
    value: String,
}

/// All rules.
///
/// # Errors
/// `parameter-wrong`, with the rule, the word and what could stand there.
pub(crate) fn all(texts: &[String]) -> Result<Vec<Rule<'_>>, Refusal> {
    if texts.len() > RULES_MAX {
        return Err(Refusal::parameter_wrong(format!("`rules` are {}, at most {RULES_MAX} are read", texts.len())));
    }
    texts.iter().enumerate().map(|(index, text)| read(text, index + 1)).collect()
}

fn read(text: &str, number: usize) -> Result<Rule<'_>, Refusal> {
    let wrong = |what: &str| Refusal::parameter_wrong(format!("rule {number} of `rules`, `{text}`: {what}"));
    let (head, tail) = text.split_once(" when alert ").ok_or_else(|| wrong("` when alert NAME` is missing"))?;
    let (name, steps) = head.split_once(':').map_or(("", head), |(name, rest)| (name.trim(), rest));
    let mut words = steps.split_whitespace();
    let what = what(&mut words).ok_or_else(|| wrong("no step; write `+2`, `-1`, `+50%`, `-10%`, `to 4` or `fill`"))?;
    let mut rule = Rule {
        name,
        what,
        node_label: None,
        service_label: None,
        every: None,
        alert: String::new(),
        conditions: Vec::new(),
    };
    while let Some(word) = words.next() {
        match (word, words.next(), word == "every") {
            ("on", Some("node"), _) => {
                rule.node_label = Some(words.next().ok_or_else(|| wrong("`on node` names no label"))?)
            }
            ("of", Some("service"), _) => {
                rule.service_label = Some(words.next().ok_or_else(|| wrong("`of service` names no label"))?);
            }
            (_, Some(time), true) => {
                rule.every =
                    Some(duration(time).ok_or_else(|| wrong("`every` needs a time such as `30s`, `5m`, `1h`"))?);
            }
            _ => return Err(wrong(&format!("`{word}` is not understood before `when`"))),
        }
    }
    let mut words = quoted(tail).ok_or_else(|| wrong("a quote is not closed"))?.into_iter();
    rule.alert = words.next().ok_or_else(|| wrong("no alert is named; `*` is any"))?;
    for word in words {
        let (label, value) = word.split_once('=').ok_or_else(|| wrong(&format!("`{word}` is no `LABEL=VALUE`")))?;
        let (label, equal) = label.strip_suffix('!').map_or((label, true), |label| (label, false));
        if label.is_empty() {
            return Err(wrong(&format!("`{word}` names no label")));
        }
        rule.conditions.push(Condition { label: label.to_owned(), equal, value: value.to_owned() });
    }
    Ok(rule)
}

fn what<'t>(words: &mut impl Iterator<Item = &'t str>) -> Option<What> {
    let word = words.next()?;
    let count = |text: &str| text.parse::<u32>().ok().filter(|count| *count <= COUNT_MAX);
    let some = |text: &str| count(text).filter(|count| *count > 0);
    match (word, word.strip_prefix('+'), word.strip_prefix('-')) {
        ("fill", ..) => Some(What::Fill),
        ("to", ..) => count(words.next()?).map(What::To),
        (_, Some(up), _) => match up.strip_suffix('%') {
            Some(percent) => some(percent).map(What::UpPercent),
            None => some(up).map(What::Up),
        },
        (_, _, Some(down)) => match down.strip_suffix('%') {
            Some(percent) => some(percent).filter(|percent| *percent <= 100).map(What::DownPercent),
            None => some(down).map(What::Down),
        },
        _ => None,
    }
}

fn duration(text: &str) -> Option<Duration> {
    let split = text.len().checked_sub(1)?;
    let (number, unit) = text.split_at_checked(split)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return None,
    };
    number.parse::<u32>().ok().map(|number| Duration::from_secs(u64::from(number) * seconds))
}

/// Words apart by spaces, except within double quotes, which go; `None` where one is not closed.
fn quoted(text: &str) -> Option<Vec<String>> {
    let (mut words, mut within, mut begun) = (Vec::new(), false, false);
    let mut word = String::new();
    for letter in text.chars() {
        match letter {
            '"' => (within, begun) = (!within, true),
            _ if letter.is_whitespace() && !within => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            _ => {
                word.push(letter);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    (!within).then_some(words)
}

impl Rule<'_> {
    /// Whether an alert is what this rule waits for. A label that is not there fits nothing, `!=` neither.
    pub(crate) fn fits(&self, alert: &Alert) -> bool {
        let named = match self.alert.strip_suffix('*') {
            Some(beginning) => alert.name.starts_with(beginning),
            None => alert.name == self.alert,
        };
        named
            && self
                .conditions
                .iter()
                .all(|one| label(alert, &one.label).is_some_and(|value| (value == one.value) == one.equal))
    }
}

impl What {
    /// The count that follows from `count`, not beyond `most` and `least`, which a rule that goes there itself does not pass.
    pub(crate) fn from(self, count: u32, least: u32, most: u32) -> u32 {
        let share = |percent: u32, up: bool| {
            let part = u64::from(count) * u64::from(percent);
            let part = if up { part.div_ceil(100) } else { part / 100 };
            u32::try_from(part).unwrap_or(u32::MAX).max(1)
        };
        let wished = match self {
            Self::Up(by) => count.saturating_add(by),
            Self::Down(by) => count.saturating_sub(by),
            Self::UpPercent(percent) => count.saturating_add(share(percent, true)),
            Self::DownPercent(percent) => count.saturating_sub(share(percent, false)),
            Self::To(count) => count,
            Self::Fill => most,
        };
        // What is beyond already stays there: a raise never lowers, and a lowering never raises.
        match wished > count {
            true => wished.min(most.max(count)),
            false if matches!(self, Self::Fill) => count,
            false => wished.max(least.min(count)),
        }
    }
}

/// The value of a label of an alert.
pub(crate) fn label<'a>(alert: &'a Alert, name: &str) -> Option<&'a str> {
    alert.labels.iter().find(|(label, _)| label == name).map(|(_, value)| value.as_str())
}
