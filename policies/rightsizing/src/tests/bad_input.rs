use super::*;

const NOTHING: Resources = Resources { cpu_millis: None, memory_bytes: None };

#[test]
fn absent_and_stale() {
    Bench::new().play(two()).refuses(RefusalKind::ReadingMissing);
    let stale = two().stale_of_instance("i-0", "cpu_millicores", [900.0]);
    Bench::new().play(stale).refuses(RefusalKind::ReadingMissing).says("`cpu_millicores`").says("`memory_bytes`");
}

#[test]
fn not_a_number() {
    asgard().play(of_cpu(1000, f64::NAN)).refuses(RefusalKind::ReadingMissing);
    let beside = using(two(), [f64::NAN, 100.0], [800.0, 800.0]);
    Bench::new().play(beside).holds().says("not lowered while 1 instances have no fresh sample");
    let throttled = of_cpu(1000, 700.0).of_instance("i-0", "cpu_throttled_ratio", [f64::NAN]);
    asgard().play(throttled).holds().says("within the margin");
}

#[test]
fn a_single_sample_is_as_good_as_many() {
    assert_eq!(cpu_of(&mut asgard(), of_cpu(1000, 1000.0)), Some((Some(1429), Some(1429))));
    let old = of_cpu(1000, 0.0).step(Duration::from_secs(300)).of_instance("i-0", "cpu_millicores", [100.0, 1000.0]);
    assert_eq!(cpu_of(&mut asgard(), old), Some((Some(1429), Some(1429))));
}

#[test]
fn samples_in_the_wrong_order_do_not_confuse_it() {
    let scene = of_cpu(1000, 0.0).step(Duration::ZERO).of_instance("i-0", "cpu_millicores", [800.0, 1000.0]);
    assert_eq!(cpu_of(&mut asgard(), scene.at_ms(NOON_MS)), Some((Some(1286), Some(1286))));
}

#[test]
fn zero_target() {
    let refusal = Bench::new().set("cpu_target", 0.0).bind().unwrap_err();
    assert!(refusal.text.contains("not within 0.01 to 1"));
}

#[test]
fn zero_replicas() {
    Bench::new().play(two().replicas(0)).holds().says("zero replicas");
    Bench::new().set("compat", "asgard").play(two().replicas(0)).holds().says("zero replicas");
}

#[test]
fn zero_requests_and_limits_missing() {
    let of = |requests, limits| {
        Scene::new().container("main", requests, limits).of_instance("i-0", "cpu_millicores", [900.0])
    };
    asgard().play(of(NOTHING, NOTHING)).holds().says("neither request nor limit");
    asgard().play(of(resources(0, 0), resources(0, 0))).holds().says("neither request nor limit");
    assert_eq!(cpu_of(&mut asgard(), of(resources(1000, 0), NOTHING)), Some((Some(1286), None)));
    let mut as_asgard = asgard().set("compat", "asgard");
    as_asgard.play(of(NOTHING, NOTHING)).holds().says("neither request nor limit");
}

#[test]
fn contradictory_parameters() {
    let refusal = Bench::new().set("ignore_label", "cpu").bind().unwrap_err();
    assert_eq!(refusal.kind, "parameter-wrong");
    assert_eq!(refusal.text, "`ignore_label` is `cpu`, which only `compat` = `asgard` reads; use `ignore`");
}
