//! The bytes of a record: whole, or as what changed since the turn before.
//!
//! A record is split into three parts. *Text*: its JSON without samples and memory; a change keeps only the numbers in it that
//! differ. *Samples*: a change keeps what is new in each series and how many old ones left. *Memory*: a change keeps the bytes
//! that differ. Together they give the record back exactly; a change is read with all that came before it back to a whole
//! one, and says by its place and by a mark of its id whether one of those is missing.

mod bytes;
mod samples;
mod text;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

use std::hash::{BuildHasher, RandomState};

use serde::Serialize;

use self::bytes::{Reader, Short, Sink};
use self::samples::Series;
use self::text::Numbers;
use super::record::{Record, RecordId, Ruled, Slot};
use crate::snapshot::{Reading, Samples, Snapshot};

/// First byte of this form.
const FORM: u8 = 1;

/// A whole record is written anew after so many changes at least, and twice as many at most: how many is told by the target,
/// so that not all have their turn at once. At 15 s this is half an hour to an hour.
const CHANGES_MIN: u64 = 120;

/// Most changes that follow a whole record.
pub(super) const CHANGES_MAX: u64 = 2 * CHANGES_MIN;

/// Most bytes that a record may unfold to.
const RECORD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How hard to pack whole records: at 1 some 300 MB/s, and higher levels save a tenth.
const LEVEL: i32 = 1;

/// Writes records of one target after another.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    /// Changes since the last whole record.
    position: u64,
    at_ms: u64,
    /// The text without its numbers, as a hash, and the numbers.
    numbers: Numbers,
    series: Series,
    /// Hashes of the memory that each slot was left with.
    memories: Vec<u64>,
}

/// What encoders share: a key of this process for hashes, and buffers.
#[derive(Debug, Default)]
pub(super) struct Bench {
    hashes: RandomState,
    text: Vec<u8>,
    body: Vec<u8>,
    packer: Packer,
}

/// Packs bytes with tables that are made once: making them anew costs more than packing a record.
#[derive(Default)]
struct Packer(Option<zstd::bulk::Compressor<'static>>);

impl Packer {
    fn pack(&mut self, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        let packer = match &mut self.0 {
            Some(packer) => packer,
            none => none.insert(zstd::bulk::Compressor::new(LEVEL)?),
        };
        packer.compress(bytes)
    }
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Packer").finish_non_exhaustive()
    }
}

impl Encoder {
    /// The bytes of the next record: whole if it must be, or if it is time for it.
    pub(super) fn encode(
        &mut self,
        record: &Record,
        whole: bool,
        bench: &mut Bench,
    ) -> Result<Vec<u8>, serde_json::Error> {
        let limit = CHANGES_MIN + bench.spread(record) % CHANGES_MIN;
        let whole = whole || self.at_ms == 0 || self.position + 1 >= limit;
        let Bench { hashes, text, body, packer } = bench;
        text.clear();
        serde_json::to_writer(&mut *text, &Words::of(record))?;
        body.clear();
        body.number(if whole { 0 } else { self.position + 1 });
        body.signed(record.at_ms.cast_signed().wrapping_sub(self.at_ms.cast_signed()));
        body.extend_from_slice(&mark(&record.id));
        self.numbers.write(text, whole, hashes, packer, body);
        let elapsed_ms = record.at_ms.wrapping_sub(self.at_ms);
        self.series.write(&record.snapshot.readings, whole, elapsed_ms, body);
        self.write_memories(&record.slots, whole, hashes, body);
        self.position = if whole { 0 } else { self.position + 1 };
        self.at_ms = record.at_ms;
        let mut entry = vec![FORM];
        if whole {
            // What is packed here fits in memory; packing fails only where that is lacking.
            let packed = packer.pack(body).map_err(serde_json::Error::io)?;
            entry.push(1);
            entry.number(body.len() as u64);
            entry.extend_from_slice(&packed);
        } else {
            entry.push(0);
            entry.extend_from_slice(body);
        }
        Ok(entry)
    }

