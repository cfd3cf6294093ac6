//! `wire.go`: the types, and what a policy implements.

use anyhow::{Result, bail};
use wit_parser::{Docs, Interface, Resolve, Type, TypeDef, TypeDefKind};

use super::names::{of, public};
use super::{kind_of, line};

const TOP: &str = "// Package wire holds the contract's own types, as they cross between host and policy. The package trimtab is made of them.
package wire

// Option is a value that may be missing.
type Option[T any] struct {
\tvalue T
\tgiven bool
}

// Some is a value that is there.
func Some[T any](value T) Option[T] { return Option[T]{value, true} }

// None is a value that is not there: not known, not limited, not given; never zero.
func None[T any]() Option[T] { return Option[T]{} }

// Get returns the value, and whether there is one.
func (o Option[T]) Get() (value T, given bool) { return o.value, o.given }

// Entry is a key and its value.
type Entry[K, V any] struct {
\tKey   K
\tValue V
}
";

pub(super) fn write(resolve: &Resolve, exported: &Interface) -> Result<String> {
    let mut out = TOP.to_owned();
    for (_, def) in &resolve.types {
        if let Some(name) = &def.name {
            definition(&mut out, resolve, &public(name), def)?;
        }
    }
    interface(&mut out, resolve, exported)?;
    Ok(out)
}

fn definition(out: &mut String, resolve: &Resolve, name: &str, def: &TypeDef) -> Result<()> {
    match &def.kind {
        // What `use` brings is there under the same name.
        TypeDefKind::Type(Type::Id(id)) if resolve.types.get(*id).is_some_and(|one| one.name == def.name) => {}
        TypeDefKind::Record(record) => {
            docs(out, 0, name, &def.docs);
            line(out, 0, &format!("type {name} struct {{"));
            for field in &record.fields {
                docs(out, 1, "", &field.docs);
                line(out, 1, &format!("{} {}", public(&field.name), of(resolve, field.ty)?));
            }
            line(out, 0, "}");
        }
        TypeDefKind::Variant(variant) => {
            docs(out, 0, name, &def.docs);
            line(out, 0, "//");
            line(out, 0, "// One of:");
            for case in &variant.cases {
                line(out, 0, &format!("//   - [{name}{}]", public(&case.name)));
            }
            line(out, 0, &format!("type {name} interface{{ is{name}() }}"));
            for case in &variant.cases {
                let case_name = format!("{name}{}", public(&case.name));
                docs(out, 0, &case_name, &case.docs);
                let payload = case.ty.map_or_else(|| Ok("struct{}".to_owned()), |ty| of(resolve, ty))?;
                line(out, 0, &format!("type {case_name} {payload}"));
                line(out, 0, "");
                line(out, 0, &format!("func ({case_name}) is{name}() {{}}"));
            }
        }
        TypeDefKind::List(item) => {
            docs(out, 0, name, &def.docs);
            line(out, 0, &format!("type {name} []{}", of(resolve, *item)?));
        }
        other => bail!("{name} is a {}, which is not known", other.as_str()),
    }
    Ok(())
}

fn interface(out: &mut String, resolve: &Resolve, exported: &Interface) -> Result<()> {
    let name = public(exported.name.as_deref().unwrap_or("exported"));
    docs(out, 0, &name, &exported.docs);
    line(out, 0, &format!("type {name} interface {{"));
    for function in exported.functions.values() {
        docs(out, 1, "", &function.docs);
        let mut params = Vec::new();
        for param in &function.params {
            params.push(format!("{} {}", param.name, passed(resolve, param.ty)?));
        }
        line(
            out,
            1,
            &format!("{}({}) {}", public(&function.name), params.join(", "), result(resolve, function.result)?),
        );
    }
    line(out, 0, "}");
    line(out, 0, "");
    line(
        out,
        0,
        &format!("// Exported is what the host calls; set before it does, by an `init` function.\nvar Exported {name}"),
    );
    Ok(())
}

/// A parameter's type: records go by address.
fn passed(resolve: &Resolve, ty: Type) -> Result<String> {
    let by_address = matches!(kind_of(resolve, ty), Some(TypeDefKind::Record(_)));
    Ok(format!("{}{}", if by_address { "*" } else { "" }, of(resolve, ty)?))
}

fn result(resolve: &Resolve, ty: Option<Type>) -> Result<String> {
    let Some(ty) = ty else { bail!("a function without a result is not known") };
    match kind_of(resolve, ty) {
        Some(TypeDefKind::Result(result)) => match (result.ok, result.err) {
            (Some(ok), Some(err)) => Ok(format!("({}, *{})", of(resolve, ok)?, of(resolve, err)?)),
            _ => bail!("a result without both values is not known"),
        },
        _ => of(resolve, ty),
    }
}

/// The contract's own words. What has a name of its own has a blank line above, as gofmt leaves it.
fn docs(out: &mut String, depth: usize, name: &str, docs: &Docs) {
    if depth == 0 {
        line(out, 0, "");
    }
    let words = docs.contents.as_deref().unwrap_or_default();
    // Rules that part the file into sections are no words about the type below them.
    for (number, text) in words.lines().filter(|text| !text.starts_with("----")).enumerate() {
        let begin = if number == 0 && !name.is_empty() { format!("{name}: ") } else { String::new() };
        line(out, depth, format!("// {begin}{text}").trim_end());
    }
}
