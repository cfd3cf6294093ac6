//! Stories with approved output: the real arrow with the real policy in the real sandbox, over a backend and a source in
//! memory, in a time that passes when the story says so. The snapshots beside this file are to be read like stories.

mod balancer;
mod policy;
mod stage;

use std::collections::BTreeMap;

use trimtab::bounds::{Range, Settings, StepLimit};
use trimtab::drivers::memory::Failure;
use trimtab::snapshot::Phase;
use trimtab::sources::memory::Outage;

use self::policy::binding;
use self::stage::{Scene, Stage};

const MINUTE: u64 = 60;
const HOUR_MS: u64 = 60 * 60 * 1_000;

#[tokio::test(start_paused = true)]
async fn an_outage_of_readings_in_a_spike() {
    let mut stage = Stage::set(Scene::default()).await;
    stage.load(200.0);
    stage.pass(30).await;
    stage.says("a spike: 400 requests per second");
    stage.load(400.0);
    stage.pass(45).await;
    stage.says("the meter refuses every question; behind its back the load falls to 100");
    let now_ms = trimtab::cycle::Clock::now_ms(stage.clock.as_ref());
    stage.source.fail(now_ms..now_ms + 120_000, Outage::Refuses);
    stage.load(100.0);
    stage.pass(30).await;
    stage.explain_last_turn().await;
    stage.pass(90).await;
    assert_eq!(stage.desired(), 8, "nothing is lowered while nobody knows the load");
    stage.says("the meter answers again");
    stage.pass(2 * MINUTE).await;
    stage.explain_last_change().await;
    assert_eq!(stage.desired(), 2);
    insta::assert_snapshot!(stage.end());
}

#[tokio::test(start_paused = true)]
async fn a_rollout_while_scaling() {
    let mut stage = Stage::set(Scene { per_instance: true, ..Scene::default() }).await;
    stage.load(200.0);
    stage.pass(15).await;
    stage.says("a rollout begins: one instance after the other goes, and those that remain carry the load");
    for instance in ["web-1", "web-2"] {
        stage.force(instance, Phase::Pending);
        stage.pass(30).await;
        stage.force(instance, Phase::Ready);
        stage.pass(15).await;
    }
    assert_eq!(stage.desired(), 4, "those that are away come back: nothing is missing");
    stage.says("in the midst of it the load rises to 300");
    stage.load(300.0);
    for instance in ["web-3", "web-4"] {
        stage.force(instance, Phase::Pending);
        stage.pass(30).await;
        stage.force(instance, Phase::Ready);
        stage.pass(15).await;
    }
    stage.pass(MINUTE).await;
    assert_eq!(stage.desired(), 6, "as many as 300 need, not as many as the ratio of those left would ask for");
    insta::assert_snapshot!(stage.end());
}

#[tokio::test(start_paused = true)]
async fn the_maximum_is_lowered_below_what_is_there() {
    let mut stage = Stage::set(Scene { replicas: 8, ..Scene::default() }).await;
    stage.load(400.0);
    stage.pass(30).await;
    stage.says("the operator lowers max to 3, and lets no change take away more than 2");
    let settings = Settings {
        replicas: Range { min: 1, max: 3 },
        step_down: StepLimit { count: Some(2), percent: None },
        ..Scene::default().settings
    };
    stage.rebind(settings);
    stage.pass(75).await;
    stage.explain_last_change().await;
    assert_eq!(stage.desired(), 3);
    insta::assert_snapshot!(stage.end());
}

#[tokio::test(start_paused = true)]
async fn an_instance_is_being_replaced_when_a_lower_comes() {
    let settings = Settings { stabilize_down_ms: 0, ..Settings::default() };
    let mut stage = Stage::set(Scene { start_ms: 40_000, settings, ..Scene::default() }).await;
    stage.load(200.0);
    stage.pass(20).await;
    stage.says("web-2 crashes");
    stage.force("web-2", Phase::Failed);
    stage.pass(15).await;
    stage.says("while its successor starts the load falls to 100");
    stage.load(100.0);
    stage.pass(30).await;
    assert_eq!(stage.desired(), 4, "a change in flight blocks lowering");
    stage.pass(45).await;
    stage.explain_last_change().await;
    assert_eq!(stage.desired(), 2);
    insta::assert_snapshot!(stage.end());
}

