use proptest::prelude::*;

use super::*;

fn lowers(played: &Played, cpu_millis: u64, mib: u64) -> bool {
    let (cpu, memory) = asked(played);
    cpu.is_some_and(|millis| millis < cpu_millis) || memory.is_some_and(|new| new < mib)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn never_lowers_on_absent_data(
        past in prop::collection::vec((0.0_f64..5000.0, 0.0_f64..5000.0), 0..20),
        present in (1_u64..5000, 1_u64..5000),
        seen in prop::option::of(0.0_f64..5000.0),
    ) {
        let mut bench = hasty();
        for (hour, (cpu, mib)) in past.iter().enumerate() {
            let scene = scene(2, present.0, present.1).later(HOUR * u32::try_from(hour).unwrap());
            let _ = bench.play(using(scene, &[*cpu], &[*mib]));
        }
        let blind = scene(2, present.0, present.1).later(HOUR * 24);
        let blind = match seen {
            Some(value) => blind.of_instance("i-0", "cpu_millicores", [value]).of_instance("i-0", "memory_bytes", [value * MIB_F]),
            None => blind,
        };
        let played = bench.play(blind);
        prop_assert!(!lowers(&played, present.0, present.1), "{}", played);
    }

    /// As asked, so done: from anywhere it takes one step, and then rests.
    #[test]
    fn constant_use_settles(cpu in 0.0_f64..5000.0, mib in 0.0_f64..5000.0, start in (1_u64..9000, 1_u64..9000)) {
        let (mut bench, mut room, mut changes) = (hasty(), start, 0);
        for hour in 0..40 {
            let played = bench.play(using(scene(2, room.0, room.1).later(HOUR * hour), &[cpu; 4], &[mib; 4]));
            let (new_cpu, new_mib) = asked(&played);
            changes += u32::from(new_cpu.is_some() || new_mib.is_some());
            room = (new_cpu.unwrap_or(room.0), new_mib.unwrap_or(room.1));
        }
        prop_assert!(changes <= 1, "{} changes", changes);
        prop_assert!(room.0 as f64 >= cpu && room.1 as f64 >= mib, "{room:?}");
    }

    #[test]
    fn memory_is_never_cut_below_its_recent_peak(used in prop::collection::vec(1.0_f64..3000.0, 1..40), set_aside in 1_u64..6000) {
        let (mut bench, mut mib) = (hasty().set("ignore", ["cpu"]), set_aside);
        for (hour, one) in used.iter().enumerate() {
            let scene = scene(1, 1, mib).later(HOUR * u32::try_from(hour).unwrap() / 2);
            let played = bench.play(using(scene, &[], &[*one]));
            let peak = used[..=hour].iter().copied().fold(0.0, f64::max);
            // The interval of a day is not over in the first 24 hours.
            if let Some(new) = asked(&played).1 {
                prop_assert!(hour >= 48 || new >= mib || new as f64 >= peak, "{} for a peak of {}", new, peak);
                mib = new;
            }
        }
    }
}
