//! What it does with input that is missing, damaged or senseless.

use super::*;

#[test]
fn absent_and_stale_are_refused() {
    guide().play(Scene::new().replicas(3)).refuses(RefusalKind::ReadingMissing).says("`cpu` is absent");
    let stale = || Scene::new().replicas(3).stale("cpu", [90.0]);
    guide().play(stale()).refuses(RefusalKind::ReadingMissing).says("`cpu` is stale");
    guide().set("treat_missing", "ignore").play(stale()).refuses(RefusalKind::ReadingMissing);
    let nobody = guide().set("subject", "instance").play(Scene::new().replicas(3));
    nobody.refuses(RefusalKind::ReadingMissing).says("absent for every instance");
}

#[test]
fn unless_the_operator_says_what_they_count_as() {
    let treat = |treat: &str| guide().set("up_steps", ["0..10: +1", "10..: +5"]).set("treat_missing", treat);
    treat("not-breaching").play(Scene::new().replicas(3)).holds().says("counts as not breaching");
    treat("breaching").play(Scene::new().replicas(3)).scales_to(4).says("absent, which counts as breaching");
    let down_only = Bench::new().set("reading", "cpu").set("down_threshold", 9.0).set("down_steps", ["..0: -1"]);
    let mut down_only = down_only.set("treat_missing", "breaching");
    down_only.play(Scene::new().replicas(3)).refuses(RefusalKind::ReadingMissing);
}

/// CloudWatch's table "how alarm state is evaluated when data is missing", for three of three.
#[test]
fn periods_without_samples_count_as_the_operator_says() {
    let of = |treat: &str, ago: &[u64]| {
        let samples: Vec<(u64, f64)> = ago.iter().map(|seconds| (NOON_MS - seconds * 1000, 55.0)).collect();
        let mut bench = guide().set("evaluation_periods", 3).set("treat_missing", treat).set("up_steps", ["0..: +1"]);
        bench.play(Scene::new().replicas(5).reading_at("cpu", samples)).count()
    };
    for (treat, one_of_three) in [("missing", true), ("ignore", false), ("not-breaching", false), ("breaching", true)] {
        assert_eq!(of(treat, &[130, 70, 10]), Some(6), "{treat}");
        assert_eq!(of(treat, &[70]), one_of_three.then_some(6), "{treat}");
    }
}

#[test]
fn periods_without_samples_never_count_downwards() {
    for treat in ["missing", "ignore", "not-breaching", "breaching"] {
        let low = [(NOON_MS - 70_000, 20.0), (NOON_MS - 10_000, 20.0)];
        let mut bench = guide().set("evaluation_periods", 3).set("treat_missing", treat).set("up_threshold", 60.0);
        let played = bench.play(Scene::new().replicas(5).reading_at("cpu", low));
        assert!(played.count().is_none_or(|count| count > 5), "{treat}: it {played}");
    }
}

#[test]
fn not_a_number_is_not_known() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        guide().play(of_cpu(4, bad)).refuses(RefusalKind::ReadingMissing);
    }
    guide().play(of_cpu(4, 1e300)).scales_to(5);
    guide().play(of_cpu(4, -1e300)).scales_to(3);
}

#[test]
fn one_sample_makes_a_datapoint() {
    guide().play(of_cpu(10, 60.0)).scales_to(11);
}

#[test]
fn the_order_of_samples_is_no_matter() {
    let reversed = [(NOON_MS, 60.0), (NOON_MS - 15_000, 62.0)];
    guide().play(Scene::new().replicas(10).reading_at("cpu", reversed)).scales_to(11).says("`cpu` is 61");
    // A sample of the future is one of now.
    let ahead = [(NOON_MS + 60_000, 60.0)];
    guide().play(Scene::new().replicas(10).reading_at("cpu", ahead)).scales_to(11);
}

#[test]
fn at_zero_replicas_a_step_up_brings_the_first() {
    guide().play(of_cpu(0, 70.0)).scales_to(1);
    guide().play(of_cpu(0, 10.0)).holds();
    guide().set("subject", "instance").play(Scene::new().replicas(0)).holds().says("none counts yet");
}

