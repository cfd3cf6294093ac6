//! Overlord: `autoScale` of a directorProject becomes `rules`.
//!
//! From Overlord's schema and its loop `poll-autoscale`. What the deployment says of data centres, environments and tokens is
//! neither shown nor kept.

mod overload;

use std::rc::Rc;

use self::overload::Test;
use super::draft::{Draft, Policy, Reading};
use super::fields::{Field, Fields, shown};
use super::hpa::REPLICAS_MAX;
use super::node::documents;
use super::note::{Ledger, Outcome, Place};
use super::{Choices, Input, PUSH, Unreadable, sizes, toml_text};

/// Most replicas where Overlord says as many as there are nodes.
const MAX_STAND_IN: u32 = 10;
/// Longest statement that `rules` takes.
const STATEMENT_BYTES_MAX: usize = 1024;
const STATEMENTS_MAX: usize = 64;
/// How long all must be calm before a replica is taken away.
const CALM: &str = "5m";

pub(super) fn import(inputs: &[Input], ledger: &Ledger, choices: &Choices) -> Result<Vec<Draft>, Vec<Unreadable>> {
    let (mut drafts, mut unreadable) = (Vec::new(), Vec::new());
    for input in inputs {
        let documents = match documents(&input.file, &input.text) {
            Ok(documents) => documents,
            Err(why) => {
                unreadable.push(why);
                continue;
            }
        };
        let file: Rc<str> = Rc::from(input.file.as_str());
        for (index, node) in documents.iter().enumerate() {
            let name = node.get("projectName").and_then(super::node::Node::as_written).unwrap_or_default();
            let title = Rc::from(format!("directorProject {}", shown(&name)));
            let place = Place { file: Rc::clone(&file), document: index + 1, title, line: node.line };
            if let Some(root) = Field::new(ledger, &place, "", node).map() {
                drafts.extend(project(&root, &name, choices));
            }
        }
    }
    if unreadable.is_empty() { Ok(drafts) } else { Err(unreadable) }
}

fn project(root: &Fields<'_>, name: &str, choices: &Choices) -> Option<Draft> {
    let aside = |what: &str| root.ledger().put(root.place(), Outcome::Aside, "", what, "");
    if let Some(kind) = root.get("kind").filter(|kind| kind.node.text() != Some("directorProject")) {
        kind.aside("is no directorProject; Overlord scales nothing else");
        return None;
    }
    let Some(scale) = root.get("autoScale") else {
        aside("has no autoScale, so Overlord deploys it and scales nothing");
        return None;
    };
    let scale = scale.map()?;
    let project = root.need("projectName", "say which project it is")?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || name.len() > 200 || !name.chars().all(fits) {
        project.refused("is not a project's name", "use letters, digits, `.`, `_` and `-`");
        return None;
    }
    let deployment = [
        "datacenters",
        "deployIn",
        "maximumDeployments",
        "projectFile",
        "appConfig",
        "environment",
        "environFromMetadata",
        "datacentersEnvironment",
        "chainsEnvironment",
        "labelsEnvironment",
        "reserve_port",
    ];
    root.aside(&deployment, "how the project is deployed; values are not shown");
    root.finish();
    let mut draft = Draft::new(root.place(), &[name], format!("Project {name} of Overlord in {}", root.place().file));
    draft.set_with("select", sizes::select(&choices.driver, name), "the project, as the driver calls it");
    let min = put_replicas(&scale, &mut draft)?;
    draft.set_with("every", "\"23s\"", "Overlord's loop: 15 s and 6 to 10 s more");
    draft.set_with("step", "{ up = 1, down = 1 }", "one node in a pass");
    put_placement(&scale);
    let tests = overload::read(&scale, choices.compat, &mut draft);
    scale.finish();
    if tests.is_empty() {
        put_floor_alone(&scale, min, &mut draft);
    } else {
        put_rules(&scale, &tests, choices, &mut draft)?;
    }
    Some(draft)
}

