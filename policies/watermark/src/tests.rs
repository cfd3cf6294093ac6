mod bad_input;

use std::time::Duration;

use proptest::prelude::*;
use trimtab_sdk::prelude::*;
use trimtab_sdk::rehearsal::{NOON_MS, Rehearsal, Scene};

use crate::Watermark;

type Bench = Rehearsal<Watermark>;

/// Mean CPU between 60 and 80.
fn cpu() -> Bench {
    Bench::new().set("reading", "cpu").set("low", 60.0).set("high", 80.0).set("tolerance", 0.0)
}

fn of_cpu(replicas: u32, value: f64) -> Scene {
    Scene::new().replicas(replicas).reading("cpu", [value])
}

/// Requests that the replicas share: 400 to 500 for each.
fn requests() -> Bench {
    let band = Bench::new().set("reading", "rps").set("low", 400.0).set("high", 500.0);
    band.set("tolerance", 0.0).set("algorithm", "average")
}

fn of_requests(replicas: u32, total: f64) -> Scene {
    Scene::new().replicas(replicas).reading("rps", [total])
}

mod absolute {
    use super::*;

    #[test]
    fn above_it_rounds_up_and_below_it_rounds_down() {
        cpu().play(of_cpu(8, 85.0)).scales_to(9).says("`cpu` is 85, watermarks 60 and 80: above with 8 that serve: 9");
        cpu().play(of_cpu(8, 50.0)).scales_to(6).says("`cpu` is 50, watermarks 60 and 80: below: 6");
        for between in [60.0, 70.0, 80.0] {
            cpu().play(of_cpu(8, between)).holds().says("between");
        }
    }

    #[test]
    fn the_tolerance_is_of_each_watermark() {
        let mut bench = cpu().set("tolerance", 0.1);
        bench.play(of_cpu(8, 88.0)).holds();
        bench.play(of_cpu(8, 88.1)).scales_to(9);
        bench.play(of_cpu(8, 54.0)).holds();
        bench.play(of_cpu(8, 53.9)).scales_to(7);
    }

    #[test]
    fn what_starts_is_not_added_again() {
        let starting = |value: f64| {
            of_cpu(8, value).with_target(|target| target.ready = 6).with(|snapshot| {
                snapshot.instances.clear();
            })
        };
        cpu().play(starting(90.0)).holds().says("above with 6 that serve, of 8 asked for");
        cpu().play(starting(120.0)).scales_to(9);
    }

    #[test]
    fn a_band_may_be_open_on_one_side() {
        let mut up = Bench::new().set("reading", "cpu").set("high", 80.0);
        up.play(of_cpu(8, 10.0)).holds().says("watermarks none and 80");
        up.play(of_cpu(8, 100.0)).scales_to(10);
        let mut down = Bench::new().set("reading", "cpu").set("low", 60.0);
        down.play(of_cpu(8, 1000.0)).holds().says("watermarks 60 and none");
        down.play(of_cpu(8, 30.0)).scales_to(4);
        down.play(of_cpu(8, 1.0)).scales_to(1);
    }

    /// The WPA would go from 2 to ⌊2 × 95 / 100⌋ = 1, see 190, go back to ⌈190 / 150⌉ = 2, and so on.
    #[test]
    fn a_band_too_narrow_for_few_replicas_does_not_swing() {
        let mut bench = cpu().set("low", 100.0).set("high", 150.0);
        bench.play(of_cpu(2, 95.0)).holds().says("below, but fewer than 2 would pass the high one");
        bench.play(of_cpu(2, 70.0)).scales_to(1);
    }
}

mod average {
    use super::*;

    #[test]
    fn a_total_is_divided_by_those_that_serve() {
        requests().play(of_requests(4, 2100.0)).scales_to(5).says("`rps` is 525, watermarks 400 and 500");
        requests().play(of_requests(4, 1600.0)).holds();
        requests().play(of_requests(4, 1500.0)).scales_to(3).says("`rps` is 375");
        let half = of_requests(4, 1500.0).with_instance("i-3", |one| one.phase = Phase::Starting.number());
        requests().set("readiness_delay", Duration::from_secs(1)).play(half).holds().says("`rps` is 500");
    }
}

mod of_instances {
    use super::*;

    fn each() -> Bench {
        cpu().set("subject", "instance")
    }

    #[test]
    fn their_mean_is_compared() {
        let scene = Scene::new().replicas(2).of_instance("i-0", "cpu", [100.0]).of_instance("i-1", "cpu", [90.0]);
        each().play(scene.clone()).scales_to(3).says("`cpu` is 95");
        let starts = scene.with_instance("i-1", |one| one.phase = Phase::Starting.number());
        each().play(starts).holds().says("`cpu` is 100").says("above with 1 that serve, of 2");
    }

    #[test]
    fn the_young_do_not_count_yet() {
        let scene = Scene::new().replicas(2).of_instance("i-0", "cpu", [70.0]).of_instance("i-1", "cpu", [300.0]);
        let scene = scene.with_instance("i-1", |one| one.started_ms = Some(NOON_MS - 30_000));
        each().play(scene.clone()).scales_to(5);
        each().set("readiness_delay", Duration::from_secs(60)).play(scene).holds().says("`cpu` is 70");
    }

