//! What the bounds remember of one target from turn to turn. Small, for it is stored at every turn: a steady target keeps
//! two entries of a window, its last changes, and a few times.

use serde::{Deserialize, Serialize};

use super::gates::Gates;
use super::restraint::{Direction, Figure};
use super::settings::{Settings, Window};
use super::window::{Extreme, Extremes};
use crate::snapshot::{Phase, Snapshot};

/// A clock that is told to be back by less than this stands still; by more, it jumped.
const JUMP_BACK_MS_MIN: u64 = 1_000;
/// Most changes remembered one by one; more are joined, two into one.
const CHANGES_MAX: usize = 64;
/// Most rounds of instance actions remembered one by one.
const ACTIONS_MAX: usize = 32;
/// Most lost instances and nodes remembered one by one.
const LOST_MAX: usize = 128;
/// Most figures whose wishes are remembered: 16 containers.
const FIGURES_MAX: usize = 64;
/// One instance lost is a mishap, whatever share of a small target it is; from here on the share counts.
const LOST_COUNT_MIN: u32 = 2;
/// First pause between repairs, doubled with each.
const REPAIR_PAUSE_MS: u64 = 1_000;
/// Longest pause between repairs.
const REPAIR_PAUSE_MS_MAX: u64 = 5 * 60 * 1_000;

/// What the bounds remember of one target. Belongs to the binding; dry-runs and shadows keep their own.
///
/// A change counts from the moment of its decision, so that a host killed between record and act does not forget a cooldown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Past {
    /// The bounds' own clock: goes on as the host's does, and by one millisecond where that is set back: no two turns share a
    /// time, so that taking back what one decided takes nothing from the other.
    now_ms: u64,
    /// The host's clock at the last turn, as told.
    told_ms: u64,
    /// The last turn was paused: the windows have lost touch.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    interrupted: bool,
    /// When the clock jumped, as told, until a fresh sample has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    jumped_ms: Option<u64>,
    /// Since when no policy has answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    unanswered_since_ms: Option<u64>,
    lowest: Extremes,
    highest: Extremes,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    figures: Vec<FigureWishes>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Moved>,
    #[serde(skip_serializing_if = "Last::is_empty")]
    count: Last,
    #[serde(skip_serializing_if = "Last::is_empty")]
    resize: Last,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<(u64, u32)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lost: Vec<Lost>,
    /// Too many were lost: since when, how many, of how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    too_many: Option<TooMany>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repair: Option<Backoff>,
}

/// The wishes for one figure of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct FigureWishes {
    container: String,
    figure: Figure,
    wished_ms: u64,
    lowest: Extremes,
    highest: Extremes,
}

/// Changes of the count, for the windows of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Moved {
    at_ms: u64,
    added: u32,
    taken: u32,
}

/// The last changes, for cooldowns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
struct Last {
    #[serde(skip_serializing_if = "Option::is_none")]
    raise_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change_ms: Option<u64>,
    /// The values before the last change, in case that it is undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<(Option<u64>, Option<u64>)>,
}

/// One lost instance or node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Lost {
    at_ms: u64,
    /// FNV-1a of its id: ids are long, and a collision would only undercount by one.
    id: u64,
    /// Whether it is a node.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    node: bool,
    /// A person has seen it, or another serves in its place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    cleared: bool,
    /// It is no longer lost: it is there again, or gone from a whole list.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    back: bool,
}

/// Too many were lost within one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TooMany {
    /// Since when.
    pub since_ms: u64,
    /// How many instances or nodes were lost.
    pub lost: u32,
    /// Of how many.
    pub of: u32,
}

/// The pause between repairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Backoff {
    /// Repairs tried since all was well.
    pub(super) tries: u32,
    /// When the next may be, by the bounds' clock.
    pub(super) until_ms: u64,
}

/// What changes of the count came to within a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) added: u32,
    pub(super) taken: u32,
}

impl Past {
    /// The bounds' clock at the last turn. Never runs backwards.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Whether too many instances or nodes were lost; stays until they recover or [`Past::clear_lost`].
    #[must_use]
    pub fn too_many_lost(&self) -> Option<TooMany> {
        self.too_many
    }