    fn write_memories(&mut self, slots: &[Slot], whole: bool, hashes: &RandomState, body: &mut Vec<u8>) {
        let mut left = Vec::with_capacity(slots.len());
        for (at, slot) in slots.iter().enumerate() {
            let goes_on = !whole && self.memories.get(at) == Some(&hashes.hash_one(&slot.memory_before));
            body.push(u8::from(goes_on) | u8::from(slot.memory_after.is_some()) << 1);
            if !goes_on {
                body.block(&slot.memory_before);
            }
            if let Some(after) = &slot.memory_after {
                bytes::write_change(&slot.memory_before, after, body);
            }
            left.push(hashes.hash_one(slot.memory_after.as_ref().unwrap_or(&slot.memory_before)));
        }
        self.memories = left;
    }
}

impl Bench {
    fn spread(&self, record: &Record) -> u64 {
        self.hashes.hash_one(&record.target)
    }
}

/// Reads records of one target one after another, from a whole one on.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    last: Option<(u64, Record)>,
    text: Vec<u8>,
}

/// Tells ids apart, but for one in 65,536. An id is read as what changed since the one before, so read with the wrong one
/// before it comes out wrong.
fn mark(id: &RecordId) -> [u8; 2] {
    let hash =
        id.as_str().bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let [a, b, c, d] = hash.to_le_bytes();
    [a ^ c, b ^ d]
}

/// Whether an entry needs those before it.
pub(super) fn is_whole(entry: &[u8]) -> bool {
    entry.get(1) == Some(&1)
}

impl Decoder {
    /// The record of the next entry.
    pub(super) fn decode(&mut self, entry: &[u8]) -> Result<&Record, Short> {
        let mut head = Reader::new(entry);
        if head.byte()? != FORM {
            return Err(Short("it is in a form that this trimtab does not know"));
        }
        let unpacked;
        let mut body = if head.byte()? == 1 {
            let length = usize::try_from(head.number()?).unwrap_or(usize::MAX);
            if length > RECORD_BYTES_MAX {
                return Err(Short("it is too large"));
            }
            unpacked = zstd::bulk::decompress(head.rest(), length).map_err(|_| Short("it cannot be unpacked"))?;
            Reader::new(&unpacked)
        } else {
            head
        };
        // What was read before is gone if this fails: no later change can then be read with the wrong one.
        let last = self.last.take();
        let (position, record) = self.read(&mut body, last)?;
        Ok(&self.last.insert((position, record)).1)
    }

    fn read(&mut self, body: &mut Reader<'_>, last: Option<(u64, Record)>) -> Result<(u64, Record), Short> {
        let (position, elapsed_ms) = (body.number()?, body.signed()?);
        let told = [body.byte()?, body.byte()?];
        let last = match (position, last) {
            (0, _) => None,
            (_, Some((before, record))) if before + 1 == position => Some(record),
            _ => return Err(Short("the turns before it, which it builds on, are no longer there")),
        };
        text::read(body, last.is_none(), &mut self.text)?;
        let words: Result<Record, _> = serde_json::from_slice(&self.text);
        let mut record = words.map_err(|_| Short("its text is not a record"))?;
        if mark(&record.id) != told {
            return Err(Short("the turn before it, which it builds on, is another one"));
        }
        let mut snapshot = std::sync::Arc::unwrap_or_clone(record.snapshot);
        let before = last.as_ref().map(|last| last.snapshot.readings.as_slice());
        samples::read(body, &mut snapshot.readings, before, elapsed_ms.cast_unsigned())?;
        record.snapshot = std::sync::Arc::new(snapshot);
        let before = last.as_ref().map_or(&[][..], |last| &last.slots);
        read_memories(body, &mut record.slots, before)?;
        Ok((position, record))
    }
}

fn read_memories(body: &mut Reader<'_>, slots: &mut [Slot], last: &[Slot]) -> Result<(), Short> {
    for (at, slot) in slots.iter_mut().enumerate() {
        let flags = body.byte()?;
        slot.memory_before = if flags & 1 == 0 {
            body.block()?.to_vec()
        } else {
            let last = last.get(at).ok_or(Short("a memory that it builds on is not there"))?;
            last.memory_after.clone().unwrap_or_else(|| last.memory_before.clone())
        };
        slot.memory_after = match flags & 2 {
            0 => None,
            _ => Some(bytes::read_change(&slot.memory_before, body)?),
        };
    }
    Ok(())
}

