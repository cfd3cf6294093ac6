//! A project of `docker-compose`: its services are scaled, and the next `up` is no surprise.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use super::stage::Stage;
use crate::backends::server::program;
use crate::skip::skip;

const FILE: &str = "version: '2.4'\nservices:\n  web:\n    image: worker:1\n    stop_grace_period: 1s\n";

/// Long form: compose itself takes seconds. What it shows stands in docs/operations.md.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_of_compose_is_scaled_and_the_next_up_is_no_surprise() {
    if std::env::var_os("TRIMTAB_LONG").is_none() {
        return;
    }
    let compose = match program("TRIMTAB_TEST_COMPOSE", "docker-compose") {
        Ok(compose) => compose,
        Err(why) => return skip("docker compose", &why),
    };
    let Some(stage) = Stage::start("docker compose").await else { return };
    let up = |arguments: &[&str]| run(&compose, &stage, &[&["up", "-d"], arguments].concat());
    std::fs::write(stage.folder.path().join("docker-compose.yml"), FILE).unwrap();
    up(&[]);
    let host = stage.host("shop.web", "every = \"3s\"\nreplicas = { min = 1, max = 5 }");
    host.until("what compose made", |view| view.target.ready == 1).await;
    host.pin(3).await;
    host.until("three", |view| view.at_rest_with(3)).await;
    let listed = run(&compose, &stage, &["ps", "-q", "web"]);
    assert_eq!(listed.lines().count(), 3, "compose takes the clones for its own: {listed}");
    let numbers: BTreeSet<String> = stage
        .containers()
        .await
        .iter()
        .filter_map(|one| one.labels.as_ref()?.get("com.docker.compose.container-number").cloned())
        .collect();
    assert_eq!(numbers, ["1", "2", "3"].map(str::to_owned).into());

    // The count of the file is one: compose takes the clones away, and they are made again as soon as that is seen.
    let before = ids(&stage).await;
    up(&[]);
    assert_eq!(before.intersection(&ids(&stage).await).count(), 1, "what it made itself stays as it is");
    let newer = |id: &str| !before.iter().any(|old| id.starts_with(&old[..12]));
    host.until("three again", |view| {
        let clones = view.instances.iter().filter_map(|one| one.handle.as_deref()?.rsplit('/').next());
        view.at_rest_with(3) && clones.filter(|id| newer(id)).count() == 2
    })
    .await;

    // Told the count that there is, it finds all up to date.
    let before = ids(&stage).await;
    up(&["--scale", "web=3"]);
    assert_eq!(ids(&stage).await, before);

    // After a change of the file it makes all of them anew, under its own names: they are its own from then on.
    std::fs::write(stage.folder.path().join("docker-compose.yml"), format!("{FILE}    environment: {{MODE: fast}}\n"))
        .unwrap();
    up(&["--scale", "web=3"]);
    host.until("compose's three", |view| view.at_rest_with(3) && view.instances.iter().all(|one| one.protected)).await;
    host.pin(4).await;
    host.until("and one after the new template", |view| view.at_rest_with(4)).await;
    let clone = host.view().await.unwrap().clones().next().unwrap().name.clone();
    let env = stage.inspect(&clone).await.config.unwrap().env.unwrap();
    assert!(env.contains(&"MODE=fast".to_owned()), "{env:?}");
    host.ends().await;
}

async fn ids(stage: &Stage) -> BTreeSet<String> {
    stage.containers().await.into_iter().filter_map(|one| one.id).collect()
}

fn run(compose: &Path, stage: &Stage, arguments: &[&str]) -> String {
    let ran = Command::new(compose)
        .args(["-p", "shop"])
        .args(arguments)
        .current_dir(stage.folder.path())
        .env("DOCKER_HOST", format!("unix://{}", stage.engine.socket().display()))
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}
