mod bad_input;
mod hpa_table;
mod settling;

use std::time::Duration;

use trimtab_sdk::prelude::*;
use trimtab_sdk::rehearsal::{NOON_MS, Rehearsal, Scene, instance};

use crate::TargetTracking;

type Bench = Rehearsal<TargetTracking>;

/// The binding of design.md: 50 requests per second for each replica.
fn requests() -> Bench {
    Bench::new().set("reading", "requests_per_second").set("target", 50.0)
}

fn of_requests(replicas: u32, total: f64) -> Scene {
    Scene::new().replicas(replicas).reading("requests_per_second", [total])
}

/// Half of the requested CPU; each instance requests 1000 millicores.
fn cpu() -> Bench {
    Bench::new().set("reading", "cpu").set("target", 50.0).set("kind", "utilization")
}

fn of_cpu(millis: &[f64]) -> Scene {
    let count = u32::try_from(millis.len()).unwrap();
    let scene = Scene::new().replicas(count).each_instance(|one| one.requests.cpu_millis = Some(1000));
    (0..).zip(millis).fold(scene, |scene, (index, used)| scene.of_instance(&format!("i-{index}"), "cpu", [*used]))
}

mod a_total_shared_by_replicas {
    use super::*;

    #[test]
    fn load_rises_and_falls() {
        let mut bench = requests();
        bench.play(of_requests(2, 100.0)).holds().says("within tolerance");
        bench
            .play(of_requests(2, 412.0))
            .scales_to(9)
            .says("`requests_per_second` is 412 over 2 replicas; target 50 each");
        bench.play(of_requests(9, 120.0)).scales_to(3);
    }

    #[test]
    fn tolerance_is_of_each_side() {
        let mut bench = requests().set("tolerance_up", 0.5).set("tolerance_down", 0.0);
        bench.play(of_requests(4, 300.0)).holds();
        bench.play(of_requests(4, 301.0)).scales_to(7);
        bench.play(of_requests(4, 149.0)).scales_to(3);
    }

    #[test]
    fn from_zero_replicas_load_brings_them_back() {
        let mut bench = requests();
        bench.play(of_requests(0, 0.0)).holds();
        bench.play(of_requests(0, 1.0)).scales_to(1);
        bench.play(of_requests(0, 260.0)).scales_to(6);
    }

    #[test]
    fn hostile_numbers_stay_within_reason() {
        let mut bench = requests();
        bench.play(of_requests(4, -1e300)).scales_to(0);
        bench.play(of_requests(4, 1e300)).scales_to(u32::MAX);
        bench.play(of_requests(4, f64::NAN)).refuses(RefusalKind::ReadingMissing);
    }

    #[test]
    fn the_order_of_samples_is_no_matter_but_the_last_counts() {
        let reversed = [(NOON_MS, 10.0), (NOON_MS - 15_000, 400.0)];
        requests().play(Scene::new().replicas(2).reading_at("requests_per_second", reversed)).scales_to(8);
    }
}

mod a_figure {
    use super::*;

    fn latency() -> Bench {
        Bench::new().set("reading", "latency_ms").set("target", 100.0).set("kind", "value")
    }

    fn of_latency(replicas: u32, value: f64) -> Scene {
        Scene::new().replicas(replicas).reading("latency_ms", [value])
    }

    #[test]
    fn multiplies_the_count() {
        let mut bench = latency();
        bench.play(of_latency(4, 250.0)).scales_to(10).says("ratio 2.5 on 4 replicas");
        bench.play(of_latency(4, 50.0)).scales_to(2);
        bench.play(of_latency(4, 105.0)).holds();
        bench.play(of_latency(0, 250.0)).scales_to(3);
    }

    #[test]
    fn is_not_raised_again_while_the_raise_is_still_starting() {
        let scene = of_latency(8, 200.0).with_target(|target| target.ready = 4);
        latency().play(scene).holds().says("ratio 2 on 4 that serve");
        let worse = of_latency(8, 300.0).with_target(|target| target.ready = 4);
        latency().play(worse).scales_to(12);
    }
}

mod missing_readings {
    use super::*;

