use super::*;

fn load(value: f64) -> Scene {
    Scene::new().replicas(4).reading("load", [value])
}

mod comparisons {
    use super::*;

    #[test]
    fn each_is_what_it_says() {
        for (condition, at) in [
            ("load >= 5", [false, true, true]),
            ("load > 5", [false, false, true]),
            ("load <= 5", [true, true, false]),
            ("load < 5", [true, false, false]),
            ("load = 5", [false, true, false]),
            ("load != 5", [true, false, true]),
            ("load in 5..6", [false, true, true]),
            ("load in -1..4", [true, false, false]),
            ("load each 3 >= 2", [false, true, false]),
        ] {
            for (value, expected) in [4.0, 5.0, 6.0].into_iter().zip(at) {
                is_so(condition, load(value), expected);
            }
        }
    }

    #[test]
    fn texts_are_equal_or_not() {
        let scene = |text: &str| Scene::new().text("state", text);
        is_so("state is 'open'", scene("open"), true);
        is_so("state is 'open'", scene("opened"), false);
        is_so("state is not \"open\"", scene("opened"), true);
        play("+1 when state is 'open'", scene("open")).scales_to(2).says("state is \"open\": rule 1");
    }

    #[test]
    fn a_text_is_no_number() {
        is_unknown("state > 1", Scene::new().text("state", "5")).says("reading `state` is absent or stale");
        is_unknown("load is '5'", load(5.0)).says("reading `load` has no fresh text");
    }
}

mod aggregates {
    use super::*;

    #[test]
    fn gather_the_instances() {
        let scene = || of_cpu(&[10.0, 20.0, 90.0, 40.0]);
        for (operand, value) in
            [("sum(cpu)", 160.0), ("mean(cpu)", 40.0), ("max(cpu)", 90.0), ("min(cpu)", 10.0), ("p50(cpu)", 30.0)]
        {
            is_so(&format!("{operand} = {value}"), scene(), true);
        }
        is_so("p90(cpu) in 74.9..75.1", scene(), true);
        is_so("any(cpu) >= 90", scene(), true);
        is_so("any(cpu) > 90", scene(), false);
        is_so("all(cpu) >= 10", scene(), true);
        is_so("all(cpu) > 10", scene(), false);
        is_so("any instance(cpu) each 50 = 20", scene(), true);
    }

    #[test]
    fn leave_out_who_starts_or_leaves() {
        let scene = |phase: Phase| of_cpu(&[10.0, 90.0]).with_instance("i-1", |one| one.phase = phase.number());
        for phase in [Phase::Pending, Phase::Starting, Phase::Draining, Phase::Stopped, Phase::Failed, Phase::Lost] {
            is_so("max(cpu) = 10", scene(phase), true);
        }
        for phase in [Phase::Ready, Phase::Unready, Phase::Unknown] {
            is_so("max(cpu) = 90", scene(phase), true);
        }
    }

    #[test]
    fn take_shares_of_limit_and_request() {
        let scene = || {
            of_cpu(&[400.0, 300.0]).each_instance(|one| {
                (one.limits.cpu_millis, one.requests.cpu_millis) = (Some(1000), Some(500));
                one.limits.memory_bytes = Some(1 << 20);
            })
        };
        is_so("max(cpu % of cpu limit) = 40%", scene(), true);
        is_so("max(cpu % of cpu request) = 80", scene(), true);
        let memory = scene().of_each_instance("use", [524_288.0]);
        is_so("all(use % of memory limit) = 50%", memory, true);
    }

    #[test]
    fn shares_are_exact_where_they_can_be() {
        let scene = of_cpu(&[2400.0]).each_instance(|one| one.limits.cpu_millis = Some(3000));
        is_so("any(cpu % of cpu limit) >= 80%", scene.clone(), true);
        is_so("any(cpu % of cpu limit) > 80%", scene, false);
    }

    #[test]
    fn the_worked_example_of_the_readme() {
        let scene = of_cpu(&[300.0, 910.0, 500.0]).each_instance(|one| one.limits.cpu_millis = Some(1000));
        let rule = "+2 when max(cpu % of cpu limit) >= 80%";
        play(rule, scene)
            .scales_to(5)
            .says("max(cpu % of cpu limit) is 91: rule 1 (`+2 when max(cpu % of cpu limit) >= 80%`)");
    }

