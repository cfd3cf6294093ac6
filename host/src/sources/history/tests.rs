//! Rings, rates and forgetting.

use super::*;

const NOW: u64 = 1_700_000_000_000;

fn spec(look_back_ms: u64, step_ms: u64) -> ReadingSpec {
    ReadingSpec {
        name: "x".into(),
        source: "m".to_owned(),
        query: "x".to_owned(),
        subject: Subject::Instance,
        unit: "".into(),
        label: None,
        rate: false,
        look_back_ms,
        step_ms,
        stale_after_ms: 30_000,
        absent_as: None,
    }
}

fn put(history: &History, spec: &ReadingSpec, owner: &str, at_ms: u64, value: f64) -> Columns {
    let target: TargetId = "local/web".parse().unwrap();
    let fold = Fold {
        target: &target,
        spec,
        print: fingerprint(spec),
        owner: Some(owner),
        sample: Some((at_ms, value)),
        counter: spec.rate,
        now_ms: at_ms,
    };
    history.lock().fold(fold)
}

#[test]
fn a_counter_never_gives_a_negative_rate() {
    let first = counter_rate(None, 1_000, 5.0);
    assert_eq!(first.rate, None);
    let reset = counter_rate(Some(first), 3_000, 4.0);
    assert_eq!(reset.rate, Some(2.0));
    let broken = counter_rate(Some(reset), 5_000, -8.0);
    assert_eq!(broken.rate, Some(0.0));
    let huge = counter_rate(Some(counter_rate(None, 1, -f64::MAX)), 2, f64::MAX);
    assert_eq!(huge.rate, None, "no rate rather than an infinite one");
}

#[test]
fn the_same_sample_told_twice_gives_the_same_rate_again() {
    let base = counter_rate(Some(counter_rate(None, 1_000, 5.0)), 2_000, 7.0);
    assert_eq!(counter_rate(Some(base), 2_000, 7.0), base);
    assert_eq!(counter_rate(Some(base), 1_500, 6.0), base);
}

#[test]
fn samples_leave_with_the_window_and_steps_thin_them() {
    let history = History::default();
    for at in 0..100 {
        put(&history, &spec(30_000, 5_000), "w1", NOW + at * 1_000, 1.0);
    }
    assert_eq!(history.samples(), 7, "30 s by steps of 5 s, and the newest");
}

#[test]
fn the_number_of_kept_samples_is_bounded() {
    let history = History::new(50);
    for at in 0..1_000 {
        put(&history, &spec(3_600_000, 0), "w1", NOW + at, 1.0);
        put(&history, &spec(3_600_000, 0), "w2", NOW + at, 1.0);
    }
    assert!(history.samples() <= 51, "{}", history.samples());
    let one = History::default();
    for at in 0..10_000 {
        put(&one, &spec(3_600_000, 0), "w1", NOW + at, 1.0);
    }
    assert_eq!(one.samples(), SAMPLES_PER_SERIES_MAX);
}

#[test]
fn another_query_under_the_same_name_begins_anew() {
    let history = History::default();
    put(&history, &spec(60_000, 0), "w1", NOW, 1.0);
    let mut changed = spec(60_000, 0);
    changed.query = "y".to_owned();
    let (times_ms, values) = put(&history, &changed, "w1", NOW + 1_000, 2.0);
    assert_eq!((times_ms, values), (vec![NOW + 1_000], vec![2.0]));
    assert_eq!(history.samples(), 1);
}

#[test]
fn vanished_owners_and_targets_are_forgotten() {
    let history = History::default();
    let target: TargetId = "local/web".parse().unwrap();
    put(&history, &spec(60_000, 0), "w1", NOW, 1.0);
    put(&history, &spec(60_000, 0), "w2", NOW, 1.0);
    history.lock().retain_owners(&target, &spec(60_000, 0), |owner| owner == "w2");
    assert_eq!(history.samples(), 1);
    history.lock().sweep(NOW + 60_000);
    assert_eq!((history.samples(), history.targets()), (1, 1), "still in the window");
    history.lock().sweep(NOW + 130_000);
    assert_eq!((history.samples(), history.targets()), (0, 0));
}

#[test]
fn a_kept_sample_costs_about_sixteen_bytes() {
    let mut series = Series::default();
    for at in 0..1_000 {
        series.push(NOW + at, 1.0, 0, true);
    }
    assert!(series.ring.capacity() * size_of::<(u64, f64)>() <= 1_000 * 20, "{}", series.ring.capacity());
}

#[test]
fn a_base_from_before_a_long_outage_is_no_base() {
    let history = History::default();
    let mut rate = spec(0, 0);
    rate.rate = true;
    put(&history, &rate, "w1", NOW, 100.0);
    assert_eq!(put(&history, &rate, "w1", NOW + 10_000, 200.0).1, [10.0]);
    assert!(put(&history, &rate, "w1", NOW + 10_000 + BASE_AGE_MS_MIN + 1, 900.0).1.is_empty());
}
