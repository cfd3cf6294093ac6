//! What is sent, what is kept of it, and what a turn is told.

use super::*;
use crate::snapshot::{Samples, Subject};
use crate::sources::stage::{NOW, instance, measure, newest, spec, target};

fn sample<'a>(target: &'a TargetId, at_ms: u64, value: f64) -> PushedSample<'a> {
    PushedSample { query: "load", target, owner: None, at_ms: Some(at_ms), value: PushedValue::Number(value) }
}

fn load(look_back_ms: u64, rate: bool) -> ReadingSpec {
    ReadingSpec { query: "load".to_owned(), look_back_ms, rate, ..spec("load", "app", Subject::Target) }
}

async fn told(source: &PushSource, spec: &ReadingSpec, now_ms: u64) -> Option<Samples> {
    let targets = [(target("web"), vec![instance("web-1")])];
    measure(source, spec, &targets, now_ms).await.unwrap().rows.pop().map(|row| row.samples)
}

fn numbers(times_ms: &[u64], values: &[f64]) -> Option<Samples> {
    Some(Samples::Numbers { times_ms: times_ms.to_vec(), values: values.to_vec() })
}

#[tokio::test]
async fn what_was_sent_is_told_and_nothing_else() {
    let source = PushSource::new("app", PushConfig::default());
    let web = target("web").id;
    assert_eq!(told(&source, &load(0, false), NOW).await, None, "nobody has sent anything: absent, not zero");
    source.push(&sample(&web, NOW - 2_000, 1.0), NOW).unwrap();
    source.push(&sample(&web, NOW, 3.0), NOW).unwrap();
    source.push(&sample(&web, NOW - 1_000, 2.0), NOW).unwrap();
    source.push(&sample(&web, NOW, 4.0), NOW).unwrap();
    assert_eq!(told(&source, &load(0, false), NOW).await, numbers(&[NOW], &[4.0]), "the same time again replaces");
    let all = numbers(&[NOW - 2_000, NOW - 1_000, NOW], &[1.0, 2.0, 4.0]);
    assert_eq!(told(&source, &load(60_000, false), NOW).await, all, "in order, however they came");
    assert_eq!(told(&source, &load(60_000, false), NOW + 90_000).await, numbers(&[NOW], &[4.0]), "the newest stays");
    let instances = ReadingSpec { query: "load".to_owned(), ..spec("load", "app", Subject::Instance) };
    source.push(&PushedSample { owner: Some("web-1"), ..sample(&web, NOW, 9.0) }, NOW).unwrap();
    let measured = measure(&source, &instances, &[(target("web"), vec![instance("web-1")])], NOW).await.unwrap();
    assert_eq!(newest(&measured), [("web", None, 4.0), ("web", Some("web-1"), 9.0)], "the gathering sorts them");
}

#[tokio::test]
async fn a_counter_gives_rates_by_the_senders_times_and_one_value_gives_none() {
    let source = PushSource::new("app", PushConfig::default());
    let web = target("web").id;
    source.push(&sample(&web, NOW - 20_000, 100.0), NOW).unwrap();
    assert_eq!(told(&source, &load(0, true), NOW).await, None);
    source.push(&sample(&web, NOW - 10_000, 150.0), NOW).unwrap();
    assert_eq!(told(&source, &load(0, true), NOW).await, numbers(&[NOW - 10_000], &[5.0]));
    source.push(&sample(&web, NOW, 30.0), NOW).unwrap();
    assert_eq!(told(&source, &load(0, true), NOW).await, numbers(&[NOW], &[3.0]), "it was reset, and grew by 30");
    assert_eq!(told(&source, &load(60_000, true), NOW).await, numbers(&[NOW - 10_000, NOW], &[5.0, 3.0]));
}

