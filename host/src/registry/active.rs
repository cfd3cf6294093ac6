//! Which version of a name runs: for all bindings, or for one of them. Pure; the registry keeps it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::shadow::Shadow;

/// Assignments that can be gone back to; older ones are forgotten.
const PREVIOUS_MAX: usize = 32;

/// Which version of a name runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Active {
    /// Digest for bindings that have none of their own; `None`: the policy of that name in this binary.
    #[serde(default)]
    pub default: Option<String>,
    /// Digests of bindings that have one of their own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bindings: BTreeMap<String, String>,
    /// What was before each change, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous: Vec<Previous>,
    /// Versions that watch, in the order in which they were set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shadows: Vec<Shadow>,
    /// Versions that are gone back from by themselves, if they fail soon.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probations: Vec<Probation>,
}

/// A version that was activated on probation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probation {
    /// For whom it was activated; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<String>,
    /// The version.
    pub digest: String,
    /// Until when.
    pub until_ms: u64,
}

/// What was before a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// Whom the change was about; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<String>,
    /// The digest for all, before.
    #[serde(default)]
    pub default: Option<String>,
    /// Those of single bindings, before.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bindings: BTreeMap<String, String>,
    /// When it was changed.
    pub at_ms: u64,
    /// By whom.
    pub by: String,
    /// Whether what was before failed when it was changed: it is then nobody's last good version.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub faulty: bool,
}

impl Previous {
    fn digest_for(&self, binding: &str) -> Option<&str> {
        self.bindings.get(binding).or(self.default.as_ref()).map(String::as_str)
    }
}

impl Active {
    /// The digest that a binding runs; `None`: the policy of that name in this binary.
    #[must_use]
    pub fn digest_for(&self, binding: &str) -> Option<&str> {
        self.bindings.get(binding).or(self.default.as_ref()).map(String::as_str)
    }

    /// Whether any binding runs it, or would.
    #[must_use]
    pub fn names(&self, digest: &str) -> bool {
        self.default.iter().chain(self.bindings.values()).any(|active| active == digest)
    }

    /// All that it names: what acts, what watches, and what can be gone back to.
    pub(super) fn digests(&self) -> impl Iterator<Item = &str> {
        let now = self.default.iter().chain(self.bindings.values());
        let before = self.previous.iter().flat_map(|before| before.default.iter().chain(before.bindings.values()));
        now.chain(before).chain(self.shadows.iter().map(|shadow| &shadow.digest)).map(String::as_str)
    }

    /// When this digest was last replaced.
    #[must_use]
    pub fn replaced_ms(&self, digest: &str) -> Option<u64> {
        let named = |before: &&Previous| before.default.iter().chain(before.bindings.values()).any(|one| one == digest);
        self.previous.iter().rev().find(named).map(|before| before.at_ms)
    }

    /// The probation that the version of a binding is on, if it is.
    #[must_use]
    pub fn probation_for(&self, binding: &str) -> Option<&Probation> {
        let digest = self.digest_for(binding)?;
        let scope = self.bindings.contains_key(binding).then_some(binding);
        self.probations.iter().find(|probation| probation.digest == digest && probation.binding.as_deref() == scope)
    }

    /// The version that a binding last ran without complaint before this one: its digest, or `Some(None)` for the policy of
    /// that name in this binary, where there is one. `None`: there was none.
    #[must_use]
    pub fn last_good(&self, binding: &str, is_built_in: bool) -> Option<Option<&str>> {
        let now = self.digest_for(binding);
        let failed = |before: &&Previous| before.faulty && before.binding.as_deref().is_none_or(|one| one == binding);
        let failed: Vec<Option<&str>> =
            self.previous.iter().filter(failed).map(|before| before.digest_for(binding)).collect();
        let before = self.previous.iter().rev().map(|before| before.digest_for(binding));
        let mut candidates = before.chain([None]);
        candidates.find(|one| *one != now && !failed.contains(one) && (one.is_some() || is_built_in))
    }

