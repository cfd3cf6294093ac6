//! Outages, odd samples and look-backs, as stories with injected time.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::snapshot::{Freshness, Instance, Samples, Subject, Target};
use crate::sources::memory::{MemorySource, Outage};
use crate::sources::stage::{NOW, instance, spec, target};

/// Everything a story needs: sources `m` (latest only), `n` (likewise) and `r` (ranges).
struct Stage {
    m: Arc<MemorySource>,
    n: Arc<MemorySource>,
    r: Arc<MemorySource>,
    sources: Sources,
    history: History,
    limits: GatherLimits,
}

impl Stage {
    fn new() -> Self {
        let m = Arc::new(MemorySource::new("m"));
        let n = Arc::new(MemorySource::new("n"));
        let r = Arc::new(MemorySource::with_ranges("r"));
        let mut sources = Sources::new();
        sources.insert("m".to_owned(), m.clone());
        sources.insert("n".to_owned(), n.clone());
        sources.insert("r".to_owned(), r.clone());
        Self { m, n, r, sources, history: History::default(), limits: GatherLimits::default() }
    }

    async fn turn(&self, specs: &[ReadingSpec], targets: &[(Target, Vec<Instance>)], now_ms: u64) -> Gathered {
        let wanted = specs.iter().flat_map(|spec| {
            targets.iter().map(move |(target, instances)| (spec, AskTarget { target, instances: instances.as_slice() }))
        });
        gather(&self.sources, &questions(wanted), &self.history, &self.limits, now_ms).await
    }
}

fn numbers(reading: &Reading) -> Vec<(u64, f64)> {
    match &reading.samples {
        Samples::Numbers { times_ms, values } => times_ms.iter().copied().zip(values.iter().copied()).collect(),
        Samples::Texts { .. } => panic!("texts in {reading:?}"),
    }
}

fn whys(gathered: &Gathered) -> Vec<String> {
    gathered.problems.iter().map(|problem| format!("{}: {}", problem.reading, problem.why)).collect()
}

#[tokio::test]
async fn readings_come_in_the_order_of_name_subject_and_owner() {
    let stage = Stage::new();
    let web = (target("web"), vec![instance("w2"), instance("w1")]);
    let id = web.0.id.clone();
    stage.m.set("query of rps", &id, None, NOW, 5.0);
    stage.m.set("query of cpu", &id, Some("w2"), NOW, 2.0);
    stage.m.set("query of cpu", &id, Some("w1"), NOW, 1.0);
    stage.m.set("query of cpu", &id, Some("gone"), NOW, 9.0);
    let specs = [spec("rps", "m", Subject::Target), spec("cpu", "m", Subject::Instance)];
    let gathered = stage.turn(&specs, &[web], NOW).await;
    let seen: Vec<_> = gathered.readings[&id].iter().map(|r| (&*r.name, r.owner.as_deref(), r.latest())).collect();
    assert_eq!(
        seen,
        [("cpu", Some("w1"), Some(1.0)), ("cpu", Some("w2"), Some(2.0)), ("rps", None, Some(5.0))],
        "the instance that is gone has no row"
    );
    assert!(gathered.problems.is_empty());
}

#[tokio::test]
async fn an_instance_that_the_source_left_out_is_absent_and_never_zero() {
    let stage = Stage::new();
    let web = (target("web"), vec![instance("w1"), instance("w2")]);
    let id = web.0.id.clone();
    stage.m.set("query of cpu", &id, Some("w1"), NOW, 0.5);
    let gathered = stage.turn(&[spec("cpu", "m", Subject::Instance)], &[web], NOW).await;
    let of = |at: usize| &gathered.readings[&id][at];
    assert_eq!((of(0).freshness, of(1).freshness), (Freshness::Fresh, Freshness::Absent));
    assert_eq!((of(1).owner.as_deref(), of(1).latest()), (Some("w2"), None));
}

