use super::rates::{Counter, Rates};
use super::*;

#[test]
fn a_handle_is_read_exactly() {
    assert_eq!(parse_handle("pid:12:345"), Some((12, 345)));
    for bad in
        ["", "pid:", "pid:12", "pid:0:1", "pid:-1:1", "pid:x:1", "docker:12:1", "pid:12:345:6", "pid:99999999999:1"]
    {
        assert_eq!(parse_handle(bad), None, "{bad}");
    }
}

#[test]
fn a_reading_that_it_cannot_tell_is_refused_by_name() {
    let source = ProcessSource::new("here", ProcessSourceConfig::default());
    let mut spec = ReadingSpec {
        name: "load".into(),
        source: "here".to_owned(),
        query: "cpu_millicores".to_owned(),
        subject: Subject::Instance,
        unit: "".into(),
        label: None,
        rate: false,
        look_back_ms: 0,
        step_ms: 0,
        stale_after_ms: 1,
        absent_as: None,
    };
    assert!(source.check_reading(&spec).is_ok());
    spec.subject = Subject::Target;
    assert!(source.check_reading(&spec).unwrap_err().to_string().contains("set subject"));
    spec.query = "cpu".to_owned();
    assert!(source.check_reading(&spec).unwrap_err().to_string().contains("cpu_throttled_ratio"));
}

#[test]
fn a_rate_needs_two_samples_and_survives_a_reset() {
    let mut rates = Rates::default();
    let counter = |value| [Counter { key: 7, value }];
    assert_eq!(rates.per_second("pid:1:1", Quantity::Cpu, &counter(1_000)), None, "one sample is no rate");
    assert_eq!(rates.per_second("pid:1:1", Quantity::Cpu, &counter(9_000)), None, "nor are two at once");
    rates.age(std::time::Duration::from_secs(10));
    let rate = rates.per_second("pid:1:1", Quantity::Cpu, &counter(2_000)).expect("ten seconds lie between");
    assert!((rate - 100.0).abs() < 1.0, "{rate}");
    rates.age(std::time::Duration::from_secs(10));
    assert_eq!(rates.per_second("pid:1:1", Quantity::Cpu, &counter(500)), None, "it went back: absent, never negative");
    rates.age(std::time::Duration::from_secs(10));
    let rate = rates.per_second("pid:1:1", Quantity::Cpu, &counter(1_500)).expect("it begins anew");
    assert!((rate - 100.0).abs() < 1.0, "{rate}");
    assert_eq!(rates.per_second("pid:1:2", Quantity::Cpu, &counter(5)), None, "another process is another counter");
}

#[test]
fn a_share_of_nothing_is_nothing_held_back() {
    let mut rates = Rates::default();
    assert_eq!(rates.share("pid:1:1", 5, 10), None);
    rates.age(std::time::Duration::from_secs(1));
    assert_eq!(rates.share("pid:1:1", 5, 10), Some(0.0));
    rates.age(std::time::Duration::from_secs(1));
    assert_eq!(rates.share("pid:1:1", 8, 14), Some(0.75));
}
