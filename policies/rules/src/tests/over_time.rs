use std::time::Duration;

use trimtab_sdk::rehearsal::NOON_MS;

use super::*;

const SECOND_MS: u64 = 1000;
const FOR_2M: &str = "load >= 80 for 2m";

/// Samples at so many seconds before noon.
fn ago<const N: usize>(samples: [(u64, f64); N]) -> Vec<(u64, f64)> {
    samples.map(|(seconds, value)| (NOON_MS - seconds * SECOND_MS, value)).into()
}

fn load<const N: usize>(samples: [(u64, f64); N]) -> Scene {
    Scene::new().replicas(3).reading_at("load", ago(samples))
}

/// A sample every 15 s, the last one 5 s ago, all of one value but those that are given by their age.
fn steady(value: f64, others: &[(u64, f64)]) -> Vec<(u64, f64)> {
    let ages = (0..12u64).rev().map(|index| 5 + 15 * index);
    ages.map(|age| others.iter().copied().find(|(other, _)| *other == age).unwrap_or((age, value)))
        .map(|(age, value)| (NOON_MS - age * SECOND_MS, value))
        .collect()
}

fn steadily(value: f64, others: &[(u64, f64)]) -> Scene {
    Scene::new().replicas(3).reading_at("load", steady(value, others))
}

#[test]
fn it_holds_if_it_held_on_every_sample() {
    is_so(FOR_2M, steadily(90.0, &[]), true);
    is_so(FOR_2M, steadily(90.0, &[(65, 79.0)]), false);
    is_so(FOR_2M, steadily(90.0, &[(5, 79.0)]), false);
    // What was before does not matter; what stood at the start of the time does.
    is_so(FOR_2M, steadily(90.0, &[(140, 79.0)]), true);
    is_so(FOR_2M, steadily(90.0, &[(125, 79.0)]), false);
}

#[test]
fn samples_must_span_the_time() {
    let recent = || load([(100, 90.0), (60, 90.0), (30, 90.0), (0, 90.0)]);
    is_unknown(FOR_2M, recent()).says("do not span, without holes, the time of rule 1");
    is_so("load >= 80 for 90s", recent(), true);
    is_unknown(FOR_2M, Scene::new().reading("load", [90.0]));
    // One that is false now is false, however little is known of before.
    is_so(FOR_2M, load([(0, 10.0)]), false);
}

#[test]
fn a_gap_is_not_known() {
    is_so(FOR_2M, load([(130, 90.0), (70, 90.0), (10, 90.0)]), true);
    is_unknown(FOR_2M, load([(130, 90.0), (69, 90.0), (0, 90.0)]));
    is_unknown(FOR_2M, load([(190, 90.0), (110, 90.0), (60, 90.0), (0, 90.0)]));
    // A gap beside a sample that is against it.
    is_so(FOR_2M, load([(130, 10.0), (110, 10.0), (60, 90.0), (0, 90.0)]), false);
    is_so("load >= 80 for 10m", load([(700, 90.0), (420, 90.0), (140, 90.0), (10, 90.0)]), true);
}

#[test]
fn an_unknown_time_lowers_nothing() {
    let rules = ["+1 when load >= 80 for 2m", "-1 when other < 5"];
    let scene = |load| Scene::new().replicas(3).reading("load", [load]).reading("other", [1.0]);
    bench(rules).play(scene(90.0)).holds().says("while the samples do not span");
    bench(rules).play(scene(10.0)).scales_to(2);
}

#[test]
fn the_whole_condition_is_tried_at_each_moment() {
    // First the one, then the other: at every moment one of them.
    let scene = |from: u64| {
        let high = |is_high: bool| if is_high { 90.0 } else { 0.0 };
        let series = |first: bool| -> Vec<(u64, f64)> {
            (0..12u64).rev().map(|i| (NOON_MS - 15_000 * i, high((15 * i > from) == first))).collect()
        };
        Scene::new().reading_at("a", series(true)).reading_at("b", series(false))
    };
    is_so("a >= 80 or b >= 80 for 2m", scene(60), true);
    is_so("a >= 80 for 2m", scene(60), false);
    is_so("a >= 80 and b >= 80 for 2m", scene(60), false);
}

