use std::time::Duration;

use proptest::prelude::*;
use trimtab_sdk::prelude::*;
use trimtab_sdk::rehearsal::{NOON_MS, Rehearsal, Scene, instance};
use trimtab_sdk::snapshot::{Alert, InFlight, Instance, Node};

use crate::Availability;

type Bench = Rehearsal<Availability>;

fn bench() -> Bench {
    Bench::new()
}

/// `desired` instances; these of them in these phases, the rest ready.
fn crew(desired: u32, phases: &[(&str, Phase)]) -> Scene {
    phases.iter().fold(Scene::new().replicas(desired), |scene, (id, phase)| {
        scene.with_instance(id, |one| one.phase = phase.number())
    })
}

fn at(seconds: u64, scene: Scene) -> Scene {
    scene.later(Duration::from_secs(seconds))
}

fn node(id: &str, ready: bool) -> Node {
    let unknown = Resources { cpu_millis: None, memory_bytes: None };
    Node {
        id: id.to_owned(),
        zone: String::new(),
        ready,
        schedulable: true,
        capacity: unknown,
        free: unknown,
        attrs: Vec::new(),
    }
}

fn alert(labels: &[(&str, &str)]) -> Alert {
    Alert {
        id: "a1".to_owned(),
        name: "ContainerDown".to_owned(),
        since_ms: NOON_MS - 5_000,
        labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        attrs: Vec::new(),
    }
}

/// The alerts that an answer deals with.
fn dealt(played: &trimtab_sdk::rehearsal::Played) -> &str {
    let found = played.answer().attrs.iter().find(|(name, _)| name == "alerts-dealt-with");
    match found {
        Some((_, trimtab_sdk::Value::Text(ids))) => ids,
        _ => panic!("it says nothing of alerts: {played}"),
    }
}

#[test]
fn all_well_is_left_to_others() {
    bench().play(crew(3, &[])).abstains().says("3 of 3 are healthy: nothing to do");
}

mod single_instances {
    use super::*;

    #[test]
    fn a_stopped_one_is_started_at_once() {
        let played =
            bench().play(crew(3, &[("i-1", Phase::Stopped)])).says("proposes start").says("1 of 3 are missing");
        assert_eq!(played.proposals()[0].instances, ["i-1"]);
    }

    #[test]
    fn who_starts_has_time_and_then_no_more() {
        let mut bench = bench();
        let young = |one: &mut Instance| (one.phase, one.started_ms) = (Phase::Starting.number(), Some(NOON_MS));
        let scene = || crew(3, &[]).with_instance("i-1", young);
        bench.play(scene()).abstains();
        bench.play(at(299, scene())).abstains();
        bench
            .play(at(300, scene()))
            .says("proposes restart")
            .says("`i-1` is starting for too long, seen for 300 s (patience 300 s)");
        // One that nobody has placed cannot be restarted.
        let pending = |one: &mut Instance| one.phase = Phase::Pending.number();
        bench.play(at(300, scene().with_instance("i-1", pending))).says("proposes replace");
    }

    #[test]
    fn an_unready_one_is_restarted_after_a_grace_and_replaced_after_restarts_in_vain() {
        let mut bench = bench().set("restarts", 1);
        let unready = |restarts: u32| {
            crew(3, &[("i-1", Phase::Unready)]).with_instance("i-1", move |one| one.restarts = restarts)
        };
        bench.play(unready(0)).abstains().says("`i-1` is unready, seen for 0 s (patience 60 s), tried 0 of 1");
        bench.play(at(59, unready(0))).abstains();
        bench.play(at(60, unready(0))).says("proposes restart").says("seen for 60 s");
        // It shows that it was restarted, and is unready all the same: twice the patience from there.
        bench.play(at(75, unready(1))).abstains().says("patience 120 s");
        bench.play(at(194, unready(1))).abstains();
        bench.play(at(195, unready(1))).says("proposes replace").says("in vain tried 1 of 1");
    }

    #[test]
    fn what_was_not_done_is_asked_again_and_counts_for_nothing() {
        let mut bench = bench();
        bench.play(crew(3, &[("i-1", Phase::Unready)])).abstains();
        for seconds in [60, 75, 90] {
            bench.play(at(seconds, crew(3, &[("i-1", Phase::Unready)]))).says("proposes restart").says("tried 0 of 2");
        }
    }

