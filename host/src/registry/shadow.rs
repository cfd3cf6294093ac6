//! Versions that watch: they are asked what the active one is asked, and nothing of what they say is done.
//!
//! They stand with the active version of their name, so that one compare-and-set both lets a version act and ends its
//! watching.

use serde::{Deserialize, Serialize};

use super::activate::Planned;
use super::active::Active;
use super::error::RegistryError;
use super::load::{Registry, short};
use super::upload::bare;

/// Versions that watch one slot at most: each costs as much as the active one.
pub const SHADOWS_MAX: usize = 8;
/// Entries of one name, over all bindings.
const ENTRIES_MAX: usize = 1_024;

/// A version that watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shadow {
    /// The version.
    pub digest: String,
    /// Beside whom; `None`: all bindings that use the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<String>,
    /// It is activated by itself once it has agreed with the active one in so many turns in a row, on every target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promote_after: Option<u32>,
    /// Whether it is then on probation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rollback_on_fault: bool,
    /// Who set it.
    pub by: String,
    /// When.
    pub at_ms: u64,
}

impl Active {
    /// Versions that watch beside the active one of a binding, in the order in which they were set: each once, and never the
    /// active one itself. What was set for the binding goes before what was set for all.
    #[must_use]
    pub fn shadows_for(&self, binding: &str) -> Vec<&Shadow> {
        let own = self.shadows.iter().filter(|shadow| shadow.binding.as_deref() == Some(binding));
        let all = self.shadows.iter().filter(|shadow| shadow.binding.is_none());
        let mut found: Vec<&Shadow> = Vec::new();
        for shadow in own.chain(all).filter(|shadow| self.digest_for(binding) != Some(shadow.digest.as_str())) {
            if found.iter().all(|known| known.digest != shadow.digest) {
                found.push(shadow);
            }
        }
        found.truncate(SHADOWS_MAX);
        found
    }

    /// Since when this digest watches, if it does.
    #[must_use]
    pub fn shadowed_ms(&self, digest: &str) -> Option<u64> {
        self.shadows.iter().filter(|shadow| shadow.digest == digest).map(|shadow| shadow.at_ms).min()
    }

    fn find_shadow(&self, digest: &str, binding: Option<&str>) -> Option<usize> {
        self.shadows.iter().position(|shadow| shadow.digest == digest && shadow.binding.as_deref() == binding)
    }

    /// Whether one more would be too many, for whom it is set or for any whom it would join.
    fn is_full(&self, binding: Option<&str>) -> bool {
        let count = |of: Option<&str>| self.shadows.iter().filter(|shadow| shadow.binding.as_deref() == of).count();
        let most = match binding {
            Some(_) => count(binding),
            None => self
                .shadows
                .iter()
                .filter_map(|shadow| shadow.binding.as_deref())
                .map(|one| count(Some(one)))
                .max()
                .unwrap_or(0),
        };
        most.saturating_add(count(None)) >= SHADOWS_MAX || self.shadows.len() >= ENTRIES_MAX
    }
}

impl Registry {
    /// What setting a version to watch comes to. Where it watches already, what is said of it anew holds. The digest may have
    /// `sha256:` in front.
    ///
    /// # Errors
    /// Where there is no such version of that name, it was not tried or is rejected, or too many watch already.
    pub async fn plan_shadow(&self, name: &str, shadow: Shadow) -> Result<Planned, RegistryError> {
        let digest = bare(&shadow.digest).to_owned();
        self.check_tried(name, &digest).await?;
        let (from_version, mut active) = self.versioned_active(name).await?.unwrap_or_default();
        let shadow = Shadow { digest: digest.clone(), ..shadow };
        if let Some(at) = active.find_shadow(&digest, shadow.binding.as_deref()) {
            active.shadows.remove(at);
        } else if active.is_full(shadow.binding.as_deref()) {
            let (name, binding) = (name.to_owned(), shadow.binding);
            return Err(RegistryError::TooManyShadows { name, binding, shadows_max: SHADOWS_MAX });
        }
        active.shadows.push(shadow);
        let mut planned = Planned::of(name, active, from_version);
        planned.shadows = Some(digest);
        Ok(planned)
    }

    /// What ending a version's watching comes to, for whom it was set.
    ///
    /// # Errors
    /// Where it does not watch for them.
    pub async fn plan_unshadow(
        &self,
        name: &str,
        digest: &str,
        binding: Option<&str>,
    ) -> Result<Planned, RegistryError> {
        let digest = bare(digest);
        let (from_version, mut active) = self.versioned_active(name).await?.unwrap_or_default();
        let Some(at) = active.find_shadow(digest, binding) else {
            let (name, digest, binding) = (name.to_owned(), short(digest), binding.map(str::to_owned));
            return Err(RegistryError::NoShadow { name, digest, binding });
        };
        active.shadows.remove(at);
        Ok(Planned::of(name, active, from_version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shadow(digest: &str, binding: Option<&str>) -> Shadow {
        Shadow {
            digest: digest.to_owned(),
            binding: binding.map(str::to_owned),
            promote_after: None,
            rollback_on_fault: false,
            by: "ada".to_owned(),
            at_ms: 1,
        }
    }

    fn digests<'a>(active: &'a Active, binding: &str) -> Vec<&'a str> {
        active.shadows_for(binding).into_iter().map(|shadow| shadow.digest.as_str()).collect()
    }

    #[test]
    fn a_version_watches_once_and_never_itself() {
        let mut active = Active::default().with("a", None, 1, "ada");
        active.shadows =
            vec![shadow("b", None), shadow("b", Some("web")), shadow("a", None), shadow("c", Some("shop"))];
        assert_eq!(digests(&active, "web"), ["b"]);
        assert_eq!(digests(&active, "shop"), ["c", "b"]);
        let own = active.with("b", Some("web"), 2, "ada");
        assert_eq!(digests(&own, "web"), ["a"], "and what it replaced watches it, having been set for all");
        assert_eq!(own.shadows.len(), 3, "it watches for all others still");
        assert_eq!(digests(&active.with("b", None, 2, "ada"), "shop"), ["c", "a"]);
    }

    #[test]
    fn so_many_watch_one_binding_and_no_more() {
        let mut active = Active::default();
        active.shadows = (0..5).map(|n| shadow(&n.to_string(), None)).collect();
        active.shadows.extend((5..8).map(|n| shadow(&n.to_string(), Some("web"))));
        assert!(active.is_full(Some("web")) && active.is_full(None) && !active.is_full(Some("shop")));
    }
}
