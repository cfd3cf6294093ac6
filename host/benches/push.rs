//! From a pushed reading to the driver's call: over a real HTTP server on loopback, through the real engine, with every decision
//! durable (SQLite, `synchronous=FULL`) before it is carried out. Only the backend is one in memory, which notes when it is
//! called.
//!
//!     cargo bench -p trimtab --bench push

#![expect(clippy::unwrap_used, reason = "a benchmark: it stops where it must")]

#[path = "told/figures.rs"]
mod figures;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use trimtab::access::{Access, FIRST_TOKEN_FILE};
use trimtab::api::{Api, serve};
use trimtab::config::Config;
use trimtab::drivers::Driver;
use trimtab::drivers::memory::{MemoryDriver, MemorySettings, MemoryTarget};
use trimtab::sandbox::{THREAD_STACK_BYTES, WORKER_COMMAND, compile_worker};
use trimtab::supervisor::Host;

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Targets, each of which is raised in turn.
const TARGETS: usize = 200;
/// Pushes that are timed; each raises one target.
const PUSHES: usize = 1_000;
/// Pushes before that.
const WARM_UP: usize = 50;
/// What the medians and tails are held to, for a machine at rest.
const GOALS: &str = "goal: median < 5 ms, p99 < 20 ms";

const CONFIG: &str = r#"
[driver.local.process]
[source.app.push]
[binding.all]
select = { driver = "local" }
every = "2s"
replicas = { min = 1, max = 100000 }
stabilization = { up = "0s", down = "1h" }
policy = [{ use = "target-tracking", params = { reading = "load", target = 10.0 } }]
reading = [{ name = "load", source = "app" }]
"#;

fn main() -> ExitCode {
    // The host compiles in a child, which is this program again.
    if std::env::args().nth(1).as_deref() == Some(WORKER_COMMAND) {
        return compile_worker();
    }
    // Like criterion's: arguments without a dash choose by name.
    let chosen: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if !chosen.is_empty() && !chosen.iter().any(|part| "push/reading_to_call".contains(part.as_str())) {
        return ExitCode::SUCCESS;
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().thread_stack_size(THREAD_STACK_BYTES);
    runtime.build().unwrap().block_on(measure());
    ExitCode::SUCCESS
}

/// A host with its server.
struct Rig {
    driver: Arc<MemoryDriver>,
    client: reqwest::Client,
    url: String,
    token: String,
}

impl Rig {
    /// Pushes one reading; the time until the backend is called, and until the push was answered.
    async fn push(&self, target: usize, load: f64) -> (Duration, Duration) {
        let calls = self.driver.calls().take;
        let body = json!({ "readings": [{ "target": format!("local/web-{target}"), "name": "load", "value": load }] });
        let began = Instant::now();
        let request = self.client.post(&self.url).bearer_auth(&self.token).json(&body);
        let told: Value = request.send().await.unwrap().json().await.unwrap();
        let answered = began.elapsed();
        assert_eq!(told, json!({ "accepted": 1, "refused": [], "turns": 1 }));
        let patience = Instant::now() + Duration::from_secs(10);
        while self.driver.calls().take == calls {
            assert!(Instant::now() < patience, "the backend is not called");
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        (self.driver.called_at().unwrap().duration_since(began), answered)
    }
}

async fn measure() {
    trimtab::tls::ready();
    let dir = tempfile::tempdir().unwrap();
    let driver = Arc::new(MemoryDriver::new("local", MemorySettings { keeps_desired: true, start_ms: 0, stop_ms: 0 }));
    for number in 0..TARGETS {
        driver.insert(MemoryTarget::new(&format!("web-{number}"), 1)).unwrap();
    }
    let config = Config::parse(CONFIG, &dir.path().join("trimtab.toml")).unwrap();
    let host = Host::build_over(&config, vec![Arc::clone(&driver) as Arc<dyn Driver>]).await.unwrap();
    let steering = host.steering();
    let now_ms = steering.clock().now_ms();
    let access = Access::open(Arc::clone(steering.store()), &config.data_dir, now_ms).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/readings", listener.local_addr().unwrap());
    let token = std::fs::read_to_string(config.data_dir.join(FIRST_TOKEN_FILE)).unwrap().trim_end().to_owned();
    let shutdown = CancellationToken::new();
    let api = Api::new(steering.clone(), access, config.api.clone(), config.sandbox.upload.bytes_max);
    let served = tokio::spawn(serve(listener, api, shutdown.clone()));
    let running = tokio::spawn(host.run(shutdown.clone()));
    while steering.targets().values().filter(|view| !view.seats.is_empty()).count() < TARGETS {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let rig = Rig { driver, client: reqwest::Client::new(), url, token };

    let mut called = Histogram::<u64>::new(3).unwrap();
    let mut answered = called.clone();
    for push in 0..WARM_UP + PUSHES {
        // One replica more than the round before.
        let wanted = u32::try_from(push / TARGETS + 2).unwrap();
        let (until_called, until_answered) = rig.push(push % TARGETS, f64::from(wanted) * 10.0).await;
        if push >= WARM_UP {
            called.record(u64::try_from(until_called.as_micros()).unwrap()).unwrap();
            answered.record(u64::try_from(until_answered.as_micros()).unwrap()).unwrap();
        }
        // As pushes come: not the next at the moment of the last one's call.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    shutdown.cancel();
    served.await.unwrap();
    running.await.unwrap();
    tell("pushed reading to the driver's call", &called, GOALS);
    tell("pushed reading answered", &answered, "");
}

fn tell(what: &str, times: &Histogram<u64>, remark: &str) {
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a benchmark")]
    let ms = |quantile: f64| format!("{:.2} ms", times.value_at_quantile(quantile) as f64 / 1e3);
    println!("{what}: median {}, p99 {}, most {}; {} pushes", ms(0.5), ms(0.99), ms(1.0), times.len());
    figures::told(&format!("{what}, median"), &ms(0.5), remark);
    figures::told(&format!("{what}, p99"), &ms(0.99), "");
}
