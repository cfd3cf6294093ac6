use super::{figure, replicas};

#[test]
fn shows_as_many_decimals_as_are_worth_it() {
    let shown: Vec<String> = [0.0, 4.0, -4.0, 0.1, 0.25, 1.0 / 3.0, 0.9999, -0.0001, 1_234_567.891, 0.05]
        .map(|v| figure(v).to_string())
        .into();
    assert_eq!(shown, ["0", "4", "-4", "0.1", "0.25", "0.333", "1", "0", "1234567.891", "0.05"]);
}

#[test]
fn shows_what_is_no_plain_number() {
    let shown: Vec<String> =
        [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, 1.5e16].map(|v| figure(v).to_string()).into();
    assert_eq!(shown, ["nan", "inf", "-inf", "1.0e300", "1.5e16"]);
}

#[test]
fn counts_round_up_and_never_wrap() {
    assert_eq!(replicas(4.0), 4);
    assert_eq!(replicas(4.001), 5);
    assert_eq!(replicas(0.7 / 0.1), 7);
    assert_eq!(replicas(0.0), 0);
    assert_eq!(replicas(0.01), 1);
    assert_eq!(replicas(f64::NAN), 0);
    assert_eq!(replicas(f64::INFINITY), u32::MAX);
    assert_eq!(replicas(1e300), u32::MAX);
    assert_eq!(replicas(-1e300), 0);
}
