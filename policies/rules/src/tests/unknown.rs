use super::*;

mod three_values {
    use super::*;

    fn scene() -> Scene {
        Scene::new().replicas(3).reading("high", [9.0]).reading("low", [0.0]).stale("gone", [9.0])
    }

    #[test]
    fn or_with_one_true_is_true() {
        play("+1 when gone > 5 or high > 5", scene()).scales_to(4).says("note: reading `gone` is absent or stale");
        play("+1 when high > 5 or gone > 5", scene()).scales_to(4);
        is_unknown("gone > 5 or low > 5", scene());
    }

    #[test]
    fn and_with_one_false_is_false() {
        is_so("gone > 5 and low > 5", scene(), false);
        is_unknown("gone > 5 and high > 5", scene());
    }
}

mod lowering {
    use super::*;

    #[test]
    fn needs_every_reading_of_every_rule() {
        let rules = ["+1 when other > 5", "-1 when load < 5"];
        let scene = || Scene::new().replicas(3).reading("load", [1.0]);
        bench(rules).play(scene().reading("other", [1.0])).scales_to(2);
        let held = bench(rules).play(scene()).holds();
        held.says("keeps 3, not lowered to 2, while reading `other` is absent or stale; load is 1: rule 2");
        bench(rules).play(scene().stale("other", [1.0])).holds();
    }

    #[test]
    fn does_not_ignore_readings_that_could_not_matter() {
        let rules = ["+1 when load > 5 and other > 5", "-1 when load < 5"];
        bench(rules).play(Scene::new().replicas(3).reading("load", [1.0])).holds().says("`other`");
    }

    #[test]
    fn raising_needs_its_own_only() {
        let rules = ["+1 when load > 5", "-1 when other < 5"];
        bench(rules).play(Scene::new().replicas(3).reading("load", [6.0])).scales_to(4).says("note: reading `other`");
    }

    #[test]
    fn of_to_is_lowering_too() {
        let rules = ["to 2 when load < 5", "+1 when other > 5"];
        bench(rules).play(Scene::new().replicas(3).reading("load", [1.0])).holds().says("not lowered to 2");
        bench(rules).play(Scene::new().replicas(1).reading("load", [1.0])).scales_to(2);
    }
}

mod some_instances_are_not_seen {
    use super::*;

    /// Two of three are seen.
    fn scene(one: f64, other: f64) -> Scene {
        of_cpu(&[one, other, 0.0]).stale_of_instance("i-2", "cpu", [50.0])
    }

    #[test]
    fn what_the_others_show_is_enough_to_raise() {
        let seen = || scene(90.0, 80.0);
        is_so("any(cpu) >= 90", seen(), true);
        play("+1 when any(cpu) >= 90", seen()).says("any(cpu) is 80 to 90: rule 1");
        is_so("max(cpu) >= 90", seen(), true);
        is_so("sum(cpu) >= 170", seen(), true);
        is_so("mean(cpu) >= 56", seen(), true);
        is_so("p50(cpu) >= 80", seen(), true);
        play("+1 when mean(cpu) >= 56", seen())
            .scales_to(4)
            .says("mean(cpu) is at least 56.667")
            .says("`mean(cpu)`: 1 of 3 instances have no fresh sample");
    }

    #[test]
    fn what_they_cannot_show_is_not_known() {
        let seen = || scene(90.0, 80.0);
        is_unknown("any(cpu) >= 91", seen());
        is_unknown("all(cpu) >= 80", seen());
        is_unknown("mean(cpu) >= 57", seen());
        is_unknown("min(cpu) >= 80", seen());
        is_unknown("p99(cpu) <= 95", seen());
        is_unknown("mean(cpu) in 0..100", seen());
        is_unknown("any(cpu) each 100 >= 95", seen());
    }

    #[test]
    fn what_they_rule_out_is_false() {
        is_so("all(cpu) >= 81", scene(90.0, 80.0), false);
        is_so("min(cpu) > 80", scene(90.0, 80.0), false);
        is_so("max(cpu) < 90", scene(90.0, 80.0), false);
        is_so("sum(cpu) < 170", scene(90.0, 80.0), false);
    }

    #[test]
    fn a_reading_that_goes_below_zero_has_no_floor() {
        is_unknown("sum(cpu) >= 0", scene(90.0, -1.0));
    }

    #[test]
    fn nothing_is_lowered() {
        play("-1 when min(cpu) < 10", scene(90.0, 5.0)).holds().says("while `min(cpu)`: 1 of 3 instances");
        play("-1 when any(cpu) < 10", scene(90.0, 5.0)).holds();
        play("-1 when all(cpu) < 10", scene(1.0, 5.0)).refuses(RefusalKind::ReadingMissing);
    }

    #[test]
    fn instances_without_a_node_may_be_on_any() {
        let scene = of_cpu(&[50.0, 60.0]).with_instance("i-0", |one| one.node = Some(0));
        is_unknown("any(sum(cpu) by node) >= 70", scene.clone()).says("node of an instance is not known");
        is_so("any(sum(cpu) by node) >= 50", scene, true);
    }
}
