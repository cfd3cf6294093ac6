//! A host that runs and is told by SIGHUP to read its configuration again.

use std::path::Path;

use rustix::process::Signal;

use crate::host::Host;

/// A host whose workload is never started: nothing is left behind.
fn config(data_dir: &Path, every: &str) -> String {
    let data_dir = data_dir.display();
    format!(
        r#"data_dir = "{data_dir}"
[api]
listen = "127.0.0.1:0"
[driver.local.process]
cgroups = false
[driver.local.process.workload.web]
command = ["sleep", "1000"]
[source.page.http-json]
url = "http://127.0.0.1:9/"
[binding.web]
select = {{ driver = "local" }}
every = "{every}"
replicas = {{ min = 0, max = 0 }}
[[binding.web.reading]]
name = "load"
source = "page"
query = "/load"
[[binding.web.policy]]
use = "target-tracking"
params = {{ reading = "load", target = 10 }}
"#
    )
}

#[test]
fn sighup_puts_a_good_file_into_force_and_refuses_a_bad_one() {
    let folder = tempfile::tempdir().unwrap();
    let (file, data_dir) = (folder.path().join("trimtab.toml"), folder.path().join("data"));
    std::fs::write(&file, config(&data_dir, "1h")).unwrap();
    let mut host = Host::start(&file);
    host.says("running");

    std::fs::write(&file, config(&data_dir, "soon").replace("target = 10", "tarket = 10")).unwrap();
    host.tell(Signal::HUP);
    let refused = host.says("is refused, the old one stays in force");
    assert!(refused.contains("every"), "{refused}");

    let elsewhere = config(&folder.path().join("elsewhere"), "30m");
    std::fs::write(&file, elsewhere).unwrap();
    host.tell(Signal::HUP);
    let taken = host.says("was read again and is in force");
    assert!(taken.contains("changed=[\"web\"]") && taken.contains("needs_restart=[\"data_dir\"]"), "{taken}");

    host.tell(Signal::TERM);
    host.says("ended in order");
    assert!(host.child.wait().unwrap().success());
}
