use std::time::Duration;

use trimtab_sdk::prelude::*;
use trimtab_sdk::rehearsal::{NOON_MS, Rehearsal, Scene};
use trimtab_sdk::snapshot::Size;

use crate::Rightsizing;

mod as_asgard;
mod bad_input;
mod properties;

type Bench = Rehearsal<Rightsizing>;

const MIB: u64 = 1 << 20;
const MIB_F: f64 = 1_048_576.0;

fn resources(cpu_millis: u64, mib: u64) -> Resources {
    Resources { cpu_millis: Some(cpu_millis), memory_bytes: Some(mib * MIB) }
}

/// Two instances of 1000 millicores and 1000 MiB, limits as requests.
fn two() -> Scene {
    Scene::new().replicas(2).container("main", resources(1000, 1000), resources(1000, 1000))
}

fn using(scene: Scene, cpu: [f64; 2], mib: [f64; 2]) -> Scene {
    let [a, b] = cpu;
    let [c, d] = mib;
    scene
        .of_instance("i-0", "cpu_millicores", [a])
        .of_instance("i-1", "cpu_millicores", [b])
        .of_instance("i-0", "memory_bytes", [c * MIB_F])
        .of_instance("i-1", "memory_bytes", [d * MIB_F])
}

/// CPU alone, as Asgard's tests have it: margin 0.05, no floor.
fn asgard() -> Bench {
    Bench::new().set("ignore", ["memory"]).set("margin", 0.05).set("headroom", 0.0)
}

fn of_cpu(allocated: u64, used: f64) -> Scene {
    let room = Resources { cpu_millis: Some(allocated), memory_bytes: None };
    Scene::new().container("main", room, room).of_instance("i-0", "cpu_millicores", [used])
}

/// The requests and limits asked for, in millicores.
fn cpu_of(bench: &mut Bench, scene: Scene) -> Option<(Option<u64>, Option<u64>)> {
    let played = bench.play(scene);
    played.resources().map(|one| (one.requests.cpu_millis, one.limits.cpu_millis))
}

fn mib_of(bench: &mut Bench, scene: Scene) -> Option<u64> {
    bench.play(scene).resources().and_then(|one| one.requests.memory_bytes).map(|bytes| bytes / MIB)
}

mod the_rule {
    use super::*;

    #[test]
    fn acts_only_beyond_the_margin() {
        let mut bench = asgard().set("cpu_target", 0.5);
        assert_eq!(cpu_of(&mut bench, of_cpu(10_000, 4499.0)), Some((Some(8998), Some(8998))));
        bench.play(of_cpu(10_000, 4501.0)).holds().says("within the margin of 50%");
        bench.play(of_cpu(10_000, 5500.0)).holds();
        bench.play(of_cpu(10_000, 4500.0)).holds();
        assert_eq!(cpu_of(&mut bench, of_cpu(10_000, 5501.0)), Some((Some(11_002), Some(11_002))));
    }

    #[test]
    fn gives_asgards_figures() {
        assert_eq!(
            cpu_of(&mut asgard().set("cpu_target", 0.1), of_cpu(3500, 3500.0)),
            Some((Some(35_000), Some(35_000)))
        );
        assert_eq!(cpu_of(&mut asgard().set("cpu_target", 0.7), of_cpu(1000, 1000.0)), Some((Some(1429), Some(1429))));
        let mut rounding = asgard().set("cpu_target", 1.0).set("margin", 0.0);
        assert_eq!(cpu_of(&mut rounding, of_cpu(500, 436.721_072_367)), Some((Some(437), Some(437))));
    }

    #[test]
    fn names_the_numbers() {
        let scene = using(two(), [900.0, 400.0], [800.0, 800.0]);
        let played = Bench::new().play(scene).says("cpu: 90% of 1000m used (900m on the max of 2), target 70%: 1286m");
        let played = played.says("note: memory: 80% used is within the margin of 80%");
        assert_eq!(played.resources().unwrap().requests.memory_bytes, None, "what stays is not named");
    }

    #[test]
    fn sizes_cpu_and_memory_apart() {
        let scene = using(two(), [100.0, 100.0], [950.0, 100.0]);
        let played = Bench::new().play(scene);
        let one = played.resources().unwrap();
        assert_eq!((one.container.as_str(), one.requests.cpu_millis), ("main", Some(143)));
        assert_eq!(one.requests.memory_bytes.unwrap() / MIB, 1188);
    }

    #[test]
    fn takes_the_worst_instance_or_the_mean() {
        let scene = || using(two(), [1000.0, 200.0], [800.0, 800.0]);
        assert_eq!(cpu_of(&mut Bench::new(), scene()), Some((Some(1429), Some(1429))));
        assert_eq!(
            cpu_of(&mut Bench::new().set("aggregate", "mean").set("margin", 0.05), scene()),
            Some((Some(857), Some(857)))
        );
    }

