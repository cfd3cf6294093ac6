//! A host that ends, in order or not, and is started again: all that people told it, all that it knows and all that runs is as
//! it was.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::cli::{Desk, Ran};
use crate::host::Host;
use crate::kill::{kill_marked, marked};
use crate::versions::{fragile, one_more, page, version};

const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
const NAME: &str = "guest-wat";
/// The load at first, and the instances that it takes; the file says that one is wanted.
const LOAD: (u32, usize) = (20, 2);
/// The host goes on for so long after its start before all is looked at again: five turns.
const TURNS_MS: u64 = 500;

/// A binding that uses whichever version is active of what was uploaded.
const BINDING: &str = r#"
[binding.NAME]
select = { id = "local/NAME" }
every = "100ms"
replicas = { min = 0, max = 0 }
[[binding.NAME.reading]]
name = "load"
source = "page"
query = "/load"
[[binding.NAME.policy]]
use = "guest-wat"
params = { reading = "load", target = 10.0 }
"#;

/// One that comes from the file, and has instances.
const WEB: &str = r#"
[driver.local.process.workload.web]
command = ["sleep", "100000"]
[driver.local.process.workload.api]
command = ["sleep", "100000"]
replicas = 0
[driver.local.process.workload.batch]
command = ["sleep", "100000"]
replicas = 0
[binding.web]
select = { id = "local/web" }
every = "100ms"
replicas = { min = 1, max = 4 }
[[binding.web.reading]]
name = "load"
source = "page"
query = "/load"
[[binding.web.policy]]
use = "target-tracking"
params = { reading = "load", target = 10.0 }
"#;

/// A folder, a configuration and a page; ends whatever was started from it.
struct Stage {
    desk: Desk,
    /// None: it was ended.
    host: Option<Host>,
    address: String,
    load: Arc<AtomicU32>,
}

impl Stage {
    fn open() -> Self {
        let (desk, (page, load)) = (Desk::new(), page());
        load.store(LOAD.0, Ordering::Relaxed);
        let data = desk.path().join("data");
        let text = format!(
            "data_dir = {data:?}\n[api]\nlisten = \"127.0.0.1:0\"\n[driver.local.process]\ncgroups = false\n\
             [source.page.http-json]\nurl = \"http://{page}/\"\n{WEB}"
        );
        desk.put("trimtab.toml", &text);
        let mut stage = Self { desk, host: None, address: String::new(), load };
        stage.start();
        stage
    }

    /// Starts a host, and waits until it has seen every target.
    fn start(&mut self) {
        let host = Host::start(&self.desk.path().join("trimtab.toml"));
        self.address = host.address();
        self.host = Some(host);
        self.until("all targets are seen", || {
            let ran = self.run(&["target", "list", "--json"]);
            ran.code == 0 && ran.out.matches("\"id\"").count() == 3
        });
    }

    fn end(&mut self, signal: Signal) {
        let mut host = self.host.take().unwrap();
        host.tell(signal);
        let ended = host.child.wait().unwrap();
        assert_eq!(ended.success(), signal == Signal::TERM, "{ended}");
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.desk.run(&[args, &["--host", &format!("http://{}", self.address)]].concat())
    }