#[tokio::test(start_paused = true)]
async fn two_bindings_on_one_target() {
    let mut stage = Stage::set(Scene::default()).await;
    stage.load(200.0);
    stage.pass(15).await;
    stage.says("somebody binds it a second time, and the load rises to 400");
    stage.bindings.push(binding("shop", Settings::default(), false));
    stage.load(400.0);
    stage.pass(45).await;
    stage.explain_last_turn().await;
    assert_eq!(stage.desired(), 4, "it holds");
    stage.says("the second binding is taken away");
    stage.bindings.pop();
    stage.pass(45).await;
    assert_eq!(stage.desired(), 8);
    insta::assert_snapshot!(stage.end());
}

#[tokio::test(start_paused = true)]
async fn a_third_of_the_instances_is_lost_at_once() {
    let mut stage = Stage::set(Scene { replicas: 9, ..Scene::default() }).await;
    stage.load(450.0);
    stage.pass(30).await;
    stage.says("a switch fails: three of nine are not heard of");
    let lost = ["web-2", "web-5", "web-8"];
    lost.iter().for_each(|id| stage.force(id, Phase::Lost));
    stage.pass(30).await;
    stage.explain_last_turn().await;
    stage.says("the load falls to 200");
    stage.load(200.0);
    stage.pass(90).await;
    assert_eq!(stage.driver.calls().created, 0, "none is made anew: they may live on");
    assert_eq!(stage.driver.calls().removed, 0);
    assert_eq!(stage.desired(), 9, "nothing is lowered");
    stage.says("the switch is mended: they are heard of again");
    lost.iter().for_each(|id| stage.force(id, Phase::Ready));
    stage.pass(90).await;
    stage.says("a single crash later is an ordinary matter");
    stage.force("web-1", Phase::Failed);
    stage.pass(60).await;
    assert_eq!(stage.desired(), 4);
    insta::assert_snapshot!(stage.end());
}

#[tokio::test(start_paused = true)]
async fn the_host_starts_again_after_six_hours() {
    let mut stage = Stage::set(Scene { replicas: 6, ..Scene::default() }).await;
    stage.load(100.0);
    stage.pass(45).await;
    assert_eq!(stage.desired(), 6, "its window is not full yet");
    stage.says("the host ends, and starts again six hours later");
    stage.restart_after(6 * HOUR_MS).await;
    stage.pass(45).await;
    assert_eq!(stage.desired(), 6, "what was seen six hours ago counts for nothing");
    stage.pass(MINUTE).await;
    stage.explain_last_change().await;
    assert_eq!(stage.desired(), 2);
    insta::assert_snapshot!(stage.end());
}

#[tokio::test(start_paused = true)]
async fn the_clock_jumps() {
    let mut stage = Stage::set(Scene { replicas: 6, ..Scene::default() }).await;
    stage.load(100.0);
    stage.pass(30).await;
    stage.says("the clock is set 45 seconds ahead: as if a minute of low load had been seen");
    stage.jump(45_000);
    stage.pass(15).await;
    stage.explain_last_turn().await;
    assert_eq!(stage.desired(), 6, "a set clock fills no window");
    stage.pass(90).await;
    assert_eq!(stage.desired(), 2);
    stage.says("without any window, the load falls to 50 and the clock is set ahead again");
    stage.rebind(Settings { stabilize_down_ms: 0, ..Settings::default() });
    stage.load(50.0);
    stage.jump(45_000);
    stage.pass(30).await;
    assert_eq!(stage.desired(), 1);
    insta::assert_snapshot!(stage.end());
}

