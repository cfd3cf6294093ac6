//! Updates that do not come to a good end.

use trimtab::drivers::{Driver as _, Step, StepState};
use trimtab::snapshot::Resources;

use super::stage::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resize_that_swarm_rolls_back_is_noticed_and_not_asked_for_again() {
    let Some(stage) = Stage::start("swarm rollback").await else { return };
    stage.create("web", 1).await;
    // More memory than any machine has, set aside: no task of that size finds a node, and the update is taken back by hand.
    stage.until("web", |seen| seen.target.ready == 1).await;
    let resize = stage.reserve("web", 1 << 49, "too-much").await;
    let state = stage.driver.take(&resize, &Step::Resize).await.unwrap();
    assert!(matches!(state, StepState::Waiting { .. }), "{state:?}");
    stage.waits_for(&resize, Step::Resize, "no suitable node").await;
    stage.roll_back("web").await;
    let why = stage.impossible(&resize, Step::Resize).await;
    assert!(why.contains("Swarm rolled it back"), "{why}");
    stage.until("web", |seen| seen.target.ready == 1).await;
    let again = stage.reserve("web", 1 << 49, "again").await;
    let why = stage.impossible(&again, Step::Resize).await;
    assert!(why.contains("it is not asked for again"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_that_swarm_paused_is_told_and_waits_for_a_person() {
    let Some(stage) = Stage::start("swarm paused").await else { return };
    // Tasks that end within this time after an update fail it.
    stage.create_as("web", |spec| spec.update_config.as_mut().unwrap().monitor = Some(2_000_000_000)).await;
    stage.until("web", |seen| seen.target.ready == 1).await;
    // Somebody's update whose tasks end at once.
    stage
        .change("web", |spec| {
            let container = spec.task_template.as_mut().unwrap().container_spec.as_mut().unwrap();
            container.args = Some(vec!["die".to_owned()]);
        })
        .await;
    let limits = Resources { cpu_millis: Some(500), memory_bytes: None };
    let resize = stage.size("web", limits, "size").await;
    let why = stage.impossible(&resize, Step::Resize).await;
    assert!(why.contains("an update is paused; resume or undo it first"), "{why}");

    stage.roll_back("web").await;
    let resize = stage.size("web", limits, "again").await;
    stage.done(&resize, Step::Resize).await;
}
