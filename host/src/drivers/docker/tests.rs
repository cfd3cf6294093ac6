//! Stories of the driver, told with what a real engine (20.10) answered. Stories with a real engine stand in `tests/it`.

mod cloning;
mod naming;
mod placing;

use std::collections::BTreeMap;

use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum as Status, HealthStatusEnum};

use super::scan::{Scan, Seen, Standing, Unasked, phase_of};
use super::*;
use crate::snapshot::Phase;

/// `docker run` of a container of a compose service with limits, a health check, a published port and a network of its own.
fn recorded() -> ContainerInspectResponse {
    serde_json::from_str(include_str!("tests/web_20_10.json")).unwrap()
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect()
}

const OURS: Standing = Standing { ours: true, stopped: false, overdue: false, unasked: false };
const THEIRS: Standing = Standing { ours: false, ..OURS };
const STOPPED: Standing = Standing { stopped: true, ..OURS };

fn ended(status: Status, code: i64, standing: Standing) -> Phase {
    let mut details = recorded();
    let state = details.state.as_mut().unwrap();
    (state.status, state.exit_code) = (Some(status), Some(code));
    phase_of(&details, standing)
}

#[test]
fn a_container_is_ready_when_its_health_check_says_so() {
    let with = |health: Option<HealthStatusEnum>| {
        let mut details = recorded();
        let state = details.state.as_mut().unwrap();
        match health {
            Some(health) => state.health.as_mut().unwrap().status = Some(health),
            None => state.health = None,
        }
        phase_of(&details, THEIRS)
    };
    assert_eq!(with(Some(HealthStatusEnum::HEALTHY)), Phase::Ready);
    assert_eq!(with(Some(HealthStatusEnum::STARTING)), Phase::Starting);
    assert_eq!(with(Some(HealthStatusEnum::UNHEALTHY)), Phase::Unready);
    assert_eq!(with(None), Phase::Ready, "without a check, running is all that can be told");
}

#[test]
fn one_of_ours_that_runs_for_long_without_a_word_of_its_check_has_failed() {
    let mut details = recorded();
    let state = details.state.as_mut().unwrap();
    state.health.as_mut().unwrap().status = Some(HealthStatusEnum::STARTING);
    assert_eq!(phase_of(&details, OURS), Phase::Starting);
    assert_eq!(phase_of(&details, Standing { unasked: true, ..OURS }), Phase::Failed);
    assert_eq!(phase_of(&details, Standing { unasked: true, ..THEIRS }), Phase::Starting, "its maker may wait");

    let start = Instant::now();
    let (at, a_minute) = (|seconds| start + Duration::from_secs(seconds), Duration::from_secs(60));
    let look = |details: &ContainerInspectResponse| {
        let one = Seen { id: "a".to_owned(), details: Arc::new(details.clone()), ..Seen::default() };
        Scan { containers: vec![one], ..Scan::default() }
    };
    let mut unasked = Unasked::default();
    unasked.note(&look(&details), at(0));
    unasked.note(&look(&details), at(61));
    assert!(!unasked.is_longer_than("a", a_minute, at(60)) && unasked.is_longer_than("a", a_minute, at(61)));
    details.state.as_mut().unwrap().started_at = Some("2026-11-22T12:00:00Z".to_owned());
    unasked.note(&look(&details), at(62));
    assert!(!unasked.is_longer_than("a", a_minute, at(122)), "it was started again");

    let silent = Scan { silent: BTreeMap::from([("far".to_owned(), "no answer".to_owned())]), ..Scan::default() };
    unasked.note(&silent, at(123));
    assert!(unasked.is_longer_than("a", a_minute, at(123)), "its engine may be the silent one");
    details.state.as_mut().unwrap().health.as_mut().unwrap().status = Some(HealthStatusEnum::HEALTHY);
    unasked.note(&look(&details), at(124));
    assert!(!unasked.is_longer_than("a", a_minute, at(500)), "it serves");
}

#[test]
fn what_a_person_stopped_is_stopped_and_what_we_made_and_ended_is_failed() {
    assert_eq!(ended(Status::EXITED, 143, THEIRS), Phase::Stopped, "docker stop");
    assert_eq!(ended(Status::EXITED, 0, THEIRS), Phase::Stopped);
    assert_eq!(ended(Status::EXITED, 1, THEIRS), Phase::Failed);
    assert_eq!(ended(Status::EXITED, 143, OURS), Phase::Failed, "nobody here asked for it");
    assert_eq!(ended(Status::EXITED, 0, OURS), Phase::Failed);
    assert_eq!(ended(Status::EXITED, 137, STOPPED), Phase::Stopped);
    assert_eq!(ended(Status::RUNNING, 0, STOPPED), Phase::Stopping);
    assert_eq!(ended(Status::RESTARTING, 1, OURS), Phase::Unready);
    assert_eq!(ended(Status::CREATED, 0, OURS), Phase::Pending);
    assert_eq!(ended(Status::CREATED, 0, Standing { overdue: true, ..OURS }), Phase::Failed, "it was never started");
    assert_eq!(ended(Status::CREATED, 0, THEIRS), Phase::Stopped);
}

