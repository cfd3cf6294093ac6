//! `[policies]`: how versions of policies are treated.

use super::bounds::WEEK_MS;
use super::reader::Item;

/// How versions of policies are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicySettings {
    /// How long a version that was activated may not fail.
    pub probation_ms: u64,
    /// Whether it is gone back from by itself if it does, where the activation does not say.
    pub rollback_on_faults: bool,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self { probation_ms: 10 * 60 * 1000, rollback_on_faults: false }
    }
}

/// Reads `[policies]`.
pub(super) fn read_policy_settings(item: &Item<'_>) -> PolicySettings {
    let mut settings = PolicySettings::default();
    let Some(table) = item.table() else { return settings };
    if let Some(probation_ms) = table.get("probation").and_then(|item| item.duration_ms(1000..=WEEK_MS)) {
        settings.probation_ms = probation_ms;
    }
    if let Some(rollback) = table.get("rollback_on_faults").and_then(|item| item.flag()) {
        settings.rollback_on_faults = rollback;
    }
    table.finish();
    settings
}
