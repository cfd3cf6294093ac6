//! What the contract's types are called in AssemblyScript, where they lie, and how one is read and written there.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use heck::{ToLowerCamelCase as _, ToUpperCamelCase as _};
use wit_parser::{Int, Resolve, SizeAlign, Type, TypeDef, TypeDefKind, TypeId};

/// The types of one package, with their layouts.
pub(super) struct Types<'a> {
    resolve: &'a Resolve,
    sizes: SizeAlign,
    /// Tuples and results that were named on the way: by their class's name, to be written after the others.
    pub(super) unnamed: BTreeMap<String, TypeId>,
}

impl<'a> Types<'a> {
    pub(super) fn new(resolve: &'a Resolve) -> Self {
        let mut sizes = SizeAlign::default();
        sizes.fill(resolve);
        Self { resolve, sizes, unnamed: BTreeMap::new() }
    }

    /// The definition behind an id, through all names that it was given since.
    pub(super) fn definition(&self, id: TypeId) -> Result<(TypeId, &'a TypeDef)> {
        let found = self.resolve.types.get(id).context("a type is gone")?;
        match found.kind {
            TypeDefKind::Type(Type::Id(id)) => self.definition(id),
            _ => Ok((id, found)),
        }
    }

    pub(super) fn bytes(&self, ty: &Type) -> usize {
        self.sizes.size(ty).size_wasm32()
    }

    /// Where each of these begins, one after the other.
    pub(super) fn offsets(&self, types: &[Type]) -> Vec<usize> {
        self.sizes.field_offsets(types).into_iter().map(|(offset, _)| offset.size_wasm32()).collect()
    }

    /// Where the payload of a variant with these cases begins.
    pub(super) fn payload(&self, cases: &[Option<Type>]) -> Result<usize> {
        if cases.len() > usize::from(u8::MAX) {
            bail!("a variant has more cases than a byte can tell apart, which has no shape in AssemblyScript");
        }
        Ok(self.sizes.payload_offset(Int::U8, cases.iter().map(Option::as_ref)).size_wasm32())
    }

    /// The type's name in AssemblyScript.
    pub(super) fn name(&mut self, ty: &Type) -> Result<String> {
        let id = match ty {
            Type::Bool => return Ok("bool".to_owned()),
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => return Ok(format!("u{}", self.bytes(ty) * 8)),
            Type::S8 | Type::S16 | Type::S32 | Type::S64 => return Ok(format!("i{}", self.bytes(ty) * 8)),
            Type::F32 | Type::F64 => return Ok(format!("f{}", self.bytes(ty) * 8)),
            Type::String => return Ok("string".to_owned()),
            Type::Char | Type::ErrorContext => bail!("{ty:?} has no shape in AssemblyScript"),
            Type::Id(id) => *id,
        };
        let (id, definition) = self.definition(id)?;
        match &definition.kind {
            TypeDefKind::Type(ty) => self.name(ty),
            TypeDefKind::List(item) => Ok(format!("List<{}>", self.name(item)?)),
            TypeDefKind::Option(some) => self.name_some(some),
            TypeDefKind::Record(_) | TypeDefKind::Variant(_) => {
                Ok(definition.name.as_deref().unwrap_or_default().to_upper_camel_case())
            }
            TypeDefKind::Tuple(tuple) => {
                let mut name = "Tuple".to_owned();
                for ty in &tuple.types {
                    name += &word(&self.name(ty)?);
                }
                self.unnamed.insert(name.clone(), id);
                Ok(name)
            }
            TypeDefKind::Result(result) => {
                let (Some(ok), Some(err)) = (&result.ok, &result.err) else {
                    bail!("a result without a value has no shape in AssemblyScript");
                };
                let name = format!("Result{}Or{}", word(&self.name(ok)?), word(&self.name(err)?));
                self.unnamed.insert(name.clone(), id);
                Ok(name)
            }
            other => bail!("a {} has no shape in AssemblyScript", other.as_str()),
        }
    }

    /// The name of this type where it may be missing.
    pub(super) fn name_some(&mut self, ty: &Type) -> Result<String> {
        let name = self.name(ty)?;
        Ok(if self.is_plain(ty)? { format!("Some<{name}> | null") } else { format!("{name} | null") })
    }

    /// The expression that reads a value at `at + offset` that is known to be there, but may be missing elsewhere.
    pub(super) fn read_some(&mut self, ty: &Type, at: &str, offset: usize) -> Result<String> {
        if self.is_plain(ty)? {
            return Ok(format!("changetype<Some<{}>>({})", self.name(ty)?, sum(at, offset)));
        }
        self.read(ty, at, offset)
    }

