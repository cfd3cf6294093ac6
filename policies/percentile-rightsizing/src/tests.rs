use std::time::Duration;

use trimtab_sdk::memory::Memory;
use trimtab_sdk::prelude::*;
use trimtab_sdk::rehearsal::{NOON_MS, Played, Rehearsal, Scene};
use trimtab_sdk::snapshot::{Change, Size};

use crate::PercentileRightsizing;
use crate::histogram::Histogram;
use crate::history::{FOLLOWED_MAX, Followed, History, Series};

mod bad_input;
mod over_days;
mod properties;

type Bench = Rehearsal<PercentileRightsizing>;

const MIB: u64 = 1 << 20;
const MIB_F: f64 = 1_048_576.0;
const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

fn resources(cpu_millis: u64, mib: u64) -> Resources {
    Resources { cpu_millis: Some(cpu_millis), memory_bytes: Some(mib * MIB) }
}

fn scene(replicas: u32, cpu_millis: u64, mib: u64) -> Scene {
    let room = resources(cpu_millis, mib);
    Scene::new().replicas(replicas).container("main", room, room)
}

/// A minute apart, the last now.
fn using(scene: Scene, cpu: &[f64], mib: &[f64]) -> Scene {
    let bytes: Vec<f64> = mib.iter().map(|mib| mib * MIB_F).collect();
    scene.step(MINUTE).of_each_instance("cpu_millicores", cpu).of_each_instance("memory_bytes", bytes)
}

/// One that acts on the first samples it sees.
fn hasty() -> Bench {
    Bench::new().set("rest", Duration::ZERO).set("look_back", HOUR)
}

fn resized(at_ms: u64) -> Change {
    let (kind, by) = ("resize".to_owned(), "policy".to_owned());
    Change { at_ms, kind, from_count: 1, to_count: 1, by, attrs: Vec::new() }
}

/// Requests of CPU in millicores and of memory in MiB.
fn asked(played: &Played) -> (Option<u64>, Option<u64>) {
    let requests = played.resources().map(|one| one.requests);
    let mib = requests.and_then(|one| one.memory_bytes).map(|bytes| bytes.div_ceil(MIB));
    (requests.and_then(|one| one.cpu_millis), mib)
}

mod the_target {
    use super::*;

    /// 1000m lie in the bucket that ends at 200 × (1.05³⁷ − 1) = 1016.28m, and 15 % more is 1168.7m.
    #[test]
    fn is_the_percentile_and_its_margin_rounded_up() {
        let used: Vec<f64> = [500.0; 17].into_iter().chain([1000.0; 3]).collect();
        let mut bench = hasty().set("ignore", ["memory"]);
        let played = bench.play(using(scene(1, 3000, 1), &used, &[]));
        assert_eq!(asked(&played), (Some(1169), None));
        let mut lower = hasty().set("ignore", ["memory"]).set("cpu_percentile", 0.8);
        assert_eq!(asked(&lower.play(using(scene(1, 3000, 1), &used, &[]))), (Some(588), None));
        let mut bare = hasty().set("ignore", ["memory"]).set("margin", 0.0);
        assert_eq!(asked(&bare.play(using(scene(1, 3000, 1), &used, &[]))), (Some(1017), None));
    }

    /// Of memory the greatest of an interval counts once: 100, 600 and 300 MiB are one peak of 600, whose bucket ends at 633.6.
    #[test]
    fn of_memory_is_that_of_the_peaks() {
        let played = hasty().set("ignore", ["cpu"]).play(using(scene(1, 1, 2000), &[], &[100.0, 600.0, 300.0]));
        assert_eq!(asked(&played), (None, Some(729)));
        assert!(played.says("memory: 2000Mi set aside, target 729Mi").resources().is_some());
    }

    #[test]
    fn is_not_below_the_least_which_containers_share() {
        let idle = || using(scene(1, 3000, 3000), &[1.0], &[1.0]);
        assert_eq!(asked(&hasty().play(idle())), (Some(25), Some(250)));
        let beside = idle().container("sidecar", resources(10, 10), resources(10, 10));
        assert_eq!(asked(&hasty().set("container", "main").play(beside)), (Some(13), Some(125)));
    }

