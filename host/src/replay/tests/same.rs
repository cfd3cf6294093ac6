//! The same code on the same facts.

use super::*;
use crate::policy::{Fault, Tier, Verdict};
use crate::registry::PushMeta;
use crate::replay::{CameTo, CutShort, Part, replay_record};
use crate::store::Write;

#[tokio::test]
async fn every_turn_of_a_long_run_comes_to_the_same_bytes() {
    let mut archive = Archive::new();
    let tracking = archive.policy(TRACKING, 0).await;
    let rightsizing = archive.policy("rightsizing", 0).await;
    let counting = archive.keep(&counting(999, 0)).await;
    let mut seats = [
        Seat::new("tracking", &tracking, &tracks()),
        Seat::new("sizing", &rightsizing, &json!({ "ignore": ["memory"], "window": "5m" })),
        Seat::new("counting", &counting, &json!({})),
        Seat { shadow: true, ..Seat::new("tracking", &archive.policy(TRACKING, 1).await, &tracks()) },
    ];
    for turn in 0..450 {
        let mut readings = load(turn);
        readings["cpu_millicores"] = json!([100 + turn % 50, 120.5, 90]);
        if turn % 100 == 7 {
            // Refused, and so kept in another form.
            readings["load"] = Value::Null;
        }
        archive.turn(&readings, &mut seats).await;
    }
    assert_eq!(seats[2].memory, [b'p', b'r', b'o', b'b', 450_u32.to_le_bytes()[0]], "memory is played again, too");
    let replayed = archive.replay().await;
    assert_eq!((replayed.tally.evaluations, replayed.tally.identical), (1800, 1800), "{:?}", replayed.rows.first());
    assert_eq!((replayed.reach.turns, replayed.reach.cut), (450, None));
    assert_eq!((replayed.reach.first_ms, replayed.reach.last_ms), (Some(now_ms(0)), Some(now_ms(449))));
    assert_eq!(replayed.rows, []);
    // A part of it needs the turns before it to be read, and not to be played.
    let part = Stretch::of(target(), now_ms(100), now_ms(130));
    let replayed = replay(&archive.desk, &part, &Leash::default(), None).await.unwrap();
    assert_eq!((replayed.reach.turns, replayed.tally.identical), (30, 120));
}

#[tokio::test]
async fn a_record_that_was_tampered_with_is_a_defect_and_told_whole() {
    let mut archive = Archive::new();
    let mut seats = [Seat::new("tracking", &archive.policy(TRACKING, 0).await, &tracks())];
    archive.turn(&json!({ "load": 210.0 }), &mut seats).await;
    let asked = |record: &mut Record, change: &dyn Fn(&mut Slot)| change(&mut record.slots[0]);
    type Change = Box<dyn Fn(&mut Slot)>;
    let changes: Vec<(Change, &[Part])> = vec![
        (
            Box::new(|slot| {
                let Evaluation::Answered(answer) = &mut slot.evaluation else { panic!("{slot:?}") };
                let Verdict::Proposals(proposals) = &mut answer.verdict else { panic!("{answer:?}") };
                proposals[0].count = Some(6);
            }),
            &[Part::Verdict],
        ),
        (Box::new(|slot| slot.spent.fuel += 1), &[Part::Fuel]),
        (Box::new(|slot| slot.memory_after = Some(vec![1])), &[Part::Memory]),
        (
            Box::new(|slot| slot.evaluation = Evaluation::Faulted(Fault::Trap { what: "unreachable".to_owned() })),
            &[Part::Outcome],
        ),
        (
            Box::new(|slot| {
                let Evaluation::Answered(answer) = &mut slot.evaluation else { panic!("{slot:?}") };
                answer.notes.push("by another hand".to_owned());
            }),
            &[Part::Notes],
        ),
    ];
    for (change, _) in &changes {
        archive.turn_told(&json!({ "load": 210.0 }), &mut seats, |record| asked(record, change)).await;
        // The memory that a tampered record tells is not that of the turn after it.
        seats[0].memory.clear();
    }
    let replayed = archive.replay().await;
    assert_eq!((replayed.tally.identical, replayed.tally.defects), (1, 5));
    for (row, (_, expected)) in replayed.rows.iter().zip(&changes) {
        let CameTo::Defect { parts, recorded, replayed } = &row.came_to else { panic!("{row:?}") };
        assert_eq!(parts, expected);
        assert_ne!(recorded, replayed);
        assert_eq!((row.binding.as_str(), row.slot.as_str()), ("web", "tracking"));
    }
    assert_eq!(replayed.rows[0].turn, 1);
    let json = serde_json::to_string(&replayed).unwrap();
    assert_eq!(serde_json::from_str::<Replayed>(&json).unwrap(), replayed, "and reads back");
}

