//! Where a token holds: everywhere, for bindings of some names, for targets with some labels.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Most patterns, and most labels.
const PARTS_MAX: usize = 64;
/// Most bytes of a pattern, a label or its value.
const PART_BYTES_MAX: usize = 253;

/// All that is set must fit; nothing set is the whole host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Names of bindings, in which `*` stands for any characters; none: of whatever name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bindings: Vec<String>,
    /// The driver whose targets it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// Labels that targets must carry.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// A target or a binding, as a scope sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place<'a> {
    /// The binding itself, or all that sit on the target.
    pub bindings: Vec<&'a str>,
    /// The target's driver, or the one that the binding selects from; `None`: of several, or not known.
    pub driver: Option<&'a str>,
    /// The target's labels, or those that the binding selects by.
    pub labels: Option<&'a BTreeMap<String, String>>,
}

/// Why a scope cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// Too many parts.
    #[error("a scope has at most {PARTS_MAX} patterns and {PARTS_MAX} labels")]
    Many,
    /// A part that fits nothing.
    #[error("{0:?} is empty, longer than {PART_BYTES_MAX} bytes, or holds control characters")]
    Part(String),
    /// A pattern that could fit no binding.
    #[error(
        "{0:?} fits no binding: their names are letters, digits, \"-\" and \"_\", and \"*\" stands for any of them"
    )]
    Pattern(String),
}

impl Scope {
    /// Whether it is the whole host.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.bindings.is_empty() && self.driver.is_none() && self.labels.is_empty()
    }

    /// Whether it says which targets it is for, not only which names of bindings.
    pub(super) fn is_for_targets(&self) -> bool {
        self.driver.is_some() || !self.labels.is_empty()
    }

    /// Whether it covers some of this place: enough to look at it.
    pub(super) fn touches(&self, place: &Place<'_>) -> bool {
        let named = self.bindings.is_empty() || place.bindings.iter().any(|name| self.names(name));
        named && self.selects(place)
    }

    /// Whether it covers all of this place: whoever changes a target changes it for every binding that sits on it.
    pub(super) fn covers(&self, place: &Place<'_>) -> bool {
        let all_named = !place.bindings.is_empty() && place.bindings.iter().all(|name| self.names(name));
        (self.bindings.is_empty() || all_named) && self.selects(place)
    }

    fn names(&self, binding: &str) -> bool {
        self.bindings.iter().any(|pattern| fits(pattern.as_bytes(), binding.as_bytes()))
    }

    /// What is not known fits nothing.
    fn selects(&self, place: &Place<'_>) -> bool {
        let driver = self.driver.as_deref().is_none_or(|driver| place.driver == Some(driver));
        let carries = |(label, value): (&String, &String)| {
            place.labels.is_some_and(|labels| labels.get(label).is_some_and(|carried| carried == value))
        };
        driver && self.labels.iter().all(carries)
    }

    /// Refuses what fits nothing or is too much.
    pub(super) fn check(&self) -> Result<(), ScopeError> {
        if self.bindings.len() > PARTS_MAX || self.labels.len() > PARTS_MAX {
            return Err(ScopeError::Many);
        }
        let labels = self.labels.iter().flat_map(|(label, value)| [label, value]);
        for part in self.bindings.iter().chain(&self.driver).chain(labels) {
            if part.is_empty() || part.len() > PART_BYTES_MAX || part.chars().any(char::is_control) {
                return Err(ScopeError::Part(part.clone()));
            }
        }
        let of_a_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*');
        match self.bindings.iter().find(|pattern| !pattern.chars().all(of_a_name)) {
            Some(pattern) => Err(ScopeError::Pattern(pattern.clone())),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_whole() {
            return f.write_str("the whole host");
        }
        let mut parts = Vec::new();
        if !self.bindings.is_empty() {
            parts.push(format!("bindings {}", self.bindings.join(", ")));
        }
        parts.extend(self.driver.iter().map(|driver| format!("driver {driver}")));
        parts.extend(self.labels.iter().map(|(label, value)| format!("{label}={value}")));
        f.write_str(&parts.join("; "))
    }
}

/// Whether a text fits a pattern whose `*` stands for any bytes. Goes back to the last `*` only, so that its time is at most
/// the product of both lengths whatever the pattern.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut in_text, mut star) = (0, 0, None);
    while let Some(byte) = text.get(in_text) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, in_text));
                at += 1;
            }
            Some(wanted) if wanted == byte => {
                at += 1;
                in_text += 1;
            }
            _ => match star {
                Some((star_at, from)) => {
                    star = Some((star_at, from + 1));
                    at = star_at + 1;
                    in_text = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|byte| *byte == b'*')
}
