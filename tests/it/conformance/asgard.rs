//! Asgard's autoscaler: its documented behaviours as rows. The oracles are those of its unit tests (systems.md 5d), margin 0.05.

use serde_json::{Value, json};
use trimtab::bounds::{Range, Settings};

use super::Table;
use crate::library::Bench;

const MIB: f64 = 1_048_576.0;

/// An app of Marathon: what one instance is allocated, and the shares that it uses of it.
#[derive(Clone, Copy)]
struct App {
    millis: f64,
    mib: f64,
    cpu: f64,
    memory: f64,
}

/// Shares of CPU and of memory that an instance uses, where they are known.
type Used = (Option<f64>, Option<f64>);

const APP: App = App { millis: 1000.0, mib: 1000.0, cpu: 0.5, memory: 0.8 };

impl App {
    fn scene(self) -> Value {
        self.of([(Some(self.cpu), Some(self.memory))].as_slice(), 0)
    }

    /// Instances that use these shares of CPU and memory, so many minutes after the start.
    fn of(self, used: &[Used], minute: u32) -> Value {
        let id = |number: usize| format!("i-{number}");
        let by = |figure: &dyn Fn(&Used) -> Option<f64>| {
            let by: serde_json::Map<String, Value> =
                used.iter().enumerate().map(|(number, one)| (id(number), json!(figure(one)))).collect();
            json!({ "by": by, "subject": "instance" })
        };
        let bytes = |(_, share): &Used| share.map(|share| share * self.mib * MIB);
        let instances: Vec<Value> = used
            .iter()
            .enumerate()
            .map(|(number, one)| {
                let mut instance = json!({ "id": id(number), "phase": "ready" });
                if let Some(bytes) = bytes(one) {
                    instance["memory"] = json!(format!("{:.0}", bytes));
                }
                instance
            })
            .collect();
        json!({
            "now": format!("2026-01-01T{:02}:{:02}:00Z", minute / 60, minute % 60),
            "target": {
                "desired": used.len(),
                "cpu": format!("{}m", self.millis),
                "memory": format!("{:.0}", self.mib * MIB),
            },
            "instances": instances,
            "readings": {
                "cpu_millicores": by(&|(share, _)| share.map(|share| share * self.millis)),
                "memory_bytes": by(&bytes),
            },
        })
    }
}

fn asgard(more: &Value) -> Bench {
    let mut params = json!({ "compat": "asgard", "margin": 0.05, "cpu_target": 0.5, "memory_target": 0.8 });
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Bench::of("rightsizing", &params)
}

fn cpu(target: f64) -> Bench {
    asgard(&json!({ "ignore": ["memory"], "cpu_target": target }))
}

fn memory(target: f64) -> Bench {
    asgard(&json!({ "ignore": ["cpu"], "memory_target": target }))
}

fn within(cpu: [Option<u64>; 2]) -> Settings {
    let [min, max] = cpu;
    Settings { stabilize_down_ms: 0, cpu_millis: Range { min, max }, ..Settings::default() }
}

#[test]
fn decisions() {
    let mut table = Table::default();
    let app = |cpu: f64| App { millis: 10_000.0, cpu, ..APP }.scene();
    table.row(
        "use .4499, target .5: acts (5d)",
        &mut cpu(0.5),
        &app(0.4499),
        "8998m as Asgard",
        "decision resize main requests.cpu 8998m",
    );
    table.row(
        "use .4501, target .5: within the margin (5d)",
        &mut cpu(0.5),
        &app(0.4501),
        "within the margin",
        "nothing",
    );
    table.row(
        "use .5501, target .5: acts (5a)",
        &mut cpu(0.5),
        &app(0.5501),
        "11002m as Asgard",
        "decision resize main requests.cpu 11002m",
    );
    table.row(
        "use .55, target .5: acts, for .55 − .5 is above .05 in floating point (5a)",
        &mut cpu(0.5),
        &app(0.55),
        "11000m as Asgard",
        "decision resize main requests.cpu 11",
    );
    let busy = App { millis: 3500.0, cpu: 1.0, ..APP }.scene();
    table.row(
        "3.5 CPUs, use 1, target .1: 35 CPUs (5d)",
        &mut cpu(0.1),
        &busy,
        "35000m as Asgard",
        "decision resize main requests.cpu 35",
    );
    let full = App { cpu: 1.0, ..APP }.scene();
    table.row(
        "use 1, target .7: 1.4286, sent with three decimals (5d)",
        &mut cpu(0.7),
        &full,
        "1429m as Asgard",
        "decision resize main requests.cpu 1429m",
    );
    let odd = App { millis: 1000.0, cpu: 0.436_721_072_367, ..APP }.scene();
    table.row(
        ".436721072367 CPUs are sent as .437 (5d)",
        &mut cpu(1.0),
        &odd,
        "437m as Asgard",
        "decision resize main requests.cpu 437m",
    );
    let tie = App { millis: 250.0, cpu: 0.25, ..APP }.scene();
    table.row(
        ".0625 CPUs are sent as .062: half to even (5a)",
        &mut cpu(1.0),
        &tie,
        "62m as Asgard",
        "decision resize main requests.cpu 62m",
    );
    let over = App { cpu: 2.5, ..APP }.scene();
    table.row(
        "use of CPU may exceed 1 (5a)",
        &mut cpu(0.5),
        &over,
        "5000m as Asgard",
        "decision resize main requests.cpu 5",
    );
    let both = App { cpu: 0.9, memory: 0.9, ..APP }.scene();
    table.row(
        "CPU and memory apart, in one change (5a)",
        &mut asgard(&json!({})),
        &both,
        "1800m as Asgard",
        "requests.memory 1125Mi",
    );
    let one = App { cpu: 0.9, ..APP }.scene();
    table.row(
        "the change carries only what changes (5a)",
        &mut asgard(&json!({})),
        &one,
        "note memory: 80% used is within",
        "decision resize main requests.cpu 1800m",
    );
    let more = App { mib: 50.0, memory: 0.964_006_05, ..APP }.scene();
    table.row(
        "64.26707 MB are sent as 64 (5d)",
        &mut memory(0.75),
        &more,
        "64Mi as Asgard",
        "decision resize main requests.memory 64Mi",
    );
    insta::assert_snapshot!(table.end());
}

