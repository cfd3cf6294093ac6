use std::time::Duration;

use proptest::prelude::*;
use trimtab_sdk::prelude::*;
use trimtab_sdk::rehearsal::{NOON_MS, Played, Rehearsal, Scene};
use trimtab_sdk::wire::Value;

use crate::PanicWindow;

type Bench = Rehearsal<PanicWindow>;

/// Ten requests in flight for each replica, of which it is to take seven.
fn bench() -> Bench {
    Bench::new().set("target", 10.0)
}

/// A bench whose start lies more than a stable window back: without the panic that it begins with.
fn seasoned(mut bench: Bench) -> Bench {
    let _ = bench.play(Scene::new().replicas(1).at_ms(NOON_MS - 7_200_000).reading("concurrency", [1.0]));
    bench
}

/// The same load for a minute and a half before, and another in the last six seconds, sampled each two seconds.
fn of(replicas: u32, long: f64, short: f64) -> Scene {
    let mut values = vec![long; 46];
    values[42..].fill(short);
    Scene::new().replicas(replicas).step(Duration::from_secs(2)).reading("concurrency", values)
}

fn later(scene: Scene, seconds: u64) -> Scene {
    scene.later(Duration::from_secs(seconds))
}

fn spare(played: &Played) -> f64 {
    let attrs = &played.answer().attrs;
    match attrs.iter().find(|(name, _)| name == "excess_burst_capacity") {
        Some((_, Value::Num(spare))) => *spare,
        _ => panic!("{played}"),
    }
}

mod stable {
    use super::*;

    #[test]
    fn follows_the_long_average() {
        let mut bench = seasoned(bench());
        bench
            .play(of(5, 42.0, 42.0))
            .scales_to(6)
            .says("`concurrency` is 42 over 60s and 42 over 6s, 7 for each replica: 6 and 6");
        bench.play(of(6, 42.0, 42.0)).holds();
        bench.play(of(6, 28.0, 28.0)).scales_to(4);
        // A surge below twice what serves is left to the long average.
        bench.play(of(6, 42.0, 60.0)).scales_to(7);
    }

    #[test]
    fn goes_down_by_half_at_most_and_up_by_the_rate() {
        let mut slow = seasoned(bench());
        slow.play(of(9, 7.0, 7.0)).scales_to(4);
        slow.play(of(9, 7.0, 7.0).with_target(|target| target.desired = 11)).scales_to(5);
        let mut steep = seasoned(bench().set("max_scale_up_rate", 1.1).set("panic_threshold_percent", 1000.0));
        steep.play(of(2, 70.0, 70.0)).scales_to(3);
    }

    #[test]
    fn goes_to_zero_after_a_whole_window_of_nothing() {
        let mut bench = seasoned(bench());
        bench.play(of(1, 0.0, 0.0)).scales_to(0);
        bench.play(of(1, 0.0, 0.1)).holds();
        bench.play(of(1, 0.1, 0.0)).holds();
        let half = Scene::new().replicas(1).step(Duration::from_secs(10)).reading("concurrency", [0.0; 5]);
        bench.play(half).holds().says("do not reach back over the stable window");
        bench.play(of(0, 0.0, 0.0)).holds();
    }

    #[test]
    fn wakes_to_the_activation_scale() {
        let mut bench = seasoned(bench().set("activation_scale", 3));
        bench.play(of(0, 0.0, 0.5)).scales_to(3);
        bench.play(of(8, 5.0, 5.0)).scales_to(4);
        bench.play(of(4, 5.0, 5.0)).scales_to(3);
        bench.play(of(1, 0.0, 0.0)).scales_to(0);
    }

    #[test]
    fn adds_up_instances() {
        let mut bench = seasoned(bench()).set("subject", "instance");
        let scene = Scene::new().replicas(3).of_each_instance("concurrency", vec![10.0; 10]);
        bench.play(scene.clone()).scales_to(5);
        let gone = scene.with_instance("i-0", |one| one.phase = Phase::Draining.number());
        bench.play(gone.with_target(|target| target.desired = 2)).scales_to(3);
        bench.play(Scene::new().replicas(0)).holds().says("none serves");
    }
}

mod panic {
    use super::*;