    #[test]
    fn alone_are_a_refusal() {
        requests()
            .play(Scene::new().replicas(3))
            .refuses(RefusalKind::ReadingMissing)
            .says("`requests_per_second` is absent");
        requests()
            .play(Scene::new().replicas(3).stale("requests_per_second", [900.0]))
            .refuses(RefusalKind::ReadingMissing);
    }

    fn two() -> Bench {
        Bench::new().set("readings", ["rps", "jobs"]).set("targets", [50.0, 10.0])
    }

    #[test]
    fn the_largest_of_several_wins() {
        let scene = Scene::new().replicas(2).reading("rps", [150.0]).reading("jobs", [80.0]);
        two().play(scene).scales_to(8).says("`jobs` is 80").says("the largest of 2 readings");
    }

    #[test]
    fn the_others_may_raise_but_never_lower() {
        let low = Scene::new().replicas(6).reading("rps", [50.0]);
        two().play(low.clone()).holds().says("forbids to lower").says("`jobs` is absent");
        two().play(low.stale("jobs", [10.0])).holds().says("`jobs` is stale");
        let high = Scene::new().replicas(6).reading("rps", [500.0]);
        two().play(high).scales_to(10).says("`jobs` is absent");
    }
}

mod utilization {
    use super::*;

    #[test]
    fn is_of_what_is_requested() {
        cpu().play(of_cpu(&[900.0, 700.0])).scales_to(4).says("80% of requested CPU on the mean of 2 instances");
        cpu().play(of_cpu(&[200.0, 200.0, 100.0, 100.0])).scales_to(2);
        cpu().play(of_cpu(&[520.0, 500.0])).holds().says("within tolerance");
    }

    #[test]
    fn of_memory_takes_its_own_request() {
        let scene = Scene::new().replicas(2).each_instance(|one| one.requests.memory_bytes = Some(1 << 30));
        let mut bench = Bench::new().set("reading", "rss").set("target", 50.0).set("kind", "memory-utilization");
        bench.play(scene.of_each_instance("rss", [f64::from(1 << 30)])).scales_to(4);
    }

    #[test]
    fn falls_back_to_the_template_and_refuses_without_any_request() {
        let bare = Scene::new().replicas(2).of_each_instance("cpu", [900.0]);
        cpu().play(bare.clone()).refuses(RefusalKind::ReadingMissing).says("no request for CPU");
        let known = |cpu_millis| Resources { cpu_millis, memory_bytes: None };
        cpu().play(bare.clone().container("main", known(Some(900)), known(None))).scales_to(4);
        cpu().play(bare.container("main", known(Some(0)), known(None))).refuses(RefusalKind::ReadingMissing);
    }

    #[test]
    fn at_zero_replicas_has_nothing_to_measure() {
        cpu().play(of_cpu(&[])).holds().says("none at zero replicas");
    }
}

/// The HPA's second pass, case by case as `replica_calculator_test.go` has them.
mod second_pass {
    use super::*;

    fn missing(scene: Scene, id: &str) -> Scene {
        let mut one = instance(id, Phase::Ready);
        one.requests.cpu_millis = Some(1000);
        scene.instance(one)
    }

    fn desired(scene: Scene, count: u32) -> Scene {
        scene.with_target(|target| (target.desired, target.total, target.ready) = (count, count, count))
    }

    #[test]
    fn going_up_the_missing_count_as_nothing() {
        // 3 at 90 %: alone ceil(1.8 × 3) = 6. With a fourth at 0: ratio 1.35, ceil(1.35 × 4) = 6.
        let scene = desired(missing(of_cpu(&[900.0; 3]), "lost"), 4);
        cpu().play(scene).scales_to(6).says("1 more have no fresh sample");
        // 2 at 80 % and 2 missing: 1.6 becomes 0.8, the other side.
        let scene = desired(missing(missing(of_cpu(&[800.0; 2]), "a"), "b"), 4);
        cpu().play(scene).holds().says("undone when these are counted");
    }