    /// With this digest for a binding, or for all: then none has one of its own any more.
    #[must_use]
    pub fn with(&self, digest: &str, binding: Option<&str>, at_ms: u64, by: &str) -> Self {
        let mut next = self.clone();
        next.previous.push(Previous {
            binding: binding.map(str::to_owned),
            default: self.default.clone(),
            bindings: self.bindings.clone(),
            at_ms,
            by: by.to_owned(),
            faulty: false,
        });
        let surplus = next.previous.len().saturating_sub(PREVIOUS_MAX);
        next.previous.drain(..surplus);
        // Who acts does not watch.
        let acts =
            |shadow: &Shadow| shadow.digest == digest && (binding.is_none() || shadow.binding.as_deref() == binding);
        next.shadows.retain(|shadow| !acts(shadow));
        next.probations.retain(|probation| binding.is_some() && probation.binding.as_deref() != binding);
        match binding {
            Some(binding) => drop(next.bindings.insert(binding.to_owned(), digest.to_owned())),
            None => {
                next.default = Some(digest.to_owned());
                next.bindings.clear();
            }
        }
        next
    }

    /// As it was before the last change for this binding, or before the last one for all. `None`: there was none.
    #[must_use]
    pub fn before(&self, binding: Option<&str>) -> Option<Self> {
        let at = self.previous.iter().rposition(|before| before.binding.as_deref() == binding)?;
        let mut next = self.clone();
        let before = next.previous.remove(at);
        next.probations.retain(|probation| probation.binding.as_deref() != binding);
        match binding {
            Some(binding) => match before.bindings.get(binding) {
                Some(digest) => drop(next.bindings.insert(binding.to_owned(), digest.clone())),
                None => drop(next.bindings.remove(binding)),
            },
            None => {
                next.default = before.default;
                // Those that were given one of their own since keep it.
                for (binding, digest) in before.bindings {
                    next.bindings.entry(binding).or_insert(digest);
                }
            }
        }
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn active() -> Active {
        Active::default().with("a", None, 1, "ada").with("b", None, 2, "ada")
    }

    #[test]
    fn rollback_goes_back_step_by_step_to_the_built_in_one() {
        let now = active();
        assert_eq!(now.digest_for("web"), Some("b"));
        assert_eq!(now.replaced_ms("a"), Some(2));
        let once = now.before(None).unwrap();
        assert_eq!(once.digest_for("web"), Some("a"));
        let twice = once.before(None).unwrap();
        assert_eq!(twice.digest_for("web"), None, "the one in the binary");
        assert_eq!(twice.before(None), None);
    }

    #[test]
    fn a_binding_can_have_one_of_its_own() {
        let now = active().with("c", Some("web"), 3, "ada");
        assert_eq!((now.digest_for("web"), now.digest_for("shop")), (Some("c"), Some("b")));
        let back = now.before(Some("web")).unwrap();
        assert_eq!(back.digest_for("web"), Some("b"));
        assert_eq!(back.before(Some("web")), None);
        let all = now.with("d", None, 4, "ada");
        assert_eq!(all.digest_for("web"), Some("d"), "for all is for all");
        assert_eq!(all.before(None).unwrap(), now, "and back is as it was");
    }

    #[test]
    fn the_last_good_version_is_none_that_failed() {
        let mut now = active().with("c", None, 3, "ada");
        assert_eq!(now.last_good("web", true), Some(Some("b")));
        now.previous[2].faulty = true;
        assert_eq!(now.last_good("web", true), Some(Some("a")), "b failed when c came");
        now.previous[1].faulty = true;
        assert_eq!(now.last_good("web", true), Some(None), "the one in the binary");
        assert_eq!(now.last_good("web", false), None, "which has none");
    }

    #[test]
    fn a_probation_ends_with_its_version() {
        let mut now = active();
        let on = |binding: Option<&str>, digest: &str| Probation {
            binding: binding.map(str::to_owned),
            digest: digest.to_owned(),
            until_ms: 9,
        };
        now.probations = vec![on(None, "b")];
        assert!(now.probation_for("web").is_some());
        let own = now.with("c", Some("web"), 3, "ada");
        assert_eq!((own.probation_for("web"), own.probation_for("shop").is_some()), (None, true));
        assert_eq!(now.with("d", None, 3, "ada").probations, []);
        assert_eq!(now.before(None).unwrap().probations, []);
    }

    #[test]
    fn what_is_forgotten_is_the_oldest() {
        let mut now = Active::default();
        for n in 0..40 {
            now = now.with(&n.to_string(), None, n, "ada");
        }
        assert_eq!(now.previous.len(), PREVIOUS_MAX);
        assert_eq!(now.before(None).unwrap().digest_for("web"), Some("38"));
    }
}