#[tokio::test]
async fn a_fault_is_the_same_fault_and_what_the_machine_did_is_counted_apart() {
    let mut archive = Archive::new();
    let probe = |body: &str| Probe::evaluating(body).module();
    let traps = archive.keep(&probe("unreachable")).await;
    let spins = archive.keep(&probe("(loop $on (br $on)) unreachable")).await;
    let hoards = archive.keep(&probe("(drop (memory.grow (i32.const 9999))) unreachable")).await;
    let none = json!({});
    let mut seats =
        [("traps", &traps), ("spins", &spins), ("hoards", &hoards)].map(|(slot, one)| Seat::new(slot, one, &none));
    archive.turn(&none, &mut seats).await;
    let replayed = archive.replay().await;
    assert_eq!((replayed.tally.evaluations, replayed.tally.identical), (3, 3), "{:?}", replayed.rows);

    let limit = |slot: &mut Slot, fault: Fault| slot.evaluation = Evaluation::Faulted(fault);
    archive
        .turn_told(&none, &mut seats, |record| {
            limit(&mut record.slots[0], Fault::Timeout { deadline_ms: 400 });
            // Of a host whose limits were others.
            limit(&mut record.slots[1], Fault::OutOfFuel { fuel: 5 });
            // Its thread was lost: it never ran.
            record.slots[2].spent = Spent::default();
            limit(&mut record.slots[2], Fault::Trap { what: "its thread was lost".to_owned() });
        })
        .await;
    archive
        .turn_told(&none, &mut seats, |record| {
            record.slots[0].evaluation = Evaluation::Quarantined { until_ms: None };
            record.slots[1].policy.digest = "ab".repeat(32);
            record.slots[2].spent.memory_peak_bytes = 1 << 40;
        })
        .await;
    let tally = archive.replay().await.tally;
    assert_eq!((tally.identical, tally.defects, tally.not_replayable), (3, 0, 1));
    assert_eq!((tally.other_limits, tally.not_evaluated, tally.no_code), (2, 2, 1));
}

#[tokio::test]
async fn a_policy_ran_under_the_limits_that_the_record_names() {
    let mut archive = Archive::new();
    let bytes = Probe::evaluating("(loop $on (br $on)) unreachable").module();
    let registry = &archive.desk.registry;
    let roomy = registry.load("spins", &bytes, Some(Tier::Interpreted), Some(StringEncoding::Utf8)).await.unwrap();
    let mut seats = [Seat::new("spins", &roomy, &json!({}))];
    archive.turn(&json!({}), &mut seats).await;
    assert_eq!(archive.replay().await.tally.identical, 1, "with the fuel of its own tier, not of its size");
}

#[tokio::test]
async fn turns_that_were_only_counted_and_what_cannot_be_read_are_told_as_such() {
    let mut archive = Archive::keeping(QuietForm::Counted);
    let mut seats = [Seat::new("tracking", &archive.policy(TRACKING, 0).await, &tracks())];
    for turn in 0..8 {
        let readings = if turn == 5 { json!({ "load": null }) } else { json!({ "load": 150.0 }) };
        archive.turn(&readings, &mut seats).await;
    }
    let rest: Vec<Write> = archive.recorder.rest();
    archive.desk.store.write(rest).await.unwrap();
    let log = crate::audit::log_of(&target());
    let broken = Write::Append { log, at_ms: now_ms(9), kind: crate::audit::kind::OPENED, body: vec![9, 9] };
    archive.desk.store.write(vec![broken]).await.unwrap();
    let replayed = archive.replay().await;
    assert_eq!((replayed.reach.turns, replayed.tally.identical), (1, 1));
    assert_eq!((replayed.reach.counted, replayed.reach.unreadable), (7, 1));
    assert!(replayed.reach.unreadable_why.unwrap().contains("form"));
}

