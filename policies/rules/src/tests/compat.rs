use super::*;

mod overscaler {
    use super::*;

    fn bench() -> Bench {
        Bench::new()
            .set("rules", ["cpu_greater_90_scale", "cpu_lower_20_reduce", "mem_greater_50_scale"])
            .set("compat", "overscaler")
    }

    fn of(cpu: &[f64]) -> Scene {
        of_cpu(cpu).of_each_instance("mem", [30.0])
    }

    #[test]
    fn the_first_pod_that_fires_decides() {
        bench().play(of(&[50.0, 10.0, 95.0])).scales_to(2).says("cpu is 10 on i-1: `cpu_lower_20_reduce`");
        bench().play(of(&[50.0, 95.0, 10.0])).scales_to(4);
        bench().play(of(&[50.0, 89.0, 21.0])).holds().says("no rule of 3 holds for any of 3 pods");
    }

    #[test]
    fn no_sample_is_zero() {
        bench().play(Scene::new().replicas(3)).scales_to(2).says("cpu is 0 on i-0");
        let starting = of(&[50.0, 50.0]).with_instance("i-1", |one| one.phase = Phase::Starting.number());
        bench().play(starting.stale_of_instance("i-1", "cpu", [50.0])).scales_to(1);
    }

    #[test]
    fn rules_of_one_pod_add_up() {
        bench().play(of(&[95.0, 10.0]).of_instance("i-0", "mem", [60.0])).scales_to(4);
        bench().play(of(&[10.0, 95.0]).of_instance("i-0", "mem", [60.0])).holds().says("keeps 2, up and down");
    }

    #[test]
    fn the_range_and_the_last_one_are_kept() {
        let at_most = |most| move |target: &mut trimtab_sdk::snapshot::Target| target.limits.replicas_max = most;
        bench().play(of(&[95.0, 50.0]).with_target(at_most(2))).holds().says("at the end of its range");
        // Blocked at the first pod, the second still decides.
        bench().play(of(&[95.0, 10.0]).with_target(at_most(2))).scales_to(1);
        bench().play(of(&[10.0])).holds();
        bench().play(Scene::new().replicas(0)).holds();
    }
}

mod overlord {
    use super::*;

    fn bench() -> Bench {
        let rules = ["+1 when any(memoryuse) >= 512", "+1 when sum(pcpu) >= 150", "+1 when scur >= 500"];
        Bench::new().set("rules", rules).set("compat", "overlord")
    }

    /// Two nodes with two jails each.
    fn of(memory: [f64; 4], pcpu: [f64; 4]) -> Scene {
        let mut index = 0;
        let scene = Scene::new().replicas(4).each_instance(|one| {
            one.node = Some(index / 2);
            index += 1;
        });
        let scene = scene.reading("scur", [10.0]).with_target(|target| target.limits.replicas_min = 1);
        (0..4).zip(memory).zip(pcpu).fold(scene, |scene, ((index, memory), pcpu)| {
            let id = format!("i-{index}");
            scene.of_instance(&id, "memoryuse", [memory]).of_instance(&id, "pcpu", [pcpu])
        })
    }

    #[test]
    fn one_overloaded_node_adds_one() {
        bench().play(of([512.0, 0.0, 0.0, 0.0], [0.0; 4])).scales_to(5).says("any(memoryuse) is 0 to 512");
        bench().play(of([0.0; 4], [0.0, 0.0, 80.0, 70.0])).scales_to(5).says("sum(pcpu) is 150");
        // Over both nodes it would be 160.
        bench().play(of([0.0; 4], [0.0, 80.0, 80.0, 0.0])).scales_to(3);
        bench().play(of([0.0; 4], [0.0; 4]).reading("scur", [500.0])).scales_to(5);
    }

    #[test]
    fn none_overloaded_takes_one_away_down_to_the_floor() {
        bench()
            .play(of([511.0; 4], [1.0; 4]))
            .scales_to(3)
            .says("no node of 2 is overloaded; on the last, any(memoryuse) is 511, sum(pcpu) is 2, scur is 10");
        let at_floor = of([511.0; 4], [1.0; 4]).with_target(|target| target.limits.replicas_min = 4);
        bench().play(at_floor).holds().says("keeps 4, the least");
        let below = of([600.0; 4], [1.0; 4]).with_target(|target| target.limits.replicas_min = 5);
        bench().play(below).holds().says("no rule is asked");
        let at_most = of([600.0; 4], [1.0; 4]).with_target(|target| target.limits.replicas_max = 4);
        bench().play(at_most).holds().says("keeps 4, the most");
    }