    #[test]
    fn begins_at_twice_what_serves() {
        let mut bench = seasoned(bench());
        bench.play(of(3, 17.0, 35.0)).holds();
        let played = bench.play(of(3, 17.0, 36.0)).scales_to(6);
        let _ = played.says("panic, from 200% of those ready: `concurrency`").says("the greatest is 6");
        bench.play(later(of(6, 40.0, 80.0), 2)).scales_to(12);
    }

    #[test]
    fn holds_the_greatest_until_a_stable_window_has_passed_without() {
        let mut bench = seasoned(bench());
        bench.play(of(3, 20.0, 80.0)).scales_to(12);
        bench
            .play(later(of(12, 30.0, 30.0), 30))
            .holds()
            .says("panic lasts 60s more than its cause")
            .says("the greatest is 12");
        bench.play(later(of(12, 30.0, 30.0), 60)).holds();
        bench.play(later(of(12, 30.0, 30.0), 61)).scales_to(6);
        bench.play(later(of(6, 30.0, 30.0), 62)).scales_to(5);
    }

    #[test]
    fn is_lengthened_while_load_is_above() {
        let mut bench = seasoned(bench());
        bench.play(of(3, 20.0, 80.0)).scales_to(12);
        bench.play(later(of(3, 20.0, 80.0).with_target(|target| target.desired = 12), 50)).holds();
        bench.play(later(of(12, 30.0, 30.0), 110)).holds();
        bench.play(later(of(12, 30.0, 30.0), 111)).scales_to(6);
    }

    #[test]
    fn never_lowers_what_is_not_ready_yet() {
        let mut bench = seasoned(bench());
        let starting = of(10, 20.0, 30.0).with_target(|target| target.ready = 2);
        bench.play(starting).holds().says("the greatest is 10");
    }

    #[test]
    fn takes_the_long_average_where_that_is_larger() {
        let mut bench = seasoned(bench());
        bench.play(of(3, 20.0, 80.0)).scales_to(12);
        bench.play(later(of(12, 100.0, 40.0), 10)).scales_to(14);
    }

    #[test]
    fn comes_from_zero_as_from_one() {
        let mut bench = seasoned(bench());
        bench.play(of(0, 0.0, 7.0)).scales_to(1);
        bench.play(later(of(0, 0.0, 14.0), 1)).scales_to(2).says("panic");
    }

    #[test]
    fn is_where_it_begins_with_several_replicas() {
        bench().play(of(8, 7.0, 7.0)).holds().says("panic lasts").says("the greatest is 8");
        bench().play(of(1, 0.0, 0.0)).scales_to(0);
        let mut bench = bench();
        bench.play(of(8, 7.0, 7.0)).holds();
        bench.play(later(of(8, 7.0, 7.0), 61)).scales_to(4);
    }

    #[test]
    fn has_windows_in_time() {
        let mut bench =
            seasoned(bench().set("stable_window", Duration::from_secs(600)).set("panic_window_percent", 50.0));
        let played = bench.play(of(3, 17.0, 36.0)).holds();
        let _ = played.says("over 600s").says("over 300s");
        assert_eq!(bench.bind().unwrap()[0].look_back_ms, 900_000);
    }
}

mod burst {
    use super::*;

    #[test]
    fn capacity_is_told() {
        let mut bench = seasoned(Bench::new());
        assert!((spare(&bench.play(of(5, 100.0, 100.0))) - 189.0).abs() < 1e-9);
        assert!((spare(&bench.play(of(2, 100.0, 130.5))) + 142.0).abs() < 1e-9);
        let mut none = seasoned(Bench::new().set("burst_capacity", 0.0));
        assert!(spare(&none.play(of(5, 100.0, 100.0))).abs() < 1e-9);
        let mut any = seasoned(Bench::new().set("burst_capacity", -1.0));
        assert!((spare(&any.play(of(5, 100.0, 100.0))) + 1.0).abs() < 1e-9);
    }
}

mod bad_input {
    use super::*;

    #[test]
    fn absent_and_stale_are_never_zero() {
        let mut bench = seasoned(bench());
        bench.play(Scene::new().replicas(3)).refuses(RefusalKind::ReadingMissing).says("`concurrency` is absent");
        let stale = Scene::new().replicas(3).stale("concurrency", vec![0.0; 10]);
        bench.play(stale).refuses(RefusalKind::ReadingMissing).says("`concurrency` is stale");
        let mut each = bench.set("subject", "instance");
        let scene = Scene::new().replicas(2).stale_of_instance("i-0", "concurrency", vec![0.0; 10]);
        each.play(scene).refuses(RefusalKind::ReadingMissing).says("none of 2 instances");
    }

