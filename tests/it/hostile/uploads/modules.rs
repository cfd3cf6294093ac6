//! Core modules that are too much of something, in each of their sections; and what this engine does not have.

use super::{Door, component, custom, guest, section, shell};
use crate::hostile::table::Rows;

const MIB: usize = 1 << 20;

/// The compiler has two seconds here instead of a minute: what it does not do in these is stopped.
const HASTY: &str = "[sandbox.compile]\ntimeout_ms = 2000\n";

#[test]
fn a_module_that_is_too_much_is_refused_by_what_it_has_too_much_of() {
    let door = Door::open(HASTY);
    let mut rows = Rows::of("upload");
    let types = |count: usize| shell(&"(type (func))".repeat(count));
    let few: [(&str, &str, Vec<u8>); 18] = [
        ("a function of 2 MiB", "too-complex", shell(&format!("(func {})", "nop ".repeat(2 * MIB)))),
        ("100,001 functions", "too-complex", shell(&"(func)".repeat(100_001))),
        ("1,000,001 types", "invalid-wasm", types(1_000_001)),
        ("50,001 locals", "invalid-wasm", shell(&format!("(func (local {}))", "i32 ".repeat(50_001)))),
        ("4,000,000,000 locals in 9 bytes", "invalid-wasm", with_locals()),
        ("a thousand and one parameters", "invalid-wasm", shell(&format!("(func (param {}))", "i32 ".repeat(1_001)))),
        ("100,001 data segments", "invalid-wasm", shell(&format!("(memory 1) {}", "(data \"\")".repeat(100_001)))),
        ("101 tables", "invalid-wasm", guest(&"(table 0 funcref)".repeat(101))),
        ("1,000,001 exports", "invalid-wasm", exports(1_000_001)),
        ("a million exports of one name", "duplicate-export", same_exports()),
        ("100,001 element segments", "invalid-wasm", shell(&"(elem declare func)".repeat(100_001))),
        ("a name of 100,001 bytes", "invalid-wasm", shell(&format!("(func (export \"{}\"))", "x".repeat(100_001)))),
        ("a section longer than the file", "truncated", [shell(""), vec![0, 0xff, 0xff, 0xff, 0x7f]].concat()),
        ("a count of 4 thousand million exports", "truncated", count_of_exports()),
        ("sections in the wrong order", "invalid-wasm", [shell(""), section(1, &[0])].concat()),
        (
            "a length in six bytes of LEB128",
            "invalid-wasm",
            [shell(""), vec![0, 0x81, 0x80, 0x80, 0x80, 0x80, 0]].concat(),
        ),
        ("a start function that takes one", "invalid-wasm", shell("(func $f (param i32)) (start $f)")),
        ("text that is not UTF-8 in an export", "invalid-wasm", export_not_utf8()),
    ];
    for (behaviour, must, bytes) in few {
        door.row(&mut rows, behaviour, must, &bytes);
    }
    door.is_as_before();
    rows.finish();
}

#[test]
fn custom_sections_are_counted_wherever_they_are() {
    let door = Door::open(HASTY);
    let mut rows = Rows::of("upload");
    let component = component();
    let nested = [b"\0asm\x01\0\0\0".as_slice(), &custom("x", 9 * MIB)].concat();
    for (behaviour, must, bytes) in [
        ("a custom section of 100 MB", "413 body-too-large", [guest(""), custom("x", 100 * MIB)].concat()),
        ("a custom section of 31 MiB", "too-complex", [guest(""), custom("x", 31 * MIB)].concat()),
        ("nine custom sections of 1 MiB", "too-complex", [guest(""), custom("x", MIB).repeat(9)].concat()),
        ("a hundred thousand custom sections of nothing", "tried", [guest(""), custom("", 0).repeat(100_000)].concat()),
        ("a custom section of 9 MiB in a nested module", "too-complex", [component, section(1, &nested)].concat()),
        ("a custom section whose name is not UTF-8", "invalid-wasm", [guest(""), section(0, b"\x02\xff\xfe")].concat()),
        ("a custom section whose name is longer than it", "truncated", [guest(""), section(0, b"\x7fx")].concat()),
    ] {
        door.row(&mut rows, behaviour, must, &bytes);
    }
    door.is_as_before();
    rows.finish();
}

