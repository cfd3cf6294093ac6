//! Stages 2 to 8 for the figures of containers, each on its own; then request within limit.

use super::compose::{CONTAINERS_MAX, Composed};
use super::decide::Question;
use super::gates::{Standing, Way, too_many};
use super::past::{Past, present_of};
use super::range::{FigureRange, Peak, memory_peak, round_down, round_up};
use super::restraint::{Dimension, Direction, Figure, Quantity, Restraint, Stage};
use super::steps::furthest_figure;
use super::travel::Travel;
use crate::policy::ContainerResources;
use crate::snapshot::ResizeAbility;

/// What becomes of figures.
#[derive(Debug, Default)]
pub(super) struct Resized {
    /// The figures that change.
    pub(super) resources: Vec<ContainerResources>,
    /// The size to change to.
    pub(super) size_class: Option<String>,
    /// The size asked for, where it is taken or there already.
    pub(super) size_now: Option<String>,
    /// Whether any figure is raised.
    pub(super) raises: bool,
    /// Whether any is lowered, or limited that was not.
    pub(super) lowers: bool,
}

impl Resized {
    pub(super) fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.size_class.is_none()
    }
}

/// One figure on its way. Unlike the count it may be unknown: then a limit that is set is a lowering (from no limit), and a
/// request a raise.
struct Moving<'r, 's> {
    rules: &'r Rules<'r, 's>,
    what: Quantity,
    figure: Figure,
    range: FigureRange,
    present: Option<u64>,
    value: u64,
    /// What holds it back holds it here; `None`: it is not set at all.
    hold: Option<u64>,
    travel: Travel,
}

/// What all figures share.
struct Rules<'r, 's> {
    q: &'r Question<'r>,
    past: &'r Past,
    standing: &'r Standing<'s>,
    composed: &'r Composed<'r>,
    peak: std::cell::OnceCell<Option<Peak>>,
}

/// What becomes of the figures of all containers.
pub(super) fn bound_resize(
    q: &Question<'_>,
    past: &Past,
    standing: &Standing<'_>,
    composed: &Composed<'_>,
    travels: &mut Vec<Travel>,
    notes: &mut Vec<Restraint>,
) -> Resized {
    let rules = Rules { q, past, standing, composed, peak: std::cell::OnceCell::new() };
    let mut resized = Resized::default();
    if let Some(size) = composed.size {
        rules.size(size, &mut resized, travels, notes);
        return resized;
    }
    let abilities = &q.snapshot.target.abilities;
    let able = abilities.resize != ResizeAbility::None
        && abilities.sizes.is_empty()
        && abilities.kinds.iter().any(|kind| kind == "resize");
    if !able {
        return resized;
    }
    for container in q.snapshot.target.containers.iter().take(CONTAINERS_MAX) {
        let mut done = [None; 4];
        for (figure, done) in Figure::ALL.into_iter().zip(&mut done) {
            *done = rules.figure(&container.name, figure, travels, notes);
        }
        let [cpu_request, cpu_limit, memory_request, memory_limit] = done;
        let present = |figure| present_of(q.snapshot, &container.name, figure);
        let mut pair = |request, limit, figures: [Figure; 2]| {
            within_limit([request, limit], figures.map(present), &container.name, figures, notes)
        };
        let (cpu_request, cpu_limit) = pair(cpu_request, cpu_limit, [Figure::CpuRequest, Figure::CpuLimit]);
        let (memory_request, memory_limit) =
            pair(memory_request, memory_limit, [Figure::MemoryRequest, Figure::MemoryLimit]);
        for (figure, done) in Figure::ALL.into_iter().zip([cpu_request, cpu_limit, memory_request, memory_limit]) {
            settle(travels, &container.name, figure, done.or_else(|| present(figure)));
            let raised = match (present(figure), done) {
                (Some(present), Some(done)) => done > present,
                (None, Some(_)) => !figure.is_limit(),
                (_, None) => false,
            };
            resized.raises |= raised;
            resized.lowers |= match (present(figure), done) {
                (Some(present), Some(done)) => done < present,
                (None, Some(_)) => figure.is_limit(),
                (_, None) => false,
            };
        }
        let mut resources = ContainerResources { container: container.name.clone(), ..Default::default() };
        resources.requests.cpu_millis = cpu_request;
        resources.requests.memory_bytes = memory_request;
        resources.limits.cpu_millis = cpu_limit;
        resources.limits.memory_bytes = memory_limit;
        if !(resources.requests.is_empty() && resources.limits.is_empty()) {
            resized.resources.push(resources);
        }
    }
    resized
}

