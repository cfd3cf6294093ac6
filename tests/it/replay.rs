//! What a host recorded, played again by the built binary.

use std::path::Path;

use trimtab::audit::{Event, Recorder, Settings, Span, history};
use trimtab::snapshot::TargetId;
use trimtab::store::{SqliteStore, Store};

use crate::cli::{ABSTAINS, Desk};

/// A host whose workload is never started: nothing is left behind. Its reading cannot be had, so its policy refuses.
const CONFIG: &str = r#"
data_dir = "data"
[api]
listen = "127.0.0.1:0"
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
every = "200ms"
replicas = { min = 0, max = 0 }
[[binding.web.reading]]
name = "load"
source = "page"
query = "/load"
[[binding.web.policy]]
use = "target-tracking"
params = { reading = "load", target = 10 }
"#;

/// Adds a record in which the fuel of the last one is told wrongly.
fn tamper(data_dir: &Path) {
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
        let mut recorder = Recorder::new(Settings::default(), 99);
        record.id = recorder.next_id(&target, record.at_ms);
        record.slots[0].spent.fuel += 1;
        store.write(recorder.turn(&[record]).unwrap()).await.unwrap();
    });
}

#[test]
fn kept_turns_are_played_again_and_a_tampered_one_is_a_defect() {
    let desk = Desk::new();
    desk.put("trimtab.toml", CONFIG);
    for _ in 0..2 {
        let ran = desk.run(&["run", "--once"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
    let replay = |more: &[&str]| desk.run(&[&["replay", "--target", "local/web", "--offline"], more].concat());
    let ran = replay(&[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out.starts_with("local/web: 2 turns from ") && ran.out.contains("2  the same, to the byte"),
        "{}",
        ran.out
    );

    std::fs::write(
        desk.path().join("mine.wasm"),
        wat::parse_str(ABSTAINS.replace("EVALUATE", "(i32.const 256)")).unwrap(),
    )
    .unwrap();
    let ran = replay(&["--policy", "mine.wasm", "--string-encoding", "utf8"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("with probe 1.0.0 ("), "{}", ran.out);
    let row = ran.out.lines().find(|line| line.contains("web/target-tracking")).unwrap();
    let cells: Vec<&str> = row.split_whitespace().skip(1).collect();
    assert_eq!(cells, ["web/target-tracking", "refused", "reading-missing", "–"], "{}", ran.out);
    let compare = ["policy", "compare", "active", "mine.wasm", "--target", "local/web", "--offline"];
    let ran = desk.run(&[&compare[..], &["--string-encoding", "utf8", "--json"]].concat());
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}", ran.err));
    assert_eq!((&told["compared"], &told["agreement_percent"]), (&2.into(), &0.0.into()));
    assert_eq!((&told["a"]["recorded"], &told["b"]["evaluated"]), (&2.into(), &2.into()));

    tamper(&desk.path().join("data"));
    let ran = replay(&[]);
    assert_eq!(ran.code, 5, "{}", ran.out);
    let defect = ran.out.lines().find(|line| line.starts_with("DEFECT at ")).unwrap();
    assert!(defect.contains("binding web, slot target-tracking") && defect.ends_with("other fuel"), "{defect}");

    for (args, code) in [
        (vec!["--policy", "no-such-policy"], 3),
        (vec!["--policy", "./none.wasm"], 3),
        (vec!["--since", "yesterday"], 2),
        (vec!["--param", "a=1"], 2),
    ] {
        let ran = replay(&args);
        assert_eq!(ran.code, code, "{args:?}: {}", ran.err);
    }
    assert_eq!(desk.run(&["replay", "--target", "local/nothing", "--offline"]).code, 3);
}
