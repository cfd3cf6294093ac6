//! Actual → desired.

use super::*;

fn short_of(desired: u32, missing: u32) -> Story {
    Story::of(desired).see(|snapshot| snapshot.instances.truncate((desired - missing) as usize))
}

fn change(ruling: &RepairRuling) -> Option<(u32, u32)> {
    ruling.decision.as_ref().and_then(Decision::replicas).map(|change| (change.from, change.to))
}

#[test]
fn what_is_missing_is_made_and_what_is_too_much_goes() {
    let ruling = short_of(5, 2).repair();
    assert_eq!(change(&ruling), Some((3, 5)));
    assert_eq!(ruling.decision.unwrap().origin(), Origin::Repair);
    let excess = Story::of(5).see(|snapshot| snapshot.target.desired = 3).repair();
    assert_eq!(change(&excess), Some((5, 3)));
    assert_eq!(excess.decision.unwrap().victims(), ["i4", "i3"]);
    assert_eq!(Story::of(5).repair().quiet, Some(Quiet::Whole));
}

#[test]
fn failed_instances_are_made_anew_and_cleared_away() {
    let story = Story::of(3).see(|snapshot| snapshot.instances[1].phase = Phase::Failed);
    let ruling = story.repair();
    assert_eq!(change(&ruling), Some((2, 3)));
    assert_eq!(ruling.decision.unwrap().victims(), ["i1"]);
}

#[test]
fn a_repair_obeys_what_stops_a_target_and_no_cooldown() {
    let codes = |story: Story| -> Vec<&str> { story.repair().restraints.iter().map(Restraint::code).collect() };
    let missing = || short_of(5, 2);
    assert_eq!(codes(missing().gate(|gates| gates.freeze = Some(Freeze::default()))), ["frozen"]);
    assert_eq!(codes(missing().gate(|gates| gates.pause = Some(Pause::default()))), ["paused"]);
    assert_eq!(codes(missing().gate(|gates| gates.event_turn = true)), ["event-turn"]);
    let anew = |gates: &mut Gates| (gates.event_turn, gates.seen_anew) = (true, true);
    assert_eq!(change(&missing().gate(anew).repair()), Some((3, 5)), "the backend itself said that something happened");
    let excess = Story::of(5).see(|snapshot| snapshot.target.desired = 3);
    assert_eq!(codes(excess.gate(anew)), ["event-turn"], "and nothing that lives is taken away because of it");
    assert_eq!(codes(missing().set(|settings| settings.mode = Mode::DryRun)), ["dry-run"]);
    let partial = Inventory::Partial { why: String::new() };
    assert_eq!(codes(missing().see(|snapshot| snapshot.inventory = partial)), ["inventory-partial"]);
    let flight = |deadline_ms| missing().see(|snapshot| snapshot.in_flight = Some(in_flight(3, 5, deadline_ms)));
    assert_eq!(codes(flight(2_000_000)), ["in-flight"]);
    assert_eq!(change(&flight(0).repair()), Some((3, 5)), "what is stuck does not come by itself");

    let mut story = Story::of(5).set(|settings| settings.cooldown = Cooldown { up_ms: 600_000, down_ms: 600_000 });
    story.turn(vec![says(vec![scale(6)])]);
    story.snapshot.instances.truncate(4);
    assert_eq!(change(&story.repair()), Some((4, 6)));
}

#[test]
fn repairs_back_off_until_all_is_well() {
    let mut story = short_of(5, 2);
    let mut waits = Vec::new();
    for _ in 0..4 {
        let mut seconds = 0;
        loop {
            let ruling = story.repair();
            story.past = ruling.past;
            if ruling.decision.is_some() {
                break;
            }
            story.later(1_000);
            seconds += 1;
        }
        waits.push(seconds);
    }
    assert_eq!(waits, [0, 1, 2, 4]);
    story.snapshot.instances = (0..5).map(instance).collect();
    story.past = story.repair().past;
    story.snapshot.instances.truncate(3);
    assert!(story.repair().decision.is_some(), "after recovery the first repair is at once");
}

#[test]
fn lost_instances_are_not_doubled_when_many_are_lost() {
    let lose = |phase: Phase| {
        Story::of(10).see(|snapshot| snapshot.instances.iter_mut().take(5).for_each(|one| one.phase = phase)).repair()
    };
    let lost = lose(Phase::Lost);
    assert!(lost.decision.is_none());
    assert_eq!(lost.restraints[0].code(), "repair-too-many-lost");
    let failed = lose(Phase::Failed);
    assert_eq!(change(&failed), Some((5, 10)), "the failed are certainly gone");
    assert!(failed.decision.unwrap().victims().is_empty(), "but nothing is cleared away meanwhile");
    let one = Story::of(10).see(|snapshot| snapshot.instances[0].phase = Phase::Lost).repair();
    assert_eq!(change(&one), Some((9, 10)));
}

#[test]
fn a_repair_does_not_leave_the_range() {
    let above = short_of(12, 7).set(|settings| settings.replicas.max = 8).repair();
    assert_eq!(change(&above), Some((5, 8)));
    let below =
        Story::of(6).see(|snapshot| snapshot.target.desired = 1).set(|settings| settings.replicas.min = 4).repair();
    assert_eq!(change(&below), Some((6, 4)));
}