    #[test]
    fn group_by_node() {
        let on = |node: u32| move |one: &mut trimtab_sdk::snapshot::Instance| one.node = Some(node);
        let scene = of_cpu(&[10.0, 20.0, 5.0, 6.0])
            .with_instance("i-0", on(7))
            .with_instance("i-1", on(2))
            .with_instance("i-2", on(7))
            .with_instance("i-3", on(2));
        is_so("any(sum(cpu) by node) >= 26", scene.clone(), true);
        is_so("any(sum(cpu) by node) >= 27", scene.clone(), false);
        is_so("all(sum(cpu) by node) >= 15", scene.clone(), true);
        is_so("min(max(cpu) by node) = 10", scene.clone(), true);
        is_so("mean(mean(cpu) by node) = 10.25", scene, true);
    }

    #[test]
    fn look_at_nodes_and_at_what_has_names() {
        let node = |id: &str, ready: bool| trimtab_sdk::snapshot::Node {
            id: id.to_owned(),
            zone: String::new(),
            ready,
            schedulable: true,
            capacity: Resources { cpu_millis: Some(4000), memory_bytes: None },
            free: Resources { cpu_millis: None, memory_bytes: None },
            attrs: Vec::new(),
        };
        let scene = Scene::new()
            .with(|snapshot| snapshot.nodes = vec![node("a", true), node("b", true), node("dead", false)])
            .of_node("a", "use", [1000.0])
            .of_node("b", "use", [3000.0])
            .of_named("q1", "length", [7.0])
            .of_named("q2", "length", [8.0]);
        is_so("any node(use) >= 3000", scene.clone(), true);
        is_so("max node(use % of cpu capacity) = 75%", scene.clone(), true);
        is_so("sum queue(length) = 15", scene, true);
    }
}

mod actions {
    use super::*;

    #[test]
    fn change_the_count() {
        play("+3 when load > 1", load(2.0)).scales_to(7);
        play("-3 when load > 1", load(2.0)).scales_to(1);
        play("-9 when load > 1", load(2.0)).scales_to(0);
        play("x1.5 when load > 1", load(2.0)).scales_to(6);
        play("x1.01 when load > 1", load(2.0)).scales_to(5);
        play("x0.5 when load > 1", load(2.0)).scales_to(2);
        play("x0.99 when load > 1", load(2.0)).scales_to(3);
        play("to 9 when load > 1", load(2.0)).scales_to(9);
        play("to 0 when load > 1", load(2.0)).scales_to(0);
        play("to 4 when load > 1", load(2.0)).holds().says("keeps 4");
        play("fill when load > 1", load(2.0).with_target(|target| target.limits.replicas_max = 12)).scales_to(12);
        play("hold when load > 1", load(2.0)).holds().says("load is 2: rule 1 (`hold when load > 1`)");
    }

    #[test]
    fn factors_neither_stick_nor_lower_to_nothing() {
        play("x0.5 when load > 1", load(2.0).replicas(1)).holds();
        play("x0.9 when load > 1", load(2.0).replicas(2)).scales_to(1);
        play("x1.5 when load > 1", load(2.0).replicas(0)).scales_to(1);
        play("x0.5 when load > 1", load(2.0).replicas(0)).holds();
        play("-1 when load > 1", load(2.0).replicas(0)).holds();
    }

    #[test]
    fn filling_never_lowers() {
        play("fill when load > 1", load(2.0).with_target(|target| target.limits.replicas_max = 3)).holds();
    }

    #[test]
    fn the_largest_wish_wins() {
        let rules = ["-1 when load > 1", "+1 when load > 2", "x2 when load > 2", "to 6 when load > 1"];
        bench(rules).play(load(3.0)).scales_to(8).says("rule 3 (`x2 when load > 2`)");
        bench(rules).play(load(2.0)).scales_to(6).says("rule 4");
        bench(["-2 when load > 1", "-1 when load > 1"]).play(load(2.0)).scales_to(3).says("rule 2");
    }

    #[test]
    fn a_count_that_is_reached_outvotes_a_lowering() {
        let rules = ["to 4 when load > 1", "-1 when load < 9"];
        bench(rules).play(load(2.0)).holds().says("`to 4 when load > 1`) keeps 4");
    }

