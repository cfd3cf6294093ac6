//! On a plant in which replicas share a load evenly, it comes to rest within tolerance, whatever the load.

use proptest::prelude::*;
use trimtab_sdk::rehearsal::Scene;

use super::Bench;

fn bench(kind: &str, subject: &str, target: f64) -> Bench {
    Bench::new().set("reading", "it").set("kind", kind).set("subject", subject).set("target", target)
}

/// Plays `turns` moments, each with the replicas that the one before asked for; gives the counts.
fn counts(bench: &mut Bench, first: u32, turns: usize, scene: impl Fn(u32) -> Scene) -> Vec<u32> {
    let mut counts = vec![first];
    for _ in 0..turns {
        let present = *counts.last().unwrap();
        counts.push(bench.play(scene(present)).count().unwrap_or(present));
    }
    counts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_total_settles_in_one_step(load in 0.1f64..10_000.0, target in 0.5f64..500.0, first in 1u32..60) {
        let counts = counts(&mut bench("average-value", "target", target), first, 4, |now| {
            Scene::new().replicas(now).reading("it", [load])
        });
        prop_assert_eq!(counts[1], counts[4]);
        // Above tolerance never; below only by what rounding up to whole replicas leaves.
        let (n, needed) = (f64::from(counts[4]), load / target);
        prop_assert!(n * 1.1 >= needed * (1.0 - 1e-9), "{n} replicas for {needed}");
        prop_assert!(n * 0.9 <= needed || n < needed + 1.0, "{n} replicas for {needed}");
    }

    #[test]
    fn a_figure_settles(load in 1.0f64..5_000.0, target in 1.0f64..200.0, first in 1u32..60) {
        prop_assume!(load / target < 500.0);
        let counts = counts(&mut bench("value", "target", target), first, 12, |now| {
            Scene::new().replicas(now).reading("it", [load / f64::from(now.max(1))])
        });
        prop_assert_eq!(counts[8], counts[12], "{:?}", counts);
        let ratio = load / f64::from(counts[12]) / target;
        prop_assert!(ratio <= 1.1 + 1e-9, "{counts:?}");
    }

    #[test]
    fn utilization_settles(load in 50.0f64..20_000.0, target in 10.0f64..95.0, first in 1u32..40) {
        prop_assume!(load / target < 2_000.0);
        let counts = counts(&mut bench("utilization", "instance", target), first, 12, |now| {
            Scene::new()
                .replicas(now)
                .each_instance(|one| one.requests.cpu_millis = Some(1000))
                .of_each_instance("it", [load / f64::from(now.max(1))])
        });
        prop_assert_eq!(counts[8], counts[12], "{:?}", counts);
        prop_assert!(load / f64::from(counts[12]) <= target * 10.0 * 1.1 + 1e-6, "{counts:?}");
    }

    #[test]
    fn with_a_reading_missing_it_never_lowers(
        load in 0.0f64..1_000.0, present in 1u32..50, stale in any::<bool>(),
    ) {
        let scene = Scene::new().replicas(present).reading("a", [load]);
        let scene = if stale { scene.stale("b", [0.0]) } else { scene };
        let played = Bench::new().set("readings", ["a", "b"]).set("target", 10.0).play(scene);
        prop_assert!(played.count().is_none_or(|count| count > present), "it {played}");
    }
}
