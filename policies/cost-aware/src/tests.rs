use std::time::Duration;

use proptest::prelude::*;
use trimtab_sdk::prelude::*;
use trimtab_sdk::rehearsal::{NOON_MS, Played, Rehearsal, Scene};
use trimtab_sdk::snapshot::Size;

use crate::CostAware;

type Bench = Rehearsal<CostAware>;

const MIB: u64 = 1 << 20;
const MIB_F: f64 = 1_048_576.0;
const PRICES: [&str; 3] = ["small: 1 cpu 2Gi 0.02", "medium: 2 cpu 4Gi 0.05", "large: 4 cpu 8Gi 0.07"];

fn resources(cpu_millis: u64, mib: u64) -> Resources {
    Resources { cpu_millis: Some(cpu_millis), memory_bytes: Some(mib * MIB) }
}

fn listed() -> Bench {
    Bench::new().set("prices", PRICES)
}

fn free() -> Bench {
    Bench::new().set("price_per_core", 0.03).set("price_per_gib", 0.004)
}

/// So many of that size, each of which uses so much.
fn of(count: u32, size: (u64, u64), cpu: f64, mib: f64) -> Scene {
    let room = resources(size.0, size.1);
    let scene = Scene::new().replicas(count).container("main", room, room);
    scene.of_each_instance("cpu_millicores", [cpu]).of_each_instance("memory_bytes", [mib * MIB_F])
}

const SMALL: (u64, u64) = (1000, 2048);
const LARGE: (u64, u64) = (4000, 8192);

/// A backend that sells these sizes, as `PRICES` has them.
fn selling(scene: Scene) -> Scene {
    scene.with_target(|target| {
        target.abilities.sizes = [("small", 1000, 2048), ("medium", 2000, 4096), ("large", 4000, 8192)]
            .map(|(class, cpu, mib)| Size {
                class: class.to_owned(),
                resources: resources(cpu, mib),
                price_per_hour: None,
                attrs: Vec::new(),
            })
            .into();
    })
}

/// Count, size in millicores and MiB or by its name, and groups of what is proposed.
type Asked = (Option<u32>, Option<(u64, u64)>, String, Vec<u32>);

fn asked(played: &Played) -> Asked {
    let size =
        played.resources().map(|one| (one.requests.cpu_millis.unwrap(), one.requests.memory_bytes.unwrap() / MIB));
    let class = played.proposals().iter().map(|one| one.size_class.as_str()).collect();
    (played.count(), size, class, played.proposals().iter().map(|one| one.group).collect())
}

mod the_cheapest {
    use super::*;

    #[test]
    fn is_a_trade_of_number_for_size_in_one_group() {
        // Eight small ones use 4480m: 4480 / 0.7 · 1.1 = 7040m, that is 8 small, 4 medium or 2 large.
        let played = listed().play(of(8, SMALL, 560.0, 500.0));
        let played = played.says("8 × small cost 0.16/h").says("12.5% can be saved: 2 × large cost 0.14/h");
        assert_eq!(asked(&played), (Some(2), Some(LARGE), String::new(), vec![1, 1]));
        let names: Vec<&str> = played.answer().attrs.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["cost_now", "cost_after"]);
    }

    #[test]
    fn goes_by_its_name_where_the_backend_sells_sizes() {
        let played = listed().play(selling(of(8, SMALL, 560.0, 500.0)));
        assert_eq!(asked(&played), (Some(2), None, "large".to_owned(), vec![1, 1]));
        let named = Bench::new().set("prices", ["small: 0.02", "large: 0.07"]);
        let played =
            { named }.play(selling(of(8, SMALL, 560.0, 500.0))).says("left out without price, cpu or memory: medium");
        assert_eq!(asked(&played).2, "large");
    }

    #[test]
    fn takes_the_backends_own_prices() {
        let scene = selling(of(8, SMALL, 560.0, 500.0)).with_target(|target| {
            for (size, price) in target.abilities.sizes.iter_mut().zip([0.02, 0.05, 0.07]) {
                size.price_per_hour = Some(price);
            }
        });
        assert_eq!(asked(&Bench::new().play(scene)).2, "large");
    }

    #[test]
    fn may_be_fewer_of_the_same() {
        let played = listed().play(of(6, SMALL, 200.0, 300.0)).says("66.7% can be saved: 2 × small cost 0.04/h");
        assert_eq!(asked(&played), (Some(2), None, String::new(), vec![0]));
    }

    #[test]
    fn names_the_next() {
        listed()
            .play(of(6, SMALL, 200.0, 300.0))
            .says("next 2 × medium 0.1/h")
            .says("1200m cpu and 1800Mi used in all");
    }

    #[test]
    fn is_any_size_at_a_price_per_core_and_gib() {
        // 2000m / 0.7 · 1.1 = 3143m over two: 1571, in steps of 250 1750. 4000Mi / 0.8 · 1.1 = 5500 over two: 2816.
        let played = free().play(of(4, LARGE, 500.0, 1000.0));
        assert_eq!(asked(&played), (Some(2), Some((1750, 2816)), String::new(), vec![0, 0]));
    }

    #[test]
    fn may_follow_a_load_instead_of_cpu() {
        let mut bench = listed().set("demand_reading", "rps").set("demand_per_core", 100.0);
        let scene = |total: f64| of(4, SMALL, 0.0, 300.0).reading("rps", [total]);
        bench.play(scene(380.0)).holds();
        // Four cores carry 400; half as much again and a tenth above need seven.
        assert_eq!(bench.play(scene(600.0)).count(), Some(7));
    }
}

