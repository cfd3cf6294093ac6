//! The guest written by hand. Its module says nothing about its component type: the host embeds it.

use std::path::Path;

use anyhow::Result;

use super::{Workshop, steps};

/// Assembles it.
///
/// # Errors
/// Where the text is wrong.
pub(super) fn build(workshop: &Workshop<'_>, out: &Path) -> Result<()> {
    steps::run(workshop.tool().arg("module").arg(workshop.sources.join("wat/policy.wat")).arg(out))
}
