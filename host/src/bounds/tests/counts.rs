//! Tolerance, stabilization, range, steps, windows, budget: the count.

use super::*;

#[test]
fn tolerance_drops_small_wishes_of_policies() {
    let story = |count| Story::of(20).set(|settings| settings.tolerance = 0.1).scale(count).outcome();
    assert_eq!(story(21), (20, vec!["within-tolerance"]));
    assert_eq!(story(19), (20, vec!["within-tolerance"]));
    assert_eq!(story(22), (22, vec![]), "what is as far as the tolerance is a change");
}

#[test]
fn lowering_waits_until_the_whole_window_wished_it() {
    let mut story = Story::of(10).set(|settings| settings.stabilize_down_ms = 60_000);
    let mut counts = Vec::new();
    for count in [10, 4, 6, 5, 5, 5, 5, 5] {
        story.turn(vec![says(vec![scale(count)])]);
        counts.push(story.snapshot.target.desired);
    }
    assert_eq!(counts, [10, 10, 10, 10, 6, 6, 5, 5], "the highest wish of a minute holds");
}

#[test]
fn raising_waits_for_its_own_window() {
    let mut story = Story::of(4).set(|settings| settings.stabilize_up_ms = 30_000);
    let mut rulings = [8, 9, 7].map(|count| story.turn(vec![says(vec![scale(count)])]));
    assert_eq!(rulings.each_mut().map(|ruling| to(ruling)), [None, None, Some(7)]);
    assert_eq!(codes(&rulings[0]), ["stabilized"]);
}

#[test]
fn windows_hold_raw_wishes_also_those_that_were_gated() {
    let mut story = Story::of(10).set(|settings| settings.stabilize_down_ms = 60_000).gate(|gates| {
        gates.freeze = Some(Freeze::default());
    });
    for _ in 0..5 {
        assert_eq!(to(&story.turn(vec![says(vec![scale(4)])])), None);
    }
    story.gates.freeze = None;
    assert_eq!(to(&story.turn(vec![says(vec![scale(4)])])), Some(4), "the wish is five turns old");
}

#[test]
fn the_range_clamps_wishes() {
    let story =
        |count| Story::of(5).set(|settings| settings.replicas = Range { min: 2, max: 8 }).scale(count).outcome();
    assert_eq!(story(900_000), (8, vec!["above-max"]));
    assert_eq!(story(0), (2, vec!["below-min"]));
    assert_eq!(story(6), (6, vec![]));
}

#[test]
fn a_count_outside_the_range_is_corrected_whatever_policies_say() {
    let range = Range { min: 5, max: 8 };
    for desired in [2, 12] {
        let corrected = desired.clamp(range.min, range.max);
        for answer in [VoteAnswer::Proposals(vec![Proposal::default()]), refused(), faulted(), quarantined()] {
            let story = Story::of(desired)
                .set(|settings| {
                    settings.replicas = range;
                    settings.tolerance = 10.0;
                    settings.stabilize_down_ms = 600_000;
                    settings.stabilize_up_ms = 600_000;
                })
                .see(|snapshot| snapshot.readings[0] = Reading::absent("rps", Subject::Target, None))
                .vote(vote("a", answer));
            let decision = story.decide().decision.unwrap();
            assert_eq!(decision.replicas(), Some(CountChange { from: desired, to: corrected }));
            assert_eq!(decision.origin(), Origin::Correction);
        }
    }
}

#[test]
fn a_correction_skips_the_cooldown_and_obeys_steps_freeze_and_inventory() {
    let mut story = Story::of(9).set(|settings| {
        settings.cooldown = Cooldown { up_ms: 600_000, down_ms: 600_000 };
        settings.step_down = StepLimit { count: Some(2), percent: None };
    });
    story.turn(vec![says(vec![scale(12)])]);
    story.settings.replicas = Range { min: 1, max: 8 };
    story.votes = vec![says(vec![Proposal::default()])];
    assert_eq!(story.outcome(), (10, vec!["step"]));
    story.gates.freeze = Some(Freeze::default());
    assert_eq!(story.outcome(), (12, vec!["step", "frozen"]));
    story.gates.freeze = None;
    story.snapshot.inventory = Inventory::Partial { why: "timeout".to_owned() };
    assert_eq!(story.outcome(), (12, vec!["step", "inventory-partial"]));
}

#[test]
fn beyond_the_correction_policies_wait_like_always() {
    let mut story = Story::of(9).set(|settings| settings.cooldown.down_ms = 600_000);
    story.turn(vec![says(vec![scale(12)])]);
    story.settings.replicas = Range { min: 1, max: 8 };
    story.votes.clear();
    let story = story.scale(3);
    assert_eq!(story.outcome(), (8, vec!["cooling-down"]));
}

#[test]
fn steps_in_replicas_and_in_percent_and_the_wider_holds() {
    let step = |count, percent| StepLimit { count, percent };
    for (limit, up, down) in [
        (step(Some(3), None), 13, 7),
        (step(None, Some(50.0)), 15, 5),
        (step(Some(3), Some(50.0)), 15, 5),
        (step(Some(7), Some(50.0)), 17, 3),
        (step(None, Some(11.0)), 12, 8),
        (step(None, Some(f64::NAN)), 10, 10),
        (step(None, Some(-5.0)), 10, 10),
        (step(None, Some(f64::INFINITY)), 100, 1),
    ] {
        let story = |count| {
            let story = Story::of(10).set(|settings| (settings.step_up, settings.step_down) = (limit, limit));
            story.scale(count).outcome()
        };
        assert_eq!((story(100).0, story(1).0), (up, down), "{limit:?}");
    }
    assert_eq!(step(None, Some(100.0)).allows(0), Some(1), "a percentage can leave zero");
    let held = Story::of(10).set(|settings| settings.step_up = step(Some(3), None)).scale(20).outcome();
    assert_eq!(held, (13, vec!["step"]));
}