#[test]
fn any_may_be_another_instance_each_time() {
    let scene = |first: [f64; 3], second: [f64; 3]| {
        let scene = Scene::new().replicas(2).step(Duration::from_secs(60));
        scene.of_instance("i-0", "cpu", first).of_instance("i-1", "cpu", second)
    };
    is_so("any(cpu) > 80 for 2m", scene([90.0, 0.0, 90.0], [0.0, 90.0, 0.0]), true);
    is_so("any(cpu) > 80 for 2m", scene([90.0, 0.0, 90.0], [0.0, 0.0, 0.0]), false);
    is_so("mean(cpu) >= 45 for 2m", scene([90.0, 0.0, 90.0], [0.0, 90.0, 0.0]), true);
    is_so("max(cpu) each 100 >= 90 for 2m", scene([90.0, 0.0, 90.0], [0.0, 190.0, 0.0]), true);
}

#[test]
fn an_instance_counts_from_its_first_sample_on() {
    let scene = |started_ago: u64| {
        let old = Scene::new().replicas(2).step(Duration::from_secs(60)).of_instance("i-0", "cpu", [10.0, 10.0, 10.0]);
        old.of_instance("i-1", "cpu", [10.0])
            .with_instance("i-1", |one| one.started_ms = Some(NOON_MS - started_ago * SECOND_MS))
    };
    is_so("all(cpu) < 20 for 2m", scene(30), true);
    // It ran long before its first sample: what it used then is not known.
    is_unknown("all(cpu) < 20 for 2m", scene(70));
    is_unknown("all(cpu) < 20 for 2m", scene(3000));
    // It began just before the time, and its first sample came within it.
    let just_before = Scene::new().replicas(2).step(Duration::from_secs(40)).of_instance("i-0", "cpu", [10.0; 4]);
    let just_before = just_before.of_instance("i-1", "cpu", [10.0; 3]);
    let just_before = just_before.with_instance("i-1", |one| one.started_ms = Some(NOON_MS - 130 * SECOND_MS));
    is_unknown("all(cpu) < 20 for 2m", just_before);
    let unknown_start = scene(30).with_instance("i-1", |one| one.started_ms = None);
    is_unknown("all(cpu) < 20 for 2m", unknown_start);
    is_so("any(cpu) < 20 for 2m", scene(3000), true);
}

#[test]
fn one_round_of_samples_is_one_moment() {
    // Within a second, one after the other is scraped: the first is already high, the other still low.
    let scene = |apart_ms: u64| {
        let series = |values: [f64; 4], late_ms: u64| -> Vec<(u64, f64)> {
            (0..4u64).rev().zip(values).map(|(i, value)| (NOON_MS - 2000 - 45_000 * i + late_ms, value)).collect()
        };
        let scene = Scene::new().reading_at("a", series([90.0, 90.0, 0.0, 90.0], 0));
        scene.reading_at("b", series([0.0, 0.0, 90.0, 90.0], apart_ms))
    };
    is_so("a > 80 or b > 80 for 2m", scene(900), true);
    is_so("a > 80 or b > 80 for 2m", scene(1100), false);
}

#[test]
fn texts_hold_over_time_too() {
    // The rehearsal gives texts one sample only: it does not span.
    is_unknown("state is 'busy' for 1m", Scene::new().text("state", "busy"));
    is_so("state is 'busy' for 1m", Scene::new().text("state", "idle"), false);
}

#[test]
fn the_reason_shows_for_how_long() {
    play("+1 when load >= 80 for 2m", steadily(90.0, &[]))
        .scales_to(4)
        .says("load is 90: rule 1 (`+1 when load >= 80 for 2m`)");
}
