use std::time::Duration;

use proptest::prelude::*;
use trimtab_sdk::prelude::*;
use trimtab_sdk::rehearsal::{NOON_MS, Played, Rehearsal, Scene};
use trimtab_sdk::snapshot::{Alert, Change, Node};

use crate::AlertScale;

type Bench = Rehearsal<AlertScale>;

fn bench(rules: &[&str]) -> Bench {
    Bench::new().set("rules", rules.iter().map(|rule| (*rule).to_owned()).collect::<Vec<_>>())
}

/// An alert of 20 s ago; its id is its name and its labels' values.
fn alert(name: &str, labels: &[(&str, &str)]) -> Alert {
    let values: String = labels.iter().map(|(_, value)| *value).collect();
    Alert {
        id: format!("{name}{values}"),
        name: name.to_owned(),
        since_ms: NOON_MS - 20_000,
        labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        attrs: Vec::new(),
    }
}

fn scene(replicas: u32, alerts: &[Alert]) -> Scene {
    let alerts = alerts.to_vec();
    Scene::new().replicas(replicas).with(|snapshot| snapshot.alerts = alerts).with_target(|target| {
        (target.limits.replicas_min, target.limits.replicas_max) = (1, 10);
    })
}

fn at(seconds: u64, scene: Scene) -> Scene {
    scene.later(Duration::from_secs(seconds))
}

/// The alerts that an answer deals with.
fn dealt(played: &Played) -> &str {
    let found = played.answer().attrs.iter().find(|(name, _)| name == "alerts-dealt-with");
    match found {
        Some((_, trimtab_sdk::Value::Text(ids))) => ids,
        _ => panic!("it says nothing of alerts: {played}"),
    }
}

const UP: &str = "busy: +1 when alert HighCpu";
const DOWN: &str = "-1 when alert LowLoad";

fn high() -> Alert {
    alert("HighCpu", &[])
}

fn low() -> Alert {
    alert("LowLoad", &[])
}

#[test]
fn no_alert_no_word() {
    bench(&[UP]).play(scene(3, &[])).abstains();
    bench(&[UP]).play(scene(3, &[alert("Other", &[])])).abstains();
}

mod a_step {
    use super::*;

    #[test]
    fn is_asked_for_until_it_is_done_and_then_no_more() {
        let mut bench = bench(&[UP]);
        let played = bench.play(scene(3, &[high()])).scales_to(4).says("busy, alert HighCpu of 20 s ago: 3 to 4");
        assert_eq!(dealt(&played), "", "not yet");
        // Held back by the bounds: asked again.
        bench.play(at(15, scene(3, &[high()]))).scales_to(4);
        let played = bench.play(at(30, scene(4, &[high()]))).holds().says("4 replicas, done");
        assert_eq!(dealt(&played), "HighCpu");
        bench.play(at(45, scene(4, &[high()]))).abstains();
        bench.play(at(60, scene(3, &[high()]))).abstains();
    }

    #[test]
    fn of_an_alert_that_began_anew_is_another() {
        let mut bench = bench(&[UP]);
        bench.play(scene(3, &[high()])).scales_to(4);
        bench.play(at(15, scene(4, &[high()]))).holds();
        let again = Alert { since_ms: NOON_MS + 30_000, ..high() };
        bench.play(at(60, scene(4, &[again]))).scales_to(5);
    }

    #[test]
    fn is_one_step_whatever_others_do_meanwhile() {
        let mut down = bench(&["-2 when alert LowLoad"]);
        down.play(scene(5, &[low()])).scales_to(3);
        // Others raised: two below what is there now, not down to three.
        down.play(at(15, scene(8, &[low()]))).scales_to(6);
        let mut up = bench(&["+2 when alert HighCpu"]);
        up.play(scene(5, &[high()])).scales_to(7);
        up.play(at(15, scene(2, &[high()]))).scales_to(4);
        up.play(at(30, scene(4, &[high()]))).holds();
    }

    #[test]
    fn that_the_steps_of_the_bounds_cut_is_gone_to_its_end() {
        let mut bench = bench(&["-3 when alert LowLoad"]);
        bench.play(scene(8, &[low()])).scales_to(5);
        bench.play(at(15, scene(7, &[low()]))).scales_to(5);
        bench.play(at(30, scene(5, &[low()]))).holds();
    }

