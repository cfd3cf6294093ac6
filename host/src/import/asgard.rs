//! Asgard's autoscaler: labels of Marathon apps, and limits of its environment, become `rightsizing`.

use std::rc::Rc;

use super::draft::{Draft, Policy};
use super::env::{self, Read};
use super::fields::{Field, Fields, shown};
use super::node::{Content, Node};
use super::note::{Ledger, Outcome, Place};
use super::sizes::{self, Figures};
use super::{Choices, Input, Unreadable, toml_text};

/// The margin of `rightsizing`, where the environment is not given.
const MARGIN_DEFAULT: f64 = 0.1;
const MIB: f64 = 1_048_576.0;

/// What its environment says for all apps.
#[derive(Debug, Clone, Copy, Default)]
struct Settings {
    margin: Option<f64>,
    cpu: Limits,
    memory: Limits,
}

/// Least and most, in cores or MiB as Marathon has them.
#[derive(Debug, Clone, Copy, Default)]
struct Limits {
    min: Option<f64>,
    max: Option<f64>,
}

/// One dimension's words.
struct Dimension {
    word: &'static str,
    label: &'static str,
    min: &'static str,
    max: &'static str,
    target: &'static str,
}

const CPU: Dimension = Dimension {
    word: "cpu",
    label: "asgard.autoscale.cpu",
    min: "asgard.autoscale.min_cpu_limit",
    max: "asgard.autoscale.max_cpu_limit",
    target: "cpu_target",
};
const MEMORY: Dimension = Dimension {
    word: "memory",
    label: "asgard.autoscale.mem",
    min: "asgard.autoscale.min_mem_limit",
    max: "asgard.autoscale.max_mem_limit",
    target: "memory_target",
};
const IGNORE: &str = "asgard.autoscale.ignore";
const PREFIX: &str = "asgard.autoscale";

pub(super) fn import(inputs: &[Input], ledger: &Ledger, choices: &Choices) -> Result<Vec<Draft>, Vec<Unreadable>> {
    let (mut files, mut unreadable) = (Vec::new(), Vec::new());
    let mut settings = Settings::default();
    for input in inputs {
        let file: Rc<str> = Rc::from(input.file.as_str());
        match env::read(input) {
            Ok(Read::Environment(node)) => {
                let place = Place { file, title: Rc::from("environment"), ..Place::default() };
                if let Some(fields) = Field::new(ledger, &place, "", &node).map() {
                    settings.read(&fields);
                }
            }
            Ok(Read::Documents(documents)) => files.push((file, documents)),
            Err(why) => unreadable.push(why),
        }
    }
    if !unreadable.is_empty() {
        return Err(unreadable);
    }
    let mut drafts = Vec::new();
    for (file, documents) in &files {
        for (index, node) in documents.iter().flat_map(apps).enumerate() {
            let id = node.get("id").and_then(Node::as_written).unwrap_or_default();
            let title = Rc::from(format!("app {}", shown(&id)));
            let place = Place { file: Rc::clone(file), document: index + 1, title, line: node.line };
            if let Some(root) = Field::new(ledger, &place, "", node).map() {
                drafts.extend(app(&root, &settings, choices));
            }
        }
    }
    Ok(drafts)
}

/// The apps of an answer of `/v2/apps`, of a list, of a group, or the one app.
fn apps(document: &Node) -> Vec<&Node> {
    match &document.content {
        Content::List(items) => items.iter().collect(),
        _ => match document.get("apps").map(|node| &node.content) {
            Some(Content::List(items)) => items.iter().collect(),
            _ => vec![document.get("app").unwrap_or(document)],
        },
    }
}

impl Settings {
    /// Variables are known by their ends: their prefix is `ASGARD_` or another that was chosen.
    fn read(&mut self, env: &Fields<'_>) {
        for key in env.unasked() {
            let place = [
                ("MARGIN_THRESHOLD", &mut self.margin),
                ("MIN_CPU_SCALE_LIMIT", &mut self.cpu.min),
                ("MAX_CPU_SCALE_LIMIT", &mut self.cpu.max),
                ("MIN_MEM_SCALE_LIMIT", &mut self.memory.min),
                ("MAX_MEM_SCALE_LIMIT", &mut self.memory.max),
            ]
            .into_iter()
            .find(|(end, _)| key.ends_with(end));
            let Some(((_, place), field)) = place.and_then(|place| Some((place, env.get(key)?))) else { continue };
            // Its default for a maximum is infinity, and may be written out.
            let is_infinite = field.node.text().is_some_and(|text| text.trim_start_matches('+').starts_with("inf"));
            if is_infinite {
                field.carried("no bound");
            } else if let Some(number) = field.number().filter(|number| *number >= 0.0) {
                *place = Some(number);
                field.carried(format!("{number} for all apps"));
            }
        }
        let rest = env.unasked();
        env.aside(&rest, "servers and credentials of Asgard; values are not shown");
    }
}