    #[test]
    fn a_missing_instance_forbids_to_lower() {
        let mut bench = seasoned(bench()).set("subject", "instance");
        let scene = |load: f64| {
            let known = Scene::new().replicas(4).of_instance("i-0", "concurrency", vec![load; 10]);
            known.stale_of_instance("i-1", "concurrency", vec![0.0; 10])
        };
        bench.play(scene(7.0)).holds().says("keeps 4").says("3 instances have no fresh sample");
        bench.play(scene(35.0)).scales_to(5);
    }

    #[test]
    fn one_sample_may_raise_but_not_lower() {
        let mut bench = seasoned(bench());
        let one = |replicas, load: f64| Scene::new().replicas(replicas).reading("concurrency", [load]);
        bench.play(one(4, 7.0)).holds().says("less than half of the stable window");
        bench.play(one(4, 35.0)).scales_to(5);
        let young = Scene::new().replicas(4).step(Duration::from_secs(5)).reading("concurrency", [7.0; 4]);
        bench.play(young).holds().says("less than half");
    }

    #[test]
    fn hostile_numbers_stay_within_reason() {
        let mut bench = seasoned(bench());
        bench.play(of(4, f64::NAN, f64::NAN)).refuses(RefusalKind::ReadingMissing);
        bench.play(of(4, -5.0, -1e300)).scales_to(2);
        bench.play(of(4, 1e300, 1e300)).scales_to(4000);
    }

    #[test]
    fn reversed_times_lower_nothing() {
        let mut bench = seasoned(bench());
        let reversed = [(NOON_MS, 0.0), (NOON_MS - 70_000, 0.0)];
        bench.play(Scene::new().replicas(4).reading_at("concurrency", reversed)).holds();
    }

    #[test]
    fn a_crowd_of_which_none_is_ready_is_kept() {
        let mut bench = seasoned(bench());
        let dead = of(4, 0.0, 0.0).with_target(|target| target.ready = 0);
        bench.play(dead).holds().says("none is ready");
    }

    #[test]
    fn lost_or_damaged_memory_lowers_nothing_for_a_window() {
        let mut bench = seasoned(bench());
        bench.play(of(3, 20.0, 80.0)).scales_to(12);
        for bytes in [vec![], vec![1, 2, 3]] {
            bench.set_memory(bytes);
            bench.play(later(of(12, 7.0, 7.0), 10)).holds();
        }
        bench.play(later(of(12, 7.0, 7.0), 71)).scales_to(6);
    }

    #[test]
    fn a_clock_set_back_does_not_lengthen_panic() {
        let mut bench = seasoned(bench());
        bench.play(later(of(3, 20.0, 80.0), 86_400)).scales_to(12);
        bench.play(of(12, 7.0, 7.0)).holds();
        bench.play(later(of(12, 7.0, 7.0), 61)).scales_to(6);
    }

    #[test]
    fn parameters_out_of_range_are_refused_when_the_binding_is_made() {
        for (name, value) in [
            ("target", 0.0),
            ("utilization", 0.0),
            ("max_scale_down_rate", 1.0),
            ("max_scale_up_rate", 1.0),
            ("panic_threshold_percent", 100.0),
            ("panic_window_percent", 0.0),
            ("burst_capacity", -2.0),
        ] {
            assert!(Bench::new().set(name, value).bind().unwrap_err().text.contains("not within"), "{name}");
        }
        assert!(Bench::new().set("stable_window", Duration::from_secs(5)).bind().is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn constant_load_settles(load in 0.0f64..2000.0, replicas in 0u32..300) {
        let mut bench = bench();
        let (mut count, mut changed_s) = (replicas, 0);
        for second in (0..600).step_by(10) {
            let next = bench.play(later(of(count, load, load), second)).count().unwrap_or(count);
            if next != count {
                (count, changed_s) = (next, second);
            }
        }
        prop_assert!(changed_s <= 180, "still changed after {} s", changed_s);
        prop_assert_eq!(count, replicas_for(load / 7.0));
    }
}

fn replicas_for(wish: f64) -> u32 {
    trimtab_sdk::replicas(wish)
}