/// A threshold of zero is one as any other; requests and limits are none of its business.
#[test]
fn a_threshold_of_zero_is_one() {
    let mut bench = guide().set("up_threshold", 0.0).set("down_threshold", -1.0).set("up_steps", ["0..: +1"]);
    bench.play(of_cpu(2, 0.0)).scales_to(3);
}

#[test]
fn steps_are_refused_as_ec2_auto_scaling_refuses_them() {
    let up = |steps: &[&str]| guide().set("up_steps", steps.to_vec()).bind().unwrap_err().text;
    let down = |steps: &[&str]| guide().set("down_steps", steps.to_vec()).bind().unwrap_err().text;
    assert!(up(&["0..10: +1", "15..: +2"]).contains("there is a gap between `0..10: +1` and `15..: +2`"));
    assert!(up(&["0..10: +1", "5..: +2"]).contains("`0..10: +1` and `5..: +2` overlap"));
    assert!(up(&["0..: +1", "0..: +2"]).contains("overlap"));
    assert!(up(&["5..: +1"]).contains("one step must begin at 0"));
    assert!(up(&["0..10: +1"]).contains("must be open"));
    assert!(down(&["-10..0: -1"]).contains("must be open"));
    assert!(down(&["..-10: -1"]).contains("one step must begin at 0"));
    assert!(up(&["..: +1"]).contains("`..: +1` is open at both ends"));
    assert!(up(&["10..0: +1"]).contains("ends before it begins"));
    assert!(up(&["0..: -1"]).contains("removes replicas on the way up"));
    assert!(down(&["..0: +1"]).contains("adds replicas on the way down"));
    assert!(down(&["..0: -101%"]).contains("removes more than there are"));
    assert!(up(&["0..: +100000%"]).contains("adds more than a hundredfold"));
    let many: Vec<String> = (0..21).map(|step| format!("{step}..{}: +1", step + 1)).collect();
    assert!(guide().set("up_steps", many).bind().unwrap_err().text.contains("21 steps, more than 20"));
}

#[test]
fn steps_that_cannot_be_read_are_refused() {
    let bad = [
        "",
        "0..10",
        "0-10: +1",
        "a..: +1",
        "0..: ",
        "0..: 5",
        "0..: +",
        "0..: +1.5",
        "0..: =-1",
        "1e3..: +1",
        "0..: +%",
    ];
    let more =
        ["0..: ++1", "0..: +-1%", "1...5: +1", "0...: +1", "0.: +1", "0..9999999999999999: +1", "0..: +9999999999"];
    for text in bad.into_iter().chain(more) {
        let refused = guide().set("up_steps", [text]).bind().unwrap_err();
        assert_eq!(refused.kind, "parameter-wrong");
        assert!(refused.text.contains(&format!("`up_steps`: `{text}`")), "{text}: {}", refused.text);
    }
    let mut bench = guide().set("up_steps", [" 0 .. 2.5 : +1 ", "2.5..:+50%"]);
    bench.play(of_cpu(4, 52.4)).scales_to(5);
    bench.play(of_cpu(4, 52.5)).scales_to(6);
}

#[test]
fn parameters_that_contradict_are_refused() {
    let refusal = |bench: Bench| bench.bind().unwrap_err().text;
    assert!(refusal(guide().set("down_threshold", 51.0)).contains("`down_threshold` is above `up_threshold`"));
    let six = guide().set("evaluation_periods", 5).set("datapoints_to_alarm", 6);
    assert!(refusal(six).contains("`datapoints_to_alarm` is 6, more than the 5 of `evaluation_periods`"));
    let days = guide().set("period", Duration::from_secs(3600)).set("evaluation_periods", 25);
    assert!(refusal(days).contains("25 `evaluation_periods` of a `period` of 3600 s are more than a day"));
    let none = Bench::new().set("reading", "cpu");
    assert!(refusal(none).contains("neither `up_steps` nor `down_steps`"));
    let bare = Bench::new().set("reading", "cpu").set("up_threshold", 5.0);
    assert!(refusal(bare).contains("`up_threshold` is given, but `up_steps` has no step"));
    let lost = Bench::new().set("reading", "cpu").set("down_steps", ["..0: -1"]);
    assert!(refusal(lost).contains("`down_steps` has steps, but `down_threshold` is not given"));
}
