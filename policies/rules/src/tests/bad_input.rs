use trimtab_sdk::rehearsal::NOON_MS;

use super::*;

const BOTH: [&str; 2] = ["+1 when load >= 80", "-1 when load <= 30"];

#[test]
fn absent_stale_and_not_a_number_are_refused() {
    for scene in [Scene::new(), Scene::new().stale("load", [1.0]), Scene::new().reading("load", [f64::NAN])] {
        bench(BOTH).play(scene).refuses(RefusalKind::ReadingMissing).says("reading `load` is absent or stale");
    }
}

#[test]
fn a_single_sample_is_enough_without_for_and_too_little_with() {
    bench(BOTH).play(Scene::new().reading("load", [90.0])).scales_to(2);
    play("-1 when load <= 30 for 1m", Scene::new().reading("load", [1.0])).refuses(RefusalKind::ReadingMissing);
}

#[test]
fn reversed_times_are_no_past() {
    let minutes = |ago: u64| NOON_MS - 60_000 * ago;
    let reversed = [(minutes(0), 1.0), (minutes(1), 1.0), (minutes(2), 1.0), (minutes(3), 1.0)];
    play("-1 when load <= 30 for 2m", Scene::new().reading_at("load", reversed)).refuses(RefusalKind::ReadingMissing);
    let mixed = [(minutes(3), 1.0), (minutes(1), 1.0), (minutes(2), 1.0), (minutes(0), 1.0)];
    play("-1 when load <= 30 for 2m", Scene::new().reading_at("load", mixed)).refuses(RefusalKind::ReadingMissing);
}

#[test]
fn samples_from_the_future_are_not_waited_for() {
    let samples: Vec<(u64, f64)> = (0..10).map(|i| (NOON_MS - 180_000 + i * 60_000, 90.0)).collect();
    play("+1 when load >= 80 for 2m", Scene::new().reading_at("load", samples)).scales_to(2);
    play("+1 when load >= 80 for 2m", Scene::new().at_ms(0).reading_at("load", [(0, 90.0)])).scales_to(2);
}

#[test]
fn zero_replicas_have_nobody_to_measure() {
    let none = || Scene::new().replicas(0);
    play("-1 when all(cpu) < 5", none())
        .refuses(RefusalKind::ReadingMissing)
        .says("`all(cpu)` has no instance to look at");
    play("+1 when any(cpu) > 5", none()).refuses(RefusalKind::ReadingMissing);
    play("+1 when load > 5", none().reading("load", [6.0])).scales_to(1);
    play("-1 when load < 5", none().reading("load", [1.0])).holds();
    play("+1 when any node(use) > 5", none()).refuses(RefusalKind::ReadingMissing);
    play("+1 when any queue(length) > 5", none()).refuses(RefusalKind::ReadingMissing).says("no queue to look at");
}

#[test]
fn limits_missing_or_zero_have_no_share() {
    let rule = "-1 when all(cpu % of cpu limit) < 50";
    let gone = of_cpu(&[10.0, 10.0]);
    play(rule, gone.clone())
        .refuses(RefusalKind::ReadingMissing)
        .says("2 of 2 instances have no fresh sample, or nothing to");
    let zero = gone.each_instance(|one| one.limits.cpu_millis = Some(0));
    play(rule, zero.clone()).refuses(RefusalKind::ReadingMissing);
    play(rule, zero.each_instance(|one| one.limits.cpu_millis = Some(1000))).scales_to(1);
}

#[test]
fn extreme_figures_stay_figures() {
    play("+1 when load > 1", Scene::new().reading("load", [1e300])).scales_to(2);
    play("-1 when load < 1", Scene::new().reading("load", [-1e300])).scales_to(0);
    let sum = of_cpu(&[f64::MAX, f64::MAX]);
    play("+1 when sum(cpu) > 1", sum).scales_to(3);
    let none = of_cpu(&[f64::MAX, -f64::MAX, f64::MAX]);
    play("+1 when mean(cpu) > 1 and max(cpu) > 1", none).scales_to(4);
    let share = of_cpu(&[f64::MAX]).each_instance(|one| one.limits.cpu_millis = Some(1));
    play("-1 when all(cpu % of cpu limit) < 5", share).refuses(RefusalKind::ReadingMissing);
    play("+10000 when load > 1", Scene::new().reading("load", [2.0]).with_target(|target| target.desired = u32::MAX))
        .holds();
}

#[test]
fn contradictory_parameters_are_named_both() {
    let refused = |compat: &str, rule: &str| {
        let refusal = bench([rule]).set("compat", compat).bind().unwrap_err();
        assert_eq!(refusal.kind, "parameter-wrong");
        assert!(refusal.text.contains("`compat`") && refusal.text.contains("of `rules`"), "{}", refusal.text);
    };
    for rule in
        ["fill when any(a) > 1", "+1 when a > 1", "+1 when any(a) > 1 for 1m", "+1 when any(a) > 1 and any(b) > 1"]
    {
        refused("overscaler", rule);
    }
    for rule in
        ["-1 when any(a) > 1", "+2 when any(a) > 1", "+1 when any(a) > 1 for 1m", "+1 when any(sum(a) by node) > 1"]
    {
        refused("overlord", rule);
    }
    for rule in ["+2 when mean(a) > 1", "hold when mean(a) > 1", "-1 when mean(a) > 1 for 1m"] {
        refused("droplet", rule);
    }
    assert!(Bench::new().set("rules", ["+1 when a > 1"]).set("compat", "hpa").bind().is_err());
}
