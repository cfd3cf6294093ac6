//! What a turn's observation of 100 containers on one real Docker engine costs: driver `docker` and source `docker` as a turn asks
//! them, with the engine's own word for how often it was called. The engine is started here, in namespaces of its own, as tests do.
//!
//!     cargo bench -p trimtab --bench containers

#![expect(clippy::unwrap_used, reason = "a benchmark: it stops where it must")]

#[path = "told/figures.rs"]
mod figures;
#[path = "../../tests/it/skip.rs"]
mod skip;

/// The rig of the tests, of which not all is needed here.
#[path = "../../tests/it/backends"]
#[expect(
    dead_code,
    unused_imports,
    clippy::indexing_slicing,
    reason = "the tests' rig: the other parts of it are used there"
)]
mod backends {
    pub(crate) mod engine;
    pub(crate) mod haproxy;
    pub(crate) mod server;
}

use std::collections::{BTreeMap, HashMap};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::CreateContainerOptionsBuilder;
use futures_util::StreamExt as _;
use trimtab::drivers::Driver;
use trimtab::drivers::docker::{DockerConfig, DockerDriver, DockerHost};
use trimtab::snapshot::Subject;
use trimtab::sources::docker::{DockerStatsConfig, DockerStatsSource};
use trimtab::sources::{AskTarget, GatherLimits, History, ReadingSpec, Source, Sources, gather, questions};

use crate::backends::engine::Engine;
use crate::figures::told;

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONTAINERS: usize = 100;
/// Containers that are made at once, before anything is timed.
const MADE_AT_ONCE: usize = 8;
/// Turns that are timed, apart from the first.
const TURNS: u64 = 20;
const GOAL: Duration = Duration::from_millis(1_500);
/// Calls per container and turn.
const CALLS_GOAL: usize = 2;
const QUERIES: [&str; 5] =
    ["cpu_millicores", "cpu_throttled_ratio", "memory_bytes", "network_receive_bytes_per_second", "processes"];

