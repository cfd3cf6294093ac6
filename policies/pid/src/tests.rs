mod bad_input;
mod plant;

use std::time::Duration;

use trimtab_sdk::prelude::*;
use trimtab_sdk::rehearsal::{NOON_MS, Played, Rehearsal, Scene};

use crate::Pid;

type Bench = Rehearsal<Pid>;

/// CPU in percent, to be held at 50.
fn cpu() -> Bench {
    Bench::new().set("reading", "cpu").set("setpoint", 50.0)
}

fn at(seconds: u64, replicas: u32, value: f64) -> Scene {
    Scene::new()
        .later(Duration::from_secs(seconds))
        .replicas(replicas)
        .with_target(|target| (target.limits.replicas_min, target.limits.replicas_max) = (1, 20))
        .reading("cpu", [value])
}

/// The same value again and again, every 15 seconds, with the count that was asked for.
fn constant(bench: &mut Bench, value: f64, first: u32, turns: u64) -> Vec<u32> {
    let mut counts = vec![first];
    for turn in 0..turns {
        let present = *counts.last().unwrap();
        counts.push(bench.play(at(turn * 15, present, value)).count().unwrap_or(present));
    }
    counts
}

mod terms {
    use super::*;

    #[test]
    fn the_proportional_one_acts_at_once() {
        // 100 is an error of 1, of which 0.9 is beyond the deadband: 10 × (1 + 0.5 × 0.9) = 14.5, half up.
        cpu()
            .play(at(0, 10, 100.0))
            .scales_to(15)
            .says("`cpu` is 100, setpoint 50: error 1; integral 10, proportional 4.5, derivative 0, together 14.5: 15");
    }

    #[test]
    fn the_integral_acts_in_time_however_often_it_is_asked() {
        // 60 s at 0.2 beyond the deadband: 10 × e^(0.005 × 0.2 × 60) = 10.618.
        let mut seldom = cpu().set("kp", 0.0);
        seldom.play(at(0, 10, 65.0)).holds();
        seldom.play(at(60, 10, 65.0)).scales_to(11).says("integral 10.618");
        let mut often = cpu().set("kp", 0.0);
        for second in 0..58 {
            often.play(at(second, 10, 65.0)).holds();
        }
        often.play(at(60, 10, 65.0)).scales_to(11).says("integral 10.618");
    }

    #[test]
    fn the_derivative_is_of_the_measurement_and_filtered() {
        let mut bench = cpu().set("kp", 0.0).set("ki", 0.0).set("kd", 60.0);
        bench.play(at(0, 10, 60.0)).holds();
        // From 60 to 90 in 15 s: 2 per second, filtered 2 × 15 / 75 = 0.4, of the span 0.008; × 60 = 0.48.
        bench.play(at(15, 10, 90.0)).scales_to(15).says("derivative 4.8");
        // The same sample again is no news; the slope stays, and then decays.
        bench.play(at(15, 10, 90.0)).says("derivative 4.8");
        bench.play(at(30, 10, 90.0)).says("derivative 3.84");
        // A new setpoint is no change of the measurement.
        bench.set("setpoint", 40.0).play(at(45, 10, 90.0)).says("derivative 3.84");
    }

    #[test]
    fn inverse_action_adds_below_the_setpoint() {
        let idle = || Bench::new().set("reading", "cpu").set("setpoint", 40.0).set("action", "inverse");
        idle().play(at(0, 10, 0.0)).scales_to(15).says("error 1;");
        let mut bench = idle();
        bench.play(at(0, 10, 80.0)).holds().says("error -1;");
        assert!(bench.play(at(15, 10, 80.0)).count().unwrap() < 10);
    }

    #[test]
    fn a_setpoint_of_zero_has_a_span_of_its_own() {
        let mut bench = Bench::new().set("reading", "cpu").set("setpoint", 0.0).set("span", 10.0);
        bench.play(at(0, 10, 10.0)).scales_to(15).says("error 1;");
    }
}

mod rest {
    use super::*;

    #[test]
    fn within_the_deadband_nothing_changes() {
        for value in [45.0, 50.0, 55.0] {
            let counts = constant(&mut cpu(), value, 10, 200);
            assert!(counts.iter().all(|count| *count == 10), "{value}: {counts:?}");
        }
    }