    #[test]
    fn each_of_several_alerts_has_its_own() {
        let alerts = [alert("HighCpu", &[("host", "a")]), alert("HighCpu", &[("host", "b")])];
        let mut bench = bench(&[UP]);
        bench.play(scene(3, &alerts)).scales_to(5);
        let played = bench.play(at(15, scene(4, &alerts))).scales_to(5);
        assert_eq!(dealt(&played), "HighCpua");
        let played = bench.play(at(30, scene(5, &alerts))).holds();
        assert_eq!(dealt(&played), "HighCpua HighCpub");
    }

    #[test]
    fn up_goes_before_down() {
        let mut bench = bench(&[UP, DOWN]);
        bench.play(scene(3, &[low(), high()])).scales_to(4).says("alert LowLoad of 20 s ago: waits, for others raise");
        bench.play(at(15, scene(4, &[low(), high()]))).scales_to(3);
    }

    #[test]
    fn of_every_kind_follows_its_formula() {
        let goal = |rule: &str, from: u32| bench(&[rule]).play(scene(from, &[high()])).count();
        assert_eq!(goal("+50% when alert HighCpu", 5), Some(8));
        assert_eq!(goal("-10% when alert HighCpu", 5), Some(4));
        assert_eq!(goal("to 7 when alert HighCpu", 5), Some(7));
        assert_eq!(goal("fill when alert HighCpu", 5), Some(10));
        assert_eq!(goal("+9 when alert HighCpu", 5), Some(10), "within the bounds");
        assert_eq!(goal("-9 when alert HighCpu", 5), Some(1));
        assert_eq!(goal("fill when alert HighCpu", 12), None, "a raise never lowers");
    }

    #[test]
    fn that_leads_nowhere_is_done_at_once() {
        let played = bench(&[UP]).play(scene(10, &[high()])).holds().says("10 replicas, done");
        assert_eq!(dealt(&played), "HighCpu");
    }
}

mod rules {
    use super::*;

    #[test]
    fn choose_by_name_and_labels() {
        let fits =
            |rule: &str, alert: &Alert| bench(&[rule]).play(scene(3, std::slice::from_ref(alert))).count().is_some();
        let web = alert("HighCpu", &[("service", "web"), ("team", "a b")]);
        assert!(fits("+1 when alert High* service=web", &web));
        assert!(fits("+1 when alert * team=\"a b\"", &web));
        assert!(fits("+1 when alert HighCpu service!=api", &web));
        assert!(!fits("+1 when alert HighCpu service=api", &web));
        assert!(!fits("+1 when alert HighCpu zone!=a", &web), "a label that is not there fits nothing");
        assert!(fits("+1 of service service when alert HighCpu", &web));
        assert!(!fits("+1 of service team when alert HighCpu", &web));
        assert!(!fits("+1 of service zone when alert HighCpu", &web));
    }

    #[test]
    fn the_first_that_fits_counts() {
        bench(&["+3 when alert HighCpu severity=page", UP]).play(scene(3, &[high()])).scales_to(4);
        bench(&["+3 when alert *", UP]).play(scene(3, &[high()])).scales_to(6);
    }

    #[test]
    fn repeat_while_the_alert_stands() {
        let mut bench = bench(&["+1 every 2m when alert HighCpu"]);
        bench.play(scene(3, &[high()])).scales_to(4);
        let played = bench.play(at(15, scene(4, &[high()]))).holds();
        assert_eq!(dealt(&played), "", "the host is to go on showing it");
        bench.play(at(120, scene(4, &[high()]))).abstains();
        bench.play(at(135, scene(4, &[high()]))).scales_to(5);
        bench.play(at(150, scene(5, &[]))).abstains();
    }

    #[test]
    fn may_take_alerts_of_the_same_labels_for_one() {
        let mut bench = bench(&[UP]).set("dedupe_by", ["service"]);
        let of = |host: &str, since_ms| Alert { since_ms, ..alert("HighCpu", &[("service", "web"), ("host", host)]) };
        let both = [of("a", NOON_MS), of("b", NOON_MS)];
        bench.play(scene(3, &both)).scales_to(4);
        let played = bench.play(at(15, scene(4, &both))).holds();
        assert_eq!(dealt(&played), "HighCpuweba HighCpuwebb");
        bench.play(at(60, scene(4, &[of("c", NOON_MS + 50_000)]))).abstains();
        bench.play(at(316, scene(4, &[of("d", NOON_MS + 310_000)]))).scales_to(5);
    }

