//! Limits that the kernel keeps, and what the source reads of them.

use std::time::{Duration, Instant};

use trimtab::drivers::{Step, StepState};
use trimtab::snapshot::{Phase, ResizeAbility, Resources, Samples, Subject};
use trimtab::sources::process::{ProcessSource, ProcessSourceConfig};
use trimtab::sources::{Ask, AskTarget, ReadingSpec, Source};

use super::rig::{Rig, kill, now_ms, pid_of, until, wanted};

const BURNER: &str = "command = ['sh', '-c', 'while :; do :; done']";

fn limits(cpu_millis: u64, memory_bytes: u64) -> Resources {
    Resources { cpu_millis: Some(cpu_millis), memory_bytes: Some(memory_bytes) }
}

fn resize(workload: &str, limits: Resources) -> trimtab::bounds::Decision {
    wanted(workload, "resize", Some(limits))
}

/// The value that the source tells of an instance, if it tells one.
async fn read(source: &ProcessSource, rig: &Rig, workload: &str, query: &str) -> Option<f64> {
    let target = rig.observe(workload).await;
    let spec = ReadingSpec {
        name: query.into(),
        source: "process".to_owned(),
        query: query.to_owned(),
        subject: Subject::Instance,
        unit: "".into(),
        label: None,
        rate: false,
        look_back_ms: 0,
        step_ms: 0,
        stale_after_ms: 60_000,
        absent_as: None,
    };
    source.check_reading(&spec).unwrap();
    let targets = [AskTarget { target: &target.target, instances: &target.instances }];
    let told = source.measure(&Ask { spec: &spec, targets: &targets, now_ms: now_ms() }).await.unwrap();
    assert!(told.failed.is_empty(), "{:?}", told.failed);
    match &told.rows.first()?.samples {
        Samples::Numbers { values, .. } => values.last().copied(),
        Samples::Texts { .. } => None,
    }
}

