//! Changes as rows of a table.

use super::{asks_for, raise, record, snapshot};
use crate::audit::{Closing, Decided, Evaluation, Ledger, LedgerRow, Record, Recorder, Settings, StepEntry, Turn};
use crate::drivers::{Outcome, Step, StepEnd};
use crate::policy::ParamValue;
use crate::snapshot::{Alert, Freshness, Reading, Samples, Subject};

fn raised() -> Record {
    raise(&mut Recorder::new(Settings::default(), 0), 12, 2, 3)
}

/// The turn of a record with these steps, each with what came of it.
fn turn(record: Record, steps: &[(Step, Option<StepEnd>)]) -> Turn {
    let entry = |(number, (step, result)): (u32, &(Step, Option<StepEnd>))| StepEntry {
        id: record.id.clone(),
        at_ms: record.at_ms,
        number,
        step: step.clone(),
        result: result.clone(),
    };
    let steps = (0..).zip(steps).map(entry).collect();
    Turn { record, steps, closing: None }
}

fn ledger(turn: &Turn) -> Vec<LedgerRow> {
    let mut books = Ledger::default();
    books.enter(turn);
    books.into_rows()
}

fn create(instance: &str) -> Step {
    Step::Create { instance: instance.to_owned() }
}

fn ready(instance: &str) -> Step {
    Step::AwaitReady { instance: instance.to_owned() }
}

fn statuses(rows: &[LedgerRow]) -> Vec<(&str, &str)> {
    rows.iter().map(|row| (row.container.as_str(), row.status.as_str())).collect()
}

#[test]
fn each_instance_that_was_touched_is_a_row_with_its_policy_and_what_moved_it() {
    let record = raised();
    let load = record.snapshot.readings[0].latest();
    let done = Some(StepEnd::Done);
    let why = || "no answer".to_owned();
    let rows = ledger(&turn(
        record.clone(),
        &[
            (create("web-5"), None),
            (create("web-5"), done.clone()),
            (create("web-4"), done.clone()),
            (ready("web-4"), Some(StepEnd::Failed { why: why() })),
            (ready("web-5"), done.clone()),
            (Step::Register { instance: "web-5".to_owned() }, done.clone()),
            (Step::Stop { instance: "web-1".to_owned() }, done.clone()),
            (Step::Remove { instance: "web-1".to_owned() }, done.clone()),
            (Step::Drain { instance: "web-2".to_owned() }, Some(StepEnd::CutOff { why: why() })),
            (Step::Remove { instance: "web-2".to_owned() }, Some(StepEnd::Stuck { why: why() })),
            (create("web-6"), None),
            (Step::Restart { instance: "web-3".to_owned() }, done.clone()),
            (ready("web-3"), done.clone()),
            (Step::Resize, done),
        ],
    ));
    let wanted = [
        ("", "resized"),
        ("web-1", "deleted"),
        ("web-2", "stuck"),
        ("web-3", "restarted"),
        ("web-4", "failed"),
        ("web-5", "running"),
        ("web-6", "pending"),
    ];
    assert_eq!(statuses(&rows), wanted);
    let row = &rows[5];
    assert_eq!((row.policy.as_str(), row.metric.as_str()), ("target-tracking 0.1.0", "requests_per_second_0"));
    assert_eq!((row.value, row.time_ms, row.host.as_str()), (load, record.at_ms, "one"));
    assert_eq!(
        (row.service.as_str(), row.target.as_str(), row.decision.as_str()),
        ("web", "local/web", record.id.as_str())
    );
}

#[test]
fn a_turn_that_did_nothing_is_no_row_and_one_without_steps_says_what_came_of_it() {
    let mut recorder = Recorder::new(Settings::default(), 0);
    let quiet = super::quiet(&mut recorder, 1, 1, 1);
    assert!(ledger(&turn(quiet, &[])).is_empty());
    let mut lost = turn(raised(), &[]);
    assert_eq!(statuses(&ledger(&lost)), [("", "pending")]);
    let id = lost.record.id.clone();
    lost.closing = Some(Closing { id, at_ms: 1, outcome: Outcome::Absent, text: String::new(), replicas: None });
    assert_eq!(statuses(&ledger(&lost)), [("", "absent")]);
}

