//! `trimtab import`, as a person or a script meets it. What becomes of each field is approved in host/src/import/tests.

use std::path::Path;

use serde_json::Value;

use crate::cli::{Desk, Ran};

/// The files of tests/import, and who wrote them.
const FIXTURES: [(&str, &[&str]); 7] = [
    ("hpa", &["hpa.yaml", "hpa_v1_list.json"]),
    ("keda", &["keda.yaml"]),
    ("vpa", &["vpa.yaml"]),
    ("overscaler", &["overscaler.yaml"]),
    ("overlord", &["overlord.yml"]),
    ("droplet", &["droplet.env", "droplet_project.yml"]),
    ("asgard", &["asgard.json", "asgard.env"]),
];

/// What every binding of an import may name.
const STAND_INS: &str = r#"
[driver.kubernetes.process]
[driver.overlord.process]
[driver.digitalocean.process]
[driver.marathon.process]
[source.prometheus.prometheus]
url = "http://127.0.0.1:9090"
[source.push.push]
"#;

const HPA: &str = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec:\n  \
                   scaleTargetRef: {name: web}\n  maxReplicas: 4\n";

fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/import").join(name).to_str().unwrap().to_owned()
}

fn import(desk: &Desk, system: &str, options: &[&str]) -> Ran {
    let files: Vec<String> = FIXTURES
        .iter()
        .filter(|(word, _)| *word == system)
        .flat_map(|(_, files)| *files)
        .copied()
        .map(fixture)
        .collect();
    let mut args = vec!["import", system];
    args.extend(files.iter().map(String::as_str));
    args.extend(options);
    desk.run(&args)
}

#[test]
fn what_is_imported_passes_the_check() {
    let desk = Desk::new();
    for (system, _) in FIXTURES {
        for compat in [&[] as &[&str], &["--compat"]] {
            let ran = import(&desk, system, &[compat, &["--json"]].concat());
            let answer: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{system}: {}", ran.err));
            let bindings: Vec<&str> = answer["bindings"]
                .as_array()
                .unwrap()
                .iter()
                .map(|binding| binding["toml"].as_str().unwrap())
                .collect();
            assert!(!bindings.is_empty(), "{system}");
            desk.put("trimtab.toml", &format!("{STAND_INS}\n{}", bindings.join("\n")));
            let checked = desk.run(&["check"]);
            assert_eq!(checked.code, 0, "{system} {compat:?}:\n{}\n{}", checked.err, bindings.join("\n"));
        }
    }
}

#[test]
fn standard_input_and_standard_output_make_a_pipe() {
    let desk = Desk::new();
    let ran = desk.run_with(&["import", "hpa", "-"], HPA);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("\n[binding.web]\n") && ran.out.contains("max = 4"), "{}", ran.out);
    assert!(ran.err.contains("-:6: HorizontalPodAutoscaler web: spec.maxReplicas: carried over: "), "{}", ran.err);
    assert!(ran.err.ends_with("1 binding: 2 carried over\n"), "{}", ran.err);
    let quiet = desk.run_with(&["import", "hpa", "-", "--quiet", "--driver", "prod", "--source", "thanos"], HPA);
    assert_eq!(quiet.err, "1 binding: 2 carried over\n");
    assert!(quiet.out.contains("prod/default/web") && quiet.out.contains("source = \"thanos\""), "{}", quiet.out);
}

#[test]
fn json_has_the_bindings_and_the_notes() {
    let desk = Desk::new();
    let ran = desk.run_with(&["import", "hpa", "-", "--json"], &format!("{HPA}  colour: red\n"));
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(answer["bindings"][0]["name"], "web");
    assert!(answer["bindings"][0]["toml"].as_str().unwrap().contains("[binding.web]"));
    let lost: Vec<&Value> =
        answer["notes"].as_array().unwrap().iter().filter(|note| note["outcome"] == "not-carried-over").collect();
    assert_eq!((lost.len(), &lost[0]["field"], &lost[0]["line"]), (1, &Value::from("spec.colour"), &Value::from(7)));
}

#[test]
fn strict_ends_with_2_where_something_was_lost() {
    let desk = Desk::new();
    assert_eq!(desk.run_with(&["import", "hpa", "-", "--strict"], HPA).code, 0);
    let lossy = format!("{HPA}  colour: red\n");
    assert_eq!(desk.run_with(&["import", "hpa", "-"], &lossy).code, 0);
    let strict = desk.run_with(&["import", "hpa", "-", "--strict"], &lossy);
    assert_eq!(strict.code, 2);
    assert!(strict.out.contains("[binding.web]"), "what there is is printed all the same");
}

#[test]
fn a_document_that_becomes_nothing_ends_with_2_and_the_others_are_there() {
    let desk = Desk::new();
    let text =
        format!("{HPA}---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: broken}}\n");
    let ran = desk.run_with(&["import", "hpa", "-"], &text);
    assert_eq!(ran.code, 2);
    assert!(ran.out.contains("[binding.web]"), "{}", ran.out);
    assert!(ran.err.contains("HorizontalPodAutoscaler broken: spec: no binding: is missing; "), "{}", ran.err);
}

#[test]
fn files_that_cannot_be_read_say_which_and_why() {
    let desk = Desk::new();
    let gone = desk.run(&["import", "hpa", "gone.yaml"]);
    assert_eq!((gone.code, gone.out.as_str()), (1, ""));
    assert!(gone.err.starts_with("error: gone.yaml cannot be read: "), "{}", gone.err);
    std::fs::write(desk.path().join("bytes.yaml"), [0xff, 0xfe]).unwrap();
    let bytes = desk.run(&["import", "hpa", "bytes.yaml"]);
    assert_eq!((bytes.code, bytes.err.as_str()), (2, "error: bytes.yaml: is not UTF-8 text\n"));
    desk.put("one.yaml", "a: [");
    desk.put("two.yaml", "b: {");
    let both = desk.run(&["import", "keda", "one.yaml", "two.yaml"]);
    assert_eq!(both.code, 2);
    assert!(both.err.contains("one.yaml:") && both.err.contains("two.yaml:"), "{}", both.err);
    let large = desk.run_with(&["import", "vpa", "-"], &"#".repeat(4 * 1024 * 1024 + 1));
    assert!(large.code == 2 && large.err.contains("split it"), "{}", large.err);
    let nothing = desk.run_with(&["import", "vpa", "-"], HPA);
    assert!(
        nothing.code == 2 && nothing.err.contains("none of the files holds a VerticalPodAutoscaler"),
        "{}",
        nothing.err
    );
    assert_eq!(desk.run(&["import", "nagios", "x"]).code, 2);
    assert_eq!(desk.run(&["import", "hpa"]).code, 2);
}

#[test]
fn no_secret_of_an_input_is_printed() {
    let desk = Desk::new();
    for (system, _) in FIXTURES {
        for options in [&[] as &[&str], &["--json"], &["--compat", "--strict"]] {
            let ran = import(&desk, system, options);
            assert!(!format!("{}{}", ran.out, ran.err).contains("hunter2"), "{system}: {}{}", ran.out, ran.err);
        }
    }
}
