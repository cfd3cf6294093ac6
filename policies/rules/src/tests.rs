mod bad_input;
mod compat;
mod decisions;
mod language;
mod over_time;
mod properties;
mod unknown;

use trimtab_sdk::prelude::*;
use trimtab_sdk::rehearsal::{Played, Rehearsal, Scene};

use crate::Rules;

type Bench = Rehearsal<Rules>;

fn bench<const N: usize>(rules: [&str; N]) -> Bench {
    Bench::new().set("rules", rules)
}

/// What one rule, alone, makes of a scene.
fn play(rule: &str, scene: Scene) -> Played {
    bench([rule]).play(scene)
}

/// So many instances with a reading of `cpu` each.
fn of_cpu(values: &[f64]) -> Scene {
    let count = u32::try_from(values.len()).unwrap();
    (0..).zip(values).fold(Scene::new().replicas(count), |scene, (index, value)| {
        scene.of_instance(&format!("i-{index}"), "cpu", [*value])
    })
}

/// Asserts that the rule holds of the scene, or does not.
#[track_caller]
fn is_so(condition: &str, scene: Scene, expected: bool) {
    let played = play(&format!("+1 when {condition}"), scene);
    let raises = played.count().is_some();
    assert!(raises || !played.proposals().is_empty(), "`{condition}` is not known: it {played}");
    assert_eq!(raises, expected, "`{condition}`: it {played}");
}

/// Asserts that nothing can be said of the condition.
#[track_caller]
fn is_unknown(condition: &str, scene: Scene) -> Played {
    play(&format!("-1 when {condition}"), scene.clone()).refuses(RefusalKind::ReadingMissing);
    play(&format!("+1 when {condition}"), scene).refuses(RefusalKind::ReadingMissing)
}
