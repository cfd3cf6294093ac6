//! What it does with input that is missing, damaged or senseless.

use super::*;

fn unknown(seconds: u64) -> Scene {
    at(seconds, 10, f64::NAN)
}

#[test]
fn absent_is_not_zero_and_freezes_the_integral() {
    let mut bench = cpu().set("kp", 0.0);
    bench.play(at(0, 10, 60.0)).holds();
    bench.play(at(15, 10, 60.0)).says("integral 10.075");
    for turn in 2..6 {
        bench.play(unknown(turn * 15)).refuses(RefusalKind::ReadingMissing).says("`cpu` is absent");
    }
    bench.play(at(90, 10, 60.0)).holds().says("integral 10.075");
    bench.play(at(105, 10, 60.0)).says("integral 10.151");
}

#[test]
fn stale_is_not_known() {
    let scene = Scene::new().replicas(10).stale("cpu", [5.0]);
    cpu().play(scene).refuses(RefusalKind::ReadingMissing).says("`cpu` is stale");
}

#[test]
fn not_a_number_is_not_known() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        cpu().play(at(0, 10, bad)).refuses(RefusalKind::ReadingMissing);
    }
    cpu().play(at(0, 10, 1e300)).scales_to(20);
    cpu().play(at(0, 10, -1e300)).holds();
}

#[test]
fn one_sample_has_no_slope() {
    cpu().set("kd", 60.0).play(at(0, 10, 100.0)).scales_to(15).says("derivative 0,");
}

#[test]
fn reversed_times_begin_anew() {
    let mut bench = cpu().set("kd", 60.0);
    bench.play(at(60, 10, 50.0)).holds();
    bench.play(at(0, 10, 10.0)).holds().says("begins anew").says("derivative 0,");
    // Samples that go back in time give no slope.
    let mut bench = cpu().set("kd", 60.0);
    bench.play(at(0, 10, 50.0)).holds();
    let reversed = [(NOON_MS, 80.0), (NOON_MS - 15_000, 20.0)];
    let scene = Scene::new().later(Duration::from_secs(15)).replicas(10).reading_at("cpu", reversed);
    bench.play(scene).says("derivative 0,");
}

#[test]
fn a_setpoint_of_zero_needs_a_span() {
    let refused = cpu().set("setpoint", 0.0).bind().unwrap_err();
    assert_eq!(refused.kind, "parameter-wrong");
    assert!(refused.text.contains("`setpoint` is 0 and `span` is not given"));
    assert!(cpu().set("span", 0.0).bind().unwrap_err().text.contains("`span` is 0"));
}

#[test]
fn at_zero_replicas_a_lack_brings_the_first() {
    let zero = |value| at(0, 0, value).with_target(|target| target.limits.replicas_min = 0);
    cpu().play(zero(50.0)).holds();
    assert!(cpu().play(zero(200.0)).count().is_none_or(|count| count >= 1));
    cpu().play(zero(500.0)).scales_to(2);
}

/// Requests and limits of containers are none of its business; the bounds on replicas are always there, be they senseless.
#[test]
fn bounds_that_contradict_are_survived() {
    let scene = at(0, 10, 100.0).with_target(|target| {
        (target.limits.replicas_min, target.limits.replicas_max) = (8, 3);
    });
    let _ = cpu().play(scene).holds();
}

#[test]
fn gains_that_do_nothing_are_refused() {
    let refused = cpu().set("kp", 0.0).set("ki", 0.0).bind().unwrap_err();
    assert!(refused.text.contains("`kp`, `ki` and `kd` are all 0"));
    assert!(cpu().set("kp", -1.0).bind().unwrap_err().text.contains("`kp` is -1"));
}
