//! DigitalOcean's droplet-autoscale: the environment of its function becomes `rules`.
//!
//! Reads a `.env` file, a flat map, or the `environment` of functions in a `project.yml`. The token and the names of droplets,
//! snapshot and balancer are the driver's business: their values are neither shown nor kept.

use std::rc::Rc;

use super::draft::{Draft, Policy, Reading};
use super::env::{self, Read};
use super::fields::{Field, Fields};
use super::node::{Content, Node};
use super::note::{Ledger, Place};
use super::{Choices, Input, Outcome, PUSH, Unreadable, sizes, toml_text};
use crate::quantity::DurationMs;

/// What the function takes where nothing is said: of its code, since its documentation differs.
const MAX_DEFAULT: f64 = 5.0;
const INTERVAL_SECONDS_DEFAULT: f64 = 180.0;

/// One of its thresholds: variable, what holds without it, and the range outside of which the function does nothing.
struct Threshold {
    key: &'static str,
    default: f64,
    range: (f64, f64),
}

const fn threshold(key: &'static str, default: f64, least: f64, most: f64) -> Threshold {
    Threshold { key, default, range: (least, most) }
}

const MAX: Threshold = threshold("MAX_DROPLETS_IN_CLUSTER", MAX_DEFAULT, 2.0, 1000.0);
const INTERVAL: Threshold = threshold("SCALING_INTERVAL", INTERVAL_SECONDS_DEFAULT, 30.0, 2400.0);
const UP: [Threshold; 3] = [
    threshold("SCALE_UP_WHEN_LOAD", 0.35, 0.01, 200.0),
    threshold("SCALE_UP_WHEN_FREE_MEMORY", 800.0, 0.01, 50_000.0),
    threshold("SCALE_UP_WHEN_OUTBOUND_BANDWIDTH", 2.5, 0.01, 100_000.0),
];
const DOWN: [Threshold; 3] = [
    threshold("SCALE_DOWN_WHEN_LOAD", 0.15, 0.01, 200.0),
    threshold("SCALE_DOWN_WHEN_FREE_MEMORY", 900.0, 0.01, 50_000.0),
    threshold("SCALE_DOWN_WHEN_OUTBOUND_BANDWIDTH", 1.5, 0.01, 100_000.0),
];

pub(super) fn import(inputs: &[Input], ledger: &Ledger, choices: &Choices) -> Result<Vec<Draft>, Vec<Unreadable>> {
    let (mut drafts, mut unreadable) = (Vec::new(), Vec::new());
    for input in inputs {
        let file: Rc<str> = Rc::from(input.file.as_str());
        let found = match env::read(input) {
            Ok(Read::Environment(node)) => vec![node],
            Ok(Read::Documents(documents)) => documents.iter().flat_map(environments).cloned().collect(),
            Err(why) => {
                unreadable.push(why);
                continue;
            }
        };
        for (index, node) in found.iter().enumerate() {
            let title = Rc::from("environment");
            let place = Place { file: Rc::clone(&file), document: index + 1, title, line: node.line };
            if let Some(fields) = Field::new(ledger, &place, "", node).map() {
                drafts.extend(one(&fields, choices));
            }
        }
    }
    if unreadable.is_empty() { Ok(drafts) } else { Err(unreadable) }
}

/// The environments of a `project.yml`; any other map is one itself.
fn environments(document: &Node) -> Vec<&Node> {
    let Some(Content::List(packages)) = document.get("packages").map(|node| &node.content) else {
        return if matches!(document.content, Content::Map(_)) { vec![document] } else { Vec::new() };
    };
    let mut found: Vec<&Node> = Vec::new();
    for package in packages {
        for key in ["functions", "actions"] {
            if let Some(Content::List(functions)) = package.get(key).map(|node| &node.content) {
                found.extend(functions.iter().filter_map(|function| function.get("environment")));
            }
        }
    }
    found
}

