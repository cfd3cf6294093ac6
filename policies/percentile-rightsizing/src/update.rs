//! Whether a recommendation is worth a change, after `updater/priority/priority_processor.go` and
//! `update_priority_calculator.go` of the VPA: at once outside the range; within it only if CPU and memory together change
//! enough, and rarely.

use trimtab_sdk::prelude::*;
use trimtab_sdk::snapshot::Container;

use crate::Parameters;
use crate::history::{Followed, History, Series};
use crate::intake::{Seen, milliseconds};
use crate::recommendation::Recommendation;
use crate::room::{Dimension, Room};

const HOUR_MS: f64 = 3_600_000.0;
/// A billionth is forgiven: 550 of 500 are 10 % more only nearly.
const FORGIVEN: f64 = 1e-9;
const NONE: Resources = Resources { cpu_millis: None, memory_bytes: None };

/// What one dimension came to.
#[derive(Debug)]
pub(crate) enum Judged {
    /// Nothing was seen.
    Unknown(String),
    /// It stays, whatever the other does.
    Held(String, Option<Recommendation>),
    /// It would change.
    Wish(Wish),
}

#[derive(Debug)]
pub(crate) struct Wish {
    recommendation: Recommendation,
    room: Room,
    new: u64,
    /// The change, as a share of what is set aside.
    share: f64,
    /// Outside the range, or killed for lack of memory.
    urgent: bool,
    settled: bool,
    /// The facts, and why.
    reason: String,
}

/// Where one dimension would go.
#[derive(Debug)]
struct Aim {
    present: u64,
    new: u64,
    /// Memory is not lowered below it.
    floor: f64,
    /// An instance was, with what is set aside.
    killed: bool,
    /// The floor and not the target says how far it may fall.
    guarded: bool,
}

/// The most that instances used, or need to have, in the interval that lasts.
#[derive(Debug, Clone, Copy, Default)]
struct Recent {
    peak: f64,
    oom_peak: f64,
}

/// Judges one dimension.
pub(crate) fn judge(
    dimension: Dimension,
    seen: Seen,
    history: &History,
    container: &Container,
    snapshot: &Snapshot<'_>,
    parameters: &Parameters,
) -> Judged {
    let word = dimension.word();
    let Some(room) = Room::of(dimension, container) else {
        return Judged::Held(format!("{word}: neither request nor limit is set, or known"), None);
    };
    let (series, recent) = match dimension {
        Dimension::Cpu => (&history.cpu, Recent::default()),
        Dimension::Memory => (&history.memory, Recent::of(&history.instances)),
    };
    let target = snapshot.target();
    let (least, most) = (dimension.of(&target.limits.least), dimension.of(&target.limits.most));
    let known = Recommendation::of(dimension, series, target.containers.len(), parameters);
    let Some(recommendation) = known.filter(|_| seen.measured + seen.killed > 0) else {
        let reading = dimension.reading(parameters);
        return Judged::Unknown(format!("{word}: no instance has a fresh sample of `{reading}`"));
    };
    let recommendation = recommendation.within(least, most);
    let aim = Aim::of(dimension, &recommendation, room, recent, [least, most], parameters);
    let facts = facts(dimension, room, &recommendation, series, seen);
    let urgency = aim.urgency(&recommendation);
    let rests = rests(series, snapshot, parameters);
    let settled = rests.is_none();
    if let Some(why) = aim.held(dimension, seen, rests.filter(|_| urgency.is_none())) {
        return Judged::Held(format!("{facts}; {why}"), Some(recommendation));
    }
    let mut reason = format!("{facts}: {}", dimension.show(aim.new as f64));
    if let Some(why) = urgency {
        reason += &format!(", since {why}");
    }
    if aim.guarded {
        reason += &format!(", {}", aim.peak(dimension));
    }
    let share = (aim.new as f64 - aim.present as f64).abs() / aim.present as f64;
    Judged::Wish(Wish { recommendation, room, new: aim.new, share, urgent: urgency.is_some(), settled, reason })
}

/// One answer for the container as a whole.
pub(crate) fn answer(
    judged: Vec<(Dimension, Judged)>,
    container: &Container,
    snapshot: &Snapshot<'_>,
    parameters: &Parameters,
) -> Result<Answer, Refusal> {
    let wishes = || judged.iter().filter_map(|(_, one)| if let Judged::Wish(wish) = one { Some(wish) } else { None });
    let share: f64 = wishes().filter(|wish| wish.settled).map(|wish| wish.share).sum();
    let enough = wishes().any(|wish| wish.settled) && share + FORGIVEN >= parameters.threshold;
    let acts = enough || wishes().any(|wish| wish.urgent);
    let is_unknown = judged.iter().all(|(_, one)| matches!(one, Judged::Unknown(_)));
    let (mut requests, mut limits) = (NONE, NONE);
    let (mut changed, mut held) = (Vec::new(), Vec::new());
    let mut answer = Answer::default();
    for (dimension, one) in judged {
        let recommendation = match one {
            Judged::Unknown(why) => {
                held.push(why);
                None
            }
            Judged::Held(why, recommendation) => {
                held.push(why);
                recommendation
            }
            Judged::Wish(wish) => {
                if acts {
                    let most = dimension.of(&snapshot.target().limits.most);
                    let room = wish.room.with_base(wish.new, parameters.limits == "keep", most);
                    dimension.put(&mut requests, room.request);
                    dimension.put(&mut limits, room.limit);
                    changed.push(wish.reason);
                } else {
                    held.push(wish.waits(share, parameters));
                }
                Some(wish.recommendation)
            }
        };
        if let Some(recommendation) = recommendation {
            answer = recommendation.told(dimension, answer);
        }
    }
    if is_unknown {
        return Err(Refusal::reading_missing(held.join("; ")));
    }
    let proposal = if changed.is_empty() {
        Proposal::hold().because(held.join("; "))
    } else {
        answer = answer.notes(held);
        Proposal::resize().container(&container.name, requests, limits).because(changed.join("; "))
    };
    Ok(answer.and(proposal))
}

