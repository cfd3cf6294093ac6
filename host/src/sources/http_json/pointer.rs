//! JSON pointers (RFC 6901), with steps that stand for a target's or an instance's name.

use serde_json::Value;

use crate::snapshot::TargetId;

/// A pointer, taken apart.
#[derive(Debug)]
pub(super) struct Pointer<'a> {
    steps: Vec<Step>,
    /// The field that holds the name of an array's element.
    name_field: &'a str,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Target,
    Instance,
}

impl<'a> Pointer<'a> {
    pub(super) fn parse(text: &str, name_field: &'a str) -> Result<Self, String> {
        let rest = match text.strip_prefix('/') {
            Some(rest) => rest,
            None if text.is_empty() => return Ok(Self { steps: Vec::new(), name_field }),
            None => return Err(format!("pointer {text:?} does not begin with a slash")),
        };
        let steps = rest
            .split('/')
            .map(|step| match step {
                "{target}" => Ok(Step::Target),
                "{instance}" => Ok(Step::Instance),
                _ if step.contains("{target}") || step.contains("{instance}") => {
                    Err(format!("{step:?}: the name must be a step of its own, between slashes"))
                }
                _ => Ok(Step::Key(step.replace("~1", "/").replace("~0", "~"))),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { steps, name_field })
    }

    pub(super) fn names_instance(&self) -> bool {
        self.steps.contains(&Step::Instance)
    }

    /// What it points at for this target and instance. A target goes by its id or by its name, the id first.
    pub(super) fn find<'v>(&self, document: &'v Value, target: &TargetId, instance: Option<&str>) -> Option<&'v Value> {
        self.steps.iter().try_fold(document, |value, step| match step {
            Step::Key(key) => child(value, key),
            Step::Target => self.named(value, target.as_str()).or_else(|| self.named(value, target.name())),
            Step::Instance => self.named(value, instance?),
        })
    }

    fn named<'v>(&self, value: &'v Value, name: &str) -> Option<&'v Value> {
        match value {
            Value::Array(elements) => {
                elements.iter().find(|element| element.get(self.name_field).and_then(Value::as_str) == Some(name))
            }
            _ => value.get(name),
        }
    }
}

fn child<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    match value {
        // As RFC 6901 has it: no sign, no leading zero.
        Value::Array(elements) if key == "0" || !key.starts_with(['0', '+']) => {
            elements.get(key.parse::<usize>().ok()?)
        }
        Value::Array(_) => None,
        _ => value.get(key),
    }
}