    #[test]
    fn going_down_the_missing_count_as_full() {
        // 3 at 10 % ask for 1; a fourth at 100 % makes ratio 0.65 over 4: 3.
        let scene = desired(missing(of_cpu(&[100.0; 3]), "lost"), 4);
        cpu().play(scene).scales_to(3);
        // One at 30 % and two missing at 100 %: 0.6 becomes 1.53.
        let scene = desired(missing(missing(of_cpu(&[300.0]), "a"), "b"), 3);
        cpu().play(scene).holds().says("undone");
        // A target above 100 % counts instead: 1 at 60 % of 150 % and one at 150 %, 0.7 of 2.
        let scene = desired(missing(of_cpu(&[600.0]), "lost"), 2);
        cpu().set("target", 150.0).play(scene).holds();
    }

    #[test]
    fn stale_samples_of_instances_are_missing() {
        let scene = of_cpu(&[900.0, 900.0]).stale_of_instance("i-1", "cpu", [900.0]);
        cpu().play(scene).holds().says("undone");
    }

    #[test]
    fn going_up_those_not_ready_count_as_nothing() {
        let scene = of_cpu(&[900.0, 900.0, 900.0]).with_instance("i-2", |one| one.phase = Phase::Starting.number());
        cpu().play(scene).scales_to(4).says("1 more are not ready");
        let scene = of_cpu(&[800.0, 800.0, 800.0, 800.0])
            .with_instance("i-2", |one| one.phase = Phase::Pending.number())
            .with_instance("i-3", |one| one.phase = Phase::Starting.number());
        cpu().play(scene).holds();
    }

    #[test]
    fn going_down_those_not_ready_are_left_out() {
        let scene = of_cpu(&[100.0, 100.0, 5000.0]).with_instance("i-2", |one| one.phase = Phase::Starting.number());
        cpu().play(scene).scales_to(1);
    }

    #[test]
    fn those_that_leave_are_not_there() {
        let scene = of_cpu(&[900.0, 900.0, 1.0]).with_instance("i-2", |one| one.phase = Phase::Draining.number());
        cpu().play(desired(scene, 2)).scales_to(4);
    }

    #[test]
    fn the_burst_of_starting_is_not_load() {
        let young = |one: &mut trimtab_sdk::snapshot::Instance| one.started_ms = Some(NOON_MS - 10_000);
        let scene = || of_cpu(&[500.0, 3000.0]);
        cpu().play(scene().with_instance("i-1", young)).holds();
        cpu().play(scene()).scales_to(7);
        let mut eager = cpu().set("readiness_delay", Duration::ZERO);
        eager.play(scene().with_instance("i-1", young)).scales_to(7);
        // Not ready again in its first five minutes: still starting. Later: counted as it measures.
        let unready = |age_ms: u64| {
            scene().with_instance("i-1", move |one| {
                (one.phase, one.started_ms) = (Phase::Unready.number(), Some(NOON_MS - age_ms));
            })
        };
        cpu().play(unready(60_000)).holds();
        cpu().play(unready(301_000)).scales_to(7);
    }

    #[test]
    fn nobody_measured_is_a_missing_reading() {
        let scene = of_cpu(&[100.0, 100.0]).each_instance(|one| one.phase = Phase::Starting.number());
        cpu().play(scene).refuses(RefusalKind::ReadingMissing).says("0 without a fresh sample, 2 not ready");
        let none = Scene::new().replicas(2).each_instance(|one| one.requests.cpu_millis = Some(1000));
        cpu().play(none).refuses(RefusalKind::ReadingMissing).says("2 without a fresh sample");
    }

    #[test]
    fn never_moves_against_its_own_ratio() {
        // Ten are desired, two exist: a ratio of 1.8 over two makes 4, which would lower.
        cpu().play(desired(of_cpu(&[900.0, 900.0]), 10)).holds().says("10 stay");
    }
}

mod containers {
    use super::*;

    fn of_app() -> Scene {
        let known = |cpu_millis| Resources { cpu_millis: Some(cpu_millis), memory_bytes: None };
        of_cpu(&[180.0, 180.0]).container("app", known(200), known(400)).container("sidecar", known(800), known(800))
    }

