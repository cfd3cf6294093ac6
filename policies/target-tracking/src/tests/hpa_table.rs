//! The HPA's own cases (`pkg/controller/podautoscaler/replica_calculator_test.go`, `TestReplicaCalc…`): what is measured, what
//! is decided. Names are those of its tests without that prefix; each instance requests 1000 millicores of CPU.

use trimtab_sdk::prelude::*;
use trimtab_sdk::rehearsal::{NOON_MS, Scene, instance};

use super::Bench;

/// How a row's reading is compared, and its target.
#[derive(Clone, Copy)]
enum By {
    /// Percent of requested CPU.
    Share(f64),
    /// A number of each instance.
    Each(f64),
    /// A figure of the target: (value, target).
    Figure(f64, f64),
    /// A total of the target: (value, target of each).
    Total(f64, f64),
}

use By::{Each, Figure, Share, Total};

/// Name, how it is compared, count last asked for, instances, what is asked. An instance is a letter and its sample, or `-`
/// for none: `r` ready, `s` starting, `h` ready since this moment (the HPA's "hot CPU"), `u` unready since this moment, `o`
/// unready and old, `p` pending, `f` failed, `d` being deleted.
type Row = (&'static str, By, u32, &'static str, Option<u32>);

/// `None`: the HPA gives an error, and the policy refuses.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("DisjointResourcesMetrics", Share(100.0), 1, "r-", None),
    ("ScaleUp", Share(30.0), 3, "r300 r500 r700", Some(5)),
    ("ScaleUpUnreadyLessScale", Share(30.0), 3, "s300 r500 r700", Some(4)),
    ("ScaleUpHotCpuLessScale", Share(30.0), 3, "h300 r500 r700", Some(4)),
    ("ScaleUpUnreadyNoScale", Share(30.0), 3, "r400 s500 s700", Some(3)),
    ("ScaleHotCpuNoScale", Share(30.0), 3, "r400 u500 u700", Some(3)),
    ("ScaleUpIgnoresFailedPods", Share(30.0), 2, "r500 r700 f- f-", Some(4)),
    ("ScaleUpIgnoresDeletionPods", Share(30.0), 2, "r500 r700 d- d-", Some(4)),
    ("ScaleUpCM", Each(15.0), 3, "r20 r10 r30", Some(4)),
    ("ScaleUpCMUnreadyHotCpuNoLessScale", Each(15.0), 3, "r50 r10 u30", Some(6)),
    ("ScaleUpCMUnreadyHotCpuScaleWouldScaleDown", Each(15.0), 3, "u50 r15 u30", Some(7)),
    ("ScaleUpCMObject", Figure(20.0, 15.0), 3, "r- r- r-", Some(4)),
    ("ScaleUpCMPerPodObject", Total(20.0, 5.0), 3, "r- r- r-", Some(4)),
    ("ScaleUpCMObjectIgnoresUnreadyPods", Figure(50.0, 10.0), 3, "s- r- s-", Some(5)),
    ("ScaleUpCMExternal", Each(4.4), 1, "r8.6", Some(2)),
    ("ScaleUpPerPodCMExternal", Total(8.6, 2.15), 3, "r- r- r-", Some(4)),
    ("ScaleDown", Share(50.0), 5, "r100 r300 r500 r250 r250", Some(3)),
    ("ScaleDownCM", Each(20.0), 5, "r12 r12 r12 r12 r12", Some(3)),
    ("ScaleDownPerPodCMObject", Total(6.0, 2.0), 5, "r- r- r- r- r-", Some(3)),
    ("ScaleDownCMObject", Figure(12.0, 20.0), 5, "r- r- r- r- r-", Some(3)),
    ("ScaleDownCMExternal", Figure(8.6, 14.334), 5, "r- r- r- r- r-", Some(3)),
    ("ScaleDownPerPodCMExternal", Total(8.6, 2.867), 5, "r- r- r- r- r-", Some(3)),
    ("ScaleDownIncludeUnreadyPods", Share(50.0), 5, "r100 r300 r500 s250 s250", Some(2)),
    ("ScaleDownExcludeUnscheduledPods", Share(50.0), 5, "r100 p- p- p- p-", Some(1)),
    ("ScaleDownIgnoreHotCpuPods", Share(50.0), 5, "r100 r300 r500 h250 h250", Some(2)),
    ("ScaleDownIgnoresFailedPods", Share(50.0), 5, "r100 r300 r500 r250 r250 f- f-", Some(3)),
    ("ScaleDownIgnoresDeletionPods", Share(50.0), 5, "r100 r300 r500 r250 r250 d- d-", Some(3)),
    ("Tolerance", Share(100.0), 3, "r1010 r1030 r1020", Some(3)),
    ("ToleranceCM", Each(20.0), 3, "r20 r21 r21", Some(3)),
    ("ToleranceCMObject", Figure(20.666, 20.0), 3, "r- r- r-", Some(3)),
    ("TolerancePerPodCMObject", Total(20.166, 5.0), 4, "r- r- r- r-", Some(4)),
    ("ToleranceCMExternal", Figure(8.6, 8.888), 3, "r- r- r-", Some(3)),
    ("TolerancePerPodCMExternal", Total(8.6, 2.9), 3, "r- r- r-", Some(3)),
    ("SuperfluousMetrics", Share(100.0), 4, "r4000 r9500 r3000 r7000", Some(24)),
    ("MissingMetrics", Share(100.0), 4, "r400 r95 r- r-", Some(3)),
    ("EmptyMetrics", Share(100.0), 4, "r- r- r-", None),
    ("MissingMetricsNoChangeEq", Share(100.0), 2, "r1000 r-", Some(2)),
    ("MissingMetricsNoChangeGt", Share(100.0), 2, "r1900 r-", Some(2)),
    ("MissingMetricsNoChangeLt", Share(100.0), 2, "r600 r-", Some(2)),
    ("MissingMetricsUnreadyChange", Share(50.0), 3, "s100 r450 r-", Some(3)),
    ("MissingMetricsHotCpuNoChange", Share(50.0), 3, "h100 r450 r-", Some(3)),
    ("MissingMetricsUnreadyScaleUp", Share(50.0), 3, "s100 r2000 r-", Some(4)),
    ("MissingMetricsHotCpuScaleUp", Share(50.0), 3, "u100 r2000 r-", Some(4)),
    ("MissingMetricsUnreadyScaleDown", Share(50.0), 4, "s100 r100 r100 r-", Some(3)),
    ("DuringRollingUpdateWithMaxSurge", Share(50.0), 2, "r100 r100 r-", Some(2)),
    ("ComputedToleranceAlgImplementation, beyond", Share(56.0), 2, "r500 r500", Some(2)),
    ("GroupPods: unready and never ready, its start long past", Share(50.0), 2, "r500 o3000", Some(7)),
    ("GroupPods: pending pods are ignored", Share(50.0), 2, "r500 p-", Some(2)),
];

