//! A walk through what is recorded of one target, oldest first, some turns at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::codes::Codes;
use super::error::ReplayError;
use super::report::{Cut, CutShort, Reach};
use crate::audit::{Event, Onward, Record};
use crate::registry::Registry;
use crate::snapshot::TargetId;
use crate::store::Store;

/// Most turns of one walk at a host's expense.
pub const TURNS_MAX: u64 = 10_000;

/// Entries that are in memory at once: some 10 to 100 KB each.
const CHUNK: usize = 200;

/// Where records and policies come from.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The records.
    pub store: Arc<dyn Store>,
    /// The code that they name.
    pub registry: Arc<Registry>,
}

/// Which turns.
#[derive(Clone)]
pub struct Stretch {
    /// Of this target.
    pub target: TargetId,
    /// From this time on.
    pub from_ms: u64,
    /// Before this time.
    pub to_ms: u64,
    /// Where a walk before was cut short: [`Cut::next`].
    pub after: Option<u64>,
    /// The oldest so many.
    pub turns_max: u64,
    /// Whether whoever asks may see this one; others are passed over.
    pub may_see: Arc<dyn Fn(&Record) -> bool + Send + Sync>,
}

impl std::fmt::Debug for Stretch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { target, from_ms, to_ms, after, turns_max, may_see: _ } = self;
        write!(f, "{turns_max} turns of {target} from {from_ms} to {to_ms} after {after:?}")
    }
}

impl Stretch {
    /// Its end, where it has one.
    fn end_ms(&self) -> Option<u64> {
        (self.to_ms < u64::MAX).then_some(self.to_ms)
    }

    /// All that is recorded of a target in this time, the oldest [`TURNS_MAX`] turns of it.
    #[must_use]
    pub fn of(target: TargetId, from_ms: u64, to_ms: u64) -> Self {
        Self { target, from_ms, to_ms, after: None, turns_max: TURNS_MAX, may_see: Arc::new(|_| true) }
    }
}

/// How long a walk may be, and how far it has come.
#[derive(Debug, Default)]
pub struct Leash {
    until: Option<Instant>,
    stop: CancellationToken,
    turns: watch::Sender<u64>,
}

impl Leash {
    /// A walk that ends after this time, or when it is told to stop: then it tells how far it came.
    #[must_use]
    pub fn of(length: Duration, stop: CancellationToken) -> Self {
        Self { until: Instant::now().checked_add(length), stop, turns: watch::Sender::default() }
    }

    /// Counts the turns as they are played.
    #[must_use]
    pub fn turns(&self) -> watch::Receiver<u64> {
        self.turns.subscribe()
    }

    fn end(&self) -> End {
        End { until: self.until, stop: self.stop.clone() }
    }
}

/// When a walk is over before its time.
#[derive(Debug, Clone)]
struct End {
    until: Option<Instant>,
    stop: CancellationToken,
}

impl End {
    fn is_there(&self) -> bool {
        self.stop.is_cancelled() || self.until.is_some_and(|until| Instant::now() >= until)
    }
}

/// What is done with each turn. Runs guests: called on a thread that may block.
pub(super) trait Player: Send + 'static {
    fn play(&mut self, record: &Record, codes: &mut Codes);
}