impl Rules<'_, '_> {
    /// What one figure is set to; `None` where it stays.
    fn figure(
        &self,
        container: &str,
        figure: Figure,
        travels: &mut Vec<Travel>,
        notes: &mut Vec<Restraint>,
    ) -> Option<u64> {
        let said = self.composed.figures.iter().find(|votes| votes.figure == figure && votes.container == container);
        let present = present_of(self.q.snapshot, container, figure);
        let range = FigureRange::of(self.q.settings, figure);
        if said.is_none() && present.is_none_or(|present| range.correct(present) == present) {
            return None;
        }
        let wish = said.map(|votes| votes.wish);
        let what = Quantity::Figure { container: container.to_owned(), figure };
        let votes = said.map(|said| said.votes.iter().map(|(slot, value)| ((*slot).to_owned(), *value)).collect());
        let votes = votes.unwrap_or_default();
        let travel = Travel { what: what.clone(), present, votes, wish, stages: Vec::new(), to: wish.or(present) };
        let value = wish.or(present)?;
        let mut moving = Moving { rules: self, what, figure, range, present, value, hold: present, travel };
        let done = moving.stages(container, notes);
        travels.push(moving.travel);
        done.filter(|done| present != Some(*done))
    }

    /// A size is taken as it is or not at all: its figures must pass unchanged.
    fn size(&self, size: &str, resized: &mut Resized, travels: &mut Vec<Travel>, notes: &mut Vec<Restraint>) {
        let target = &self.q.snapshot.target;
        let Some(known) = target.abilities.sizes.iter().find(|known| known.class == size) else { return };
        let container = target.containers.first().map_or("", |container| container.name.as_str());
        let figures =
            [(Figure::CpuLimit, known.resources.cpu_millis), (Figure::MemoryLimit, known.resources.memory_bytes)];
        let mut changes = known.resources.is_empty();
        for (figure, value) in figures {
            let Some(value) = value else { continue };
            let present = present_of(self.q.snapshot, container, figure);
            let what = Quantity::Figure { container: container.to_owned(), figure };
            let range = FigureRange { step: 1, ..FigureRange::of(self.q.settings, figure) };
            let range = FigureRange { least: range.min, most: range.max, ..range };
            let travel = Travel {
                what: what.clone(),
                present,
                votes: Vec::new(),
                wish: Some(value),
                stages: Vec::new(),
                to: Some(value),
            };
            let mut moving = Moving { rules: self, what, figure, range, present, value, hold: present, travel };
            let done = moving.stages(container, notes).or(present);
            travels.push(moving.travel);
            if done != Some(value) {
                let (what, size) = (Quantity::Figure { container: container.to_owned(), figure }, size.to_owned());
                let held = done.unwrap_or(0);
                notes.push(Restraint::SizeOutOfBounds { size, what, wished: value, held });
                for travel in travels.iter_mut().filter(|travel| travel.what != Quantity::Replicas) {
                    travel.to = travel.present;
                }
                return;
            }
            changes |= present != Some(value);
            resized.raises |= present.is_some_and(|present| value > present);
            resized.lowers |= present.is_none_or(|present| value < present);
        }
        resized.size_now = Some(size.to_owned());
        resized.size_class = changes.then(|| size.to_owned());
    }

    fn peak(&self) -> Option<Peak> {
        *self.peak.get_or_init(|| memory_peak(self.q))
    }
}

impl Moving<'_, '_> {
    /// All stages, in their order. `None`: it is not set.
    fn stages(&mut self, container: &str, notes: &mut Vec<Restraint>) -> Option<u64> {
        self.blame(notes)?;
        self.stabilization(container, notes);
        self.range(notes)?;
        self.steps(notes);
        self.gates(notes)?;
        self.rounding(notes);
        self.travel.to = Some(self.value);
        Some(self.value)
    }

    fn direction(&self) -> Option<Direction> {
        match self.present {
            Some(present) => Direction::of(&present, &self.value),
            None if self.figure.is_limit() => Some(Direction::Down),
            None => Some(Direction::Up),
        }
    }

