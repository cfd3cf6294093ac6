//! Classes, named as componentize-py names them.

use wit_parser::{Docs, Record, Resolve, Type, TypeDef, TypeDefKind, Variant};

use super::{Declare, defined, upper_camel};

/// Python's classes.
pub(crate) struct Python;

impl Declare for Python {
    const FILE: &'static str = "types.py";
    const HEAD: &'static str = "# Made from wit/v1/policy.wit by `cargo xtask bindings`. Not to be edited.\n\
        \"\"\"The values that cross the boundary, under the names that componentize-py gives them.\"\"\"\n\n\
        from __future__ import annotations\n\nfrom dataclasses import dataclass\nfrom typing import List, Optional, Tuple, Union\n";

    fn declare(&self, resolve: &Resolve, name: &str, declared: &TypeDef) -> String {
        let name = upper_camel(name);
        match &declared.kind {
            TypeDefKind::Record(record) => of_record(resolve, &name, record, &declared.docs),
            TypeDefKind::Variant(variant) => of_variant(resolve, &name, variant, &declared.docs),
            // Union and the like stand in quotes: a name may be used before its class.
            other => format!("\n\n{name} = {}\n{}", of_kind(resolve, other), text(&declared.docs, "")),
        }
    }
}

fn of_record(resolve: &Resolve, name: &str, record: &Record, docs: &Docs) -> String {
    let fields = record.fields.iter().map(|field| {
        let name = attribute(&field.name);
        format!("    {name}: {}\n{}", shown(resolve, &field.ty), text(&field.docs, "    "))
    });
    format!("\n\n@dataclass\nclass {name}:\n{}\n{}", text(docs, "    "), fields.collect::<String>())
}

fn of_variant(resolve: &Resolve, name: &str, variant: &Variant, docs: &Docs) -> String {
    let class = |case: &str| format!("{name}_{}", upper_camel(case));
    let classes = variant.cases.iter().map(|case| {
        let value = case.ty.map(|ty| format!("\n    value: {}\n", shown(resolve, &ty))).unwrap_or_default();
        format!("\n\n@dataclass\nclass {}:\n{}{value}", class(&case.name), text(&case.docs, "    "))
    });
    let all: Vec<String> = variant.cases.iter().map(|case| class(&case.name)).collect();
    let classes = classes.collect::<String>();
    format!("{classes}\n\n{name} = Union[{}]\n{}", all.join(", "), text(docs, ""))
}

fn shown(resolve: &Resolve, ty: &Type) -> String {
    match ty {
        Type::Bool => "bool".to_owned(),
        Type::F32 | Type::F64 => "float".to_owned(),
        Type::Char | Type::String => "str".to_owned(),
        Type::Id(id) => match defined(resolve, *id) {
            Some((Some(name), _)) => upper_camel(name),
            Some((None, kind)) => of_kind(resolve, kind),
            None => "object".to_owned(),
        },
        _ => "int".to_owned(),
    }
}

fn of_kind(resolve: &Resolve, kind: &TypeDefKind) -> String {
    match kind {
        TypeDefKind::List(Type::U8) => "bytes".to_owned(),
        TypeDefKind::List(item) => format!("List[{}]", shown(resolve, item)),
        TypeDefKind::Option(item) => format!("Optional[{}]", shown(resolve, item)),
        TypeDefKind::Tuple(tuple) => {
            let types: Vec<String> = tuple.types.iter().map(|ty| shown(resolve, ty)).collect();
            format!("Tuple[{}]", types.join(", "))
        }
        TypeDefKind::Type(ty) => shown(resolve, ty),
        _ => "object".to_owned(),
    }
}

/// A field's name; componentize-py puts `_` behind one that is a word of the language.
fn attribute(name: &str) -> String {
    let name = name.replace('-', "_");
    if KEYWORDS.contains(&name.as_str()) { name + "_" } else { name }
}

/// Words that cannot name an attribute.
const KEYWORDS: &[&str] = &[
    "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except",
    "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise",
    "return", "try", "while", "with", "yield",
];

fn text(docs: &Docs, indent: &str) -> String {
    let Some(text) = &docs.contents else { return String::new() };
    let lines: Vec<&str> = text.trim().lines().map(str::trim).collect();
    format!("{indent}\"\"\"{}\"\"\"\n", lines.join(&format!("\n{indent}")))
}
