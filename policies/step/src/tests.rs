mod bad_input;

use std::time::Duration;

use proptest::prelude::*;
use trimtab_sdk::prelude::*;
use trimtab_sdk::rehearsal::{NOON_MS, Rehearsal, Scene, instance};
use trimtab_sdk::snapshot::Change;

use crate::StepScaling;

type Bench = Rehearsal<StepScaling>;

/// The policies of the EC2 Auto Scaling user guide, section "Step adjustments": both alarms at 50, which AWS lets swing.
fn guide() -> Bench {
    Bench::new()
        .set("anticipate", false)
        .set("reading", "cpu")
        .set("up_threshold", 50.0)
        .set("up_steps", ["0..10: 0", "10..20: +10%", "20..: +30%"])
        .set("down_threshold", 50.0)
        .set("down_steps", ["-10..0: 0", "-20..-10: -10%", "..-20: -30%"])
}

fn of_cpu(replicas: u32, value: f64) -> Scene {
    Scene::new().replicas(replicas).reading("cpu", [value])
}

/// `desired` replicas, of which the youngest `young` started a minute ago.
fn warming(desired: u32, young: u32, value: f64) -> Scene {
    (desired - young..desired).fold(of_cpu(desired, value), |scene, index| {
        scene.with_instance(&format!("i-{index}"), |one| one.started_ms = Some(NOON_MS - 60_000))
    })
}

fn changed(seconds_ago: u64) -> impl Fn(Scene) -> Scene {
    move |scene| {
        scene.with(|snapshot| {
            snapshot.changes.push(Change {
                at_ms: NOON_MS - seconds_ago * 1000,
                kind: "scale".to_owned(),
                from_count: 11,
                to_count: 10,
                by: "policy".to_owned(),
                attrs: Vec::new(),
            });
        })
    }
}

mod a_step_down_that_would_be_undone {
    use super::*;

    fn narrow() -> Bench {
        guide().set("anticipate", true).set("up_threshold", 70.0).set("down_steps", ["..0: -1"])
    }

    #[test]
    fn is_not_taken() {
        narrow().play(of_cpu(2, 47.0)).holds().says("step `..0: -1` not taken, for 1 would be at 94, beyond 70");
        narrow().play(of_cpu(2, 34.0)).scales_to(1);
        narrow().play(of_cpu(4, 47.0)).scales_to(3);
        narrow().play(of_cpu(1, 1.0)).holds().says("beyond 70");
        narrow().play(of_cpu(1, 0.0)).scales_to(0);
    }

    #[test]
    fn is_taken_where_the_reading_does_not_rise() {
        narrow().set("anticipate", false).play(of_cpu(2, 47.0)).scales_to(1);
    }
}

mod the_users_guide {
    use super::*;

    #[test]
    fn steps_grow_with_the_breach() {
        guide().play(of_cpu(10, 55.0)).holds().says("step `0..10: 0` changes nothing");
        guide().play(of_cpu(10, 60.0)).scales_to(11).says(
            "`cpu` is 60 (average of 1 of 1 datapoints), 10 above 50: step `10..20: +10%` from 10 in service to 11",
        );
        guide().play(of_cpu(10, 69.9)).scales_to(11);
        guide().play(of_cpu(10, 70.0)).scales_to(13);
    }

    #[test]
    fn steps_downwards_likewise() {
        // 10 % of 14 is 1.4, rounded down; 30 % of 13 is 3.9, rounded down.
        guide().play(of_cpu(14, 41.0)).holds();
        guide().play(of_cpu(14, 40.0)).scales_to(13).says("10 below 50: step `-20..-10: -10%` from 14 to 13");
        guide().play(of_cpu(13, 30.0)).scales_to(10);
    }

    #[test]
    fn instances_that_warm_up_are_not_the_base_of_a_raise() {
        // 60, then 62 while the new one warms up: 10 % of 10 is one, which is asked for already.
        guide().play(warming(11, 1, 62.0)).holds().says("asks for 11; 11 are asked for already, 1 of them warm up");
        // 70: 30 % of 10 is three, of which one is asked for already.
        guide().play(warming(11, 1, 70.0)).scales_to(13).says("from 10 in service to 13");
    }

    #[test]
    fn nothing_is_removed_while_instances_warm_up() {
        guide().play(warming(11, 1, 30.0)).holds().says("not taken while 1 instances warm up");
    }

