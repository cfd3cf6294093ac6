//! What the documentation shows: a configuration in it passes `trimtab check`, a link leads somewhere, a test that it names is there.

use std::collections::BTreeSet;

use crate::cli::Desk;

const CONTAINERS: &str = include_str!("../../docs/containers.md");
const THREATS: &str = include_str!("../../docs/threat-model.md");
const README: &str = include_str!("../../README.md");

#[test]
fn every_configuration_of_the_page_on_containers_is_sound() {
    let blocks = fenced(CONTAINERS, "toml");
    assert!(blocks.len() > 5, "{blocks:?}");
    // The first is a whole file. Others are whole if they have a driver, else they come on top of it.
    let first = &blocks[0];
    for block in &blocks {
        let whole = block == first || block.starts_with("[driver.");
        let text = if whole { block.clone() } else { format!("{first}\n{block}") };
        check(&text);
    }
}

#[test]
fn the_configuration_of_the_readme_is_sound() {
    let (_, section) = README.split_once("\n## Run it\n").unwrap();
    let lines = section.lines().skip_while(|line| line.is_empty());
    let block = lines.take_while(|line| line.is_empty() || line.starts_with("    "));
    check(&block.map(|line| format!("{}\n", line.trim_start())).collect::<String>());
}

#[test]
fn links_of_the_page_on_containers_lead_somewhere() {
    let docs = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs"));
    let links = CONTAINERS.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
    for link in links.filter(|link| !link.starts_with("http")) {
        let (file, heading) = link.split_once('#').unwrap_or((link, ""));
        let file = if file.is_empty() { "containers.md" } else { file };
        let text = std::fs::read_to_string(docs.join(file)).unwrap_or_else(|error| panic!("{link}: {error}"));
        assert!(heading.is_empty() || headings(&text).any(|found| found == heading), "{link}: no such heading");
    }
}

/// As they are written in links.
fn headings(text: &str) -> impl Iterator<Item = String> {
    let lines = text.lines().filter(|line| line.starts_with('#'));
    lines.map(|line| {
        let kept = line.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

fn fenced(text: &str, language: &str) -> Vec<String> {
    let opening = format!("\n```{language}\n");
    let blocks = text.split(&opening).skip(1);
    blocks.map(|rest| format!("{}\n", rest.split("\n```").next().unwrap())).collect()
}

fn check(text: &str) {
    let desk = Desk::new();
    desk.put("trimtab.toml", text);
    let checked = desk.run(&["check"]);
    assert_eq!(checked.code, 0, "{}\n{text}", checked.err);
}

/// The page on threats names tests; each is there, as a function that is a test.
#[test]
fn every_test_that_the_threat_model_names_is_there() {
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let (mut folders, mut tests) = (vec![root.join("host/src"), root.join("tests"), root.join("sdk")], BTreeSet::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                tests.extend(tests_of(&std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let words = THREATS.split('`').skip(1).step_by(2);
    let named: Vec<&str> = words.filter(|word| word.contains('_') && word.chars().all(is_of_a_name)).collect();
    assert!(named.len() > 40, "{named:?}");
    let missing: Vec<&&str> = named.iter().filter(|name| !tests.contains(**name)).collect();
    assert!(missing.is_empty(), "docs/threat-model.md names tests that are not there: {missing:?}");
}

fn is_of_a_name(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'
}

/// The functions of a file that stand right after `#[test]` or its like.
fn tests_of(text: &str) -> Vec<String> {
    let mut lines = text.lines().map(str::trim);
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if (line.starts_with("#[test") || line.starts_with("#[tokio::test"))
            && let Some((_, rest)) = lines.find_map(|line| line.split_once("fn "))
        {
            found.push(rest.chars().take_while(|c| is_of_a_name(*c)).collect());
        }
    }
    found
}
