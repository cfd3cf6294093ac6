//! What a stranger's bytes are, found out before anything is compiled.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What a component must export. The sandbox knows no contract; whoever loads a component says which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct World {
    /// `trimtab:policy`.
    pub package: Cow<'static, str>,
    /// The world's name in the package.
    pub name: Cow<'static, str>,
    /// The interface that is exported.
    pub interface: Cow<'static, str>,
    /// The version that this host speaks.
    pub version: Cow<'static, str>,
    /// The package as WIT text.
    pub wit: Cow<'static, str>,
}

impl World {
    /// The name of the export: `trimtab:policy/decide@0.1.0`.
    #[must_use]
    pub fn export(&self) -> String {
        format!("{}/{}@{}", self.package, self.interface, self.version)
    }
}
