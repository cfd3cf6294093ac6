//! `contract.ts`: a class for each record and variant, and one that a policy implements.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use heck::ToUpperCamelCase as _;
use wit_parser::abi::AbiVariant;
use wit_parser::{Docs, Function, Resolve, Type, TypeDef, TypeDefKind, TypeId};

use super::Exported;
use super::types::{Types, identifier};

const HEAD: &str = "\
// Made from wit/v1/policy.wit by `cargo xtask bindings`; not to be edited.
//
// Each class lies over memory of the canonical ABI. Nothing is copied: a getter reads, a setter writes where the host does. A list or
// record that is set into another is copied as it is then; later changes of it are its own.

import { List, Some, listAt, setText, textAt, zeroed } from \"../memory\";
";

/// Writes all of them.
pub(super) fn write(resolve: &Resolve, exported: &[Exported<'_>]) -> Result<String> {
    let mut types = Types::new(resolve);
    let mut out = HEAD.to_owned();
    for (id, definition) in &resolve.types {
        if definition.name.is_some() {
            class(&mut types, &mut out, id, definition)?;
        }
    }
    let mut doors = String::new();
    for one in exported {
        interface(&mut types, &mut doors, resolve, one)?;
    }
    // Naming one may name another.
    let mut written = Vec::new();
    while let Some((name, id)) = types.unnamed.iter().find(|(name, _)| !written.contains(*name)) {
        let (name, id) = (name.clone(), *id);
        let (_, definition) = types.definition(id)?;
        unnamed(&mut types, &mut out, &name, id, definition)?;
        written.push(name);
    }
    Ok(out + &doors)
}

fn class(types: &mut Types<'_>, out: &mut String, id: TypeId, definition: &TypeDef) -> Result<()> {
    let name = definition.name.as_deref().unwrap_or_default().to_upper_camel_case();
    match &definition.kind {
        TypeDefKind::Record(record) => {
            let fields: Vec<_> = record.fields.iter().map(|one| (one.name.clone(), one.ty, &one.docs)).collect();
            product(types, out, &name, id, &definition.docs, &fields)
        }
        TypeDefKind::Variant(variant) => {
            let cases: Vec<_> = variant.cases.iter().map(|one| (one.name.clone(), one.ty, &one.docs)).collect();
            choice(types, out, &name, id, &definition.docs, &cases)
        }
        // Named where they stand.
        TypeDefKind::Type(_) | TypeDefKind::List(_) | TypeDefKind::Tuple(_) | TypeDefKind::Option(_) => Ok(()),
        other => bail!("`{name}` is a {}, which has no shape in AssemblyScript", other.as_str()),
    }
}

fn unnamed(types: &mut Types<'_>, out: &mut String, name: &str, id: TypeId, definition: &TypeDef) -> Result<()> {
    let none = Docs::default();
    match &definition.kind {
        TypeDefKind::Tuple(tuple) => {
            const NAMES: [&str; 4] = ["first", "second", "third", "fourth"];
            if tuple.types.len() > NAMES.len() {
                bail!("a tuple of {} has no shape in AssemblyScript", tuple.types.len());
            }
            let fields: Vec<_> =
                NAMES.iter().zip(&tuple.types).map(|(name, ty)| ((*name).to_owned(), *ty, &none)).collect();
            product(types, out, name, id, &none, &fields)
        }
        TypeDefKind::Result(result) => {
            let cases = [("ok".to_owned(), result.ok, &none), ("err".to_owned(), result.err, &none)];
            choice(types, out, name, id, &none, &cases)
        }
        other => bail!("`{name}` is a {}, which has no shape in AssemblyScript", other.as_str()),
    }
}

/// A class of a record or tuple.
fn product(
    types: &mut Types<'_>,
    out: &mut String,
    name: &str,
    id: TypeId,
    docs: &Docs,
    fields: &[(String, Type, &Docs)],
) -> Result<()> {
    begin(types, out, name, id, docs)?;
    let kinds: Vec<Type> = fields.iter().map(|(_, ty, _)| *ty).collect();
    let offsets = types.offsets(&kinds);
    for ((field, ty, docs), offset) in fields.iter().zip(offsets) {
        let (field, kind) = (identifier(field), types.name(ty)?);
        let (read, write) = (types.read(ty, AT, offset)?, types.write(ty, AT, offset, "value")?);
        comment(out, "  ", docs);
        writeln!(out, "  get {field}(): {kind} {{\n    return {read};\n  }}")?;
        writeln!(out, "  set {field}(value: {kind}) {{\n    {write}\n  }}")?;
    }
    out.push_str("}\n");
    Ok(())
}

/// The bytes that a class lies over.
const AT: &str = "changetype<usize>(this)";

/// A class of a variant or result: its `tag`, for each case a function that makes it, and a getter that is `null` for other cases.
fn choice(
    types: &mut Types<'_>,
    out: &mut String,
    name: &str,
    id: TypeId,
    docs: &Docs,
    cases: &[(String, Option<Type>, &Docs)],
) -> Result<()> {
    let tags: Vec<String> = cases.iter().map(|(case, _, _)| case.to_upper_camel_case()).collect();
    writeln!(
        out,
        "\n/** Which case of {name} it is. */\nexport const enum {name}Case {{\n  {},\n}}",
        tags.join(",\n  ")
    )?;
    begin(types, out, name, id, docs)?;
    writeln!(
        out,
        "  /** Which case it is. */\n  get tag(): {name}Case {{\n    return <{name}Case>load<u8>({AT});\n  }}"
    )?;
    let payloads: Vec<Option<Type>> = cases.iter().map(|(_, ty, _)| *ty).collect();
    let payload = types.payload(&payloads)?;
    for ((case, ty, docs), tag) in cases.iter().zip(&tags) {
        let case = identifier(case);
        comment(out, "  ", docs);
        let Some(ty) = ty else {
            writeln!(out, "  static {case}(): {name} {{")?;
            writeln!(out, "    const made = new {name}();\n    store<u8>(changetype<usize>(made), {name}Case.{tag});")?;
            writeln!(out, "    return made;\n  }}")?;
            continue;
        };
        let (kind, read) = (types.name(ty)?, types.read_some(ty, AT, payload)?);
        let write = types.write(ty, "changetype<usize>(made)", payload, "value")?;
        writeln!(out, "  static {case}(value: {kind}): {name} {{")?;
        writeln!(out, "    const made = new {name}();\n    store<u8>(changetype<usize>(made), {name}Case.{tag});")?;
        writeln!(out, "    {write}\n    return made;\n  }}")?;
        comment(out, "  ", docs);
        writeln!(out, "  get {case}(): {} {{", types.name_some(ty)?)?;
        writeln!(out, "    return load<u8>({AT}) == {name}Case.{tag} ? {read} : null;\n  }}")?;
    }
    out.push_str("}\n");
    Ok(())
}

fn begin(types: &Types<'_>, out: &mut String, name: &str, id: TypeId, docs: &Docs) -> Result<()> {
    let bytes = types.bytes(&Type::Id(id));
    out.push('\n');
    comment(out, "", docs);
    writeln!(out, "@unmanaged @final export class {name} {{")?;
    writeln!(out, "  constructor() {{\n    return changetype<{name}>(zeroed({bytes}));\n  }}")?;
    writeln!(
        out,
        "  /** How many bytes one takes in a list. */\n  @inline __bytes(): usize {{\n    return {bytes};\n  }}"
    )?;
    Ok(())
}

/// The class that a policy implements, and the functions that the module exports.
fn interface(types: &mut Types<'_>, out: &mut String, resolve: &Resolve, exported: &Exported<'_>) -> Result<()> {
    let name = exported.interface.name.as_deref().unwrap_or_default().to_upper_camel_case();
    out.push('\n');
    comment(out, "", &exported.interface.docs);
    writeln!(out, "export abstract class {name} {{")?;
    for function in exported.interface.functions.values() {
        let parameters: Vec<String> = function
            .params
            .iter()
            .map(|one| Ok(format!("{}: {}", identifier(&one.name), types.name(&one.ty)?)))
            .collect::<Result<_>>()?;
        let result = result_of(types, function)?;
        comment(out, "  ", &function.docs);
        writeln!(out, "  abstract {}({}): {result};", identifier(&function.name), parameters.join(", "))?;
    }
    out.push_str("}\n");
    for function in exported.interface.functions.values() {
        door(types, out, resolve, &name, function)?;
    }
    Ok(())
}

/// One exported function: the arguments as they cross, made into what the policy takes.
fn door(types: &mut Types<'_>, out: &mut String, resolve: &Resolve, class: &str, function: &Function) -> Result<()> {
    let signature = resolve.wasm_signature(AbiVariant::GuestExport, function);
    if !signature.retptr {
        bail!("`{}` answers with a number, which has no shape in these bindings", function.name);
    }
    let name = identifier(&function.name);
    let (mut crossing, mut passed) = (vec![format!("to: {class}")], Vec::new());
    for one in &function.params {
        let (argument, kind) = (identifier(&one.name), types.name(&one.ty)?);
        let item = kind.strip_prefix("List<").and_then(|rest| rest.strip_suffix('>'));
        match item {
            _ if signature.indirect_params && function.params.len() == 1 => {
                crossing.push(format!("{argument}: usize"));
                passed.push(format!("changetype<{kind}>({argument})"));
            }
            Some(item) if !signature.indirect_params => {
                crossing.push(format!("{argument}: usize, {argument}Count: i32"));
                passed.push(format!("listAt<{item}>({argument}, {argument}Count)"));
            }
            _ => bail!("`{}` takes a {kind} in a way that has no shape in these bindings", function.name),
        }
    }
    writeln!(out, "\n/** `{}` as it crosses: addresses of the arguments and of the answer. */", function.name)?;
    writeln!(out, "export function {name}({}): usize {{", crossing.join(", "))?;
    writeln!(out, "  return changetype<usize>(to.{name}({}));\n}}", passed.join(", "))?;
    Ok(())
}

fn result_of(types: &mut Types<'_>, function: &Function) -> Result<String> {
    match &function.result {
        Some(ty) => types.name(ty),
        None => bail!("`{}` answers nothing, which has no shape in these bindings", function.name),
    }
}

fn comment(out: &mut String, indent: &str, docs: &Docs) {
    let Some(text) = &docs.contents else { return };
    // Headings between the types are nobody's doc.
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.starts_with("---")).collect();
    match lines.as_slice() {
        [] => {}
        [line] => out.push_str(&format!("{indent}/** {line} */\n")),
        lines => {
            out.push_str(&format!("{indent}/**\n"));
            for line in lines {
                out.push_str(format!("{indent} * {line}").trim_end());
                out.push('\n');
            }
            out.push_str(&format!("{indent} */\n"));
        }
    }
}
