//! Policies that mean harm, as WAT: each spends all it may, or breaks in its own way.

/// How the twenty are made up: name, further parts of the module, and what `evaluate` does.
const KINDS: [(&str, &str); 7] = [
    ("endless", "(loop $on (br $on)) (i32.const 256)"),
    (
        "fills-memory",
        "(drop (memory.grow (i32.const 100)))
         (loop $on (memory.fill (i32.const 65536) (i32.const 7) (i32.const 4194304)) (br $on)) (i32.const 256)",
    ),
    ("memory-bomb", "(loop $on (br_if $on (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (unreachable)"),
    ("recursion", "(call $evaluate (local.get 0))"),
    ("trap", "(unreachable)"),
    (
        "million-proposals",
        "(i32.store (i32.const 260) (i32.const 1024)) (i32.store (i32.const 264) (i32.const 1000000)) (i32.const 256)",
    ),
    (
        "giant-note",
        "(drop (memory.grow (i32.const 160)))
         (i32.store (i32.const 512) (i32.const 0)) (i32.store (i32.const 516) (i32.const 10000000))
         (i32.store (i32.const 296) (i32.const 512)) (i32.store (i32.const 300) (i32.const 1)) (i32.const 256)",
    ),
];

/// Which kind the hostile binding of this number runs: nine of the twenty burn all the time that they are given.
pub(super) fn kind_of(number: usize) -> &'static str {
    let kinds = [0, 1, 2, 0, 3, 1, 4, 0, 5, 1, 6, 0, 2, 3, 1, 4, 5, 0, 6, 2];
    KINDS[kinds[number % kinds.len()]].0
}

/// All kinds, with their modules.
pub(super) fn all() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    KINDS.into_iter().map(|(name, evaluate)| (name, module(evaluate)))
}

/// One that asks for nothing, and does no harm.
pub(super) fn harmless() -> Vec<u8> {
    module("(i32.const 256)")
}

/// A policy that answers with what is at 256, an answer of zeroes where nothing else is written there.
fn module(evaluate: &str) -> Vec<u8> {
    let decide = "trimtab:policy/decide@0.1.0";
    let text = format!(
        r#"(module (@custom "trimtab:string-encoding" "utf8")
        (memory (export "memory") 4)
        (data (i32.const 16) "\00\04\00\00\05\00\00\00\08\04\00\00\05\00\00\00")
        (data (i32.const 1024) "guest") (data (i32.const 1032) "1.0.0")
        (global $top (mut i32) (i32.const 8192))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
            (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
            (global.set $top (i32.add (local.get $at) (local.get 3)))
            (local.get $at))
        (func (export "{decide}#describe") (result i32) (i32.const 16))
        (func (export "{decide}#needs") (param i32 i32) (result i32) (i32.const 128))
        (func $evaluate (export "{decide}#evaluate") (param i32) (result i32) {evaluate}))"#
    );
    wat::parse_str(text).unwrap()
}