    /// The HPA's `ContainerResource`: of 1000 that an instance requests, 200 are of the container that is measured.
    #[test]
    fn a_share_can_be_of_one_container() {
        cpu().play(of_app()).scales_to(1);
        let mut bench = cpu().set("container", "app");
        bench.play(of_app()).scales_to(4).says("`cpu` is 90% of requested CPU of container `app` on the mean of 2");
        cpu()
            .set("container", "db")
            .play(of_app())
            .refuses(RefusalKind::ReadingMissing)
            .says("the workload has no container `db`");
    }

    #[test]
    fn each_reading_can_have_its_own() {
        let mut bench = Bench::new()
            .set("readings", ["cpu", "side"])
            .set("target", 50.0)
            .set("kind", "utilization")
            .set("containers", ["", "sidecar"]);
        bench.play(of_app().of_each_instance("side", [1200.0])).scales_to(6).says("container `sidecar`");
    }

    #[test]
    fn one_for_all_concerns_the_shares_alone() {
        let mut bench = cpu().set("container", "app").set("readings", ["rps"]).set("kinds", ["average-value"]);
        bench.play(of_app().reading("rps", [500.0])).scales_to(10).says("`rps`");
    }
}

mod plain_cpu {
    use super::*;

    fn millis() -> Bench {
        Bench::new().set("reading", "cpu").set("target", 200.0).set("kind", "average-cpu")
    }

    /// The HPA's resource metric with `averageValue`: needs no request, yet knows what starting is.
    #[test]
    fn is_averaged_without_any_request() {
        let scene = Scene::new().replicas(2).of_each_instance("cpu", [500.0]);
        millis().play(scene.clone()).scales_to(5).says("`cpu` is 500m of CPU on the mean of 2 instances");
        let starts = scene.with_instance("i-1", |one| one.phase = Phase::Starting.number());
        millis().play(starts).scales_to(3).says("1 more are not ready");
    }
}

mod per_instance {
    use super::*;

    fn sessions() -> Bench {
        Bench::new().set("reading", "sessions").set("target", 10.0).set("subject", "instance")
    }

    #[test]
    fn values_are_averaged() {
        let scene = Scene::new().replicas(2).of_each_instance("sessions", [25.0]);
        sessions().play(scene).scales_to(5).says("`sessions` is 25 on the mean of 2 instances");
    }

    #[test]
    fn going_down_the_missing_count_as_on_target() {
        // One of two idle, one unknown: 0 would lower to 0; (0 + 10) / 2 makes 1.
        sessions().play(Scene::new().replicas(2).of_instance("i-0", "sessions", [0.0])).scales_to(1);
    }
}

mod parameters_that_are_wrong {
    use super::*;

    fn refusal(bench: &Bench) -> String {
        bench.bind().unwrap_err().text
    }

    #[test]
    fn are_refused_when_the_binding_is_made() {
        assert!(refusal(&Bench::new()).contains("neither `reading` nor `readings`"));
        assert!(refusal(&Bench::new().set("reading", "rps")).contains("`rps` has no target"));
        assert!(refusal(&requests().set("target", 0.0)).contains("`target` is 0"));
        assert!(refusal(&requests().set("target", f64::NAN)).contains("not a finite number"));
        assert!(refusal(&requests().set("kind", "averageValue")).contains("none of average-value"));
        let uneven = Bench::new().set("readings", ["a", "b"]).set("targets", [1.0]);
        assert!(refusal(&uneven).contains("`targets` has 1 items for 2"));
        assert!(refusal(&requests().set("kind", "value").set("subject", "instance")).contains("use `average-value`"));
    }

    #[test]
    fn short_form_and_lists_add_up() {
        let bench = requests().set("readings", ["jobs"]);
        let needs: Vec<String> = bench.bind().unwrap().into_iter().map(|need| need.name).collect();
        assert_eq!(needs, ["requests_per_second", "jobs"]);
        let scene = of_requests(2, 100.0).reading("jobs", [150.0]);
        let mut bench = bench;
        bench.play(scene).scales_to(3).says("`jobs`");
    }
}