    #[test]
    fn that_cannot_be_read_are_refused_with_what_could_stand_there() {
        let refusal = |rule: &str| bench(&[rule]).bind().unwrap_err().text;
        assert!(refusal("+1 if HighCpu").contains("`when alert NAME` is missing"));
        assert!(refusal("up when alert X").contains("no step; write `+2`"));
        assert!(refusal("+0 when alert X").contains("no step"));
        assert!(refusal("-101% when alert X").contains("no step"));
        assert!(refusal("+1 soon when alert X").contains("not understood: soon"));
        assert!(refusal("+1 every day when alert X").contains("such as `30s`"));
        assert!(refusal(&format!("{}: +1 when alert X", "n".repeat(65))).contains("at most 64 bytes"));
        assert!(refusal("+1 on node when alert X").contains("`on node` names no label"));
        assert!(refusal("+1 when alert X web").contains("no `LABEL=VALUE`: web"));
        assert!(refusal("+1 when alert X a=\"b").contains("not closed"));
        assert!(refusal("+1 every 10m when alert X").contains("`max_age`"));
    }
}

mod the_words_of_aviratna {
    use super::*;

    fn word(action: &str, labels: &[(&str, &str)]) -> Alert {
        let mut all = vec![("autoscale_action", action)];
        all.extend(labels);
        alert("cpu_spike", &all)
    }

    fn node(id: &str) -> Node {
        let unknown = Resources { cpu_millis: None, memory_bytes: None };
        let (capacity, free) = (unknown, unknown);
        Node {
            id: id.to_owned(),
            zone: String::new(),
            ready: true,
            schedulable: true,
            capacity,
            free,
            attrs: Vec::new(),
        }
    }

    #[test]
    fn are_steps_up_and_down() {
        let count = |action: &str| bench(&[]).play(scene(3, &[word(action, &[])])).count();
        for up in ["scale_up", "scale_up_node", "scale_up_service", "haproxy_scale_up"] {
            assert_eq!(count(up), Some(4), "{up}");
        }
        for down in ["scale_down", "scale_down_service", "haproxy_scale_down"] {
            assert_eq!(count(down), Some(2), "{down}");
        }
        for other in ["service_availability", "scale_sideways", "scale_down_node"] {
            assert_eq!(count(other), None, "{other}");
        }
    }

    #[test]
    fn go_by_the_alerts_own_bounds() {
        let mut fill = bench(&[]).set("mode", "fill");
        fill.play(scene(2, &[word("scale_up", &[("autoscale_max_instances", "5")])])).scales_to(5);
        let full = word("scale_up", &[("autoscale_max_instances", "5")]);
        bench(&[]).play(scene(5, &[full])).holds().says("5 replicas, done");
        let least = word("scale_down", &[("autoscale_min_instances", "2")]);
        bench(&[]).play(scene(2, &[least])).holds();
    }

    #[test]
    fn mean_one_service_and_are_not_done_twice() {
        let about = |service: &str| word("scale_up_service", &[("alert_service_name", service)]);
        bench(&[]).play(scene(2, &[about("web")])).scales_to(3);
        bench(&[]).play(scene(2, &[about("shop")])).abstains().says("it is about another service");
        bench(&[]).play(scene(2, &[about("shop")]).label("container_service_name", "shop")).scales_to(3);
        bench(&[]).play(scene(2, &[word("scale_up", &[("Alert_Status", "processed")])])).abstains();
    }

    #[test]
    fn may_name_a_node() {
        let on = |action: &str| word(action, &[("metricset.host", "d2.example.net")]);
        let scene = |alert: Alert| {
            scene(3, &[alert]).with(|snapshot| {
                snapshot.nodes = vec![node("d1"), node("d2")];
                for (index, one) in (0..).zip(&mut snapshot.instances) {
                    (one.node, one.started_ms) = (Some(u32::from(index > 0)), Some(NOON_MS - 60_000 * index));
                }
            })
        };
        let played = bench(&[]).play(scene(on("scale_up_node"))).scales_to(4);
        assert_eq!(played.proposals()[0].placement, ["d2"]);
        let played = bench(&[]).play(scene(on("scale_down_node"))).scales_to(2);
        assert_eq!(played.proposals()[0].instances, ["i-1", "i-2"]);
        let nowhere = word("scale_down_node", &[("metricset.host", "d9")]);
        bench(&[]).play(scene(nowhere)).abstains().says("`metricset.host` names no node: not lowered");
    }
}

mod bad_input {
    use super::*;