#[test]
fn limits() {
    let mut table = Table::default();
    let app = |millis: f64, cpu: f64| App { millis, cpu, ..APP }.scene();
    let bench = |least, most| cpu(0.5).within(within([least, most]));
    table.row(
        "above the maximum: the maximum (5a)",
        &mut bench(None, Some(1200)),
        &app(1000.0, 1.0),
        "1200m as Asgard",
        "decision resize main requests.cpu 1200m",
    );
    table.row(
        "below the minimum: the minimum (5a)",
        &mut bench(Some(800), None),
        &app(1000.0, 0.1),
        "800m as Asgard",
        "decision resize main requests.cpu 800m",
    );
    table.row(
        "at the maximum, pushing further: no decision (5a, 5d)",
        &mut bench(None, Some(1000)),
        &app(1000.0, 1.0),
        "proposes hold",
        "nothing",
    );
    table.row(
        "at the minimum, pushing further: no decision (5a, 5d)",
        &mut bench(Some(1000), None),
        &app(1000.0, 0.1),
        "proposes hold",
        "nothing",
    );
    let mut contrary = app(1000.0, 0.9);
    contrary["target"]["limits"] = json!({
        "replicas_min": 1, "replicas_max": 10, "least": { "cpu_millis": 3000 }, "most": { "cpu_millis": 1200 },
    });
    table.row("the minimum wins over the maximum (5a)", &mut cpu(0.5), &contrary, "3000m as Asgard", "requests.cpu 3");
    let idle = || App { millis: 1000.0, ..APP }.of(&[(Some(0.0), Some(0.8))], 0);
    table.row(
        "an idle app goes to its minimum (5a)",
        &mut bench(Some(100), None),
        &idle(),
        "100m as Asgard",
        "requests.cpu 100m",
    );
    insta::assert_snapshot!(table.end());
}

#[test]
fn what_is_missing_and_ignored() {
    let mut table = Table::default();
    let nothing = APP.of(&[(None, None)], 0);
    table.row(
        "no statistics: no decision (5d)",
        &mut asgard(&json!({})),
        &nothing,
        "refuses reading-missing",
        "nothing",
    );
    let zeros = APP.of(&[(Some(0.0), Some(0.0))], 0);
    table.row("all zeros are no data (5a)", &mut asgard(&json!({})), &zeros, "refuses reading-missing", "nothing");
    let busy = || App { cpu: 0.9, memory: 0.9, ..APP }.scene();
    table.row(
        "ignore all (5d)",
        &mut asgard(&json!({ "ignore_label": "all" })),
        &busy(),
        "refuses not-applicable",
        "nothing",
    );
    table.row(
        "ignore cpu (5d)",
        &mut asgard(&json!({ "ignore_label": "cpu" })),
        &busy(),
        "1125Mi as Asgard",
        "decision resize main requests.memory 1125Mi",
    );
    table.row(
        "ignore mem (5d)",
        &mut asgard(&json!({ "ignore_label": "mem" })),
        &busy(),
        "1800m as Asgard",
        "decision resize main requests.cpu 1800m",
    );
    table.row(
        "ignore cpu;mem (5a)",
        &mut asgard(&json!({ "ignore_label": "cpu;mem" })),
        &busy(),
        "refuses not-applicable",
        "nothing",
    );
    table.row(
        "ignore by substring: `small` contains `all` (5a)",
        &mut asgard(&json!({ "ignore_label": "small" })),
        &busy(),
        "refuses not-applicable",
        "nothing",
    );
    table.refused(
        "outside the compatible mode, the label is not read",
        "rightsizing",
        &json!({ "ignore_label": "small" }),
        "`ignore_label` is `small`, which only `compat` = `asgard` reads",
    );
    table.refused(
        "target 0 ends the cycle of all apps (5c): here it ends nothing",
        "rightsizing",
        &json!({ "compat": "asgard", "cpu_target": 0 }),
        "cpu_target",
    );
    insta::assert_snapshot!(table.end());
}