    #[test]
    fn instances_that_leave_are_still_there() {
        let scene = of_cpu(13, 40.0).instance(instance("old", Phase::Draining));
        guide()
            .play(scene)
            .holds()
            .says("step `-20..-10: -10%` from 14 asks for 13; 13 are asked for already, 1 leave");
    }

    #[test]
    fn percentages_round_towards_zero_but_to_one_at_least() {
        let of = |percent: &str| guide().set("up_steps", [format!("0..: +{percent}%")]);
        of("127").play(of_cpu(10, 90.0)).scales_to(22);
        of("6.7").play(of_cpu(10, 90.0)).scales_to(11);
        let down = |percent: &str| guide().set("down_steps", [format!("..0: -{percent}%")]);
        down("66.7").play(of_cpu(10, 10.0)).scales_to(4);
        down("5.8").play(of_cpu(10, 10.0)).scales_to(9);
        // 323 in whole, although floating point makes a little less of it.
        of("129.2").play(of_cpu(250, 90.0)).scales_to(573);
    }

    #[test]
    fn a_least_adjustment_applies_to_percentages() {
        let mut bench = guide().set("up_steps", ["0..: +25%"]).set("min_adjustment", 2);
        bench.play(of_cpu(4, 90.0)).scales_to(6);
        guide().set("up_steps", ["0..: +1"]).set("min_adjustment", 2).play(of_cpu(4, 90.0)).scales_to(5);
    }
}

mod adjustments {
    use super::*;

    #[test]
    fn may_be_counts_and_exact_counts() {
        let steps = |up: &str| guide().set("up_steps", [up]).set("down_steps", ["-20..0: -2", "..-20: =3"]);
        steps("0..: +5").play(of_cpu(3, 60.0)).scales_to(8);
        steps("0..: =5").play(of_cpu(3, 60.0)).scales_to(5);
        steps("0..: =5").play(of_cpu(6, 60.0)).holds().says("asks for 5; 6 are asked for already");
        steps("0..: +5").play(of_cpu(6, 40.0)).scales_to(4);
        steps("0..: +5").play(of_cpu(6, 20.0)).scales_to(3);
        steps("0..: +5").play(of_cpu(2, 20.0)).holds();
        steps("0..: +5").play(of_cpu(1, 40.0)).scales_to(0);
    }

    #[test]
    fn begin_from_what_serves_where_instances_are_not_listed() {
        let scene = Scene::new()
            .with(|snapshot| snapshot.instances.clear())
            .with_target(|target| (target.desired, target.total, target.ready) = (11, 11, 10))
            .reading("cpu", [62.0]);
        guide().play(scene).holds().says("11 are asked for already");
    }

    #[test]
    fn ranges_belong_to_their_near_end() {
        let mut bench = guide()
            .set("up_steps", ["20..: +3", "0..10: +1", "10..20: +2"])
            .set("down_steps", ["..-10: -2", "-10..0: -1"]);
        for (value, count) in [(50.0, 11), (59.9, 11), (60.0, 12), (70.0, 13), (49.9, 9), (40.1, 9), (40.0, 8)] {
            bench.play(of_cpu(10, value)).scales_to(count);
        }
    }

    #[test]
    fn the_threshold_itself_may_be_left_out() {
        let mut bench = guide().set("up_steps", ["0..: +1"]).set("down_steps", ["..0: -1"]);
        bench.play(of_cpu(10, 50.0)).scales_to(11);
        let mut bench = bench.set("up_comparison", ">");
        bench.play(of_cpu(10, 50.0)).scales_to(9);
        let mut bench = bench.set("down_comparison", "<");
        bench.play(of_cpu(10, 50.0)).holds().says("`cpu` is 50: within 50 and 50");
    }
}

mod datapoints {
    use super::*;

    fn three_of_three() -> Bench {
        guide().set("evaluation_periods", 3).set("up_steps", ["0..10: +1", "10..: +3"])
    }

    fn series(values: &[f64]) -> Scene {
        Scene::new().replicas(10).step(Duration::from_secs(60)).reading("cpu", values)
    }

    #[test]
    fn all_of_the_last_periods_must_breach() {
        three_of_three().play(series(&[90.0, 40.0, 55.0, 55.0])).holds().says("`cpu` is 55, 55, 40: within 50 and 50");
        three_of_three().play(series(&[40.0, 55.0, 55.0, 55.0])).scales_to(11).says("average of 3 of 3 datapoints");
    }