    #[test]
    fn alerts_that_are_too_old_never_act() {
        let old = |since_ms| Alert { since_ms, ..low() };
        bench(&[DOWN]).play(scene(3, &[old(NOON_MS - 601_000)])).abstains().says("it is 601 s old");
        bench(&[DOWN]).play(scene(3, &[old(NOON_MS - 600_000)])).scales_to(2);
    }

    #[test]
    fn what_is_not_known_never_lowers() {
        let future = |one: Alert| Alert { since_ms: NOON_MS + 1, ..one };
        bench(&[DOWN]).play(scene(3, &[future(low())])).abstains().says("begins in the future: not lowered");
        bench(&[UP]).play(scene(3, &[future(high())])).scales_to(4);
        let vague = alert("LowLoad", &[("autoscale_min_instances", "two")]);
        bench(&[DOWN]).play(scene(3, &[vague])).abstains().says("`autoscale_min_instances` is no count: not lowered");
        let vague = alert("HighCpu", &[("autoscale_max_instances", "NaN")]);
        bench(&[UP]).play(scene(3, &[vague])).scales_to(4);
    }

    #[test]
    fn an_alert_that_ends_before_its_step_is_done_leaves_nothing_behind() {
        let mut bench = bench(&["+3 when alert HighCpu"]);
        bench.play(scene(3, &[high()])).scales_to(6);
        bench.play(at(15, scene(4, &[]))).abstains();
        bench.play(at(30, scene(4, &[high()]))).scales_to(7);
    }

    #[test]
    fn more_alerts_than_are_remembered_and_names_without_end_are_borne() {
        let long = "ü".repeat(120);
        let many: Vec<Alert> = (0..300).map(|n| alert(&long, &[("n", &n.to_string())])).collect();
        let played = bench(&["+1 when alert *"]).play(scene(3, &many)).scales_to(10);
        assert!(played.proposals()[0].reason.len() < 2_000);
        assert!(played.answer().notes.iter().all(|note| note.len() < 1_000));
    }

    #[test]
    fn damaged_memory_lowers_nothing_anew() {
        let lowered = Change {
            at_ms: NOON_MS - 10_000,
            kind: "scale".to_owned(),
            from_count: 4,
            to_count: 3,
            by: "policy".to_owned(),
            attrs: Vec::new(),
        };
        let mut bench = bench(&[DOWN]);
        bench.set_memory([9; 30]);
        bench
            .play(scene(3, &[low()]).with(|snapshot| snapshot.changes = vec![lowered]))
            .abstains()
            .says("what for is forgotten");
        bench.play(at(15, scene(3, &[low()]))).abstains();
    }

    #[test]
    fn at_zero_replicas_an_alert_raises() {
        let none = |scene: Scene| scene.with_target(|target| target.limits.replicas_min = 0);
        bench(&[UP]).play(none(scene(0, &[high()]))).scales_to(1);
        bench(&["+50% when alert HighCpu"]).play(none(scene(0, &[high()]))).scales_to(1);
        bench(&[DOWN]).play(none(scene(0, &[low()]))).holds();
    }

    #[test]
    fn nothing_to_do_is_refused() {
        let none = Bench::new().set("action_label", "");
        assert!(none.bind().unwrap_err().text.contains("`rules` and `action_label` are empty"));
        let long = Bench::new().set("repeat_every", Duration::from_secs(600));
        assert!(long.bind().unwrap_err().text.contains("`max_age`"));
    }
}

proptest! {
    /// Alerts that stand, played at whatever counts: without one for it nothing is lowered, and each has one step at most.
    #[test]
    fn comes_to_rest(ups in 0_usize..6, downs in 0_usize..6, from in 1_u32..10) {
        let mut bench = bench(&[UP, DOWN]);
        let alerts: Vec<Alert> = (0..ups)
            .map(|n| alert("HighCpu", &[("n", &n.to_string())]))
            .chain((0..downs).map(|n| alert("LowLoad", &[("n", &n.to_string())])))
            .collect();
        let mut count = from;
        for turn in 0..10 {
            let wish = bench.play(at(turn * 15, scene(count, &alerts))).count();
            prop_assert!(downs > 0 || wish.is_none_or(|wish| wish >= count));
            count = wish.unwrap_or(count);
        }
        let last = bench.play(at(200, scene(count, &alerts)));
        prop_assert_eq!(last.count(), None);
        let (ups, downs) = (u32::try_from(ups).unwrap(), u32::try_from(downs).unwrap());
        prop_assert_eq!(count, (from + ups).min(10).saturating_sub(downs).max(1));
    }
}
