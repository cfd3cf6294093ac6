use std::time::Duration;

use proptest::prelude::*;
use trimtab_sdk::prelude::*;
use trimtab_sdk::rehearsal::{NOON_MS, Rehearsal, Scene};

use crate::QueueDepth;

type Bench = Rehearsal<QueueDepth>;

/// Twenty orders for each replica.
fn orders() -> Bench {
    Bench::new().set("reading", "orders").set("per_instance", 20.0)
}

/// So many orders, the same for seven minutes.
fn of_orders(replicas: u32, waiting: f64) -> Scene {
    Scene::new().replicas(replicas).reading("orders", vec![waiting; 30])
}

/// Worked off within a minute, at two a second by each replica.
fn drained() -> Bench {
    Bench::new().set("reading", "orders").set("drain_time", Duration::from_secs(60)).set("service_rate", 2.0)
}

mod backlog_per_replica {
    use super::*;

    #[test]
    fn sizes_the_consumers() {
        let mut bench = orders();
        bench.play(of_orders(2, 130.0)).scales_to(7).says("130 waiting, 20 for each replica: 7");
        bench.play(of_orders(7, 140.0)).holds();
        bench.play(of_orders(7, 30.0)).scales_to(2);
        bench.play(of_orders(7, 1.0)).scales_to(1);
    }

    #[test]
    fn adds_up_queues_and_what_is_in_flight() {
        let mut bench = orders().set("readings", ["returns"]).set("in_flight_reading", "taken");
        let scene = of_orders(1, 50.0).reading("returns", [30.0]).reading("taken", [21.0]);
        bench.play(scene).scales_to(6).says("101 waiting");
    }
}

mod time_to_drain {
    use super::*;

    #[test]
    fn counts_what_waits_and_what_arrives() {
        drained()
            .play(of_orders(1, 600.0))
            .scales_to(5)
            .says("600 waiting to be done in 60s and 0/s arriving, 2/s by each replica: 5");
        let mut both = drained().set("arrival_rate_reading", "arriving");
        both.play(of_orders(1, 600.0).reading("arriving", [7.0])).scales_to(9);
        both.play(of_orders(9, 0.0).reading("arriving", [7.0])).scales_to(4);
    }

    #[test]
    fn takes_the_rate_that_is_measured() {
        let mut bench = drained().set("service_rate_reading", "each_does");
        bench.play(of_orders(1, 600.0).reading("each_does", [5.0])).scales_to(2);
        bench.play(of_orders(1, 600.0).reading("each_does", [0.0])).scales_to(5);
        let old = of_orders(9, 600.0).stale("each_does", [5.0]);
        bench.play(old.clone()).holds().says("forbids to lower").says("`each_does` is stale");
        bench.play(old.replicas(1)).scales_to(5);
        let mut alone = Bench::new()
            .set("reading", "orders")
            .set("drain_time", Duration::from_secs(60))
            .set("service_rate_reading", "each_does");
        alone
            .play(of_orders(3, 600.0).reading("each_does", [0.0]))
            .refuses(RefusalKind::ReadingMissing)
            .says("`each_does` is 0");
        alone.play(of_orders(3, 0.0).reading("each_does", [0.0])).scales_to(0);
    }

    #[test]
    fn the_greater_of_both_rules_counts() {
        drained().set("per_instance", 50.0).play(of_orders(1, 600.0)).scales_to(12).says("50 for each");
        drained().set("per_instance", 500.0).play(of_orders(1, 600.0)).scales_to(5).says("60s");
    }
}

mod zero {
    use super::*;

    #[test]
    fn is_left_at_once_above_activation() {
        let mut bench = orders().set("activation", 5.0);
        bench.play(of_orders(0, 0.0)).holds();
        bench.play(of_orders(0, 5.0)).holds().says("up to 5 wakes nothing");
        bench.play(Scene::new().replicas(0).reading("orders", [6.0])).scales_to(1);
        bench.play(of_orders(0, 130.0)).scales_to(7);
    }

