//! A fuzzer's way to what reads records back; listed in `crate::fuzzing`.

use super::{Bench, Decoder, Encoder};

/// Entries of a log, each with its length in two bytes in front. A record that can be read is the same when it is written and
/// read again. An input that is JSON is one record's text, which is written first.
pub(crate) fn entries(input: &[u8]) -> Result<(), String> {
    if let Ok(record) = serde_json::from_slice(input) {
        again(&record);
        return Ok(());
    }
    let (mut decoder, mut rest, mut said) = (Decoder::default(), input, Ok(()));
    while let Some(([low, high], tail)) = rest.split_first_chunk() {
        let (entry, tail) = tail.split_at(usize::from(u16::from_le_bytes([*low, *high])).min(tail.len()));
        match decoder.decode(entry) {
            Ok(record) => again(&record.clone()),
            Err(short) => said = Err(short.0.to_owned()),
        }
        rest = tail;
    }
    said
}

fn again(record: &super::Record) {
    let written = Encoder::default().encode(record, true, &mut Bench::default());
    let Ok(entry) = written else { return };
    let mut decoder = Decoder::default();
    let read = decoder.decode(&entry).map_err(|short| short.0);
    // As JSON: what is not a number is not equal to itself, and both are written alike.
    let text = |record: &super::Record| serde_json::to_string(record).unwrap_or_default();
    assert_eq!(read.map(text), Ok(text(record)), "a record that was kept is another one when it is read");
}
