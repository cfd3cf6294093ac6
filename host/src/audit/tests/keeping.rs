//! Opened before the act, closed after, found again, dropped in time.

use super::{EVERY_MS, START_MS, quiet, raise, record, snapshot, target};
use crate::audit::{
    Closing, Evaluation, Event, QuietForm, RecordId, Recorder, Retention, Settings, Span, StepEntry, close,
    forgotten_digests, history, kind, open_records, retain, step,
};
use crate::drivers::{Outcome, Step, StepEnd};
use crate::policy::{Answer, Fault, Refusal, RefusalKind, Verdict};
use crate::store::{LogRange, MemoryStore, SqliteStore, Store, Write};

const ALL: Span = Span { from_ms: 0, to_ms: u64::MAX, entries_max: 100_000 };

fn recorder() -> Recorder {
    Recorder::new(Settings::default(), 0)
}

async fn turns(store: &dyn Store, span: Span) -> Vec<u64> {
    let events = history(store, &target(), span).await.unwrap();
    let turn = |event| if let Event::Turn(turn) = event { Some(turn.record.turn) } else { None };
    events.into_iter().filter_map(turn).collect()
}

#[tokio::test]
async fn a_killed_host_finds_what_it_left_open() {
    let dir = tempfile::tempdir().unwrap();
    let (opened, closed);
    {
        let store = SqliteStore::open(dir.path()).unwrap();
        let mut recorder = recorder();
        closed = raise(&mut recorder, 0, 3, 5);
        store.write(recorder.turn(std::slice::from_ref(&closed)).unwrap()).await.unwrap();
        let closing = Closing {
            id: closed.id.clone(),
            at_ms: START_MS + 900,
            outcome: Outcome::Applied,
            text: String::new(),
            replicas: Some(5),
        };
        store.write(close(&target(), &closing)).await.unwrap();
        store.write(recorder.turn(&[quiet(&mut recorder_of(&store), 1, 3, 5)]).unwrap()).await.unwrap();
        opened = raise(&mut recorder, 2, 3, 5);
        store.write(recorder.turn(std::slice::from_ref(&opened)).unwrap()).await.unwrap();
        let create = Step::Create { instance: "web-4".into() };
        let about = StepEntry { id: opened.id.clone(), at_ms: opened.at_ms + 5, number: 0, step: create, result: None };
        store.write(vec![step(&target(), &about)]).await.unwrap();
        // Killed here: nothing says what came of the step.
    }
    let store = SqliteStore::open(dir.path()).unwrap();
    let open = open_records(&store).await.unwrap();
    let [found] = &open[..] else { panic!("{open:?}") };
    assert_eq!((&found.id, found.at_ms, &found.target), (&opened.id, opened.at_ms, &target()));
    assert_eq!(found.record.as_deref(), Some(&opened), "whole, to the bit");
    assert_eq!(found.steps.len(), 1);
    assert_eq!(found.steps[0].result, None);

    let closing = Closing {
        id: found.id.clone(),
        at_ms: opened.at_ms + 60_000,
        outcome: Outcome::Partial,
        text: "web-4 runs, web-5 was never made".into(),
        replicas: Some(4),
    };
    store.write(close(&target(), &closing)).await.unwrap();
    assert_eq!(open_records(&store).await.unwrap(), []);
    let events = history(&store, &target(), ALL).await.unwrap();
    let Some(Event::Turn(turn)) = events.last() else { panic!("{events:?}") };
    assert_eq!(turn.closing, Some(closing));
}

/// A recorder only to make ids with; what it makes is handed to another.
fn recorder_of(_: &SqliteStore) -> Recorder {
    Recorder::new(Settings::default(), 1_000)
}

#[tokio::test]
async fn one_commit_opens_a_turn_of_many_targets() {
    let store = MemoryStore::new();
    let mut recorder = recorder();
    let records: Vec<_> = (0..50)
        .map(|n| {
            let mut facts = snapshot(0, 2, 1);
            facts.target.id = format!("local/web-{n}").parse().unwrap();
            let wanted = if n % 2 == 0 { 5 } else { 3 };
            let answer = Evaluation::Answered(super::asks_for(wanted, "so"));
            record(&mut recorder, 0, facts, answer, &crate::bounds::Settings::default())
        })
        .collect();
    let mut writes = recorder.turn(&records).unwrap();
    writes.push(Write::Set { key: "state/local/web-0".into(), value: b"joined".to_vec() });
    store.write(writes).await.unwrap();
    assert_eq!(open_records(&store).await.unwrap().len(), 25);
    assert_eq!(store.logs("record/").await.unwrap().len(), 50);
    let mut ids: Vec<&RecordId> = records.iter().map(|record| &record.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 50);
}