#[tokio::test]
async fn age_decides_between_fresh_and_stale_and_so_does_the_future() {
    let stage = Stage::new();
    let ages: [(&str, i64, Freshness); 5] = [
        ("young", -59_999, Freshness::Fresh),
        ("old", -60_000, Freshness::Stale),
        ("skewed", 2_000, Freshness::Fresh),
        ("future", 2_001, Freshness::Stale),
        ("far", 86_400_000, Freshness::Stale),
    ];
    for (name, offset, expected) in ages {
        let told = Arc::new(Told(vec![(NOW.checked_add_signed(offset).unwrap(), 1.0)]));
        let mut sources = Sources::new();
        sources.insert("told".to_owned(), told);
        let web = target(name);
        let mut reading = spec("x", "told", Subject::Target);
        for look_back_ms in [0, 300_000] {
            reading.look_back_ms = look_back_ms;
            let asked = questions([(&reading, AskTarget { target: &web, instances: &[] })]);
            let gathered = gather(&sources, &asked, &History::default(), &stage.limits, NOW).await;
            assert_eq!(gathered.readings[&web.id][0].freshness, expected, "{name}, look-back {look_back_ms}");
        }
    }
}

/// A source that tells these samples of every target, whatever the time.
#[derive(Debug)]
struct Told(Vec<(u64, f64)>);

#[async_trait::async_trait]
impl Source for Told {
    fn name(&self) -> &str {
        "told"
    }
    fn kind(&self) -> &'static str {
        "told"
    }
    fn check_reading(&self, _: &ReadingSpec) -> Result<(), crate::sources::SourceError> {
        Ok(())
    }
    async fn measure(&self, ask: &Ask<'_>) -> Result<Measurement, crate::sources::SourceError> {
        let (times_ms, values): (Vec<_>, Vec<_>) = self.0.iter().copied().unzip();
        let row = |asked: &AskTarget<'_>| crate::sources::Row {
            target: asked.target.id.clone(),
            owner: None,
            samples: Samples::Numbers { times_ms: times_ms.clone(), values: values.clone() },
        };
        Ok(Measurement { rows: ask.targets.iter().map(row).collect(), failed: Vec::new() })
    }
    async fn check(&self) -> Result<(), crate::sources::SourceError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_sample_from_the_future_does_not_hold_off_later_ones() {
    let web = target("web");
    let mut reading = spec("x", "told", Subject::Target);
    reading.look_back_ms = 60_000;
    let history = History::default();
    let limits = GatherLimits::default();
    let mut sources = Sources::new();
    sources.insert("told".to_owned(), Arc::new(Told(vec![(NOW + 50_000, 9.0)])) as Arc<dyn Source>);
    let asked = questions([(&reading, AskTarget { target: &web, instances: &[] })]);
    let first = gather(&sources, &asked, &history, &limits, NOW).await;
    assert_eq!(first.readings[&web.id][0].freshness, Freshness::Stale);
    sources.insert("told".to_owned(), Arc::new(Told(vec![(NOW + 5_000, 1.0)])));
    let second = gather(&sources, &asked, &history, &limits, NOW + 5_000).await;
    assert_eq!(second.readings[&web.id][0].freshness, Freshness::Fresh);
    assert_eq!(numbers(&second.readings[&web.id][0]), [(NOW + 5_000, 1.0)]);
}

#[tokio::test]
async fn what_is_no_finite_number_is_dropped_and_said() {
    let stage = Stage::new();
    let (nan, mixed) = (target("nan"), target("mixed"));
    stage.m.set("query of x", &nan.id, None, NOW, f64::NAN);
    stage.r.set("query of x", &mixed.id, None, NOW - 2_000, 1.0);
    stage.r.set("query of x", &mixed.id, None, NOW - 1_000, f64::INFINITY);
    let targets = [(nan, Vec::new()), (mixed, Vec::new())];
    let mut ranged = spec("x", "r", Subject::Target);
    ranged.look_back_ms = 10_000;
    let one = stage.turn(&[spec("x", "m", Subject::Target)], &targets[..1], NOW).await;
    let two = stage.turn(&[ranged], &targets[1..], NOW).await;
    assert_eq!(one.readings[&targets[0].0.id][0].freshness, Freshness::Absent);
    assert_eq!(numbers(&two.readings[&targets[1].0.id][0]), [(NOW - 2_000, 1.0)]);
    assert_eq!(whys(&one), ["x: local/nan: 1 samples that are not finite numbers"]);
    assert_eq!(whys(&two), ["x: local/mixed: 1 samples that are not finite numbers"]);
}