    #[test]
    fn one_that_is_not_seen_forbids_to_lower() {
        let seen = |value: f64| Scene::new().replicas(3).of_instance("i-0", "cpu", [value]);
        each().play(seen(20.0)).holds().says("not lowered, 2 instances have no fresh sample");
        each().play(seen(100.0)).scales_to(4);
        each().set("converge_towards", "high").play(seen(61.0).replicas(8).of_instance("i-0", "cpu", [61.0])).holds();
    }
}

mod converging {
    use super::*;

    #[test]
    fn towards_the_high_one_removes_as_long_as_it_is_not_passed() {
        let mut bench = cpu().set("converge_towards", "high");
        bench.play(of_cpu(8, 70.0)).scales_to(7).says("between, one step towards the high one: 7");
        // 7 × 70 / 80 = 6.1: six would be at 81.7.
        bench.play(of_cpu(7, 70.0)).holds().says("between");
        bench.play(of_cpu(1, 61.0)).holds();
    }

    #[test]
    fn towards_the_low_one_adds_as_long_as_it_is_not_passed() {
        let mut bench = cpu().set("converge_towards", "low");
        bench.play(of_cpu(7, 70.0)).scales_to(8).says("one step towards the low one: 8");
        bench.play(of_cpu(8, 61.0)).holds();
    }

    #[test]
    fn waits_until_all_serve() {
        let scene = of_cpu(8, 70.0).with(|snapshot| snapshot.instances.clear()).with_target(|target| target.ready = 7);
        cpu().set("converge_towards", "high").play(scene).holds();
    }

    #[test]
    fn goes_by_multiples() {
        let mut bench = cpu().set("converge_towards", "high").set("multiple_of", 2);
        bench.play(of_cpu(12, 66.0)).scales_to(10);
        bench.play(of_cpu(8, 70.0)).holds();
    }
}

mod multiples {
    use super::*;

    #[test]
    fn counts_are_rounded_up_to_them() {
        let mut bench = cpu().set("multiple_of", 3);
        bench.play(of_cpu(6, 90.0)).scales_to(9);
        bench.play(of_cpu(9, 40.0)).scales_to(6);
        bench.play(of_cpu(6, 50.0)).holds();
    }
}

mod availability {
    use super::*;

    #[test]
    fn with_too_few_that_serve_nothing_changes() {
        let scene = of_cpu(8, 200.0).with(|snapshot| snapshot.instances.clear()).with_target(|target| target.ready = 3);
        let mut bench = cpu().set("min_available", 0.5);
        bench.play(scene.clone()).holds().says("3 of 8 serve, less than `min_available` of 50%");
        bench.play(scene.with_target(|target| target.ready = 4)).scales_to(10);
    }
}

mod nobody_serves {
    use super::*;

    #[test]
    fn nothing_is_known_of_what_one_carries() {
        let scene = |value: f64| of_cpu(4, value).with(|snapshot| snapshot.instances.clear());
        for value in [200.0, 1.0] {
            let scene = scene(value).with_target(|target| target.ready = 0);
            cpu().play(scene).holds().says("none of 4 serve");
        }
    }
}

mod several {
    use super::*;

    fn two() -> Bench {
        let bench = Bench::new().set("readings", ["cpu", "rps"]).set("highs", [80.0, 500.0]).set("lows", [60.0, 400.0]);
        bench.set("tolerance", 0.0)
    }

    #[test]
    fn the_largest_wins() {
        two()
            .play(of_cpu(4, 100.0).reading("rps", [900.0]))
            .scales_to(8)
            .says("`rps`")
            .says("the largest of 2 readings");
        two().play(of_cpu(4, 30.0).reading("rps", [450.0])).holds().says("`rps` is 450");
    }

    #[test]
    fn a_missing_one_forbids_to_lower() {
        two().play(of_cpu(4, 30.0)).holds().says("keeps 4").says("`rps` is absent");
        two().play(of_cpu(4, 30.0).stale("rps", [100.0])).holds().says("`rps` is stale");
        two().play(of_cpu(4, 100.0)).scales_to(5).says("`rps` is absent");
    }
}

/// One replica a turn towards a watermark: from 4,000 / 60 to 4,000 / 20 at most.
const TURNS: usize = 150;

fn counts(bench: &mut Bench, first: u32, load: f64, name: &str, is_total: bool) -> Vec<u32> {
    let mut counts = vec![first];
    for _ in 0..TURNS {
        let present = *counts.last().unwrap();
        let value = if is_total { load } else { load / f64::from(present.max(1)) };
        let scene = Scene::new().replicas(present).reading(name, [value]);
        counts.push(bench.play(scene).count().unwrap_or(present));
    }
    counts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever the band, however narrow: on a load shared evenly it comes to rest, and not above its high watermark.
    #[test]
    fn a_shared_load_settles(
        load in 10.0f64..4_000.0, first in 1u32..50, low in 20.0f64..100.0, width in 1.01f64..3.0,
        towards in prop::sample::select(vec!["none", "high", "low"]), multiple in 1i64..4, average in any::<bool>(),
    ) {
        let high = low * width;
        let mut bench = Bench::new().set("reading", "it").set("low", low).set("high", high).set("tolerance", 0.05)
            .set("converge_towards", towards).set("multiple_of", multiple)
            .set("algorithm", if average { "average" } else { "absolute" });
        let counts = counts(&mut bench, first, load, "it", average);
        prop_assert_eq!(counts[TURNS - 10], counts[TURNS], "{:?}", counts);
        prop_assert!(load / f64::from(counts[TURNS]) <= high * 1.05 + 1e-6, "{counts:?}");
    }
}