    fn fine(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.out, ran.err);
        ran.out
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.fine(&[args, &["--json"]].concat())).unwrap()
    }

    fn until(&self, what: &str, mut so: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !so() {
            assert!(Instant::now() < end, "{what}\n{}", self.run(&["target", "list"]).out);
            std::thread::sleep(POLL);
        }
    }

    /// Pushes a version, which must come to be tried; its digest.
    fn push(&self, number: u8, change: impl Fn(&str) -> String) -> String {
        let file = self.desk.path().join(format!("v{number}.wasm"));
        std::fs::write(&file, version(number, change)).unwrap();
        let pushed = self.json(&["policy", "push", file.to_str().unwrap()]);
        assert_eq!(pushed[0]["state"], "tried", "{pushed}");
        pushed[0]["digest"].as_str().unwrap().to_owned()
    }

    /// Makes a token, and puts it into a file; its id.
    fn token(&self, name: &str, args: &[&str]) -> String {
        let made = self.json(&[&["token", "create", name], args].concat());
        self.desk.put(&format!("{name}.token"), made["secret"].as_str().unwrap());
        let id = made["secret"].as_str().unwrap().split('_').nth(1).unwrap();
        id.to_owned()
    }

    /// What the host says to the holder of this token.
    fn run_as(&self, name: &str, args: &[&str]) -> Ran {
        let file = self.desk.path().join(format!("{name}.token"));
        self.run(&[args, &["--token-file", file.to_str().unwrap()]].concat())
    }

    /// The version of a binding as a condition of the next change is to say it.
    fn etag(&self, binding: &str) -> String {
        let token = std::fs::read_to_string(self.desk.path().join("data/admin.token")).unwrap();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!("GET /v1/bindings/{binding} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        write!(stream, "{head}authorization: Bearer {}\r\n\r\n", token.trim()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let etag = answer.lines().find_map(|line| line.strip_prefix("etag: "));
        etag.unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    fn state(&self) -> PathBuf {
        self.desk.path().join("data/process/local")
    }

    /// Processes that run for the host, by instance.
    fn instances(&self) -> BTreeMap<String, i32> {
        let running = marked(&self.state());
        let by_name: BTreeMap<String, i32> = running.iter().map(|(pid, id, _)| (id.clone(), *pid)).collect();
        assert_eq!(by_name.len(), running.len(), "an instance runs twice: {running:?}");
        by_name
    }

    /// Ids of all turns of a target.
    fn turns(&self, target: &str) -> Vec<String> {
        let turns = self.json(&["decision", "list", "--target", target, "--limit", "10000"]);
        turns.as_array().unwrap().iter().map(|turn| turn["id"].as_str().unwrap().to_owned()).collect()
    }

    /// All that is to outlive the host, as it tells it.
    fn picture(&self) -> BTreeMap<String, Value> {
        let mut seen = BTreeMap::from([
            ("etags".to_owned(), json!([self.etag("api"), self.etag("batch")])),
            ("instances".to_owned(), json!(self.instances())),
            ("changes".to_owned(), self.json(&["decision", "list", "--kind", "acted", "--limit", "1000"])),
        ]);
        for line in ["policy list", "token list", "alert list", "trail --limit 1000"] {
            seen.insert(line.to_owned(), self.json(&line.split(' ').collect::<Vec<_>>()));
        }
        for binding in ["web", "api", "batch"] {
            seen.insert(format!("binding {binding}"), self.json(&["binding", "show", binding]));
            let shown = self.json(&["target", "show", &format!("local/{binding}")]);
            let ids = shown["instances"].as_array().unwrap().iter().map(|instance| &instance["id"]);
            let target = json!({
                "desired": shown["target"]["desired"], "total": shown["target"]["total"], "instances": ids.collect::<Vec<_>>(),
                "pause": shown["pause"], "pin": shown["pin"], "in_flight": shown["in_flight"],
            });
            seen.insert(format!("target {binding}"), target);
        }
        let mut active = self.json(&["policy", "show", NAME])["active"].take();
        // What a version that watches was asked since is another matter.
        let shadows = active["shadows"].as_array_mut().unwrap();
        shadows.iter_mut().for_each(|shadow| *shadow = json!([shadow["digest"], shadow["binding"]]));
        seen.insert("active".to_owned(), active);
        for version in self.json(&["policy", "list"]).as_array().unwrap() {
            let digest = version["digest"].as_str().unwrap();
            if version["state"] != "rejected" {
                seen.insert(format!("grants of {digest}"), self.json(&["policy", "grants", digest]));
            }
        }
        let told = self.fine(&["target", "list"]);
        seen.insert("freeze".to_owned(), told.lines().next().unwrap().into());
        seen
    }

    /// Says and does all that is to outlive the host.
    fn furnish(&self) {
        self.until("the load has its instances", || self.instances().len() == LOAD.1);

        let [first, second, third, _fourth] = [
            self.push(1, str::to_owned),
            self.push(2, one_more),
            self.push(3, fragile),
            self.push(4, |text| one_more(&fragile(text))),
        ];
        self.fine(&["policy", "activate", NAME, &first]);
        for binding in ["api", "batch"] {
            let file = self.desk.put(&format!("{binding}.toml"), &BINDING.replace("NAME", binding));
            self.fine(&["binding", "put", file.to_str().unwrap()]);
        }
        // Another version of the binding, and another of the policy for it alone.
        self.fine(&["binding", "put", self.desk.path().join("api.toml").to_str().unwrap()]);
        self.fine(&["policy", "activate", NAME, &second, "--binding", "api"]);
        self.fine(&["policy", "shadow", NAME, &third, "--binding", "api"]);
        self.fine(&["policy", "grants", &first, "--kinds", "scale", "--bindings", "batch"]);
        self.desk.put("text.wasm", "not WebAssembly at all");
        assert_eq!(self.run(&["policy", "push", self.desk.path().join("text.wasm").to_str().unwrap()]).code, 4);

        self.token("ci", &["--role", "author", "--binding", "api", "--for", "30d"]);
        let gone = self.token("gone", &["--role", "operator"]);
        self.fine(&["token", "revoke", &gone]);
        self.fine(&[
            "alert",
            "send",
            "QueueGrows",
            "--target",
            "local/api",
            "--expires",
            "1h",
            "--label",
            "queue=mail",
        ]);
        self.fine(&["target", "pause", "local/api", "--for", "1h"]);
        self.fine(&["target", "scale", "local/web", "2", "--for", "2h"]);
        let asked = |target: &str, digest: &str| {
            self.json(&["target", "show", target])["seats"][0]["slots"][0]["digest"] == digest
        };
        self.until("both versions are asked", || asked("local/api", &second) && asked("local/batch", &first));
        self.fine(&["freeze", "--why", "the house moves"]);
        // What was frozen must not move, however loud it gets.
        self.load.store(40, Ordering::Relaxed);
    }

    /// Who may come in, may; who may not any more, may not.
    fn check_tokens(&self) {
        let seen = self.run_as("ci", &["target", "list", "--json"]);
        assert_eq!(seen.code, 0, "{}", seen.err);
        assert!(seen.out.contains("local/api") && !seen.out.contains("local/web"), "{}", seen.out);
        let thaw = self.run_as("ci", &["thaw"]);
        assert!(thaw.code == 2 && thaw.err.contains("(role-too-low)"), "{}", thaw.err);
        let gone = self.run_as("gone", &["target", "list"]);
        assert!(gone.code == 2 && gone.err.contains("(token-revoked)"), "{}", gone.err);
    }
}

impl Drop for Stage {
    /// Also after a failed check: nothing outlives the test.
    fn drop(&mut self) {
        self.host = None;
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            let left = marked(&self.state());
            if left.is_empty() || Instant::now() > end {
                break;
            }
            left.iter().for_each(|(pid, _, _)| kill_marked(&self.state(), *pid));
            std::thread::sleep(POLL);
        }
    }
}

