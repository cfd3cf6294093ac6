//! What is remembered, how it survives, how small it is.

use super::*;

#[test]
fn the_past_survives_being_stored() {
    let mut story = Story::of(10).set(|settings| {
        settings.stabilize_down_ms = 300_000;
        settings.cooldown.down_ms = 60_000;
        settings.windows_up = vec![Window { window_ms: 60_000, limit: StepLimit { count: Some(9), percent: None } }];
    });
    for count in [12, 9, 14, 3, 5] {
        story.turn(vec![says(vec![scale(count), resize(cpu(400), Resources::default())])]);
        let text = serde_json::to_string(&story.past).unwrap();
        assert_eq!(serde_json::from_str::<Past>(&text).unwrap(), story.past);
    }
    assert_eq!(serde_json::from_str::<Past>("{}").unwrap(), Past::default());
}

#[test]
fn a_change_counts_from_its_decision_until_it_is_certain_that_it_was_not_made() {
    let mut story = Story::of(5).set(|settings| settings.cooldown.up_ms = 600_000).scale(7);
    let ruling = story.decide();
    let at_ms = ruling.past.now_ms();
    story.past = ruling.past;
    story.later(15_000);
    assert_eq!(story.outcome(), (5, vec!["cooling-down"]), "the host was killed between record and act, say");
    story.past.undone(at_ms);
    assert_eq!(story.outcome(), (7, vec![]));
}

#[test]
fn a_change_is_taken_back_also_by_a_clock_that_was_set_back_and_takes_no_other_along() {
    let window = Window { window_ms: 600_000, limit: StepLimit { count: Some(3), percent: None } };
    let mut story = Story::of(5).set(|settings| settings.windows_up = vec![window]);
    story.turn(vec![says(vec![scale(7)])]);
    story.snapshot.now_ms = 400_000;
    let ruling = story.turn(vec![says(vec![scale(8)])]);
    assert_eq!(to(&ruling), Some(8));
    story.past.undone(400_000);
    story.snapshot.target.desired = 7;
    assert_eq!(to(&story.turn(vec![says(vec![scale(12)])])), Some(8), "two of three were added within the window");
}

#[test]
fn windows_are_seeded_after_start_pause_outage_and_jump() {
    let lower = || vec![says(vec![scale(4)])];
    let ready = || {
        let mut story = Story::of(10).set(|settings| settings.stabilize_down_ms = 60_000);
        story.gates.gap_ms_max = Some(60_000);
        story.gates.freeze = Some(Freeze::default());
        (0..6).for_each(|_| drop(story.turn(lower())));
        story.gates.freeze = None;
        story
    };
    assert_eq!(to(&ready().turn(lower())), Some(4));
    let mut started = ready();
    started.gates.started = true;
    assert_eq!(codes(&started.turn(lower())), ["stabilized"]);
    let mut outage = ready();
    outage.later(120_000);
    assert_eq!(codes(&outage.turn(lower())), ["stabilized"]);
    let mut jumped = ready();
    jumped.gates.clock_jumped = true;
    assert_eq!(codes(&jumped.turn(lower())), ["stabilized"]);
    let mut resumed = ready();
    resumed.gates.pause = Some(Pause::default());
    resumed.turn(lower());
    resumed.gates.pause = None;
    assert_eq!(codes(&resumed.turn(lower())), ["stabilized"]);
}

#[test]
fn a_steady_target_is_remembered_in_little_and_a_wild_one_in_bounded_space() {
    let size = |past: &Past| serde_json::to_string(past).unwrap().len();
    let week = 7 * 24 * 3_600_000;
    let mut steady = Story::of(10).set(|settings| settings.stabilize_down_ms = week);
    (0..500).for_each(|_| drop(steady.turn(vec![says(vec![scale(10)])])));
    assert!(size(&steady.past) < 256, "{} bytes: {:?}", size(&steady.past), steady.past);

    let mut wild = Story::of(50).set(|settings| {
        (settings.stabilize_up_ms, settings.stabilize_down_ms) = (week, week);
        settings.windows_up = vec![Window { window_ms: week, limit: StepLimit::default() }];
    });
    for turn in 0..500_u32 {
        let wish = resize(cpu(1_000 - u64::from(turn)), cpu(5_000 - u64::from(turn)));
        wild.turn(vec![says(vec![scale(600 - turn), wish])]);
    }
    assert!(size(&wild.past) < 16_384, "{} bytes", size(&wild.past));
}

#[test]
fn a_window_that_overflows_holds_back_rather_more() {
    let mut story = Story::of(100).set(|settings| settings.stabilize_down_ms = 3_600_000);
    for turn in 0..200 {
        story.turn(vec![says(vec![scale(99 - turn / 4)])]);
    }
    assert_eq!(story.snapshot.target.desired, 100, "the seed of an hour ago still holds");
}

#[test]
fn an_answer_is_the_same_every_time() {
    let story = Story::of(10).scale(20).vote(vote("b", faulted()));
    assert_eq!(story.decide(), story.decide());
}

#[test]
fn hostile_numbers_panic_nowhere() {
    let numbers = [0, 1, u64::MAX / 2, u64::MAX - 1, u64::MAX];
    for number in numbers {
        for now_ms in numbers {
            let mut story = Story::of(3);
            story.snapshot.now_ms = now_ms;
            story.snapshot.target.desired = u32::try_from(number).unwrap_or(u32::MAX);
            story.snapshot.in_flight = Some(in_flight(u32::MAX, 0, number));
            story.settings.replicas = Range { min: u32::MAX, max: 3 };
            story.settings.cpu_millis = Range { min: Some(number), max: Some(7) };
            story.settings.cpu_step_millis = number;
            story.settings.memory_step_bytes = number;
            story.settings.memory_peak_margin = f64::MAX;
            story.settings.tolerance = f64::NAN;
            story.settings.coverage_min = f64::INFINITY;
            story.settings.lost_share_max = f64::NAN;
            story.settings.cooldown = Cooldown { up_ms: number, down_ms: number };
            story.settings.stabilize_up_ms = number;
            story.settings.step_up = StepLimit { count: Some(u32::MAX), percent: Some(f64::MAX) };
            story.settings.resize_step = Range { min: Some(f64::NAN), max: Some(f64::MAX) };
            story.snapshot.instances[0].memory_peak_bytes = Some(number);
            story.snapshot.target.containers[0].limits.cpu_millis = Some(number);
            let all = Resources { cpu_millis: Some(number), memory_bytes: Some(number) };
            for count in [0, 1, u32::MAX] {
                let votes = vec![says(vec![scale(count), resize(all, all), act(ProposalKind::Remove, &["i0", "i0"])])];
                drop(story.turn(votes));
                drop(story.repair());
            }
        }
    }
}
