//! The contract's values for languages whose values need no code to cross: TypeScript's types, and Python's classes.
//!
//! Both tools that make a component of such a language bring bindings of their own at build time. What is made here is for people
//! and for tests outside the sandbox, with the same names.

mod python;
mod typescript;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use wit_parser::{Interface, Resolve, TypeDef, TypeDefKind, TypeId};

pub(crate) use python::Python;
pub(crate) use typescript::TypeScript;

/// What is special to one language.
pub(crate) trait Declare {
    /// The file that is written.
    const FILE: &'static str;
    /// How it begins: that it is made, from what.
    const HEAD: &'static str;

    /// One type, with its comment.
    fn declare(&self, resolve: &Resolve, name: &str, declared: &TypeDef) -> String;
}

/// Writes the types of the interface `types`, in their order.
///
/// # Errors
/// Where the WIT file is wrong, or has no such interface, or the disk fails.
pub(crate) fn write<D: Declare>(language: &D, wit: &Path, out: &Path) -> Result<()> {
    let mut resolve = Resolve::default();
    resolve.push_file(wit).with_context(|| format!("reading {}", wit.display()))?;
    let interface = types(&resolve).with_context(|| format!("{} has no interface `types`", wit.display()))?;
    let mut text = D::HEAD.to_owned();
    for (name, declared) in in_order(&resolve, interface) {
        text.push_str(&language.declare(&resolve, name, declared));
    }
    let path = out.join(D::FILE);
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
}

fn types(resolve: &Resolve) -> Option<&Interface> {
    resolve.interfaces.iter().map(|(_, interface)| interface).find(|one| one.name.as_deref() == Some("types"))
}

fn in_order<'r>(resolve: &'r Resolve, interface: &'r Interface) -> impl Iterator<Item = (&'r str, &'r TypeDef)> {
    interface.types.iter().filter_map(|(name, id)| Some((name.as_str(), resolve.types.get(*id)?)))
}

/// What a name of a type leads to.
fn defined(resolve: &Resolve, id: TypeId) -> Option<(Option<&str>, &TypeDefKind)> {
    let declared = resolve.types.get(id)?;
    Some((declared.name.as_deref(), &declared.kind))
}

/// `param-value` becomes `ParamValue`.
fn upper_camel(name: &str) -> String {
    name.split('-').map(capital).collect()
}

/// `look-back-ms` becomes `lookBackMs`.
fn lower_camel(name: &str) -> String {
    let camel = upper_camel(name);
    let mut chars = camel.chars();
    chars.next().map(|first| first.to_ascii_lowercase().to_string() + chars.as_str()).unwrap_or_default()
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
}