    #[test]
    fn is_reached_once_the_queue_was_empty_long_enough() {
        let mut bench = orders();
        bench.play(of_orders(3, 0.0)).scales_to(0).says("up to 0 for 300s: none");
        let mut lately = vec![0.0; 30];
        lately[20] = 1.0;
        let served = |values: &[f64]| Scene::new().replicas(3).reading("orders", values);
        bench.play(served(&lately)).scales_to(1).says("not known to be up to 0 for 300s: one stays");
        lately[20] = 0.0;
        lately[1] = 40.0;
        bench.play(served(&lately)).scales_to(0);
        orders().set("activation", 5.0).play(of_orders(1, 4.0)).scales_to(0);
        orders().set("idle_for", Duration::ZERO).play(served(&[0.0])).scales_to(0);
    }

    #[test]
    fn is_not_reached_over_a_hole() {
        let mut bench = orders();
        let at = |minutes_ago: &[u64]| {
            let samples: Vec<(u64, f64)> = minutes_ago.iter().map(|ago| (NOON_MS - ago * 60_000, 0.0)).collect();
            Scene::new().replicas(1).reading_at("orders", samples)
        };
        bench.play(at(&[6, 4, 2, 0])).scales_to(0);
        bench.play(at(&[6, 3, 0])).holds();
        bench.play(at(&[4, 2, 0])).holds().says("one stays");
        bench.play(at(&[5, 3, 1])).scales_to(0);
    }

    #[test]
    fn waits_for_every_queue() {
        let mut bench = orders().set("in_flight_reading", "taken");
        bench.play(of_orders(1, 0.0).reading("taken", vec![0.0; 30])).scales_to(0);
        bench.play(of_orders(1, 0.0).reading("taken", [0.0])).holds();
        bench.play(of_orders(1, 0.0).reading("taken", [1.0])).holds();
    }

    #[test]
    fn is_not_reached_while_messages_arrive() {
        let mut bench = drained().set("arrival_rate_reading", "arriving");
        bench.play(of_orders(1, 0.0).reading("arriving", [1.0])).holds();
        bench.play(of_orders(1, 0.0).reading("arriving", [0.0])).scales_to(0);
        bench.play(of_orders(0, 0.0).reading("arriving", [0.1])).scales_to(1);
    }
}

mod age_of_the_oldest {
    use super::*;

    fn aged() -> Bench {
        orders().set("age_reading", "age").set("age_target", Duration::from_secs(100))
    }

    #[test]
    fn adds_replicas_and_removes_none() {
        let mut bench = aged();
        bench.play(of_orders(4, 20.0).reading("age", [150.0])).scales_to(6).says("`age` is 150s, target 100s: 6");
        bench.play(of_orders(4, 20.0).reading("age", [9000.0])).scales_to(8);
        bench.play(of_orders(4, 20.0).reading("age", [150.0, 120.0])).holds().says("and falling: 4");
        bench.play(of_orders(4, 20.0).reading("age", [100.0])).scales_to(1);
        bench.play(of_orders(4, 200.0).reading("age", [150.0])).scales_to(10);
    }

    #[test]
    fn waits_for_those_that_start() {
        let scene = of_orders(8, 20.0).with_target(|target| target.ready = 4);
        aged().play(scene.reading("age", [180.0])).holds();
    }

    #[test]
    fn wakes_what_sleeps() {
        let mut bench = aged().set("activation", 5.0);
        bench.play(of_orders(0, 2.0).reading("age", [99.0])).holds();
        bench.play(of_orders(0, 2.0).reading("age", [101.0])).scales_to(1);
        bench.play(of_orders(1, 2.0).reading("age", [101.0])).scales_to(2);
    }
}

mod bad_input {
    use super::*;

    #[test]
    fn absent_and_stale_are_never_empty() {
        let mut bench = orders();
        bench.play(Scene::new().replicas(3)).refuses(RefusalKind::ReadingMissing).says("reading `orders` is absent");
        let stale = Scene::new().replicas(3).stale("orders", vec![0.0; 30]);
        bench.play(stale).refuses(RefusalKind::ReadingMissing).says("`orders` is stale");
    }

    #[test]
    fn with_a_part_missing_the_rest_may_raise() {
        let mut bench = orders().set("readings", ["returns"]);
        bench.play(of_orders(3, 100.0)).scales_to(5).says("note: reading `returns` is absent");
        bench.play(of_orders(3, 10.0)).holds().says("keeps 3").says("forbids to lower");
        bench.play(of_orders(3, 0.0).stale("returns", vec![0.0; 30])).holds();
        bench.play(of_orders(0, 0.0)).holds();
        let mut arriving = drained().set("arrival_rate_reading", "arriving");
        arriving.play(Scene::new().replicas(1).reading("arriving", [7.0])).scales_to(4);
        arriving.play(Scene::new().replicas(9).reading("arriving", [7.0])).holds();
        arriving.play(of_orders(9, 60.0)).holds().says("`arriving` is absent");
        let mut aged = orders().set("age_reading", "age").set("age_target", Duration::from_secs(100));
        aged.play(of_orders(9, 60.0)).holds().says("`age` is absent");
    }

