//! Manifests as their systems' documentation has them, and all that becomes of them, approved.

use super::*;
use crate::bounds::Range;

macro_rules! fixture {
    ($file:literal) => {
        Input {
            file: $file.to_owned(),
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/import/", $file)).to_owned(),
        }
    };
}

fn imported(system: System, inputs: &[Input], compat: bool) -> Import {
    let choices = Choices { compat, ..Choices::of(system) };
    let found = import(system, inputs, &choices).unwrap();
    let config = read_back(&found, &choices);
    assert_eq!(config.bindings.len(), found.bindings.len());
    let all = format!("{}{:?}", told(&found), found);
    assert!(!all.contains("hunter2"), "a secret is shown: {all}");
    found
}

#[test]
fn hpa() {
    let found = imported(System::Hpa, &[fixture!("hpa.yaml"), fixture!("hpa_v1_list.json")], false);
    insta::assert_snapshot!(told(&found));
}

#[test]
fn keda() {
    insta::assert_snapshot!(told(&imported(System::Keda, &[fixture!("keda.yaml")], false)));
}

#[test]
fn vpa() {
    insta::assert_snapshot!(told(&imported(System::Vpa, &[fixture!("vpa.yaml")], false)));
}

#[test]
fn overscaler() {
    insta::assert_snapshot!(told(&imported(System::Overscaler, &[fixture!("overscaler.yaml")], false)));
}

#[test]
fn overscaler_as_it_was() {
    insta::assert_snapshot!(imported(System::Overscaler, &[fixture!("overscaler.yaml")], true).toml());
}

#[test]
fn overlord() {
    insta::assert_snapshot!(told(&imported(System::Overlord, &[fixture!("overlord.yml")], false)));
}

#[test]
fn overlord_as_it_was() {
    insta::assert_snapshot!(imported(System::Overlord, &[fixture!("overlord.yml")], true).toml());
}

#[test]
fn droplet() {
    let files = [fixture!("droplet.env"), fixture!("droplet_project.yml")];
    insta::assert_snapshot!(told(&imported(System::Droplet, &files, false)));
}

#[test]
fn droplet_as_it_was() {
    insta::assert_snapshot!(imported(System::Droplet, &[fixture!("droplet.env")], true).toml());
}

#[test]
fn asgard() {
    let files = [fixture!("asgard.json"), fixture!("asgard.env")];
    insta::assert_snapshot!(told(&imported(System::Asgard, &files, false)));
}

#[test]
fn asgard_as_it_was() {
    insta::assert_snapshot!(imported(System::Asgard, &[fixture!("asgard.json")], true).toml());
}

#[test]
fn the_bounds_are_those_of_the_manifest() {
    let choices = Choices::of(System::Hpa);
    let config = read_back(&imported(System::Hpa, &[fixture!("hpa.yaml")], false), &choices);
    let web = &config.binding("web").unwrap().settings;
    assert_eq!(web.replicas, Range { min: 2, max: 20 });
    assert_eq!((web.stabilize_up_ms, web.stabilize_down_ms), (30_000, 120_000));
    let windows: Vec<(u64, Option<u32>, Option<f64>)> =
        web.windows_down.iter().map(|window| (window.window_ms, window.limit.count, window.limit.percent)).collect();
    assert_eq!(windows, [(60_000, None, Some(10.0)), (120_000, Some(5), None)]);
    assert_eq!(web.windows_up.len(), 1);
    let only_up = &config.binding("billing-web").unwrap().settings;
    assert_eq!(only_up.mode, crate::bounds::Mode::RaiseOnly);
}
