//! Load comes and goes; nobody who is served notices.

use super::stage::{Stage, TARGET};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_bring_containers_and_their_end_takes_them_and_no_request_fails() {
    let Some(mut stage) = Stage::open("containers behind haproxy").await else { return };
    stage.start_host();
    stage.until_at_rest(1).await;

    // One less than full, for a session may be between two requests when it is counted.
    stage.load.hold(4 * TARGET - 1);
    stage.until_at_rest(4).await;
    stage.until_all_answer().await;

    stage.load.hold(2 * TARGET - 1);
    stage.until_at_rest(2).await;
    stage.until_all_answer().await;

    stage.load.hold(1);
    stage.until_at_rest(1).await;
    stage.until_all_answer().await;
    assert_eq!(stage.load.failed(), (0, Vec::new()), "of {}", stage.load.served());
    println!("{} requests, none failed", stage.load.served());
}
