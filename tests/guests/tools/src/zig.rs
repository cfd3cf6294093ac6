//! Bindings in Zig: the contract's types as `extern` structs.
//!
//! The component model lays records, lists, options, variants and tuples out in memory as C lays out structs and unions of the same
//! fields, on a target with pointers of 32 bits. So the types are all that a guest needs: what crosses is read where it lies.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};
use wit_parser::{Docs, Resolve, Type, TypeDef, TypeDefKind, TypeId, WorldId, WorldItem};

/// What every type below is made of.
const SHAPES: &str = r"
pub fn List(comptime T: type) type {
    return extern struct {
        ptr: [*]const T,
        len: usize,

        pub const empty = of(&.{});

        pub fn of(items: []const T) @This() {
            return .{ .ptr = items.ptr, .len = items.len };
        }

        pub fn slice(list: @This()) []const T {
            return if (list.len == 0) &.{} else list.ptr[0..list.len];
        }
    };
}

pub fn Option(comptime T: type) type {
    return extern struct {
        is_some: bool,
        value: T,

        pub const none: @This() = .{ .is_some = false, .value = undefined };

        pub fn some(value: T) @This() {
            return .{ .is_some = true, .value = value };
        }

        pub fn get(option: @This()) ?T {
            return if (option.is_some) option.value else null;
        }
    };
}

pub fn Result(comptime T: type, comptime E: type) type {
    return extern struct {
        is_err: bool,
        payload: extern union { ok: T, err: E },
    };
}

pub fn Tuple2(comptime A: type, comptime B: type) type {
    return extern struct { f0: A, f1: B };
}

pub const String = List(u8);
";

/// Words of Zig that a field's name may collide with.
const KEYWORDS: &[&str] =
    &["align", "and", "break", "const", "enum", "error", "export", "or", "struct", "test", "union", "var"];

/// The text of `contract.zig`: types of every interface that the world names, and the names of what it exports.
pub(crate) fn contract(resolve: &Resolve, world: WorldId) -> Result<String> {
    let mut out = String::from("// Generated from the contract. DO NOT EDIT!\n");
    let items = &resolve.worlds.get(world).context("the world is gone")?;
    for (key, item) in items.imports.iter().chain(&items.exports) {
        let WorldItem::Interface { id, .. } = item else { bail!("the world has more than interfaces") };
        let interface = resolve.interfaces.get(*id).context("an interface is gone")?;
        for function in interface.functions.keys() {
            let (door, name) = (resolve.name_world_key(key), snake(function));
            writeln!(out, "\npub const export_{name} = \"{door}#{function}\";")?;
            writeln!(out, "pub const post_return_{name} = \"cabi_post_{door}#{function}\";")?;
        }
    }
    out.push_str(SHAPES);
    for (_, interface) in resolve.interfaces.iter() {
        for (name, id) in &interface.types {
            let kind = resolve.types.get(*id).context("a type is gone")?;
            // What an interface only takes over from another stands there.
            if !matches!(kind.kind, TypeDefKind::Type(Type::Id(_))) || name == "attrs" {
                declare(resolve, name, kind, &mut out)?;
            }
        }
    }
    Ok(out)
}

fn declare(resolve: &Resolve, name: &str, declared: &TypeDef, out: &mut String) -> Result<()> {
    out.push('\n');
    comment(&declared.docs, "", out)?;
    let name = camel(name);
    match &declared.kind {
        TypeDefKind::Record(record) => {
            writeln!(out, "pub const {name} = extern struct {{")?;
            for field in &record.fields {
                comment(&field.docs, "    ", out)?;
                writeln!(out, "    {}: {},", field_name(&field.name), written(resolve, &field.ty)?)?;
            }
            writeln!(out, "}};")?;
        }
        TypeDefKind::Variant(variant) => {
            let tags: Vec<String> = variant.cases.iter().map(|case| field_name(&case.name)).collect();
            writeln!(out, "pub const {name} = extern struct {{")?;
            writeln!(out, "    tag: enum(u8) {{ {} }},", tags.join(", "))?;
            writeln!(out, "    payload: extern union {{")?;
            for case in &variant.cases {
                let Some(ty) = &case.ty else { continue };
                comment(&case.docs, "        ", out)?;
                writeln!(out, "        {}: {},", field_name(&case.name), written(resolve, ty)?)?;
            }
            writeln!(out, "    }},\n}};")?;
        }
        kind => writeln!(out, "pub const {name} = {};", shape(resolve, kind)?)?,
    }
    Ok(())
}

fn written(resolve: &Resolve, ty: &Type) -> Result<String> {
    Ok(match ty {
        Type::Bool => "bool".to_owned(),
        Type::U8 => "u8".to_owned(),
        Type::U32 => "u32".to_owned(),
        Type::U64 => "u64".to_owned(),
        Type::S32 => "i32".to_owned(),
        Type::S64 => "i64".to_owned(),
        Type::F64 => "f64".to_owned(),
        Type::String => "String".to_owned(),
        Type::Id(id) => named(resolve, *id)?,
        other => bail!("the contract uses {other:?}, which the bindings in Zig do not know yet"),
    })
}

fn named(resolve: &Resolve, id: TypeId) -> Result<String> {
    let declared = resolve.types.get(id).context("a type is gone")?;
    match &declared.name {
        Some(name) => Ok(camel(name)),
        None => shape(resolve, &declared.kind),
    }
}

fn shape(resolve: &Resolve, kind: &TypeDefKind) -> Result<String> {
    Ok(match kind {
        TypeDefKind::List(item) => format!("List({})", written(resolve, item)?),
        TypeDefKind::Option(item) => format!("Option({})", written(resolve, item)?),
        TypeDefKind::Tuple(tuple) if tuple.types.len() == 2 => {
            let items: Result<Vec<String>> = tuple.types.iter().map(|item| written(resolve, item)).collect();
            format!("Tuple2({})", items?.join(", "))
        }
        TypeDefKind::Type(ty) => written(resolve, ty)?,
        other => bail!("the contract uses {}, which the bindings in Zig do not know yet", other.as_str()),
    })
}

fn comment(docs: &Docs, indent: &str, out: &mut String) -> Result<()> {
    // A line of dashes begins a part of the file.
    let lines = docs.contents.iter().flat_map(|text| text.lines());
    for line in lines.filter(|line| !line.starts_with("----")) {
        writeln!(out, "{indent}/// {line}")?;
    }
    Ok(())
}

fn snake(name: &str) -> String {
    name.replace('-', "_")
}

fn field_name(name: &str) -> String {
    let name = snake(name);
    if KEYWORDS.contains(&name.as_str()) { format!("@\"{name}\"") } else { name }
}

fn camel(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
    });
    words.collect()
}
