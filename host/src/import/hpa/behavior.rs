//! `behavior`: how fast an HPA may change, as stabilization, windows and tolerance.

use crate::import::draft::Draft;
use crate::import::fields::{Field, Fields};
use crate::import::goals::Goals;
use crate::import::kubernetes::quantity;
use crate::quantity::DurationMs;

/// What the API server fills in.
const UP: Direction = Direction {
    word: "up",
    stabilization_seconds: 0,
    policies: &[
        Rate { count: Some(4), percent: None, seconds: 15 },
        Rate { count: None, percent: Some(100.0), seconds: 15 },
    ],
};
const DOWN: Direction = Direction {
    word: "down",
    stabilization_seconds: 300,
    policies: &[Rate { count: None, percent: Some(100.0), seconds: 15 }],
};

const STABILIZATION_SECONDS_MAX: u32 = 3600;
const PERIOD_SECONDS_MAX: u32 = 1800;
const COUNT_MAX: u32 = 1_000_000;

struct Direction {
    word: &'static str,
    stabilization_seconds: u32,
    policies: &'static [Rate],
}

/// At most so many replicas, or so many percent, within so many seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rate {
    count: Option<u32>,
    percent: Option<f64>,
    seconds: u32,
}

/// One direction, read.
struct Pace {
    stabilization_seconds: u32,
    windows: Vec<Rate>,
    disabled: bool,
}