    /// Whether this is `other` a while later and nothing more: only the clock and the wishes of windows differ. A start seeds
    /// the windows with the present values, so it loses nothing if it reads `other`; it would miss anything else.
    #[must_use]
    pub fn is_later_only(&self, other: &Self) -> bool {
        // Field by field, so that a new one is not forgotten here.
        let Self {
            now_ms: _,
            told_ms: _,
            interrupted,
            jumped_ms,
            unanswered_since_ms,
            lowest: _,
            highest: _,
            figures,
            changes,
            count,
            resize,
            actions,
            lost,
            too_many,
            repair,
        } = self;
        let same_figures = figures.len() == other.figures.len()
            && figures.iter().zip(&other.figures).all(|(a, b)| a.figure == b.figure && a.container == b.container);
        same_figures
            && *interrupted == other.interrupted
            && *jumped_ms == other.jumped_ms
            && *unanswered_since_ms == other.unanswered_since_ms
            && *changes == other.changes
            && *count == other.count
            && *resize == other.resize
            && *actions == other.actions
            && *lost == other.lost
            && *too_many == other.too_many
            && *repair == other.repair
    }

    /// Since when no policy has answered, by the bounds' clock.
    #[must_use]
    pub fn unanswered_since_ms(&self) -> Option<u64> {
        self.unanswered_since_ms
    }

    /// A person says that replacing and deregistering may go on in spite of what was lost until now.
    pub fn clear_lost(&mut self) {
        self.too_many = None;
        for lost in &mut self.lost {
            lost.cleared = true;
        }
    }

    /// Takes back the change that was decided in the turn of `at_ms` (its [`Past::now_ms`], or for the last turn its
    /// snapshot's), where it is certain that the backend did none of it. Otherwise a change counts from its decision.
    pub fn undone(&mut self, at_ms: u64) {
        let at_ms = if at_ms == self.told_ms { self.now_ms } else { at_ms };
        self.changes.retain(|moved| moved.at_ms != at_ms);
        self.actions.retain(|(at, _)| *at != at_ms);
        for last in [&mut self.count, &mut self.resize] {
            if last.change_ms == Some(at_ms)
                && let Some((raise_ms, change_ms)) = last.before
            {
                *last = Last { raise_ms, change_ms, before: None };
            }
        }
    }

    /// Moves the clock on to this snapshot, notes losses, and seeds the windows where they have lost touch.
    pub(super) fn advance(&mut self, snapshot: &Snapshot, settings: &Settings, gates: &Gates) {
        let first = self.now_ms == 0;
        let is_back = snapshot.now_ms < self.told_ms;
        let ahead_ms = snapshot.now_ms.saturating_sub(self.told_ms).max(u64::from(is_back));
        let jumped = gates.clock_jumped || snapshot.now_ms.saturating_add(JUMP_BACK_MS_MIN) <= self.told_ms;
        self.now_ms = if first { snapshot.now_ms.max(1) } else { self.now_ms.saturating_add(ahead_ms) };
        self.told_ms = snapshot.now_ms;
        if jumped && !first {
            self.jumped_ms = Some(snapshot.now_ms);
        } else if self.jumped_ms.is_some_and(|at_ms| fresh_since(snapshot, at_ms)) {
            self.jumped_ms = None;
        }
        let paused = gates.pause_in_force(snapshot.now_ms).is_some();
        let resumed = self.interrupted && !paused;
        self.interrupted = paused;
        let outage = !first && gates.gap_ms_max.is_some_and(|gap_ms_max| ahead_ms > gap_ms_max);
        if first || gates.started || jumped || resumed || outage {
            self.seed(snapshot, settings);
        }
        self.forget(settings);
        self.note_lost(snapshot, settings);
    }

    /// Enters the present values as wishes: nothing moves before a whole window has been seen.
    fn seed(&mut self, snapshot: &Snapshot, settings: &Settings) {
        self.record_count(settings, u64::from(snapshot.target.desired));
        let now_ms = self.now_ms;
        for wishes in &mut self.figures {
            if let Some(present) = present_of(snapshot, &wishes.container, wishes.figure) {
                wishes.push(now_ms, settings, present);
            }
        }
    }

    /// Records the combined raw wish for the count.
    pub(super) fn record_count(&mut self, settings: &Settings, wish: u64) {
        self.lowest.push(Extreme::Lowest, self.now_ms, settings.stabilize_up_ms, wish);
        self.highest.push(Extreme::Highest, self.now_ms, settings.stabilize_down_ms, wish);
    }

    /// Records the combined raw wish for a figure. A figure wished for the first time begins with its present value.
    pub(super) fn record_figure(
        &mut self,
        settings: &Settings,
        container: &str,
        figure: Figure,
        present: Option<u64>,
        wish: u64,
    ) {
        let now_ms = self.now_ms;
        let place = match self.figures.iter().position(|w| w.figure == figure && w.container == container) {
            Some(place) => place,
            None if self.figures.len() >= FIGURES_MAX => return,
            None => {
                let mut wishes = FigureWishes {
                    container: container.to_owned(),
                    figure,
                    wished_ms: now_ms,
                    lowest: Extremes::default(),
                    highest: Extremes::default(),
                };
                if let Some(present) = present {
                    wishes.push(now_ms, settings, present);
                }
                self.figures.push(wishes);
                self.figures.len() - 1
            }
        };
        if let Some(wishes) = self.figures.get_mut(place) {
            wishes.wished_ms = now_ms;
            wishes.push(now_ms, settings, wish);
        }
    }