#[test]
fn what_takes_a_compiler_long_is_compiled_in_its_time_or_not_at_all() {
    let mut rows = Rows::of("upload");
    let door = Door::open("");
    let nest = |count: usize| format!("(func {} {})", "block ".repeat(count), "end ".repeat(count));
    let branch = |count: usize| format!("(func (param i32) block local.get 0 br_table {} end)", "0 ".repeat(count));
    let simd = "(local.set 0 (i32x4.mul (local.get 0) (i16x8.mul (local.get 0) (local.get 0))))";
    for (behaviour, must, further) in [
        ("blocks in blocks, 20,000 deep", "tried", nest(20_000)),
        ("a br_table of 4,000 targets", "tried", branch(4_000)),
        ("a br_table of 400,000 targets", "engine-feature", branch(400_000)),
        ("50,000 locals", "tried", format!("(func (local {}))", "i32 ".repeat(50_000))),
        ("ten thousand operations on vectors", "tried", format!("(func (local v128) {})", simd.repeat(10_000))),
        ("2,000 functions", "tried", "(func (result i32) i32.const 7)".repeat(2_000)),
        ("a data segment of 24 MiB", "tried", format!("(data \"{}\")", "x".repeat(24 * MIB))),
        ("10,000 functions in an element segment", "tried", format!("(func $f) (elem func {})", "$f ".repeat(10_000))),
        ("20,000 globals", "tried", "(global (mut i64) (i64.const 7))".repeat(20_000)),
    ] {
        door.row(&mut rows, behaviour, must, &guest(&further));
    }
    door.is_as_before();
    let door = Door::open(HASTY);
    for (behaviour, must, further) in [
        ("four functions of 70,000 statements", "compile-limit", statements(70_000).repeat(4)),
        ("ten functions of blocks in blocks, 100,000 deep", "compile-limit", nest(100_000).repeat(10)),
    ] {
        door.row(&mut rows, behaviour, must, &guest(&further));
    }
    door.is_as_before();
    rows.finish();
}

#[test]
fn what_a_module_begins_with_is_within_the_limits_of_what_it_may_have() {
    let door = Door::open("");
    let mut rows = Rows::of("upload");
    for (behaviour, must, further) in [
        ("data behind the end of the memory", "describe-trap", "(data (i32.const 65530) \"too long for it\")"),
        (
            "elements behind the end of the table",
            "describe-trap",
            "(func $f) (table 1 funcref) (elem (i32.const 1) $f)",
        ),
        ("a table of 50,000 elements", "too-complex", "(table 50000 funcref)"),
        ("a table of 10,000,000 elements", "too-complex", "(table 10000000 funcref)"),
        ("a table of 4,000,000,000 elements", "too-complex", "(table 4000000000 funcref)"),
        ("nine tables", "too-complex", "(table 1 funcref)"),
    ] {
        let further = if behaviour == "nine tables" { further.repeat(9) } else { further.to_owned() };
        door.row(&mut rows, behaviour, must, &guest(&further));
    }
    door.is_as_before();
    rows.finish();
}

#[test]
fn what_the_engine_does_not_have_is_refused_and_what_it_has_is_not() {
    let door = Door::open("");
    let mut rows = Rows::of("upload");
    let call = "(func $f) (func (export \"further\") return_call $f)";
    let relaxed = "(func (param v128) (result v128) local.get 0 local.get 0 i8x16.relaxed_swizzle)";
    for (behaviour, must, further) in [
        ("several memories", "too-complex", "(memory 1) (memory 1)"),
        ("tail calls", "tried", call),
        ("bulk memory", "tried", "(func (memory.fill (i32.const 0) (i32.const 0) (i32.const 1)))"),
        ("extended constants", "tried", "(global i32 (i32.add (i32.const 1) (i32.const 1)))"),
        ("memory of 64 bits", "wasm64", "(memory i64 1)"),
        ("shared memory", "engine-feature", "(memory 1 1 shared)"),
        ("garbage collection", "engine-feature", "(type (struct (field i32)))"),
        ("exceptions", "engine-feature", "(tag)"),
        ("typed references to functions", "tried", "(type $t (func)) (func (param (ref null $t)))"),
        ("relaxed operations on vectors", "engine-feature", relaxed),
        ("pages of one byte", "engine-feature", "(memory 1 (pagesize 1))"),
        ("switched stacks", "engine-feature", "(type $f (func)) (type (cont $f))"),
        (
            "arithmetic of 128 bits",
            "engine-feature",
            "(func (param i64 i64 i64 i64) (drop (drop (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))))",
        ),
    ] {
        door.row(&mut rows, behaviour, must, &guest(further));
    }
    door.is_as_before();
    rows.finish();
}

