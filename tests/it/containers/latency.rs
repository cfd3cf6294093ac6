//! How long after a container is well HAProxy has it: Docker's own event, and the first answer of HAProxy that shows the server.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::query_parameters::EventsOptions;
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::StreamExt as _;
use tokio::task::JoinHandle;

use super::stage::{Stage, TARGET, entries_at};

/// Between two looks at HAProxy: figures are too high by half of it.
const LOOK: Duration = Duration::from_millis(4);

/// Listens until it is dropped.
pub(super) struct Watch {
    seen: Arc<Mutex<Seen>>,
    tasks: [JoinHandle<()>; 2],
}

/// By instance, in milliseconds since the epoch: the first time.
#[derive(Debug, Default)]
struct Seen {
    well: BTreeMap<String, f64>,
    entered: BTreeMap<String, f64>,
}

impl Watch {
    pub(super) fn start(stage: &Stage) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let events = tokio::spawn(hear(stage.engine.socket(), Arc::clone(&seen)));
        let looks = tokio::spawn(look(stage.haproxy.socket(), Arc::clone(&seen)));
        Self { seen, tasks: [events, looks] }
    }

    /// From well to entered, in milliseconds, lowest first.
    pub(super) fn delays_ms(&self) -> Vec<f64> {
        let seen = self.seen.lock().unwrap();
        let delay = |(instance, well): (&String, &f64)| Some(seen.entered.get(instance)? - well);
        let mut delays: Vec<f64> = seen.well.iter().filter_map(delay).collect();
        delays.sort_by(f64::total_cmp);
        delays
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn hear(socket: PathBuf, seen: Arc<Mutex<Seen>>) {
    let client = Docker::connect_with_unix(&socket.to_string_lossy(), 600, API_DEFAULT_VERSION).unwrap();
    let filters = Some([("event".to_owned(), vec!["health_status".to_owned()])].into());
    let mut events = client.events(Some(EventsOptions { filters, ..EventsOptions::default() }));
    while let Some(Ok(event)) = events.next().await {
        let attributes = event.actor.and_then(|actor| actor.attributes).unwrap_or_default();
        let (Some(instance), Some(nanos)) = (attributes.get("trimtab.instance"), event.time_nano) else { continue };
        if event.action.is_some_and(|action| action.ends_with(" healthy")) {
            seen.lock().unwrap().well.entry(instance.clone()).or_insert(nanos as f64 / 1e6);
        }
    }
}

async fn look(socket: PathBuf, seen: Arc<Mutex<Seen>>) {
    loop {
        let socket = socket.clone();
        let entries = tokio::task::spawn_blocking(move || entries_at(&socket)).await.unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() * 1e3;
        for (instance, at) in entries {
            if !at.contains("not at work") {
                seen.lock().unwrap().entered.entry(instance).or_insert(now);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Says it for people and for reports.
pub(super) fn tell(delays_ms: &[f64]) {
    let at = |share: usize| delays_ms.get(delays_ms.len() * share / 100).copied().unwrap_or(f64::NAN);
    let (first, median, ninety, last) = (at(0), at(50), at(90), delays_ms.last().copied().unwrap_or(f64::NAN));
    println!(
        "{} containers, from well to entered in HAProxy: {first:.0} ms at best, {median:.0} ms in the median, {ninety:.0} ms for 9 of 10, {last:.0} ms at worst",
        delays_ms.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_containers_are_entered_soon_after_they_are_well() {
    if std::env::var_os("TRIMTAB_LONG").is_none() {
        return;
    }
    let Some(mut stage) = Stage::open("containers, latency").await else { return };
    stage.start_host();
    stage.until_at_rest(1).await;
    let watch = Watch::start(&stage);
    for _ in 0..4 {
        stage.load.hold(7 * TARGET - 1);
        stage.until_at_rest(7).await;
        stage.load.hold(1);
        stage.until_at_rest(1).await;
    }
    let delays = watch.delays_ms();
    assert!(delays.len() >= 20, "{delays:?}");
    assert!(delays.iter().all(|delay| *delay > 0.0), "nobody is entered before he is well: {delays:?}");
    tell(&delays);
    assert_eq!(stage.load.failed(), (0, Vec::new()), "of {}", stage.load.served());
}
