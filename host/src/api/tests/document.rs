//! The OpenAPI document says all that there is, and nothing else.

use std::collections::BTreeSet;

use super::super::rules::{Needs, RULES};
use super::*;

#[tokio::test]
async fn the_document_and_the_route_table_name_the_same_routes_and_every_problem() {
    let stage = Stage::open().await;
    let answer = stage.ask(Method::GET, "/openapi.json").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let document: Value = answer.json().await.unwrap();
    let mut told = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            told.insert(format!("{} {path}", method.to_uppercase()));
            assert!(
                !operation["summary"].as_str().unwrap_or_default().is_empty(),
                "{method} {path} says nothing of itself"
            );
        }
    }
    let ruled: BTreeSet<String> = RULES
        .iter()
        .filter(|rule| rule.path != "/openapi.json")
        .map(|rule| format!("{} {}", rule.method, rule.path))
        .collect();
    assert_eq!(told, ruled);
    for rule in RULES.iter().filter(|rule| rule.path != "/openapi.json") {
        let operation = &document["paths"][rule.path][rule.method.as_str().to_lowercase()];
        let guarded = operation["security"].as_array().unwrap();
        assert_eq!(guarded.is_empty(), rule.needs == Needs::Nothing, "{}", rule.path);
        for code in rule.all_problems() {
            let response = &operation["responses"][code.status.as_str()];
            assert!(response["content"]["application/problem+json"].is_object(), "{} {}", rule.path, code.word);
        }
    }
    // Every reference leads somewhere.
    let text = document.to_string();
    for (_, rest) in text.match_indices("\"#/components/schemas/").map(|(at, found)| (at, &text[at + found.len()..])) {
        let name = rest.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
    stage.end().await;
}
