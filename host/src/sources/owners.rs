//! Whose a series is, by its labels.

use std::collections::{BTreeMap, HashMap};

use super::Ask;
use crate::snapshot::{Subject, TargetId};

/// The targets of one question, by what a label may call them.
#[derive(Debug)]
pub(super) struct Owners<'a> {
    target_label: &'a str,
    /// The label that names the instance, node, queue …; `None` where the reading is the target's own.
    owner_label: Option<&'a str>,
    /// By id and by name; `None` where two targets share the name.
    targets: HashMap<&'a str, Option<&'a TargetId>>,
    /// By id, for series that name no target; `None` where two targets have such an instance.
    instances: HashMap<&'a str, Option<&'a TargetId>>,
    only: Option<&'a TargetId>,
}

impl<'a> Owners<'a> {
    pub(super) fn new(ask: &'a Ask<'a>, target_label: &'a str, instance_label: &'a str) -> Self {
        let label = ask.spec.label.as_deref();
        let (target_label, owner_label) = match ask.spec.subject {
            Subject::Target => (label.unwrap_or(target_label), None),
            Subject::Instance => (target_label, Some(label.unwrap_or(instance_label))),
            _ => (target_label, label),
        };
        let mut targets = HashMap::new();
        let mut instances = HashMap::new();
        for asked in ask.targets {
            let id = &asked.target.id;
            targets.entry(id.name()).and_modify(|of| *of = None).or_insert(Some(id));
            if ask.spec.subject == Subject::Instance {
                for instance in asked.instances {
                    instances.entry(instance.id.as_str()).and_modify(|of| *of = None).or_insert(Some(id));
                }
            }
        }
        for asked in ask.targets {
            targets.insert(asked.target.id.as_str(), Some(&asked.target.id));
        }
        let only = match ask.targets {
            [one] => Some(&one.target.id),
            _ => None,
        };
        Self { target_label, owner_label, targets, instances, only }
    }

    /// The target, and the owner within it. `None`: it is of a target that was not asked about. An error: it could be of
    /// several, or nothing says of which.
    pub(super) fn of(&self, labels: &BTreeMap<String, String>) -> Option<Result<(TargetId, Option<String>), String>> {
        let owner = match self.owner_label {
            None => None,
            Some(label) => match labels.get(label) {
                Some(owner) => Some(owner.clone()),
                None => return Some(Err(format!("it has no label {label}, which would name the owner"))),
            },
        };
        let target = match (labels.get(self.target_label), &owner) {
            (Some(name), _) => match self.targets.get(name.as_str())? {
                Some(target) => *target,
                None => return Some(Err(format!("several targets are called {name}; write the id, driver/name"))),
            },
            (None, Some(owner)) if !self.instances.is_empty() => match self.instances.get(owner.as_str())? {
                Some(target) => *target,
                None => return Some(Err(format!("several targets have an instance {owner}"))),
            },
            // A query that one target alone asks may sum everything away.
            (None, _) => match self.only {
                Some(target) => target,
                None => {
                    return Some(Err(format!("it has no label {}, which would name the target", self.target_label)));
                }
            },
        };
        Some(Ok((target.clone(), owner)))
    }
}