fn main() -> ExitCode {
    // Like criterion's: arguments without a dash choose by name.
    let chosen: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if !chosen.is_empty() && !chosen.iter().any(|part| "containers/observation".contains(part.as_str())) {
        return ExitCode::SUCCESS;
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().build().unwrap().block_on(measure());
    ExitCode::SUCCESS
}

async fn measure() {
    let Some(engine) = Engine::with("bench containers", &["--debug"]).await else {
        told("100 containers, a turn's observation", "skipped", "no dockerd that can run here");
        return;
    };
    let began = Instant::now();
    make(&engine).await;
    println!("containers: {CONTAINERS} made in {:.1} s", began.elapsed().as_secs_f64());
    let mut stage = Stage::new(engine);

    let first = stage.turn().await;
    first.tell("first turn, all unknown");
    let mut turns = Vec::new();
    for _ in 0..TURNS {
        turns.push(stage.turn().await);
    }
    turns.sort_unstable_by_key(Turn::took);
    let median = turns.get(turns.len() / 2).unwrap();
    median.tell("median turn, nothing changed");
    let slowest = turns.last().unwrap();
    slowest.tell("slowest turn, nothing changed");
    for number in 0..10 {
        stage.client.kill_container(&format!("web-{number}"), None).await.unwrap();
    }
    let changed = stage.turn().await;
    changed.tell("a turn after 10 ended");

    let calls = [&first, slowest].map(|turn| turn.per_container()).into_iter().max().unwrap();
    let met = if first.took() < GOAL && slowest.took() < GOAL && calls <= CALLS_GOAL { "met" } else { "not met" };
    let ms = |turn: &Turn| turn.took().as_secs_f64() * 1000.0;
    let remark = format!(
        "the list {:.0} ms, stats {:.0} ms; first {:.0} ms, slowest {:.0} ms; calls per container {} at first, then {}; \
         goal 1500 ms and {CALLS_GOAL} calls: {met}",
        median.observed.as_secs_f64() * 1000.0,
        median.gathered.as_secs_f64() * 1000.0,
        ms(&first),
        ms(slowest),
        first.per_container(),
        median.per_container(),
    );
    println!("containers: {remark}");
    told("100 containers, a turn's observation", &format!("{:.0} ms", ms(median)), &remark);
}

/// Containers of one workload.
async fn make(engine: &Engine) {
    let image = engine.import("worker:1").await;
    let client = engine.client();
    let made = futures_util::stream::iter(0..CONTAINERS).map(|number| start(&client, &image, number));
    made.buffer_unordered(MADE_AT_ONCE).collect::<Vec<()>>().await;
}

async fn start(client: &Docker, image: &str, number: usize) {
    let name = format!("web-{number}");
    let options = CreateContainerOptionsBuilder::new().name(&name).build();
    let labels = HashMap::from([("trimtab.workload".to_owned(), "web".to_owned())]);
    let body =
        ContainerCreateBody { image: Some(image.to_owned()), labels: Some(labels), ..ContainerCreateBody::default() };
    client.create_container(Some(options), body).await.unwrap();
    client.start_container(&name, None).await.unwrap();
}

/// Driver and source as a host has them.
struct Stage {
    engine: Engine,
    client: Docker,
    driver: DockerDriver,
    sources: Sources,
    specs: Vec<ReadingSpec>,
    history: History,
    now_ms: u64,
    _state: tempfile::TempDir,
}

/// What one turn's observation took, and what it asked of the engine.
#[derive(Debug)]
struct Turn {
    observed: Duration,
    gathered: Duration,
    containers: usize,
    readings: usize,
    looked: usize,
    measured: usize,
    calls: usize,
}

impl Stage {
    fn new(engine: Engine) -> Self {
        let state = tempfile::tempdir().unwrap();
        let url = format!("unix://{}", engine.socket().display());
        let host = BTreeMap::from([("local".to_owned(), DockerHost { url: url.clone(), ..DockerHost::default() })]);
        let config = DockerConfig { host, ..DockerConfig::default() };
        let driver = DockerDriver::open("local", config, state.path()).unwrap();
        let source = DockerStatsSource::new("engine", DockerStatsConfig::at(url)).unwrap();
        Self {
            client: engine.client(),
            engine,
            driver,
            sources: Sources::from([("engine".to_owned(), Arc::new(source) as Arc<dyn Source>)]),
            specs: QUERIES.map(spec).into(),
            history: History::default(),
            now_ms: 0,
            _state: state,
        }
    }

    async fn turn(&mut self) -> Turn {
        self.now_ms += 1_000;
        let before = self.engine.calls().len();
        let began = Instant::now();
        let seen = self.driver.observe(self.now_ms).await.unwrap();
        let observed = began.elapsed();
        let web = seen.targets.first().unwrap();
        let asked = AskTarget { target: &web.target, instances: &web.instances };
        let questions = questions(self.specs.iter().map(|spec| (spec, asked)));
        let limits = GatherLimits::default();
        let told = gather(&self.sources, &questions, &self.history, &limits, self.now_ms).await;
        let gathered = began.elapsed() - observed;
        let calls = self.engine.calls().split_off(before);
        let of =
            |end: &str| calls.iter().filter(|call| call.starts_with("/containers/") && call.ends_with(end)).count();
        let lists = of("/containers/json");
        Turn {
            observed,
            gathered,
            containers: web.instances.len(),
            readings: told.readings.values().flatten().filter(|reading| reading.latest().is_some()).count(),
            looked: of("/json") - lists,
            measured: of("/stats"),
            calls: calls.len(),
        }
    }
}

impl Turn {
    fn took(&self) -> Duration {
        self.observed + self.gathered
    }

    fn per_container(&self) -> usize {
        (self.looked + self.measured).div_ceil(self.containers.max(1))
    }

    fn tell(&self, what: &str) {
        println!(
            "containers: {what}: {:.0} ms (driver {:.0} ms, stats {:.0} ms), {} readings of {} containers; {} calls: {} looks, \
             {} measurements, {} others",
            self.took().as_secs_f64() * 1000.0,
            self.observed.as_secs_f64() * 1000.0,
            self.gathered.as_secs_f64() * 1000.0,
            self.readings,
            self.containers,
            self.calls,
            self.looked,
            self.measured,
            self.calls - self.looked - self.measured,
        );
    }
}

fn spec(query: &str) -> ReadingSpec {
    ReadingSpec {
        name: query.into(),
        source: "engine".to_owned(),
        query: query.to_owned(),
        subject: Subject::Instance,
        unit: "".into(),
        label: None,
        rate: false,
        look_back_ms: 0,
        step_ms: 0,
        stale_after_ms: 60_000,
        absent_as: None,
    }
}