#[tokio::test]
async fn refusals_and_faults_are_kept_as_such_and_are_not_open() {
    let store = MemoryStore::new();
    let mut recorder = recorder();
    let refused = |kind| {
        let refusal = Refusal { kind, text: "requests_per_second_0 is absent".into() };
        Evaluation::Answered(Answer { verdict: Verdict::Refused(refusal), ..super::asks_for(0, "") })
    };
    let evaluations = [
        (refused(RefusalKind::ReadingMissing), kind::OPENED),
        (refused(RefusalKind::NotApplicable), kind::QUIET),
        (Evaluation::Faulted(Fault::StackOverflow), kind::OPENED),
        (Evaluation::Quarantined { until_ms: Some(START_MS) }, kind::OPENED),
        (Evaluation::Answered(super::asks_for(3, "all is well")), kind::QUIET),
    ];
    for (turn, (evaluation, _)) in (0..).zip(&evaluations) {
        let record =
            record(&mut recorder, turn, snapshot(turn, 2, 4), evaluation.clone(), &crate::bounds::Settings::default());
        assert!(!record.acts(), "{record:?}");
        store.write(recorder.turn(&[record]).unwrap()).await.unwrap();
    }
    let range = LogRange { newest_first: false, ..LogRange::newest(99) };
    let entries = store.read_log("record/local/web", range).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.kind).collect::<Vec<_>>(), evaluations.map(|(_, kind)| kind));
    assert_eq!(turns(&store, ALL).await, [0, 1, 2, 3, 4]);
    assert_eq!(open_records(&store).await.unwrap(), []);
}

#[tokio::test]
async fn any_part_of_a_long_log_can_be_read() {
    let store = MemoryStore::new();
    let mut recorder = recorder();
    for turn in 0..700 {
        let record = quiet(&mut recorder, turn, 2, 10);
        store.write(recorder.turn(&[record]).unwrap()).await.unwrap();
    }
    for first in [0, 1, 119, 240, 399, 650] {
        let from_ms = START_MS + first * EVERY_MS;
        let span = Span { from_ms, to_ms: from_ms + 20 * EVERY_MS, entries_max: 99 };
        assert_eq!(turns(&store, span).await, (first..first + 20).collect::<Vec<_>>());
    }
    assert_eq!(turns(&store, Span { entries_max: 3, ..ALL }).await, [697, 698, 699]);
}

#[tokio::test]
async fn a_commit_that_failed_leaves_no_wrong_record() {
    let store = MemoryStore::new();
    let mut recorder = recorder();
    for turn in 0..3 {
        let record = quiet(&mut recorder, turn, 2, 10);
        store.write(recorder.turn(&[record]).unwrap()).await.unwrap();
    }
    // The disk is full for a turn.
    let lost = quiet(&mut recorder, 3, 2, 10);
    drop(recorder.turn(&[lost]).unwrap());
    recorder.failed();
    let after = quiet(&mut recorder, 4, 2, 10);
    store.write(recorder.turn(&[after]).unwrap()).await.unwrap();
    assert_eq!(turns(&store, ALL).await, [0, 1, 2, 4]);

    // Should a caller forget to say so, the gap is told and nothing wrong is.
    drop(recorder.turn(&[quiet(&mut Recorder::new(Settings::default(), 99), 5, 2, 10)]).unwrap());
    store
        .write(recorder.turn(&[quiet(&mut Recorder::new(Settings::default(), 100), 6, 2, 10)]).unwrap())
        .await
        .unwrap();
    let events = history(&store, &target(), ALL).await.unwrap();
    assert!(
        matches!(events.last(), Some(Event::NotRecorded { why, .. }) if why.contains("no longer there")),
        "{events:?}"
    );
}

#[tokio::test]
async fn quiet_turns_are_counted_where_the_operator_wants_no_more() {
    let store = MemoryStore::new();
    let mut recorder = Recorder::new(Settings { quiet: QuietForm::Counted }, 0);
    for turn in 0..50 {
        let record = if turn == 30 { raise(&mut recorder, turn, 2, 3) } else { quiet(&mut recorder, turn, 2, 3) };
        store.write(recorder.turn(&[record]).unwrap()).await.unwrap();
    }
    store.write(recorder.rest()).await.unwrap();
    let events = history(&store, &target(), ALL).await.unwrap();
    let counts = events.iter().map(|event| match event {
        Event::Counted(run) => run.turns,
        Event::Turn(turn) => 1_000 + turn.record.turn,
        other => panic!("{other:?}"),
    });
    assert_eq!(counts.collect::<Vec<_>>(), [21, 9, 1_030, 19]);
}

