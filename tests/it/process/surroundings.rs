//! What a command finds around it, and what the driver refuses to begin.

use std::fs;

use trimtab::drivers::Driver;
use trimtab::drivers::Step;
use trimtab::drivers::process::{ProcessConfig, ProcessDriver};
use trimtab::snapshot::Phase;

use super::rig::{Rig, chain, decision, until};

#[tokio::test(flavor = "multi_thread")]
async fn environment_user_directory_and_output_are_as_asked() {
    let folder = tempfile::tempdir().unwrap();
    let script = "id -u; id -g; pwd; env; echo to-error >&2; exec sleep 1000";
    let mut config = format!(
        "[workload.web]\ncommand = ['sh', '-c', '{script}']\nenv = {{ GREETING = 'hello' }}\ncwd = '/usr'\nports = '26000-26999'\noutput_dir = {:?}\n",
        folder.path().display().to_string()
    );
    let root = rustix::process::geteuid().is_root();
    if root {
        config.push_str("user = 65534\n");
    }
    let rig = Rig::new(&config);
    rig.create("web", "web-1").await;
    let out = folder.path().join("web/web-1.out");
    let err = folder.path().join("web/web-1.err");
    until("it has written", || fs::read_to_string(&err).is_ok_and(|text| text.contains("to-error"))).await;
    let text = fs::read_to_string(&out).unwrap();
    let mut lines = text.lines();
    if root {
        assert_eq!((lines.next(), lines.next()), (Some("65534"), Some("65534")));
    } else {
        lines.nth(1);
    }
    assert_eq!(lines.next(), Some("/usr"));
    let variables: Vec<&str> = lines.filter_map(|line| line.split('=').next()).collect();
    for wanted in ["GREETING", "PORT", "TRIMTAB_PORT", "TRIMTAB_HOST", "TRIMTAB_TARGET", "TRIMTAB_INSTANCE", "PATH"] {
        assert!(variables.contains(&wanted), "{wanted} is missing: {variables:?}");
    }
    assert!(!variables.iter().any(|name| name.starts_with("CARGO")), "the host's own environment stays with it");
    assert_eq!(rig.instance("web", "web-1").await.phase, Phase::Ready);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_output_is_set_aside_and_old_output_goes() {
    let rig = Rig::new(
        "[workload.web]\ncommand = ['sh', '-c', 'echo 0123456789; exec sleep 1000']\noutput_bytes_max = '5'\noutput_kept = 1\n",
    );
    let output = rig.state().join("web/output");
    let written = |name: &str| fs::read_to_string(output.join(name)).is_ok_and(|text| text == "0123456789\n");
    rig.create("web", "web-1").await;
    until("it has written", || written("web-1.out")).await;
    rig.done(&decision("web"), Step::Restart { instance: "web-1".to_owned() }).await;
    until("it has written again", || written("web-1.out")).await;
    assert!(written("web-1.out.1"));

    for number in 2..=4 {
        rig.create("web", &format!("web-{number}")).await;
        rig.done(&decision("web"), Step::Remove { instance: format!("web-{number}") }).await;
    }
    let kept = fs::read_dir(&output).unwrap().count();
    assert!(kept <= 3 + 2, "those of the living and of one dead, not {kept}");
    assert!(written("web-1.out"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_started_says_why_and_leaves_nothing() {
    let rig = Rig::new(
        "[workload.nothing]\ncommand = ['/does/not/exist']\n[workload.nowhere]\ncommand = ['sleep', '1']\ncwd = '/does/not/exist'\n[workload.web]\ncommand = ['sleep', '1000']\n",
    );
    for (workload, why) in
        [("nothing", "cannot run /does/not/exist: No such file"), ("nowhere", "working directory /does/not/exist")]
    {
        let refusal = rig.take(&decision(workload), Step::Create { instance: "one".to_owned() }).await.unwrap_err();
        assert!(refusal.contains(why), "{refusal}");
        let target = rig.observe(workload).await;
        assert!(target.instances.is_empty());
        assert!(target.back_off_until_ms.is_some(), "and repairs wait");
    }
    rig.create("web", "web-1").await;
    assert_eq!(rig.instance("web", "web-1").await.phase, Phase::Ready);
    let complaint = chain(&rig.driver.check().await.unwrap_err());
    assert!(complaint.contains("there is no program /does/not/exist"), "{complaint}");
}

#[test]
fn a_state_folder_that_cannot_be_written_is_an_error_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for place in [file.as_path(), std::path::Path::new("/proc/1")] {
        let error = chain(&ProcessDriver::open("local", ProcessConfig::default(), place).unwrap_err());
        assert!(
            error.contains("local could not make its state folder") && error.contains(&place.display().to_string()),
            "{error}"
        );
    }
}

#[test]
fn malformed_workloads_are_refused_with_every_complaint() {
    let shapes = [
        ("command = 'sleep'", "expected a sequence"),
        ("command = ['sleep']\ncomand = ['x']", "unknown field `comand`"),
        ("command = ['sleep']\ngrace = '10 parsecs'", "not a unit of a duration"),
        ("command = ['sleep']\ngrace = 'soon'", "not a duration"),
        ("command = ['sleep']\ngrace = 15", "has no unit"),
        ("command = ['sleep']\nlimits = { cpu = 'much' }", "not an amount of CPU"),
        ("command = ['sleep']\nlimits = { memory = '-1Mi' }", "not an amount of memory"),
        ("command = ['sleep']\nports = '9-1'", "not a range of ports"),
        ("command = ['sleep']\nhealth = 'magic'", "unknown variant `magic`"),
        ("command = ['sleep']\nstop_signal = 'WINCH'", "unknown variant `WINCH`"),
        ("replicas = 1", "missing field `command`"),
    ];
    for (text, why) in shapes {
        let error = toml::from_str::<ProcessConfig>(&format!("[workload.web]\n{text}\n")).unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
    let text = "[workload.web]\ncommand = ['']\ncwd = 'here'\nhealth = { http = { path = 'x', interval = '1ms' } }\n\
                env = { TRIMTAB_HOST = 'a', SECRET = 'hush' }\nlimits = { cpu = '100m' }\nrequests = { cpu = '1' }\n\
                restart = { min = '1h', factor = 0.5 }\ngrace = '9999999d'\nreplicas = 5\ninstances_max = 2\n[workload.'../evil']\ncommand = ['x']\n";
    let config: ProcessConfig = toml::from_str(text).unwrap();
    assert!(!format!("{config:?}").contains("hush"), "values of the environment are never printed");
    let complaints = config.complaints();
    for wanted in [
        "web.command",
        "web.cwd",
        "web.health: needs a port",
        "web.health: interval",
        "web.health.http.path",
        "web.env.TRIMTAB_HOST",
        "web.requests.cpu",
        "web.restart.factor",
        "web.restart.min",
        "web.replicas",
        "web.grace: is more than a week",
        "../evil",
    ] {
        assert!(complaints.iter().any(|complaint| complaint.contains(wanted)), "{wanted}: {complaints:#?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let error = ProcessDriver::open("local", config, folder.path()).unwrap_err().to_string();
    assert!(error.contains("web.cwd") && !error.contains("hush"), "{error}");
}
