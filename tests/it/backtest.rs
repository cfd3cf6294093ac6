//! `trimtab backtest`: policies over a demand trace, by the built binary and by the library.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use trimtab::audit::{Event, Recorder, Settings as RecordSettings, Span, history};
use trimtab::backtest::{Outage, Plant, Report, Run, Slot, Trace, run, wire};
use trimtab::bounds::{Range, Settings};
use trimtab::snapshot::{Freshness, Reading, Samples, Subject, TargetId};
use trimtab::store::{SqliteStore, Store};

use crate::cli::Desk;
use crate::library::builtin;

const CONFIG: &str = r#"
data_dir = "data"
[driver.local.process]
cgroups = false
[driver.local.process.workload.web]
command = ["sleep", "1000"]
replicas = 0
labels = { app = "web" }
[source.page.http-json]
url = "http://127.0.0.1:9/"
[binding.web]
select = { driver = "local", labels = { app = "web" } }
every = "30s"
replicas = { min = 0, max = 8 }
mode = "dry-run"
[[binding.web.reading]]
name = "rps"
source = "page"
query = "/rps"
[[binding.web.policy]]
use = "target-tracking"
params = { reading = "rps", target = 50.0 }
"#;

/// Two hours: quiet, a rise, a spike, quiet.
const HOURS: &str = "time,demand\n0,100\n1800,300\n3600,900\n3900,200\n7200,0\n";

const TRACKING: [&str; 6] = ["--policy", "target-tracking", "--param", "reading=demand", "--param", "target=70"];

fn backtest(desk: &Desk, args: &[&str]) -> crate::cli::Ran {
    desk.run(&[&["backtest"], args].concat())
}