    /// Where nobody wished for a figure that has a window, its present value is recorded: windows have no holes.
    pub(super) fn record_unwished_figures(&mut self, snapshot: &Snapshot, settings: &Settings) {
        let now_ms = self.now_ms;
        for wishes in self.figures.iter_mut().filter(|wishes| wishes.wished_ms != now_ms) {
            if let Some(present) = present_of(snapshot, &wishes.container, wishes.figure) {
                wishes.push(now_ms, settings, present);
            }
        }
    }

    /// Lowest wish of the window for raises, highest of that for lowerings; this turn's included.
    pub(super) fn count_extremes(&self) -> (Option<u64>, Option<u64>) {
        (self.lowest.get(), self.highest.get())
    }

    /// The same for a figure; `None` inside where none is kept.
    pub(super) fn figure_extremes(&self, container: &str, figure: Figure) -> (Option<u64>, Option<u64>) {
        self.figures
            .iter()
            .find(|wishes| wishes.figure == figure && wishes.container == container)
            .map_or((None, None), |wishes| (wishes.lowest.get(), wishes.highest.get()))
    }

    /// Notes whether any policy answered, and tells for how long none has.
    pub(super) fn note_answered(&mut self, answered: bool) -> u64 {
        if answered {
            self.unanswered_since_ms = None;
            return 0;
        }
        self.now_ms.saturating_sub(*self.unanswered_since_ms.get_or_insert(self.now_ms))
    }

    /// Notes a change of the count that was decided.
    pub(super) fn note_count(&mut self, from: u32, to: u32) {
        let moved = Moved { at_ms: self.now_ms, added: to.saturating_sub(from), taken: from.saturating_sub(to) };
        self.changes.push(moved);
        if self.changes.len() > CHANGES_MAX {
            // The two oldest become one of the newer's time: they count for longer than they should, never for less.
            let oldest = self.changes.remove(0);
            if let Some(next) = self.changes.first_mut() {
                next.added = next.added.saturating_add(oldest.added);
                next.taken = next.taken.saturating_add(oldest.taken);
            }
        }
        self.count.note(self.now_ms, to > from);
    }

    /// Notes a resize that was decided.
    pub(super) fn note_resize(&mut self, raises: bool) {
        self.resize.note(self.now_ms, raises);
    }

    /// Notes instance actions that were decided.
    pub(super) fn note_actions(&mut self, number: u32) {
        if number == 0 {
            return;
        }
        self.actions.push((self.now_ms, number));
        if self.actions.len() > ACTIONS_MAX {
            let (_, oldest) = self.actions.remove(0);
            if let Some(next) = self.actions.first_mut() {
                next.1 = next.1.saturating_add(oldest);
            }
        }
    }

    /// What changes of the count came to within the window.
    pub(super) fn tally(&self, window_ms: u64) -> Tally {
        let mut tally = Tally::default();
        for moved in self.changes.iter().filter(|moved| self.now_ms.saturating_sub(moved.at_ms) < window_ms) {
            tally.added = tally.added.saturating_add(moved.added);
            tally.taken = tally.taken.saturating_add(moved.taken);
        }
        tally
    }

    /// Instance actions within the window.
    pub(super) fn actions_within(&self, window_ms: u64) -> u32 {
        self.actions
            .iter()
            .filter(|(at_ms, _)| self.now_ms.saturating_sub(*at_ms) < window_ms)
            .fold(0, |sum: u32, (_, number)| sum.saturating_add(*number))
    }

    /// For how long a change of the count in this direction has to wait still.
    pub(super) fn count_cooldown_ms(&self, settings: &Settings, direction: Direction) -> u64 {
        self.count.left_ms(self.now_ms, settings.cooldown.up_ms, settings.cooldown.down_ms, direction)
    }

    /// For how long a resize in this direction has to wait still.
    pub(super) fn resize_cooldown_ms(&self, settings: &Settings, direction: Direction) -> u64 {
        let cooldown = settings.resize_cooldown;
        self.resize.left_ms(self.now_ms, cooldown.up_ms, cooldown.down_ms, direction)
    }