    #[test]
    fn a_missing_metric_skips_the_node_and_so_shrinks() {
        let scene = of([600.0; 4], [1.0; 4]);
        let blind =
            ["i-0", "i-2"].into_iter().fold(scene, |scene, id| scene.stale_of_instance(id, "memoryuse", [600.0]));
        bench().play(blind).scales_to(3).says("2 skipped for a missing figure");
    }

    #[test]
    fn empty_stats_scale_up() {
        let scene = of([1.0; 4], [1.0; 4]).stale_of_instance("i-1", "memoryuse", [1.0]);
        bench().play(scene.stale_of_instance("i-1", "pcpu", [1.0])).scales_to(5).says("no figures at all");
    }

    #[test]
    fn an_absent_figure_of_the_balancer_passes() {
        bench().play(of([1.0; 4], [1.0; 4]).stale("scur", [900.0])).scales_to(3);
        // The next test of it is asked all the same.
        let rules = ["+1 when scur >= 500", "+1 when qcur >= 5"];
        let next = of([1.0; 4], [1.0; 4]).stale("scur", [900.0]).reading("qcur", [5.0]);
        Bench::new().set("rules", rules).set("compat", "overlord").play(next).scales_to(5);
    }
}

mod droplet {
    use super::*;

    const UP: &str = "+1 when mean(load) > 0.35 or mean(free) < 800 or mean(outbound_bandwidth) > 2.5";
    const DOWN: &str = "-1 when mean(load) < 0.15 and mean(free) > 900 and mean(outbound_bandwidth) < 1.5";

    fn bench() -> Bench {
        Bench::new().set("rules", [DOWN, UP]).set("compat", "droplet")
    }

    fn of(load: f64, free: f64, bandwidth: f64) -> Scene {
        let scene = Scene::new().replicas(3).of_each_instance("load", [load]).of_each_instance("free", [free]);
        scene.of_each_instance("outbound_bandwidth", [bandwidth])
    }

    #[test]
    fn any_raises_and_all_lower_and_equal_is_neither() {
        bench().play(of(0.36, 950.0, 0.0)).scales_to(4);
        bench().play(of(0.0, 799.0, 0.0)).scales_to(4);
        bench().play(of(0.0, 950.0, 2.6)).scales_to(4);
        bench().play(of(0.14, 901.0, 1.4)).scales_to(2);
        bench().play(of(0.15, 901.0, 1.4)).holds();
        bench().play(of(0.35, 800.0, 2.5)).holds().says("no change: mean(load) is 0.35");
    }

    #[test]
    fn one_droplet_without_figures_stops_everything() {
        let scene = of(9.0, 1.0, 9.0).stale_of_instance("i-2", "load", [9.0]);
        bench().play(scene).refuses(RefusalKind::ReadingMissing).says("the cluster's figures are invalid");
        let starting = of(9.0, 1.0, 9.0).stale_of_instance("i-2", "load", [9.0]);
        let starting = starting.with_instance("i-2", |one| one.phase = Phase::Starting.number());
        bench().play(starting).refuses(RefusalKind::ReadingMissing);
        bench().play(Scene::new().replicas(0)).refuses(RefusalKind::ReadingMissing);
    }

    #[test]
    fn missing_bandwidth_is_zero() {
        let scene = || of(0.1, 950.0, 9.0).stale_of_instance("i-0", "outbound_bandwidth", [9.0]);
        let silent = ["i-1", "i-2"]
            .into_iter()
            .fold(scene(), |scene, id| scene.stale_of_instance(id, "outbound_bandwidth", [9.0]));
        bench().play(silent.clone()).scales_to(2).says("mean(outbound_bandwidth) is 0");
        bench().play(scene()).scales_to(4).says("mean(outbound_bandwidth) is 6");
        bench().set("missing_as_zero", Vec::<&str>::new()).play(silent).refuses(RefusalKind::ReadingMissing);
    }

    #[test]
    fn the_base_stays_and_the_most_is_kept() {
        bench().play(of(0.0, 950.0, 0.0).replicas(1)).holds().says("the last droplet stays");
        let most = of(9.0, 950.0, 0.0).with_target(|target| target.limits.replicas_max = 3);
        bench().play(most).holds().says("reached the most of 3");
    }
}
