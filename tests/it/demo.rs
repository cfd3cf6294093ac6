//! The demo's parts as real processes: workers behind the embedded balancer, under load that never pauses.

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
