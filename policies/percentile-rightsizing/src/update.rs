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
    let facts = facts(dimension, room, &recommendation, series, seen);
    let present = room.base();
    let aim = recommendation.target;
    let floor = (recent.peak * (1.0 + parameters.margin)).max(recent.oom_peak);
    let killed = recent.oom_peak > present as f64;
    let guarded = !killed && aim < (present as f64).min(floor);
    let wanted = match (killed, guarded) {
        (true, _) => aim.max(recent.oom_peak),
        (false, true) => floor.min(present as f64),
        (false, false) => aim,
    };
    // A limit that stays caps the request.
    let cap = room.request.and(room.limit).filter(|_| parameters.limits == "none").or(most);
    let most = cap.into_iter().chain(most).min();
    let new = dimension.rounded_up(wanted, parameters).min(most.unwrap_or(u64::MAX)).max(least.unwrap_or(0));
    let held = |why: String| Judged::Held(format!("{facts}; {why}"), Some(recommendation));
    let settled = match rests(series, snapshot, parameters) {
        None => true,
        Some(why) if new < present && recommendation.upper >= present as f64 => return held(why),
        Some(_) => false,
    };
    let peak = || format!("the recent peak asks for {}", dimension.show(floor));
    if new == present || (guarded && new > present) {
        return held(if guarded { format!("not lowered: {}", peak()) } else { "stays".to_owned() });
    }
    if new < present && seen.missing > 0 {
        return held(format!("not lowered while {} instances have no fresh sample", seen.missing));
    }
    let shown = dimension.show(new as f64);
    let (urgent, why) = if killed && new > present {
        (true, ", since an instance was killed for lack of memory".to_owned())
    } else if new > present && (present as f64) < recommendation.lower {
        (true, ", since it is below its range".to_owned())
    } else if new < present && present as f64 > recommendation.upper {
        (true, ", since it is above its range".to_owned())
    } else {
        (false, String::new())
    };
    let guard = if guarded { format!(", {}", peak()) } else { String::new() };
    Judged::Wish(Wish {
        recommendation,
        room,
        new,
        share: (new as f64 - present as f64).abs() / present as f64,
        urgent,
        settled,
        reason: format!("{facts}: {shown}{why}{guard}"),
    })
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
    let mut answer_attrs = Answer::default();
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
            answer_attrs = recommendation.told(dimension, answer_attrs);
        }
    }
    if is_unknown {
        return Err(Refusal::reading_missing(held.join("; ")));
    }
    let proposal = if changed.is_empty() {
        Proposal::hold().because(held.join("; "))
    } else {
        answer_attrs = answer_attrs.notes(held);
        Proposal::resize().container(&container.name, requests, limits).because(changed.join("; "))
    };
    Ok(answer_attrs.and(proposal))
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