    #[test]
    fn not_a_number_is_not_known() {
        let mut bench = orders();
        bench.play(of_orders(3, f64::NAN)).refuses(RefusalKind::ReadingMissing);
        bench.play(of_orders(3, f64::INFINITY)).refuses(RefusalKind::ReadingMissing);
        bench.play(of_orders(3, -7.0)).scales_to(0);
    }

    #[test]
    fn one_sample_and_reversed_times_prove_no_idleness() {
        let mut bench = orders();
        bench.play(Scene::new().replicas(3).reading("orders", [0.0])).scales_to(1);
        let reversed = [(NOON_MS, 0.0), (NOON_MS - 200_000, 0.0), (NOON_MS - 100_000, 0.0)];
        bench.play(Scene::new().replicas(1).reading_at("orders", reversed)).holds();
        let ahead = [(NOON_MS + 60_000, 0.0), (NOON_MS + 120_000, 0.0)];
        bench.play(Scene::new().replicas(1).reading_at("orders", ahead)).holds();
    }

    #[test]
    fn contradictions_are_refused_when_the_binding_is_made() {
        let refuses = |bench: Bench, text: &str| {
            let refusal = bench.bind().unwrap_err();
            assert!(refusal.kind == "parameter-wrong" && refusal.text.contains(text), "{}", refusal.text);
        };
        refuses(Bench::new().set("per_instance", 1.0), "neither `reading` nor `readings`");
        refuses(Bench::new().set("reading", "orders"), "neither `per_instance` nor `drain_time`");
        refuses(
            Bench::new().set("reading", "orders").set("drain_time", Duration::from_secs(9)),
            "needs `service_rate`",
        );
        refuses(orders().set("service_rate", 1.0), "need `drain_time`");
        refuses(orders().set("arrival_rate_reading", "a"), "`arrival_rate_reading` needs `drain_time`");
        refuses(orders().set("age_reading", "a"), "`age_reading` and `age_target`");
        refuses(orders().set("age_target", Duration::from_secs(9)), "`age_reading` and `age_target`");
        refuses(orders().set("per_instance", 0.0), "not within");
        refuses(drained().set("service_rate", 0.0), "not within");
    }

    #[test]
    fn needs_look_back_over_idleness_and_a_hole() {
        let looks =
            |idle_for: u64| orders().set("idle_for", Duration::from_secs(idle_for)).bind().unwrap()[0].look_back_ms;
        assert_eq!((looks(300), looks(30), looks(0)), (450_000, 90_000, 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn constant_input_settles_in_two_moves(waiting in 0.0f64..500.0, age in 0.0f64..100.0, replicas in 0u32..60, activation in 0.0f64..50.0) {
        let mut bench = drained().set("per_instance", 20.0).set("activation", activation);
        bench = bench.set("age_reading", "age").set("age_target", Duration::from_secs(100));
        let play = |bench: &mut Bench, count| {
            bench.play(of_orders(count, waiting).reading("age", [age, age])).count().unwrap_or(count)
        };
        let first = play(&mut bench, replicas);
        let second = play(&mut bench, first);
        prop_assert_eq!(play(&mut bench, second), second);
    }

    #[test]
    fn nothing_missing_lowers(waiting in 0.0f64..500.0, which in 0usize..4, replicas in 1u32..60) {
        let mut bench = drained().set("service_rate_reading", "each_does").set("arrival_rate_reading", "arriving");
        bench = bench.set("age_reading", "age").set("age_target", Duration::from_secs(100));
        let mut scene = Scene::new().replicas(replicas);
        let given = [("orders", vec![waiting; 30]), ("each_does", vec![3.0]), ("arriving", vec![0.0]), ("age", vec![5.0])];
        for (index, (name, values)) in given.into_iter().enumerate() {
            scene = if index == which { scene.stale(name, values) } else { scene.reading(name, values) };
        }
        let played = bench.play(scene);
        prop_assert!(played.count().is_none_or(|count| count >= replicas), "{}", played);
    }
}