    #[test]
    fn healthy_for_long_restarts_are_forgotten() {
        let mut bench = bench();
        let one =
            |phase, restarts: u32| crew(2, &[("i-1", phase)]).with_instance("i-1", move |one| one.restarts = restarts);
        bench.play(one(Phase::Unready, 0)).abstains();
        bench.play(at(60, one(Phase::Unready, 0))).says("proposes restart");
        bench.play(at(75, one(Phase::Ready, 1))).abstains();
        bench.play(at(100, one(Phase::Unready, 1))).says("tried 1 of 2");
        bench.play(at(110, one(Phase::Ready, 1))).abstains();
        bench.play(at(710, one(Phase::Ready, 1))).abstains();
        bench.play(at(720, one(Phase::Unready, 1))).says("tried 0 of 2");
    }

    #[test]
    fn failed_and_lost_ones_are_replaced_if_nobody_else_has() {
        let mut bench = bench();
        let scene = || crew(3, &[("i-0", Phase::Lost), ("i-1", Phase::Failed)]);
        bench.play(scene()).abstains().says("2 of 3 are missing");
        let played = bench.play(at(30, scene())).says("proposes replace: `i-1` is failed");
        assert_eq!(played.proposals().len(), 1, "the lost one has more time");
        bench.play(at(120, scene())).says("`i-0` is lost, seen for 120 s");
        // The backend, or the host's repair, has made as many as are desired.
        let whole = scene().instance(instance("n-1", Phase::Ready)).instance(instance("n-2", Phase::Unknown));
        bench.play(at(135, whole)).abstains();
    }

    #[test]
    fn only_as_many_as_are_missing() {
        let scene =
            crew(2, &[("i-0", Phase::Stopped), ("i-1", Phase::Stopped)]).instance(instance("n-1", Phase::Ready));
        assert_eq!(bench().play(scene).proposals().len(), 1);
    }

    #[test]
    fn what_the_backend_cannot_do_is_done_another_way_or_told() {
        let only = |kinds: &'static [&str]| {
            crew(2, &[("i-0", Phase::Stopped)])
                .with_target(|target| target.abilities.kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect())
        };
        bench().play(only(&["scale", "replace"])).says("proposes replace");
        bench().play(only(&["scale"])).abstains().says("the backend can do nothing about it");
    }

    #[test]
    fn a_change_in_flight_comes_first() {
        let change = InFlight {
            kind: "scale".to_owned(),
            from_count: 2,
            to_count: 3,
            since_ms: NOON_MS,
            pending: Vec::new(),
            stuck: false,
            attrs: Vec::new(),
        };
        let scene = |stuck| {
            let change = InFlight { stuck, ..change.clone() };
            crew(3, &[("i-1", Phase::Stopped)]).with(|snapshot| snapshot.in_flight = Some(change))
        };
        bench().play(scene(false)).abstains().says("instances wait for the scale in flight");
        bench().play(scene(true)).says("proposes start");
    }

    #[test]
    fn who_leaves_or_is_unknown_is_left_alone() {
        bench()
            .play(crew(3, &[("i-0", Phase::Draining), ("i-1", Phase::Stopping), ("i-2", Phase::Unknown)]))
            .abstains();
    }
}

mod a_lost_node {
    use super::*;

    /// Four desired on nodes a and b; `extra` beside them, on node c.
    fn scene(desired: u32, b_ready: bool, extra: &[(&str, Phase)]) -> Scene {
        let phase = if b_ready { Phase::Ready } else { Phase::Lost };
        let scene = Scene::new().replicas(4).with_instance("i-3", move |one| {
            (one.phase, one.node) = (phase.number(), Some(1));
        });
        let scene = scene.with(|snapshot| {
            snapshot.nodes = vec![node("a", true), node("b", b_ready), node("c", true)];
            snapshot.instances.iter_mut().take(3).for_each(|one| one.node = Some(0));
        });
        let scene = extra.iter().fold(scene, |scene, (id, phase)| {
            let mut one = instance(*id, *phase);
            (one.node, one.started_ms) = (Some(2), Some(NOON_MS + 125_000));
            scene.instance(one)
        });
        scene.with_target(|target| target.desired = desired)
    }

