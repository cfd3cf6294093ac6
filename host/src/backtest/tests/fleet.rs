//! The plant, by cases computed by hand.

use crate::backtest::fleet::Fleet;
use crate::backtest::{Plant, Trace};

const START: u64 = crate::backtest::START_MS_DEFAULT;

/// A trace of these demands, a minute each.
fn minutes(demands: &[f64]) -> Trace {
    let rows = demands.iter().chain([&0.0]).enumerate().map(|(at, demand)| (at as u64 * 60_000, *demand));
    Trace::new("hand", rows).unwrap()
}

fn near(one: f64, other: f64) {
    assert!((one - other).abs() < 1e-6 * other.abs().max(1.0), "{one} is not {other}");
}

#[test]
fn what_the_replicas_cannot_serve_is_lost() {
    let plant = Plant { capacity: 10.0, price_per_hour: 3.6, ..Plant::default() };
    let mut fleet = Fleet::new(&plant, 2, START);
    let trace = minutes(&[15.0, 26.0]);
    let step = fleet.advance(&trace, START, START + 120_000);
    // 60 s at 15 of 20, then 60 s at 26 of 20.
    near(step.demand, 900.0 + 1560.0);
    near(step.served, 900.0 + 1200.0);
    near(step.unmet, 360.0);
    near(step.capacity, 2400.0);
    near(step.short_seconds, 60.0);
    near(step.ready_seconds, 240.0);
    // Two replicas for 120 s at 3.6 an hour.
    near(step.cost, 0.24);
    near(step.backlog, 0.0);
}

#[test]
fn with_a_queue_it_waits_and_is_served_late() {
    let plant = Plant { capacity: 10.0, queue: true, ..Plant::default() };
    let mut fleet = Fleet::new(&plant, 2, START);
    let trace = minutes(&[26.0, 16.0, 16.0]);
    let step = fleet.advance(&trace, START, START + 60_000);
    near(step.backlog, 360.0);
    near(step.unmet, 360.0);
    // 4 a second are left over: the backlog is gone after 90 s.
    let step = fleet.advance(&trace, START + 60_000, START + 180_000);
    near(step.backlog, 0.0);
    near(step.served, 16.0 * 120.0 + 360.0);
    near(step.short_seconds, 90.0);
    near(step.unmet, 0.0);
}

#[test]
fn the_use_of_a_replica_is_its_share() {
    let plant = Plant {
        capacity: 10.0,
        cpu_millis: 500,
        memory_base_bytes: 1000,
        memory_per_load_bytes: 100,
        ..Plant::default()
    };
    let mut fleet = Fleet::new(&plant, 2, START);
    fleet.advance(&minutes(&[15.0]), START, START + 60_000);
    let uses: Vec<_> = fleet.uses().map(|(_, used)| used.unwrap()).collect();
    assert_eq!(uses.len(), 2);
    near(uses[0].load, 7.5);
    near(uses[0].cpu_millis, 375.0);
    near(uses[0].memory_bytes, 1750.0);
    near(uses[0].utilization.unwrap(), 0.75);
    near(uses[0].busy, 0.0);
}

#[test]
fn one_that_uses_more_memory_than_it_may_is_killed_and_starts_again() {
    let plant = Plant {
        capacity: 10.0,
        memory_bytes: 1500,
        memory_base_bytes: 1000,
        memory_per_load_bytes: 100,
        start_up_ms: 30_000,
        ..Plant::default()
    };
    let mut fleet = Fleet::new(&plant, 1, START);
    let trace = minutes(&[8.0, 4.0]);
    let step = fleet.advance(&trace, START, START + 60_000);
    assert_eq!((step.killed, fleet.ready()), (1, 0));
    let step = fleet.advance(&trace, START + 60_000, START + 120_000);
    // It serves again after half a minute.
    near(step.served, 4.0 * 30.0);
    near(step.unmet, 4.0 * 30.0);
    assert_eq!((step.killed, fleet.ready()), (0, 1));
}

#[test]
fn no_replicas_serve_nothing() {
    let plant = Plant::default();
    let mut fleet = Fleet::new(&plant, 0, START);
    let step = fleet.advance(&minutes(&[5.0]), START, START + 60_000);
    near(step.served, 0.0);
    near(step.unmet, 300.0);
    assert_eq!(fleet.uses().count(), 0);
}