#[tokio::test]
async fn a_source_that_hangs_costs_its_own_readings_and_bounded_time() {
    let mut stage = Stage::new();
    stage.limits.source_timeout_ms = 200;
    let web = (target("web"), Vec::new());
    let id = web.0.id.clone();
    stage.m.fail(0..u64::MAX, Outage::Hangs);
    stage.n.set("query of b", &id, None, NOW, 2.0);
    // Twenty questions of the source that hangs, eight at a time: the deadline is of the source, not of each.
    let mut specs: Vec<_> = (0..20).map(|at| spec(&format!("a{at:02}"), "m", Subject::Target)).collect();
    specs.push(spec("b", "n", Subject::Target));
    specs.push(spec("c", "nobody", Subject::Target));
    let began = Instant::now();
    let gathered = stage.turn(&specs, &[web], NOW).await;
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(200) && took < Duration::from_millis(400), "{took:?}");
    let readings = &gathered.readings[&id];
    let fresh: Vec<_> = readings.iter().filter(|r| r.freshness == Freshness::Fresh).map(|r| &*r.name).collect();
    assert_eq!((readings.len(), fresh), (22, vec!["b"]));
    assert_eq!(gathered.problems.len(), 21);
    assert_eq!(whys(&gathered)[0], "a00: no answer within 200ms");
    assert_eq!(whys(&gathered)[20], "c: there is no such source");
}

#[tokio::test]
async fn through_an_outage_the_look_back_remains_and_ages() {
    let stage = Stage::new();
    let web = (target("web"), Vec::new());
    let id = web.0.id.clone();
    let mut reading = spec("rps", "m", Subject::Target);
    (reading.look_back_ms, reading.stale_after_ms) = (60_000, 20_000);
    stage.m.fail(NOW + 20_000..NOW + 200_000, Outage::Refuses);
    let mut seen = Vec::new();
    for turn in 0..10 {
        let now = NOW + turn * 10_000;
        stage.m.set("query of rps", &id, None, now, 1.0);
        let gathered = stage.turn(std::slice::from_ref(&reading), std::slice::from_ref(&web), now).await;
        let reading = &gathered.readings[&id][0];
        seen.push((reading.samples.len(), reading.freshness, gathered.problems.len()));
    }
    use Freshness::{Absent, Fresh, Stale};
    assert_eq!(seen[..4], [(1, Fresh, 0), (2, Fresh, 0), (2, Fresh, 1), (2, Stale, 1)]);
    assert_eq!(seen[6..], [(2, Stale, 1), (1, Stale, 1), (0, Absent, 1), (0, Absent, 1)]);
}

#[tokio::test]
async fn a_counter_becomes_a_rate_that_survives_a_reset() {
    let stage = Stage::new();
    let web = (target("web"), vec![instance("w1")]);
    let id = web.0.id.clone();
    let mut reading = spec("cpu", "m", Subject::Instance);
    reading.rate = true;
    let mut rates = Vec::new();
    for (turn, value) in [(0, 1_000.0), (1, 1_050.0), (2, 1_150.0), (3, 30.0), (4, 30.0)] {
        let now = NOW + turn * 10_000;
        stage.m.set("query of cpu", &id, Some("w1"), now, value);
        let gathered = stage.turn(std::slice::from_ref(&reading), std::slice::from_ref(&web), now).await;
        rates.push(gathered.readings[&id][0].latest());
    }
    assert_eq!(rates, [None, Some(5.0), Some(10.0), Some(3.0), Some(0.0)]);
}

