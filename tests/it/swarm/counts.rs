//! Counts and sizes, and others who set them, too.

use std::collections::HashMap;
use std::path::PathBuf;

use bollard::models::{ServiceSpecMode, ServiceSpecModeReplicatedJob};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{UnixListener, UnixStream};
use trimtab::drivers::{Driver as _, DriverError, Step, StepState};
use trimtab::snapshot::{Phase, Resources};

use super::stage::{Stage, driver_at, replicas, update};
use crate::backends::server::program;
use crate::skip::skip;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_is_scaled_and_resized_and_nobody_is_overruled() {
    let Some(stage) = Stage::start("swarm").await else { return };
    stage.driver.check().await.unwrap();
    stage.create("web", 1).await;
    stage.until("web", |seen| seen.target.ready == 1).await;

    let up = stage.count("web", 3, "up").await;
    stage.done(&up, Step::SetCount).await;
    let seen = stage.observe("web").await;
    assert_eq!((seen.target.desired, seen.target.ready), (3, 3));
    assert!(seen.instances.iter().all(|one| one.phase == Phase::Ready && one.handle.is_some() && one.node.is_some()));
    assert_eq!(stage.driver.take(&up, &Step::SetCount).await.unwrap(), StepState::Done, "taken again, it is done");

    // Somebody else sets the count between the look and the step.
    let late = stage.count("web", 4, "late").await;
    stage.change("web", |spec| *replicas(spec) = Some(2)).await;
    let error = stage.driver.take(&late, &Step::SetCount).await.unwrap_err().to_string();
    assert!(error.contains("somebody else has set swarm/web to 2 since it was 3"), "{error}");
    stage.until("web", |seen| seen.target.total == 2).await;

    let before = stage.spec("web").await;
    // A first limit of memory is set only where the peak is known: the driver measures it at the manager's own engine.
    stage.until("web", |seen| seen.instances.iter().all(|one| one.memory_peak_bytes.is_some())).await;
    let limits = Resources { cpu_millis: Some(500), memory_bytes: Some(64 << 20) };
    let resize = stage.size("web", limits, "size").await;
    stage.done(&resize, Step::Resize).await;
    let seen = stage.observe("web").await;
    assert!(seen.instances.iter().filter(|one| one.phase == Phase::Ready).all(|one| one.limits == limits));
    let mut after = stage.spec("web").await;
    assert_ne!(before.task_template, after.task_template);
    after.task_template.as_mut().unwrap().resources = before.task_template.as_ref().unwrap().resources.clone();
    assert_eq!(before, after, "nothing but the size was changed");

    stage.until("web", |seen| seen.instances.iter().all(|one| one.memory_peak_bytes.is_some())).await;
    let limits = Resources { memory_bytes: Some(32 << 20), ..limits };
    let smaller = stage.size("web", limits, "smaller").await;
    assert_eq!(smaller.resize()[0].limits.memory_bytes, Some(32 << 20), "memory can be lowered");

    let down = stage.count("web", 1, "down").await;
    stage.done(&down, Step::SetCount).await;
    assert_eq!(stage.observe("web").await.target.total, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_changes_a_service_between_our_look_and_our_word_is_not_overruled() {
    let Some(stage) = Stage::start("swarm version").await else { return };
    stage.create("web", 1).await;
    stage.until("web", |seen| seen.target.ready == 1).await;
    let driver = driver_at(&way_with_a_rival(&stage, "web"));

    let first = stage.count("web", 2, "first").await;
    let error = driver.take(&first, &Step::SetCount).await.unwrap_err();
    assert!(
        matches!(&error, DriverError::Refused { what, .. } if what.contains("changed by somebody else")),
        "{error}"
    );
    let mut spec = stage.spec("web").await;
    assert_eq!(*replicas(&mut spec), Some(1), "nothing of ours came through");
    assert!(spec.labels.unwrap().contains_key("rival"));

    let second = stage.count("web", 2, "second").await;
    assert!(matches!(driver.take(&second, &Step::SetCount).await.unwrap(), StepState::Waiting { .. }));
    stage.done(&second, Step::SetCount).await;
    let labels = stage.observe("web").await.target.labels;
    assert_eq!(labels.keys().collect::<Vec<_>>(), ["rival"], "what the other did stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_that_have_no_count_are_left_alone_and_disturb_nobody() {
    let Some(stage) = Stage::start("swarm modes").await else { return };
    let job = ServiceSpecModeReplicatedJob { max_concurrent: Some(1), total_completions: Some(1) };
    let modes = [
        ("agent", ServiceSpecMode { global: Some(HashMap::new()), ..ServiceSpecMode::default() }),
        ("job", ServiceSpecMode { replicated_job: Some(job), ..ServiceSpecMode::default() }),
    ];
    for (name, mode) in modes {
        stage
            .create_as(name, |spec| {
                spec.mode = Some(mode);
                // Jobs know no updates.
                spec.update_config = None;
                spec.task_template.as_mut().unwrap().restart_policy = None;
            })
            .await;
    }
    stage.create_as("web", |spec| spec.labels = Some(HashMap::from([("".to_owned(), "=,\n".to_owned())]))).await;
    stage.until("web", |seen| seen.target.ready == 1).await;
    let seen = stage.look().await;
    assert_eq!(seen.targets.len(), 1, "{:?}", seen.targets);
    assert_eq!(seen.unreadable, []);
    let before = (stage.spec("agent").await, stage.spec("job").await);
    let up = stage.count("web", 2, "up").await;
    stage.done(&up, Step::SetCount).await;
    assert_eq!((stage.spec("agent").await, stage.spec("job").await), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stack_that_is_deployed_again_has_its_files_count_and_its_labels() {
    let Some(stage) = Stage::start("swarm stack").await else { return };
    let docker = match program("TRIMTAB_TEST_DOCKER", "docker") {
        Ok(docker) => docker,
        Err(why) => return skip("swarm stack", &why),
    };
    let file = stage.folder.path().join("stack.yml");
    let text = "version: '3.8'\nservices:\n  web:\n    image: worker:1\n    deploy: {endpoint_mode: dnsrr, replicas: 1, labels: {tier: front}}\n";
    std::fs::write(&file, text).unwrap();
    stage.deploy(&docker, &file);
    stage.until("shop_web", |seen| seen.target.ready == 1).await;
    let labels = stage.observe("shop_web").await.target.labels;
    assert_eq!(labels.get("tier").map(String::as_str), Some("front"));

    let up = stage.count("shop_web", 3, "up").await;
    stage.done(&up, Step::SetCount).await;
    assert_eq!(stage.observe("shop_web").await.target.labels, labels, "labels are kept");

    stage.deploy(&docker, &file);
    let seen = stage.observe("shop_web").await;
    assert_eq!((seen.target.desired, &seen.target.labels), (1, &labels), "the file's count holds until the next turn");
    let again = stage.count("shop_web", 3, "again").await;
    stage.done(&again, Step::SetCount).await;
}

/// A way to the engine on which somebody else is faster, once: before the first word that changes anything passes, the service
/// gets another label.
fn way_with_a_rival(stage: &Stage, name: &'static str) -> PathBuf {
    let way = stage.folder.path().join("way.sock");
    let listener = UnixListener::bind(&way).unwrap();
    let (client, engine) = (stage.engine.client(), stage.engine.socket());
    tokio::spawn(async move {
        let mut rival = true;
        while let Ok((mut ours, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let read = ours.read(&mut head).await.unwrap();
            if head.starts_with(b"POST") && std::mem::take(&mut rival) {
                let label = HashMap::from([("rival".to_owned(), "1".to_owned())]);
                update(&client, name, |spec| spec.labels = Some(label), None).await;
            }
            let mut theirs = UnixStream::connect(&engine).await.unwrap();
            tokio::spawn(async move {
                theirs.write_all(&head[..read]).await.unwrap();
                drop(copy_bidirectional(&mut ours, &mut theirs).await);
            });
        }
    });
    way
}