    fn set(&mut self, stage: Stage, value: u64) {
        self.value = value;
        self.travel.pass(stage, Some(value));
    }

    /// Goes to what holds it; `None` where it is not set at all.
    fn fall_back(&mut self, stage: Stage, to: Option<u64>) -> Option<()> {
        match to {
            Some(value) => self.set(stage, value),
            None => self.travel.to = None,
        }
        to.map(|_| ())
    }

    fn blame(&mut self, notes: &mut Vec<Restraint>) -> Option<()> {
        if self.direction() != Some(Direction::Down) {
            return Some(());
        }
        let Some(vote) = self.rules.composed.blame else { return Some(()) };
        notes.push(vote.blame(self.what.clone(), self.present.unwrap_or(0), self.value));
        self.fall_back(Stage::Compose, self.present)
    }

    fn stabilization(&mut self, container: &str, notes: &mut Vec<Restraint>) {
        let Some(direction) = self.direction() else { return };
        if self.travel.wish.is_none() || self.rules.composed.size.is_some() {
            return;
        }
        let settings = self.rules.q.settings;
        let (lowest, highest) = self.rules.past.figure_extremes(container, self.figure);
        let (held, window_ms) = match direction {
            Direction::Up => {
                let held = self.value.min(lowest.or(self.present).unwrap_or(self.value));
                (held.max(self.present.unwrap_or(0)), settings.stabilize_up_ms)
            }
            Direction::Down => {
                let held = self.value.max(highest.or(self.present).unwrap_or(self.value));
                (held.min(self.present.unwrap_or(u64::MAX)), settings.stabilize_down_ms)
            }
        };
        if held != self.value {
            let (what, wished) = (self.what.clone(), self.value);
            notes.push(Restraint::Stabilized { what, direction, wished, held, window_ms });
            self.set(Stage::Stabilization, held);
        }
    }

    /// Whole steps upwards, then least and most, then what memory was lately used.
    fn range(&mut self, notes: &mut Vec<Restraint>) -> Option<()> {
        self.hold = self.present.map(|present| self.range.correct(present));
        let wished = self.value;
        let whole = if self.present == Some(wished) { wished } else { round_up(wished, self.range.step) };
        let raise = self.direction() == Some(Direction::Up);
        let is_memory = self.figure.dimension() == Dimension::Memory;
        let peak = if is_memory { self.rules.peak() } else { None };
        // A limit that rises, or is set for the first time, rises above the peak at once.
        let lifted = match peak {
            Some(peak) if self.figure.is_limit() && (raise || self.present.is_none()) => {
                whole.max(round_up(peak.floor, self.range.step))
            }
            _ => whole,
        };
        let mut held = self.range.hold(self.present, lifted);
        let what = || self.what.clone();
        if held < lifted {
            notes.push(Restraint::AboveMax { what: what(), wished, max: self.range.max });
        } else if held > lifted && self.present != Some(wished) {
            notes.push(Restraint::BelowMin { what: what(), wished, min: self.range.min });
        }
        if is_memory {
            match (peak, self.present) {
                (None, Some(present)) if held < present => {
                    notes.push(Restraint::PeakUnknown { what: what(), present, wished });
                    held = present;
                    self.hold = Some(present);
                }
                (None, None) if self.figure.is_limit() => {
                    notes.push(Restraint::PeakUnknown { what: what(), present: 0, wished });
                    return self.fall_back(Stage::Range, None);
                }
                (Some(Peak { peak, floor }), present) => {
                    let least = floor.min(present.unwrap_or(floor));
                    let lowers = present.is_some_and(|present| held < present);
                    let unsafe_first = present.is_none() && self.figure.is_limit() && held < floor;
                    if (lowers && held < least) || unsafe_first {
                        notes.push(Restraint::BelowPeak { what: what(), wished, peak, floor });
                        held = least;
                    }
                    if unsafe_first {
                        return self.fall_back(Stage::Range, None);
                    }
                    self.hold = self.hold.map(|hold| match present {
                        Some(present) if hold < present => hold.max(least),
                        _ => hold,
                    });
                }
                (None, _) => {}
            }
        }
        self.set(Stage::Range, held);
        Some(())
    }

