//! What a binding does in each mode, by reload and by label.

use super::restraints;
use super::stage::{CONFIG, Stage};
use crate::bounds::{Mode, Quiet, Restraint};

fn in_mode(mode: &str) -> String {
    CONFIG.replacen("every = \"1h\"", &format!("every = \"1h\"\nmode = \"{mode}\""), 1)
}

async fn switch(stage: &Stage, mode: &str) {
    stage.edit(&in_mode(mode));
    stage.steering.reload().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_binding_acts_raises_only_rehearses_or_is_off() {
    let stage = Stage::set(&in_mode("raise-only")).await;
    stage.load(300.0);
    stage.turn().await;
    assert_eq!(stage.desired(), 6);
    stage.load(50.0);
    stage.turn().await;
    assert_eq!(stage.desired(), 6);
    assert!(restraints(&stage).iter().any(|one| matches!(one, Restraint::RaisesOnly { wished: 1, .. })));

    switch(&stage, "dry-run").await;
    stage.turn().await;
    let last = stage.records().await.pop().unwrap();
    assert_eq!((stage.desired(), last.mode, last.ruling.quiet), (6, Mode::DryRun, Some(Quiet::DryRun)));
    assert_eq!(last.ruling.withheld.and_then(|withheld| withheld.replicas), Some((6, 1)), "what would have been");
    assert!(!stage.view().seats[0].acts);

    switch(&stage, "off").await;
    let before = stage.records().await.len();
    stage.turn().await;
    assert_eq!((stage.view().instances.len(), stage.view().seats.len()), (6, 0), "it has no seat");
    assert_eq!(stage.records().await.len(), before, "and asks nobody");

    switch(&stage, "act").await;
    stage.turn().await;
    assert_eq!(stage.desired(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_has_windows_and_memory_of_its_own() {
    let stage = Stage::set(CONFIG).await;
    stage.load(300.0);
    stage.turn().await;
    let acted = serde_json::to_value(stage.kept().await).unwrap()["seats"]["web"].clone();
    assert!(acted["past"]["count"]["change_ms"].is_number(), "{acted}");

    switch(&stage, "dry-run").await;
    stage.load(50.0);
    stage.turn().await;
    let kept = serde_json::to_value(stage.kept().await).unwrap();
    assert_eq!(kept["seats"]["web"], acted, "what it keeps where it acts is as it was");
    let dry = &kept["rehearsals"]["web"];
    assert!(dry["past"]["now_ms"].is_number() && dry["past"]["count"]["change_ms"].is_null(), "no cooldown: {dry}");
    assert_eq!(dry["slots"]["target-tracking"]["digest"], acted["slots"]["target-tracking"]["digest"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_label_changes_the_mode_of_one_target_unless_the_whole_host_rehearses() {
    let allowing = |mode: &str| in_mode(mode).replacen("select =", "labels_allowed = [\"mode\"]\nselect =", 1);
    let stage = Stage::set(&allowing("act")).await;
    stage.label(&[("trimtab.mode", Some("dry-run"))]);
    stage.load(300.0);
    stage.turn().await;
    assert_eq!((stage.desired(), stage.view().seats[0].mode), (2, Mode::DryRun));
    stage.label(&[("trimtab.mode", Some("off"))]);
    stage.turn().await;
    assert_eq!(stage.view().seats.len(), 0);
    stage.label(&[("trimtab.mode", Some("raise-only"))]);
    stage.turn().await;
    assert_eq!((stage.desired(), stage.view().seats[0].mode), (6, Mode::RaiseOnly));

    // Nothing acts in a host that rehearses, whatever a label says; also where the binding rehearsed before.
    let dry = allowing("dry-run");
    stage.edit(&dry);
    stage.steering.reload().await.unwrap();
    stage.label(&[("trimtab.mode", Some("act"))]);
    stage.load(50.0);
    stage.edit(&format!("dry_run = true\n{dry}"));
    stage.steering.reload().await.unwrap();
    stage.turn().await;
    assert_eq!((stage.desired(), stage.view().seats[0].mode), (6, Mode::DryRun));
    stage.edit(&dry);
    stage.steering.reload().await.unwrap();
    stage.turn().await;
    assert_eq!((stage.desired(), stage.view().seats[0].mode), (1, Mode::Act), "a label goes before the binding");
}
