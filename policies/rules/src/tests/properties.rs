use proptest::prelude::*;

use super::*;

const RULES: [&str; 6] = [
    "+1 when max(cpu) >= 80 and load > 3",
    "x1.5 when mean(cpu) > 60 or load > 9",
    "-1 when all(cpu) < 40 and load < 5",
    "x0.5 when p90(cpu) < 10",
    "to 3 when load in 4..6",
    "-2 when min(cpu) <= 5 or load = 0",
];

fn scene(cpu: &[Option<f64>], load: Option<f64>) -> Scene {
    let count = u32::try_from(cpu.len()).unwrap();
    let scene = (0..).zip(cpu).fold(Scene::new().replicas(count), |scene, (index, value)| match value {
        Some(value) => scene.of_instance(&format!("i-{index}"), "cpu", [*value]),
        None => scene.stale_of_instance(&format!("i-{index}"), "cpu", [1.0]),
    });
    load.map_or(scene.clone(), |load| scene.reading("load", [load]))
}

fn cpu() -> impl Strategy<Value = Vec<Option<f64>>> {
    prop::collection::vec(prop::option::weighted(0.8, 0.0..100.0), 1..6)
}

proptest! {
    #[test]
    fn nothing_is_lowered_while_anything_is_missing(
        cpu in cpu(),
        load in prop::option::of(0.0..12.0),
        chosen in prop::sample::subsequence(RULES.to_vec(), 1..6),
    ) {
        let count = u32::try_from(cpu.len()).unwrap();
        let rules = chosen.join("\n");
        let uses_cpu = rules.contains("cpu");
        let uses_load = rules.contains("load");
        let is_missing = (uses_cpu && cpu.iter().any(Option::is_none)) || (uses_load && load.is_none());
        let played = Bench::new().set("rules", chosen).play(scene(&cpu, load));
        prop_assert!(!is_missing || played.count().is_none_or(|to| to > count), "{played}");
    }

    #[test]
    fn constant_input_comes_to_rest(load in 0.0..12.0, chosen in prop::sample::subsequence(RULES.to_vec(), 1..6)) {
        let rules: Vec<&str> = chosen.into_iter().filter(|rule| !rule.contains("cpu")).collect();
        prop_assume!(!rules.is_empty());
        let mut count = 5u32;
        let mut turns = Vec::new();
        for _ in 0..40 {
            let scene = Scene::new().replicas(count).reading("load", [load]);
            count = Bench::new().set("rules", rules.clone()).play(scene).count().unwrap_or(count).clamp(1, 10);
            turns.push(count);
        }
        prop_assert_eq!(turns[38], turns[39]);
        let directions: Vec<bool> = turns.windows(2).filter(|pair| pair[0] != pair[1]).map(|pair| pair[1] > pair[0]).collect();
        prop_assert!(directions.windows(2).all(|pair| pair[0] == pair[1]), "{:?}", turns);
    }

    #[test]
    fn what_is_typed_by_chance_does_no_harm(text in "[-+x0-9a-z_ ()<>=%.'`]{0,40}") {
        let _ = bench([text.as_str()]).play(of_cpu(&[1.0]));
        let _ = bench([&*format!("+1 when {text}")]).play(of_cpu(&[1.0]));
    }
}
