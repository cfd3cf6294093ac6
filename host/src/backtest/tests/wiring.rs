//! Which series feeds which reading, and the samples that grow.

use crate::backtest::feed::Feed;
use crate::backtest::fleet::Fleet;
use crate::backtest::{Plant, START_MS_DEFAULT as START, Series, Trace, Wiring, wire};
use crate::policy::{Need, NeedKind};
use crate::snapshot::{Freshness, Reading, Samples, Subject};

fn need(name: &str, subject: Subject, look_back_ms: u64, step_ms: u64) -> Need {
    let unit = String::new();
    Need { kind: NeedKind::Reading, name: name.to_owned(), subject, unit, look_back_ms, step_ms, required: true }
}

fn series(wiring: &Wiring) -> Vec<Option<Series>> {
    wiring.wires.iter().map(|wire| wire.series).collect()
}

#[test]
fn a_reading_is_fed_by_its_name_by_what_is_said_or_alone_by_the_demand() {
    let only = wire(&[need("rps", Subject::Target, 0, 0)], &[], &[]);
    assert_eq!(series(&only), [Some(Series::Demand)]);
    let two = [need("queue", Subject::Target, 0, 0), need("rps", Subject::Target, 0, 0)];
    assert_eq!(series(&wire(&two, &[], &[])), [None, None]);
    let said = [("rps".to_owned(), Series::Served)];
    assert_eq!(series(&wire(&two, &said, &[])), [None, Some(Series::Served)]);
    assert_eq!(wire(&two, &said, &[]).unfed(), ["queue of the target"]);
    let own = [need("cpu_millicores", Subject::Instance, 0, 0), need("demand", Subject::Instance, 0, 0)];
    assert_eq!(series(&wire(&own, &[], &[])), [Some(Series::CpuMillicores), None]);
}

#[test]
fn one_reading_of_several_policies_looks_back_as_far_as_any() {
    let wiring =
        wire(&[need("rps", Subject::Target, 60_000, 30_000), need("rps", Subject::Target, 90_000, 15_000)], &[], &[]);
    assert_eq!(wiring.wires.len(), 1);
    assert_eq!((wiring.wires[0].look_back_ms, wiring.wires[0].step_ms), (90_000, 15_000));
}

/// Plays turns every 15 s; the readings as each turn shows them.
fn play(wiring: &Wiring, turns: u64, out: std::ops::Range<u64>) -> Vec<Vec<Reading>> {
    let plant = Plant { capacity: 10.0, ..Plant::default() };
    let mut fleet = Fleet::new(&plant, 2, START);
    let trace = Trace::new("t", [(0, 8.0), (86_400_000, 0.0)]).unwrap();
    let mut feed = Feed::new(wiring);
    let mut step = fleet.first_look(8.0);
    let mut seen = Vec::new();
    for turn in 0..turns {
        let now_ms = START + turn * 15_000;
        let readings = feed.measure(&fleet, &step, now_ms, out.contains(&turn));
        seen.push(readings.clone());
        feed.take_back(readings);
        step = fleet.advance(&trace, now_ms, now_ms + 15_000);
    }
    seen
}

fn times(reading: &Reading) -> Vec<u64> {
    match &reading.samples {
        Samples::Numbers { times_ms, .. } => times_ms.iter().map(|at_ms| (at_ms - START) / 1000).collect(),
        Samples::Texts { .. } => Vec::new(),
    }
}

#[test]
fn samples_reach_as_far_back_as_asked_and_stand_as_far_apart() {
    let latest = play(&wire(&[need("rps", Subject::Target, 0, 0)], &[], &[]), 4, 0..0);
    assert_eq!(times(&latest[3][0]), [45]);
    let minute = play(&wire(&[need("rps", Subject::Target, 60_000, 0)], &[], &[]), 8, 0..0);
    assert_eq!(times(&minute[7][0]), [45, 60, 75, 90, 105]);
    let steps = play(&wire(&[need("rps", Subject::Target, 120_000, 60_000)], &[], &[]), 11, 0..0);
    assert_eq!(times(&steps[10][0]), [60, 120, 150], "one a minute, and the newest");
    assert_eq!(steps[10][0].latest(), Some(8.0));
}

#[test]
fn an_outage_hides_readings_and_keeps_their_past() {
    let wiring =
        wire(&[need("rps", Subject::Target, 60_000, 0), need("cpu_millicores", Subject::Instance, 0, 0)], &[], &[]);
    let seen = play(&wiring, 6, 2..4);
    for readings in &seen[2..4] {
        assert!(readings.iter().all(|reading| reading.freshness == Freshness::Absent && reading.samples.is_empty()));
    }
    let after = &seen[4];
    let names: Vec<_> = after.iter().map(|reading| (&*reading.name, reading.owner.as_deref())).collect();
    assert_eq!(names, [("cpu_millicores", Some("r0000001")), ("cpu_millicores", Some("r0000002")), ("rps", None)]);
    assert_eq!(times(&after[2]), [0, 15, 60]);
    assert_eq!(after[0].latest(), Some(400.0), "4 of 10 units on one core");
}