    #[test]
    fn others_stand_in_and_are_given_back_not_the_first_listed() {
        let mut bench = bench();
        bench.play(scene(4, true, &[])).abstains();
        bench.play(scene(4, false, &[])).abstains();
        let played = bench
            .play(at(120, scene(4, false, &[])))
            .says("scale >=5: 1 instances are away with 1 lost nodes, 3 of 4 wanted are left: 1 stand in");
        assert_eq!(played.proposals()[0].placement, ["c", "a"], "where fewest are, and not on the lost one");
        // Asked for again until it is done, and never more.
        bench.play(at(135, scene(4, false, &[]))).says("scale >=5");
        bench.play(at(150, scene(5, false, &[("n-1", Phase::Starting)]))).holds().says("1 stand in for what is away");
        bench.play(at(165, scene(5, false, &[("n-1", Phase::Ready)]))).holds();
        let back =
            bench.play(at(600, scene(5, true, &[("n-1", Phase::Ready)]))).scales_to(4).says("1 of 1 stand-ins go");
        assert_eq!(back.proposals()[0].instances, ["n-1"]);
        bench.play(at(615, scene(5, true, &[("n-1", Phase::Ready)]))).scales_to(4);
        bench.play(at(630, scene(4, true, &[]))).abstains();
    }

    #[test]
    fn nobody_stands_in_where_the_backend_has_made_others_or_enough_are_left() {
        let whole = scene(4, false, &[("n-1", Phase::Starting)]);
        let mut bench1 = bench();
        bench1.play(whole.clone()).abstains();
        bench1.play(at(120, whole)).abstains();
        let mut half = bench().set("min_share", 0.5);
        half.play(scene(4, false, &[])).abstains();
        half.play(at(120, scene(4, false, &[]))).abstains();
    }

    #[test]
    fn without_hand_over_the_lost_are_replaced() {
        let mut bench = bench().set("hand_over", false);
        bench.play(scene(4, false, &[])).abstains();
        bench.play(at(120, scene(4, false, &[]))).says("proposes replace: `i-3` is away with its node");
    }

    #[test]
    fn a_node_that_is_gone_from_the_list_is_lost() {
        let scene = scene(4, true, &[]).with(|snapshot| drop(snapshot.nodes.remove(1)));
        let gone = scene.with_instance("i-3", |one| (one.phase, one.node) = (Phase::Lost.number(), None));
        let mut bench = bench();
        bench.play(gone.clone()).abstains();
        bench.play(at(120, gone)).says("scale >=5");
    }

    #[test]
    fn what_others_take_away_was_ours_first_and_what_they_add_is_theirs() {
        let mut bench = bench();
        bench.play(scene(4, false, &[])).abstains();
        bench.play(at(120, scene(4, false, &[]))).says("scale >=5");
        // Somebody raised to 8 beyond our 5; then the node is back.
        let many = [("n-1", Phase::Ready), ("n-2", Phase::Ready), ("n-3", Phase::Ready), ("n-4", Phase::Ready)];
        bench.play(at(150, scene(8, false, &many))).holds();
        bench.play(at(600, scene(8, true, &many))).scales_to(7);
        bench.play(at(615, scene(3, true, &[]))).abstains();
    }
}

mod a_floor {
    use super::*;

    #[test]
    fn is_kept_whatever_others_ask() {
        let mut bench = bench().set("min_healthy", 3);
        bench.play(crew(5, &[])).says("scale >=3").says("`min_healthy` is 3");
        bench.play(crew(1, &[])).says("scale >=3: `min_healthy` is 3 and 1 are desired");
        bench.play(crew(0, &[])).says("scale >=3");
    }
}

mod alerts {
    use super::*;

    fn with(scene: Scene, alert: Alert) -> Scene {
        scene.with(|snapshot| snapshot.alerts = vec![alert])
    }

    fn docker(id: &str) -> Alert {
        alert(&[("autoscale_action", "service_availability"), ("docker.event.actor.id", id)])
    }

    #[test]
    fn the_stopped_instance_that_it_names_is_started() {
        let played = bench()
            .play(with(crew(3, &[("i-1", Phase::Stopped)]), docker("i-1")))
            .says("start: alert ContainerDown of 5 s ago");
        assert_eq!((played.proposals().len(), dealt(&played)), (1, "a1"));
    }

    #[test]
    fn one_that_serves_is_restarted_once() {
        let mut bench = bench();
        let played = bench.play(with(crew(3, &[]), docker("i-1"))).says("proposes restart");
        assert_eq!(dealt(&played), "a1");
        let done = crew(3, &[]).with_instance("i-1", |one| one.started_ms = Some(NOON_MS));
        let played = bench.play(with(at(15, done), docker("i-1"))).abstains();
        assert_eq!(dealt(&played), "a1", "it has started since");
    }

