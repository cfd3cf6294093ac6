//! Stories as people read them: approved output.

use std::sync::Arc;

use super::{START_MS, asks_for, quiet, raise, record, snapshot, target};
use crate::audit::{
    Closing, Evaluation, Event, Note, Recorder, Settings, Span, StepEntry, close, explain, history, note, step,
};
use crate::bounds::StepLimit;
use crate::drivers::{Outcome, Step, StepEnd};
use crate::policy::{Answer, AttrValue, Fault, Refusal, RefusalKind, Verdict};
use crate::snapshot::{Freshness, Inventory, Reading, Samples, Subject};
use crate::store::{MemoryStore, Store};

const ALL: Span = Span { from_ms: 0, to_ms: u64::MAX, entries_max: 100_000 };

/// A morning of one target: quiet, a raise in two steps, a refusal, a fault, and quiet again.
async fn morning() -> Vec<Event> {
    let store = MemoryStore::new();
    let mut recorder = Recorder::new(Settings::default(), 0);
    for turn in 0..12 {
        let record = quiet(&mut recorder, turn, 1, 3);
        store.write(recorder.turn(&[record]).unwrap()).await.unwrap();
    }
    let settings = crate::bounds::Settings {
        step_up: StepLimit { count: Some(1), percent: None },
        ..crate::bounds::Settings::default()
    };
    let mut answer = asks_for(5, "load 83.2 of 50 per replica: 3 × 83.2 / 50 makes 5");
    answer.notes.push("one reading used".into());
    answer.attrs.insert("ratio".into(), AttrValue::Num(1.664));
    let mut raised = record(&mut recorder, 12, snapshot(12, 2, 3), Evaluation::Answered(answer), &settings);
    raised.slots.push(crate::audit::Slot {
        slot: "next".into(),
        shadow: true,
        evaluation: Evaluation::Answered(asks_for(7, "the new version would go further")),
        ..raised.slots[0].clone()
    });
    store.write(recorder.turn(std::slice::from_ref(&raised)).unwrap()).await.unwrap();
    let taken = [
        (Step::Create { instance: "web-4".into() }, StepEnd::Done),
        (Step::AwaitReady { instance: "web-4".into() }, StepEnd::Done),
        (
            Step::Register { instance: "web-4".into() },
            StepEnd::Failed { why: "registrar lb did not answer: timed out".into() },
        ),
    ];
    for (number, (taken, result)) in (0..).zip(taken) {
        let at_ms = raised.at_ms + u64::from(number) * 700;
        let entry = StepEntry { id: raised.id.clone(), at_ms, number, step: taken, result: Some(result) };
        store.write(vec![step(&target(), &entry)]).await.unwrap();
    }
    let closing = Closing {
        id: raised.id,
        at_ms: raised.at_ms + 3_000,
        outcome: Outcome::Partial,
        text: "web-4 runs and is not registered".into(),
        replicas: Some(4),
    };
    store.write(close(&target(), &closing)).await.unwrap();

    let refusal =
        Refusal { kind: RefusalKind::ReadingMissing, text: "requests_per_second_0 is absent since 01:03".into() };
    let refused = Answer { verdict: Verdict::Refused(refusal), ..asks_for(0, "") };
    let mut facts = snapshot(13, 2, 3);
    facts.readings[0] = Reading::absent("requests_per_second_0", Subject::Target, None);
    facts.readings[1].freshness = Freshness::Stale;
    let refused = record(&mut recorder, 13, facts, Evaluation::Answered(refused), &settings);
    store.write(recorder.turn(&[refused]).unwrap()).await.unwrap();

    let mut facts = snapshot(14, 1, 1);
    facts.inventory = Inventory::Partial { why: "node b did not answer".into() };
    facts.readings[0].samples = Samples::Texts { times_ms: vec![START_MS], texts: vec!["green\n".into()] };
    let fault = Fault::OutOfFuel { fuel: 10_000_000 };
    let faulted = record(&mut recorder, 14, facts, Evaluation::Faulted(fault), &settings);
    store.write(recorder.turn(&[faulted]).unwrap()).await.unwrap();
    store
        .write(vec![note(
            &target(),
            &Note { at_ms: START_MS + 214_000, text: "policy tracking is in quarantine for 1 minute".into() },
        )])
        .await
        .unwrap();
    for turn in 15..17 {
        let record = quiet(&mut recorder, turn, 1, 3);
        store.write(recorder.turn(&[record]).unwrap()).await.unwrap();
    }
    history(&store, &target(), ALL).await.unwrap()
}

