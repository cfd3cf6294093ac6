//! What overloads a node: `rules`, `economy` and `load-balancer`, as conditions of `rules`.

use super::{of_nodes, pushed};
use crate::import::Choices;
use crate::import::draft::Draft;
use crate::import::fields::{Field, Fields, shown};
use crate::import::node::Content;
use crate::quantity::MemoryBytes;

/// Figures of bytes, which may be written as `512m`: powers of 1024.
const SIZES: [&str; 10] = [
    "coredumpsize",
    "datasize",
    "memorylocked",
    "memoryuse",
    "readbps",
    "shmsize",
    "stacksize",
    "swapuse",
    "vmemoryuse",
    "writebps",
];
const COUNTS: [&str; 13] = [
    "cputime",
    "maxproc",
    "msgqqueued",
    "nmsgq",
    "nsem",
    "nsemop",
    "nshm",
    "nthr",
    "openfiles",
    "pcpu",
    "pseudoterminals",
    "readiops",
    "writeiops",
];
/// Grows for ever: once over its limit, over for ever.
const WALLCLOCK: &str = "wallclock";
/// What part of a limit a figure must be below before a replica is taken away.
const CALM_SHARE: f64 = 0.7;

/// One test: a condition that holds where it fails, and one where it passes by a margin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Test {
    pub(super) fails: String,
    pub(super) passes: String,
}

/// `type` of the rctl rules.
#[derive(Clone, Copy)]
struct Form {
    /// How the jails of a node are summed up: each by itself, all, or their mean.
    aggregate: &'static str,
    is_percent: bool,
}

pub(super) fn read(scale: &Fields<'_>, choices: &Choices, draft: &mut Draft) -> Vec<Test> {
    let mut tests = Vec::new();
    let form = scale.get("type").map_or(Some(Form { aggregate: "any", is_percent: false }), |field| form(&field));
    let percent = scale.get("value").and_then(|field| field.whole(0..=1_000_000));
    if let (Some(rules), Some(form)) = (scale.get("rules"), form) {
        if form.is_percent && percent.is_none() {
            rules.lost("a type by percent needs `value`", "say the percentage");
        } else {
            let percent = percent.filter(|_| form.is_percent);
            let entries = rules.map().map(|map| map.entries()).unwrap_or_default();
            tests.extend(
                entries.iter().filter_map(|(name, field)| rctl(name, field, form, percent, choices.compat, draft)),
            );
        }
    }
    if let Some(economy) = scale.get("economy") {
        let entries = economy.map().map(|map| map.entries()).unwrap_or_default();
        tests.extend(entries.iter().filter_map(|(name, field)| node_total(name, field, choices, draft)));
    }
    if let Some(map) = scale.get("load-balancer").and_then(|field| field.map()) {
        for side in ["frontend", "backend"] {
            if let Some(field) = map.get(side) {
                tests.extend(balancer(side, &field, draft));
            }
        }
        map.finish();
    }
    tests
}

fn form(field: &Field<'_>) -> Option<Form> {
    let (aggregate, is_percent) = match field.text().as_deref() {
        Some("any-jail") => ("any", false),
        Some("any-project") => ("sum", false),
        Some("average") => ("mean", false),
        Some("percent-jail") => ("any", true),
        Some("percent-project") => ("sum", true),
        _ => {
            let remedy = "write any-jail, any-project, average, percent-jail or percent-project";
            field.lost("is no type of Overlord", remedy);
            return None;
        }
    };
    Some(Form { aggregate, is_percent })
}

/// A limit on a resource of jails.
fn rctl(
    name: &str,
    field: &Field<'_>,
    form: Form,
    percent: Option<u32>,
    compat: bool,
    draft: &mut Draft,
) -> Option<Test> {
    let limit = limit(name, field)?;
    draft.reading(pushed(
        name.to_owned(),
        Some("instance"),
        format!("rctl's {name} of each jail: send it, with `trimtab reading push` or over the API."),
    ));
    let bound = percent.map_or_else(|| figure(name, limit), |percent| format!("{percent}% of {}", figure(name, limit)));
    let calm = calm(limit * percent.map_or(1.0, |percent| f64::from(percent) / 100.0));
    let operand = |outer: &str| match form.aggregate {
        "any" => format!("{outer}({name})"),
        inner if compat => format!("{inner}({name})"),
        inner => format!("{outer}({inner}({name}) by node)"),
    };
    let test = Test { fails: format!("{} >= {bound}", operand("any")), passes: format!("{} < {calm}", operand("all")) };
    field.carried(format!("+1 when {}", test.fails));
    Some(test)
}

/// A limit on the sum over all jails of a node.
fn node_total(name: &str, field: &Field<'_>, choices: &Choices, draft: &mut Draft) -> Option<Test> {
    let limit = limit(name, field)?;
    let reading = draft.reading(of_nodes(format!("node_{name}"), name, choices));
    let test = Test {
        fails: format!("any node({reading}) >= {}", figure(name, limit)),
        passes: format!("all node({reading}) < {}", calm(limit)),
    };
    field.carried(format!("+1 when {}", test.fails));
    Some(test)
}

