//! `contract.mjs`: the functions and types as data. Whoever reads it computes the layouts by himself, which holds those of
//! `contract.ts` to the specification.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};
use wit_parser::{Resolve, Type, TypeDefKind};

use super::Exported;
use super::types::{Types, member};

const HEAD: &str = "\
// Made from wit/v1/policy.wit by `cargo xtask bindings`; not to be edited.

";

/// Writes the table.
pub(super) fn write(resolve: &Resolve, exported: &[Exported<'_>]) -> Result<String> {
    let types = Types::new(resolve);
    let mut out = HEAD.to_owned();
    out.push_str(
        "/** The exported functions by the name of their door in contract.ts: name in the module, parameters, result. */\n\
         export const functions = {\n",
    );
    for one in exported {
        for function in one.interface.functions.values() {
            let parameters: Vec<String> =
                function.params.iter().map(|one| shape(&types, &one.ty)).collect::<Result<_>>()?;
            let result = function.result.as_ref().context("a function answers nothing")?;
            writeln!(
                out,
                "  {}: {{ name: \"{}#{}\", parameters: [{}], result: {} }},",
                member(&function.name),
                one.name,
                function.name,
                parameters.join(", "),
                shape(&types, result)?
            )?;
        }
    }
    out.push_str(
        "};\n\n/** The types by name. A shape is a name, or a kind and what it is made of; `null` is a case without payload. */\n\
         export const types = {\n",
    );
    for (_, definition) in &resolve.types {
        let Some(name) = &definition.name else { continue };
        match &definition.kind {
            TypeDefKind::Record(record) => {
                writeln!(out, "  \"{name}\": [\"record\", [")?;
                for field in &record.fields {
                    writeln!(out, "    [\"{}\", {}],", member(&field.name), shape(&types, &field.ty)?)?;
                }
                out.push_str("  ]],\n");
            }
            TypeDefKind::Variant(variant) => {
                writeln!(out, "  \"{name}\": [\"variant\", [")?;
                for case in &variant.cases {
                    let payload = case.ty.as_ref().map_or_else(|| Ok("null".to_owned()), |ty| shape(&types, ty))?;
                    writeln!(out, "    [\"{}\", {payload}],", member(&case.name))?;
                }
                out.push_str("  ]],\n");
            }
            _ => {}
        }
    }
    out.push_str("};\n");
    Ok(out)
}

fn shape(types: &Types<'_>, ty: &Type) -> Result<String> {
    let id = match ty {
        Type::Id(id) => *id,
        Type::String => return Ok("\"string\"".to_owned()),
        plain => return Ok(format!("\"{}\"", format!("{plain:?}").to_lowercase())),
    };
    let (_, definition) = types.definition(id)?;
    Ok(match &definition.kind {
        TypeDefKind::Record(_) | TypeDefKind::Variant(_) => {
            format!("\"{}\"", definition.name.as_deref().unwrap_or_default())
        }
        TypeDefKind::Type(ty) => shape(types, ty)?,
        TypeDefKind::List(item) => format!("[\"list\", {}]", shape(types, item)?),
        TypeDefKind::Option(some) => format!("[\"option\", {}]", shape(types, some)?),
        TypeDefKind::Tuple(tuple) => {
            let items: Vec<String> = tuple.types.iter().map(|ty| shape(types, ty)).collect::<Result<_>>()?;
            format!("[\"tuple\", [{}]]", items.join(", "))
        }
        TypeDefKind::Result(result) => {
            let (ok, err) = (result.ok.as_ref(), result.err.as_ref());
            let (ok, err) = ok.zip(err).context("a result without a value has no shape in JavaScript")?;
            format!("[\"result\", {}, {}]", shape(types, ok)?, shape(types, err)?)
        }
        other => bail!("a {} has no shape in JavaScript", other.as_str()),
    })
}