mod the_load {
    use super::*;

    #[test]
    fn comes_before_the_cost() {
        // 3 × 900 / 0.7 · 1.1 = 4243m. Two large ones would do, but that takes one replica away while all are busy.
        let played = listed().play(of(3, SMALL, 900.0, 500.0)).says("do not carry it: 5 × small cost 0.1/h");
        assert_eq!(asked(&played), (Some(5), None, String::new(), vec![0]));
    }

    #[test]
    fn of_memory_makes_them_larger() {
        // 1900 · 1.15 is more than 2048.
        let played = listed().play(of(2, SMALL, 100.0, 1900.0)).says("do not carry it: 2 × medium");
        assert_eq!(asked(&played), (None, Some((2000, 4096)), String::new(), vec![0]));
    }

    #[test]
    fn is_traded_for_only_where_nothing_else_will_do() {
        // At most three replicas, and only the high-memory size holds more: it has less cpu than a large one.
        let prices = ["large: 4 cpu 4Gi 0.07", "fat: 3 cpu 16Gi 0.08"];
        let scene = of(3, (4000, 4096), 500.0, 3900.0).with_target(|target| target.limits.replicas_max = 3);
        let played = Bench::new().set("prices", prices).play(scene).says("do not carry it: 2 × fat");
        assert_eq!(asked(&played), (Some(2), Some((3000, 16_384)), String::new(), vec![1, 1]));
    }

    #[test]
    fn that_nothing_on_offer_carries_gets_all_there_may_be() {
        let scene = of(3, LARGE, 3900.0, 500.0).with_target(|target| target.limits.replicas_max = 4);
        let played = listed().play(scene).says("nothing with a price takes over: 4 × large");
        assert_eq!(played.count(), Some(4));
        let scene = of(4, LARGE, 3900.0, 500.0).with_target(|target| target.limits.replicas_max = 4);
        listed().play(scene).holds().says("nor does anything on offer");
    }

    #[test]
    fn is_carried_by_more_of_a_size_without_price() {
        let played = listed().play(of(3, (1500, 9000), 1400.0, 500.0)).says("do not carry it");
        assert_eq!(asked(&played), (Some(4), None, String::new(), vec![0]));
    }
}

mod availability {
    use super::*;

    #[test]
    fn keeps_so_many_at_least() {
        assert_eq!(listed().set("at_least", 4).play(of(6, SMALL, 10.0, 100.0)).count(), Some(4));
        listed().set("at_least", 7).play(of(6, SMALL, 10.0, 100.0)).says("do not carry it: 7 × small");
    }

    #[test]
    fn keeps_one_in_each_zone() {
        let zones = |scene: Scene| scene.with_target(|target| target.zones = ["a", "b", "c"].map(str::to_owned).into());
        assert_eq!(listed().play(zones(of(6, SMALL, 10.0, 100.0))).count(), Some(3));
        assert_eq!(listed().set("spread", false).play(zones(of(6, SMALL, 10.0, 100.0))).count(), Some(2));
    }

    #[test]
    fn keeps_enough_where_some_are_lost() {
        // 1400 / 0.7 · 1.1 = 2200m: three small ones, and one to spare.
        assert_eq!(listed().set("spare", 1).play(of(7, SMALL, 200.0, 100.0)).count(), Some(4));
    }
}

mod staying {
    use super::*;

    #[test]
    fn is_cheaper_than_a_change_that_saves_little() {
        let scene = || of(8, SMALL, 560.0, 500.0);
        listed().set("saving_min", 0.2).play(scene()).holds().says("12.5% could be saved, and 20% is worth a change");
        let played = listed().set("saving_min", 0.125).play(scene());
        assert_eq!(played.count(), Some(2));
    }

