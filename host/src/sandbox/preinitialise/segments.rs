//! Few data segments in the place of many. A snapshot of memory has one for each run of bytes that are not zero, and an empty one in the
//! place of each that there was: 35,000 for Go. The engine looks at each of them whenever it makes an instance, which took 40 µs of 60.

use std::borrow::Cow;

use wasm_encoder::{ConstExpr, DataSection, Module, RawSection};
use wasmparser::{Data, DataKind, Operator, Parser, Payload};

/// Gaps shorter than this are filled: the engine maps memory in pages of this size anyway.
const GAP_BYTES_MAX: usize = 4096;

/// What is wrong with the module that the snapshot made.
pub(super) type Wrong = Box<dyn std::error::Error + Send + Sync>;

/// Bytes of the first memory, from an address on.
struct Piece<'a> {
    at: usize,
    bytes: Cow<'a, [u8]>,
}

/// The same module with fewer segments. One with a section that counts them stays as it is: its code may name them.
pub(super) fn join(wasm: &[u8]) -> Result<Vec<u8>, Wrong> {
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::DataCountSection { .. } => return Ok(wasm.to_vec()),
            Payload::DataSection(section) => {
                for data in section {
                    if let Some(next) = piece(&data?)? {
                        add(&mut pieces, next);
                    }
                }
            }
            _ => {}
        }
    }
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        if let Payload::DataSection(_) = payload {
            let mut section = DataSection::new();
            for piece in &pieces {
                let at = ConstExpr::i32_const(u32::try_from(piece.at)?.cast_signed());
                section.active(0, &at, piece.bytes.iter().copied());
            }
            module.section(&section);
        } else if let Some((id, range)) = payload.as_section() {
            let data = wasm.get(range).ok_or("a section lies outside of the module")?;
            module.section(&RawSection { id, data });
        }
    }
    Ok(module.finish())
}

/// What a segment puts into memory: nothing if it is passive, since no code can name it.
fn piece<'a>(data: &Data<'a>) -> Result<Option<Piece<'a>>, Wrong> {
    match &data.kind {
        DataKind::Passive => Ok(None),
        DataKind::Active { memory_index: 0, offset_expr } => match offset_expr.get_operators_reader().read()? {
            Operator::I32Const { value } => {
                let at = usize::try_from(value.cast_unsigned())?;
                Ok(Some(Piece { at, bytes: Cow::Borrowed(data.data) }))
            }
            _ => Err("a segment's address is no constant".into()),
        },
        DataKind::Active { .. } => Err("it has more than one memory".into()),
    }
}

fn add<'a>(pieces: &mut Vec<Piece<'a>>, next: Piece<'a>) {
    if let Some(last) = pieces.last_mut()
        && let Some(gap) = next.at.checked_sub(last.at + last.bytes.len())
        && gap < GAP_BYTES_MAX
    {
        let bytes = last.bytes.to_mut();
        bytes.resize(bytes.len() + gap, 0);
        bytes.extend_from_slice(&next.bytes);
        return;
    }
    pieces.push(next);
}
