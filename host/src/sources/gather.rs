//! One turn's readings of all targets: one question per reading, all sources at once, none able to disturb another.
//!
//! What comes back is what policies see: ordered, judged fresh, stale or absent, with a row for every instance, and a typed
//! [`Problem`] for everything that could not be had.

mod judge;
mod problem;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream;
use tokio::time::{Instant, timeout_at};

use self::judge::Judge;
pub use self::problem::{Problem, Why};
use super::history::History;
use super::{Ask, AskTarget, Gives, Measurement, ReadingSpec, Source};
use crate::snapshot::{Reading, TargetId};

/// The sources, by their names in the config.
pub type Sources = BTreeMap<String, Arc<dyn Source>>;

/// How long and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatherLimits {
    /// Time that one source has for all its questions of a turn together. What it has not answered then is absent.
    pub source_timeout_ms: u64,
    /// Questions that one source is asked at once.
    pub questions_at_once_max: usize,
    /// How far ahead of us a sample's clock may be; a sample from beyond is stale.
    pub skew_ms: u64,
    /// Most samples of one owner's reading; the newest are taken.
    pub samples_max: usize,
    /// Most problems told of one question; the others are counted.
    pub problems_max: usize,
}

impl Default for GatherLimits {
    fn default() -> Self {
        Self {
            source_timeout_ms: 5_000,
            questions_at_once_max: 8,
            skew_ms: 2_000,
            samples_max: 3_600,
            problems_max: 20,
        }
    }
}

/// One reading, and every target that wants it just so.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// What.
    pub spec: &'a ReadingSpec,
    /// Of whom.
    pub targets: Vec<AskTarget<'a>>,
}

/// What a turn's gathering came to.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Per target asked about, its readings, ordered by name, subject and owner: what a snapshot holds.
    pub readings: HashMap<TargetId, Vec<Reading>>,
    /// What could not be had, and why, in the questions' order.
    pub problems: Vec<Problem>,
    /// Per question, the source that was asked and how long it took.
    pub asked: Vec<(String, Duration)>,
}

/// Groups what many bindings want into one question per reading. Equal declarations of different bindings are one question.
#[must_use]
pub fn questions<'a>(wanted: impl IntoIterator<Item = (&'a ReadingSpec, AskTarget<'a>)>) -> Vec<Question<'a>> {
    let mut all: Vec<Question<'a>> = Vec::new();
    // Bindings mostly share one declaration by address; equal ones at other addresses are looked for once each.
    let mut by_address: HashMap<*const ReadingSpec, usize> = HashMap::new();
    let mut by_value: HashMap<(&'a str, u64), Vec<usize>> = HashMap::new();
    for (spec, target) in wanted {
        let at = *by_address.entry(std::ptr::from_ref(spec)).or_insert_with(|| {
            let alike = by_value.entry((&*spec.name, super::history::fingerprint(spec))).or_default();
            let equal = alike.iter().copied().find(|at| all.get(*at).is_some_and(|question| *question.spec == *spec));
            equal.unwrap_or_else(|| {
                all.push(Question { spec, targets: Vec::new() });
                alike.push(all.len() - 1);
                all.len() - 1
            })
        });
        if let Some(question) = all.get_mut(at) {
            question.targets.push(target);
        }
    }
    all
}

/// Asks every question, each once, and judges the answers at `now_ms`.
///
/// Sources are asked side by side. It returns within `source_timeout_ms` whatever they do. With a look-back, samples of
/// earlier turns come from `history` where the source tells only the latest.
pub async fn gather(
    sources: &Sources,
    questions: &[Question<'_>],
    history: &History,
    limits: &GatherLimits,
    now_ms: u64,
) -> Gathered {
    let answers = ask_all(sources, questions, limits, now_ms).await;
    let asked = questions.iter().zip(&answers).map(|(question, answer)| (question.spec.source.clone(), answer.took));
    let asked = asked.collect();
    let mut order: Vec<_> = questions.iter().zip(answers).collect();
    order.sort_by(|(a, _), (b, _)| (&a.spec.name, &a.spec.subject).cmp(&(&b.spec.name, &b.spec.subject)));
    let mut judge = Judge::new(questions, history, limits, now_ms);
    for (question, answer) in order {
        judge.question(question, answer);
    }
    Gathered { asked, ..judge.finish() }
}

/// What became of one question.
#[derive(Debug)]
struct Answer {
    gives: Gives,
    measured: Result<Measurement, Why>,
    took: Duration,
}

async fn ask_all(sources: &Sources, questions: &[Question<'_>], limits: &GatherLimits, now_ms: u64) -> Vec<Answer> {
    let mut by_source: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, question) in questions.iter().enumerate() {
        by_source.entry(&question.spec.source).or_default().push(at);
    }
    let deadline = Instant::now() + Duration::from_millis(limits.source_timeout_ms);
    let asked = by_source.into_iter().map(|(name, wanted)| async move {
        let source = sources.get(name);
        stream::iter(wanted)
            .map(|at| async move {
                let answer = match (source, questions.get(at)) {
                    (Some(source), Some(question)) => ask(source, question, limits, now_ms, deadline).await,
                    _ => Answer { gives: Gives::default(), measured: Err(Why::NoSuchSource), took: Duration::ZERO },
                };
                (at, answer)
            })
            .buffer_unordered(limits.questions_at_once_max.max(1))
            .collect::<Vec<_>>()
            .await
    });
    let mut answers: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
    answers.sort_unstable_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

async fn ask(
    source: &Arc<dyn Source>,
    question: &Question<'_>,
    limits: &GatherLimits,
    now_ms: u64,
    deadline: Instant,
) -> Answer {
    let ask = Ask { spec: question.spec, targets: &question.targets, now_ms };
    let began = Instant::now();
    let measured = match timeout_at(deadline, source.measure(&ask)).await {
        Ok(measured) => measured.map_err(Why::Source),
        Err(_) => Err(Why::TimedOut { after_ms: limits.source_timeout_ms }),
    };
    Answer { gives: source.gives(), measured, took: began.elapsed() }
}
