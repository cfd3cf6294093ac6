//! Whether a condition has held for some time: by the samples of that time, not by memory.
//!
//! The condition is tried at the start of the time and whenever a sample came since; between samples, the last one stands.
//! Samples within a 120th of the time are one moment: the scrape of many instances is not many moments, and no rule is tried
//! more than 122 times.

use std::time::Duration;

use crate::lens::Lens;
use crate::statement::{Rule, Rulebook, Test};
use crate::truth::{Figure, Truth, join, judge};

/// How far the samples must reach back, so that one stands at the start of the time.
pub(crate) fn look_back(lasting: Duration) -> Duration {
    lasting + gap_max(lasting)
}

/// Between samples farther apart nothing is known: half of the time, at least a minute.
fn gap_max(lasting: Duration) -> Duration {
    (lasting / 2).max(Duration::from_secs(60))
}

/// One owner's past.
struct Track {
    samples: Vec<(u64, f64)>,
    /// Samples up to the moment looked at.
    passed: usize,
    group: u32,
    /// No hole in them since the start of the time, and their times ascend.
    is_whole: bool,
    /// It began within the time, with samples from its beginning on: before, it does not count.
    began_later: bool,
}

/// Whether the rule's condition, which is true now, has been true over all of `lasting`. Unknown if samples do not span it.
pub(crate) fn held(lens: &Lens<'_>, book: &Rulebook<'_>, rule: &Rule<'_>, lasting: Duration) -> Truth {
    let now_ms = lens.snapshot.now_ms();
    let from_ms = lens.snapshot.ago_ms(lasting);
    let (gap_ms, width_ms) = (millis(gap_max(lasting)), millis(lasting) / 120);
    let tests = book.tests_of(rule);
    let mut tracks: Vec<Vec<Track>> = tests.iter().map(|test| tracks(lens, test, from_ms, gap_ms)).collect();
    let mut moments = Moments { book, rule, stack: Vec::new(), figures: Vec::new(), truths: Vec::new() };
    let (mut sum, mut next_ms) = moments.at(from_ms, &mut tracks);
    while sum != Truth::False && next_ms <= now_ms {
        let (truth, then_ms) = moments.at(next_ms.saturating_add(width_ms).min(now_ms), &mut tracks);
        (sum, next_ms) = (sum.min(truth), then_ms);
    }
    sum
}

fn tracks(lens: &Lens<'_>, test: &Test<'_>, from_ms: u64, gap_ms: u64) -> Vec<Track> {
    let members = lens.members(test);
    members
        .iter()
        .map(|member| {
            let mut track = Track {
                samples: member.past(&test.check),
                passed: 0,
                group: member.group,
                is_whole: true,
                began_later: false,
            };
            track.pass(from_ms);
            track.look_over(member.started_ms, from_ms, gap_ms);
            track
        })
        .collect()
}

impl Track {
    /// Goes on to a moment, and says when the next sample came.
    fn pass(&mut self, until_ms: u64) -> u64 {
        while let Some((time_ms, _)) = self.samples.get(self.passed) {
            if *time_ms > until_ms {
                return *time_ms;
            }
            self.passed += 1;
        }
        NEVER_MS
    }

    fn look_over(&mut self, started_ms: Option<u64>, from_ms: u64, gap_ms: u64) {
        let counting = self.samples.get(self.passed.saturating_sub(1)..).unwrap_or_default();
        let pairs = counting.iter().zip(counting.iter().skip(1));
        self.is_whole =
            pairs.map(|(one, next)| next.0.checked_sub(one.0)).all(|gap| gap.is_some_and(|gap| gap <= gap_ms));
        if let (Some((first_ms, _)), Some(started_ms), 0) = (self.samples.first(), started_ms, self.passed) {
            self.began_later = started_ms > from_ms && first_ms.saturating_sub(started_ms) <= gap_ms;
        }
    }

    /// `None` where it does not count at the moment.
    fn figure(&self) -> Option<Figure> {
        let stands = self.passed.checked_sub(1).and_then(|last| self.samples.get(last));
        if stands.is_none() && self.began_later && self.is_whole {
            return None;
        }
        Some(Figure { group: self.group, value: stands.filter(|_| self.is_whole).map(|(_, value)| *value) })
    }
}

/// One moment after the other.
struct Moments<'b, 'p> {
    book: &'b Rulebook<'p>,
    rule: &'b Rule<'p>,
    stack: Vec<Truth>,
    figures: Vec<Figure>,
    truths: Vec<Truth>,
}

impl Moments<'_, '_> {
    /// The truth of the condition at that moment, and when the next sample came.
    fn at(&mut self, until_ms: u64, tracks: &mut [Vec<Track>]) -> (Truth, u64) {
        self.truths.clear();
        let mut next_ms = NEVER_MS;
        for (test, tracks) in self.book.tests_of(self.rule).iter().zip(tracks) {
            self.figures.clear();
            for track in tracks {
                next_ms = next_ms.min(track.pass(until_ms));
                self.figures.extend(track.figure());
            }
            self.truths.push(judge(test, &self.figures).0);
        }
        let steps = self.book.steps.get(self.rule.steps.clone()).unwrap_or_default();
        let truth_of = |number: usize| {
            let place = number.checked_sub(self.rule.tests.start);
            place.and_then(|place| self.truths.get(place)).copied().unwrap_or(Truth::Unknown)
        };
        (join(steps, &mut self.stack, truth_of), next_ms)
    }
}

/// No sample comes after.
const NEVER_MS: u64 = u64::MAX;

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
