//! Plants to control: replicas share a load, and what is measured follows with a delay of first order.

use std::time::Duration;

use proptest::prelude::*;
use trimtab_sdk::rehearsal::Scene;

use super::{Bench, cpu};

const TURN_SECONDS: f64 = 15.0;

/// `load` shared by the replicas; the measurement follows with the time constant `lag` (start-up and averaging together).
struct Plant {
    load: f64,
    lag: f64,
    value: f64,
    count: u32,
    turn: u64,
}

impl Plant {
    fn settled(load: f64, lag: f64, count: u32) -> Self {
        Self { load, lag, value: load / f64::from(count), count, turn: 0 }
    }

    /// Plays so many turns, and gives the counts.
    fn play(&mut self, bench: &mut Bench, turns: u32) -> Vec<u32> {
        (0..turns)
            .map(|_| {
                let scene = Scene::new()
                    .later(Duration::from_secs(self.turn * 15))
                    .replicas(self.count)
                    .with_target(|target| (target.limits.replicas_min, target.limits.replicas_max) = (1, 500))
                    .reading("cpu", [self.value]);
                self.count = bench.play(scene).count().unwrap_or(self.count);
                let aim = self.load / f64::from(self.count.max(1));
                self.value += (aim - self.value) * (1.0 - (-TURN_SECONDS / self.lag).exp());
                self.turn += 1;
                self.count
            })
            .collect()
    }
}

/// Within the deadband; or below, by less than the last replica carries. Two hundredths more are forgiven: so near the edge, the
/// integral takes hours.
fn is_settled(plant: &Plant) -> bool {
    let error = plant.load / f64::from(plant.count) / 50.0 - 1.0;
    let below = 0.1f64.max(1.0 / f64::from(plant.count));
    -below - 0.02 <= error && error <= 0.12
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The default gains, from any count to any load within an hour, and no more than one late step after it.
    #[test]
    fn the_default_gains_settle(first in 1u32..60, needed in 1.0f64..60.0, lag in 15.0f64..180.0) {
        let mut plant = Plant::settled(needed * 50.0, lag, first);
        let mut bench = cpu();
        let on_the_way = plant.play(&mut bench, 240);
        prop_assert!(is_settled(&plant), "{} at {}: {on_the_way:?}", plant.count, plant.load);
        let after = plant.play(&mut bench, 480);
        let steps = after.windows(2).filter(|pair| pair[0] != pair[1]).count();
        prop_assert!(steps <= 1, "{on_the_way:?} {after:?}");
    }

    /// However long and however far it was saturated: the very next turn that shows less lowers. What is left is followed in
    /// half an hour to about a fifth, and in an hour as from anywhere else.
    #[test]
    fn saturation_is_forgotten(hours in 1u32..4, excess in 2.0f64..30.0, needed in 2.0f64..100.0) {
        let mut plant = Plant::settled(500.0 * 50.0 * excess, 30.0, 500);
        let mut bench = cpu();
        let _ = plant.play(&mut bench, hours * 240);
        prop_assert_eq!(plant.count, 500);
        (plant.load, plant.value) = (needed * 50.0, needed * 50.0 / 500.0);
        let counts = plant.play(&mut bench, 120);
        prop_assert!(counts[0] < 500, "{counts:?}");
        prop_assert!(f64::from(plant.count) <= needed * 1.2 + 1.5, "{} for {needed}: {counts:?}", plant.count);
        let counts = plant.play(&mut bench, 120);
        prop_assert!(is_settled(&plant), "{} for {needed}: {counts:?}", plant.count);
    }
}