    /// The expression that reads a value of this type at `at + offset`.
    pub(super) fn read(&mut self, ty: &Type, at: &str, offset: usize) -> Result<String> {
        if let Some(some) = self.optional(ty)? {
            let payload = offset + self.payload(&[None, Some(some)])?;
            let inner = self.read_some(&some, at, payload)?;
            return Ok(format!("load<u8>({at}{}) ? {inner} : null", more(offset)));
        }
        let name = self.name(ty)?;
        if self.is_plain(ty)? {
            return Ok(format!("load<{name}>({at}{})", more(offset)));
        }
        Ok(match name.as_str() {
            "string" => format!("textAt({})", sum(at, offset)),
            _ => format!("changetype<{name}>({})", sum(at, offset)),
        })
    }

    /// The statement that writes `value` of this type at `at + offset`.
    pub(super) fn write(&mut self, ty: &Type, at: &str, offset: usize, value: &str) -> Result<String> {
        if let Some(some) = self.optional(ty)? {
            let payload = offset + self.payload(&[None, Some(some)])?;
            let inner = if self.is_plain(&some)? { format!("{value}.value") } else { value.to_owned() };
            let write = self.write(&some, at, payload, &inner)?;
            let tag = |tag: u8| format!("store<u8>({at}, {tag}{});", more(offset));
            return Ok(format!(
                "if ({value} === null) {{\n      {}\n    }} else {{\n      {}\n      {write}\n    }}",
                tag(0),
                tag(1)
            ));
        }
        let name = self.name(ty)?;
        if self.is_plain(ty)? {
            return Ok(format!("store<{name}>({at}, {value}{});", more(offset)));
        }
        Ok(match name.as_str() {
            "string" => format!("setText({}, {value});", sum(at, offset)),
            _ => format!("memory.copy({}, changetype<usize>({value}), {});", sum(at, offset), self.bytes(ty)),
        })
    }

    /// Whether it is a number or a bool, which AssemblyScript cannot say `null` for.
    fn is_plain(&self, ty: &Type) -> Result<bool> {
        let Type::Id(id) = ty else {
            return Ok(*ty != Type::String);
        };
        let (_, definition) = self.definition(*id)?;
        match &definition.kind {
            TypeDefKind::Type(ty) => self.is_plain(ty),
            _ => Ok(false),
        }
    }

    /// What an option holds; `None` for what is none.
    fn optional(&self, ty: &Type) -> Result<Option<Type>> {
        let Type::Id(id) = ty else {
            return Ok(None);
        };
        let (_, definition) = self.definition(*id)?;
        let TypeDefKind::Option(some) = definition.kind else {
            return Ok(None);
        };
        if self.optional(&some)?.is_some() {
            bail!("an option of an option has no shape in AssemblyScript");
        }
        Ok(Some(some))
    }
}

/// The name of a field, case or function.
pub(super) fn member(name: &str) -> String {
    name.to_lower_camel_case()
}

/// The name of a getter, setter or function in AssemblyScript: its own words get a `_` behind them.
pub(super) fn identifier(name: &str) -> String {
    const WORDS: &[&str] = &[
        "abstract",
        "as",
        "break",
        "case",
        "catch",
        "class",
        "const",
        "constructor",
        "continue",
        "debugger",
        "declare",
        "default",
        "delete",
        "do",
        "else",
        "enum",
        "export",
        "extends",
        "false",
        "finally",
        "for",
        "function",
        "get",
        "if",
        "implements",
        "import",
        "in",
        "instanceof",
        "interface",
        "is",
        "keyof",
        "let",
        "module",
        "namespace",
        "new",
        "null",
        "of",
        "operator",
        "package",
        "private",
        "protected",
        "public",
        "readonly",
        "return",
        "set",
        "static",
        "super",
        "switch",
        "tag",
        "this",
        "throw",
        "true",
        "try",
        "type",
        "typeof",
        "var",
        "void",
        "while",
        "with",
        "yield",
    ];
    let name = member(name);
    if WORDS.contains(&name.as_str()) { name + "_" } else { name }
}

/// A type's name as part of another's: `List<string>` is `ListString`.
fn word(name: &str) -> String {
    name.to_upper_camel_case()
}

fn sum(at: &str, offset: usize) -> String {
    if offset == 0 { at.to_owned() } else { format!("{at} + {offset}") }
}

fn more(offset: usize) -> String {
    if offset == 0 { String::new() } else { format!(", {offset}") }
}