#[tokio::test]
async fn a_walk_that_is_cut_short_says_where_to_go_on() {
    let mut archive = Archive::new();
    let mut seats = [Seat::new("tracking", &archive.policy(TRACKING, 0).await, &tracks())];
    for turn in 0..25 {
        archive.turn(&load(turn), &mut seats).await;
    }
    let ten = Stretch { turns_max: 10, ..all() };
    let mut total = replay(&archive.desk, &ten, &Leash::default(), None).await.unwrap();
    let mut parts = 1;
    while let Some(cut) = total.reach.cut {
        assert_eq!(cut.why, CutShort::Turns);
        let next = Stretch { after: Some(cut.next), ..ten.clone() };
        total.join(replay(&archive.desk, &next, &Leash::default(), None).await.unwrap());
        parts += 1;
    }
    assert_eq!((parts, total.reach.turns, total.tally.identical), (3, 25, 25));
    let twenty_five = Stretch { turns_max: 25, ..all() };
    let whole = replay(&archive.desk, &twenty_five, &Leash::default(), None).await.unwrap();
    assert_eq!((whole.reach.turns, whole.reach.cut), (25, None), "the last turn is the last");

    let stop = tokio_util::sync::CancellationToken::new();
    stop.cancel();
    let stopped = Leash::of(std::time::Duration::from_secs(60), stop);
    let cut = replay(&archive.desk, &all(), &stopped, None).await.unwrap().reach.cut.unwrap();
    assert_eq!(cut.why, CutShort::Time);
    let rest = Stretch { after: Some(cut.next), ..all() };
    assert_eq!(replay(&archive.desk, &rest, &Leash::default(), None).await.unwrap().reach.turns, 25);
    // Turns that whoever asks may not see are as if they were not there.
    let blind = Stretch { may_see: Arc::new(|record| record.turn % 5 == 0), ..all() };
    assert_eq!(replay(&archive.desk, &blind, &Leash::default(), None).await.unwrap().reach.turns, 5);
}

#[tokio::test]
async fn one_record_is_told_in_full_also_where_it_is_the_same() {
    let mut archive = Archive::new();
    let mut seats = [Seat::new("tracking", &archive.policy(TRACKING, 0).await, &tracks())];
    archive.turn(&json!({ "load": 210.0 }), &mut seats).await;
    let found = crate::audit::recently(archive.desk.store.as_ref(), None, None, 1).await.unwrap();
    let record = found.turns[0].1.record.clone();
    let replayed = replay_record(&archive.desk, record, &Leash::default()).await.unwrap();
    let CameTo::Identical { outcome } = &replayed.rows[0].came_to else { panic!("{replayed:?}") };
    assert!(outcome.fuel > 0);
}

#[tokio::test]
async fn a_version_that_was_removed_is_played_again_as_long_as_its_bytes_are_there() {
    let mut archive = Archive::new();
    let mut bytes = builtin::builtin(TRACKING).unwrap().bytes.to_vec();
    bytes.extend([0, 3, 1, b'v', 1]);
    let version = archive.desk.registry.push(&bytes, &PushMeta::default(), &()).await.unwrap();
    {
        let policy = archive.desk.registry.by_digest(&version.digest, None).await.unwrap();
        let mut seats = [Seat::new("tracking", &policy, &tracks())];
        archive.turn(&json!({ "load": 210.0 }), &mut seats).await;
    }
    assert!(archive.desk.registry.remove(&version.digest).await.unwrap());
    assert_eq!(archive.replay().await.tally.identical, 1);
    assert!(archive.desk.store.delete_blob(&version.digest).await.unwrap());
    let replayed = archive.replay().await;
    let CameTo::NoCode { why } = &replayed.rows[0].came_to else { panic!("{replayed:?}") };
    assert_eq!((replayed.tally.no_code, why.as_str()), (1, "its bytes are gone"));
}