    #[test]
    fn hold_forbids_lowering_and_no_raise() {
        let rules = ["hold when state is 'rolling'", "+1 when load > 5", "-1 when load < 2"];
        let scene = |state: &str, load: f64| Scene::new().replicas(4).text("state", state).reading("load", [load]);
        bench(rules).play(scene("rolling", 6.0)).scales_to(5);
        bench(rules).play(scene("rolling", 1.0)).holds().says("not lowered to 3: state is \"rolling\": rule 1");
        bench(rules).play(scene("done", 1.0)).scales_to(3);
        bench(rules).play(scene("rolling", 3.0)).holds();
    }

    #[test]
    fn two_thresholds_leave_a_dead_band() {
        let rules = ["+1 when load >= 80", "-1 when load <= 30"];
        bench(rules).play(load(80.0)).scales_to(5);
        bench(rules).play(load(79.0)).holds().says("no rule of 2 holds: load is 79");
        bench(rules).play(load(30.0)).scales_to(3);
    }

    #[test]
    fn reasons_name_the_numbers() {
        let rule = "+1 when any(cpu) >= 80 and mean(cpu) > 40 or load > 1";
        let scene = of_cpu(&[30.0, 90.0]).reading("load", [0.5]);
        play(rule, scene).scales_to(3).says(
            "any(cpu) is 30 to 90, mean(cpu) is 60, load is 0.5: rule 1 (`+1 when any(cpu) >= 80 and mean(cpu) > 40 or load > 1`)",
        );
        let many = play(
            "+1 when a > 1 and b > 1 and c > 1 and d > 1 and e > 1",
            ["a", "b", "c", "d", "e"].into_iter().fold(Scene::new(), |scene, name| scene.reading(name, [0.0])),
        );
        many.holds().says("a is 0, b is 0, c is 0, d is 0 …");
    }
}

mod a_lowering_that_would_be_undone {
    use super::*;

    const NARROW: [&str; 2] = ["+1 when use > 75 for 30s", "-1 when use < 50"];

    fn of_use(replicas: u32, value: f64) -> Scene {
        Scene::new().replicas(replicas).reading("use", [value])
    }

    #[test]
    fn is_not_asked_for() {
        bench(NARROW)
            .play(of_use(2, 47.0))
            .holds()
            .says("keeps 2, at 1 rule 1 (`+1 when use > 75 for 30s`) would hold");
        bench(NARROW).play(of_use(2, 37.0)).scales_to(1);
        bench(NARROW).play(of_use(3, 49.0)).scales_to(2);
        bench(NARROW).play(of_use(1, 0.0)).scales_to(0);
        bench(NARROW).play(of_use(1, 1.0)).holds();
    }

    #[test]
    fn is_told_by_what_is_free_as_well() {
        let free = ["+1 when min(free) < 300", "-1 when all(free) > 500"];
        let of_free = |value: f64| Scene::new().replicas(2).of_each_instance("free", [value]);
        bench(free).play(of_free(550.0)).holds();
        bench(free).play(of_free(650.0)).scales_to(1);
    }

    #[test]
    fn is_asked_for_where_the_figure_does_not_rise() {
        let sums = ["+1 when sum(jobs) > 75", "-1 when sum(jobs) < 50"];
        bench(sums).play(Scene::new().replicas(2).of_each_instance("jobs", [23.0])).scales_to(1);
        bench(NARROW).set("anticipate", false).play(of_use(2, 47.0)).scales_to(1);
    }
}

mod overscalers_rules {
    use super::*;

    #[test]
    fn are_read_as_they_are_written() {
        let rules = ["cpu_greater_90_scale", "cpu_lower_20_reduce"];
        bench(rules).play(of_cpu(&[50.0, 90.0])).scales_to(3).says("cpu is 50 to 90: rule 1 (`cpu_greater_90_scale`)");
        bench(rules).play(of_cpu(&[40.0, 20.0])).scales_to(1);
        bench(rules)
            .play(of_cpu(&[50.0, 20.0]))
            .holds()
            .says("keeps 2, at 1 rule 1 (`cpu_greater_90_scale`) would hold");
        bench(rules).play(of_cpu(&[89.0, 21.0])).holds();
        // One that is idle among others that are busy does not shrink the set.
        bench(rules).play(of_cpu(&[10.0, 95.0])).scales_to(3);
    }
}