fn one(env: &Fields<'_>, choices: &Choices) -> Option<Draft> {
    let tag = env.need("CLUSTER_TAG", "it names the cluster: give the environment of the function")?;
    let name = tag.text()?;
    let is_tag = |c: char| c.is_ascii_alphanumeric() || "_:-".contains(c);
    if name.is_empty() || name.len() > 255 || !name.chars().all(is_tag) {
        tag.refused("is not a tag of DigitalOcean", "give its value, not a placeholder");
        return None;
    }
    let figures = Figures::read(env)?;
    env.aside(&["API_TOKEN"], "a secret: give it to the driver by `{ file = \"…\" }` or `{ env = \"…\" }`");
    let made = ["BASE_DROPLET", "SNAPSHOT", "CLONE_PREFIX", "LOAD_BALANCER"];
    env.aside(&made, "how droplets are made and entered in the balancer is the driver's and registrar's");
    env.finish();
    let mut draft = Draft::new(env.place(), &[&name], format!("droplet-autoscale in {}", env.place().file));
    draft.about("The count includes the base droplet, which the driver must never remove.");
    draft.set_with("select", sizes::select(&choices.driver, &name), "the cluster's tag, as the driver calls it");
    draft.set("replicas", format!("{{ min = 1, max = {} }}", figures.max));
    draft.set_with("every", "\"1m\"", "the function runs when its schedule says");
    draft.set_with("step", "{ up = 1, down = 1 }", "it moves by one");
    let interval = DurationMs::nearest(figures.interval_seconds * 1000.0);
    draft.set_with("cooldown", format!("{{ up = \"{interval}\", down = \"{interval}\" }}"), "SCALING_INTERVAL");
    if choices.compat {
        draft.set_with("stabilization", "{ up = \"0s\", down = \"0s\" }", "as it was; remove for a calmer way down");
    }
    put_readings(&mut draft);
    put_rules(&figures, choices, &mut draft);
    let what = "readings are means over 4 minutes that somebody sends: this host does not ask DigitalOcean itself";
    env.ledger().put(env.place(), Outcome::Changed, "", what, "send load_1, free_memory_mb and outbound_bandwidth");
    Some(draft)
}

struct Figures {
    max: f64,
    interval_seconds: f64,
    up: [f64; 3],
    down: [f64; 3],
}

impl Figures {
    /// `None` where the function itself would do nothing.
    fn read(env: &Fields<'_>) -> Option<Self> {
        let figure = |threshold: &Threshold| read(env, threshold);
        let [up_load, up_memory, up_bandwidth] = &UP;
        let [down_load, down_memory, down_bandwidth] = &DOWN;
        // Each is read, so that all that is wrong is told at once.
        let (max, interval) = (figure(&MAX), figure(&INTERVAL));
        let up = (figure(up_load), figure(up_memory), figure(up_bandwidth));
        let down = (figure(down_load), figure(down_memory), figure(down_bandwidth));
        Some(Self {
            max: max?.floor(),
            interval_seconds: interval?,
            up: [up.0?, up.1?, up.2?],
            down: [down.0?, down.1?, down.2?],
        })
    }
}

fn read(env: &Fields<'_>, threshold: &Threshold) -> Option<f64> {
    let Threshold { key, default, range: (least, most) } = threshold;
    let Some(field) = env.get(key) else {
        let what = format!("is not given, so {default} holds, as in the function's code");
        env.ledger().put(env.place(), Outcome::Carried, key, what, "");
        return Some(*default);
    };
    match field.number().filter(|number| (*least..=*most).contains(number)) {
        Some(number) => {
            field.carried(format!("{number} in the binding"));
            Some(number)
        }
        None => {
            let what = format!("is not a number from {least} to {most}, and then the function does nothing");
            field.refused(what, "correct it, or remove it for its default; -1 never meant anything");
            None
        }
    }
}

const READINGS: [(&str, &str); 3] = [
    ("load_1", "Load over one minute of each droplet, as the mean of the last 4 minutes"),
    ("free_memory_mb", "Free memory of each droplet in millions of bytes, as the mean of the last 4 minutes"),
    ("outbound_bandwidth", "Public and private outbound Mbps of each droplet, as the mean of the last 4 minutes"),
];

fn put_readings(draft: &mut Draft) {
    for (name, of) in READINGS {
        draft.reading(Reading { source: PUSH.to_owned(), ..sizes::pushed(name, of) });
    }
}

fn put_rules(figures: &Figures, choices: &Choices, draft: &mut Draft) {
    let [up_load, up_memory, up_bandwidth] = figures.up;
    let [down_load, down_memory, down_bandwidth] = figures.down;
    let [load, memory, bandwidth] = READINGS.map(|(name, _)| name);
    let up = format!(
        "+1 when mean({load}) > {up_load} or mean({memory}) < {up_memory} or mean({bandwidth}) > {up_bandwidth}"
    );
    let down = format!(
        "-1 when mean({load}) < {down_load} and mean({memory}) > {down_memory} and mean({bandwidth}) < {down_bandwidth}"
    );
    let mut policy = Policy::new("rules");
    policy.param("rules", format!("[\n  {},\n  {},\n]", toml_text::text(&up), toml_text::text(&down)));
    if choices.compat {
        policy.param_with("compat", "\"droplet\"", "decides as the function did, on missing data, too");
    }
    draft.policy(policy);
}