    /// When the clock jumped, where no fresh sample has come since.
    pub(super) fn jumped_ms(&self) -> Option<u64> {
        self.jumped_ms
    }

    pub(super) fn repair_backoff(&self) -> Option<Backoff> {
        self.repair
    }

    pub(super) fn note_repaired(&mut self) {
        self.repair = None;
    }

    pub(super) fn note_repair(&mut self) {
        let tries = self.repair.map_or(0, |backoff| backoff.tries).saturating_add(1);
        let pause_ms = REPAIR_PAUSE_MS.saturating_mul(1 << (tries - 1).min(16)).min(REPAIR_PAUSE_MS_MAX);
        self.repair = Some(Backoff { tries, until_ms: self.now_ms.saturating_add(pause_ms) });
    }

    /// Drops what no window reaches any more.
    fn forget(&mut self, settings: &Settings) {
        let now_ms = self.now_ms;
        let longest = |windows: &[Window]| windows.iter().map(|window| window.window_ms).max().unwrap_or(0);
        let window_ms = longest(&settings.windows_up).max(longest(&settings.windows_down));
        self.changes.retain(|moved| now_ms.saturating_sub(moved.at_ms) < window_ms);
        self.actions.retain(|(at_ms, _)| now_ms.saturating_sub(*at_ms) < settings.actions_max.window_ms);
        let stabilize_ms = settings.stabilize_up_ms.max(settings.stabilize_down_ms);
        self.figures.retain(|wishes| now_ms.saturating_sub(wishes.wished_ms) <= stabilize_ms);
    }

    /// Notes which instances and nodes are lost, and whether those of one window are too many.
    fn note_lost(&mut self, snapshot: &Snapshot, settings: &Settings) {
        let instances = snapshot.instances.iter().filter(|instance| instance.phase.is_lost());
        let nodes = snapshot.nodes.iter().filter(|node| !node.ready);
        let lost_now: Vec<(bool, u64)> = instances
            .map(|instance| (false, fnv1a(b'i', &instance.id)))
            .chain(nodes.map(|node| (true, fnv1a(b'n', &node.id))))
            .collect();
        if lost_now.is_empty() && self.lost.is_empty() && self.too_many.is_none() {
            return;
        }
        let unlisted = self.list_lost(snapshot, settings, &lost_now);
        let (now_ms, window_ms) = (self.now_ms, settings.lost_window_ms);
        let present = [narrow(snapshot.instances.len()).max(snapshot.target.desired), narrow(snapshot.nodes.len())];
        let exceeded = [false, true].into_iter().zip(present).zip(unlisted).find_map(|((node, of), unlisted)| {
            let counts = |lost: &&Lost| lost.node == node && !lost.cleared;
            let since = |lost: &&Lost| match self.too_many {
                None => now_ms.saturating_sub(lost.at_ms) < window_ms,
                Some(_) => !lost.back,
            };
            let lost = narrow(self.lost.iter().filter(counts).filter(since).count()).saturating_add(unlisted);
            // A share that is no number allows nothing.
            let allowed = f64::from(lost) <= settings.lost_share_max * f64::from(of);
            (lost >= LOST_COUNT_MIN && !allowed).then_some(TooMany { since_ms: now_ms, lost, of })
        });
        self.latch(snapshot, settings, exceeded);
    }

    /// Enters what is lost now, and marks what is no longer. Tells how many instances and nodes found no place: they are
    /// counted anew at each turn, too high, never too low.
    fn list_lost(&mut self, snapshot: &Snapshot, settings: &Settings, lost_now: &[(bool, u64)]) -> [u32; 2] {
        let (now_ms, window_ms) = (self.now_ms, settings.lost_window_ms);
        let replaced = if self.too_many.is_some() { replaced(snapshot) } else { Vec::new() };
        for lost in &mut self.lost {
            if !lost_now.contains(&(lost.node, lost.id)) {
                lost.back = lost.back || is_back(snapshot, lost);
            } else if lost.back {
                *lost = Lost { at_ms: now_ms, cleared: false, back: false, ..*lost };
            } else if lost.at_ms < now_ms && !lost.node && replaced.contains(&lost.id) {
                lost.cleared = true;
            }
        }
        let counts = |lost: &Lost| now_ms.saturating_sub(lost.at_ms) < window_ms && !lost.cleared;
        self.lost.retain(|lost| !lost.back || counts(lost));
        let mut unlisted = [0_u32; 2];
        for (node, id) in lost_now {
            if self.lost.iter().any(|lost| lost.id == *id) {
                continue;
            }
            if self.lost.len() < LOST_MAX {
                self.lost.push(Lost { at_ms: now_ms, id: *id, node: *node, cleared: false, back: false });
            } else if let Some(number) = unlisted.get_mut(usize::from(*node)) {
                *number = number.saturating_add(1);
            }
        }
        unlisted
    }