    #[test]
    fn has_room_for_a_small_rise() {
        // 5 × 630 / 0.7 = 4500m of 5000: it is carried, and 4 would not with a tenth above.
        listed().play(of(5, SMALL, 630.0, 100.0)).holds().says("and nothing is cheaper");
        listed().play(of(5, SMALL, 690.0, 100.0)).holds();
        assert_eq!(listed().play(of(5, SMALL, 710.0, 100.0)).count(), Some(6));
    }

    #[test]
    fn keeps_memory_above_the_peak() {
        let peaked = of(4, LARGE, 100.0, 500.0).of_instance("i-1", "memory_bytes", [3800.0 * MIB_F, 500.0 * MIB_F]);
        let played = listed().play(peaked).says("at most 3800Mi by one");
        assert_eq!(asked(&played), (Some(2), None, String::new(), vec![0]), "4Gi are too small for 3800Mi and a sixth");
    }

    #[test]
    fn holds_to_the_bounds_of_the_container() {
        let bounded = of(8, SMALL, 560.0, 500.0).with_target(|target| target.limits.most = resources(3000, 8192));
        listed().play(bounded).holds();
    }

    #[test]
    fn limits_keep_their_proportion() {
        let scene = Scene::new().replicas(8).container("main", resources(1000, 2048), resources(2000, 2048));
        let scene = scene.of_each_instance("cpu_millicores", [560.0]).of_each_instance("memory_bytes", [500.0 * MIB_F]);
        let played = listed().play(scene);
        let limits = played.resources().unwrap().limits;
        assert_eq!(limits, Resources { cpu_millis: Some(8000), memory_bytes: Some(8192 * MIB) });
    }
}

mod bad_input {
    use super::*;

    #[test]
    fn nothing_known_is_a_missing_reading() {
        let bare = || Scene::new().replicas(4).container("main", resources(1000, 2048), resources(1000, 2048));
        listed()
            .play(bare())
            .refuses(RefusalKind::ReadingMissing)
            .says("no instance has a fresh sample of `memory_bytes`");
        let no_cpu = bare().of_each_instance("memory_bytes", [1.0]);
        listed().play(no_cpu).refuses(RefusalKind::ReadingMissing).says("`cpu_millicores`");
        let load = listed().set("demand_reading", "rps").set("demand_per_core", 1.0);
        let scene = bare().of_each_instance("memory_bytes", [1.0]).stale("rps", [1.0]);
        { load }.play(scene).refuses(RefusalKind::ReadingMissing).says("`rps` is stale");
    }

    #[test]
    fn an_instance_not_seen_lets_it_grow_but_takes_nothing() {
        let unseen = |cpu| of(4, SMALL, cpu, 100.0).stale_of_instance("i-0", "cpu_millicores", [cpu]);
        listed().play(unseen(10.0)).holds().says("nothing is taken away while 1 instances have no fresh sample");
        assert_eq!(listed().play(unseen(900.0)).count(), Some(6), "it counts as the others: 3600 / 0.7 · 1.1");
    }

    #[test]
    fn those_that_start_or_leave_are_not_asked() {
        let scene = of(4, SMALL, 10.0, 100.0).with_instance("i-0", |one| one.phase = Phase::Starting.number());
        assert_eq!(listed().play(scene.stale_of_instance("i-0", "cpu_millicores", [1.0])).count(), Some(2));
    }

    #[test]
    fn not_a_number_is_a_missing_sample() {
        let scene = of(4, SMALL, 10.0, 100.0).of_instance("i-0", "cpu_millicores", [f64::NAN]);
        listed().play(scene).holds().says("nothing is taken away");
        listed().play(of(4, SMALL, -10.0, -10.0)).says("0m cpu and 0Mi used in all");
        let endless = of(4, SMALL, 1e300, 100.0).with_target(|target| target.limits.replicas_max = 9);
        assert_eq!(listed().play(endless).count(), Some(9));
    }

    #[test]
    fn single_samples_and_reversed_times_are_taken_as_they_come() {
        let scene = of(4, SMALL, 10.0, 100.0).of_instance("i-0", "memory_bytes", [1500.0 * MIB_F, 1.0]);
        listed().set("window", Duration::from_secs(1)).play(scene).says("at most 1500Mi");
        let mut load = listed().set("demand_reading", "rps").set("demand_per_core", 100.0);
        let reversed = [(NOON_MS, 10.0), (NOON_MS - 15_000, 590.0)];
        assert_eq!(load.play(of(4, SMALL, 0.0, 1.0).reading_at("rps", reversed)).count(), None, "their mean is 300");
    }

    #[test]
    fn zero_replicas_have_nothing_to_measure() {
        listed().play(of(0, SMALL, 0.0, 0.0)).holds().says("zero replicas");
    }