    #[test]
    fn is_rounded_up_to_steps() {
        let mut bench = hasty().set("round_cpu", 50).set("round_memory_mib", 64);
        assert_eq!(asked(&bench.play(using(scene(1, 3000, 3000), &[500.0], &[500.0]))), (Some(600), Some(640)));
    }

    #[test]
    fn keeps_within_the_bounds() {
        let bounded = |scene: Scene, least, most| {
            scene.with_target(|target| (target.limits.least, target.limits.most) = (least, most))
        };
        let played = hasty().play(bounded(
            using(scene(1, 3000, 3000), &[500.0], &[500.0]),
            resources(700, 800),
            resources(4000, 4000),
        ));
        assert_eq!(asked(&played), (Some(700), Some(800)));
        let most = bounded(using(scene(1, 100, 100), &[500.0], &[500.0]), resources(1, 1), resources(300, 200));
        assert_eq!(asked(&hasty().play(most)), (Some(300), Some(200)));
        let there = bounded(using(scene(1, 300, 200), &[500.0], &[500.0]), resources(1, 1), resources(300, 200));
        hasty().play(there).holds();
    }

    /// What was requested when a sample was taken counts only if asked for: in the VPA it never came to (autoscaler#7818).
    #[test]
    fn may_weigh_by_request() {
        let before = || using(scene(1, 1000, 1), &[500.0; 20], &[]);
        let after = || using(scene(1, 4000, 1).later(30 * MINUTE), &[1500.0; 6], &[]);
        let mut bench = hasty().set("ignore", ["memory"]).set("cpu_percentile", 0.6).set("look_back", 10 * MINUTE);
        let first = bench.play(before());
        assert!(asked(&first).0.is_some());
        assert!(asked(&bench.play(after())).0.is_some_and(|millis| millis < 600));
        let mut weighing = bench.set("weigh_by_request", true);
        weighing.set_memory(Vec::new());
        let _ = weighing.play(before());
        assert!(asked(&weighing.play(after())).0.is_some_and(|millis| millis > 1500));
    }
}

mod limits {
    use super::*;

    fn of(request: Option<u64>, limit: Option<u64>) -> Scene {
        let one = |millis| Resources { cpu_millis: millis, memory_bytes: None };
        using(Scene::new().container("main", one(request), one(limit)), &[500.0; 4], &[])
    }

    fn figures(bench: &mut Bench, scene: Scene) -> Option<(Option<u64>, Option<u64>)> {
        bench.play(scene).resources().map(|one| (one.requests.cpu_millis, one.limits.cpu_millis))
    }

    #[test]
    fn keep_their_proportion_to_requests() {
        let mut bench = hasty().set("ignore", ["memory"]);
        assert_eq!(figures(&mut bench, of(Some(1000), Some(4000))), Some((Some(588), Some(2352))));
        assert_eq!(figures(&mut bench, of(Some(1000), None)), Some((Some(588), None)));
        assert_eq!(figures(&mut bench, of(None, Some(1000))), Some((None, Some(588))));
    }

    #[test]
    fn or_stay_and_cap_the_request() {
        let mut bench = hasty().set("ignore", ["memory"]).set("limits", "none");
        assert_eq!(figures(&mut bench, of(Some(1000), Some(4000))), Some((Some(588), None)));
        assert_eq!(figures(&mut bench, of(Some(100), Some(400))), Some((Some(400), None)));
        bench.play(of(Some(400), Some(400))).holds();
    }
}

mod the_memory {
    use super::*;