    #[test]
    fn averages_over_the_window_only() {
        let scene = of_cpu(1000, 0.0).of_instance("i-0", "cpu_millicores", [9000.0, 1000.0, 500.0, 300.0]);
        let mut bench = asgard().set("cpu_target", 0.3).set("window", Duration::from_secs(30));
        assert_eq!(cpu_of(&mut bench, scene), Some((Some(2000), Some(2000))));
    }
}

mod ignoring {
    use super::*;

    #[test]
    fn is_an_exact_list() {
        let scene = || using(two(), [1000.0, 1000.0], [1000.0, 1000.0]);
        let played = Bench::new().set("ignore", ["cpu"]).play(scene());
        assert_eq!(played.resources().unwrap().requests.cpu_millis, None);
        Bench::new().set("ignore", ["all"]).play(scene()).refuses(RefusalKind::NotApplicable);
        Bench::new().set("ignore", ["cpu", "memory"]).play(scene()).refuses(RefusalKind::NotApplicable);
        // In Asgard, `small` ignored everything, since it contains `all`.
        let refusal = Bench::new().set("ignore", ["small"]).bind().unwrap_err();
        assert_eq!(refusal.text, "parameter `ignore` is `small`, none of cpu, memory, all");
    }

    #[test]
    fn asks_for_no_reading_of_it() {
        let needs = Bench::new().set("ignore", ["cpu"]).bind().unwrap();
        let names: Vec<&str> = needs.iter().map(|need| need.name.as_str()).collect();
        assert_eq!(names, ["", "memory_bytes"]);
    }
}

mod lowering {
    use super::*;

    #[test]
    fn keeps_the_floor_above_use() {
        // The target alone would make 500 / 1.0 = 500; a sixth above use stays free.
        let mut bench = asgard().set("cpu_target", 1.0).set("headroom", 0.2);
        bench.play(of_cpu(1000, 500.0)).says("floor 600m: 600m");
    }

    #[test]
    fn keeps_memory_above_its_peak() {
        let scene = || using(two(), [700.0, 700.0], [200.0, 200.0]);
        assert_eq!(mib_of(&mut Bench::new(), scene()), Some(250));
        let peaked = scene().of_instance("i-1", "memory_bytes", [600.0 * MIB_F, 200.0 * MIB_F]);
        assert_eq!(mib_of(&mut Bench::new().set("window", Duration::from_secs(10)), peaked), Some(690));
        let near = scene().of_instance("i-1", "memory_bytes", [900.0 * MIB_F, 200.0 * MIB_F]);
        Bench::new().set("window", Duration::from_secs(10)).play(near).holds().says("the floor above use is 1035Mi");
    }

    #[test]
    fn never_goes_to_nothing() {
        let mut bench = asgard();
        assert_eq!(cpu_of(&mut bench, of_cpu(1000, 0.0)), Some((Some(1), Some(1))));
        assert_eq!(cpu_of(&mut bench, of_cpu(1000, -5.0)), Some((Some(1), Some(1))));
    }

    #[test]
    fn waits_for_instances_that_are_not_seen() {
        let scene = using(two(), [100.0, 100.0], [800.0, 800.0]);
        let stale = scene.clone().stale_of_instance("i-1", "cpu_millicores", [100.0]);
        Bench::new().play(stale).holds().says("cpu: not lowered while 1 instances have no fresh sample");
        let starting = scene.stale_of_instance("i-1", "cpu_millicores", [100.0]).with_instance("i-1", |one| {
            one.phase = Phase::Starting.number();
        });
        assert!(cpu_of(&mut Bench::new(), starting).is_some(), "one that starts does not count");
    }

    #[test]
    fn raises_even_where_one_is_not_seen() {
        let scene = using(two(), [1000.0, 0.0], [800.0, 800.0]).stale_of_instance("i-1", "cpu_millicores", [0.0]);
        assert_eq!(cpu_of(&mut Bench::new(), scene), Some((Some(1429), Some(1429))));
    }
}

mod throttling {
    use super::*;

    #[test]
    fn forbids_to_lower_and_raises() {
        let scene = of_cpu(1000, 300.0).of_instance("i-0", "cpu_throttled_ratio", [0.4]);
        let played = asgard().play(scene).says("throttled in 40% of periods: 1400m");
        assert_eq!(played.resources().unwrap().limits.cpu_millis, Some(1400));
        let within_margin = of_cpu(1000, 700.0).of_instance("i-0", "cpu_throttled_ratio", [0.4]);
        assert_eq!(cpu_of(&mut asgard(), within_margin), Some((Some(1400), Some(1400))));
    }