    #[test]
    fn without_requests_or_limits_there_is_nothing_to_compare() {
        let none = Resources { cpu_millis: None, memory_bytes: None };
        let zero = resources(0, 0);
        for room in [none, zero] {
            let scene = Scene::new().replicas(2).container("main", room, room);
            listed()
                .play(scene.of_each_instance("cpu_millicores", [1.0]))
                .holds()
                .says("the present size is not known");
        }
    }

    #[test]
    fn a_backend_that_cannot_resize_or_has_no_prices_is_none_of_its_business() {
        let fixed = of(2, SMALL, 1.0, 1.0).with_target(|target| target.abilities.resize = 0);
        listed().play(fixed).refuses(RefusalKind::NotApplicable).says("cannot resize");
        Bench::new().play(of(2, SMALL, 1.0, 1.0)).refuses(RefusalKind::NotApplicable).says("no size has a price");
        Bench::new().play(selling(of(2, SMALL, 1.0, 1.0))).refuses(RefusalKind::NotApplicable).says("small, medium");
        let two = of(2, SMALL, 1.0, 1.0).container("log", resources(1, 1), resources(1, 1));
        listed().play(two.clone()).refuses(RefusalKind::NotApplicable).says("2 containers");
        listed().set("container", "app").play(two).refuses(RefusalKind::NotApplicable).says("no container `app`");
    }

    #[test]
    fn parameters_that_contradict_each_other_are_refused() {
        let refusal = |bench: Bench| bench.bind().unwrap_err().text;
        let text = refusal(Bench::new().set("price_per_core", 1.0));
        assert_eq!(text, "`price_per_core` and `price_per_gib` are given both or not at all");
        assert!(refusal(listed().set("demand_per_core", 1.0)).contains("`demand_reading` and `demand_per_core`"));
        assert!(refusal(listed().set("spare", 2)).contains("`spare` is 2 of `at_least` 2"));
        assert!(refusal(listed().set("cpu_target", 0.0)).contains("`cpu_target`"));
        for entry in [
            "small",
            "small:",
            ": 1 2Gi 0.1",
            "small: 1 cpu 2Gi",
            "small: 1 cpu 2G 0.1",
            "small: 1 2Gi 0",
            "a: 1 2Gi 1 1",
            "a: -1 2Gi 1",
            "a: 1e9 2Gi 1",
            "a: 1.1.1",
            "a: 0 2Gi 1",
        ] {
            assert!(refusal(Bench::new().set("prices", [entry])).contains("is not of the form"), "{entry}");
        }
        assert!(refusal(Bench::new().set("prices", ["a: 1", "a: 2"])).contains("`a` comes twice"));
        assert!(refusal(Bench::new().set("prices", vec!["a: 1"; 65])).contains("65 entries"));
        for entry in ["a: 1 cpu 2Gi 0.02", "a:500m 2048Mi .5", "a : 0.5 1Ti 12"] {
            let bound = Bench::new().set("prices", [entry]).bind();
            assert_eq!(bound.is_ok(), !entry.contains(" .5"), "{entry}");
        }
    }
}

proptest! {
    #[test]
    fn a_constant_load_comes_to_rest(
        cpu in 0.0f64..60_000.0,
        mib in 0.0f64..60_000.0,
        floor in 10.0f64..3000.0,
        count in 1u32..30,
        any_size: bool,
    ) {
        let mut bench = if any_size { free() } else { listed() };
        let (mut count, mut size) = (count, SMALL);
        let mut changes = 0;
        for _ in 0..24 {
            let each = f64::from(count);
            let scene = of(count, size, (cpu / each).min(size.0 as f64), (floor + mib / each).min(size.1 as f64));
            let played = bench.play(scene.with_target(|target| target.limits.replicas_max = 60));
            let (to, resized, _, _) = asked(&played);
            changes = if to.is_some() || resized.is_some() { changes + 1 } else { 0 };
            (count, size) = (to.unwrap_or(count), resized.unwrap_or(size));
        }
        prop_assert_eq!(changes, 0, "at {} of {:?}", count, size);
    }

    #[test]
    fn what_is_not_seen_never_costs_capacity(
        count in 1u32..12,
        cpu in 0.0f64..1000.0,
        mib in 0.0f64..2048.0,
        lost in 0u32..12,
        any_size: bool,
    ) {
        let id = format!("i-{}", lost % count);
        let scene = of(count, SMALL, cpu, mib).stale_of_instance(&id, "memory_bytes", [1.0]);
        let played = if any_size { free() } else { listed() }.play(scene);
        let (to, size, _, _) = asked(&played);
        prop_assert!(to.is_none_or(|to| to >= count), "{played}");
        prop_assert!(size.is_none_or(|(millis, mib)| millis >= SMALL.0 && mib >= SMALL.1), "{played}");
    }
}
