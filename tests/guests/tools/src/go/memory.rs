//! `memory_wasip1.go`: the canonical ABI in Go, for the types that really cross.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use wit_parser::abi::AbiVariant;
use wit_parser::{Function, Int, Resolve, SizeAlign, Type, TypeDefKind};

use super::names::{is_same_in_memory, of, public, scalar, word};
use super::{Exported, kind_of, line, plain};

/// What is the same for every contract: see the comments in it.
const GROUND: &str = include_str!("ground.go");

pub(super) fn write(resolve: &Resolve, sizes: &SizeAlign, exported: &Exported<'_>) -> Result<String> {
    let mut writer = Writer { resolve, sizes, out: GROUND.to_owned(), wanted: Vec::new(), known: BTreeSet::new() };
    for function in exported.functions() {
        writer.export(&exported.name, function)?;
    }
    while let Some((way, ty)) = writer.wanted.pop() {
        match way {
            Way::Read => writer.reader(ty)?,
            Way::Write => writer.writer(ty)?,
        }
    }
    Ok(writer.out)
}

/// Out of linear memory, or into it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Read,
    Write,
}

struct Writer<'a> {
    resolve: &'a Resolve,
    sizes: &'a SizeAlign,
    out: String,
    /// Functions that are called and not yet written.
    wanted: Vec<(Way, Type)>,
    known: BTreeSet<String>,
}