#[tokio::test]
async fn the_operators_word_for_absence_stands_in_and_is_marked() {
    let stage = Stage::new();
    let web = (target("web"), vec![instance("w1"), instance("w2")]);
    let id = web.0.id.clone();
    stage.m.set("query of q", &id, Some("w1"), NOW, 7.0);
    let mut reading = spec("q", "m", Subject::Instance);
    reading.absent_as = Some(0.0);
    let gathered = stage.turn(&[reading], &[web], NOW).await;
    let seen: Vec<_> = gathered.readings[&id].iter().map(|r| (r.latest(), r.freshness, r.absent_as)).collect();
    assert_eq!(seen, [(Some(7.0), Freshness::Fresh, None), (Some(0.0), Freshness::Fresh, Some(0.0))]);
}

#[tokio::test]
async fn two_rows_of_one_owner_are_neither_trusted() {
    let stage = Stage::new();
    let web = target("web");
    let twice = Twice(web.id.clone());
    let mut sources = stage.sources.clone();
    sources.insert("twice".to_owned(), Arc::new(twice));
    let reading = spec("x", "twice", Subject::Target);
    let asked = questions([(&reading, AskTarget { target: &web, instances: &[] })]);
    let gathered = gather(&sources, &asked, &stage.history, &stage.limits, NOW).await;
    assert_eq!(gathered.readings[&web.id][0].freshness, Freshness::Absent);
    let mut said = whys(&gathered);
    said.sort_unstable();
    assert_eq!(
        said,
        ["x: local/web: more than one row", "x: one series: no", "x: w1 of local/web: a row of another subject"]
    );
}

/// A source that contradicts itself.
#[derive(Debug)]
struct Twice(TargetId);

#[async_trait::async_trait]
impl Source for Twice {
    fn name(&self) -> &str {
        "twice"
    }
    fn kind(&self) -> &'static str {
        "twice"
    }
    fn check_reading(&self, _: &ReadingSpec) -> Result<(), crate::sources::SourceError> {
        Ok(())
    }
    async fn measure(&self, _: &Ask<'_>) -> Result<Measurement, crate::sources::SourceError> {
        let row = |owner: Option<&str>, value| crate::sources::Row {
            target: self.0.clone(),
            owner: owner.map(str::to_owned),
            samples: Samples::one(NOW, value),
        };
        let rows = vec![row(None, 1.0), row(Some("w1"), 3.0), row(None, 2.0)];
        Ok(Measurement { rows, failed: vec![("one series".to_owned(), "no".to_owned())] })
    }
    async fn check(&self) -> Result<(), crate::sources::SourceError> {
        Ok(())
    }
}

#[test]
fn equal_declarations_of_many_bindings_are_one_question() {
    let web = target("web");
    let api = target("api");
    let (one, same, mut other) =
        (spec("x", "m", Subject::Target), spec("x", "m", Subject::Target), spec("x", "m", Subject::Target));
    other.query = "another".to_owned();
    let asked = questions(
        [&one, &same, &other, &one]
            .into_iter()
            .zip([&web, &api, &web, &api])
            .map(|(spec, target)| (spec, AskTarget { target, instances: &[] })),
    );
    let seen: Vec<_> = asked.iter().map(|question| (question.spec.query.as_str(), question.targets.len())).collect();
    assert_eq!(seen, [("query of x", 3), ("another", 1)]);
}

#[tokio::test]
async fn problems_are_told_up_to_a_number_and_counted_beyond() {
    let stage = Stage::new();
    let targets: Vec<_> = (0..50).map(|at| (target(&format!("t{at}")), Vec::new())).collect();
    for (target, _) in &targets {
        stage.m.set("query of x", &target.id, None, NOW, f64::NAN);
    }
    let gathered = stage.turn(&[spec("x", "m", Subject::Target)], &targets, NOW).await;
    assert_eq!(gathered.problems.len(), 21);
    assert_eq!(whys(&gathered)[20], "x: 30 more problems like these");
}
