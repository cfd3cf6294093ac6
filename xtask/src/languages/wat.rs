//! WebAssembly's own text, which trimtab assembles by itself: its test too needs nothing but trimtab, on the path.

use std::path::Path;

use anyhow::{Context, Result};

use super::{Language, Tools, Workshop, by_trimtab};
use crate::index::Kind;

pub(super) const LANGUAGE: Language =
    Language { name: "wat", kind: Kind::Module, quick: true, prepare, build: by_trimtab, tests: &[&["sh", "test.sh"]] };

fn prepare(workshop: &Workshop<'_>, _: &Path) -> Result<Tools> {
    let folder = workshop.trimtab.parent().context("the binary lies in no folder")?;
    Ok(Tools { path: vec![folder.to_owned()], ..Tools::default() })
}
