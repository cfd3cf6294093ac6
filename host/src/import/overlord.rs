//! Overlord: `autoScale` of a directorProject becomes `rules`.
//!
//! From Overlord's schema and its loop `poll-autoscale`. What the deployment says of data centres, environments and tokens is
//! neither shown nor kept.

mod overload;

use std::rc::Rc;

use self::overload::Test;
use super::draft::{Draft, Policy, Reading};
use super::fields::{Field, Fields, shown};
use super::node::documents;
use super::note::{Ledger, Outcome, Place};
use super::{Choices, Input, PUSH, REPLICAS_MAX, Unreadable, sizes, toml_text};

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
    let replicas = Replicas::read(&scale)?;
    draft.set_with("every", "\"23s\"", "Overlord's loop: 15 s and 6 to 10 s more");
    draft.set_with("step", "{ up = 1, down = 1 }", "one node in a pass");
    put_placement(&scale);
    let tests = overload::read(&scale, choices, &mut draft);
    scale.finish();
    replicas.put(&scale, tests.is_empty(), &mut draft);
    if tests.is_empty() {
        // Somebody must decide, and what there is to do is to keep the count.
        draft.policy(Policy::new("availability"));
    } else {
        put_rules(&scale, &tests, choices, &mut draft)?;
    }
    Some(draft)
}

/// `replicas`.
struct Replicas {
    min: u32,
    /// Left out: as many as there are nodes.
    max: Option<u32>,
}

impl Replicas {
    fn read(scale: &Fields<'_>) -> Option<Self> {
        let map = scale.get("replicas").and_then(|field| field.map());
        let side = |key| map.as_ref().and_then(|map: &Fields<'_>| map.get(key));
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
        if let Some(most) = max.filter(|most| min > *most) {
            side("max")?.refused(format!("max {most} is below min {min}"), "lower one or raise the other");
            return None;
        }
        if let Some(map) = map {
            map.finish();
        }
        Some(Self { min, max })
    }

    /// Without rules Overlord keeps the minimum and takes away what is above it.
    fn put(&self, scale: &Fields<'_>, is_floor: bool, draft: &mut Draft) {
        let min = self.min;
        let (max, outcome, why, remedy) = match self.max {
            _ if is_floor => (
                min,
                Outcome::Changed,
                "without rules Overlord shrinks to the minimum",
                "add rules where load is to count, and a maximum",
            ),
            Some(max) => (
                max,
                Outcome::Carried,
                "the minimum is kept by the bounds",
                "add the policy availability to heal instances, too",
            ),
            None => (
                min.max(MAX_STAND_IN),
                Outcome::Changed,
                "the maximum of Overlord is the number of nodes",
                "set replicas.max to the number of nodes",
            ),
        };
        let replicas = format!("{{ min = {min}, max = {max} }}");
        let what = format!("replicas = {replicas}: {why}");
        scale.ledger().put(scale.place(), outcome, &format!("{}.replicas", scale.path()), what, remedy);
        draft.set_with("replicas", replicas, if outcome == Outcome::Carried { "" } else { why });
    }
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

/// A reading of nodes, which cannot be sent.
fn of_nodes(name: String, resource: &str, choices: &Choices) -> Reading {
    Reading {
        name,
        source: choices.source.clone(),
        query: Some(format!("sum by (node) (rctl_{resource})")),
        subject: Some("node"),
        label: Some("node"),
        about: format!(
            "rctl's {resource} of all jails of each node together: write the query that your exporter needs."
        ),
    }
}