    /// Too many: until they have recovered, judged by what is lost and what is ready now, on a list that is whole. The losses of
    /// those that are back then count no further, else they would be told as lost anew; what is still lost goes on counting.
    fn latch(&mut self, snapshot: &Snapshot, settings: &Settings, exceeded: Option<TooMany>) {
        if self.too_many.is_none() {
            self.too_many = exceeded;
            return;
        }
        let ready = snapshot.instances.iter().filter(|instance| instance.phase == Phase::Ready).count();
        let enough = (1.0 - settings.lost_share_max) * f64::from(snapshot.target.desired);
        if exceeded.is_none() && f64::from(narrow(ready)) >= enough && snapshot.inventory.is_complete() {
            self.too_many = None;
            self.lost.retain(|lost| !lost.back);
        }
    }
}

impl FigureWishes {
    fn push(&mut self, now_ms: u64, settings: &Settings, wish: u64) {
        self.lowest.push(Extreme::Lowest, now_ms, settings.stabilize_up_ms, wish);
        self.highest.push(Extreme::Highest, now_ms, settings.stabilize_down_ms, wish);
    }
}

impl Last {
    fn is_empty(&self) -> bool {
        self.change_ms.is_none()
    }

    fn note(&mut self, now_ms: u64, raise: bool) {
        self.before = Some((self.raise_ms, self.change_ms));
        self.change_ms = Some(now_ms);
        if raise {
            self.raise_ms = Some(now_ms);
        }
    }

    fn left_ms(&self, now_ms: u64, up_ms: u64, down_ms: u64, direction: Direction) -> u64 {
        let (since_ms, pause_ms) = match direction {
            Direction::Up => (self.raise_ms, up_ms),
            Direction::Down => (self.change_ms, down_ms),
        };
        since_ms.map_or(0, |since_ms| pause_ms.saturating_sub(now_ms.saturating_sub(since_ms)))
    }
}

/// The present figure of a container, where it is known.
pub(super) fn present_of(snapshot: &Snapshot, container: &str, figure: Figure) -> Option<u64> {
    let container = snapshot.target.containers.iter().find(|known| known.name == container)?;
    match figure {
        Figure::CpuRequest => container.requests.cpu_millis,
        Figure::CpuLimit => container.limits.cpu_millis,
        Figure::MemoryRequest => container.requests.memory_bytes,
        Figure::MemoryLimit => container.limits.memory_bytes,
    }
}

/// Whether a sample newer than `at_ms` has come; also where there is nothing that could bring one, from the next turn on.
fn fresh_since(snapshot: &Snapshot, at_ms: u64) -> bool {
    let mut samples = snapshot.readings.iter().filter_map(|reading| reading.latest_ms()).peekable();
    (samples.peek().is_none() && snapshot.now_ms > at_ms)
        || samples.any(|sample_ms| sample_ms > at_ms && sample_ms <= snapshot.now_ms)
}

/// Whether what was lost is seen alive, or is gone from a list that is whole.
fn is_back(snapshot: &Snapshot, lost: &Lost) -> bool {
    if snapshot.inventory.is_complete() {
        return true;
    }
    if lost.node {
        return snapshot.nodes.iter().any(|node| node.ready && fnv1a(b'n', &node.id) == lost.id);
    }
    let mut alive = snapshot.instances.iter().filter(|instance| !instance.phase.is_lost());
    alive.any(|instance| fnv1a(b'i', &instance.id) == lost.id)
}

/// Failed instances in whose place others serve: on a list that is whole, as many are ready as are desired. One that is lost
/// out of sight may live on, and recovers only by being seen again or by going from the list.
fn replaced(snapshot: &Snapshot) -> Vec<u64> {
    let ready = snapshot.instances.iter().filter(|instance| instance.phase == Phase::Ready).count();
    if !snapshot.inventory.is_complete() || narrow(ready) < snapshot.target.desired {
        return Vec::new();
    }
    let failed = snapshot.instances.iter().filter(|instance| instance.phase == Phase::Failed);
    failed.map(|instance| fnv1a(b'i', &instance.id)).collect()
}

/// A length as a count, saturating.
pub(super) fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// FNV-1a, 64 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>): the same on every machine, for it is stored.
fn fnv1a(kind: u8, id: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    std::iter::once(kind).chain(id.bytes()).fold(0xcbf2_9ce4_8422_2325, step)
}
