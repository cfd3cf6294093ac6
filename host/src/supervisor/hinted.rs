//! What backends say by themselves: the targets that it is about are looked at soon, and anew.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::steering::Steering;
use crate::drivers::{Driver, Hint};
use crate::snapshot::TargetId;

/// What comes within this belongs together: a container that ends is told of several times.
const GATHER: Duration = Duration::from_millis(100);
/// However much happens, turns because of it are so far apart: a container that dies over and over costs one list a second.
const APART: Duration = Duration::from_secs(1);

/// Listens to one backend until `shutdown`.
pub(super) async fn listen(driver: Arc<dyn Driver>, steering: Steering, shutdown: CancellationToken) {
    let mut heard = Hint::default();
    let mut next = Instant::now();
    while !shutdown.is_cancelled() {
        tokio::select! {
            () = shutdown.cancelled() => {}
            hint = driver.hint() => {
                if heard.targets.is_empty() {
                    next = next.max(Instant::now() + GATHER);
                }
                heard.join(hint);
            }
            () = tokio::time::sleep_until(next), if !heard.targets.is_empty() => {
                heard = look(&steering, heard);
                next = Instant::now() + APART;
            }
        }
    }
}

/// Has turns made where nothing is under way; returns the rest. While a change is under way most of what happens is its own
/// doing, and nothing could be decided: it is looked at once that has ended.
fn look(steering: &Steering, heard: Hint) -> Hint {
    let now_ms = steering.clock().now_ms();
    let is_busy = |target: &TargetId| {
        let view = steering.target(target);
        view.is_some_and(|view| view.in_flight.as_ref().is_some_and(|change| !change.is_stuck(now_ms)))
    };
    let (busy, free): (BTreeSet<TargetId>, BTreeSet<TargetId>) = heard.targets.into_iter().partition(is_busy);
    steering.look_soon(free, &heard.what);
    let what = if busy.is_empty() { String::new() } else { heard.what };
    Hint { targets: busy, what }
}
