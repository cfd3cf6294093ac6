//! A fuzzer's way to what policies say: its bytes are laid into a guest's memory, where the answer is read from. Listed in
//! `crate::fuzzing`.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use wit_parser::{Resolve, SizeAlign, TypeDefKind, TypeOwner};

use super::probe::load;
use super::{Answer, EvaluationInput, NeedsError, ParamValue, Policy, Queue, Tier, world};
use crate::causes::with_causes;
use crate::snapshot::Snapshot;

/// Bytes of an input that are laid into the guest's memory, from its address 0 on; what the host passes in lies above.
const LAID_MAX: usize = 48 << 10;
/// Where the guest says that its answer is.
const ANSWER_AT: u32 = 16;
/// Where the guest that echoes has its own manifest, and its texts: 1 MiB, as little-endian bytes.
const MANIFEST_AT: u32 = 1 << 20;
const NAME_AT: &str = "40\\00\\10\\00";
const VERSION_AT: &str = "44\\00\\10\\00";

/// An answer to a snapshot: the memory of a guest, whose record is at [`ANSWER_AT`]. What passes the host's checks is handed back.
pub(crate) fn answer(input: &[u8], snapshot: &Snapshot) -> Result<Answer, String> {
    let laid = input.get(..LAID_MAX).unwrap_or(input);
    let question = EvaluationInput { snapshot, needs: &[], params: &[], memory: laid, queue: Queue::Ordinary };
    let answer = echo().evaluate(&question).outcome.map_err(|fault| with_causes(&fault))?;
    assert!(answer.attrs.values().all(is_finite), "an attr that is not finite: {answer:?}");
    Ok(answer)
}

/// A list of needs, as [`answer`].
pub(crate) fn needs(input: &[u8]) -> Result<(), String> {
    let laid = input.get(..LAID_MAX).unwrap_or(input);
    let words = laid.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
        i64::from_le_bytes(word)
    });
    match echo().needs(&[ParamValue::Ints(words.collect())]) {
        Ok(_) => Ok(()),
        // A policy's own words are kept as they are, within a limit, and cleaned where they are shown.
        Err(NeedsError::Refused { refusal }) => {
            assert!(refusal.text.len() <= 2_048 && refusal.kind.as_str().len() <= 64, "too long: {refusal:?}");
            Ok(())
        }
        Err(error) => Err(with_causes(&error)),
    }
}

/// A manifest: the memory of a guest, whose record is at [`ANSWER_AT`]. One that is accepted is within its limits.
pub(crate) fn manifest(input: &[u8]) -> Result<(), String> {
    let laid = input.get(..LAID_MAX).unwrap_or(input);
    let mut data = String::with_capacity(3 * laid.len());
    for byte in laid {
        write!(data, "\\{byte:02x}").map_err(|error| error.to_string())?;
    }
    let wat = guest(&format!("(data (i32.const 0) \"{data}\")"), ANSWER_AT, "(i32.const 0)", "(i32.const 0)");
    let module = wat::parse_str(wat).map_err(|error| error.to_string())?;
    let policy = load(&module, Tier::Compiled).map_err(|error| with_causes(&error))?;
    let policy = policy.map_err(|error| with_causes(&error))?;
    let manifest = policy.manifest();
    assert!(!manifest.name.is_empty() && manifest.name.len() <= 253, "a name that nobody can write: {manifest:?}");
    assert!(manifest.memory_bytes <= policy.limits().policy_memory_bytes_max, "{manifest:?}");
    Ok(())
}

fn is_finite(value: &super::AttrValue) -> bool {
    !matches!(value, super::AttrValue::Num(number) if !number.is_finite())
}

/// A guest that lays what it is given to its address 0: of a snapshot the policy's memory, of parameters the first, a list of
/// numbers.
fn echo() -> Arc<Policy> {
    static ECHO: OnceLock<Arc<Policy>> = OnceLock::new();
    #[expect(clippy::unwrap_used, reason = "a fuzzer without its guest has nothing to do")]
    let load = || {
        // Name, version, and memory of 48 KiB.
        let data = format!(
            "(data (i32.const {MANIFEST_AT}) \"\\{NAME_AT}\\04\\00\\00\\00\\{VERSION_AT}\\05\\00\\00\\00\")
             (data (i32.const {}) \"\\00\\c0\\00\\00\") (data (i32.const {}) \"echo1.0.0\")",
            MANIFEST_AT + 40,
            MANIFEST_AT + 64
        );
        let lay =
            |from: &str, bytes: &str| format!("(memory.copy (i32.const 0) {from} {bytes}) (i32.const {ANSWER_AT})");
        let at = memory_at();
        let evaluate = lay(
            &format!("(i32.load offset={at} (local.get 0))"),
            &format!("(i32.load offset={} (local.get 0))", at + 4),
        );
        // A list of one variant: its tag in 8 bytes, then place and length, in numbers of 8 bytes.
        let needs =
            lay("(i32.load offset=8 (local.get 0))", "(i32.shl (i32.load offset=12 (local.get 0)) (i32.const 3))");
        let module = wat::parse_str(guest(&data, MANIFEST_AT, &needs, &evaluate)).unwrap();
        Arc::new(load(&module, Tier::Compiled).unwrap().unwrap())
    };
    Arc::clone(ECHO.get_or_init(load))
}

/// A guest of 18 pages whose manifest is in its memory.
fn guest(data: &str, manifest_at: u32, needs: &str, evaluate: &str) -> String {
    let decide = "trimtab:policy/decide@0.1.0";
    format!(
        r#"(module
        (memory (export "memory") 18) {data}
        (global $top (mut i32) (i32.const 65536))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
            (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
            (global.set $top (i32.add (local.get $at) (local.get 3)))
            (local.get $at))
        (func (export "{decide}#describe") (result i32) (i32.const {manifest_at}))
        (func (export "{decide}#needs") (param i32 i32) (result i32) {needs})
        (func (export "{decide}#evaluate") (param i32) (result i32) {evaluate}))"#
    )
}

/// Where a snapshot's record holds the policy's memory, by the contract itself.
#[expect(clippy::unwrap_used, reason = "the contract is ours")]
fn memory_at() -> usize {
    let mut resolve = Resolve::default();
    resolve.push_str("policy.wit", &world().wit).unwrap();
    let mut sizes = SizeAlign::default();
    sizes.fill(&resolve);
    let named = |def: &&wit_parser::TypeDef| {
        def.name.as_deref() == Some("snapshot") && matches!(def.owner, TypeOwner::Interface(_))
    };
    let record = resolve.types.iter().map(|(_, def)| def).find(named).unwrap();
    let TypeDefKind::Record(record) = &record.kind else { return 0 };
    let fields = sizes.field_offsets(record.fields.iter().map(|field| &field.ty));
    let at = record.fields.iter().position(|field| field.name == "memory").unwrap();
    fields.get(at).map_or(0, |(offset, _)| offset.size_wasm32())
}