#[test]
fn an_instances_own_value_stands_in_its_row_and_its_node_as_the_host() {
    let mut record = raised();
    let facts = std::sync::Arc::make_mut(&mut record.snapshot);
    facts.instances[0].node = Some("node-7".to_owned());
    facts.readings.push(Reading {
        owner: Some("web-1".to_owned()),
        subject: Subject::Instance,
        samples: Samples::Numbers { times_ms: vec![1], values: vec![0.25] },
        ..facts.readings[0].clone()
    });
    facts.readings[0].samples = Samples::default();
    facts.readings[0].freshness = Freshness::Absent;
    let removed = (Step::Remove { instance: "web-1".to_owned() }, Some(StepEnd::Done));
    let rows = ledger(&turn(record, &[removed, (create("web-9"), None)]));
    assert_eq!((rows[0].host.as_str(), rows[0].value), ("node-7", Some(0.25)));
    assert_eq!((rows[1].host.as_str(), rows[1].value), ("one", None), "what is not known is no zero");
}

#[test]
fn who_names_several_readings_is_believed_by_his_reason_and_who_names_none_by_the_alert() {
    let mut recorder = Recorder::new(Settings::default(), 0);
    let answer = asks_for(5, "requests_per_second_1 is 83 of 50");
    let mut told = record(
        &mut recorder,
        12,
        snapshot(12, 2, 3),
        Evaluation::Answered(answer),
        &crate::bounds::Settings::default(),
    );
    let both = ["requests_per_second_0", "requests_per_second_1"].map(str::to_owned);
    told.slots[0].params = vec![("readings".to_owned(), ParamValue::Texts(both.into()))];
    assert_eq!(ledger(&turn(told.clone(), &[]))[0].metric, "requests_per_second_1");

    told.slots[0].params.clear();
    let facts = std::sync::Arc::make_mut(&mut told.snapshot);
    facts.readings.clear();
    let labels = [("value".to_owned(), "0.93".to_owned())].into();
    facts.alerts = vec![Alert { id: "a".to_owned(), name: "Busy".to_owned(), since_ms: 1, labels }];
    let rows = ledger(&turn(told.clone(), &[]));
    assert_eq!((rows[0].metric.as_str(), rows[0].value), ("Busy", Some(0.93)));

    let by_hand = told.ruling.decision.take().map(|decided| Decided { origin: "manual".to_owned(), ..decided });
    told.ruling.decision = by_hand;
    let rows = ledger(&turn(told, &[]));
    assert_eq!((rows[0].policy.as_str(), rows[0].metric.as_str(), rows[0].value), ("manual", "", None));
}

#[test]
fn where_a_new_instance_came_to_run_is_known_from_what_was_seen_later() {
    let made = || turn(raised(), &[(create("web-9"), Some(StepEnd::Done)), (create("web-8"), Some(StepEnd::Done))]);
    let mut later = raised();
    let facts = std::sync::Arc::make_mut(&mut later.snapshot);
    facts.instances[0].id = "web-9".to_owned();
    facts.instances[0].node = Some("node-7".to_owned());
    let removed = (Step::Remove { instance: "web-9".to_owned() }, Some(StepEnd::Done));

    let mut books = Ledger::default();
    books.runs_on(&later.target, "web-8", "node-4");
    books.runs_on(&later.target, "web-9", "node-7");
    books.enter(&turn(later, &[removed]));
    books.enter(&made());
    let rows = books.into_rows();
    let hosts: Vec<_> = rows.iter().map(|row| (row.container.as_str(), row.host.as_str())).collect();
    assert_eq!(hosts, [("web-9", "node-7"), ("web-8", "node-4"), ("web-9", "node-7")]);
}
