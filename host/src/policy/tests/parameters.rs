//! What an operator writes, and what is said about it.

use serde_json::{Value, json};

use crate::policy::schema;
use crate::policy::{ParamKind, ParamSpec, ParamValue, check_params};

fn spec(name: &str, kind: ParamKind, default: ParamValue) -> ParamSpec {
    ParamSpec {
        name: name.to_owned(),
        kind,
        default,
        required: false,
        min: None,
        max: None,
        choices: Vec::new(),
        schema: String::new(),
        doc: String::new(),
    }
}

fn specs() -> Vec<ParamSpec> {
    vec![
        ParamSpec { required: true, ..spec("reading", ParamKind::Text, ParamValue::Unset) },
        ParamSpec { min: Some(0.1), max: Some(100.0), ..spec("target", ParamKind::F64, ParamValue::Num(50.0)) },
        ParamSpec { max: Some(3_600_000.0), ..spec("window", ParamKind::Duration, ParamValue::DurationMs(60_000)) },
        ParamSpec { choices: vec!["mean".into(), "max".into()], ..spec("over", ParamKind::Text, ParamValue::Unset) },
    ]
}

fn complaints(given: &Value) -> Vec<String> {
    let complaints = check_params(&specs(), given.as_object().unwrap()).unwrap_err();
    complaints.iter().map(ToString::to_string).collect()
}

#[test]
fn values_come_in_the_manifests_order_with_defaults_filled_in() {
    let values = check_params(&specs(), json!({ "window": "1m30s", "reading": "rps" }).as_object().unwrap()).unwrap();
    let expected =
        [ParamValue::Text("rps".into()), ParamValue::Num(50.0), ParamValue::DurationMs(90_000), ParamValue::Unset];
    assert_eq!(values, expected);
}

#[test]
fn every_complaint_is_made_at_once() {
    let said = complaints(&json!({ "target": 200, "windwo": "5m", "over": "median", "window": 9_000_000 }));
    let expected = [
        "parameter \"windwo\" is unknown: do you mean \"window\"?",
        "parameter \"reading\" is missing: expected a text",
        "parameter \"target\" is 200: expected a number from 0.1 to 100",
        "parameter \"window\" is 2h30m: expected a duration such as \"5m\", at most 1h",
        "parameter \"over\" is \"median\": expected a text, one of mean, max",
    ];
    assert_eq!(said, expected);
}

#[test]
fn a_wrong_type_is_shown_with_the_right_one() {
    let said = complaints(&json!({ "reading": 7, "target": "much", "window": "soon" }));
    assert_eq!(said[0], "parameter \"reading\" is 7: expected a text");
    assert_eq!(said[1], "parameter \"target\" is \"much\": expected a number from 0.1 to 100");
    assert!(said[2].starts_with("parameter \"window\" is \"soon\": expected a duration"), "{said:?}");
}

#[test]
fn lists_are_checked_item_by_item() {
    let specs = [ParamSpec { min: Some(1.0), ..spec("steps", ParamKind::ListS64, ParamValue::Unset) }];
    let check = |given: Value| check_params(&specs, json!({ "steps": given }).as_object().unwrap());
    assert_eq!(check(json!([1, 5])).unwrap(), [ParamValue::Ints(vec![1, 5])]);
    assert!(check(json!([1, 0])).is_err());
    assert!(check(json!([1, 2.5])).is_err());
    assert!(check(json!(1)).is_err());
}

#[test]
fn json_is_held_to_its_schema() {
    let schema = r#"{ "type": "array", "maxItems": 2, "items": {
        "type": "object", "required": ["at"], "additionalProperties": false,
        "properties": { "at": { "type": "string" }, "replicas": { "type": "integer", "minimum": 0 } } } }"#;
    let schema = schema::parse(schema).unwrap();
    assert_eq!(schema.check(&json!([{ "at": "08:00", "replicas": 3 }])), Ok(()));
    for (wrong, place) in [
        (json!({}), "$ is not of type array"),
        (json!([{}]), "$[0].at is missing"),
        (json!([{ "at": "8", "replicas": -1 }]), "$[0].replicas has -1"),
        (json!([{ "at": "8", "zone": "x" }]), "$[0].zone is unknown"),
        (json!([{ "at": "8" }, { "at": "8" }, { "at": "8" }]), "$ has 3"),
    ] {
        let said = schema.check(&wrong).unwrap_err();
        assert!(said.starts_with(place), "{said}");
    }
    assert!(schema::parse(r#"{ "pattern": "a+" }"#).unwrap_err().contains("pattern"));
}