    #[test]
    fn of_little_or_none_known_leaves_it_to_use() {
        let little = of_cpu(1000, 350.0).of_instance("i-0", "cpu_throttled_ratio", [0.05]);
        assert_eq!(cpu_of(&mut asgard(), little), Some((Some(500), Some(500))));
        assert_eq!(cpu_of(&mut asgard(), of_cpu(1000, 350.0)), Some((Some(500), Some(500))));
    }
}

mod bounds_and_rounding {
    use super::*;

    fn bounded(scene: Scene, least: u64, most: u64) -> Scene {
        scene.with_target(|target| {
            target.limits.least.cpu_millis = Some(least);
            target.limits.most.cpu_millis = Some(most);
        })
    }

    #[test]
    fn a_bound_that_is_reached_is_no_change() {
        asgard().play(bounded(of_cpu(1000, 1000.0), 100, 1000)).holds().says("stays at 1000m: the bound is 1000m");
        asgard().play(bounded(of_cpu(100, 10.0), 100, 1000)).holds().says("the bound is 100m");
        assert_eq!(cpu_of(&mut asgard(), bounded(of_cpu(1000, 1000.0), 100, 1200)), Some((Some(1200), Some(1200))));
        // As in Asgard, the least wins over the most.
        assert_eq!(cpu_of(&mut asgard(), bounded(of_cpu(1000, 1000.0), 3000, 1200)), Some((Some(3000), Some(3000))));
    }

    #[test]
    fn is_done_before_the_comparison() {
        // Asgard sent 64.2 MB for 64 as a deployment that changed nothing.
        let room = Resources { cpu_millis: None, memory_bytes: Some(64 * MIB) };
        let scene = Scene::new().container("main", room, room).of_instance("i-0", "memory_bytes", [51.36 * MIB_F]);
        let mut bench = Bench::new().set("ignore", ["cpu"]).set("margin", 0.0).set("headroom", 0.0);
        bench.play(scene).holds().says("lost in rounding");
        let mut coarse = asgard().set("round_cpu", 250);
        assert_eq!(cpu_of(&mut coarse, of_cpu(1000, 350.0)), Some((Some(500), Some(500))));
        coarse.play(of_cpu(1000, 780.0)).holds().says("lost in rounding");
    }

    #[test]
    fn limits_keep_their_proportion_to_requests() {
        let of = |millis| Resources { cpu_millis: millis, memory_bytes: None };
        let scene = |request, limit| {
            Scene::new().container("main", of(request), of(limit)).of_instance("i-0", "cpu_millicores", [700.0])
        };
        let mut bench = asgard();
        assert_eq!(cpu_of(&mut bench, scene(Some(500), Some(2000))), Some((Some(1000), Some(4000))));
        assert_eq!(cpu_of(&mut bench, scene(None, Some(500))), Some((None, Some(1000))));
        assert_eq!(cpu_of(&mut bench, scene(Some(500), None)), Some((Some(1000), None)));
        bench.play(scene(None, None)).holds().says("neither request nor limit");
        bench.play(scene(Some(0), Some(0))).holds().says("neither request nor limit");
    }
}

mod what_it_cannot_judge {
    use super::*;

    #[test]
    fn missing_data_holds_its_own_dimension() {
        let scene = two().of_each_instance("cpu_millicores", [1000.0]);
        Bench::new()
            .play(scene)
            .says("cpu: 100%")
            .says("note: memory: no instance has a fresh sample of `memory_bytes`");
        Bench::new().play(two()).refuses(RefusalKind::ReadingMissing).says("`cpu_millicores`").says("`memory_bytes`");
    }

    #[test]
    fn targets_of_another_shape_are_not_its_business() {
        let refuses =
            |scene: Scene, text: &str| Bench::new().play(scene).refuses(RefusalKind::NotApplicable).says(text);
        refuses(two().with_target(|target| target.abilities.resize = 0), "cannot resize");
        refuses(Scene::new(), "no container");
        let several = two().container("sidecar", resources(10, 10), resources(10, 10));
        refuses(several.clone(), "2 containers");
        let class = Size { class: "s-1".into(), resources: resources(1000, 1024), price_per_hour: None, attrs: vec![] };
        refuses(two().with_target(|target| target.abilities.sizes.push(class)), "fixed sizes");
        let named = using(several, [1000.0; 2], [800.0; 2]);
        let played = Bench::new().set("container", "main").play(named);
        assert_eq!(played.resources().unwrap().container, "main");
        let mut wrong = Bench::new().set("container", "other");
        wrong.play(two()).refuses(RefusalKind::NotApplicable).says("no container `other`");
    }
}