impl Writer<'_> {
    fn line(&mut self, depth: usize, text: &str) {
        line(&mut self.out, depth, text);
    }

    fn export(&mut self, interface: &str, function: &Function) -> Result<()> {
        let signature = self.resolve.wasm_signature(AbiVariant::GuestExport, function);
        let name = &function.name;
        if !signature.retptr {
            bail!("{name}: only results that cross by address are known");
        }
        let result = function.result.with_context(|| format!("{name} has no result"))?;
        let (mut flat, mut reads, mut arguments) = (Vec::new(), Vec::new(), Vec::new());
        for param in &function.params {
            let go = &param.name;
            match kind_of(self.resolve, param.ty) {
                Some(TypeDefKind::Record(_)) if signature.indirect_params && function.params.len() == 1 => {
                    flat.push("at uint32".to_owned());
                    let read = self.called(Way::Read, param.ty)?;
                    reads.push(format!("var {go} {}", of(self.resolve, param.ty)?));
                    reads.push(format!("{read}(&{go}, uintptr(at))"));
                    arguments.push(format!("&{go}"));
                }
                Some(TypeDefKind::List(item)) if !signature.indirect_params => {
                    flat.push(format!("{go}At, {go}Count uint32"));
                    let place = format!("uintptr({go}At), uintptr({go}Count)");
                    reads.push(format!("var {go} {}", of(self.resolve, param.ty)?));
                    reads.push(self.list_read(*item, &format!("&{go}"), &place, ("view", "list"))?);
                    arguments.push(go.clone());
                }
                _ => bail!("{name}: its parameter {go} is neither a list nor crosses by address"),
            }
        }
        let go = public(name);
        self.line(0, "");
        self.line(0, &format!("//go:wasmexport {interface}#{name}"));
        self.line(0, &format!("func export{go}({}) uint32 {{", flat.join(", ")));
        for read in reads {
            self.line(1, &read);
        }
        let size = self.sizes.size(&result).size_wasm32();
        let align = self.sizes.align(&result).align_wasm32();
        let call = format!("Exported.{go}({})", arguments.join(", "));
        self.answer(result, &call, &format!("alloc({size}, {align})"))?;
        self.line(1, "return uint32(to)");
        self.line(0, "}");
        Ok(())
    }

    /// Calls, and writes what came of it. It stays reachable until the host has read it.
    fn answer(&mut self, ty: Type, call: &str, alloc: &str) -> Result<()> {
        if let Some(TypeDefKind::Result(result)) = kind_of(self.resolve, ty) {
            let (Some(ok), Some(err)) = (result.ok, result.err) else { bail!("a result without both values") };
            let offset = self.sizes.payload_offset(Int::U8, [&result.ok, &result.err].map(Option::as_ref));
            let at = format!("to+{}", offset.size_wasm32());
            self.line(1, &format!("answer, refusal := {call}"));
            self.line(1, "kept = append(kept, answer, refusal)");
            self.line(1, &format!("to := {alloc}"));
            self.line(1, "if refusal != nil {");
            self.line(2, "put[uint8](to, 1)");
            self.write_value(err, "(*refusal)", &at, 2)?;
            self.line(1, "} else {");
            self.line(2, "put[uint8](to, 0)");
            self.write_value(ok, "answer", &at, 2)?;
            self.line(1, "}");
            return Ok(());
        }
        self.line(1, &format!("answer := {call}"));
        self.line(1, "kept = append(kept, &answer)");
        self.line(1, &format!("to := {alloc}"));
        self.write_value(ty, "answer", "to", 1)
    }

    /// The function that reads or writes a type, which is written once.
    fn called(&mut self, way: Way, ty: Type) -> Result<String> {
        let ty = plain(self.resolve, ty);
        let verb = if way == Way::Read { "read" } else { "write" };
        let name = format!("{verb}{}", word(self.resolve, ty)?);
        // Texts are known to the ground.
        if ty != Type::String && self.known.insert(name.clone()) {
            self.wanted.push((way, ty));
        }
        Ok(name)
    }

    /// A call that reads a list: of the first function for items that need no translation, else of the second.
    fn list_read(&mut self, item: Type, to: &str, place: &str, functions: (&str, &str)) -> Result<String> {
        if is_same_in_memory(self.resolve, item) {
            return Ok(format!("{}({to}, {place})", functions.0));
        }
        let size = self.sizes.size(&item).size_wasm32();
        Ok(format!("{}({to}, {place}, {size}, {})", functions.1, self.called(Way::Read, item)?))
    }

    /// Reads what lies at an address into a place.
    fn read_value(&mut self, ty: Type, to: &str, at: &str, depth: usize) -> Result<()> {
        match kind_of(self.resolve, ty) {
            None if ty == Type::String => self.line(depth, &format!("readString(&{to}, {at})")),
            None => self.line(depth, &format!("read(&{to}, {at})")),
            Some(TypeDefKind::List(item)) => {
                let call = self.list_read(*item, &format!("&{to}"), at, ("readView", "readList"))?;
                self.line(depth, &call);
            }
            Some(TypeDefKind::Option(some)) => {
                let some = *some;
                let offset = self.sizes.payload_offset(Int::U8, [None, Some(&some)]).size_wasm32();
                self.line(depth, &format!("if get[uint8]({at}) != 0 {{"));
                self.line(depth + 1, &format!("var some {}", of(self.resolve, some)?));
                self.read_value(some, "some", &format!("{at}+{offset}"), depth + 1)?;
                self.line(depth + 1, &format!("{to} = Some(some)"));
                self.line(depth, "}");
            }
            Some(_) => {
                let read = self.called(Way::Read, ty)?;
                self.line(depth, &format!("{read}(&{to}, {at})"));
            }
        }
        Ok(())
    }

    /// Writes a value to an address.
    fn write_value(&mut self, ty: Type, from: &str, at: &str, depth: usize) -> Result<()> {
        match kind_of(self.resolve, ty) {
            None if ty == Type::String => self.line(depth, &format!("writeString({at}, &{from})")),
            None => self.line(depth, &format!("put[{}]({at}, {from})", scalar(ty)?)),
            Some(TypeDefKind::List(item)) if is_same_in_memory(self.resolve, *item) => {
                self.line(depth, &format!("writeView({at}, {from})"));
            }
            Some(TypeDefKind::List(item)) => {
                let (size, align) = (self.sizes.size(item).size_wasm32(), self.sizes.align(item).align_wasm32());
                let write = self.called(Way::Write, *item)?;
                self.line(depth, &format!("writeList({at}, {from}, {size}, {align}, {write})"));
            }
            Some(TypeDefKind::Option(some)) => {
                let some = *some;
                let offset = self.sizes.payload_offset(Int::U8, [None, Some(&some)]).size_wasm32();
                self.line(depth, &format!("if some, given := {from}.Get(); given {{"));
                self.line(depth + 1, &format!("put[uint8]({at}, 1)"));
                self.write_value(some, "some", &format!("{at}+{offset}"), depth + 1)?;
                self.line(depth, "} else {");
                self.line(depth + 1, &format!("put[uint8]({at}, 0)"));
                self.line(depth, "}");
            }
            Some(TypeDefKind::Variant(_)) => {
                let write = self.called(Way::Write, ty)?;
                self.line(depth, &format!("{write}({at}, {from})"));
            }
            Some(_) => {
                let write = self.called(Way::Write, ty)?;
                self.line(depth, &format!("{write}({at}, &{from})"));
            }
        }
        Ok(())
    }

    fn reader(&mut self, ty: Type) -> Result<()> {
        let (name, go) = (format!("read{}", word(self.resolve, ty)?), of(self.resolve, ty)?);
        self.line(0, "");
        self.line(0, &format!("func {name}(to *{go}, at uintptr) {{"));
        match kind_of(self.resolve, ty) {
            Some(TypeDefKind::Variant(variant)) => {
                let offset = self.payload_of(variant);
                self.line(1, "switch get[uint8](at) {");
                for (number, case) in variant.cases.iter().enumerate() {
                    let case_name = format!("{go}{}", public(&case.name));
                    self.line(1, &format!("case {number}:"));
                    let Some(payload) = case.ty else {
                        self.line(2, &format!("*to = {case_name}{{}}"));
                        continue;
                    };
                    self.line(2, &format!("var value {}", of(self.resolve, payload)?));
                    self.read_value(payload, "value", &format!("at+{offset}"), 2)?;
                    self.line(2, &format!("*to = {case_name}(value)"));
                }
                self.line(1, "}");
            }
            _ => {
                for (field, ty, offset) in self.fields(ty)? {
                    self.read_value(ty, &format!("to.{field}"), &format!("at+{offset}"), 1)?;
                }
            }
        }
        self.line(0, "}");
        Ok(())
    }

    fn writer(&mut self, ty: Type) -> Result<()> {
        let (name, go) = (format!("write{}", word(self.resolve, ty)?), of(self.resolve, ty)?);
        self.line(0, "");
        if let Some(TypeDefKind::Variant(variant)) = kind_of(self.resolve, ty) {
            let offset = self.payload_of(variant);
            self.line(0, &format!("func {name}(at uintptr, from {go}) {{"));
            self.line(1, "switch from := from.(type) {");
            for (number, case) in variant.cases.iter().enumerate() {
                self.line(1, &format!("case {go}{}:", public(&case.name)));
                self.line(2, &format!("put[uint8](at, {number})"));
                if let Some(payload) = case.ty {
                    let value = format!("{}(from)", of(self.resolve, payload)?);
                    self.write_case(payload, &value, &format!("at+{offset}"))?;
                }
            }
            self.line(1, "}");
        } else {
            self.line(0, &format!("func {name}(at uintptr, from *{go}) {{"));
            for (field, ty, offset) in self.fields(ty)? {
                self.write_value(ty, &format!("from.{field}"), &format!("at+{offset}"), 1)?;
            }
        }
        self.line(0, "}");
        Ok(())
    }

    /// What a case carries: a converted value has no address, so what is written by its address gets a name first.
    fn write_case(&mut self, payload: Type, value: &str, at: &str) -> Result<()> {
        if payload == Type::String || matches!(kind_of(self.resolve, payload), Some(TypeDefKind::Record(_))) {
            self.line(2, &format!("value := {value}"));
            return self.write_value(payload, "value", at, 2);
        }
        self.write_value(payload, value, at, 2)
    }

    fn payload_of(&self, variant: &wit_parser::Variant) -> usize {
        self.sizes.payload_offset(variant.tag(), variant.cases.iter().map(|case| case.ty.as_ref())).size_wasm32()
    }

    /// Names, types and offsets of what a record or a pair is made of.
    fn fields(&self, ty: Type) -> Result<Vec<(String, Type, usize)>> {
        let fields: Vec<(String, Type)> = match kind_of(self.resolve, ty) {
            Some(TypeDefKind::Record(record)) => {
                record.fields.iter().map(|field| (public(&field.name), field.ty)).collect()
            }
            Some(TypeDefKind::Tuple(tuple)) => {
                ["Key", "Value"].map(str::to_owned).into_iter().zip(tuple.types.iter().copied()).collect()
            }
            other => bail!("{} has no fields", other.map_or("a scalar", TypeDefKind::as_str)),
        };
        let offsets = self.sizes.field_offsets(fields.iter().map(|(_, ty)| ty));
        let offsets: Vec<usize> = offsets.into_iter().map(|(offset, _)| offset.size_wasm32()).collect();
        Ok(fields.into_iter().zip(offsets).map(|((name, ty), offset)| (name, ty, offset)).collect())
    }
}