#[test]
fn a_binding_and_another_policy_in_its_place() {
    let desk = Desk::new();
    desk.put("trimtab.toml", CONFIG);
    desk.put("hours.csv", HOURS);
    let more = ["--policy", "target-tracking", "--param", "reading=rps", "--param", "target=80"];
    let args = [&["--binding", "web", "--trace", "hours.csv", "--outage", "1:05+30m"], &more[..]].concat();
    let ran = backtest(&desk, &args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    insta::assert_snapshot!(ran.out);
    let again = backtest(&desk, &[&args[..], &["--json"]].concat());
    let json: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!(json["runs"][0]["contestant"], "web");
    assert_eq!(json["runs"][0]["turns"], 240);
    assert_eq!(json["runs"][1]["fed"], json!(["rps by demand"]));
    assert_eq!(again.out, backtest(&desk, &[&args[..], &["--json"]].concat()).out, "the same run gives the same bytes");
}

#[test]
fn a_page_a_table_and_every_turn() {
    let desk = Desk::new();
    desk.put("hours.csv", HOURS);
    let outputs = ["--trace", "hours.csv", "--markdown", "--html", "page.html", "--csv", "turns.csv"];
    let ran = backtest(&desk, &[&TRACKING[..], &outputs].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.starts_with("# Policies, compared\n\nWritten by\n\n    trimtab backtest --policy "), "{}", ran.out);
    assert!(
        ran.out.contains("\n## hours.csv: 2h from 2026-01-05T00:00:00Z") && ran.out.contains("\n| target-tracking |")
    );
    assert_eq!(ran.err, "", "no bar where nobody looks on");
    let page = std::fs::read_to_string(desk.path().join("page.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("target-tracking") && !page.contains("<script"));
    let turns = std::fs::read_to_string(desk.path().join("turns.csv")).unwrap();
    assert!(turns.starts_with("policy,trace,time_ms,demand,"));
    assert_eq!(turns.lines().count(), 1 + 2 * 240);
}

#[test]
fn a_file_of_contestants() {
    let desk = Desk::new();
    desk.put("hours.csv", HOURS);
    let tells = |text: &str| {
        desk.put("all.toml", text);
        let ran = backtest(&desk, &["--contestants", "all.toml", "--trace", "hours.csv"]);
        (ran.code, if ran.code == 0 { ran.out } else { ran.err })
    };
    let (code, told) = tells(
        r#"
        [[contestant]]
        name = "calm"
        use = "target-tracking"
        params = { reading = "rps", target = 70.0 }
        readings = { rps = "demand" }
        every = "1m"
        bounds = { replicas = { min = 1, max = 5 } }
        [[contestant]]
        name = "both"
        policies = [
            { use = "target-tracking", slot = "demand", params = { reading = "demand", target = 70.0 } },
            { use = "rightsizing", params = {} },
        ]
        "#,
    );
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("  calm ") && told.contains("2..5") && told.contains("  both "), "{told}");
    let wrong = [
        ("", "all.toml names nobody"),
        ("[[contestant]]\nuse = \"target-tracking\"\nparam = {}\n", "all.toml:3:1: unknown field `param`"),
        ("[[contestant]]\nname = \"x\"\n", "contestant x: give it use with params, or policies with a use each"),
        ("[[contestant]]\nuse = \"nobody\"\n", "there is no policy \"nobody\""),
        (
            "[[contestant]]\nuse = \"rightsizing\"\nbounds = { replica = { max = 3 } }\n",
            "contestant rightsizing: bounds: replica: unknown key",
        ),
        ("[[contestant]]\nuse = \"rightsizing\"\nreadings = { rps = \"load\" }\n", "there is no series \"load\""),
        ("[[contestant]]\nuse = \"rightsizing\"\nreadings = { rps = \"demand\" }\n", "no policy asks for \"rps\""),
        ("[[contestant]]\nuse = \"rightsizing\"\n[[contestant]]\nuse = \"rightsizing\"\n", "two contestants"),
    ];
    for (text, why) in wrong {
        let (code, told) = tells(text);
        assert!(code >= 2 && told.contains(why), "expected `{why}` in: {told}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_a_remedy() {
    let desk = Desk::new();
    desk.put("trimtab.toml", CONFIG);
    desk.put("back.csv", "time,demand\n60,1\n0,1\n");
    desk.put("empty.csv", "");
    let tracking = |more: &[&str]| backtest(&desk, &[&TRACKING[..], more].concat());
    let cases = [
        (backtest(&desk, &[]), 2, "name a policy (--policy target-tracking)"),
        (backtest(&desk, &["--binding", "wed"]), 3, "has no binding \"wed\"; it has: web"),
        (backtest(&desk, &["--policy", "nobody"]), 3, "there is no policy \"nobody\""),
        (backtest(&desk, &["--policy", "none.wasm"]), 3, "none.wasm cannot be read"),
        (tracking(&["--trace", "none.csv"]), 3, "name a CSV file, or one of diurnal, spike, noisy"),
        (tracking(&["--trace", "empty.csv"]), 2, "empty.csv:1: there is no column demand"),
        (tracking(&["--trace", "back.csv"]), 2, "back.csv:3: it is before the row above it; sort the rows"),
        (tracking(&["--reading", "rps=demand"]), 2, "no policy asks for \"rps\"; asked for are: demand"),
        (tracking(&["--capacity", "0"]), 2, "the capacity of a replica is 0; it must serve something"),
        (tracking(&["--every", "1ms"]), 2, "is too often; at least 100 ms"),
        (tracking(&["--every", "100ms"]), 2, "864000 turns over diurnal are more than 200000: take a longer --every"),
        (tracking(&["--outage", "noon"]), 2, "\"noon\" is no outage; write \"12:00+10m\""),
        (tracking(&["--param", "tagret=1"]), 2, "do you mean \"target\"?"),
        (tracking(&["--target", "local/web", "--demand", "rps"]), 3, "there is no data directory data"),
    ];
    for (ran, code, why) in cases {
        assert_eq!(ran.code, code, "{}", ran.err);
        assert!(ran.err.contains(why) && ran.out.is_empty(), "expected `{why}` in: {}", ran.err);
    }
}

#[test]
fn a_policy_that_fails_is_told_and_ends_with_4() {
    let desk = Desk::new();
    desk.put("hours.csv", HOURS);
    let policy = desk.policy("traps.wasm", "unreachable");
    let args = ["--policy", &policy, "--string-encoding", "utf8", "--trace", "hours.csv", "--json"];
    let ran = backtest(&desk, &args);
    assert_eq!(ran.code, 4, "{}", ran.err);
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    let answers = &json["runs"][0]["answers"];
    // Failing for a minute puts it into quarantine, as in a host.
    assert!(
        answers["faulted"]["trap"].as_u64().unwrap() > 4 && answers["quarantined"].as_u64().unwrap() > 200,
        "{answers}"
    );
}

/// Records of one reading, a minute apart.
fn record(data_dir: &Path, demands: &[f64]) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(data_dir).unwrap();
        let target: TargetId = "local/web".parse().unwrap();
        let all = Span { from_ms: 0, to_ms: u64::MAX, entries_max: 100 };
        let turns = history(&store, &target, all).await.unwrap().into_iter().filter_map(|event| match event {
            Event::Turn(turn) => Some(turn.record),
            _ => None,
        });
        let mut record = turns.last().unwrap();
        let mut recorder = Recorder::new(RecordSettings::default(), 99);
        for demand in demands {
            record.at_ms += 60_000;
            let snapshot = Arc::make_mut(&mut record.snapshot);
            snapshot.now_ms = record.at_ms;
            snapshot.readings = vec![Reading {
                freshness: Freshness::Fresh,
                samples: Samples::one(record.at_ms, *demand),
                ..Reading::absent("rps", Subject::Target, None)
            }];
            record.id = recorder.next_id(&target, record.at_ms);
            store.write(recorder.turn(&[record.clone()]).unwrap()).await.unwrap();
        }
    });
}

#[test]
fn a_trace_is_taken_from_records() {
    let desk = Desk::new();
    desk.put("trimtab.toml", CONFIG);
    let ran = desk.run(&["run", "--once"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    record(&desk.path().join("data"), &[100.0, 300.0, 200.0, 50.0]);
    let recorded =
        |reading: &str| backtest(&desk, &["--binding", "web", "--target", "local/web", "--demand", reading, "--json"]);
    let ran = recorded("rps");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let run = &serde_json::from_str::<Value>(&ran.out).unwrap()["runs"][0];
    assert_eq!((&run["trace"], &run["turns"]), (&json!("local/web rps"), &json!(6)));
    assert_eq!(run["demand"], json!(60.0 * 600.0));
    let ran = recorded("load");
    assert_eq!(ran.code, 3);
    assert!(
        ran.err.contains("0 samples of it are recorded in this time") && ran.err.contains("one of: rps"),
        "{}",
        ran.err
    );
}

/// The policies of the documentation's table can all be run.
#[test]
fn the_librarys_contestants_are_sound() {
    let desk = Desk::new();
    desk.put("hours.csv", HOURS);
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/backtest/library.toml");
    let ran = backtest(&desk, &["--contestants", library.to_str().unwrap(), "--trace", "hours.csv"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let table = std::fs::read_to_string(library.with_extension("md")).unwrap();
    for row in ran.out.lines().skip(2).filter(|line| line.starts_with("  ")) {
        let name = row.split_whitespace().next().unwrap();
        assert_eq!(table.matches(&format!("\n| {name} |")).count(), 3, "{name} is missing in docs/backtest/library.md");
    }
}

/// Target tracking of 70 units a replica over these rows of (seconds, demand), 1 to 20 replicas.
fn tracked(rows: &[(u64, f64)], plant: &Plant, outages: &[Outage]) -> Report {
    played("target-tracking", &json!({ "reading": "demand", "target": 70.0 }), rows, plant, outages)
}

fn played(policy: &str, params: &Value, rows: &[(u64, f64)], plant: &Plant, outages: &[Outage]) -> Report {
    let slots = [Slot::new("one", &builtin(policy), params.as_object().unwrap(), None).unwrap()];
    let wiring = wire(&slots[0].needs, &[], &[]);
    let settings = Settings { replicas: Range { min: 1, max: 20 }, ..Settings::default() };
    let trace = Trace::new("rows", rows.iter().map(|(seconds, demand)| (seconds * 1000, *demand))).unwrap();
    let asked = Run {
        contestant: "one",
        slots: &slots,
        settings: &settings,
        every_ms: 15_000,
        wiring: &wiring,
        plant,
        trace: &trace,
        outages,
    };
    run(&asked, |_turns| {}).unwrap()
}

#[test]
fn constant_demand_settles_and_stays() {
    let plant = Plant { replicas: Some(1), ..Plant::default() };
    let report = tracked(&[(0, 350.0), (7200, 0.0)], &plant, &[]);
    assert_eq!((report.raises, report.lowerings, report.replicas_max), (1, 0, 5));
    // One replica serves 100 of 350 until the others are ready, after the start-up of 30 s.
    assert!((report.unmet - 250.0 * 30.0).abs() < 1e-6, "{}", report.unmet);
    assert!(report.points.iter().skip(3).all(|point| point.desired == 5 && point.unmet == 0.0));
    assert!(report.changes[0].why.contains("target 70"), "{}", report.changes[0].why);
}

#[test]
fn nothing_is_lowered_while_readings_are_absent() {
    let fall = [(0, 700.0), (1800, 70.0), (7200, 0.0)];
    let outage: Outage = "29m+30m".parse().unwrap();
    let report = tracked(&fall, &Plant::default(), &[outage]);
    let during: Vec<_> = report.points.iter().filter(|point| point.out).collect();
    assert_eq!(during.len(), 120);
    assert!(during.iter().all(|point| point.desired == 10));
    assert_eq!(report.points.last().unwrap().desired, 1);
    assert_eq!(report.answers.refused["reading-missing"], 120);
}

#[test]
fn a_replica_starts_in_its_time_and_a_queue_keeps_what_waits() {
    let plant = Plant { queue: true, start_up_ms: 120_000, ..Plant::default() };
    let report = tracked(&[(0, 70.0), (600, 350.0), (7200, 0.0)], &plant, &[]);
    // 250 units a second wait from the rise until the next turn has seen it and two minutes have passed.
    let late = 250.0 * (15.0 + 120.0);
    assert!((report.unmet - late).abs() < 1e-6 && (report.backlog_max - late).abs() < 1e-6, "{}", report.unmet);
    assert!((report.served - report.demand).abs() < 1e-3 && report.backlog_end == 0.0);
    assert!(report.served_share > 0.999_999 && report.short_share > 0.0);
}

#[test]
fn a_smaller_size_costs_less_and_serves_less() {
    let plant = Plant { replicas: Some(1), ..Plant::default() };
    let day = [(0, 20.0), (6 * 3600, 0.0)];
    let report = played("rightsizing", &json!({}), &day, &plant, &[]);
    assert!(report.resizes >= 1 && report.raises + report.lowerings == 0, "{report:?}");
    let (first, last) = (report.points.first().unwrap(), report.points.last().unwrap());
    assert_eq!((first.cpu_millis, first.capacity), (1000, 100.0));
    assert!(last.cpu_millis < 500 && last.capacity < 50.0, "{last:?}");
    // 20 of 100 units on one core are 200m, which the new size still holds.
    assert!(last.cpu_millis > 200 && report.unmet == 0.0 && report.killed == 0, "{last:?}");
    assert!(report.cost < 0.05 * 6.0 * 0.7, "{}", report.cost);
    assert!(report.cpu_core_hours < 3.0 && (report.replica_hours - 6.0).abs() < 1e-9);
}