    #[test]
    fn or_some_of_them() {
        let mut bench = three_of_three().set("datapoints_to_alarm", 2);
        bench.play(series(&[55.0, 40.0, 55.0])).scales_to(11).says("average of 2 of 3 datapoints");
        bench.play(series(&[55.0, 45.0, 45.0])).holds().says("step `-10..0: 0` changes nothing");
    }

    #[test]
    fn those_that_breach_choose_the_step() {
        let with = |aggregation: &str| three_of_three().set("aggregation", aggregation);
        let rising = [52.0, 55.0, 70.0];
        with("average").play(series(&rising)).scales_to(11).says("`cpu` is 59 (average");
        with("maximum").play(series(&rising)).scales_to(13).says("`cpu` is 70 (maximum");
        with("minimum").play(series(&rising)).scales_to(11).says("`cpu` is 52 (minimum");
    }

    #[test]
    fn are_made_of_the_samples_of_a_period() {
        let with = |statistic: &str| guide().set("statistic", statistic).set("up_steps", ["0..: +1"]);
        let scene = || Scene::new().replicas(10).reading("cpu", [99.0, 30.0, 40.0, 56.0, 50.0]);
        with("average").play(scene()).holds().says("`cpu` is 44");
        with("minimum").play(scene()).says("`cpu` is 30");
        with("maximum").play(scene()).scales_to(11).says("`cpu` is 56");
        with("sum").play(scene()).scales_to(11).says("`cpu` is 176");
    }

    #[test]
    fn a_source_slower_than_the_period_still_counts() {
        let slow = [(NOON_MS - 90_000, 80.0)];
        guide().play(Scene::new().replicas(10).reading_at("cpu", slow)).scales_to(13);
    }

    #[test]
    fn from_before_the_last_change_remove_nothing() {
        let low = || series(&[30.0, 30.0, 30.0]);
        three_of_three().play(changed(170)(low())).holds().says("from before the last change, 170 s ago");
        three_of_three().play(changed(180)(low())).scales_to(7);
        // Going up, the warm-up does it.
        three_of_three().play(changed(170)(series(&[90.0, 90.0, 90.0]))).scales_to(13);
    }
}

mod instances {
    use super::*;

    fn each() -> Bench {
        guide().set("subject", "instance").set("up_steps", ["0..: +1"]).set("down_steps", ["..0: -1"])
    }

    #[test]
    fn their_samples_make_the_datapoint_except_while_they_warm_up() {
        let scene = Scene::new().replicas(3).of_instance("i-0", "cpu", [60.0]).of_instance("i-1", "cpu", [50.0]);
        let scene = scene.of_instance("i-2", "cpu", [10.0]);
        each().play(scene.clone()).scales_to(2).says("`cpu` is 40");
        let young = scene.with_instance("i-2", |one| one.started_ms = Some(NOON_MS - 299_000));
        each().play(young.clone()).holds().says("`cpu` is 55").says("3 are asked for already, 1 of them warm up");
        each().set("warmup", Duration::from_secs(60)).play(young).scales_to(2);
    }

    #[test]
    fn while_all_warm_up_there_is_nothing_to_say() {
        let scene = Scene::new().replicas(2).of_each_instance("cpu", [90.0]);
        let scene = scene.each_instance(|one| one.phase = Phase::Starting.number());
        each().play(scene).holds().says("none counts yet: 2 of 2 warm up");
    }

    #[test]
    fn one_that_is_not_seen_forbids_to_remove() {
        let seen =
            |value: f64| Scene::new().replicas(3).of_instance("i-0", "cpu", [value]).of_instance("i-1", "cpu", [value]);
        each().play(seen(20.0)).holds().says("not taken while 1 instances have no fresh sample");
        each().play(seen(90.0)).scales_to(4);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_constant_value_moves_one_way_only(value in 0.0f64..100.0, first in 1u32..40) {
        let mut counts = vec![first];
        for _ in 0..30 {
            let present = *counts.last().unwrap();
            counts.push(guide().play(of_cpu(present, value)).count().unwrap_or(present));
        }
        prop_assert!(counts.is_sorted() || counts.is_sorted_by(|before, after| before >= after), "{counts:?}");
    }

    #[test]
    fn without_a_value_nothing_is_ever_removed(
        treat in prop::sample::select(vec!["missing", "ignore", "not-breaching", "breaching"]), stale in 0.0f64..100.0,
        present in 0u32..40,
    ) {
        let scene = Scene::new().replicas(present).stale("cpu", [stale]);
        let played = guide().set("treat_missing", treat).play(scene);
        prop_assert!(played.count().is_none_or(|count| count > present), "it {played}");
    }
}
