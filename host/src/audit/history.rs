//! Reading a target's records back.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::form::{self, Decoder};
use super::record::{Closing, Note, Record, RecordId, Run, StepEntry};
use super::{AuditError, kind, log_of, recorder};
use crate::snapshot::TargetId;
use crate::store::{Entry, LogRange, Recent, Store};

/// Most entries that follow a record's turn and tell what came of it, that are looked at.
const SEQUEL_ENTRIES_MAX: usize = 8_192;

/// Which part of a target's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// From this time on.
    pub from_ms: u64,
    /// Before this time.
    pub to_ms: u64,
    /// The newest so many entries.
    pub entries_max: usize,
}

/// One thing that happened to a target.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A turn.
    Turn(Box<Turn>),
    /// Turns in which nothing was done, counted.
    Counted(Run),
    /// A sentence.
    Note(Note),
    /// An entry that cannot be read: broken, or built on one that retention has dropped.
    NotRecorded {
        /// Its time.
        at_ms: u64,
        /// Why.
        why: String,
    },
}

/// A turn and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Turn {
    /// The record.
    pub record: Record,
    /// The steps of what was decided, as they were taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepEntry>,
    /// What came of it; `None` where nothing was decided, or it is not known yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closing: Option<Closing>,
}

impl Event {
    /// When.
    #[must_use]
    pub fn at_ms(&self) -> u64 {
        match self {
            Self::Turn(turn) => turn.record.at_ms,
            Self::Counted(run) => run.from_ms,
            Self::Note(note) => note.at_ms,
            Self::NotRecorded { at_ms, .. } => *at_ms,
        }
    }
}

/// What happened to a target in this span, oldest first.
///
/// # Errors
/// Where the store failed. What cannot be read becomes [`Event::NotRecorded`].
pub async fn history(store: &dyn Store, target: &TargetId, span: Span) -> Result<Vec<Event>, AuditError> {
    let log = log_of(target);
    let range = LogRange {
        from_ms: span.from_ms,
        to_ms: span.to_ms,
        kinds: vec![kind::OPENED, kind::QUIET, kind::NOTE],
        ..LogRange::newest(span.entries_max)
    };
    let mut entries = store.read_log(&log, range).await?;
    entries.reverse();
    Ok(read(store, &log, &entries).await?.into_iter().map(|(_, event)| event).collect())
}

/// Reads a target's turns forwards, part by part, however many there are. What came of them is not told.
#[derive(Debug)]
pub struct Onward {
    log: String,
    from_ms: u64,
    to_ms: u64,
    after: Option<u64>,
    /// Has read what the next turn builds on, once there was one.
    decoder: Decoder,
    is_led_in: bool,
}

impl Onward {
    /// The turns with `from_ms <= at_ms < to_ms` that stand after the entry `after`.
    #[must_use]
    pub fn new(target: &TargetId, from_ms: u64, to_ms: u64, after: Option<u64>) -> Self {
        Self { log: log_of(target), from_ms, to_ms, after, decoder: Decoder::default(), is_led_in: false }
    }

    /// The next `limit` entries, oldest first, each with its number; none: that was all. They are turns, or counts of turns,
    /// or what cannot be read.
    ///
    /// # Errors
    /// Where the store failed.
    pub async fn next(&mut self, store: &dyn Store, limit: usize) -> Result<Vec<(u64, Event)>, AuditError> {
        let range = LogRange {
            from_ms: self.from_ms,
            to_ms: self.to_ms,
            after: self.after,
            kinds: vec![kind::OPENED, kind::QUIET],
            newest_first: false,
            limit,
        };
        let entries = store.read_log(&self.log, range).await?;
        if !self.is_led_in && entries.iter().any(is_of_a_turn) {
            self.decoder = led_in(store, &self.log, &entries).await?;
            self.is_led_in = true;
        }
        self.after = entries.last().map(|entry| entry.seq).or(self.after);
        let mut untold = Sequels::new();
        Ok(entries.iter().map(|entry| (entry.seq, event(entry, &mut self.decoder, &mut untold))).collect())
    }
}

/// Turns of many targets, newest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recently {
    /// Each with its number, which grows with every entry that the host writes.
    pub turns: Vec<(u64, Turn)>,
    /// Where to go on; `None`: there is nothing before these.
    pub reached: Option<u64>,
}

/// Turns of one target or of all, before the number `before`, newest first. Looks at `limit` entries at most; those that cannot
/// be read, and turns that were only counted, are passed over.
///
/// # Errors
/// Where the store failed.
pub async fn recently(
    store: &dyn Store,
    target: Option<&TargetId>,
    before: Option<u64>,
    limit: usize,
) -> Result<Recently, AuditError> {
    let found = match target {
        None => store.recent(super::LOGS, before, limit).await?,
        Some(target) => {
            let log = log_of(target);
            let kinds = vec![kind::OPENED, kind::QUIET];
            let range = LogRange { after: before, kinds, ..LogRange::newest(limit) };
            let entries = store.read_log(&log, range).await?;
            let reached = entries.last().map(|entry| entry.seq).filter(|_| entries.len() == limit);
            Recent { entries: entries.into_iter().map(|entry| (log.clone(), entry)).collect(), reached }
        }
    };
    let mut by_log: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for (log, entry) in found.entries.into_iter().rev() {
        if matches!(entry.kind, kind::OPENED | kind::QUIET) {
            by_log.entry(log).or_default().push(entry);
        }
    }
    let mut turns = Vec::new();
    for (log, entries) in by_log {
        let read = read(store, &log, &entries).await?.into_iter();
        turns.extend(read.filter_map(|(seq, event)| match event {
            Event::Turn(turn) => Some((seq, *turn)),
            _ => None,
        }));
    }
    turns.sort_by_key(|(seq, _)| std::cmp::Reverse(*seq));
    Ok(Recently { turns, reached: found.reached })
}