#[test]
fn a_window_of_steps_counts_what_was_added_in_it() {
    let limit = StepLimit { count: Some(4), percent: None };
    let mut story = Story::of(10).set(|settings| settings.windows_up = vec![Window { window_ms: 60_000, limit }]);
    let mut counts = Vec::new();
    for _ in 0..6 {
        story.turn(vec![says(vec![scale(100)])]);
        counts.push(story.snapshot.target.desired);
    }
    assert_eq!(counts, [14, 14, 14, 14, 18, 18]);
    assert_eq!(codes(&story.turn(vec![says(vec![scale(100)])])), ["step-window"]);
    assert_eq!(to(&story.turn(vec![says(vec![scale(3)])])), Some(3), "windows of raises do not hold lowerings");
}

#[test]
fn the_share_of_a_window_is_of_what_was_there_at_its_start() {
    let limit = StepLimit { count: None, percent: Some(200.0) };
    let mut story = Story::of(4).set(|settings| settings.windows_up = vec![Window { window_ms: 60_000, limit }]);
    for count in [11, 7, 6] {
        story.turn(vec![says(vec![scale(count)])]);
    }
    // 4 were there, so that 8 may be added, of which 7 are.
    assert_eq!(to(&story.turn(vec![says(vec![scale(14)])])), Some(7));
}

#[test]
fn a_budget_caps_raises_but_never_below_the_least() {
    let budget = Some(Budget { group: "shop".to_owned(), left: 2 });
    let story = |desired, count| {
        let story = Story::of(desired).gate(|gates| gates.budget = budget.clone());
        story.set(|settings| settings.replicas.min = 6).scale(count).outcome()
    };
    assert_eq!(story(6, 20), (8, vec!["budget"]));
    assert_eq!(story(6, 8), (8, vec![]));
    assert_eq!(story(1, 20), (6, vec!["budget"]));
    assert_eq!(story(9, 7), (7, vec![]));
}

#[test]
fn cooldowns_count_up_from_raises_and_down_from_any_change() {
    let start = || {
        let mut story = Story::of(10).set(|settings| settings.cooldown = Cooldown { up_ms: 60_000, down_ms: 120_000 });
        story.turn(vec![says(vec![scale(12)])]);
        story
    };
    let mut story = start();
    assert_eq!(codes(&story.turn(vec![says(vec![scale(14)])])), ["cooling-down"]);
    story.later(30_000);
    assert_eq!(to(&story.turn(vec![says(vec![scale(14)])])), Some(14));
    assert_eq!(codes(&story.turn(vec![says(vec![scale(9)])])), ["cooling-down"]);
    story.later(90_000);
    assert_eq!(to(&story.turn(vec![says(vec![scale(9)])])), Some(9));
    assert_eq!(codes(&story.turn(vec![says(vec![scale(8)])])), ["cooling-down"], "a lowering delays the next one");
    assert_eq!(to(&story.turn(vec![says(vec![scale(20)])])), Some(20), "and no raise");
}

#[test]
fn a_pin_comes_before_the_policies_and_stays_within_the_bounds() {
    let pin = |until_ms| Some(Pin { replicas: 50, by: "ann".to_owned(), until_ms });
    let story = || Story::of(10).set(|settings| settings.replicas.max = 20).scale(3).vote(vote("b", faulted()));
    let pinned = story().gate(|gates| gates.pin = pin(None)).decide();
    assert_eq!(codes(&pinned), ["pinned", "above-max"]);
    let decision = pinned.decision.unwrap();
    assert_eq!((decision.origin(), decision.replicas().unwrap().to), (Origin::Manual, 20));
    let over = story().gate(|gates| gates.pin = pin(Some(1_000_000))).outcome();
    assert_eq!(over, (10, vec!["lowering-faulted"]), "a pin ends in time");
}

#[test]
fn the_travel_tells_every_stage() {
    let ruling = Story::of(10)
        .set(|settings| {
            settings.replicas.max = 30;
            settings.step_up = StepLimit { count: Some(5), percent: None };
        })
        .gate(|gates| gates.budget = Some(Budget { group: "shop".to_owned(), left: 2 }))
        .scale(40)
        .decide();
    let travel = &ruling.travels[0];
    assert_eq!((travel.present, travel.wish, travel.to), (Some(10), Some(40), Some(12)));
    assert_eq!(travel.votes, [("a".to_owned(), 40)]);
    assert_eq!(travel.stages, [(Stage::Range, 30), (Stage::Steps, 15), (Stage::Budget, 12)]);
}

#[test]
fn quiet_turns_say_why() {
    assert_eq!(Story::of(3).decide().quiet, Some(Quiet::NoPolicy));
    assert_eq!(Story::of(3).scale(3).decide().quiet, Some(Quiet::AsWished));
    assert_eq!(Story::of(3).vote(vote("a", faulted())).decide().quiet, Some(Quiet::Unanswered));
    assert_eq!(Story::of(3).scale(2).vote(vote("a", faulted())).decide().quiet, Some(Quiet::Restrained));
    let off = Story::of(3).set(|settings| settings.mode = Mode::Off).scale(5).decide();
    assert_eq!(off.quiet, Some(Quiet::Stopped));
    // What stopped it is said also where nothing was wished, or another bound came first.
    let off = Story::of(3).set(|settings| settings.mode = Mode::Off).scale(3).decide();
    assert_eq!((off.quiet, off.restraints), (Some(Quiet::Stopped), vec![Restraint::Off]));
    assert_eq!(Story::of(3).scale(4).decide().quiet, None);
}
