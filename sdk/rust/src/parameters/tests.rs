use std::time::Duration;

use super::ParameterSet;
use crate::vocabulary::RefusalKind;
use crate::wire::ParamValue;

parameters! {
    /// Of each type one.
    struct Parameters {
        /// The reading
        /// to follow.
        reading: String {},
        /// Its target.
        target: f64 { default: 50, min: 0.5 },
        patience: Duration { default: Duration::from_secs(60) },
        zones: Vec<String> { default: Vec::new(), choices: ["a", "b"] },
        night: Option<bool> {},
    }
}

#[test]
fn the_manifest_says_what_was_declared() {
    let declared = Parameters::declare();
    let shapes: Vec<(&str, &str, bool)> =
        declared.iter().map(|one| (one.name.as_str(), one.kind.as_str(), one.required)).collect();
    assert_eq!(
        shapes,
        [
            ("reading", "text", true),
            ("target", "f64", false),
            ("patience", "duration", false),
            ("zones", "list<text>", false),
            ("night", "bool", false)
        ]
    );
    let [reading, target, patience, zones, night] = declared.try_into().unwrap();
    assert_eq!(reading.doc, "The reading to follow.");
    assert_eq!((target.default, target.min, target.max), (ParamValue::Num(50.0), Some(0.5), None));
    assert_eq!(patience.default, ParamValue::DurationMs(60_000));
    assert_eq!(zones.choices, ["a", "b"]);
    assert_eq!(night.default, ParamValue::Unset);
}

fn values() -> Vec<ParamValue> {
    vec![
        ParamValue::Text("rps".into()),
        ParamValue::Num(2.0),
        ParamValue::DurationMs(1500),
        ParamValue::Texts(vec!["a".into()]),
        ParamValue::Unset,
    ]
}

#[test]
fn values_cross_by_position() {
    let set = Parameters::take(values()).unwrap();
    let expected = Parameters {
        reading: "rps".into(),
        target: 2.0,
        patience: Duration::from_millis(1500),
        zones: vec!["a".into()],
        night: None,
    };
    assert_eq!(set, expected);
}

#[test]
fn a_value_of_another_type_is_refused_by_name() {
    let mut wrong = values();
    wrong.swap(0, 1);
    let refusal = Parameters::take(wrong).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::ParameterWrong);
    assert_eq!(refusal.text, "parameter `reading`: expected text");
}

#[test]
fn too_few_and_too_many_values_are_refused() {
    let mut few = values();
    few.pop();
    assert!(Parameters::take(few).unwrap_err().text.contains("night"));
    let mut many = values();
    many.push(ParamValue::Unset);
    assert!(Parameters::take(many).unwrap_err().text.starts_with("1 values more"));
    assert!(<() as ParameterSet>::take(vec![ParamValue::Unset]).is_err());
}