#[tokio::test]
async fn a_quiet_turn_in_which_a_shadow_differs_is_kept_whole() {
    let store = MemoryStore::new();
    let mut recorder = Recorder::new(Settings { quiet: QuietForm::Counted }, 0);
    let shadow = |turn, count| {
        let answer = Evaluation::Answered(super::asks_for(count, "in other words"));
        crate::audit::Slot { shadow: true, ..super::slot(turn, answer) }
    };
    for turn in 0..9 {
        let mut record = quiet(&mut recorder, turn, 2, 3);
        record.slots.push(shadow(turn, if turn == 4 { 5 } else { 3 }));
        store.write(recorder.turn(&[record]).unwrap()).await.unwrap();
    }
    let mut failed = quiet(&mut recorder, 9, 2, 3);
    let fault = Evaluation::Faulted(crate::policy::Fault::StackOverflow);
    failed.slots.push(crate::audit::Slot { evaluation: fault, ..shadow(9, 3) });
    assert!(failed.is_quiet(), "nothing was refused or failed that counts");
    store.write(recorder.turn(&[failed]).unwrap()).await.unwrap();
    store.write(recorder.rest()).await.unwrap();
    let events = history(&store, &target(), ALL).await.unwrap();
    let told: Vec<_> = events
        .iter()
        .map(|event| match event {
            Event::Counted(run) => (run.turns, None),
            Event::Turn(turn) => (turn.record.turn, Some(turn.record.slots[1].shadow)),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, [(4, None), (4, Some(true)), (4, None), (9, Some(true))]);
}

#[tokio::test]
async fn old_records_go_and_what_is_left_is_whole_again_soon() {
    let store = MemoryStore::new();
    let mut recorder = recorder();
    for turn in 0..600 {
        let record = quiet(&mut recorder, turn, 2, 10);
        store.write(recorder.turn(&[record]).unwrap()).await.unwrap();
    }
    let now_ms = START_MS + 600 * EVERY_MS;
    let retention = Retention { age_ms: 500 * EVERY_MS, bytes_max: u64::MAX, entries_max: 60 };
    assert_eq!(retain(&store, &retention, now_ms).await.unwrap().by_age, 60, "no more than asked for at once");
    assert_eq!(retain(&store, &retention, now_ms).await.unwrap().by_age, 40);
    let events = history(&store, &target(), ALL).await.unwrap();
    assert_eq!(events.len(), 500);
    let lost = events.iter().take_while(|event| matches!(event, Event::NotRecorded { .. })).count();
    assert!(lost < 240, "{lost}");
    assert!(events.iter().skip(lost).all(|event| matches!(event, Event::Turn(_))));

    let retention = Retention { age_ms: u64::MAX, bytes_max: 10_000, entries_max: 10_000 };
    assert!(retain(&store, &retention, now_ms).await.unwrap().by_size > 300);
}

#[tokio::test]
async fn a_digest_that_a_kept_record_names_keeps_its_bytes() {
    let store = MemoryStore::new();
    let mut recorder = recorder();
    let old = store.put_blob(b"the policy of the first day").await.unwrap();
    let new = store.put_blob(b"the policy of the second day").await.unwrap();
    let never = store.put_blob(b"uploaded, never used").await.unwrap();
    for turn in 0..(2 * 5_760) {
        if turn % 10 > 0 {
            continue;
        }
        let mut record = quiet(&mut recorder, turn, 1, 1);
        record.slots[0].policy.digest = if turn < 5_760 { old.clone() } else { new.clone() };
        store.write(recorder.turn(&[record]).unwrap()).await.unwrap();
    }
    assert_eq!(forgotten_digests(&store).await.unwrap(), [never.as_str()]);
    let keep = |turns: u64| Retention { age_ms: turns * EVERY_MS, bytes_max: u64::MAX, entries_max: 100_000 };
    let now_ms = START_MS + 2 * 5_760 * EVERY_MS;
    // One record of the first day is left: its policy stays.
    retain(&store, &keep(5_770), now_ms).await.unwrap();
    assert_eq!(forgotten_digests(&store).await.unwrap(), [never.as_str()]);
    // Digests are named some hours ahead.
    retain(&store, &keep(4_000), now_ms).await.unwrap();
    let mut gone = vec![old, never];
    gone.sort();
    assert_eq!(forgotten_digests(&store).await.unwrap(), gone);
}

#[tokio::test]
async fn what_was_trimmed_while_open_is_still_told_to_be_open() {
    let store = MemoryStore::new();
    let mut recorder = recorder();
    let opened = raise(&mut recorder, 0, 1, 1);
    store.write(recorder.turn(std::slice::from_ref(&opened)).unwrap()).await.unwrap();
    store.trim("", u64::MAX, 99).await.unwrap();
    let open = open_records(&store).await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].record.as_ref(), &open[0].id), (None, &opened.id));
}

#[tokio::test]
async fn a_step_that_succeeded_is_told_with_its_record() {
    let store = MemoryStore::new();
    let mut recorder = recorder();
    let opened = raise(&mut recorder, 0, 1, 1);
    store.write(recorder.turn(std::slice::from_ref(&opened)).unwrap()).await.unwrap();
    let entry = |at_ms, result| StepEntry { id: opened.id.clone(), at_ms, number: 0, step: Step::SetCount, result };
    let done = entry(START_MS + 9, Some(StepEnd::Done));
    let about = entry(START_MS + 1, None);
    store.write(vec![step(&target(), &about), step(&target(), &done)]).await.unwrap();
    let events = history(&store, &target(), Span { to_ms: START_MS + 1, ..ALL }).await.unwrap();
    let Some(Event::Turn(turn)) = events.first() else { panic!() };
    assert_eq!(turn.steps, [about, done], "also where they came after the span");
}