impl Aim {
    fn of(
        dimension: Dimension,
        recommendation: &Recommendation,
        room: Room,
        recent: Recent,
        [least, most]: [Option<u64>; 2],
        parameters: &Parameters,
    ) -> Self {
        let (present, target) = (room.base(), recommendation.target);
        let floor = (recent.peak * (1.0 + parameters.margin)).max(recent.oom_peak);
        let killed = recent.oom_peak > present as f64;
        let guarded = !killed && target < (present as f64).min(floor);
        let wanted = match (killed, guarded) {
            (true, _) => target.max(recent.oom_peak),
            (false, true) => floor.min(present as f64),
            (false, false) => target,
        };
        // A limit that stays caps the request.
        let cap = room.request.and(room.limit).filter(|_| parameters.limits == "none");
        let most = [cap, most].into_iter().flatten().min().unwrap_or(u64::MAX);
        let new = dimension.rounded_up(wanted, parameters).min(most).max(least.unwrap_or(0));
        // What is guarded goes no higher than it is, also where rounding would take it there.
        Self { present, new: if guarded { new.min(present) } else { new }, floor, killed, guarded }
    }

    /// Why it cannot wait.
    fn urgency(&self, recommendation: &Recommendation) -> Option<&'static str> {
        let present = self.present as f64;
        if self.new > self.present && self.killed {
            Some("an instance was killed for lack of memory")
        } else if self.new > self.present && present < recommendation.lower {
            Some("it is below its range")
        } else if self.new < self.present && present > recommendation.upper {
            Some("it is above its range")
        } else {
            None
        }
    }

    /// Why it stays: there is nothing to do, or it must not be lowered.
    fn held(&self, dimension: Dimension, seen: Seen, rests: Option<String>) -> Option<String> {
        if self.new == self.present {
            return Some(if self.guarded {
                format!("not lowered: {}", self.peak(dimension))
            } else {
                "stays".to_owned()
            });
        }
        if self.new > self.present {
            return None;
        }
        if seen.missing > 0 {
            return Some(format!("not lowered while {} instances have no fresh sample", seen.missing));
        }
        rests
    }

    fn peak(&self, dimension: Dimension) -> String {
        format!("the recent peak asks for {}", dimension.show(self.floor))
    }
}

impl Wish {
    fn waits(&self, share: f64, parameters: &Parameters) -> String {
        if self.settled {
            let (share, threshold) = (figure(share * 100.0), figure(parameters.threshold * 100.0));
            format!("{}, but {share}% in all are below the threshold of {threshold}%", self.reason)
        } else {
            format!("{}, once it has rested", self.reason)
        }
    }
}

impl Recommendation {
    /// The figures, for whoever reads the record: `cpu_target` in thousandths of a core, `memory_target` in bytes.
    fn told(&self, dimension: Dimension, answer: Answer) -> Answer {
        let word = dimension.word();
        let ends = [("target", self.target), ("lower", self.lower), ("upper", self.upper)];
        let known = ends.into_iter().filter(|(_, amount)| amount.is_finite());
        known.fold(answer, |answer, (end, amount)| answer.attr(format!("{word}_{end}"), amount.round()))
    }
}

impl Recent {
    /// An interval lasts until a sample opens the next.
    fn of(instances: &[Followed]) -> Self {
        instances.iter().fold(Self::default(), |recent, one| Self {
            peak: recent.peak.max(one.peak),
            oom_peak: recent.oom_peak.max(one.oom_peak),
        })
    }
}

fn facts(dimension: Dimension, room: Room, recommendation: &Recommendation, series: &Series, seen: Seen) -> String {
    let mut facts = format!(
        "{}: {} set aside, target {}, range {} to {} ({} is used, {} samples in {} hours)",
        dimension.word(),
        dimension.show(room.base() as f64),
        dimension.show(recommendation.target),
        dimension.show(recommendation.lower),
        if recommendation.upper.is_finite() { dimension.show(recommendation.upper) } else { "any".to_owned() },
        dimension.show(recommendation.percentile),
        series.samples,
        figure((series.span_ms() as f64 / HOUR_MS * 10.0).round() / 10.0),
    );
    if seen.beyond > 0 {
        facts += &format!(", {} instances left out", seen.beyond);
    }
    facts
}

/// Why nothing changes within the range yet; `None` where it may.
fn rests(series: &Series, snapshot: &Snapshot<'_>, parameters: &Parameters) -> Option<String> {
    let rest_ms = milliseconds(parameters.rest);
    let hours = |span_ms: u64| figure((span_ms as f64 / HOUR_MS * 10.0).round() / 10.0);
    if series.span_ms() < rest_ms {
        return Some(format!("within its range, rests until it has {} hours of history", hours(rest_ms)));
    }
    let resized = snapshot.changes().iter().rev().find(|change| change.kind() == Kind::Resize)?;
    let since_ms = snapshot.now_ms().saturating_sub(resized.at_ms);
    (since_ms < rest_ms).then(|| {
        format!("within its range, rests: the last resize was {} of {} hours ago", hours(since_ms), hours(rest_ms))
    })
}