    #[test]
    fn keeps_within_its_bound() {
        let series = || {
            let mut histogram = Histogram::default();
            let mut decay = histogram.advance(NOON_MS, 1);
            let scheme = crate::room::Dimension::Cpu.scheme();
            (0..200).for_each(|power| histogram.add(&scheme, 1.1_f64.powi(power) * 10.0, decay.weight(NOON_MS)));
            (0..1000).for_each(|value| histogram.add(&scheme, f64::from(value) * 10.0, decay.weight(NOON_MS)));
            Series { histogram, first_ms: 1, last_ms: 2, samples: 3 }
        };
        let one = |id| Followed { id, oom_kills: Some(1.0), ..Followed::default() };
        let full = History { cpu: series(), memory: series(), instances: (0..FOLLOWED_MAX as u64).map(one).collect() };
        let mut bytes = Vec::new();
        full.write(&mut bytes);
        assert!(bytes.len() + 8 <= History::BYTES_MAX as usize, "{}", bytes.len());
        assert!(bytes.len() + 1000 > History::BYTES_MAX as usize, "{}", bytes.len());
    }

    /// As the history of three days ages in it, instances come and go.
    #[test]
    fn stays_small_where_instances_come_and_go() {
        let mut bench = Bench::new().set("memory_interval", HOUR);
        for turn in 0..200 {
            let scene = scene(0, 1000, 1000).later(MINUTE * turn);
            let ids = (0..20).map(|number| format!("{turn}-{number}"));
            let scene = ids.fold(scene, |scene, id| scene.instance(trimtab_sdk::rehearsal::instance(id, Phase::Ready)));
            let scene = using(scene.with_target(|target| target.desired = 20), &[400.0], &[400.0]);
            let _ = bench.play(scene);
        }
        // An hour of 20 each minute are 1200: those that are gone make room.
        assert!(bench.memory().len() < FOLLOWED_MAX * 57 + 4000, "{}", bench.memory().len());
    }

    #[test]
    fn of_more_instances_than_it_has_room_for_leaves_some_out() {
        let mut bench = hasty();
        let played = bench.play(using(scene(1010, 1000, 1000), &[400.0], &[400.0]));
        assert!(played.says("1000 samples in 0 hours), 10 instances left out").resources().is_some());
    }

    #[test]
    fn if_damaged_begins_anew_and_lowers_nothing() {
        let mut bench = Bench::new();
        for hour in 0..20 {
            let _ = bench.play(using(scene(2, 1000, 1000).later(HOUR * hour), &[900.0; 15], &[900.0; 15]));
        }
        let mut damaged = bench.memory().to_vec();
        damaged[40] ^= 1;
        bench.set_memory(damaged);
        let idle = using(scene(2, 1000, 1000).later(HOUR * 20), &[10.0; 15], &[10.0; 15]);
        bench.play(idle).holds().says("damaged").says("rests until it has 12 hours of history");
    }
}

mod modes {
    use super::*;

    #[test]
    fn leave_out_what_is_ignored() {
        let scene = || using(scene(1, 3000, 3000), &[500.0], &[500.0]);
        assert_eq!(asked(&hasty().set("ignore", ["cpu"]).play(scene())), (None, Some(600)));
        assert_eq!(asked(&hasty().set("ignore", ["memory"]).play(scene())), (Some(588), None));
        hasty().set("ignore", ["all"]).play(scene()).refuses(RefusalKind::NotApplicable);
        let needs = hasty().set("ignore", ["cpu"]).set("oom_reading", "ooms").bind().unwrap();
        let names: Vec<&str> = needs.iter().map(|need| need.name.as_str()).collect();
        assert_eq!(names, ["", "", "memory_bytes", "ooms"]);
    }

    #[test]
    fn targets_of_another_shape_are_not_its_business() {
        let refuses =
            |scene: Scene, text: &str| Bench::new().play(scene).refuses(RefusalKind::NotApplicable).says(text);
        let one = || scene(1, 1000, 1000);
        refuses(one().with_target(|target| target.abilities.resize = 0), "cannot resize");
        refuses(Scene::new(), "no container");
        refuses(one().container("sidecar", resources(10, 10), resources(10, 10)), "2 containers");
        let class = Size { class: "s-1".into(), resources: resources(1000, 1024), price_per_hour: None, attrs: vec![] };
        refuses(one().with_target(|target| target.abilities.sizes.push(class)), "fixed sizes");
        let mut wrong = Bench::new().set("container", "other");
        wrong.play(one()).refuses(RefusalKind::NotApplicable).says("no container `other`");
    }
}