    #[test]
    fn a_service_alone_means_those_in_trouble() {
        let about = |service: &str| alert(&[("autoscale_action", "service_availability"), ("service", service)]);
        bench().play(with(crew(3, &[("i-1", Phase::Unready)]), about("web"))).says("proposes restart");
        let played =
            bench().play(with(crew(3, &[]), about("web"))).abstains().says("names no instance, and none is in trouble");
        assert_eq!(dealt(&played), "", "it stays open");
        bench()
            .play(with(crew(3, &[("i-1", Phase::Unready)]), about("mail")))
            .abstains()
            .says("about `mail`: left alone");
    }

    #[test]
    fn others_old_ones_and_those_about_nobody_are_left_alone() {
        let played = bench().play(with(crew(3, &[]), alert(&[("instance", "i-1")]))).abstains();
        assert_eq!(dealt(&played), "");
        let old = Alert { since_ms: NOON_MS - 601_000, ..docker("i-1") };
        bench().play(with(crew(3, &[]), old)).abstains().says("601 s old: left alone");
        bench().play(with(crew(3, &[]), docker("i-9"))).abstains().says("`i-9`, which is not there");
    }

    #[test]
    fn they_are_chosen_by_name_and_by_label() {
        let named = |alerts: &str| bench().set("alerts", [alerts]);
        for alerts in ["ContainerDown", "Container*", "severity=page"] {
            let alert = alert(&[("severity", "page"), ("instance", "i-1")]);
            named(alerts).play(with(crew(2, &[]), alert)).says("proposes restart");
        }
        assert!(bench().set("alerts", Vec::<String>::new()).bind().unwrap().iter().all(|need| need.kind != "alerts"));
    }

    #[test]
    fn docker_shows_short_ids() {
        let id = "4fa6e0f0c6786287e131c3852c58a2e01cc697a68231826813597e4994f1d6e2";
        let scene =
            Scene::new().replicas(0).instance(instance(id, Phase::Stopped)).with_target(|target| target.desired = 1);
        bench().play(with(scene, docker("4fa6e0f0c678"))).says("proposes start");
    }
}

mod a_changed_template {
    use super::*;

    #[test]
    fn rolls_over_what_is_older() {
        let mut bench = bench().set("digest_label", "rev");
        bench.play(crew(2, &[]).label("rev", "1")).abstains();
        bench.play(at(15, crew(2, &[]))).abstains();
        bench
            .play(at(30, crew(2, &[]).label("rev", "2")))
            .says("replace: `rev` changed 0 s ago, `i-0` is one of 2 older");
        let half = crew(2, &[]).label("rev", "2").with_instance("i-0", |one| one.started_ms = Some(NOON_MS + 40_000));
        let played = bench.play(at(60, half.clone())).says("`i-1` is one of 1 older");
        assert_eq!(played.proposals().len(), 1);
        let whole = half.with_instance("i-1", |one| one.started_ms = Some(NOON_MS + 70_000));
        bench.play(at(90, whole)).abstains();
    }
}

mod overlord {
    use super::*;

    fn compat() -> Bench {
        bench().set("compat", "overlord").set("min_healthy", 2)
    }

    #[test]
    fn above_its_floor_the_first_goes() {
        let played = compat().play(crew(3, &[])).scales_to(2).says("3 good nodes are more than 2");
        assert_eq!(played.proposals()[0].instances, ["i-0"]);
        compat().play(crew(2, &[])).holds();
    }

    #[test]
    fn below_its_floor_bad_nodes_come_up_and_an_unhealthy_one_is_passed_over() {
        compat().play(crew(2, &[("i-0", Phase::Failed)])).says("proposes replace");
        compat().play(crew(2, &[("i-0", Phase::Unready)])).says("Insufficient nodes to replicate the project (1/2)");
        let scene = crew(2, &[("i-0", Phase::Unready)]).with(|snapshot| {
            snapshot.nodes = vec![node("a", true), node("b", true), node("c", true)];
            (0..).zip(&mut snapshot.instances).for_each(|(index, one)| one.node = Some(index));
        });
        let played = compat().play(scene).says("scale 3");
        assert_eq!(played.proposals()[0].placement, ["c"]);
    }

    #[test]
    fn bounds_that_contradict_its_floor_are_refused() {
        let scene = crew(2, &[]).with_target(|target| target.limits.replicas_max = 1);
        compat()
            .play(scene)
            .refuses(RefusalKind::ParameterWrong)
            .says("`min_healthy` is 2 and the binding's `replicas.max` is 1");
    }
}

mod bad_input {
    use super::*;

    #[test]
    fn zero_replicas_need_nothing() {
        bench().play(crew(0, &[])).abstains();
    }

    #[test]
    fn nothing_known_of_instances_moves_nothing() {
        let blank = Scene::new().replicas(0).with_target(|target| (target.desired, target.total) = (4, 4));
        bench().play(blank).abstains();
    }