#[test]
fn what_is_cut_off_or_begins_wrong_is_refused_at_each_place() {
    let door = Door::open("");
    let mut rows = Rows::of("upload");
    let whole = guest("");
    let mut cuts = vec![0, 3, 7];
    for payload in wasmparser::Parser::new(0).parse_all(&whole) {
        if let Some((_, range)) = payload.unwrap().as_section() {
            // In the midst of it, and one byte before it is whole.
            cuts.extend([range.start + (range.end - range.start) / 2, range.end - 1]);
        }
    }
    for cut in cuts {
        let must = match cut {
            0 | 3 => "not-wasm",
            _ => "truncated",
        };
        door.row(&mut rows, &format!("cut off after {cut} bytes"), must, &whole[..cut]);
    }
    let begun = |head: &[u8]| [head, &whole[8..]].concat();
    for (behaviour, must, bytes) in [
        ("another magic number", "not-wasm", begun(b"\0asn\x01\0\0\0")),
        ("version 2 of WebAssembly", "truncated", begun(b"\0asm\x02\0\0\0")),
        ("a component of an old draft", "truncated", begun(b"\0asm\x0c\0\x01\0")),
        ("a module that says it is a component", "invalid-wasm", begun(b"\0asm\x0d\0\x01\0")),
        ("two modules, one after the other", "invalid-wasm", [whole.clone(), whole.clone()].concat()),
        ("a module and rubbish behind it", "truncated", [whole.clone(), vec![0x7f; 100]].concat()),
    ] {
        door.row(&mut rows, behaviour, must, &bytes);
    }
    door.is_as_before();
    rows.finish();
}

#[test]
fn exports_that_are_not_the_contracts_are_refused() {
    let door = Door::open("");
    let mut rows = Rows::of("upload");
    let whole = include_str!("../../../guests/wat/policy.wat");
    let changed = |from: &str, to: &str| {
        assert!(whole.contains(from), "the guest in WAT reads otherwise now: {from}");
        let text = whole.replacen("(module", "(module (@custom \"trimtab:string-encoding\" \"utf8\")", 1);
        wat::parse_str(text.replace(from, to)).unwrap()
    };
    let export = |function: &str| format!("(export \"trimtab:policy/decide@0.1.0#{function}\")");
    // Written as escapes: the text's own parser takes no letters that turn others around.
    let rtl = r"\u{202e}lave\u{202c}\u{200b}\u{feff}\u{1f4a3}";
    for (behaviour, must, bytes) in [
        ("no `evaluate`", "no-policy", changed(&export("evaluate"), "")),
        ("no memory", "not-encodable", changed("(memory (export \"memory\") 1)", "(memory 1)")),
        ("no allocator", "not-encodable", changed("(export \"cabi_realloc\")", "")),
        ("`describe` is a number", "no-policy", shell_of("(global (export \"NAME\") i32 (i32.const 0))")),
        (
            "`describe` takes a text",
            "no-policy",
            shell_of("(func (export \"NAME\") (param i64) (result f32) unreachable)"),
        ),
        ("nothing at all", "no-policy", wat::parse_str("(module)").unwrap()),
        ("another contract", "no-policy", wat::parse_str("(module (func (export \"a:b/c@1.0.0#d\")))").unwrap()),
        ("a contract of tomorrow", "wrong-contract", changed("decide@0.1.0", "decide@7.0.0")),
        (
            "a contract of a thousand digits",
            "wrong-contract",
            changed("decide@0.1.0", &format!("decide@{}", "9".repeat(1_000))),
        ),
        ("further exports in odd letters", "tried", guest(&format!("(func (export \"{rtl}\"))"))),
        (
            "exports in odd letters alone",
            "no-policy",
            wat::parse_str(format!("(module (func (export \"{rtl}\\0a\\1b[31m\")))")).unwrap(),
        ),
    ] {
        door.row(&mut rows, behaviour, must, &bytes);
    }
    door.is_as_before();
    rows.finish();
}