fn scene(by: By, desired: u32, instances: &str) -> Scene {
    let mut scene = Scene::new().replicas(0);
    for (index, word) in instances.split(' ').enumerate() {
        let (letter, sample) = word.split_at(1);
        let (phase, is_new) = match letter {
            "r" => (Phase::Ready, false),
            "h" => (Phase::Ready, true),
            "s" => (Phase::Starting, true),
            "u" => (Phase::Unready, true),
            "o" => (Phase::Unready, false),
            "p" => (Phase::Pending, true),
            "f" => (Phase::Failed, false),
            "d" => (Phase::Draining, false),
            other => panic!("no such instance: {other}"),
        };
        let id = format!("i-{index}");
        let mut one = instance(&id, phase);
        one.requests.cpu_millis = Some(1000);
        if is_new {
            one.started_ms = Some(NOON_MS);
        }
        scene = scene.instance(one);
        if sample != "-" {
            scene = scene.of_instance(&id, "it", [sample.parse::<f64>().unwrap()]);
        }
    }
    let ready = u32::try_from(instances.matches(['r', 'h']).count()).unwrap();
    scene = scene.with_target(|target| (target.desired, target.total, target.ready) = (desired, desired, ready));
    match by {
        Share(_) | Each(_) => scene,
        Figure(value, _) | Total(value, _) => scene.reading("it", [value]),
    }
}

fn bench(by: By) -> Bench {
    let (kind, subject, target) = match by {
        Share(target) => ("utilization", "instance", target),
        Each(target) => ("average-value", "instance", target),
        Figure(_, target) => ("value", "target", target),
        Total(_, target) => ("average-value", "target", target),
    };
    Bench::new().set("reading", "it").set("kind", kind).set("subject", subject).set("target", target)
}

#[test]
fn every_row_is_decided_as_the_hpa_decides_it() {
    assert!(ROWS.len() >= 45);
    for (name, by, desired, instances, expected) in ROWS {
        let played = bench(*by).play(scene(*by, *desired, instances));
        let asked = match (played.proposals(), played.count()) {
            ([], _) => None,
            (_, None) => Some(*desired),
            (_, count) => count,
        };
        assert_eq!(asked, *expected, "{name}: it {played}");
    }
}

#[test]
fn a_share_is_of_what_each_instance_requests() {
    // `Tolerance` and `ComputedToleranceAlgImplementation` with their uneven requests: 50 % of 3000 against 56 and 55 %.
    let uneven = [400, 200, 310, 290, 302, 298, 301, 299, 300, 300];
    let mut scene = Scene::new().replicas(10);
    for (index, millis) in uneven.into_iter().enumerate() {
        let id = format!("i-{index}");
        scene = scene.with_instance(&id, |one| one.requests.cpu_millis = Some(millis)).of_instance(&id, "it", [150.0]);
    }
    bench(Share(56.0)).play(scene.clone()).scales_to(9);
    bench(Share(55.0)).play(scene).holds();
}

#[test]
fn an_instance_counts_from_its_first_whole_sample_on() {
    // `GroupPods`: within its initialization, ready, and sampled after its readiness delay, it counts; before, it does not.
    let aged = |seconds: u64| {
        let started_ms = NOON_MS - seconds * 1000;
        scene(Share(50.0), 2, "r500 r3000").with_instance("i-1", move |one| one.started_ms = Some(started_ms))
    };
    bench(Share(50.0)).play(aged(60)).scales_to(7);
    bench(Share(50.0)).play(aged(29)).holds().says("1 more are not ready");
}

/// The three rows in which this policy is more careful than the HPA (README, "What differs from the HPA").
#[test]
fn where_it_differs_from_the_hpa_it_stays() {
    // `ScaleUpCMExternalIgnoresUnreadyPods`: ⌈1 that serves × 1.95⌉ = 2 of 3, a lowering while the value is above its target.
    let by = Figure(8.6, 4.4);
    bench(by).play(scene(by, 3, "s- r- s-")).holds().says("ratio 1.955 on 1 that serve: 3 stay");
    // One plain value exactly on target, one missing: the HPA counts it as 0, and goes to ⌈0.5 × 2⌉ = 1.
    let by = Each(10.0);
    bench(by).play(scene(by, 2, "r10 r-")).holds();
    // A plain value during a rolling update: 3 instances for 2 desired, ⌈0.8 × 3⌉ = 3 would raise for a lack of load.
    bench(by).play(scene(by, 2, "r7 r7 r10")).holds().says("2 stay");
}