    #[test]
    fn times_that_run_backwards_only_lengthen_patience() {
        let mut bench = bench();
        bench.play(at(600, crew(2, &[("i-1", Phase::Unready)]))).abstains();
        bench.play(at(10, crew(2, &[("i-1", Phase::Unready)]))).abstains();
        bench.play(at(69, crew(2, &[("i-1", Phase::Unready)]))).abstains();
        bench.play(at(70, crew(2, &[("i-1", Phase::Unready)]))).says("proposes restart");
        let unborn = |one: &mut Instance| (one.phase, one.started_ms) = (Phase::Starting.number(), Some(NOON_MS * 2));
        bench.play(crew(2, &[]).with_instance("i-1", unborn)).abstains();
    }

    #[test]
    fn more_in_trouble_than_are_remembered_and_names_without_end_are_borne() {
        let scene = Scene::new().replicas(600).each_instance(|one| one.phase = Phase::Unready.number());
        let vague = Alert { name: "ü".repeat(120), ..alert(&[("autoscale_action", "service_availability")]) };
        let played = bench().play(scene.with(|snapshot| snapshot.alerts = vec![vague]));
        assert_eq!((played.proposals().len(), dealt(&played)), (16, ""), "the rest comes later");
        assert!(played.answer().notes.iter().all(|note| note.len() < 1_000));
        let mut bench = bench();
        let lost = |ready| {
            Scene::new()
                .replicas(400)
                .each_instance(|one| (one.phase, one.node) = (Phase::Lost.number(), Some(0)))
                .with(|snapshot| snapshot.nodes = vec![node("a", ready), node("b", true)])
        };
        bench.play(lost(false)).abstains();
        bench.play(at(120, lost(false))).says("scale >=656: 256 instances are away");
    }

    #[test]
    fn phases_of_a_newer_host_are_left_alone() {
        bench().play(crew(2, &[]).with_instance("i-1", |one| one.phase = 77)).abstains();
    }

    #[test]
    fn damaged_memory_begins_anew_and_gives_nothing_back() {
        let mut bench = bench();
        bench.set_memory([7; 40]);
        bench.play(crew(5, &[("i-1", Phase::Unready)])).abstains();
    }

    #[test]
    fn a_dirty_reading_that_is_absent_stale_or_no_number_is_not_dirty() {
        let compat = || bench().set("compat", "overlord").set("min_healthy", 2).set("dirty_reading", "dirty");
        compat().play(crew(2, &[])).holds();
        compat().play(crew(2, &[]).stale_of_instance("i-0", "dirty", [1.0])).holds();
        compat().play(crew(2, &[]).of_instance("i-0", "dirty", [f64::NAN])).holds();
        compat().play(crew(2, &[]).of_instance("i-0", "dirty", [1.0])).says("proposes replace");
    }

    #[test]
    fn parameters_that_contradict_each_other_are_refused() {
        let none = Vec::<String>::new;
        let mute = bench().set("instance_labels", none()).set("service_labels", none());
        assert!(mute.bind().unwrap_err().text.contains("`instance_labels` and `service_labels` are empty"));
        assert!(bench().set("cleanup_label", "x").bind().unwrap_err().text.contains("`compat`"));
        assert!(bench().set("min_share", 1.5).bind().is_err());
        assert!(bench().set("min_share", f64::NAN).bind().is_err());
    }
}

proptest! {
    /// Whatever phases come, the count is lowered only by what was handed over before; the memory stays within its bound (the
    /// bench asserts that).
    #[test]
    fn never_lowers_what_it_did_not_raise(
        phases in proptest::collection::vec(proptest::collection::vec(0_u8..11, 0..40), 1..8),
        desired in 0_u32..40,
    ) {
        let mut bench = bench();
        for (turn, phases) in (0..).zip(&phases) {
            let mut scene = Scene::new().replicas(u32::try_from(phases.len()).unwrap()).with_target(|target| target.desired = desired);
            for (index, phase) in phases.iter().enumerate() {
                scene = scene.with_instance(&format!("i-{index}"), |one| one.phase = *phase);
            }
            let played = bench.play(at(turn * 100, scene));
            prop_assert!(played.count().is_none(), "{played}");
        }
    }

    /// On a constant crew without anything to heal it says the same for ever.
    #[test]
    fn comes_to_rest(count in 0_u32..20) {
        let mut bench = bench();
        for turn in 0..5 {
            bench.play(at(turn * 1_000, crew(count, &[]))).abstains();
        }
    }
}