/// A function of so many statements: 13 bytes each, and for a compiler seconds and hundreds of megabytes.
pub(super) fn statements(count: usize) -> String {
    let statement = "(local.set 0 (i32.add (i32.mul (local.get 0) (local.get 1)) (i32.load (local.get 0))))\n";
    format!("(func (param i32 i32) {})", statement.repeat(count))
}

/// A module whose one export is this, by the name of `describe`.
fn shell_of(export: &str) -> Vec<u8> {
    let text =
        format!("(module (@custom \"trimtab:string-encoding\" \"utf8\") {})", export.replace("NAME", super::DESCRIBE));
    wat::parse_str(text).unwrap()
}

fn exports(count: usize) -> Vec<u8> {
    use wasm_encoder::{ExportKind, ExportSection};
    let mut exports = ExportSection::new();
    exports.export(super::DESCRIBE, ExportKind::Func, 0);
    for number in 1..count {
        exports.export(&format!("{number}"), ExportKind::Func, 0);
    }
    of_one_function(&exports)
}

fn same_exports() -> Vec<u8> {
    use wasm_encoder::{ExportKind, ExportSection};
    let mut exports = ExportSection::new();
    exports.export(super::DESCRIBE, ExportKind::Func, 0);
    for _ in 1..1_000_000 {
        exports.export("x", ExportKind::Func, 0);
    }
    of_one_function(&exports)
}

fn export_not_utf8() -> Vec<u8> {
    let mut module =
        of_one_function(wasm_encoder::ExportSection::new().export("DESCRIBE", wasm_encoder::ExportKind::Func, 0));
    let at = module.windows(8).position(|window| window == b"DESCRIBE").unwrap();
    module[at] = 0xff;
    module
}

fn of_one_function(exports: &wasm_encoder::ExportSection) -> Vec<u8> {
    use wasm_encoder::{CodeSection, Function, FunctionSection, Module, TypeSection};
    let (mut types, mut functions, mut code) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([], []);
    functions.function(0);
    let mut body = Function::new([]);
    body.instructions().end();
    code.function(&body);
    let mut module = Module::new();
    let encoding =
        wasm_encoder::CustomSection { name: "trimtab:string-encoding".into(), data: b"utf8".as_slice().into() };
    module.section(&encoding).section(&types).section(&functions).section(exports).section(&code);
    module.finish()
}

/// Locals are counted in runs, so that a few bytes say billions.
fn with_locals() -> Vec<u8> {
    use wasm_encoder::{
        CodeSection, ExportKind, ExportSection, Function, FunctionSection, Module, TypeSection, ValType,
    };
    let (mut types, mut functions, mut code) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([], []);
    functions.function(0);
    let mut body = Function::new([(4_000_000_000, ValType::I64)]);
    body.instructions().end();
    code.function(&body);
    let mut exports = ExportSection::new();
    exports.export(super::DESCRIBE, ExportKind::Func, 0);
    let mut module = Module::new();
    let encoding =
        wasm_encoder::CustomSection { name: "trimtab:string-encoding".into(), data: b"utf8".as_slice().into() };
    module.section(&encoding).section(&types).section(&functions).section(&exports).section(&code);
    module.finish()
}

/// A section that promises more than there is.
fn count_of_exports() -> Vec<u8> {
    [b"\0asm\x01\0\0\0".as_slice(), &section(7, &[0xff, 0xff, 0xff, 0xff, 0x0f])].concat()
}