fn app(root: &Fields<'_>, settings: &Settings, choices: &Choices) -> Option<Draft> {
    let id = root.need("id", "give whole apps, as /v2/apps answers")?;
    let name = id.text()?;
    let name = name.trim_matches('/');
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    if name.is_empty() || name.len() > 200 || !name.chars().all(fits) {
        id.refused("is not an app's id", "use letters, digits, `.`, `-` and `/`");
        return None;
    }
    let Some(labels) = root.get("labels").and_then(|field| field.map()) else {
        root.ledger().put(root.place(), Outcome::Aside, "labels", "has no labels, so Asgard leaves it alone", "");
        return None;
    };
    let rest = root.unasked();
    root.aside(&rest, "of the app, not of its autoscaling");
    let ignored = ignored(&labels, choices)?;
    let targets = [&CPU, &MEMORY].map(|dimension| target(&labels, dimension));
    let bounds = [(&CPU, settings.cpu), (&MEMORY, settings.memory)].map(|(dimension, limits)| {
        let scale = if dimension.word == "cpu" { 1.0 } else { MIB };
        bounds(&labels, dimension, limits, scale)
    });
    let others = labels.unasked();
    let (ours, foreign): (Vec<&str>, Vec<&str>) = others.iter().partition(|key| key.starts_with(PREFIX));
    labels.aside(&foreign, "no labels of Asgard's autoscaler");
    if !ours.is_empty() {
        labels.finish();
    }
    let off: Vec<&str> = [(&CPU, targets[0]), (&MEMORY, targets[1])]
        .into_iter()
        .filter(|(dimension, target)| target.is_none() || ignored.contains(&dimension.word))
        .map(|(dimension, _)| dimension.word)
        .collect();
    if off.len() == 2 {
        let what = "no dimension is left to size, so Asgard leaves it alone";
        root.ledger().put(root.place(), Outcome::Aside, "labels", what, "");
        return None;
    }
    let mut draft = Draft::new(root.place(), &[name], format!("App /{name} of Marathon in {}", root.place().file));
    draft.set_with("select", sizes::select(&choices.driver, name), "the app, as the driver calls it");
    sizes::put_any_replicas(&mut draft);
    draft.set_with("every", "\"5m\"", "Asgard's period");
    let [cpu, memory] = bounds;
    sizes::put_bounds(&mut draft, cpu, memory);
    put_policy(root, &off, &targets, settings, choices, &mut draft);
    Some(draft)
}

