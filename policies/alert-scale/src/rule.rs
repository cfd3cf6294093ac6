//! The rules as the operator writes them: `[NAME:] STEP [on node LABEL] [of service LABEL] [every TIME] when alert NAME
//! [LABEL=VALUE …]`. Words are apart by spaces; one with spaces in it stands in double quotes.

use std::time::Duration;

use trimtab_sdk::Refusal;
use trimtab_sdk::snapshot::Alert;

/// Most rules.
const RULES_MAX: usize = 64;
/// Longest name of a rule.
const NAME_BYTES_MAX: usize = 64;
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
pub(crate) struct Rule {
    /// What it is called in reasons; empty for nothing.
    pub(crate) name: String,
    pub(crate) what: What,
    /// The alert's label that names the node concerned.
    pub(crate) node_label: Option<String>,
    /// The alert's label that must name this target.
    pub(crate) service_label: Option<String>,
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
pub(crate) fn all(texts: &[String]) -> Result<Vec<Rule>, Refusal> {
    if texts.len() > RULES_MAX {
        return Err(Refusal::parameter_wrong(format!("`rules` are {}, at most {RULES_MAX} are read", texts.len())));
    }
    let wrong = |(index, text): (usize, &String), what: Wrong| {
        let Wrong(what, word) = what;
        Refusal::parameter_wrong(format!("rule {} of `rules`, `{text}`: {what}{word}", index + 1))
    };
    texts.iter().enumerate().map(|(index, text)| read(text).map_err(|what| wrong((index, text), what))).collect()
}

/// What is wrong with a rule, and the word concerned, if it is one.
struct Wrong(&'static str, String);

impl From<&'static str> for Wrong {
    fn from(what: &'static str) -> Self {
        Self(what, String::new())
    }
}

fn read(text: &str) -> Result<Rule, Wrong> {
    let words = quoted(text).ok_or("a quote is not closed")?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let when = words.windows(2).position(|pair| pair == ["when", "alert"]);
    let (head, tail) = words.split_at(when.ok_or("`when alert NAME` is missing")?);
    let (name, steps) = match head.split_first() {
        Some((first, rest)) if first.ends_with(':') => (first.trim_end_matches(':'), rest),
        _ => ("", head),
    };
    if name.len() > NAME_BYTES_MAX {
        return Err(Wrong("a name is at most 64 bytes long: ", name.to_owned()));
    }
    let mut steps = steps.iter().copied();
    let what = what(&mut steps).ok_or("no step; write `+2`, `-1`, `+50%`, `-10%`, `to 4` or `fill`")?;
    let mut rule = Rule {
        name: name.to_owned(),
        what,
        node_label: None,
        service_label: None,
        every: None,
        alert: tail.get(2).copied().ok_or("no alert is named; `*` is any")?.to_owned(),
        conditions: Vec::new(),
    };
    while let Some(word) = steps.next() {
        match (word, steps.next()) {
            ("on", Some("node")) => rule.node_label = Some(steps.next().ok_or("`on node` names no label")?.to_owned()),
            ("of", Some("service")) => {
                rule.service_label = Some(steps.next().ok_or("`of service` names no label")?.to_owned());
            }
            ("every", Some(time)) => {
                rule.every = Some(duration(time).ok_or("`every` needs a time such as `30s`, `5m`, `1h`")?);
            }
            _ => return Err(Wrong("before `when` is not understood: ", word.to_owned())),
        }
    }
    for word in tail.iter().skip(3) {
        let (label, value) = word.split_once('=').ok_or_else(|| Wrong("no `LABEL=VALUE`: ", (*word).to_owned()))?;
        let (label, equal) = label.strip_suffix('!').map_or((label, true), |label| (label, false));
        if label.is_empty() {
            return Err(Wrong("no label: ", (*word).to_owned()));
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
            ' ' | '\t' | '\n' if !within => {
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

impl Rule {
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
