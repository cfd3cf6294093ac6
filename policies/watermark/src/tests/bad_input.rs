//! What it does with input that is missing, damaged or senseless.

use super::*;

#[test]
fn absent_and_stale_are_refused() {
    cpu().play(Scene::new().replicas(3)).refuses(RefusalKind::ReadingMissing).says("`cpu` is absent");
    cpu()
        .play(Scene::new().replicas(3).stale("cpu", [5.0]))
        .refuses(RefusalKind::ReadingMissing)
        .says("`cpu` is stale");
    let nobody = cpu().set("subject", "instance").play(Scene::new().replicas(3));
    nobody.refuses(RefusalKind::ReadingMissing).says("no instance that serves has a fresh sample");
}

#[test]
fn not_a_number_is_not_known() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        cpu().play(of_cpu(4, bad)).refuses(RefusalKind::ReadingMissing);
    }
    cpu().play(of_cpu(4, 1e300)).scales_to(u32::MAX);
}

#[test]
fn a_zero_is_not_believed_unless_it_is_tolerated() {
    cpu().play(of_cpu(4, 0.0)).holds().says("zero is not believed without `tolerate_zero`");
    cpu().play(of_cpu(4, -5.0)).holds();
    cpu().set("tolerate_zero", true).play(of_cpu(4, 0.0)).scales_to(1);
}

#[test]
fn one_sample_is_enough_and_of_reversed_times_the_last_counts() {
    let reversed = [(NOON_MS, 70.0), (NOON_MS - 15_000, 100.0)];
    cpu().play(Scene::new().replicas(4).reading_at("cpu", reversed)).scales_to(5);
}

#[test]
fn watermarks_of_zero() {
    assert!(cpu().set("high", 0.0).bind().unwrap_err().text.contains("`high` is 0"));
    cpu().set("low", 0.0).play(of_cpu(4, 1.0)).holds();
    let mut bench = cpu().set("low", 0.0).set("converge_towards", "low");
    bench.play(of_cpu(4, 1.0)).scales_to(5);
}

#[test]
fn at_zero_replicas_a_value_above_brings_some() {
    cpu().play(of_cpu(0, 200.0)).scales_to(3);
    cpu().play(of_cpu(0, 10.0)).holds();
    requests().play(of_requests(0, 1200.0)).scales_to(3);
    let mut each = cpu().set("subject", "instance");
    each.play(Scene::new().replicas(0)).refuses(RefusalKind::ReadingMissing);
}

/// Requests and limits of containers are none of its business.
#[test]
fn parameters_that_contradict_are_refused() {
    let refusal = |bench: Bench| {
        let refused = bench.bind().unwrap_err();
        assert_eq!(refused.kind, "parameter-wrong");
        refused.text
    };
    assert!(refusal(Bench::new()).contains("neither `reading` nor `readings`"));
    assert!(refusal(Bench::new().set("reading", "cpu")).contains("neither a `high` nor a `low` watermark"));
    assert!(refusal(cpu().set("low", 80.0)).contains("`low` is 80, not below `high` of 80"));
    let uneven = Bench::new().set("readings", ["a", "b"]).set("highs", [1.0]);
    assert!(refusal(uneven).contains("`highs` has 1 items for 2 of `readings`"));
    let open = Bench::new().set("reading", "cpu").set("high", 80.0).set("converge_towards", "low");
    assert!(refusal(open).contains("`converge_towards` is `low`, but reading `cpu` has no `low` watermark"));
}