    #[test]
    fn the_last_replicas_are_not_removed_for_less_than_they_carry() {
        // At 2 replicas 30 is an error of −0.4, and one alone would be at 60.
        let counts = constant(&mut cpu(), 30.0, 2, 200);
        assert!(counts.iter().all(|count| *count == 2), "{counts:?}");
        // At 20, one alone would be at 40.
        assert_eq!(constant(&mut cpu(), 20.0, 2, 200).last(), Some(&1));
    }

    #[test]
    fn a_value_that_stays_too_high_goes_one_way_only() {
        let counts = constant(&mut cpu(), 70.0, 3, 400);
        assert!(counts.is_sorted(), "{counts:?}");
        assert_eq!(counts.last(), Some(&20));
    }

    #[test]
    fn a_value_that_stays_too_low_goes_one_way_only() {
        let counts = constant(&mut cpu(), 10.0, 18, 400);
        assert!(counts.is_sorted_by(|before, after| before >= after), "{counts:?}");
        // With one replica left, there is none to remove for −0.8.
        assert_eq!(counts.last(), Some(&1));
    }
}

mod winding_up {
    use super::*;

    #[test]
    fn two_hours_at_the_maximum_are_forgotten_in_two_turns() {
        let mut bench = cpu();
        for turn in 0..480 {
            let _ = bench.play(at(turn * 15, 20, 500.0));
        }
        bench.play(at(7200, 20, 20.0)).scales_to(14).says("integral 19.264, proportional -4.816");
    }

    #[test]
    fn a_spike_that_falls_and_is_not_yet_over_removes_nothing() {
        let mut bench = cpu();
        bench.play(at(0, 4, 500.0)).scales_to(20);
        bench.play(at(15, 20, 70.0)).holds().says("not lowered while there is too little");
    }

    #[test]
    fn what_the_bounds_hold_back_is_not_added_up() {
        // A cooldown of an hour: the wish stays near the count that is there.
        let mut bench = cpu();
        let wishes: Vec<u32> = (0..240).map(|turn| bench.play(at(turn * 15, 4, 75.0)).count().unwrap_or(4)).collect();
        assert!(wishes.iter().all(|wish| *wish <= 8), "{wishes:?}");
        assert_eq!(wishes[120], wishes[239]);
    }

    #[test]
    fn a_count_that_a_person_set_is_taken_over() {
        let mut bench = cpu();
        bench.play(at(0, 4, 50.0)).holds();
        for turn in 1..20 {
            bench.play(at(turn * 15, 12, 50.0)).holds().says("within the deadband");
        }
        // As far as rounding tells the two apart.
        bench.play(at(300, 12, 50.0)).says("integral 11.4");
    }

    #[test]
    fn bounds_that_move_take_the_integral_along() {
        let mut bench = cpu();
        bench.play(at(0, 12, 50.0)).holds();
        let narrow = at(15, 12, 60.0).with_target(|target| target.limits.replicas_max = 6);
        bench.play(narrow).says("integral 6,");
    }
}

mod memory {
    use super::*;

    fn says_anew(played: Played) -> Played {
        played.holds().says("begins anew")
    }

    #[test]
    fn a_beginning_removes_nothing_at_once() {
        let mut bench = cpu();
        says_anew(bench.play(at(0, 10, 10.0)));
        assert!(bench.play(at(15, 10, 10.0)).count().unwrap() < 10);
    }

    #[test]
    fn damaged_memory_is_a_beginning() {
        let mut bench = cpu();
        bench.set_memory([7, 7, 7]);
        says_anew(bench.play(at(0, 10, 10.0)));
        let _ = bench.play(at(15, 10, 50.0));
        let mut bytes = bench.memory().to_vec();
        bytes[12] ^= 1;
        bench.set_memory(bytes);
        says_anew(bench.play(at(30, 10, 10.0)).says("is damaged"));
    }

    #[test]
    fn a_gap_is_a_beginning_and_is_not_integrated_over() {
        let mut bench = cpu().set("kp", 0.0);
        bench.play(at(0, 10, 60.0)).holds();
        bench.play(at(7200, 10, 60.0)).says("integral 10,");
        bench.play(at(7215, 10, 60.0)).says("integral 10.07");
    }

    #[test]
    fn it_is_small() {
        let mut bench = cpu();
        let _ = bench.play(at(0, 10, 60.0));
        assert!(bench.memory().len() <= 64, "{}", bench.memory().len());
    }
}
