//! Components that are too much: types in types, components in components, instances of instances. Each is a whole policy with
//! the bomb behind it, so that nothing but the bomb can be the reason.

use std::fmt::Write as _;

use super::{Door, component, section};
use crate::hostile::table::Rows;

/// Two seconds for the compiler.
const HASTY: &str = "[sandbox.compile]\ntimeout_ms = 2000\n";

#[test]
fn a_component_that_is_too_much_is_refused_and_one_that_is_large_is_not() {
    let door = Door::open(HASTY);
    let mut rows = Rows::of("upload");
    let lists = chain(200_000, |at| format!("(list $t{at})"));
    let tuples = chain(40, |at| format!("(tuple $t{at} $t{at})"));
    let options = chain(90, |at| format!("(option $t{at})"));
    let fields = |count: usize| (0..count).fold(String::new(), |text, at| text + &format!("(field \"f{at}\" u8)"));
    let cases = (0..10_001).fold(String::new(), |text, at| text + &format!("(case \"c{at}\")"));
    let flags = (0..1_001).fold(String::new(), |text, at| text + &format!(" \"f{at}\""));
    for (behaviour, must, bomb) in [
        ("lists in lists, 200,000 deep", "invalid-wasm", text(&lists)),
        ("options in options, 90 deep", "tried", text(&options)),
        ("tuples that double, 40 times", "invalid-wasm", text(&tuples)),
        ("a record of 10,001 fields", "invalid-wasm", text(&format!("(type (record {}))", fields(10_001)))),
        ("a record of 1,000 fields", "tried", text(&format!("(type (record {}))", fields(1_000)))),
        ("a variant of 10,001 cases", "invalid-wasm", text(&format!("(type (variant {cases}))"))),
        ("1,001 flags", "invalid-wasm", text(&format!("(type (flags {flags}))"))),
        ("100,000 types", "tried", text(&"(type u8)".repeat(100_000))),
        ("types of components in each other, 100,000 deep", "compile-limit", nested_types(100_000)),
        (
            "100,000 aliases of one type",
            "tried",
            text(&format!("(type $t u8) (component {})", "(alias outer 1 $t (type))".repeat(100_000))),
        ),
        ("components in components, 1,000 deep", "tried", nested(1_000)),
        ("components in components, 100,000 deep", "compile-limit", nested(100_000)),
        ("1,001 components side by side", "invalid-wasm", text(&"(component)".repeat(1_001))),
        ("1,001 modules side by side", "invalid-wasm", text(&"(core module)".repeat(1_001))),
        ("instances of instances, 1,001 long", "invalid-wasm", text(&instances(1_001))),
        ("10,000 resources", "tried", text(&"(type (resource (rep i32)))".repeat(10_000))),
        ("imports of a nested component, 10,000", "tried", text(&format!("(component {})", imports(10_000)))),
        ("values of the draft", "truncated", b"\0asm\x0d\0\x01\0\x0c\x01\x00\x7f".to_vec()),
    ] {
        door.row(&mut rows, behaviour, must, &behind_a_policy(&bomb));
    }
    door.is_as_before();
    rows.finish();
}

#[test]
fn instances_that_double_end_where_the_compiler_ends() {
    let door = Door::open(HASTY);
    let mut rows = Rows::of("upload");
    for (behaviour, must, bytes) in [
        ("instances that double, 6 times", "tried", instantiated(&doubling(6, "(core module)"))),
        ("instances that double, 8 times", "too-complex", instantiated(&doubling(8, "(core module)"))),
        ("instances of modules that double, 24 times", "compile-limit", instantiated(&doubling(24, "(core module)"))),
        ("instances of nothing that double, 30 times", "compile-limit", instantiated(&doubling(30, ""))),
    ] {
        door.row(&mut rows, behaviour, must, &bytes);
    }
    door.is_as_before();
    rows.finish();
}