#[tokio::test(start_paused = true)]
async fn a_label_is_edited_on_a_live_workload() {
    let mut stage = Stage::set(Scene::default()).await;
    stage.load(200.0);
    stage.pass(30).await;
    stage.says("somebody takes the label away, and the load rises to 400");
    stage.driver.edit_target("web", |target| target.labels = BTreeMap::new());
    stage.load(400.0);
    stage.pass(45).await;
    stage.driver.lose("web", 1);
    stage.says("an instance is gone, too: nobody makes it anew");
    stage.pass(30).await;
    assert_eq!(stage.driver.calls().take, 0, "it is left alone");
    stage.says("the label is put back, and the load falls to 200");
    stage.load(200.0);
    stage.driver.edit_target("web", |target| drop(target.labels.insert("app".to_owned(), "web".to_owned())));
    stage.pass(60).await;
    assert_eq!(stage.desired(), 4, "as it was left, not as it was found");
    insta::assert_snapshot!(stage.end());
}

#[tokio::test(start_paused = true)]
async fn a_change_is_stuck() {
    let settings = Settings { change_deadline_ms: 60_000, stabilize_down_ms: 0, ..Settings::default() };
    let mut stage = Stage::set(Scene { start_ms: HOUR_MS, settings, ..Scene::default() }).await;
    stage.load(300.0);
    stage.says("the load is 300; new instances start and start and are never ready");
    stage.pass(75).await;
    stage.explain_last_change().await;
    stage.says("the load falls to 100");
    stage.load(100.0);
    stage.pass(45).await;
    assert_eq!(stage.desired(), 6, "what is stuck may still come: nothing is lowered");
    stage.says("the load rises to 400");
    stage.load(400.0);
    stage.pass(30).await;
    assert_eq!(stage.desired(), 8, "what is stuck holds back no raise");
    stage.says("at last they are ready, and the load falls to 100");
    stage.all_ready();
    stage.load(100.0);
    stage.pass(30).await;
    assert_eq!(stage.desired(), 2);
    insta::assert_snapshot!(stage.end());
}

#[tokio::test(start_paused = true)]
async fn a_raise_comes_while_instances_are_drained() {
    let settings = Settings { stabilize_down_ms: 0, ..Settings::default() };
    let mut stage = Stage::set(Scene { drain_ms: 50_000, settings, ..Scene::default() }).await;
    stage.load(200.0);
    stage.pass(15).await;
    stage.says("the load falls to 100: two are drained");
    stage.load(100.0);
    stage.pass(20).await;
    stage.says("it rises to 200 again before they are done");
    stage.load(200.0);
    stage.pass(45).await;
    stage.explain_last_change().await;
    assert_eq!(stage.desired(), 4);
    assert_eq!(stage.driver.calls().removed, 0, "they were given work again");
    assert_eq!(stage.driver.calls().created, 0, "and nobody is made anew");
    insta::assert_snapshot!(stage.end());
}

#[tokio::test(start_paused = true)]
async fn the_backend_fails_to_make_instances() {
    let mut stage = Stage::set(Scene::default()).await;
    stage.load(300.0);
    stage.driver.fail(Failure::Take { step: "create".to_owned(), times: 6, taken: false });
    stage.says("the load is 300, and the backend fails six times to make an instance");
    stage.pass(4 * MINUTE).await;
    assert_eq!(stage.driver.instances("web").len(), 6);
    insta::assert_snapshot!(stage.end());
}

#[tokio::test(start_paused = true)]
async fn the_backends_list_is_suddenly_empty() {
    let mut stage = Stage::set(Scene::default()).await;
    stage.load(200.0);
    stage.pass(30).await;
    stage.says("the backend has forgotten everything");
    stage.driver.lose("web", 4);
    stage.pass(90).await;
    stage.explain_last_turn().await;
    assert_eq!(stage.driver.calls().created, 0, "a list that is empty at once is not believed");
    stage.says("it stays so for longer than the window for losses: they are gone");
    stage.pass(5 * MINUTE).await;
    assert_eq!(stage.driver.instances("web").len(), 4);
    insta::assert_snapshot!(stage.end());
}
