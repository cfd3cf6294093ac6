//! Interfaces and unions, as componentize-qjs passes them.

use wit_parser::{Docs, Resolve, Type, TypeDef, TypeDefKind};

use super::{Declare, defined, lower_camel, upper_camel};

/// TypeScript's declarations.
pub(crate) struct TypeScript;

impl Declare for TypeScript {
    const FILE: &'static str = "contract.d.ts";
    const HEAD: &'static str = "// Made from wit/v1/policy.wit by `cargo xtask bindings`. Not to be edited.\n";

    fn declare(&self, resolve: &Resolve, name: &str, declared: &TypeDef) -> String {
        let (head, name) = (format!("\n{}", comment(&declared.docs, "")), upper_camel(name));
        match &declared.kind {
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter().map(|field| {
                    let (docs, name) = (comment(&field.docs, "  "), lower_camel(&field.name));
                    format!("{docs}  {name}: {};\n", shown(resolve, &field.ty))
                });
                format!("{head}export interface {name} {{\n{}}}\n", fields.collect::<String>())
            }
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter().map(|case| {
                    let value = case.ty.map(|ty| format!("; val: {}", shown(resolve, &ty))).unwrap_or_default();
                    format!("\n{}  | {{ tag: \"{}\"{value} }}", comment(&case.docs, "  "), case.name)
                });
                format!("{head}export type {name} ={};\n", cases.collect::<String>())
            }
            other => format!("{head}export type {name} = {};\n", of_kind(resolve, other)),
        }
    }
}

fn shown(resolve: &Resolve, ty: &Type) -> String {
    match ty {
        Type::Bool => "boolean".to_owned(),
        Type::Char | Type::String => "string".to_owned(),
        Type::Id(id) => match defined(resolve, *id) {
            Some((Some(name), _)) => upper_camel(name),
            Some((None, kind)) => of_kind(resolve, kind),
            None => "unknown".to_owned(),
        },
        _ => "number".to_owned(),
    }
}

fn of_kind(resolve: &Resolve, kind: &TypeDefKind) -> String {
    match kind {
        TypeDefKind::List(Type::U8) => "Uint8Array".to_owned(),
        TypeDefKind::List(item) => format!("{}[]", shown(resolve, item)),
        TypeDefKind::Option(item) => format!("{} | null", shown(resolve, item)),
        TypeDefKind::Tuple(tuple) => {
            let types: Vec<String> = tuple.types.iter().map(|ty| shown(resolve, ty)).collect();
            format!("[{}]", types.join(", "))
        }
        TypeDefKind::Type(ty) => shown(resolve, ty),
        _ => "unknown".to_owned(),
    }
}

fn comment(docs: &Docs, indent: &str) -> String {
    let Some(text) = &docs.contents else { return String::new() };
    let lines: Vec<&str> = text.trim().lines().map(str::trim).collect();
    match lines.as_slice() {
        [only] => format!("{indent}/** {only} */\n"),
        lines => format!("{indent}/**\n{indent} * {}\n{indent} */\n", lines.join(&format!("\n{indent} * "))),
    }
}