#[test]
fn where_it_was_unsafe() {
    let mut table = Table::default();
    let hot = APP.of(&[(Some(1.0), Some(0.8)), (Some(0.0), Some(0.8))], 0);
    table.row(
        "the mean of all instances hides a hot one (5c)",
        &mut cpu(0.5),
        &hot,
        "50% used is within the margin",
        "nothing",
    );
    let unseen = APP.of(&[(Some(0.1), Some(0.8)), (None, Some(0.8))], 0);
    table.row(
        "instances without samples do not matter, and it lowers (5a); the bounds do not",
        &mut cpu(0.5),
        &unseen,
        "200m as Asgard",
        "nothing",
    );
    let mut throttled = App { cpu: 0.3, ..APP }.scene();
    throttled["readings"]["cpu_throttled_ratio"] = json!({ "by": { "i-0": 0.9 } });
    table.row(
        "throttling is fetched, and not used (5a)",
        &mut cpu(0.5),
        &throttled,
        "600m as Asgard",
        "decision resize main requests.cpu 600m",
    );
    let spread = APP.of(&[(Some(0.5), Some(0.9)), (Some(0.5), Some(0.1))], 0);
    table.row(
        "memory is cut below what one instance uses, by the mean (5c); the bounds keep it above the peak",
        &mut memory(0.8),
        &spread,
        "625Mi as Asgard",
        "restraint",
    );
    let tight = App { memory: 0.7, ..APP }.scene();
    table.row(
        "memory is cut to what is used, with a target of 1 (5c); the bounds keep it above the peak",
        &mut memory(1.0),
        &tight,
        "700Mi as Asgard",
        "restraint",
    );
    let idle = APP.of(&[(Some(0.0), Some(0.8))], 0);
    table.row(
        "an idle app without a minimum: 0 is dropped, and the change says nothing (5c)",
        &mut cpu(0.5),
        &idle,
        "Asgard then sends a change without a figure",
        "nothing",
    );
    let nearly = App { cpu: 0.001, ..APP }.scene();
    let mut stepped =
        cpu(0.5).within(Settings { resize_step: Range { min: Some(0.5), max: None }, ..within([None, None]) });
    table.row(
        "an almost idle app is shrunk toward 0 at once (5c); the bounds by steps",
        &mut stepped,
        &nearly,
        "2m as Asgard",
        "decision resize main requests.cpu 500m",
    );
    let noop = App { mib: 64.0, memory: 0.802_5, ..APP }.scene();
    let mut fine = asgard(&json!({ "ignore": ["cpu"], "memory_target": 0.8, "margin": 0.0 }));
    table.row(
        "64.2 MB for 64 is sent, and changes nothing (5c); the bounds see that",
        &mut fine,
        &noop,
        "64Mi as Asgard",
        "nothing",
    );
    let mut hasty = cpu(0.5);
    table.row(
        "a busy app grows",
        &mut hasty,
        &App { cpu: 0.9, ..APP }.scene(),
        "1800m as Asgard",
        "decision resize main requests.cpu 1800m",
    );
    let after = App { millis: 1800.0, ..APP }.of(&[(Some(0.1), Some(0.8))], 5);
    table.row(
        "five minutes later it shrinks, with no cooldown but the period (5a); the bounds wait",
        &mut hasty,
        &after,
        "360m as Asgard",
        "restraint",
    );
    let mut deploying = App { millis: 1800.0, ..APP }.of(&[(Some(0.1), Some(0.8))], 30);
    deploying["in_flight"] = json!({
        "key": "k", "kind": "resize", "from_count": 1, "to_count": 1,
        "since_ms": 1_767_227_000_000_u64, "deadline_ms": 1_767_230_000_000_u64,
    });
    table.row(
        "nothing prevents a decision while the last deployment runs (5c); the bounds wait",
        &mut hasty,
        &deploying,
        "360m as Asgard",
        "restraint",
    );
    insta::assert_snapshot!(table.end());
}
