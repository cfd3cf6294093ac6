//! Restart, replace, remove, start; and who goes where the count falls.

use super::*;
use crate::bounds::compose::compose;

/// What is done (kind, id), the count, and the codes.
fn done(story: &Story) -> (Vec<(ActionKind, String)>, u32, Vec<&'static str>) {
    let ruling = story.decide();
    let actions = ruling.decision.as_ref().map(|decision| decision.actions().to_vec()).unwrap_or_default();
    let actions = actions.into_iter().map(|action| (action.kind, action.instance)).collect();
    (actions, to(&ruling).unwrap_or(story.snapshot.target.desired), codes(&ruling))
}

fn wishing(kind: ProposalKind, ids: &[&str]) -> Story {
    Story::of(5).vote(says(vec![act(kind, ids)]))
}

fn restarts(ids: &[&str]) -> Vec<(ActionKind, String)> {
    ids.iter().map(|id| (ActionKind::Restart, (*id).to_owned())).collect()
}

#[test]
fn no_more_are_away_at_once_than_allowed() {
    let story = wishing(ProposalKind::Restart, &["i3", "i1"]);
    assert_eq!(done(&story), (restarts(&["i3"]), 5, vec!["unavailable-max"]));
    let story = story.set(|settings| settings.unavailable_max = 2);
    assert_eq!(done(&story), (restarts(&["i3", "i1"]), 5, vec![]));
    let story = story.see(|snapshot| snapshot.instances[0].phase = Phase::Unready);
    assert_eq!(done(&story), (restarts(&["i3"]), 5, vec!["unavailable-max"]), "one is away already");
    let broken = wishing(ProposalKind::Restart, &["i0"]).see(|snapshot| snapshot.instances[0].phase = Phase::Failed);
    assert_eq!(done(&broken), (restarts(&["i0"]), 5, vec![]), "what is broken is not taken away by a restart");
}

#[test]
fn some_must_remain_ready() {
    let story = wishing(ProposalKind::Replace, &["i0"]).set(|settings| settings.ready_min = 5);
    assert_eq!(done(&story), (vec![], 5, vec!["ready-min"]));
    let story = story.set(|settings| settings.ready_min = 4);
    assert_eq!(done(&story).0, [(ActionKind::Replace, "i0".to_owned())]);
}

#[test]
fn actions_have_a_rate() {
    let limit = StepLimit { count: Some(2), percent: None };
    let mut story = Story::of(5).set(|settings| settings.actions_max = Window { window_ms: 60_000, limit });
    let wish = || vec![says(vec![act(ProposalKind::Restart, &["i0"])])];
    let turns: Vec<bool> = (0..6).map(|_| story.turn(wish()).decision.is_some()).collect();
    assert_eq!(turns, [true, true, false, false, true, true]);
}

#[test]
fn protected_and_departing_instances_are_left_alone() {
    for kind in [ProposalKind::Restart, ProposalKind::Replace, ProposalKind::Remove] {
        let story = wishing(kind.clone(), &["i0"]).see(|snapshot| snapshot.instances[0].protected = true);
        assert_eq!(done(&story), (vec![], 5, vec!["protected"]), "{kind}");
        let story = wishing(kind.clone(), &["i0"]).see(|snapshot| snapshot.instances[0].phase = Phase::Draining);
        assert_eq!(done(&story), (vec![], 5, vec!["phase-wrong"]), "{kind}");
    }
}

#[test]
fn gates_hold_actions() {
    let story = || wishing(ProposalKind::Replace, &["i0"]);
    let outcome = |story: Story| done(&story).2;
    assert_eq!(outcome(story().gate(|gates| gates.freeze = Some(Freeze::default()))), ["frozen"]);
    assert_eq!(outcome(story().gate(|gates| gates.event_turn = true)), ["action-event-turn"]);
    assert_eq!(outcome(story().set(|settings| settings.mode = Mode::RaiseOnly)), ["action-raises-only"]);
    assert_eq!(
        outcome(story().see(|snapshot| snapshot.in_flight = Some(in_flight(5, 5, 0)))),
        ["action-in-flight"],
        "stuck or not"
    );
    let lost = story().see(|snapshot| {
        snapshot.instances.iter_mut().skip(1).take(2).for_each(|instance| instance.phase = Phase::Lost);
    });
    assert_eq!(outcome(lost), ["action-too-many-lost"]);
}

#[test]
fn a_removal_lowers_the_count_and_names_its_victim() {
    let story = wishing(ProposalKind::Remove, &["i2"]);
    let decision = story.decide().decision.unwrap();
    assert_eq!(decision.replicas(), Some(CountChange { from: 5, to: 4 }));
    assert_eq!(decision.victims(), ["i2"]);
    assert!(decision.actions().is_empty());
    let at_least = wishing(ProposalKind::Remove, &["i2"]).set(|settings| settings.replicas.min = 5);
    assert_eq!(done(&at_least), (vec![], 5, vec!["below-min", "removal-waits"]));
    let growing = wishing(ProposalKind::Remove, &["i2"]).scale(7);
    assert_eq!(done(&growing), (vec![], 7, vec!["removal-waits"]), "growth comes first");
    let chooses = wishing(ProposalKind::Remove, &["i2"])
        .see(|snapshot| snapshot.target.abilities.victims = crate::snapshot::VictimAbility::Hint);
    assert_eq!(done(&chooses), (vec![], 5, vec!["victim-not-ours"]));
    let doubtful = wishing(ProposalKind::Remove, &["i2"]).vote(vote("b", faulted()));
    assert_eq!(done(&doubtful).2, ["lowering-faulted", "removal-waits"]);
}