/// Puts `behavior`, or what an HPA without it does, into the bounds. `goals` take the tolerances.
pub(in crate::import) fn put(behavior: Option<&Field<'_>>, draft: &mut Draft, goals: Option<&mut Goals>) {
    let map = behavior.and_then(Field::map);
    let side = |key| map.as_ref().and_then(|map: &Fields<'_>| map.get(key));
    let (up, down) = (side("scaleUp"), side("scaleDown"));
    let mut tolerances = (None, None);
    let up = pace(up.as_ref(), &UP, &mut tolerances.0);
    let down = pace(down.as_ref(), &DOWN, &mut tolerances.1);
    if let Some(goals) = goals {
        (goals.tolerance_up, goals.tolerance_down) = tolerances;
    }
    let seconds = |seconds: u32| DurationMs(u64::from(seconds) * 1000);
    draft.set_with(
        "stabilization",
        format!(
            "{{ up = \"{}\", down = \"{}\" }}",
            seconds(up.stabilization_seconds),
            seconds(down.stabilization_seconds)
        ),
        if map.is_none() { "the HPA's defaults" } else { "" },
    );
    let sides = [("up", &up.windows), ("down", &down.windows)];
    let windows: Vec<String> = sides
        .iter()
        .filter(|(_, windows)| !windows.is_empty())
        .map(|(word, windows)| format!("{word} = [{}]", windows.iter().map(Rate::toml).collect::<Vec<_>>().join(", ")))
        .collect();
    if !windows.is_empty() {
        draft.set("windows", format!("{{ {} }}", windows.join(", ")));
    }
    if down.disabled {
        draft.set_with("mode", "\"raise-only\"", "scaleDown is disabled");
    }
    if let Some(map) = map {
        map.finish();
    }
}

impl Rate {
    fn toml(&self) -> String {
        let limit = match (self.count, self.percent) {
            (Some(count), Some(percent)) => format!("{{ count = {count}, percent = {percent} }}"),
            (Some(count), None) => count.to_string(),
            (None, percent) => format!("\"{}%\"", percent.unwrap_or(100.0)),
        };
        format!("{{ at_most = {limit}, within = \"{}\" }}", DurationMs(u64::from(self.seconds) * 1000))
    }
}

fn pace(field: Option<&Field<'_>>, default: &Direction, tolerance: &mut Option<f64>) -> Pace {
    let mut pace = Pace { stabilization_seconds: default.stabilization_seconds, windows: Vec::new(), disabled: false };
    let Some((field, map)) = field.and_then(|field| Some((field, field.map()?))) else {
        pace.windows = widest(default.policies, default.word).0;
        return pace;
    };
    if let Some(field) = map.get("stabilizationWindowSeconds")
        && let Some(seconds) = field.whole(0..=STABILIZATION_SECONDS_MAX)
    {
        pace.stabilization_seconds = seconds;
        field.carried(format!("stabilization.{} = \"{}\"", default.word, DurationMs(u64::from(seconds) * 1000)));
    }
    if let Some(field) = map.get("tolerance")
        && let Some(share) = quantity(&field)
    {
        *tolerance = Some(share);
        field.carried(format!("tolerance_{} = {share} of target-tracking", default.word));
    }
    let policies = map.get("policies").and_then(|field| Some((rates(&field.list()?), field)));
    let rates = policies.as_ref().map_or_else(|| default.policies.to_vec(), |(rates, _)| rates.clone());
    let at = policies.as_ref().map_or(field, |(_, field)| field);
    match map.text("selectPolicy").as_deref() {
        None | Some("Max") => {
            let (windows, is_exact) = widest(&rates, default.word);
            pace.windows = windows;
            tell_windows(at, default.word, is_exact);
        }
        Some("Min") => {
            pace.windows = rates.into_iter().filter(|rate| !frees(rate, default.word)).collect();
            tell_windows(at, default.word, true);
        }
        Some("Disabled") if default.word == "down" => {
            pace.disabled = true;
            at.carried("mode = \"raise-only\"");
        }
        Some("Disabled") => {
            let remedy =
                "there is no mode that only lowers: set replicas.max to what it may reach, or pause the target";
            at.lost("raises cannot be switched off alone", remedy);
        }
        Some(_) => at.lost("selectPolicy is neither Max nor Min nor Disabled", "correct the input"),
    }
    map.finish();
    pace
}

fn tell_windows(at: &Field<'_>, word: &str, is_exact: bool) {
    match (is_exact, word) {
        (true, _) => at.carried(format!("windows.{word}")),
        (false, "up") => at.changed(
            "of policies with several periods the widest holds in the HPA; here one window has the shortest period and \
             the greatest figures, so raises may be faster",
            "narrow windows.up where that is too fast",
        ),
        (false, _) => at.changed(
            "of policies with several periods the widest holds in the HPA; here all of them hold, so lowerings may be \
             slower",
            "remove windows.down that are too narrow",
        ),
    }
}

fn rates(policies: &[Field<'_>]) -> Vec<Rate> {
    policies.iter().filter_map(rate).collect()
}

fn rate(field: &Field<'_>) -> Option<Rate> {
    let map = field.map()?;
    let kind = map.text("type");
    let value = map.get("value").and_then(|field| field.whole(1..=COUNT_MAX));
    let seconds = map.get("periodSeconds").and_then(|field| field.whole(1..=PERIOD_SECONDS_MAX));
    map.finish();
    match (kind.as_deref(), value, seconds) {
        (Some("Pods"), Some(count), Some(seconds)) => Some(Rate { count: Some(count), percent: None, seconds }),
        (Some("Percent"), Some(percent), Some(seconds)) => {
            Some(Rate { count: None, percent: Some(f64::from(percent)), seconds })
        }
        _ => {
            field.lost("needs type Pods or Percent, value and periodSeconds", "correct the input");
            None
        }
    }
}

/// All of the present count may go at once.
fn frees(rate: &Rate, word: &str) -> bool {
    word == "down" && rate.percent.is_some_and(|percent| percent >= 100.0)
}

/// Windows in which the widest of some rates holds, and whether they say just that. Our windows hold all together, so that only
/// rates of one period can be joined.
fn widest(rates: &[Rate], word: &str) -> (Vec<Rate>, bool) {
    if rates.iter().any(|rate| frees(rate, word)) {
        return (Vec::new(), true);
    }
    let Some(shortest) = rates.iter().map(|rate| rate.seconds).min() else { return (Vec::new(), true) };
    let is_exact = rates.iter().all(|rate| rate.seconds == shortest);
    if !is_exact && word == "down" {
        return (rates.to_vec(), false);
    }
    let count = rates.iter().filter_map(|rate| rate.count).max();
    let percent = rates.iter().filter_map(|rate| rate.percent).reduce(f64::max);
    (vec![Rate { count, percent, seconds: shortest }], is_exact)
}