/// Dimensions that the label `ignore` takes out. `None` where it takes out all, and the app is left alone.
fn ignored(labels: &Fields<'_>, choices: &Choices) -> Option<Vec<&'static str>> {
    let Some(field) = labels.get(IGNORE) else { return Some(Vec::new()) };
    let text = field.text()?;
    // Asgard looks for the words anywhere in the text; meant is a list.
    let contains = |word: &str| text.contains(word);
    let lists = |word: &str| text.split([';', ',', ' ']).any(|one| one.trim() == word);
    let read = |has: &dyn Fn(&str) -> bool| {
        let (cpu, memory) = (has("cpu").then_some("cpu"), has("mem").then_some("memory"));
        if has("all") { vec!["cpu", "memory"] } else { cpu.into_iter().chain(memory).collect::<Vec<_>>() }
    };
    let (wide, exact) = (read(&contains), read(&lists));
    let found = if choices.compat { wide.clone() } else { exact.clone() };
    if wide != exact {
        let what = format!(
            "Asgard looks for `cpu`, `mem` and `all` anywhere in the text and ignores {wide:?}; listed are {exact:?}, and \
             here {found:?} is ignored"
        );
        field.changed(what, "write the words apart, or use --compat for Asgard's reading");
    } else if found.len() == 2 {
        field.aside("the app is ignored by its own label");
        return None;
    } else {
        field.carried(format!("ignored: {found:?}"));
    }
    Some(found)
}

/// A dimension's target; `None` where it is not sized.
fn target(labels: &Fields<'_>, dimension: &Dimension) -> Option<f64> {
    let field = labels.get(dimension.label)?;
    let number = field.number()?;
    if (0.01..=1.0).contains(&number) {
        field.carried(format!("{} = {number}", dimension.target));
        return Some(number);
    }
    let what = "is not from 0.01 to 1, so the dimension is left alone; in Asgard 0 ends the cycle of all apps";
    field.lost(what, "write the share of what is set aside that is to be used");
    None
}

/// Bounds by label, or else by environment, which `scale` turns into cores or bytes.
fn bounds(labels: &Fields<'_>, dimension: &Dimension, settings: Limits, scale: f64) -> Figures {
    let read = |key| labels.get(key).and_then(|field| field.number().filter(|number| *number >= 0.0));
    let (min, max) = (read(dimension.min).or(settings.min), read(dimension.max).or(settings.max));
    let figure = |number: f64| {
        if dimension.word == "cpu" { sizes::millicores(number) } else { sizes::bytes(number * scale) }
    };
    // Zero, the default, bounds nothing.
    let mut figures = Figures { min: min.and_then(figure), max: max.and_then(figure) };
    for (key, side) in [(dimension.min, figures.min), (dimension.max, figures.max)] {
        if let Some(field) = labels.get(key) {
            match side {
                Some(_) => field.carried(format!("a bound of `{}`", dimension.word)),
                None => field.lost("is no bound: not above zero, or implausibly large", "correct the label"),
            }
        }
    }
    if let (Some(least), Some(most)) = (figures.min, figures.max)
        && least > most
    {
        let what = format!(
            "the least {} is above the most; in Asgard the least wins, and here both are the least",
            dimension.word
        );
        labels.ledger().put(labels.place(), Outcome::Changed, labels.path(), what, "correct the limits");
        figures.max = figures.min;
    }
    figures
}

fn put_policy(
    root: &Fields<'_>,
    off: &[&str],
    targets: &[Option<f64>; 2],
    settings: &Settings,
    choices: &Choices,
    draft: &mut Draft,
) {
    let tell = |outcome, what: &str, remedy: &str| root.ledger().put(root.place(), outcome, "", what, remedy);
    let mut policy = Policy::new("rightsizing");
    for (dimension, target) in [&CPU, &MEMORY].into_iter().zip(targets) {
        if let Some(target) = target.filter(|_| !off.contains(&dimension.word)) {
            policy.param(dimension.target, toml_text::float(target));
        }
    }
    match settings.margin.filter(|margin| *margin <= 1.0) {
        Some(margin) => policy.param("margin", toml_text::float(margin)),
        None => {
            let what = format!("no AUTOSCALER_MARGIN_THRESHOLD from 0 to 1 was given: margin = {MARGIN_DEFAULT}");
            tell(Outcome::Changed, &what, "give the environment as a file beside the apps");
            policy.param_with("margin", toml_text::float(MARGIN_DEFAULT), "its environment was not given");
        }
    }
    if !off.is_empty() {
        let words: Vec<String> = off.iter().map(|word| (*word).to_owned()).collect();
        policy.param("ignore", toml_text::texts(&words));
    }
    if choices.compat {
        policy.param_with("compat", "\"asgard\"", "decides as Asgard did; the bounds still keep memory above its peak");
    } else {
        let what = "sized for the instance that uses most, with room above use; Asgard takes the mean, and no room";
        tell(Outcome::Changed, what, "--compat decides as Asgard does");
    }
    draft.policy(policy);
    let readings = [
        ("cpu", "cpu_millicores", "CPU use in thousandths of a core"),
        ("cpu", "cpu_throttled_ratio", "Share of periods in which CPU was throttled, 0 to 1"),
        ("memory", "memory_bytes", "Memory in use in bytes"),
    ];
    for (dimension, name, of) in readings {
        if !off.contains(&dimension) {
            draft.reading(sizes::pushed(name, of));
        }
    }
    tell(
        Outcome::Changed,
        "readings are what somebody sends: this host does not ask Asgard's statistics",
        "see each reading",
    );
}
