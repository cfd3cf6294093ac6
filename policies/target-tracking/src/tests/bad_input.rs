//! What it does with input that is missing, damaged or senseless.

use trimtab_sdk::prelude::*;
use trimtab_sdk::rehearsal::{NOON_MS, Scene};

use super::{Bench, cpu, of_cpu, of_requests, requests};

#[test]
fn absent_is_not_zero() {
    requests().play(Scene::new().replicas(3)).refuses(RefusalKind::ReadingMissing).says("is absent");
    let none = Scene::new().replicas(2).each_instance(|one| one.requests.cpu_millis = Some(1000));
    cpu().play(none).refuses(RefusalKind::ReadingMissing).says("2 without a fresh sample");
}

#[test]
fn stale_is_not_known() {
    let scene = Scene::new().replicas(3).stale("requests_per_second", [900.0]);
    requests().play(scene).refuses(RefusalKind::ReadingMissing).says("is stale");
    let scene = of_cpu(&[900.0]).stale_of_instance("i-0", "cpu", [900.0]);
    cpu().play(scene).refuses(RefusalKind::ReadingMissing);
}

#[test]
fn not_a_number_is_not_known() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        requests().play(of_requests(4, bad)).refuses(RefusalKind::ReadingMissing);
        cpu().play(of_cpu(&[bad])).refuses(RefusalKind::ReadingMissing);
    }
    // One of several instances: missing as any other.
    cpu().play(of_cpu(&[900.0, f64::NAN])).holds().says("1 more have no fresh sample");
}

#[test]
fn one_sample_is_enough() {
    requests().play(of_requests(1, 80.0)).scales_to(2);
}

#[test]
fn of_reversed_times_the_last_counts() {
    let reversed = [(NOON_MS, 10.0), (NOON_MS - 15_000, 400.0)];
    requests().play(Scene::new().replicas(2).reading_at("requests_per_second", reversed)).scales_to(8);
}

#[test]
fn a_start_in_the_future_is_a_start_now() {
    let scene = of_cpu(&[500.0, 3000.0]).with_instance("i-1", |one| one.started_ms = Some(NOON_MS + 60_000));
    cpu().play(scene).holds().says("1 more are not ready");
}

#[test]
fn a_target_of_zero_is_refused() {
    let refused = requests().set("target", 0.0).bind().unwrap_err();
    assert_eq!(refused.kind, "parameter-wrong");
    assert!(refused.text.contains("`target` is 0"));
    let refused = Bench::new().set("readings", ["a"]).set("targets", [0.0]).bind().unwrap_err();
    assert!(refused.text.contains("`targets` is 0"));
}

#[test]
fn at_zero_replicas_only_what_needs_no_instance_is_known() {
    requests().play(of_requests(0, 260.0)).scales_to(6);
    cpu().play(of_cpu(&[])).holds().says("none at zero replicas");
}

#[test]
fn a_share_of_no_request_is_refused() {
    let bare = Scene::new().replicas(2).of_each_instance("cpu", [900.0]);
    cpu().play(bare).refuses(RefusalKind::ReadingMissing).says("no request for CPU");
    let zero = of_cpu(&[900.0]).with_instance("i-0", |one| one.requests.cpu_millis = Some(0));
    cpu().play(zero).refuses(RefusalKind::ReadingMissing).says("no request for CPU");
}

#[test]
fn limits_are_not_its_matter() {
    let known = |cpu_millis| Resources { cpu_millis, memory_bytes: None };
    let scene = of_cpu(&[900.0, 700.0]).container("main", known(Some(1000)), known(None));
    cpu().play(scene).scales_to(4);
}

#[test]
fn parameters_that_contradict_are_refused() {
    let refusal = |bench: Bench| {
        let refused = bench.bind().unwrap_err();
        assert_eq!(refused.kind, "parameter-wrong");
        refused.text
    };
    let uneven = Bench::new().set("readings", ["a", "b"]).set("target", 1.0).set("containers", ["app"]);
    assert!(refusal(uneven).contains("`containers` has 1 items for 2 of `readings`"));
    assert!(refusal(requests().set("container", "app")).contains("`container` names `app`, but the `kind`"));
    let total = requests().set("readings", ["jobs"]).set("containers", ["app"]);
    assert!(refusal(total).contains("`containers` names `app`, but the `kind` of `jobs`"));
    assert!(
        refusal(requests().set("kind", "value").set("subject", "instance")).contains("kind `value` is of the target")
    );
}
