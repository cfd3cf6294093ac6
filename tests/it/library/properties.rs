//! What holds for every policy of the binary, played over hours by `trimtab backtest` with the set-ups of
//! `docs/backtest/library.toml`: none lowers on what it does not know, and none moves for ever on what does not change.

use serde_json::Value;

use crate::cli::Desk;

const LIBRARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/backtest/library.toml");
const MINUTE_MS: u64 = 60_000;

/// The runs of all contestants over one trace, by the built binary.
fn runs(trace: &str, more: &[&str]) -> Vec<Value> {
    let desk = Desk::new();
    desk.put("trace.csv", trace);
    let args = [&["backtest", "--contestants", LIBRARY, "--trace", "trace.csv", "--json"], more].concat();
    let ran = desk.run(&args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let Value::Array(runs) = serde_json::from_str::<Value>(&ran.out).unwrap()["runs"].take() else { panic!() };
    assert!(runs.len() >= 14, "a policy is missing in {LIBRARY}");
    runs
}

/// Changes of a run: minutes since the start, and whether each lowered the count or changed a size.
fn changes(run: &Value) -> Vec<(u64, bool, String)> {
    let from_ms = run["from_ms"].as_u64().unwrap();
    let all = run["changes"].as_array().unwrap().iter();
    all.map(|change| {
        let number = |key: &str| change[key].as_u64().unwrap();
        // A resize shows no figure here: none is made in the dark, either way.
        let lowers = change["kind"] == "resize" || number("to") < number("from");
        ((number("at_ms") - from_ms) / MINUTE_MS, lowers, change.to_string())
    })
    .collect()
}

/// A demand that leaps every ten minutes, the same on every machine.
fn leaps(hours: u64, seed: u64) -> String {
    let mut state = seed;
    let mut trace = String::from("time,demand\n");
    for ten_minutes in 0..hours * 6 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        trace.push_str(&format!("{},{}\n", ten_minutes * 600, 40 + (state >> 33) % 1_100));
    }
    trace + &format!("{},0\n", hours * 3_600)
}

#[test]
fn what_is_not_known_lowers_nothing() {
    // Ever longer gaps, at moments that fall anywhere within a leap.
    let gaps = [(31, 4), (63, 12), (127, 25), (190, 47), (262, 3)];
    let outages: Vec<String> = gaps.iter().map(|(at, long)| format!("{}:{:02}+{long}m", at / 60, at % 60)).collect();
    let more: Vec<&str> = outages.iter().flat_map(|outage| ["--outage", outage]).collect();
    for seed in [1, 2] {
        for run in runs(&leaps(5, seed), &more) {
            let moved = changes(&run);
            let mut lowered = moved.iter().filter(|(_, lowers, _)| *lowers);
            let in_the_dark =
                lowered.find(|(minute, ..)| gaps.iter().any(|(at, long)| (*at..at + long).contains(minute)));
            assert_eq!(in_the_dark, None, "{} lowers on readings that are absent", run["contestant"]);
        }
    }
}

#[test]
fn what_does_not_change_is_left_alone() {
    let mut restless = Vec::new();
    for demand in [0, 95, 150, 560] {
        for run in runs(&format!("time,demand\n0,{demand}\n10800,0\n"), &[]) {
            let late: Vec<_> = changes(&run).into_iter().filter(|(minute, ..)| *minute >= 90).collect();
            if let Some((_, _, first)) = late.first() {
                let (name, count) = (&run["contestant"], late.len());
                restless.push(format!("{name} moves {count} times on a constant demand of {demand}: {first}"));
            }
        }
    }
    assert!(restless.is_empty(), "{}", restless.join("\n"));
}
