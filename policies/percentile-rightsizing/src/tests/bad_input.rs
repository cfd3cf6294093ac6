use super::*;

fn settled() -> Bench {
    let mut bench = Bench::new().set("look_back", HOUR);
    for hour in 0..20 {
        let _ = bench.play(using(scene(2, 2000, 2000).later(HOUR * hour), &[900.0; 60], &[900.0; 60]));
    }
    bench
}

fn next() -> Scene {
    scene(2, 2000, 2000).later(HOUR * 20)
}

#[test]
fn absent() {
    settled().play(next()).refuses(RefusalKind::ReadingMissing).says("`cpu_millicores`").says("`memory_bytes`");
    let of_one = next().of_instance("i-0", "cpu_millicores", [900.0]);
    settled().play(of_one).holds().says("cpu: ").says("memory: no instance has a fresh sample of `memory_bytes`");
}

#[test]
fn absent_of_one_instance_forbids_to_lower() {
    let lowered = using(next(), &[900.0], &[900.0]);
    assert_eq!(asked(&settled().play(lowered.clone())), (Some(1039), Some(1052)));
    let of_one = lowered.stale_of_instance("i-1", "cpu_millicores", [900.0]);
    let played = settled().play(of_one).says("not lowered while 1 instances have no fresh sample");
    assert_eq!(asked(&played), (None, Some(1052)));
}

#[test]
fn absent_of_one_instance_lets_it_raise() {
    let mut bench = hasty();
    let scene = using(scene(2, 100, 100), &[900.0; 30], &[900.0; 30]).stale_of_instance("i-1", "cpu_millicores", [1.0]);
    assert_eq!(asked(&bench.play(scene)), (Some(1039), Some(1052)));
}

#[test]
fn stale() {
    let scene =
        next().stale_of_instance("i-0", "cpu_millicores", [1.0]).stale_of_instance("i-1", "memory_bytes", [1.0]);
    settled().play(scene).refuses(RefusalKind::ReadingMissing);
}

#[test]
fn not_a_number() {
    settled().play(using(next(), &[f64::NAN], &[f64::NAN])).refuses(RefusalKind::ReadingMissing);
    settled().play(using(next(), &[f64::INFINITY], &[-5.0])).refuses(RefusalKind::ReadingMissing);
    let mixed = using(next(), &[900.0, f64::NAN, -5.0], &[900.0]);
    assert_eq!(asked(&settled().play(mixed)), (Some(1039), Some(1052)));
}

#[test]
fn a_single_sample_lowers_nothing() {
    Bench::new().play(using(scene(1, 2000, 2000), &[1.0], &[1.0])).holds().says("range 25m to any");
}

#[test]
fn reversed_times() {
    // Of one moment the first counts, and what is older than what was taken in is left out.
    let at_once = scene(1, 2000, 2000).step(Duration::ZERO).of_instance("i-0", "cpu_millicores", [500.0, 900.0]);
    let mut bench = hasty().set("ignore", ["memory"]);
    bench.play(at_once).says("511m is used, 1 samples");
    let earlier = using(scene(1, 2000, 2000), &[900.0; 3], &[]).at_ms(NOON_MS - 60_000);
    bench.play(earlier).says("511m is used, 1 samples");
}

#[test]
fn zero_replicas() {
    settled().play(next().replicas(0)).holds().says("zero replicas");
}

#[test]
fn zero_requests_and_none() {
    let nothing = Resources { cpu_millis: None, memory_bytes: None };
    let of = |room| using(Scene::new().container("main", room, room), &[900.0], &[900.0]);
    hasty().play(of(nothing)).holds().says("neither request nor limit is set, or known");
    hasty().play(of(resources(0, 0))).holds().says("neither request nor limit is set, or known");
}

#[test]
fn limits_missing() {
    let nothing = Resources { cpu_millis: None, memory_bytes: None };
    let scene = using(Scene::new().container("main", resources(100, 100), nothing), &[900.0; 30], &[900.0; 30]);
    let played = hasty().play(scene);
    assert_eq!(asked(&played), (Some(1039), Some(1052)));
    assert_eq!(played.resources().unwrap().limits, nothing);
}

#[test]
fn contradictory_parameters() {
    let refusal = |bench: Bench| bench.bind().unwrap_err();
    let upside_down = refusal(Bench::new().set("cpu_percentile", 0.4));
    assert_eq!(upside_down.kind, "parameter-wrong");
    assert_eq!(upside_down.text, "`cpu_lower` is 0.5, above `cpu_percentile`, which is 0.4");
    let upper = refusal(Bench::new().set("memory_percentile", 0.99));
    assert_eq!(upper.text, "`memory_percentile` is 0.99, above `memory_upper`, which is 0.95");
    assert!(refusal(Bench::new().set("cpu_percentile", 0.0)).text.contains("not within 0.01 to 1"));
    assert!(refusal(Bench::new().set("cpu_half_life", Duration::ZERO)).text.contains("cpu_half_life"));
}