#[tokio::test]
async fn a_morning_is_told() {
    insta::assert_snapshot!(explain(&morning().await, false).to_string());
}

#[tokio::test]
async fn one_quiet_turn_is_told_in_full() {
    let events = morning().await;
    insta::assert_snapshot!(explain(&events[..1], true).to_string());
}

#[tokio::test]
async fn a_story_is_told_in_json_too() {
    let events = morning().await;
    let story = serde_json::to_value(explain(&events, false)).unwrap();
    let parts = story["parts"].as_array().unwrap();
    assert_eq!(parts.len(), 6);
    assert_eq!(parts[0]["part"], "quiet");
    assert_eq!(parts[0]["turns"], 12);
    assert_eq!(parts[1]["record"]["ruling"]["decision"]["replicas"], serde_json::json!([3, 4]));
    assert_eq!(parts[1]["closing"]["outcome"], "partial");
    let Event::Turn(turn) = &events[0] else { panic!() };
    assert_eq!(
        serde_json::from_value::<crate::snapshot::Snapshot>(parts[1]["record"]["snapshot"].clone()).unwrap().now_ms,
        START_MS + 180_000
    );
    let text = serde_json::to_string(&turn.record.snapshot).unwrap();
    assert_eq!(
        &serde_json::from_str::<crate::snapshot::Snapshot>(&text).unwrap(),
        &*turn.record.snapshot,
        "floats survive JSON"
    );
}

#[tokio::test]
async fn what_a_policy_says_moves_no_cursor() {
    let mut recorder = Recorder::new(Settings::default(), 0);
    let mut hostile = raise(&mut recorder, 0, 1, 1);
    let nasty = "fine\u{1b}[2J\r\n2026-01-01T00:00:00Z  turn 9 \u{202e}desrever\u{7}";
    hostile.slots[0].evaluation = Evaluation::Answered(asks_for(5, nasty));
    hostile.ruling.decision.as_mut().unwrap().reason = nasty.into();
    Arc::make_mut(&mut hostile.snapshot).readings[0].unit = nasty.into();
    let turn = crate::audit::Turn { record: hostile, steps: Vec::new(), closing: None };
    let text = explain(&[Event::Turn(Box::new(turn))], false).to_string();
    assert!(!text.contains(['\u{1b}', '\r', '\u{202e}', '\u{7}']), "{text:?}");
    assert!(!text.contains("\n2026-01-01"), "{text}");
    assert!(text.contains("outcome: not known yet"), "{text}");
}

#[test]
fn an_outage_is_told_once_and_a_quiet_hour_says_what_held_back() {
    let mut recorder = Recorder::new(Settings::default(), 0);
    let turn = |record| Event::Turn(Box::new(crate::audit::Turn { record, steps: Vec::new(), closing: None }));
    let mut events = Vec::new();
    for at in 0..4 {
        let refusal = Refusal { kind: RefusalKind::ReadingMissing, text: format!("load is absent, look {at}") };
        let refused = Answer { verdict: Verdict::Refused(refusal), ..asks_for(0, "") };
        let settings = crate::bounds::Settings::default();
        let facts = snapshot(at, 2, 3);
        events.push(turn(record(&mut recorder, at, facts, Evaluation::Answered(refused), &settings)));
    }
    for at in 4..8 {
        let mut held = quiet(&mut recorder, at, 1, 3);
        if at > 5 {
            held.ruling.quiet = Some(crate::bounds::Quiet::Restrained);
            held.ruling.restraints = vec![crate::bounds::Restraint::Paused { by: "ada".into(), until_ms: None }];
        }
        events.push(turn(held));
    }
    insta::assert_snapshot!(explain(&events, false).to_string());
    let in_full = explain(&events, true).to_string();
    assert_eq!(in_full.matches("turn ").count() - in_full.matches("last turn ").count(), 8, "{in_full}");
}

#[test]
fn turns_that_were_dropped_are_told_once() {
    let gone = |at_ms| Event::NotRecorded { at_ms, why: "the turns before it are no longer there".into() };
    let events = [gone(START_MS), gone(START_MS + 15_000)];
    assert_eq!(
        explain(&events, false).to_string(),
        "2026-11-22T01:00:00Z  not recorded (2 entries): the turns before it are no longer there\n"
    );
}
