//! What survives the loss of the host, of files, of processes.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use trimtab::drivers::{Driver, Step, StepState};
use trimtab::snapshot::{Inventory, Phase};

use super::rig::{Rig, alive, decision, kill, marked, now_ms, pid_of, until};
use super::worker;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_host_finds_what_the_old_one_started() {
    let mut rig = Rig::new("[workload.web]\ncommand = ['sleep', '1000']\nports = '21000-21999'\n");
    rig.create("web", "web-1").await;
    let before = rig.instance("web", "web-1").await;
    rig.restart_host();
    let after = rig.instance("web", "web-1").await;
    assert_eq!((&after.handle, &after.address, after.phase), (&before.handle, &before.address, Phase::Ready));
    rig.create("web", "web-1").await;
    rig.create("web", "web-2").await;
    assert_eq!((rig.pids("web-1").len(), rig.pids("web-2").len()), (1, 1));
    assert_ne!(rig.instance("web", "web-2").await.address, after.address);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_killed_before_it_started_anything_leaves_a_pending_instance() {
    let mut rig = Rig::new("[workload.web]\ncommand = ['sleep', '1000']\n");
    let launcher = rig.config.launcher.replace("/bin/true".into());
    rig.restart_host();
    rig.create("web", "web-1").await;
    assert!(rig.pids("web-1").is_empty());

    rig.config.launcher = launcher;
    rig.restart_host();
    assert_eq!(rig.instance("web", "web-1").await.phase, Phase::Pending);
    rig.create("web", "web-1").await;
    assert_eq!(rig.instance("web", "web-1").await.phase, Phase::Ready);
    assert_eq!(rig.pids("web-1").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_whose_files_are_lost_are_known_by_their_environment() {
    let mut rig = Rig::new("[workload.web]\ncommand = ['sleep', '1000']\nports = '22000-22999'\n");
    rig.create("web", "web-1").await;
    let before = rig.instance("web", "web-1").await;
    fs::remove_dir_all(rig.state().join("web")).unwrap();
    rig.restart_host();
    // A create that knows of no file looks before it starts.
    rig.create("web", "web-1").await;
    let after = rig.instance("web", "web-1").await;
    assert_eq!((&after.handle, &after.address, &after.made_by), (&before.handle, &before.address, &before.made_by));
    assert_eq!(rig.pids("web-1").len(), 1);

    fs::remove_dir_all(rig.state().join("web")).unwrap();
    assert_eq!(rig.instance("web", "web-1").await.handle, before.handle, "and so does an observation");
    kill(pid_of(&before));
    rig.phase("web", "web-1", Phase::Failed).await;
    rig.done(&decision("web"), Step::Remove { instance: "web-1".to_owned() }).await;
    assert!(rig.pids("web-1").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_with_the_recorded_number_is_never_signalled() {
    let rig = Rig::new("[workload.web]\ncommand = ['sleep', '1000']\ngrace = '100ms'\n");
    rig.create("web", "web-1").await;
    kill(pid_of(&rig.instance("web", "web-1").await));
    rig.phase("web", "web-1", Phase::Failed).await;

    let mut stranger = Command::new("sleep").arg("1000").spawn().unwrap();
    let path = rig.state().join("web/web-1.pid");
    let mut pid: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    pid["process"]["pid"] = stranger.id().into();
    fs::write(&path, pid.to_string()).unwrap();

    let found = rig.instance("web", "web-1").await;
    assert_eq!((found.phase, found.handle), (Phase::Failed, None));
    rig.done(&decision("web"), Step::Stop { instance: "web-1".to_owned() }).await;
    rig.done(&decision("web"), Step::Remove { instance: "web-1".to_owned() }).await;
    let spared = alive(i32::try_from(stranger.id()).unwrap());
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert!(spared);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zombie_is_dead() {
    let mut rig = Rig::new("[workload.web]\ncommand = ['sleep', '1000']\n");
    rig.create("web", "web-1").await;
    let pid = pid_of(&rig.instance("web", "web-1").await);
    // The new host does not know that it is the parent: nobody reaps.
    rig.restart_host();
    kill(pid);
    until("it is a zombie", || !alive(pid)).await;
    assert!(procfs::process::Process::new(pid).is_ok(), "it is still in /proc");
    assert_eq!(rig.instance("web", "web-1").await.phase, Phase::Failed);
    rig.done(&decision("web"), Step::Remove { instance: "web-1".to_owned() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_disturbs_no_other_instance() {
    let rig = Rig::new("[workload.web]\ncommand = ['sleep', '1000']\n[workload.other]\ncommand = ['sleep', '1000']\n");
    for (workload, instance) in [("web", "web-1"), ("web", "web-2"), ("other", "other-1")] {
        rig.create(workload, instance).await;
    }
    fs::write(rig.state().join("web/web-1.json"), "{").unwrap();
    let observation = rig.driver.observe(now_ms()).await.unwrap();
    assert!(observation.unreadable.iter().any(|(name, _)| name == "local/web/web-1"), "{:?}", observation.unreadable);
    let web = rig.observe("web").await;
    assert!(matches!(web.inventory, Inventory::Partial { .. }));
    assert_eq!(web.instances.len(), 1);
    assert!(rig.observe("other").await.inventory.is_complete());

    // A workload whose own file is damaged is unreadable as a whole; the others go on.
    fs::write(rig.state().join("web/.workload.json"), "{").unwrap();
    let observation = rig.driver.observe(now_ms()).await.unwrap();
    assert_eq!(observation.targets.len(), 1);
    assert!(observation.unreadable.iter().any(|(name, _)| name == "local/web"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_that_left_the_config_is_reported_and_not_touched() {
    let mut rig = Rig::new("[workload.web]\ncommand = ['sleep', '1000']\n");
    rig.create("web", "web-1").await;
    rig.config.workload.clear();
    rig.restart_host();
    let observation = rig.driver.observe(now_ms()).await.unwrap();
    assert!(observation.targets.is_empty());
    let (name, why) = &observation.unreadable[0];
    assert!(name == "local/web" && why.contains("web-1"), "{why}");
    assert_eq!(rig.pids("web-1").len(), 1);
    rig.done(&decision("web"), Step::Remove { instance: "web-1".to_owned() }).await;
    assert!(rig.pids("web-1").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_killed_at_any_moment_has_doubled_and_lost_nothing() {
    let mut rig = Rig::new("[workload.web]\ncommand = ['sleep', '1000']\n");
    let config = toml::to_string(&rig.config).unwrap();
    for kill_after_ms in [3, 20, 47, 90, 160, 251] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([worker::NAME, "--exact", "--nocapture"]);
        command.env("PART", "host").env("CONFIG", &config).env("DATA", rig.dir.path());
        let mut host = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(kill_after_ms)).await;
        host.kill().unwrap();
        host.wait().unwrap();

        // At once: launchers that the dead host began may still be on their way.
        rig.restart_host();
        let found: Vec<String> = rig.observe("web").await.instances.into_iter().map(|instance| instance.id).collect();
        for instance in &found {
            rig.create("web", instance).await;
            assert_eq!(rig.instance("web", instance).await.phase, Phase::Ready);
        }
        for instance in &found {
            // A launcher that the dead host began may be on its way still: once all have come to their end, one is there.
            until("every launcher has come to its end", || rig.pids(instance).iter().all(|pid| !is_launcher(*pid)))
                .await;
            let pids = rig.pids(instance);
            assert_eq!(pids.len(), 1, "{instance} after {kill_after_ms} ms: {pids:?}");
        }
        let strays: Vec<_> = marked(&rig.host()).into_iter().filter(|(_, owner)| !found.contains(owner)).collect();
        assert!(strays.is_empty(), "{strays:?}");
    }
    assert!(!rig.observe("web").await.instances.is_empty(), "some were made");
}

fn is_launcher(pid: i32) -> bool {
    let stat = procfs::process::Process::new(pid).and_then(|process| process.stat());
    stat.is_ok_and(|stat| stat.state != 'Z' && stat.comm == "trimtab")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_is_none_of_the_drivers_is_refused_with_a_type() {
    let rig = Rig::new("[workload.web]\ncommand = ['sleep', '1000']\n");
    for step in [Step::SetCount, Step::Drain { instance: "web-1".to_owned() }] {
        assert!(matches!(rig.take(&decision("web"), step).await, Ok(StepState::Impossible { .. })));
    }
    let create = |instance: &str| Step::Create { instance: instance.to_owned() };
    for bad in ["../web-1", ".hidden", "a/b", &"x".repeat(300)] {
        assert!(rig.take(&decision("web"), create(bad)).await.unwrap_err().contains("file's name"));
    }
    assert!(rig.take(&decision("nobody"), create("web-1")).await.unwrap_err().contains("not in the config"));
}