/// Plays turn after turn.
pub(super) async fn walk<P: Player>(
    desk: &Desk,
    stretch: &Stretch,
    leash: &Leash,
    mut player: P,
) -> Result<(P, Reach), ReplayError> {
    let mut reach = Reach { from_ms: stretch.from_ms, to_ms: stretch.end_ms(), ..Reach::default() };
    let mut onward = Onward::new(&stretch.target, stretch.from_ms, stretch.to_ms, stretch.after);
    let (mut codes, mut after, end) = (Codes::default(), stretch.after.unwrap_or(0), leash.end());
    loop {
        let left = stretch.turns_max.saturating_sub(reach.turns);
        let chunk = CHUNK.min(usize::try_from(left).unwrap_or(CHUNK));
        let events = onward.next(desk.store.as_ref(), chunk.max(1)).await?;
        if events.is_empty() {
            return Ok((player, reach));
        }
        let why = if left == 0 { Some(CutShort::Turns) } else { end.is_there().then_some(CutShort::Time) };
        if let Some(why) = why {
            reach.cut = Some(Cut { why, next: after });
            return Ok((player, reach));
        }
        after = events.last().map_or(after, |(number, _)| *number);
        let (records, beside) = sort_out(events, stretch);
        codes.fetch(&desk.registry, &records).await?;
        let played = play(player, codes, records, end.clone()).await?;
        (player, codes) = (played.player, played.codes);
        reach.note_played(&played.times_ms);
        note_beside(&mut reach, beside, played.ended_after.unwrap_or(after));
        leash.turns.send_replace(reach.turns);
        if let Some(next) = played.ended_after {
            reach.cut = Some(Cut { why: CutShort::Time, next });
            return Ok((player, reach));
        }
    }
}

/// Plays one record that is at hand.
pub(super) async fn play_one<P: Player>(
    desk: &Desk,
    record: Record,
    leash: &Leash,
    player: P,
) -> Result<(P, Reach), ReplayError> {
    let mut reach = Reach { from_ms: record.at_ms, to_ms: Some(record.at_ms.saturating_add(1)), ..Reach::default() };
    let mut codes = Codes::default();
    let records = vec![(0, record)];
    codes.fetch(&desk.registry, &records).await?;
    let played = play(player, codes, records, leash.end()).await?;
    reach.note_played(&played.times_ms);
    reach.cut = played.ended_after.map(|_| Cut { why: CutShort::Time, next: 0 });
    Ok((played.player, reach))
}

/// Things of a log, each with its entry's number.
type Numbered<T> = Vec<(u64, T)>;

/// The turns among these entries that may be seen, and what else there is.
fn sort_out(events: Numbered<Event>, stretch: &Stretch) -> (Numbered<Record>, Numbered<Event>) {
    let (mut records, mut beside) = (Vec::with_capacity(events.len()), Vec::new());
    for (number, event) in events {
        match event {
            Event::Turn(turn) if (stretch.may_see)(&turn.record) => records.push((number, turn.record)),
            Event::Turn(_) => {}
            other => beside.push((number, other)),
        }
    }
    (records, beside)
}

/// Notes what is there beside turns that can be played, up to the entry at which the walk stands.
fn note_beside(reach: &mut Reach, beside: Numbered<Event>, up_to: u64) {
    for (_, event) in beside.into_iter().filter(|(number, _)| *number <= up_to) {
        match event {
            Event::Counted(run) => reach.counted += run.turns,
            Event::NotRecorded { why, .. } => {
                reach.unreadable += 1;
                reach.unreadable_why.get_or_insert(why);
            }
            Event::Turn(_) | Event::Note(_) => {}
        }
    }
}

struct Played<P> {
    player: P,
    codes: Codes,
    /// When each turn was that was played.
    times_ms: Vec<u64>,
    /// Where it ended before its time: after this entry.
    ended_after: Option<u64>,
}

async fn play<P: Player>(
    mut player: P,
    mut codes: Codes,
    records: Numbered<Record>,
    end: End,
) -> Result<Played<P>, ReplayError> {
    let played = tokio::task::spawn_blocking(move || {
        let mut times_ms = Vec::with_capacity(records.len());
        for (number, record) in &records {
            if end.is_there() {
                return Played { player, codes, times_ms, ended_after: Some(number.saturating_sub(1)) };
            }
            player.play(record, &mut codes);
            times_ms.push(record.at_ms);
        }
        Played { player, codes, times_ms, ended_after: None }
    });
    played.await.map_err(|_lost| ReplayError::Lost)
}