/// The turn of this number; `None`: it is no turn, or is gone, or cannot be read.
///
/// # Errors
/// Where the store failed.
pub async fn turn(store: &dyn Store, number: u64) -> Result<Option<Turn>, AuditError> {
    let found = recently(store, None, number.checked_add(1), 1).await?;
    Ok(found.turns.into_iter().find(|(seq, _)| *seq == number).map(|(_, turn)| turn))
}

/// What these entries of one log tell, oldest first, each with its sequence number.
async fn read(store: &dyn Store, log: &str, entries: &[Entry]) -> Result<Vec<(u64, Event)>, AuditError> {
    let mut decoder = led_in(store, log, entries).await?;
    let mut sequels = sequels(store, log, entries.first()).await?;
    Ok(entries.iter().map(|entry| (entry.seq, event(entry, &mut decoder, &mut sequels))).collect())
}

/// A decoder that has read what the first of these builds on.
async fn led_in(store: &dyn Store, log: &str, entries: &[Entry]) -> Result<Decoder, AuditError> {
    let mut decoder = Decoder::default();
    if let Some(first) = entries.iter().find(|entry| is_of_a_turn(entry)) {
        for before in lead_in(store, log, first).await? {
            // What fails here is told by the entries that build on it.
            let _ = decoder.decode(&before.body);
        }
    }
    Ok(decoder)
}

/// Whether it is one turn, which may build on those before it.
fn is_of_a_turn(entry: &Entry) -> bool {
    entry.kind != kind::NOTE && entry.body.first() != Some(&recorder::COUNTED)
}

/// The entries that this one builds on, oldest first: back to a whole one.
async fn lead_in(store: &dyn Store, log: &str, first: &Entry) -> Result<Vec<Entry>, AuditError> {
    const PAGE: usize = 64;
    let (mut before, mut seq) = (Vec::new(), first.seq);
    if form::is_whole(&first.body) {
        return Ok(before);
    }
    while (before.len() as u64) < form::CHANGES_MAX + PAGE as u64 {
        let kinds = vec![kind::OPENED, kind::QUIET];
        let page = store.read_log(log, LogRange { after: Some(seq), kinds, ..LogRange::newest(PAGE) }).await?;
        let Some(last) = page.last() else { break };
        seq = last.seq;
        for entry in page.into_iter().filter(|entry| entry.body.first() != Some(&recorder::COUNTED)) {
            let whole = form::is_whole(&entry.body);
            before.push(entry);
            if whole {
                before.reverse();
                return Ok(before);
            }
        }
    }
    before.reverse();
    Ok(before)
}

type Sequels = BTreeMap<RecordId, (Vec<StepEntry>, Option<Closing>)>;

/// Steps and ends from the first of the entries on, also those that came after the span.
async fn sequels(store: &dyn Store, log: &str, first: Option<&Entry>) -> Result<Sequels, AuditError> {
    let mut found = Sequels::new();
    let Some(first) = first else { return Ok(found) };
    let kinds = vec![kind::STEP, kind::CLOSED];
    let range = LogRange { after: Some(first.seq), newest_first: false, kinds, ..LogRange::newest(SEQUEL_ENTRIES_MAX) };
    for entry in store.read_log(log, range).await? {
        if entry.kind == kind::STEP {
            if let Ok(step) = json::<StepEntry>(&entry) {
                found.entry(step.id.clone()).or_default().0.push(step);
            }
        } else if let Ok(closing) = json::<Closing>(&entry) {
            let id = closing.id.clone();
            found.entry(id).or_default().1 = Some(closing);
        }
    }
    Ok(found)
}

fn event(entry: &Entry, decoder: &mut Decoder, sequels: &mut Sequels) -> Event {
    let read = match (entry.kind, entry.body.split_first()) {
        (kind::NOTE, _) => json(entry).map(Event::Note),
        (_, Some((&recorder::COUNTED, run))) => json_of(run).map(Event::Counted),
        _ => match decoder.decode(&entry.body) {
            Ok(record) => {
                let (steps, closing) = sequels.remove(&record.id).unwrap_or_default();
                Ok(Event::Turn(Box::new(Turn { record: record.clone(), steps, closing })))
            }
            Err(short) => Err(short.0.to_owned()),
        },
    };
    read.unwrap_or_else(|why| Event::NotRecorded { at_ms: entry.at_ms, why })
}

fn json<T: DeserializeOwned>(entry: &Entry) -> Result<T, String> {
    json_of(&entry.body)
}

fn json_of<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}
