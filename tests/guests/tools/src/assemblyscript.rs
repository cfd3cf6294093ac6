//! Bindings for AssemblyScript, which has no generator of its own.
//!
//! Its classes can be laid over memory, so nothing is copied: a record of the contract becomes a class without fields, whose
//! getters and setters read and write the bytes where the canonical ABI puts them. What the host passes in is read where the host
//! has put it, and what a policy answers is built where the host will read it. `sdk/assemblyscript/trimtab/memory.ts` has what the
//! bindings stand on: texts, lists, `Some`.
//!
//! Two files: `contract.ts` for policies; `contract.mjs` has the same types as data, for whoever calls a policy from JavaScript.

mod classes;
mod table;
mod types;

use anyhow::{Context, Result, bail};
use wit_bindgen_core::Files;
use wit_parser::{Interface, Resolve, WorldId, WorldItem};

/// Writes both files.
///
/// # Errors
/// Where the world has what these bindings have no shape for: imports, functions outside an interface, resources and the like.
pub(crate) fn generate(resolve: &Resolve, world: WorldId, files: &mut Files) -> Result<()> {
    let world = resolve.worlds.get(world).context("the world is gone")?;
    let mut exported = Vec::new();
    for item in world.exports.values() {
        let WorldItem::Interface { id, .. } = item else {
            bail!("`{}` exports what is no interface, which has no shape in AssemblyScript", world.name);
        };
        let interface = resolve.interfaces.get(*id).context("the interface is gone")?;
        let name = resolve.id_of(*id).context("an exported interface has no name")?;
        exported.push(Exported { interface, name });
    }
    files.push("contract.ts", classes::write(resolve, &exported)?.as_bytes());
    files.push("contract.mjs", table::write(resolve, &exported)?.as_bytes());
    Ok(())
}

/// An interface that the world exports.
struct Exported<'a> {
    interface: &'a Interface,
    /// `package:name/interface@version`.
    name: String,
}
