//! What a killed host left open.

use super::history::{Event, Span, Turn, history};
use super::record::{Record, RecordId, StepEntry};
use super::{AuditError, OPEN};
use crate::snapshot::TargetId;
use crate::store::Store;

/// Keys read at a time.
const PAGE: usize = 256;

/// A record that decided something and was not closed. Whoever finds it tells from present facts what came of it, closes it
/// with [`super::close`], and decides anew.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenRecord {
    /// Whose.
    pub target: TargetId,
    /// Its id: the key that instances made by it carry.
    pub id: RecordId,
    /// When it was opened.
    pub at_ms: u64,
    /// The record; `None` where retention has dropped it or it cannot be read. It is to be closed as unknown then.
    pub record: Option<Box<Record>>,
    /// Steps that were about to be taken, and those whose result is known.
    pub steps: Vec<StepEntry>,
}

/// All records that are open, ordered by target and time.
///
/// # Errors
/// Where the store failed.
pub async fn open_records(store: &dyn Store) -> Result<Vec<OpenRecord>, AuditError> {
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.list(OPEN, after.as_deref(), PAGE).await?;
        for (key, at_ms) in &page {
            let at_ms = std::str::from_utf8(&at_ms.value).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
            let parts = key.strip_prefix(OPEN).and_then(|key| key.rsplit_once('/'));
            let Some((target, id)) = parts.and_then(|(target, id)| Some((target.parse().ok()?, id))) else { continue };
            found.push(open_record(store, target, RecordId::from(id), at_ms).await?);
        }
        match page.into_iter().last() {
            Some((key, _)) => after = Some(key),
            None => return Ok(found),
        }
    }
}

async fn open_record(store: &dyn Store, target: TargetId, id: RecordId, at_ms: u64) -> Result<OpenRecord, AuditError> {
    let span = Span { from_ms: at_ms, to_ms: at_ms.saturating_add(1), entries_max: PAGE };
    let events = history(store, &target, span).await?;
    let turn = events.into_iter().find_map(|event| match event {
        Event::Turn(turn) if turn.record.id == id => Some(*turn),
        _ => None,
    });
    Ok(match turn {
        Some(Turn { record, steps, .. }) => OpenRecord { target, id, at_ms, record: Some(Box::new(record)), steps },
        None => OpenRecord { target, id, at_ms, record: None, steps: Vec::new() },
    })
}
