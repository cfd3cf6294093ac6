//! A story of `schedule`.

use serde_json::{Value, json};
use trimtab::bounds::Settings;

use super::Bench;

/// A moment, in a Berlin whose clocks go back on 2026-10-25 at 01:00 UTC.
fn at(now: &str, desired: u32) -> Value {
    let transitions = json!([{
        "zone": "Europe/Berlin",
        "at_ms": [1_774_746_000_000_u64, 1_792_890_000_000_u64],
        "offsets_seconds": [7200, 3600],
    }]);
    json!({ "now": now, "target": { "desired": desired }, "transitions": transitions })
}

#[test]
fn nights_are_short_where_the_clocks_go_back() {
    let windows = ["at most 2 from '0 22 * * *' to '0 6 * * *'", "exactly 20 from '0 7 26 10 *' for 2h priority 1"];
    let params = json!({ "windows": windows, "zone": "Europe/Berlin", "otherwise": "at least 6" });
    let mut bench = Bench::of("schedule", &params).within(Settings { stabilize_down_ms: 0, ..Settings::default() });
    bench.play(&at("2026-10-24T19:59:00Z", 6)).says("otherwise at least 6").says("nothing is done");
    bench
        .play(&at("2026-10-24T20:00:00Z", 6))
        .says("is open until 2026-10-25 06:00 Europe/Berlin")
        .says("decision replicas 6 to 2");
    // 04:59 UTC is 05:59 now, and no longer 06:59.
    bench.play(&at("2026-10-25T04:59:00Z", 2)).says("at most 2").says("nothing is done");
    bench.play(&at("2026-10-25T05:00:00Z", 2)).says("decision replicas 2 to 6");
    bench.play(&at("2026-10-26T06:30:00Z", 6)).says("proposes scale to 20").says("decision replicas 6 to 10");
    let unknown = json!({ "now": "2026-10-26T21:30:00Z", "target": { "desired": 6 } });
    bench.play(&unknown).says("refuses reading-missing").says("`Europe/Berlin`").says("nothing is done");
}

#[test]
fn a_date_that_never_comes_is_refused() {
    let params = json!({ "windows": ["exactly 3 from '0 0 30 2 *' for 24h"] });
    let why = Bench::try_of("schedule", &params).err().unwrap();
    assert!(why.contains("a date that comes is wanted"), "{why}");
}