/// Asks until there is an answer that passes.
async fn read_until(source: &ProcessSource, rig: &Rig, query: &str, test: impl Fn(f64) -> bool) -> f64 {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let value = read(source, rig, "web", query).await;
        if let Some(value) = value.filter(|value| test(*value)) {
            return value;
        }
        assert!(Instant::now() < until, "{query} is still {value:?}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_change_while_it_runs_and_hold_for_new_ones_and_over_a_restart() {
    let mut rig = Rig::new(
        "[workload.web]\ncommand = ['sleep', '1000']\nlimits = { cpu = '200m', memory = '64Mi' }\nrequests = { cpu = '100m' }\n",
    );
    if !rig.has_limits("limits change while it runs") {
        return;
    }
    rig.create("web", "web-1").await;
    let before = rig.instance("web", "web-1").await;
    assert_eq!(before.limits, limits(200, 64 << 20));
    assert_eq!(before.requests.cpu_millis, Some(100));

    rig.done(&resize("web", limits(350, 96 << 20)), Step::Resize).await;
    let target = rig.observe("web").await;
    assert_eq!(target.target.abilities.resize, ResizeAbility::Live);
    assert_eq!(target.instances[0].limits, limits(350, 96 << 20));
    assert_eq!(target.instances[0].handle, before.handle, "it went on running");
    assert_eq!(target.target.containers[0].limits, limits(350, 96 << 20));
    let quota =
        rig.group_file("web", "web-1", "cpu.cfs_quota_us").or_else(|| rig.group_file("web", "web-1", "cpu.max"));
    assert!(quota.is_some_and(|quota| quota.starts_with("35000")), "the kernel has it");
    let pid = pid_of(&target.instances[0]).to_string();
    assert!(rig.group_file("web", "web-1", "cgroup.procs").is_some_and(|pids| pids.lines().any(|line| line == pid)));

    rig.restart_host();
    rig.create("web", "web-2").await;
    assert!(rig.observe("web").await.instances.iter().all(|instance| instance.limits == limits(350, 96 << 20)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_limit_below_what_is_used_is_refused_and_nothing_changes() {
    let rig = Rig::new(&format!(
        "[workload.web]\n{}\nenv = {{ PART = 'web', BALLAST_MIB = '32' }}\nports = '25000-25999'\nhealth = {{ tcp = {{}} }}\nlimits = {{ memory = '256Mi' }}\n",
        super::worker::command()
    ));
    if !rig.has_limits("a memory limit below what is used") {
        return;
    }
    rig.create("web", "web-1").await;
    rig.phase("web", "web-1", Phase::Ready).await;
    let refusal =
        rig.take(&resize("web", Resources { cpu_millis: None, memory_bytes: Some(1 << 20) }), Step::Resize).await;
    assert!(refusal.as_ref().is_err_and(|why| why.contains("bytes of memory")), "{refusal:?}");
    let target = rig.observe("web").await;
    assert_eq!(target.instances[0].limits.memory_bytes, Some(256 << 20));
    assert_eq!(target.target.containers[0].limits.memory_bytes, Some(256 << 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_cgroups_it_runs_and_says_that_it_cannot_resize() {
    let mut rig = Rig::new(&format!("[workload.web]\n{BURNER}\nlimits = {{ cpu = '100m' }}\n"));
    rig.config.cgroups = false;
    rig.restart_host();
    rig.create("web", "web-1").await;
    let target = rig.observe("web").await;
    assert_eq!(target.target.abilities.resize, ResizeAbility::None);
    assert!(!target.target.abilities.kinds.contains(&"resize".to_owned()));
    assert_eq!(target.instances[0].limits, Resources::default(), "a limit that nobody keeps is none");
    let end = rig.take(&resize("web", limits(200, 64 << 20)), Step::Resize).await;
    assert!(matches!(end, Ok(StepState::Impossible { .. })), "{end:?}");

    // The source measures it all the same, by its session.
    let source = ProcessSource::new("process", ProcessSourceConfig::default());
    assert_eq!(read(&source, &rig, "web", "cpu_millicores").await, None, "one sample is no rate");
    let cpu = read_until(&source, &rig, "cpu_millicores", |cpu| cpu > 50.0).await;
    assert!(cpu < 2_000.0, "{cpu}");
    assert!(read(&source, &rig, "web", "memory_bytes").await.is_some_and(|bytes| bytes > 100_000.0));
    assert_eq!(read(&source, &rig, "web", "cpu_limit_millicores").await, None);
    assert_eq!(read(&source, &rig, "web", "cpu_throttled_ratio").await, None);
    assert_eq!(read(&source, &rig, "web", "threads").await, Some(1.0));
    assert!(read(&source, &rig, "web", "open_files").await.is_some_and(|files| files >= 3.0));
    assert_eq!(read(&source, &rig, "web", "restarts").await, Some(0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_rises_where_the_limit_is_too_low_for_the_work() {
    let rig = Rig::new(&format!("[workload.web]\n{BURNER}\nlimits = {{ cpu = '50m', memory = '64Mi' }}\n"));
    if !rig.has_limits("throttling rises") {
        return;
    }
    let source = ProcessSource::new("process", ProcessSourceConfig::default());
    rig.create("web", "web-1").await;
    assert_eq!(read(&source, &rig, "web", "cpu_throttled_ratio").await, None, "one sample is no share");
    let held = read_until(&source, &rig, "cpu_throttled_ratio", |held| held > 0.5).await;
    assert!(held <= 1.0);
    assert_eq!(read(&source, &rig, "web", "cpu_limit_millicores").await, Some(50.0));
    assert_eq!(read(&source, &rig, "web", "memory_limit_bytes").await, Some(f64::from(64 << 20)));
    let _base = read(&source, &rig, "web", "cpu_millicores").await;
    let cpu = read_until(&source, &rig, "cpu_millicores", |cpu| cpu > 0.0).await;
    assert!(cpu < 150.0, "it is held to 50 millicores, a period's error aside: {cpu}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_has_gone_is_said_to_have_failed() {
    let rig = Rig::new("[workload.web]\ncommand = ['sleep', '1000']\n");
    rig.create("web", "web-1").await;
    let target = rig.observe("web").await;
    let pid = pid_of(&target.instances[0]);
    kill(pid);
    until("it is gone", || !super::rig::alive(pid)).await;
    let source = ProcessSource::new("process", ProcessSourceConfig::default());
    let mut instances = target.instances.clone();
    // The number lives, the process does not.
    let mut reused = instances[0].clone();
    reused.id = "web-2".to_owned();
    reused.handle = Some(format!("pid:{}:1", std::process::id()));
    instances.push(reused);
    let spec: ReadingSpec = serde_json::from_value(serde_json::json!({
        "name": "memory", "source": "process", "query": "memory_bytes", "subject": "instance", "unit": "", "label": null,
        "rate": false, "look_back_ms": 0, "step_ms": 0, "stale_after_ms": 1, "absent_as": null
    }))
    .unwrap();
    let targets = [AskTarget { target: &target.target, instances: &instances }];
    let told = source.measure(&Ask { spec: &spec, targets: &targets, now_ms: 1 }).await.unwrap();
    assert!(told.rows.is_empty());
    let names: Vec<&str> = told.failed.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["local/web/web-1", "local/web/web-2"]);
}