/// A known resource's limit; `None` with a note where it is none.
fn limit(name: &str, field: &Field<'_>) -> Option<f64> {
    if name == WALLCLOCK || name == "cputime" {
        let remedy = "leave it out, or send its rate under this name";
        field.changed("grows for ever: once over its limit, over for ever", remedy);
    }
    let is_size = SIZES.contains(&name);
    if !is_size && name != WALLCLOCK && !COUNTS.contains(&name) {
        let what = format!("{:?} is no resource that Overlord takes in rules", shown(name));
        field.lost(what, "see rctl(8) and Overlord's schema");
        return None;
    }
    let found = match &field.node.content {
        Content::Number(number) => Some(*number),
        Content::Text(text) if is_size => size(text),
        Content::Text(text) => text.trim().parse().ok(),
        _ => None,
    };
    let found = found.filter(|limit| limit.is_finite() && *limit >= 0.0 && *limit < 9e15);
    if found.is_none() {
        field.lost("is no limit", "write a whole number, or a size such as 512m");
    }
    found
}

/// `512m` as bytes: powers of 1024, with or without `b` or `ib` behind.
fn size(text: &str) -> Option<f64> {
    let text = text.trim().to_ascii_lowercase();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let power = match unit.trim().trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return None,
    };
    Some(digits.parse::<f64>().ok()? * 1024_f64.powi(power))
}

/// A limit as `rules` writes it: `512Mi`, or the number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole, and below 9e15")]
fn figure(name: &str, limit: f64) -> String {
    let is_bytes = SIZES.contains(&name) && limit.fract() == 0.0 && limit >= 1024.0;
    if is_bytes { MemoryBytes(limit as u64).to_string() } else { limit.to_string() }
}

fn calm(limit: f64) -> String {
    let share = limit * CALM_SHARE;
    if share >= 10.0 { share.floor().to_string() } else { format!("{}", (share * 1000.0).round() / 1000.0) }
}

/// `frontend` or `backend`: two groups of rules on its figures.
fn balancer(side: &str, field: &Field<'_>, draft: &mut Draft) -> Vec<Test> {
    let Some(map) = field.map() else { return Vec::new() };
    let section = map.text("name").unwrap_or_default();
    let rules = map.get("rules").and_then(|field| field.map());
    map.finish();
    let Some(rules) = rules else {
        field.lost("has no rules", "Overlord refuses it, too");
        return Vec::new();
    };
    let mut tests = Vec::new();
    for (group, fail_word, pass_word) in [("and", " or ", " and "), ("or", " and ", " or ")] {
        let Some(found) = rules.get(group) else { continue };
        let entries = found.map().map(|map| map.entries()).unwrap_or_default();
        let read: Vec<Test> =
            entries.iter().filter_map(|(metric, field)| figure_of(side, &section, metric, field, draft)).collect();
        tests.extend(joined(&read, fail_word, pass_word));
    }
    rules.finish();
    tests
}

fn joined(tests: &[Test], fail_word: &str, pass_word: &str) -> Option<Test> {
    match tests {
        [] => None,
        [one] => Some(one.clone()),
        several => {
            let fails: Vec<&str> = several.iter().map(|test| test.fails.as_str()).collect();
            let passes: Vec<&str> = several.iter().map(|test| test.passes.as_str()).collect();
            let passes = passes.join(pass_word);
            // `and` binds tighter than `or`, and the whole stands among other conditions that are joined by `and`.
            let passes = if pass_word.contains("or") { format!("({passes})") } else { passes };
            Some(Test { fails: fails.join(fail_word), passes })
        }
    }
}

fn figure_of(side: &str, section: &str, metric: &str, field: &Field<'_>, draft: &mut Draft) -> Option<Test> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if metric.is_empty() || metric.len() > 60 || !metric.chars().all(fits) {
        field.lost("is no figure of HAProxy's statistics", "see HAProxy's manual, section 9.1");
        return None;
    }
    let map = field.map()?;
    let each = map.get("each").map(|field| field.whole(1..=u32::MAX));
    let value = map.get("value");
    map.finish();
    if each == Some(None) {
        return None;
    }
    let name = format!("{side}.{metric}");
    let operand = each.flatten().map_or_else(|| name.clone(), |each| format!("{name} each {each}"));
    let Some(test) = value.and_then(|value| test_of(&name, &operand, &value)) else {
        field.lost("needs a value: a number, a range [lo, hi] or a text", "correct the input");
        return None;
    };
    let about = format!("HAProxy's {metric} of {side} {}: send it, or ask its exporter.", shown(section));
    draft.reading(pushed(name, None, about));
    field.carried(format!("+1 when {}", test.fails));
    Some(test)
}

fn test_of(name: &str, operand: &str, value: &Field<'_>) -> Option<Test> {
    match &value.node.content {
        Content::Number(limit) if *limit >= 0.0 => {
            Some(Test { fails: format!("{operand} >= {limit}"), passes: format!("{operand} < {}", calm(*limit)) })
        }
        Content::List(items) => match items.as_slice() {
            [low, high] => {
                let (Content::Number(low), Content::Number(high)) = (&low.content, &high.content) else { return None };
                let is_range = *low >= 0.0 && low <= high;
                is_range.then(|| Test {
                    fails: format!("{operand} in {low}..{high}"),
                    passes: format!("({operand} < {low} or {operand} > {high})"),
                })
            }
            _ => None,
        },
        // Equal passes.
        Content::Text(text)
            if !text.contains(['\'', '"']) && !text.chars().any(char::is_control) && text.len() <= 100 =>
        {
            Some(Test { fails: format!("{name} is not \"{text}\""), passes: format!("{name} is \"{text}\"") })
        }
        _ => None,
    }
}
