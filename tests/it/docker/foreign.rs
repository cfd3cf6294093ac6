//! What others made is counted and left alone, and a copy of what we made is no more ours than that.

use bollard::models::ContainerCreateBody;
use trimtab::drivers::Step;

use super::stage::Stage;

const WEB: [(&str, &str); 1] = [("trimtab.workload", "web")];

fn remove(instance: &str) -> Step {
    Step::Remove { instance: instance.to_owned() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_made_is_never_removed_nor_a_copy_of_what_we_made() {
    let Some(mut stage) = Stage::start("docker foreign").await else { return };
    stage.run("web-1", &WEB).await;
    let debug = stage.run("debug", &WEB).await;
    let up = stage.count("web", 4, "k1").await;
    stage.make(&up, "web-k1-1").await;
    // All of its labels, as tools do that make a container anew by what another is.
    let labels = stage.inspect("web-k1-1").await.config.unwrap().labels.unwrap();
    let copies = |body: &mut ContainerCreateBody| body.labels = Some(labels);
    let copy = stage.run_as("copy", &[], copies).await;
    let other =
        stage.run("other", &[WEB[0], ("trimtab.target", "elsewhere/web"), ("trimtab.instance", "web-k9-1")]).await;

    let seen = stage.observe("web").await;
    let ours: Vec<&str> = seen.instances.iter().filter(|one| !one.protected).map(|one| one.id.as_str()).collect();
    assert_eq!((ours, seen.target.total), (vec!["web-k1-1"], 5));
    let made: Vec<&str> =
        seen.instances.iter().filter(|one| one.made_by.is_some()).map(|one| one.id.as_str()).collect();
    assert_eq!(made, ["web-k1-1"]);

    let down = stage.count("web", 4, "k2").await;
    assert_eq!(down.victims(), ["web-k1-1"], "the only one that may go");
    for (id, why) in [
        (&debug, "debug was not made by trimtab; set remove_foreign"),
        (&copy, "copy has the labels of an instance and is not the container that was made for it"),
        (&other, "other has the labels of an instance"),
    ] {
        let id = &id[..12];
        for step in [remove(id), Step::Stop { instance: id.to_owned() }] {
            let said = stage.impossible(&down, step).await;
            assert!(said.starts_with(why), "{said}");
        }
    }
    stage.done(&down, remove("web-k1-1")).await;
    // Also when the one that it is a copy of has gone, and to a host that knows only what it has written down.
    stage.reopen();
    let seen = stage.observe("web").await;
    assert!(seen.instances.iter().all(|one| one.protected && one.made_by.is_none()), "{:?}", seen.instances);
    assert_eq!(seen.target.total, 4);
    stage.done(&down, remove("web-k1-1")).await;
    assert_eq!(stage.containers().await.len(), 4, "there is none of that name, whoever says that he is it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_made_goes_where_that_is_said_and_its_template_stays() {
    let settings = "workload = { web = { remove_foreign = true } }";
    let Some(stage) = Stage::with("docker foreign removed", &[], settings).await else { return };
    stage.run("web-1", &WEB).await;
    let second = stage.run("web-2", &WEB).await;
    let seen = stage.observe("web").await;
    assert_eq!(seen.instances.iter().filter(|one| one.protected).count(), 1, "the template");
    let down = stage.count("web", 1, "k1").await;
    assert_eq!(down.victims(), [&second[..12]]);
    stage.done(&down, remove(&second[..12])).await;
    assert_eq!(stage.containers().await.len(), 1);
}
