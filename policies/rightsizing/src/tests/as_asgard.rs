use super::*;

fn bench() -> Bench {
    Bench::new().set("compat", "asgard").set("margin", 0.05)
}

#[test]
fn it_takes_the_mean_of_all_and_knows_no_floor() {
    let played = bench().play(using(two(), [100.0, 900.0], [100.0, 900.0]));
    let one = played.says("cpu: 50% of 1000m used (mean of all), target 70%: 714m as Asgard");
    let memory = one.resources().unwrap().requests.memory_bytes;
    assert_eq!(memory, Some(625 * MIB), "500 / 0.8, though one uses 900");
}

#[test]
fn its_margin_is_strict_in_floating_point() {
    let mut bench = bench().set("cpu_target", 0.5).set("ignore", ["memory"]);
    assert_eq!(cpu_of(&mut bench, of_cpu(10_000, 5500.0)), Some((Some(11_000), Some(11_000))));
    bench.play(of_cpu(10_000, 4501.0)).holds().says("within the margin of 50%");
}

#[test]
fn it_rounds_after_it_compared() {
    let mut bench = bench().set("cpu_target", 1.0).set("ignore", ["memory"]);
    assert_eq!(cpu_of(&mut bench, of_cpu(250, 62.5)), Some((Some(62), Some(62))), "half to even");
    let bound = |scene: Scene| scene.with_target(|target| target.limits.most.cpu_millis = Some(1000));
    bench.play(bound(of_cpu(1000, 2000.0))).holds().says("the bound is 1000m");
    let mut close = bench.set("margin", 0.0);
    assert_eq!(cpu_of(&mut close, of_cpu(1000, 1000.3)), Some((Some(1000), Some(1000))), "a change of nothing");
}

#[test]
fn it_lowers_though_one_is_not_seen() {
    let scene = using(two(), [100.0, 0.0], [800.0, 800.0]).stale_of_instance("i-1", "cpu_millicores", [0.0]);
    assert_eq!(cpu_of(&mut bench(), scene), Some((Some(143), Some(143))));
}

#[test]
fn it_counts_young_samples_alike_whoever_gave_them() {
    let scene = two().of_instance("i-0", "cpu_millicores", [1000.0, 1000.0, 1000.0]);
    let scene = scene.of_instance("i-1", "cpu_millicores", [0.0]);
    let mut bench = bench().set("ignore", ["memory"]).set("cpu_target", 1.0);
    assert_eq!(cpu_of(&mut bench, scene), Some((Some(750), Some(750))));
}

#[test]
fn all_zeros_are_no_data_but_an_idle_cpu_is() {
    let zeros = using(two(), [0.0, 0.0], [0.0, 0.0]);
    bench().play(zeros).refuses(RefusalKind::ReadingMissing).says("takes for no data");
    let idle = using(two(), [0.0, 0.0], [800.0, 800.0]);
    bench().play(idle).holds().says("a change without a figure");
}

#[test]
fn it_reads_its_label_by_substring() {
    let scene = || using(two(), [900.0, 900.0], [900.0, 900.0]);
    let labelled = |label: &str| bench().set("ignore_label", label).play(scene());
    labelled("small").refuses(RefusalKind::NotApplicable);
    assert_eq!(labelled("no-cpu").resources().unwrap().requests.cpu_millis, None);
    assert_eq!(labelled("memory").resources().unwrap().requests.memory_bytes, None);
    // Ignored or not, all three readings are asked for: only together do they tell that there is no data.
    let needs = bench().set("ignore_label", "cpu").bind().unwrap();
    assert_eq!(needs.iter().filter(|need| need.kind == "reading").count(), 3);
    assert_eq!(needs.iter().filter(|need| need.required).count(), 1);
}