#[test]
fn stopped_instances_start_up_to_what_is_desired() {
    let story = |desired| {
        let mut story = wishing(ProposalKind::Start, &["i4"]);
        story.snapshot.instances[4].phase = Phase::Stopped;
        story.snapshot.target.desired = desired;
        story
    };
    assert_eq!(done(&story(5)).0, [(ActionKind::Start, "i4".to_owned())]);
    assert_eq!(done(&story(4)), (vec![], 4, vec!["start-above-desired"]));
    assert_eq!(done(&wishing(ProposalKind::Start, &["i4"])).2, ["phase-wrong"]);
}

#[test]
fn a_redeployment_replaces_the_oldest_first_as_many_as_may_be_away() {
    let story = Story::of(3).vote(says(vec![Proposal { kind: ProposalKind::Redeploy, ..Proposal::default() }]));
    let story = story.see(|snapshot| snapshot.instances[2].started_ms = Some(1));
    assert_eq!(done(&story).0, [(ActionKind::Replace, "i2".to_owned())]);
}

#[test]
fn who_goes_is_whom_the_policies_prefer_then_the_broken_then_the_newest() {
    let mut story = Story::of(6).scale(3).see(|snapshot| {
        snapshot.instances[1].phase = Phase::Unready;
        snapshot.instances[2].phase = Phase::Failed;
    });
    let victims = |story: &Story| story.decide().decision.unwrap().victims().to_vec();
    assert_eq!(victims(&story), ["i2", "i1", "i5"]);
    let preferring = Proposal { instances: vec!["ghost".to_owned(), "i0".to_owned()], ..scale(3) };
    story.votes = vec![says(vec![preferring])];
    assert_eq!(victims(&story), ["i0", "i2", "i1"]);
    story.snapshot.instances[0].protected = true;
    assert_eq!(victims(&story), ["i2", "i1", "i5"]);
    story.snapshot.target.abilities.victims = crate::snapshot::VictimAbility::None;
    story.snapshot.instances[0].protected = false;
    assert!(victims(&story).is_empty(), "the backend chooses");
}

#[test]
fn zones_stay_balanced() {
    let story = Story::of(6).scale(3).see(|snapshot| {
        for (instance, zone) in snapshot.instances.iter_mut().zip(["a", "a", "a", "a", "b", "c"]) {
            instance.zone = Some(zone.to_owned());
        }
    });
    assert_eq!(story.decide().decision.unwrap().victims(), ["i3", "i2", "i1"], "zone a has most to give");
}

#[test]
fn whoever_goes_is_not_restarted_first() {
    let story = Story::of(5).vote(says(vec![scale(4), act(ProposalKind::Restart, &["i4"])]));
    assert_eq!(done(&story), (vec![], 4, vec!["goes-anyway"]));
}

#[test]
fn so_many_actions_are_considered_in_one_turn_and_no_more() {
    let story = Story::of(300).vote(says(vec![act(ProposalKind::Redeploy, &[])]));
    let ruling = story.decide();
    assert_eq!(ruling.wish.actions.len(), 256);
    let told = codes(&ruling).into_iter().filter(|code| *code == "too-much").count();
    assert_eq!(told, 1, "{:?}", codes(&ruling));
}

#[test]
fn instances_that_are_not_there_are_told_up_to_a_number() {
    let names: Vec<String> = (0..4_000).map(|number| format!("ghost-{number}")).collect();
    let ids: Vec<&str> = names.iter().map(String::as_str).chain(["i0"]).collect();
    let (done, _, codes) = done(&wishing(ProposalKind::Restart, &ids));
    assert_eq!(done, restarts(&["i0"]), "one that is there is restarted all the same");
    let told = |code: &str| codes.iter().filter(|one| **one == code).count();
    assert_eq!((told("instance-unknown"), told("instances-unknown")), (32, 1));
}

#[test]
fn a_conflict_is_told_once_however_often_it_is_asked_for() {
    let twice = vec![act(ProposalKind::Restart, &["i0", "i1"]), act(ProposalKind::Replace, &["i0", "i0", "i0", "i1"])];
    let story = Story::of(5).vote(says(twice));
    // Before what is said twice is dropped: a policy may ask tens of thousands of times.
    let mut notes = Vec::new();
    compose(&story.question(), &[], &mut notes);
    assert_eq!(notes.iter().map(Restraint::code).collect::<Vec<_>>(), ["actions-conflict", "actions-conflict"]);
    assert_eq!(done(&story).0, []);
}