/// A record without samples and memory. Field by field, so that a new field is not forgotten here.
#[derive(Serialize)]
struct Words<'a> {
    format: u32,
    id: &'a RecordId,
    target: &'a crate::snapshot::TargetId,
    turn: u64,
    at_ms: u64,
    host: &'a str,
    trigger: &'a super::Trigger,
    binding: &'a str,
    config: &'a str,
    mode: crate::bounds::Mode,
    snapshot: Facts<'a>,
    slots: Vec<SlotWords<'a>>,
    ruling: &'a Ruled,
}

#[derive(Serialize)]
struct Facts<'a> {
    format: u32,
    now_ms: u64,
    target: &'a crate::snapshot::Target,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_flight: &'a Option<crate::snapshot::InFlight>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    instances: &'a [crate::snapshot::Instance],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    nodes: &'a [crate::snapshot::Node],
    readings: Vec<Heading<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    alerts: &'a [crate::snapshot::Alert],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    changes: &'a [crate::snapshot::Change],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    transitions: &'a [crate::snapshot::ZoneTransitions],
    inventory: &'a crate::snapshot::Inventory,
}

#[derive(Serialize)]
struct Heading<'a> {
    name: &'a str,
    unit: &'a str,
    #[serde(skip_serializing_if = "is_target")]
    subject: &'a crate::snapshot::Subject,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: &'a Option<String>,
    freshness: crate::snapshot::Freshness,
    #[serde(skip_serializing_if = "Option::is_none")]
    samples: Option<&'a Samples>,
    #[serde(skip_serializing_if = "Option::is_none")]
    absent_as: Option<f64>,
}

#[derive(Serialize)]
struct SlotWords<'a> {
    slot: &'a str,
    policy: &'a super::PolicyRef,
    shadow: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<crate::policy::Tier>,
    params: &'a [(String, crate::policy::ParamValue)],
    evaluation: &'a super::Evaluation,
    spent: crate::policy::Spent,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_target(subject: &&crate::snapshot::Subject) -> bool {
    **subject == crate::snapshot::Subject::Target
}

impl<'a> Words<'a> {
    fn of(record: &'a Record) -> Self {
        let Record { format, id, target, turn, at_ms, host, trigger, binding, config, mode, snapshot, slots, ruling } =
            record;
        Self {
            format: *format,
            id,
            target,
            turn: *turn,
            at_ms: *at_ms,
            host,
            trigger,
            binding,
            config,
            mode: *mode,
            snapshot: Facts::of(snapshot),
            slots: slots.iter().map(SlotWords::of).collect(),
            ruling,
        }
    }
}

impl<'a> Facts<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        let Snapshot {
            format,
            now_ms,
            target,
            in_flight,
            instances,
            nodes,
            readings,
            alerts,
            changes,
            transitions,
            inventory,
        } = snapshot;
        let readings = readings.iter().map(Heading::of).collect();
        let (format, now_ms) = (*format, *now_ms);
        Self { format, now_ms, target, in_flight, instances, nodes, readings, alerts, changes, transitions, inventory }
    }
}

impl<'a> Heading<'a> {
    fn of(reading: &'a Reading) -> Self {
        let Reading { name, unit, subject, owner, freshness, samples, absent_as } = reading;
        let samples = matches!(samples, Samples::Texts { .. }).then_some(samples);
        Self { name, unit, subject, owner, freshness: *freshness, samples, absent_as: *absent_as }
    }
}

impl<'a> SlotWords<'a> {
    fn of(slot: &'a Slot) -> Self {
        let Slot { slot, policy, shadow, tier, params, memory_before: _, memory_after: _, evaluation, spent } = slot;
        Self { slot, policy, shadow: *shadow, tier: *tier, params, evaluation, spent: *spent }
    }
}
