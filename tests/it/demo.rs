//! The demo as a real process, and its parts: workers behind the embedded balancer, under load that never pauses.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use trimtab::cli::demo::load::{Load, LoadSettings, Schedule};
use trimtab::registrars::embedded::{EmbeddedConfig, EmbeddedRegistrar};
use trimtab::registrars::{DrainState, Registrar};
use trimtab::snapshot::TargetId;

/// Time that a process has to come up or to end; a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(30);

struct Worker {
    child: Child,
    address: String,
}

impl Worker {
    async fn start() -> Self {
        trimtab::tls::ready();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(env!("CARGO_BIN_EXE_trimtab"))
            .arg("demo-worker")
            .env("PORT", port.to_string())
            .env("DEMO_CPU_US", "1000")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let worker = Self { child, address: format!("127.0.0.1:{port}") };
        let url = format!("http://{}/healthz", worker.address);
        let began = Instant::now();
        while !reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(began.elapsed() < PATIENCE, "the worker does not come up");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        worker
    }

    /// As the driver stops a process: a signal, and it ends by itself.
    async fn stop(mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(began.elapsed() < PATIENCE, "the worker does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        assert!(status.success(), "{status}");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_come_and_go_under_load_and_no_request_fails() {
    let web: TargetId = "local/web".parse().unwrap();
    let config = EmbeddedConfig::new("127.0.0.1:0".parse().unwrap(), vec![web.clone()]);
    let balancer = EmbeddedRegistrar::start("front", config).await.unwrap();
    let mut running = Vec::new();
    for id in 0..2 {
        let worker = Worker::start().await;
        balancer.register(&web, &id.to_string(), &worker.address).await.unwrap();
        running.push((id.to_string(), worker));
    }
    let url = format!("http://{}/work", balancer.address());
    let load = Load::start(LoadSettings::new(&url, Schedule::demo(Duration::from_secs(6), 20.0, 150.0))).unwrap();
    let mut next = 2;
    while !load.is_over() {
        let worker = Worker::start().await;
        balancer.register(&web, &next.to_string(), &worker.address).await.unwrap();
        running.push((next.to_string(), worker));
        next += 1;
        let (oldest, worker) = running.remove(0);
        while balancer.drain(&web, &oldest).await.unwrap() != DrainState::Drained {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        balancer.deregister(&web, &oldest).await.unwrap();
        worker.stop().await;
    }
    let due = Schedule::demo(Duration::from_secs(6), 20.0, 150.0).due(Duration::from_secs(6));
    let report = load.finish().await;
    assert_eq!((report.sent, report.served, report.failed, report.unsent), (due, due, 0, 0), "{report:?}");
    let stats = balancer.stats();
    assert_eq!((stats.served, stats.failed, stats.refused, stats.retried), (due, 0, 0, 0));
    assert!(next > 4, "only {} replacements", next - 2);
    println!("{} replacements, {report:?}", next - 2);
    for (_, worker) in running {
        worker.stop().await;
    }
    assert!(balancer.shutdown().await);
}

/// What is told of a part of a test that this machine cannot do.
fn skipped(name: &str, why: &str) {
    let line = format!("SKIPPED {name}: {why}\n");
    eprint!("{line}");
    if let Some(log) = std::env::var_os("TRIMTAB_SKIPPED_LOG") {
        use std::io::Write as _;
        let file = std::fs::OpenOptions::new().append(true).create(true).open(log);
        file.unwrap().write_all(line.as_bytes()).unwrap();
    }
}

/// Processes whose environment names this folder's host.
fn processes_of(data_dir: &std::path::Path) -> Vec<String> {
    let marks = std::fs::read_to_string(data_dir.join("process/local/.identity")).unwrap_or_default();
    let host = marks.trim();
    assert!(!host.is_empty(), "the driver's name is not kept where this test looks for it");
    let mark = format!("TRIMTAB_HOST={host}");
    let folders = std::fs::read_dir("/proc").unwrap().flatten();
    let environments = folders.filter_map(|folder| {
        let bytes = std::fs::read(folder.path().join("environ")).ok()?;
        Some((folder.path().display().to_string(), bytes))
    });
    environments
        .filter(|(_, bytes)| bytes.split(|byte| *byte == 0).any(|one| one == mark.as_bytes()))
        .map(|(path, _)| path)
        .collect()
}

#[test]
fn demo_follows_the_load() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_trimtab");
    let data_dir = folder.path().join("data");
    let demo = Command::new(program)
        .args(["demo", "--seconds", "20", "--json", "--data-dir"])
        .arg(&data_dir)
        .output()
        .unwrap();
    let progress = String::from_utf8_lossy(&demo.stderr).into_owned();
    if progress.contains("cargo xtask policies") {
        return skipped("demo_follows_the_load", "no policies were built; run `cargo xtask policies`");
    }
    assert!(demo.status.success(), "{progress}");
    let told: serde_json::Value = serde_json::from_slice(&demo.stdout).unwrap();

    let desired: Vec<u64> =
        told["replicas"].as_array().unwrap().iter().map(|at| at["desired"].as_u64().unwrap()).collect();
    let most = *desired.iter().max().unwrap();
    assert!(desired.iter().all(|count| (2..=6).contains(count)), "{desired:?}");
    assert!(most >= 3, "the count did not follow the load up: {desired:?}\n{progress}");
    let policy_fell = told["decisions"]
        .as_array()
        .unwrap()
        .iter()
        .any(|step| step["origin"] == "policy" && step["replicas"][1].as_u64() < step["replicas"][0].as_u64());
    assert!(policy_fell, "the count did not follow the load down: {desired:?}\n{progress}");

    let requests = &told["requests"];
    assert!(requests["served"].as_u64().unwrap() > 500, "{requests}");
    assert_eq!((&requests["failed"], &requests["unsent"]), (&0.into(), &0.into()), "{requests}");
    assert_eq!(told["left_behind"], serde_json::json!([]));
    assert_eq!(processes_of(&data_dir), Vec::<String>::new());
    for (policy, cost) in told["policies"].as_object().unwrap() {
        assert!(cost["fuel_median"].as_u64().unwrap() > 0 && cost["faults"] == 0, "{policy}: {cost}");
    }

    let resized = told["decisions"]
        .as_array()
        .unwrap()
        .iter()
        .any(|step| step["cpu_limit_millis"].is_u64() && step["outcome"] == "applied");
    if told["can_resize"] == true {
        assert!(resized, "no live resize\n{progress}");
    } else {
        skipped("demo_follows_the_load (live resize)", "no cgroups can be written here");
    }

    let explained = Command::new(program)
        .args(["explain", "local/web", "--last", "1000", "--data-dir"])
        .arg(&data_dir)
        .output()
        .unwrap();
    let story = String::from_utf8(explained.stdout).unwrap();
    for step in told["decisions"].as_array().unwrap() {
        let id = step["id"].as_str().unwrap();
        assert!(story.contains(&format!("record {id},")), "{id} is not explained:\n{story}");
        assert!(story.contains(step["reason"].as_str().unwrap()), "{id}: its reason is not told");
    }
    let replayed = Command::new(program)
        .args(["replay", "--target", "local/web", "--since", "1h", "--offline", "--json", "--data-dir"])
        .arg(&data_dir)
        .output()
        .unwrap();
    let told: serde_json::Value = serde_json::from_slice(&replayed.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&replayed.stderr)));
    let (reach, tally) = (&told["reach"], &told["tally"]);
    assert!(replayed.status.success() && tally["defects"] == 0, "{told:#}");
    assert!(reach["turns"].as_u64().unwrap() >= 20 && reach["unreadable"] == 0 && reach["counted"] == 0, "{reach}");
    assert_eq!(tally["identical"], tally["evaluations"], "every answer of every turn, to the byte: {told:#}");
    println!("replayed: {reach}, {tally}");
}
