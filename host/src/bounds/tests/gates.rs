//! What stands in the way of a change of the count.

use super::*;

/// The outcome of a wish to raise, and of one to lower, from 10.
fn both(story: impl Fn(Story) -> Story) -> [(u32, Vec<&'static str>); 2] {
    [12, 8].map(|count| story(Story::of(10).scale(count)).outcome())
}

#[test]
fn some_gates_stop_everything() {
    let until_ms = None;
    let stops: [(&str, fn(&mut Story)); 6] = [
        ("off", |story| story.settings.mode = Mode::Off),
        ("frozen", |story| story.gates.freeze = Some(Freeze::default())),
        ("paused", |story| story.gates.pause = Some(Pause::default())),
        ("conflict", |story| story.gates.conflict = vec!["x".to_owned(), "y".to_owned()]),
        ("inventory-partial", |story| story.snapshot.inventory = Inventory::Partial { why: String::new() }),
        ("inventory-empty", |story| story.snapshot.inventory = Inventory::SuddenlyEmpty { before: 10 }),
    ];
    for (code, stop) in stops {
        for [outcome] in both(|mut story| {
            stop(&mut story);
            story
        })
        .map(|outcome| [outcome])
        {
            assert_eq!(outcome, (10, vec![code]));
        }
    }
    let ended = Story::of(10).scale(12).gate(|gates| {
        gates.freeze = Some(Freeze { why: String::new(), until_ms: Some(1_000_000) });
        gates.pause = Some(Pause { by: String::new(), until_ms: Some(999_999) });
    });
    assert_eq!(ended.outcome(), (12, vec![]));
    assert_eq!(
        Story::of(10).scale(12).gate(|gates| gates.freeze = Some(Freeze { why: String::new(), until_ms })).outcome().0,
        10
    );
}

#[test]
fn modes_act_raise_or_only_tell() {
    let mode = |mode| both(|story| story.set(|settings| settings.mode = mode));
    assert_eq!(mode(Mode::Act), [(12, vec![]), (8, vec![])]);
    assert_eq!(mode(Mode::RaiseOnly), [(12, vec![]), (10, vec!["raises-only"])]);
    assert_eq!(mode(Mode::DryRun), [(10, vec!["dry-run"]), (10, vec!["dry-run"])]);
}

#[test]
fn a_dry_run_tells_what_it_would_do_and_touches_no_cooldown() {
    let mut story = Story::of(10).set(|settings| {
        settings.mode = Mode::DryRun;
        settings.cooldown = Cooldown { up_ms: 600_000, down_ms: 600_000 };
    });
    for _ in 0..3 {
        let ruling = story.turn(vec![says(vec![scale(12)])]);
        assert_eq!(ruling.quiet, Some(Quiet::DryRun));
        assert_eq!(ruling.withheld.unwrap().replicas(), Some(CountChange { from: 10, to: 12 }));
    }
    story.settings.replicas.max = 5;
    let correction = story.turn(vec![]);
    assert!(correction.decision.is_none() && correction.withheld.is_some(), "no correction either");
}

#[test]
fn a_missing_reading_of_the_target_forbids_lowering() {
    let missing = |reading: Reading| both(|story| story.see(|snapshot| snapshot.readings.push(reading.clone())));
    let absent = Reading::absent("queue", Subject::Target, None);
    let fine = [(12, vec![]), (8, vec![])];
    assert_eq!(missing(absent.clone()), [(12, vec![]), (10, vec!["reading-missing"])]);
    let stale = Reading { freshness: Freshness::Stale, ..reading("queue") };
    assert_eq!(missing(stale), [(12, vec![]), (10, vec!["reading-missing"])]);
    let elsewhere = Reading { subject: Subject::Other("queue".to_owned()), ..absent.clone() };
    assert_eq!(missing(elsewhere), [(12, vec![]), (10, vec!["reading-missing"])]);
    assert_eq!(
        missing(Reading { absent_as: Some(0.0), ..absent }),
        fine,
        "only the operator may say what absence means"
    );
    assert_eq!(missing(reading("queue")), fine);
}

#[test]
fn readings_of_instances_count_by_their_share() {
    let fresh_of_ten = |fresh: u32| {
        let rows = (0..10).map(|number| Reading {
            subject: Subject::Instance,
            owner: Some(format!("i{number}")),
            freshness: if number < fresh { Freshness::Fresh } else { Freshness::Absent },
            ..reading("cpu")
        });
        let rows: Vec<Reading> = rows.collect();
        both(|story| story.see(|snapshot| snapshot.readings.extend(rows.clone())))
    };
    assert_eq!(fresh_of_ten(9), [(12, vec![]), (8, vec![])]);
    assert_eq!(fresh_of_ten(8), [(12, vec![]), (10, vec!["coverage-low"])]);
    let strangers = both(|story| {
        story.see(|snapshot| {
            snapshot.readings.extend((0..10).map(|number| Reading {
                subject: Subject::Instance,
                owner: Some(format!("gone{number}")),
                ..reading("cpu")
            }));
        })
    });
    assert_eq!(strangers[1], (10, vec!["coverage-low"]), "readings of others cover nobody");
}

#[test]
fn a_turn_begun_by_an_event_never_lowers() {
    assert_eq!(both(|story| story.gate(|gates| gates.event_turn = true)), [(12, vec![]), (10, vec!["event-turn"])]);
}

#[test]
fn a_change_in_flight_blocks_lowering_and_raises_supersede_it_where_that_is_safe() {
    let flight = |from, desired, supersede, deadline_ms, count| {
        let story = Story::of(desired).scale(count).see(|snapshot| {
            snapshot.in_flight = Some(in_flight(from, desired, deadline_ms));
            snapshot.target.abilities.supersede = supersede;
        });
        story.outcome()
    };
    let (open, past) = (2_000_000, 999_999);
    assert_eq!(flight(8, 10, true, open, 12), (12, vec![]));
    assert_eq!(flight(8, 10, false, open, 12), (10, vec!["in-flight"]));
    assert_eq!(flight(8, 10, false, past, 12), (12, vec![]), "what is stuck gates no raise");
    assert_eq!(flight(8, 10, true, open, 9), (10, vec!["in-flight"]));
    assert_eq!(flight(8, 10, true, past, 9), (10, vec!["in-flight"]));
    assert_eq!(flight(12, 10, true, open, 11), (11, vec![]), "a raise cancels a drain");
}

#[test]
fn a_raise_on_its_way_is_not_made_twice() {
    let story = Story::of(8).scale(10).see(|snapshot| snapshot.in_flight = Some(in_flight(8, 10, 2_000_000)));
    assert_eq!(story.outcome(), (8, vec!["already-coming"]));
}

#[test]
fn a_clock_that_jumps_forbids_lowering_until_a_fresh_sample() {
    let mut story = Story::of(10);
    story.turn(vec![]);
    story.snapshot.now_ms -= 600_000;
    assert_eq!(codes(&story.turn(vec![says(vec![scale(8)])])), ["clock-jumped"]);
    // The samples still bear the times from before; now one of the new time comes.
    let at_ms = story.snapshot.now_ms;
    assert_eq!(codes(&story.turn(vec![says(vec![scale(8)])])), ["clock-jumped"]);
    story.snapshot.readings[0].samples = Samples::one(at_ms + 1, 1.0);
    assert_eq!(to(&story.turn(vec![says(vec![scale(8)])])), Some(8));
    assert!(story.past.now_ms() > 1_000_000, "the bounds' own clock never ran backwards");
}

#[test]
fn too_many_lost_stop_lowering_until_they_recover_or_a_person_clears_it() {
    let lose = |number: usize| {
        let mut story = Story::of(10).scale(9);
        for instance in story.snapshot.instances.iter_mut().take(number) {
            instance.phase = Phase::Lost;
        }
        story
    };
    assert_eq!(lose(3).outcome(), (9, vec![]), "30 % are not more than 30 %");
    let mut story = lose(4);
    assert_eq!(story.outcome(), (10, vec!["too-many-lost"]));
    story.past = story.decide().past;
    assert_eq!(story.past.too_many_lost().unwrap().lost, 4);
    story.later(3_600_000);
    assert_eq!(story.outcome(), (10, vec!["too-many-lost"]), "time alone does not clear it");
    let mut cleared = lose(4);
    cleared.past = story.past.clone();
    cleared.past.clear_lost();
    assert_eq!(cleared.outcome().0, 9);
    story.snapshot.instances.iter_mut().for_each(|instance| instance.phase = Phase::Ready);
    assert_eq!(story.outcome(), (9, vec![]));
    let mut alone = Story::of(2).scale(1);
    alone.snapshot.instances[0].phase = Phase::Failed;
    assert_eq!(alone.outcome(), (1, vec![]), "one instance is a mishap");
}

/// Ten instances of which the first four are lost, seen once.
fn four_of_ten(phase: Phase) -> Story {
    let mut story = Story::of(10);
    story.force(0..4, phase);
    story.past = story.decide().past;
    assert_eq!(story.past.too_many_lost().unwrap().lost, 4);
    story.later(15_000);
    story
}

#[test]
fn the_recovered_count_no_further_and_those_still_lost_do() {
    let mut story = four_of_ten(Phase::Lost).scale(9);
    story.force(0..4, Phase::Ready);
    for _ in 0..3 {
        assert_eq!(story.outcome(), (9, vec![]), "they have recovered, and are not told as lost anew");
        story.past = story.decide().past;
        story.later(15_000);
    }
    story.force(0..4, Phase::Lost);
    assert_eq!(story.outcome(), (10, vec!["too-many-lost"]), "lost again is lost");

    let mut story = four_of_ten(Phase::Lost).scale(9);
    story.force(0..2, Phase::Ready);
    assert_eq!(story.outcome(), (9, vec![]), "two of ten are not too many");
    story.past = story.decide().past;
    story.later(15_000);
    story.force(4..6, Phase::Lost);
    assert_eq!(story.outcome(), (10, vec!["too-many-lost"]), "with two more, four are lost within the window");
}

#[test]
fn a_loss_counts_from_when_it_was_lost_last() {
    let mut story = Story::of(10).scale(9);
    for (lost, ms) in [(0..1, 30_000), (0..0, 260_000), (0..1, 15_000)] {
        story.force(0..10, Phase::Ready);
        story.force(lost, Phase::Lost);
        story.past = story.decide().past;
        story.later(ms);
    }
    story.force(1..4, Phase::Lost);
    assert_eq!(story.outcome(), (10, vec!["too-many-lost"]), "four were lost within 15 seconds");
    let mut cleared = four_of_ten(Phase::Lost).scale(9);
    cleared.past.clear_lost();
    cleared.snapshot.inventory = Inventory::Partial { why: String::new() };
    let unseen = cleared.snapshot.instances.split_off(2);
    cleared.past = cleared.decide().past;
    cleared.snapshot.inventory = Inventory::Complete;
    cleared.snapshot.instances.extend(unseen);
    assert_eq!(cleared.outcome(), (9, vec![]), "half a list brings nobody back");
    for phase in [Phase::Ready, Phase::Lost] {
        cleared.force(0..4, phase);
        cleared.past = cleared.decide().past;
    }
    assert_eq!(cleared.outcome(), (10, vec!["too-many-lost"]), "what a person cleared was the loss before");
}

#[test]
fn the_replaced_have_recovered_once_others_serve_in_their_place() {
    let replace = |phase| {
        let mut story = four_of_ten(phase).scale(9);
        story.snapshot.instances.extend((10..14).map(instance));
        story.force(10..14, Phase::Starting);
        let while_starting = story.outcome();
        story.force(10..14, Phase::Ready);
        (while_starting, story)
    };
    let held = (10, vec!["too-many-lost"]);
    let (while_starting, mut failed) = replace(Phase::Failed);
    assert_eq!(while_starting, held, "nobody serves for them yet");
    assert_eq!(failed.outcome(), (9, vec![]), "though the failed are still listed");
    failed.past = failed.decide().past;
    assert_eq!(failed.repair().decision.unwrap().victims(), ["i0", "i1", "i2", "i3"], "now they are cleared away");
    failed.force(10..12, Phase::Failed);
    assert_eq!(failed.outcome(), (9, vec![]), "two are not too many");
    failed.force(10..14, Phase::Failed);
    failed.force(4..5, Phase::Failed);
    assert_eq!(failed.outcome(), held, "but these are other ones");

    let (_, mut lost) = replace(Phase::Lost);
    lost.force(4..5, Phase::Lost);
    assert_eq!(lost.outcome(), held, "the lost may live on, whoever serves");
    lost.force(4..5, Phase::Ready);
    lost.snapshot.instances.drain(0..4);
    assert_eq!(lost.outcome(), (9, vec![]), "gone from a whole list, they are gone");
}

#[test]
fn nodes_lost_count_too() {
    let nodes = || (0..5).map(|number| crate::snapshot::Node { ready: number > 1, ..node(number) });
    let story = Story::of(10).scale(9).see(|snapshot| snapshot.nodes = nodes().collect());
    assert_eq!(story.outcome(), (10, vec!["too-many-lost"]));
}

#[test]
fn protected_instances_bound_the_lowering() {
    let protect = |number: usize, victims, count| {
        let mut story = Story::of(10).scale(count);
        story.snapshot.target.abilities.victims = victims;
        story.snapshot.instances.iter_mut().take(number).for_each(|instance| instance.protected = true);
        story.outcome()
    };
    use crate::snapshot::VictimAbility::{Exact, None};
    assert_eq!(protect(7, Exact, 5), (7, vec!["protected-count"]));
    assert_eq!(protect(3, Exact, 5), (5, vec![]));
    assert_eq!(protect(1, None, 9), (10, vec!["protected-count"]), "a backend that chooses might choose that one");
}
