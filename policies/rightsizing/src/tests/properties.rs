use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn never_lowers_on_absent_data(
        present in (1_u64..5000, 1_u64..5000),
        seen in (prop::option::of(0.0_f64..5000.0), prop::option::of(0.0_f64..5000.0)),
        throttled in prop::option::of(0.0_f64..1.0),
        aggregate in prop::sample::select(vec!["max", "mean"]),
    ) {
        let room = resources(present.0, present.1);
        let mut scene = Scene::new().replicas(2).container("main", room, room);
        // The other instance has no sample of anything.
        if let Some(millis) = seen.0 {
            scene = scene.of_instance("i-0", "cpu_millicores", [millis]);
        }
        if let Some(mib) = seen.1 {
            scene = scene.of_instance("i-0", "memory_bytes", [mib * MIB_F]);
        }
        if let Some(share) = throttled {
            scene = scene.of_instance("i-0", "cpu_throttled_ratio", [share]);
        }
        let played = Bench::new().set("aggregate", aggregate).play(scene);
        if let Some(one) = played.resources() {
            prop_assert!(one.requests.cpu_millis.is_none_or(|millis| millis >= present.0), "{}", played);
            prop_assert!(one.requests.memory_bytes.is_none_or(|bytes| bytes >= present.1 * MIB), "{}", played);
        }
    }

    /// As asked, so done: from anywhere it takes one step, and then rests.
    #[test]
    fn constant_use_settles(used in (0.0_f64..5000.0, 0.0_f64..5000.0), start in (1_u64..9000, 1_u64..9000), margin in 0.0_f64..0.3) {
        let (mut bench, mut room, mut changes) = (Bench::new().set("margin", margin), resources(start.0, start.1), 0);
        for _ in 0..4 {
            let scene = Scene::new().replicas(2).container("main", room, room);
            let played = bench.play(using(scene, [used.0; 2], [used.1; 2]));
            if let Some(one) = played.resources() {
                changes += 1;
                room.cpu_millis = one.requests.cpu_millis.or(room.cpu_millis);
                room.memory_bytes = one.requests.memory_bytes.or(room.memory_bytes);
            }
        }
        prop_assert!(changes <= 1, "{} changes", changes);
    }
}