/// All is the same, and where it is not, it says what.
fn check_same(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) {
    let differs = |key: &&String| before.get(*key) != after.get(*key);
    if let Some(key) = before.keys().chain(after.keys()).find(differs) {
        let text = |side: &BTreeMap<String, Value>| format!("{:#}", side.get(key).unwrap_or(&Value::Null));
        panic!("{key} is not as it was\nbefore: {}\nafter: {}", text(before), text(after));
    }
}

fn all_is_as_it_was_after(signal: Signal) {
    let mut stage = Stage::open();
    stage.furnish();
    stage.check_tokens();
    // What was begun before the freeze is seen through.
    stage.until("nothing is in flight", || {
        let targets = stage.json(&["target", "list"]);
        targets.as_array().unwrap().iter().all(|target| target["changing"] == false)
    });
    let (before, turns) = (stage.picture(), stage.turns("local/web"));
    assert_eq!(before["instances"].as_object().unwrap().len(), LOAD.1, "{before:#?}");
    assert_eq!(before["target web"]["desired"], LOAD.1, "{before:#?}");
    for text in ["EVERYTHING IS FROZEN", "the house moves"] {
        assert!(before["freeze"].as_str().unwrap().contains(text), "{before:#?}");
    }
    let mut states: Vec<String> = Vec::new();
    for version in before["policy list"].as_array().unwrap() {
        states.push(version["state"].as_str().unwrap().to_owned());
    }
    states.sort();
    assert_eq!(states, ["active", "active", "rejected", "shadow", "tried"]);

    stage.end(signal);
    assert_eq!(json!(stage.instances()), before["instances"], "they outlive the host");
    stage.start();
    check_same(&before, &stage.picture());
    stage.check_tokens();
    let turn = || stage.json(&["target", "show", "local/web"])["seats"][0]["turn_ms"].as_u64().unwrap();
    let first = turn();
    stage.until("the new host has made turns", || turn() >= first + TURNS_MS);
    check_same(&before, &stage.picture());
    let known = stage.turns("local/web");
    let lost: Vec<&String> = turns.iter().filter(|turn| !known.contains(turn)).collect();
    assert!(lost.is_empty(), "turns are lost: {lost:?}");

    // What was stopped goes on from there: the louder page is heard once nothing holds it back.
    stage.fine(&["thaw"]);
    stage.fine(&["target", "unscale", "local/web"]);
    stage.until("it goes on", || stage.instances().len() == 4);
    let (instances, adopted) = (stage.instances(), before["instances"].as_object().unwrap());
    assert!(
        adopted.iter().all(|(id, pid)| instances.get(id).is_some_and(|now| pid == now)),
        "{instances:?} {adopted:?}"
    );
}

#[test]
fn all_is_as_it_was_after_an_end_in_order() {
    all_is_as_it_was_after(Signal::TERM);
}

#[test]
fn all_is_as_it_was_after_a_kill() {
    all_is_as_it_was_after(Signal::KILL);
}
