//! The host, the engine and HAProxy are killed in the middle of a scale: nothing is doubled, and nothing is left behind.

use rustix::process::Signal;

use std::time::Duration;

use super::stage::{Stage, TARGET};
use crate::kill::Dice;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_killed_in_the_middle_of_a_scale_doubles_and_orphans_nothing() {
    let Some(mut stage) = Stage::open("containers, host killed").await else { return };
    stage.start_host();
    stage.until_at_rest(1).await;
    stage.load.hold(4 * TARGET - 1);
    // Some were made, and are not entered yet.
    stage.until("containers are being made", async || stage.containers().await.len() > 1).await;
    stage.end_host(Signal::KILL);
    assert!(stage.entries().len() < 4, "it was killed too late: {:?}", stage.entries());
    stage.start_host();
    stage.until_at_rest(4).await;

    // And while they are drained: each has a session that lasts.
    stage.load.last(3_000);
    stage.load.hold(TARGET);
    stage.until("the first one drains", async || stage.entries().values().any(|at| at.contains("not at work"))).await;
    stage.end_host(Signal::KILL);
    stage.start_host();
    stage.until_at_rest(1).await;
    stage.until_all_answer().await;
    assert_eq!(stage.load.failed(), (0, Vec::new()), "of {}", stage.load.served());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_killed_in_the_middle_of_a_scale_comes_back_to_what_was_wanted() {
    let Some(mut stage) = Stage::open("containers, engine killed").await else { return };
    stage.start_host();
    stage.until_at_rest(1).await;
    stage.load.hold(4 * TARGET - 1);
    stage.until("containers are being made", async || stage.containers().await.len() > 1).await;
    stage.engine.kill();
    stage.engine.start_again().await;
    stage.until_at_rest(4).await;
    stage.until_all_answer().await;

    stage.load.hold(1);
    stage.until("the first one drains", async || stage.entries().len() < 4).await;
    stage.engine.kill();
    stage.engine.start_again().await;
    stage.until_at_rest(1).await;
    stage.until_all_answer().await;
    assert_eq!(stage.load.failed(), (0, Vec::new()), "containers outlive their engine: of {}", stage.load.served());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_haproxy_killed_in_the_middle_of_a_scale_is_told_all_again() {
    let Some(mut stage) = Stage::open("containers, haproxy killed").await else { return };
    stage.start_host();
    stage.until_at_rest(1).await;
    stage.load.hold(4 * TARGET - 1);
    stage.until("the second is entered", async || stage.entries().len() > 1).await;
    stage.haproxy.kill();
    stage.haproxy.start_again().await;
    stage.until_at_rest(4).await;
    stage.until_all_answer().await;
    let before = stage.load.failed().0;

    stage.load.hold(1);
    stage.until_at_rest(1).await;
    stage.until_all_answer().await;
    assert_eq!(stage.load.failed().0, before, "{:?}", stage.load.failed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_forty_kills_at_random_moments_leave_nothing_doubled_and_nothing_behind() {
    if std::env::var_os("TRIMTAB_LONG").is_none() {
        return;
    }
    let Some(mut stage) = Stage::open("containers, killed at random").await else { return };
    let mut dice = Dice::new();
    stage.start_host();
    stage.until_at_rest(1).await;
    for round in 1..=40 {
        let wanted = usize::try_from(dice.from(1..=6)).unwrap();
        stage.load.hold(wanted * TARGET - 1);
        // The moment itself is what is random here; nothing is waited for.
        tokio::time::sleep(Duration::from_millis(dice.from(100..=4_000))).await;
        match dice.from(0..=2) {
            0 => {
                stage.end_host(Signal::KILL);
                stage.start_host();
            }
            1 => {
                stage.engine.kill();
                stage.engine.start_again().await;
            }
            _ => {
                stage.haproxy.kill();
                stage.haproxy.start_again().await;
            }
        }
        // Most are struck once more before they have come to rest.
        if round % 5 == 0 {
            stage.until_at_rest(wanted).await;
            stage.until_all_answer().await;
        }
    }
    println!("40 kills; {} requests, {} failed while HAProxy was away", stage.load.served(), stage.load.failed().0);
}