fn put_replicas(scale: &Fields<'_>, draft: &mut Draft) -> Option<u32> {
    let replicas = scale.get("replicas").and_then(|field| field.map());
    let side = |key| replicas.as_ref().and_then(|map: &Fields<'_>| map.get(key));
    let count = |key| side(key).map(|field| (field.whole(1..=REPLICAS_MAX), field));
    let (min, max) = (count("min"), count("max"));
    for (count, field) in [&min, &max].into_iter().flatten() {
        if count.is_none() {
            field.refused("is no count of replicas", "correct replicas.min and replicas.max");
            return None;
        }
    }
    let min = min.and_then(|(count, _)| count).unwrap_or(1);
    let max = max.and_then(|(count, _)| count);
    let most = max.unwrap_or_else(|| min.max(MAX_STAND_IN));
    if min > most {
        side("min")?.refused(format!("min {min} is above max {most}"), "lower one or raise the other");
        return None;
    }
    if let Some(map) = replicas {
        map.finish();
    }
    let place = (scale.place(), format!("{}.replicas", scale.path()));
    let what = format!("replicas = {{ min = {min}, max = {most} }}; the minimum is kept by the bounds");
    if max.is_some() {
        scale.ledger().put(place.0, Outcome::Carried, &place.1, what, "add the policy availability to heal instances");
    } else {
        let what = format!("{what}; the maximum of Overlord is the number of nodes");
        scale.ledger().put(place.0, Outcome::Changed, &place.1, what, "set replicas.max to the number of nodes");
    }
    let comment = if max.is_some() { "" } else { "Overlord: as many as there are nodes" };
    draft.set_with("replicas", format!("{{ min = {min}, max = {most} }}"), comment);
    Some(min)
}

fn put_placement(scale: &Fields<'_>) {
    if let Some(field) = scale.get("labels") {
        let remedy = "say it in the driver's settings";
        field.lost("on which nodes replicas go, one on each, is the driver's", remedy);
    }
    if let Some(field) = scale.get("metadata") {
        field.lost(
            "nothing is copied to a node before a replica starts there",
            "have it there, or say it in the driver",
        );
    }
}

/// Without rules Overlord keeps the minimum and takes away what is above it.
fn put_floor_alone(scale: &Fields<'_>, min: u32, draft: &mut Draft) {
    let remedy = "add rules where load should count";
    let what = format!("there are no rules, so Overlord keeps {min}: replicas = {{ min = {min}, max = {min} }}");
    scale.ledger().put(scale.place(), Outcome::Changed, scale.path(), what, remedy);
    draft.set_with("replicas", format!("{{ min = {min}, max = {min} }}"), "no rules: Overlord shrinks to the minimum");
    draft.policy(Policy::new("availability"));
}

fn put_rules(scale: &Fields<'_>, tests: &[Test], choices: &Choices, draft: &mut Draft) -> Option<()> {
    let tell =
        |outcome, what: &str, remedy: &str| scale.ledger().put(scale.place(), outcome, scale.path(), what, remedy);
    let mut statements: Vec<String> = tests.iter().map(|test| format!("+1 when {}", test.fails)).collect();
    if choices.compat {
        draft.set_with("stabilization", "{ up = \"0s\", down = \"0s\" }", "as Overlord; remove for a calmer way down");
    } else {
        let calm: Vec<&str> = tests.iter().map(|test| test.passes.as_str()).collect();
        let down = format!("-1 when {} for {CALM}", calm.join(" and "));
        if down.len() > STATEMENT_BYTES_MAX {
            let remedy = "write a shorter rule by hand";
            tell(Outcome::Lost, "a rule for lowering would be longer than 1024 bytes, and there is none", remedy);
        } else {
            statements.push(down);
            let what = format!(
                "Overlord takes a replica away as soon as every test passes; here when all are below 70 % of their limits \
                 for {CALM}"
            );
            tell(Outcome::Changed, &what, "change the figures of the last rule, or use --compat");
        }
    }
    if statements.len() > STATEMENTS_MAX || statements.iter().any(|rule| rule.len() > STATEMENT_BYTES_MAX) {
        let what = "its rules are more than 64, or one is longer than 1024 bytes";
        tell(Outcome::Refused, what, "write the binding by hand, with fewer rules");
        return None;
    }
    let lines: String = statements.iter().map(|rule| format!("\n  {},", toml_text::text(rule))).collect();
    let mut policy = Policy::new("rules");
    policy.param("rules", format!("[{lines}\n]"));
    if choices.compat {
        policy.param_with("compat", "\"overlord\"", "decides as Overlord did, on missing data, too");
    }
    draft.policy(policy);
    tell(
        Outcome::Changed,
        "readings are what somebody sends: this host does not ask Overlord's nodes itself",
        "see each reading",
    );
    Some(())
}

/// A reading that somebody sends.
fn pushed(name: String, subject: Option<&'static str>, about: String) -> Reading {
    Reading { name, source: PUSH.to_owned(), subject, about, ..Reading::default() }
}
