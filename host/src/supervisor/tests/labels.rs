//! Labels on workloads, caps, and what goes before what.

use super::restraints;
use super::stage::{CONFIG, Stage};
use crate::bounds::{Range, Restraint};
use crate::cycle::LabelsView;
use crate::policy::probe::Probe;
use crate::supervisor::SteerError;

/// The usual binding, which allows labels up to 20 replicas.
fn allowing(labels: &str) -> String {
    let line = format!(
        "labels_allowed = [{labels}]\ncaps = {{ replicas = {{ min = 0, max = 20 }} }}\n[[binding.web.reading]]"
    );
    CONFIG.replacen("[[binding.web.reading]]", &line, 1)
}

fn range(stage: &Stage) -> (u32, u32) {
    let view = stage.view();
    (view.target.limits.replicas_min, view.target.limits.replicas_max)
}

fn labels(stage: &Stage) -> LabelsView {
    *stage.view().seats[0].labels.clone().expect("it has labels")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_change_the_range_within_the_caps_and_not_beyond() {
    let stage = Stage::set(&allowing("\"min\", \"max\"")).await;
    stage.load(5_000.0);
    stage.turn().await;
    assert_eq!(stage.desired(), 10, "the binding's own");
    let own = stage.records().await.pop().unwrap().config;

    stage.label(&[("trimtab.max", Some("15")), ("trimtab.mode", Some("off"))]);
    stage.turn().await;
    assert_eq!((stage.desired(), range(&stage)), (15, (1, 15)));
    assert_eq!(labels(&stage).notes, ["trimtab.mode is not among the labels_allowed of this binding"]);
    let labelled = stage.records().await.pop().unwrap();
    assert_ne!(labelled.config, own, "the record names the settings that held");
    assert_eq!(labelled.binding, "web");

    stage.label(&[("trimtab.max", Some("500")), ("trimtab.mode", None)]);
    stage.turn().await;
    assert_eq!((stage.desired(), range(&stage)), (20, (1, 20)), "a cap holds");
    assert_eq!(labels(&stage).notes, ["trimtab.max 500 is outside of the caps, 0 to 20: 20 holds"]);

    stage.label(&[("trimtab.max", Some("3")), ("trimtab.min", Some("3"))]);
    stage.turn().await;
    assert_eq!(stage.desired(), 3);
    stage.label(&[("trimtab.max", None), ("trimtab.min", None)]);
    stage.turn().await;
    assert_eq!((stage.desired(), range(&stage)), (10, (1, 10)), "without labels the binding's own hold again");
    assert_eq!(stage.view().seats[0].labels, None);
    assert_eq!(stage.records().await.pop().unwrap().config, own);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_that_make_no_sense_keep_the_last_that_did_and_are_told_once() {
    let stage = Stage::set(&allowing("\"min\", \"max\", \"param.target\"")).await;
    stage.label(&[("trimtab.min", Some("4")), ("trimtab.param.target", Some("100"))]);
    stage.load(1_000.0);
    stage.turn().await;
    assert_eq!(stage.desired(), 10, "a thousand by a hundred");
    let wrong = [
        ("trimtab.param.target", "many", "parameter \"target\" is \"many\": expected a number"),
        ("trimtab.min", "four", "trimtab.min is \"four\": expected a whole number from 0 to 1000000"),
        ("trimtab.min", "-1", "trimtab.min is \"-1\""),
        ("trimtab.min", "19", "trimtab.min does not suit max: min 19 is above max 10"),
        ("trimtab.min", "\u{1b}[2J", "trimtab.min is \"\\u{1b}[2J\""),
    ];
    for (label, value, says) in wrong {
        let before = stage.notes().await.len();
        stage.label(&[(label, Some(value))]);
        stage.load(50.0);
        stage.turn().await;
        stage.turn().await;
        assert_eq!((stage.desired(), range(&stage)), (4, (4, 10)), "{label}={value}: the last that made sense");
        let view = labels(&stage);
        assert!(view.wrong.as_deref().is_some_and(|wrong| wrong.contains(says)), "{view:?}");
        assert_eq!(view.in_force["trimtab.param.target"], "100");
        let notes = stage.notes().await.split_off(before);
        assert_eq!(notes.len(), 1, "once: {notes:?}");
        assert!(notes[0].contains(says) && notes[0].contains("the last that did go on"), "{notes:?}");
        stage.label(&[("trimtab.min", Some("4")), ("trimtab.param.target", Some("100"))]);
        stage.turn().await;
        assert_eq!(labels(&stage).wrong, None);
        assert!(stage.notes().await.last().unwrap().contains("the labels hold"), "and that it is well again");
    }
    // Over a restart, too: what was valid is kept with the target.
    stage.label(&[("trimtab.min", Some("four"))]);
    stage.turn().await;
    let stage = stage.restart().await;
    stage.load(50.0);
    stage.turn().await;
    assert_eq!((stage.desired(), range(&stage)), (4, (4, 10)));
    // A target that never had any that made sense has the binding's own.
    stage.label(&[("trimtab.min", None), ("trimtab.param.target", None)]);
    stage.turn().await;
    stage.label(&[("trimtab.max", Some("lots"))]);
    stage.turn().await;
    assert_eq!((range(&stage), labels(&stage).in_force.len()), ((1, 10), 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_label_names_a_policy_that_the_operator_has_and_never_a_file() {
    let stage = Stage::set(&allowing("\"policy\", \"param.target\"")).await;
    stage.load(200.0);
    stage.turn().await;
    assert_eq!(stage.desired(), 4);
    for (name, says) in
        [("probe", "this binary has"), ("/tmp/x.wasm", "expected the name"), ("sha256:00", "expected the name")]
    {
        stage.label(&[("trimtab.policy", Some(name))]);
        stage.turn().await;
        assert!(labels(&stage).wrong.is_some_and(|wrong| wrong.contains(says)), "{:?}", labels(&stage));
        assert_eq!(stage.view().seats[0].slots[0].policy.as_ref(), "target-tracking");
    }
    // Once it is uploaded and active, the label holds.
    let further = r#"(@custom "trimtab:string-encoding" "utf8")"#.to_owned();
    let probe = stage.push(&Probe { further, ..Probe::default() }.module()).await;
    stage.label(&[("trimtab.policy", Some("probe"))]);
    stage.steering.activate("probe", &probe.digest, None, "ada").await.unwrap();
    stage.load(500.0);
    stage.turn().await;
    assert_eq!(stage.last_digests().await, *std::slice::from_ref(&probe.digest));
    assert_eq!(stage.desired(), 4, "it abstains");
    // A grant for other bindings only.
    let grants = serde_json::from_value(serde_json::json!({ "bindings": ["shop"] })).unwrap();
    stage.steering.registry().grant(&probe.digest, grants).await.unwrap();
    let stage = stage.restart().await;
    assert!(labels(&stage).wrong.is_some_and(|wrong| wrong.contains("does not let")), "{:?}", labels(&stage));
    stage.label(&[("trimtab.policy", Some("target-tracking")), ("trimtab.param.targt", Some("1"))]);
    stage.load(500.0);
    stage.turn().await;
    assert_eq!(
        (stage.desired(), labels(&stage).wrong),
        (10, None),
        "its own policy; a label that is not allowed is passed over"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_label_is_allowed_none_counts() {
    let stage = Stage::set(CONFIG).await;
    stage.label(&[("trimtab.max", Some("500")), ("trimtab.mode", Some("off"))]);
    stage.load(5_000.0);
    stage.turn().await;
    assert_eq!((stage.desired(), stage.view().seats[0].labels.clone()), (10, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operators_caps_go_before_a_pin_and_a_pin_before_labels_and_the_binding() {
    let config = allowing("\"min\", \"max\"");
    let stage = Stage::set(&config).await;
    let target = stage.target.clone();
    stage.label(&[("trimtab.max", Some("5"))]);
    stage.load(5_000.0);
    stage.turn().await;
    assert_eq!((stage.desired(), stage.view().caps), (5, Some(Range { min: 0, max: 20 })));
    let far = stage.steering.pin(&target, 21, None, "ada").await.unwrap_err();
    assert!(far.to_string().contains("outside of 0 to 20, which the caps on this target allow"), "{far}");
    stage.steering.pin(&target, 12, None, "ada").await.unwrap();
    stage.until(|view| view.target.desired == 12 && view.in_flight.is_none()).await;

    // A cap that is lowered afterwards cuts the pin; a cap on other targets does not.
    let cap = |name: &str, app: &str, max: u32| {
        format!(
            "[caps.{name}]\nselect = {{ driver = \"local\", labels = {{ app = \"{app}\" }} }}\nreplicas = {{ max = {max} }}\n"
        )
    };
    stage.edit(&format!("{}{}{config}", cap("shop", "shop", 1), cap("web", "web", 8)));
    assert_eq!(stage.steering.reload().await.unwrap().changed, ["web"]);
    stage.turn().await;
    assert_eq!((stage.desired(), stage.view().caps), (8, Some(Range { min: 0, max: 8 })));
    stage.turn().await;
    assert!(restraints(&stage).iter().any(|one| matches!(one, Restraint::AboveMax { wished: 12, max: 8, .. })));
    let far = stage.steering.pin(&target, 9, None, "ada").await.unwrap_err();
    assert!(matches!(far, SteerError::OutOfRange { min: 0, max: 8, .. }), "{far}");
    assert!(stage.steering.unpin(&target, "ada").await.unwrap());
    stage.turn().await;
    assert_eq!(stage.desired(), 5, "the label's");
    // Without labels: the caps of the operator bound the binding's own range.
    stage.edit(&format!("{}{config}", cap("web", "web", 3)));
    stage.steering.reload().await.unwrap();
    stage.label(&[("trimtab.max", None)]);
    stage.turn().await;
    assert_eq!((stage.desired(), range(&stage)), (3, (1, 3)));
}
