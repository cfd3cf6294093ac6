//! Ends what a host runs: every target of its bindings goes to nothing, through decisions that are recorded as any other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::audit::Trigger;
use crate::bounds::{Range, Settings};
use crate::cycle::{Binding, Clock, Cycle};

/// Between two turns in which something is still there.
const PAUSE: Duration = Duration::from_millis(100);

/// Takes turns whose range is 0..0, without policies, until no instance is left. Returns what is left, for a person.
pub(super) async fn take_down(
    cycle: &mut Cycle,
    bindings: &[Arc<Binding>],
    clock: &dyn Clock,
    patience: Duration,
) -> Vec<String> {
    let until = Instant::now() + patience;
    let bindings: Vec<Arc<Binding>> = bindings.iter().map(|binding| Arc::new(ending(binding))).collect();
    let due: BTreeSet<String> = bindings.iter().map(|binding| binding.name.clone()).collect();
    let trigger = Trigger::Manual { who: "end of the host".to_owned() };
    loop {
        let mut troubles = match cycle.turn(&bindings, &due, &trigger).await {
            Ok(report) => report.troubles,
            Err(error) => vec![error.to_string()],
        };
        let finished = async { while cycle.running() > 0 && cycle.next_finished().await.is_ok() {} };
        if timeout_at(until, finished).await.is_err() {
            troubles.push("a change did not end in time".to_owned());
        }
        troubles.extend(left(cycle, clock.now_ms()).await);
        if troubles.is_empty() || Instant::now() >= until {
            return troubles;
        }
        sleep(PAUSE).await;
    }
}

/// The binding, with nothing wished and nothing allowed.
fn ending(binding: &Binding) -> Binding {
    Binding {
        name: binding.name.clone(),
        digest: format!("{} taken down", binding.digest),
        select: binding.select.clone(),
        every_ms: binding.every_ms,
        settings: Settings { replicas: Range { min: 0, max: 0 }, lost_share_max: 1.0, ..Settings::default() },
        readings: Vec::new(),
        slots: Vec::new(),
        caps: Range { min: 0, max: 0 },
        group: None,
        fitting: None,
    }
}

async fn left(cycle: &Cycle, now_ms: u64) -> Vec<String> {
    match cycle.driver().observe(now_ms).await {
        Err(error) => vec![error.to_string()],
        Ok(seen) => {
            let unreadable = seen.unreadable.into_iter().map(|(name, why)| format!("{name}: {why}"));
            let instances = seen.targets.iter().flat_map(|target| &target.instances);
            unreadable.chain(instances.map(|instance| format!("{} is still there", instance.id))).collect()
        }
    }
}