#[tokio::test]
async fn growth_adds_up_and_is_not_counted_twice() {
    let source = PushSource::new("app", PushConfig::default());
    let web = target("web").id;
    let grow =
        |at_ms, by| source.push(&PushedSample { value: PushedValue::Growth(by), ..sample(&web, at_ms, 0.0) }, NOW);
    for (at_ms, by) in [(NOW - 20_000, 7.0), (NOW - 10_000, 20.0), (NOW, 50.0)] {
        grow(at_ms, by).unwrap();
    }
    assert!(matches!(grow(NOW, 50.0), Err(PushRefusal::Overlaps { .. })), "it was sent again");
    assert_eq!(grow(NOW + 1, -1.0), Err(PushRefusal::Shrunk));
    assert_eq!(told(&source, &load(60_000, true), NOW).await, numbers(&[NOW - 10_000, NOW], &[2.0, 5.0]));
}

#[tokio::test]
async fn states_are_told_and_begin_anew_as_numbers() {
    let source = PushSource::new("app", PushConfig::default());
    let web = target("web").id;
    source.push(&PushedSample { value: PushedValue::Text("draining"), ..sample(&web, NOW, 0.0) }, NOW).unwrap();
    let states = Samples::Texts { times_ms: vec![NOW], texts: vec!["draining".to_owned()] };
    assert_eq!(told(&source, &load(0, false), NOW).await, Some(states));
    assert_eq!(told(&source, &load(0, true), NOW).await, None, "nothing grows in a state");
    source.push(&sample(&web, NOW + 1, 2.0), NOW).unwrap();
    assert_eq!(told(&source, &load(60_000, false), NOW).await, numbers(&[NOW + 1], &[2.0]));
    assert_eq!(source.kept(), (1, 1));
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let source = PushSource::new("app", PushConfig::default());
    let web = target("web").id;
    let code = |sample: &PushedSample<'_>| source.push(sample, NOW).unwrap_err().code();
    assert_eq!(code(&sample(&web, NOW + 60_000, 1.0)), "from-the-future");
    assert_eq!(code(&sample(&web, u64::MAX, 1.0)), "from-the-future");
    assert_eq!(code(&sample(&web, NOW - 3_600_001, 1.0)), "too-old");
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(code(&sample(&web, NOW, value)), "not-finite");
    }
    for owner in ["", "a\nb", &"x".repeat(254)] {
        assert_eq!(code(&PushedSample { owner: Some(owner), ..sample(&web, NOW, 1.0) }), "bad-owner");
    }
    let long = "x".repeat(TEXT_BYTES_MAX + 1);
    for text in [long.as_str(), "\u{1b}[2J"] {
        assert_eq!(code(&PushedSample { value: PushedValue::Text(text), ..sample(&web, NOW, 1.0) }), "bad-text");
    }
    assert_eq!(source.kept(), (0, 0));
}

#[test]
fn no_more_is_kept_than_the_limits_say_and_what_nobody_feeds_is_dropped() {
    let config =
        PushConfig { series_max: 2, series_samples_max: 3, samples_max: 5, keep_ms: 10_000, ..PushConfig::default() };
    let source = PushSource::new("app", config);
    let web = target("web").id;
    let push = |owner, at_ms, now_ms| source.push(&PushedSample { owner, ..sample(&web, at_ms, 1.0) }, now_ms);
    for at in 0..9 {
        push(None, NOW + at, NOW + at).unwrap();
    }
    assert_eq!(source.kept(), (1, 3));
    push(Some("a"), NOW, NOW).unwrap();
    for at in 0..9 {
        push(Some("a"), NOW + at, NOW + at).unwrap();
    }
    assert_eq!(source.kept(), (2, 5), "no series grows any more once there are so many");
    assert!(matches!(push(Some("b"), NOW, NOW), Err(PushRefusal::Full { series_max: 2 })));
    let later = NOW + 60_000;
    push(Some("b"), later, later).unwrap();
    assert_eq!(source.kept(), (1, 1), "the others ran out");
}