    fn steps(&mut self, notes: &mut Vec<Restraint>) {
        let Some(present) = self.present else { return };
        let settings = self.rules.q.settings;
        let held = furthest_figure(settings, present, self.value);
        self.hold = self.hold.map(|hold| furthest_figure(settings, present, hold));
        if held != self.value {
            let (what, wished) = (self.what.clone(), self.value);
            notes.push(Restraint::Step { what, present, wished, held, step: held.abs_diff(present) });
            self.set(Stage::Steps, held);
        }
    }

    fn gates(&mut self, notes: &mut Vec<Restraint>) -> Option<()> {
        let Some(direction) = self.direction() else { return Some(()) };
        let Rules { q, past, standing, .. } = *self.rules;
        let held = self.present.unwrap_or(0);
        let what = self.what.clone();
        let way = Way { what: &what, direction, held, wished: self.value };
        let remakes = q.snapshot.target.abilities.resize == ResizeAbility::Recreate;
        let lost = || standing.too_many.filter(|_| remakes).map(|many| too_many(many, &way));
        let event = || {
            let (what, held, wished) = (what.clone(), held, self.value);
            (remakes && q.gates.event_turn).then_some(Restraint::EventTurn { what, held, wished })
        };
        if let Some(restraint) = standing.forbids(&way).or_else(lost).or_else(event) {
            notes.push(restraint);
            return self.fall_back(Stage::Gates, self.present);
        }
        if self.hold == Some(self.value) {
            return Some(());
        }
        let way = Way { held: self.hold.unwrap_or(0), ..way };
        let left_ms = past.resize_cooldown_ms(q.settings, direction);
        if let Some(restraint) = standing.doubts(&way).or_else(|| way.cooling(left_ms)) {
            notes.push(restraint);
            return self.fall_back(Stage::Gates, self.hold);
        }
        Some(())
    }

    /// Whole steps again, now towards the present value only: what an earlier stage cut must not grow.
    fn rounding(&mut self, notes: &mut Vec<Restraint>) {
        let Some(present) = self.present else { return };
        let wished = self.value;
        let held = match Direction::of(&present, &wished) {
            Some(Direction::Up) => round_down(wished, self.range.step).max(present),
            Some(Direction::Down) => round_up(wished, self.range.step).min(present),
            None => present,
        };
        if held != wished {
            let (what, step) = (self.what.clone(), self.range.step);
            notes.push(Restraint::Rounded { what, present, wished, held, step });
            self.set(Stage::Rounding, held);
        }
    }
}

/// A limit that falls stays at or above the request; a request that rises stays at or below the limit.
fn within_limit(
    [request, limit]: [Option<u64>; 2],
    [request_now, limit_now]: [Option<u64>; 2],
    container: &str,
    [request_figure, limit_figure]: [Figure; 2],
    notes: &mut Vec<Restraint>,
) -> (Option<u64>, Option<u64>) {
    let mut note = |figure: Figure, wished: u64, held: u64| {
        let what = Quantity::Figure { container: container.to_owned(), figure };
        notes.push(Restraint::RequestAboveLimit { what, wished, held });
    };
    let (mut request, mut limit) = (request, limit);
    if let Some(wished) = limit {
        // The request as it will be if it falls, as it is if it rises: rising comes second.
        let least = match (request, request_now) {
            (Some(to), Some(now)) => to.min(now),
            (Some(_), None) => 0,
            (None, now) => now.unwrap_or(0),
        };
        let held = match limit_now {
            Some(now) if wished < now => wished.max(least.min(now)),
            Some(_) => wished,
            None => wished.max(least),
        };
        if held != wished {
            note(limit_figure, wished, held);
            limit = Some(held).filter(|held| limit_now != Some(*held));
        }
    }
    if let (Some(wished), Some(most)) = (request, limit.or(limit_now))
        && wished > most
        && request_now.is_none_or(|now| wished > now)
    {
        let held = most.max(request_now.unwrap_or(0));
        note(request_figure, wished, held);
        request = Some(held).filter(|held| request_now != Some(*held));
    }
    (request, limit)
}

/// Writes into the travel of a figure what becomes of it in the end.
fn settle(travels: &mut [Travel], container: &str, figure: Figure, to: Option<u64>) {
    let matches = |what: &Quantity| matches!(what, Quantity::Figure { container: c, figure: f } if c == container && *f == figure);
    if let Some(travel) = travels.iter_mut().find(|travel| matches(&travel.what))
        && travel.to != to
    {
        travel.pass(Stage::Rounding, to);
        travel.to = to;
    }
}