#[test]
fn a_component_that_is_a_policy_by_name_alone_is_refused() {
    let door = Door::open("");
    let mut rows = Rows::of("upload");
    let named = "(export \"trimtab:policy/decide@0.1.0\" (instance $i))";
    let nothing = format!("(component (instance $i) {named})");
    let other = format!(
        "(component (core module $m (func (export \"f\"))) (core instance $c (instantiate $m))
            (func $f (canon lift (core func $c \"f\"))) (instance $i (export \"describe\" (func $f))) {named})"
    );
    for (behaviour, must, bomb) in [
        ("the contract's instance, empty", "wrong-contract", nothing),
        ("`describe` that answers nothing", "wrong-contract", other),
    ] {
        door.row(&mut rows, behaviour, must, &wat::parse_str(bomb).unwrap());
    }
    door.is_as_before();
    rows.finish();
}

fn text(fields: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {fields})")).unwrap()
}

/// Types each of which is made of the one before.
fn chain(count: usize, next: impl Fn(usize) -> String) -> String {
    let mut text = "(type $t0 u8)".to_owned();
    for at in 0..count {
        let _ = writeln!(text, "(type $t{} {})", at + 1, next(at));
    }
    text
}

/// A type of a component that has a type of a component: written out, since the text's parser gives up first.
fn nested_types(depth: usize) -> Vec<u8> {
    let types = [&[1], [0x41, 1, 1].repeat(depth).as_slice(), &[0x41, 0]].concat();
    [b"\0asm\x0d\0\x01\0".as_slice(), &section(7, &types)].concat()
}

/// Components in components: written out, since the text's parser gives up first.
fn nested(depth: usize) -> Vec<u8> {
    // From the inside: the lengths are known then. Each head is at most 6 bytes, so that one buffer, filled from its end, will do.
    let head = b"\0asm\x0d\0\x01\0";
    let mut length = head.len();
    let mut heads = Vec::with_capacity(depth);
    for _ in 1..depth {
        let mut section = vec![4];
        super::leb(length, &mut section);
        length += section.len() + head.len();
        heads.push(section);
    }
    let mut bytes = Vec::with_capacity(length);
    for section in heads.iter().rev() {
        bytes.extend_from_slice(head);
        bytes.extend_from_slice(section);
    }
    bytes.extend_from_slice(head);
    bytes
}

fn instances(count: usize) -> String {
    let mut text = "(instance $i0)".to_owned();
    for at in 1..count {
        let _ = write!(text, "(instance $i{at} (export \"i\" (instance $i{})))", at - 1);
    }
    text
}

fn imports(count: usize) -> String {
    (0..count).fold(String::new(), |text, at| text + &format!("(import \"i{at}\" (func))"))
}

/// A component that instantiates twice the one within it, which does the same; innermost, one with these fields, instantiated.
fn doubling(times: usize, leaf: &str) -> Vec<u8> {
    let leaf = if leaf.is_empty() { String::new() } else { format!("{leaf} (core instance (instantiate 0))") };
    let mut text = format!("(component $c {leaf})");
    for _ in 0..times {
        text = format!("(component $c {text} (instance (instantiate $c)) (instance (instantiate $c)))");
    }
    wat::parse_str(text.replacen("(component $c", "(component", 1)).unwrap()
}

/// A whole policy, and a component in it that nobody instantiates.
fn behind_a_policy(bomb: &[u8]) -> Vec<u8> {
    [component(), section(4, bomb)].concat()
}

/// A whole policy, and a component in it that is instantiated with it.
fn instantiated(bomb: &[u8]) -> Vec<u8> {
    let whole = behind_a_policy(bomb);
    let mut depth = 0;
    let mut components = 0;
    for payload in wasmparser::Parser::new(0).parse_all(&whole) {
        match payload.unwrap() {
            wasmparser::Payload::Version { .. } => depth += 1,
            wasmparser::Payload::End(_) => depth -= 1,
            wasmparser::Payload::ComponentSection { .. } if depth == 1 => components += 1,
            _ => {}
        }
    }
    // One instance, of the last component, that is given nothing.
    let mut instance = vec![1, 0];
    super::leb(components - 1, &mut instance);
    instance.push(0);
    [whole, section(5, &instance)].concat()
}