#[test]
fn out_of_memory_is_a_failure_though_its_code_is_that_of_a_stop() {
    let mut details = recorded();
    let state = details.state.as_mut().unwrap();
    (state.status, state.exit_code, state.oom_killed) = (Some(Status::EXITED), Some(137), Some(true));
    assert_eq!(phase_of(&details, THEIRS), Phase::Failed);
}

#[test]
fn settings_are_refused_with_every_complaint() {
    let config: DockerConfig = toml::from_str(
        r#"
        call_timeout = "1h"
        [host.a]
        url = "/var/run/docker.sock"
        [host.b]
        url = "tcp://b:2376"
        ca_file = "ca.pem"
        [workload.web]
        container_name = "web-{nummer}"
        host_labels = { disk = "ssd" }
        "#,
    )
    .unwrap();
    let found = config.complaints();
    let about: Vec<&str> = found.iter().filter_map(|one| Some(one.split_once(": ")?.0)).collect();
    let keys = [
        "call_timeout",
        "host.a.url",
        "host.b.ca_file",
        "workload.web.container_name",
        "workload.web.container_name",
        "workload.web.host_labels",
    ];
    assert_eq!(about, keys, "{found:?}");
    assert_eq!(DockerConfig::default().complaints(), Vec::<String>::new());
    assert_eq!(DockerConfig::default().hosts().keys().collect::<Vec<_>>(), ["local"]);
}

#[test]
fn ways_to_an_engine_are_refused_with_their_remedy() {
    let complaints = |text: &str| toml::from_str::<DockerConfig>(text).unwrap().complaints().join("\n");
    for (text, says) in [
        ("[host.a]\nurl = \"ssh://-oProxyCommand=x\"", "is no address for SSH; write ssh://user@host"),
        ("[host.a]\nurl = \"ssh://me:secret@far\"", "is no address for SSH"),
        ("[host.a]\nurl = \"ssh://me@far/path\"", "is no address for SSH"),
        ("[host.a]\nurl = \"ssh://far\"\nca_file = \"x\"", "host.a.ca_file: SSH needs no certificates"),
        ("[host.a]\nknown_hosts_file = \"x\"", "host.a.known_hosts_file: is for ssh:// only"),
        ("host_lost_after = \"5s\"", "host_lost_after: 5s is not between call_timeout, 10s, and 30 days"),
        ("[host.a]\nurl = \"ssh://me@[fe80::1]:2222\"\nknown_hosts_file = \"x\"\nkey_file = \"y\"", ""),
    ] {
        let found = complaints(text);
        assert!(if says.is_empty() { found.is_empty() } else { found.contains(says) }, "{text}: {found:?}");
    }
}

#[test]
fn what_is_remembered_outlives_the_host_and_shows_no_environment() {
    let folder = tempfile::tempdir().unwrap();
    let template = kept::Template::of("local", &recorded(), Vec::new()).unwrap();
    assert!(!format!("{template:?}").contains("GREETING"));
    let open = || DockerDriver::open("box", DockerConfig::default(), folder.path()).unwrap();
    let first = open();
    first.inner.keep("shop.web", |kept| kept.template = Some(template.clone())).unwrap();
    drop(first);
    let again = open();
    assert_eq!(again.inner.desk().kept["shop.web"].template.as_ref(), Some(&template));
    std::fs::write(folder.path().join("docker/box/other.json"), "{").unwrap();
    assert_eq!(open().inner.desk().broken.len(), 1, "a damaged file is told, and disturbs no other");
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_unreachable_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("unix://{}/none.sock", folder.path().display());
    let host = DockerHost { url, ..DockerHost::default() };
    let config = DockerConfig { host: BTreeMap::from([("a".to_owned(), host)]), ..DockerConfig::default() };
    let driver = DockerDriver::open("box", config, folder.path()).unwrap();
    let error = driver.observe(1_000).await.unwrap_err();
    assert!(matches!(&error, DriverError::Unreachable { what, .. } if what.contains("host a")), "{error}");
    assert!(matches!(driver.check().await, Err(DriverError::Unreachable { .. })));
}

#[test]
fn what_an_engine_says_stands_on_one_line() {
    use bollard::errors::Error;
    let message = "unknown variant `run\r\u{1b}[2J`\nin a state".to_owned();
    let clean = r"unknown variant `run\u{d}\u{1b}[2J` in a state";
    let unread = Error::JsonDataError { message: message.clone(), column: 0 };
    assert_eq!(engine::EngineError::from(unread).to_string(), format!("its answer cannot be read: {clean}"));
    for status_code in [404, 409, 500, 503] {
        let refused = Error::DockerResponseServerError { status_code, message: message.clone() };
        assert_eq!(engine::EngineError::from(refused).to_string(), clean, "{status_code}");
    }
}
