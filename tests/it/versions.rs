//! The life of a policy in a running host, from the command line: pushed, tried, watching, compared, active, failing, gone back
//! from; and the host started again with all of it.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::cli::{Desk, Ran};
use crate::host::Host;

const PATIENCE: Duration = Duration::from_secs(60);
const NAME: &str = "guest-wat";
const TARGET: &str = "local/web";

/// The binding, which can be made once there is a version of its policy.
const BINDING: &str = r#"
[binding.web]
select = { driver = "local" }
every = "100ms"
replicas = { min = 0, max = 0 }
[[binding.web.reading]]
name = "load"
source = "page"
query = "/load"
[[binding.web.policy]]
use = "guest-wat"
params = { reading = "load", target = 10.0 }
"#;

/// A page that says the load; ends with the test's process.
pub(crate) fn page() -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let load = Arc::new(AtomicU32::new(30));
    let told = Arc::clone(&load);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let body = format!("{{\"load\": {}}}", told.load(Ordering::Relaxed));
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length:";
            let _ = write!(stream, "{head} {}\r\n\r\n{body}", body.len());
        }
    });
    (address, load)
}

/// The guest in WAT as another version that decides otherwise.
pub(crate) fn version(number: u8, change: impl Fn(&str) -> String) -> Vec<u8> {
    let text = include_str!("../guests/wat/policy.wat");
    let text = text.replacen("(module", "(module (@custom \"trimtab:string-encoding\" \"utf8\")", 1);
    let text =
        text.replacen("(data (i32.const 1040) \"0.1.0\")", &format!("(data (i32.const 1040) \"0.{number}.0\")"), 1);
    let changed = change(&text);
    assert!(number == 1 || changed != text, "the guest in WAT reads otherwise now");
    wat::parse_str(changed).unwrap()
}

/// Asks for one replica more than it should.
pub(crate) fn one_more(text: &str) -> String {
    let divided = "(i32.trunc_sat_f64_u (f64.ceil (f64.div (local.get $total) (local.get $target))))";
    text.replacen(divided, &format!("(i32.add (i32.const 1) {divided})"), 1)
}

/// Falls over a load of more than fifty.
pub(crate) fn fragile(text: &str) -> String {
    let read = "(local.set $total (call $latest (local.get $snapshot)))";
    let trap = "(if (f64.gt (local.get $total) (f64.const 50)) (then unreachable))";
    text.replacen(read, &format!("{read} {trap}"), 1)
}

struct Stage {
    desk: Desk,
    host: Host,
    address: String,
    load: Arc<AtomicU32>,
}

impl Stage {
    fn open() -> Self {
        let (desk, (page, load)) = (Desk::new(), page());
        let data = desk.path().join("data");
        let text = format!(
            "data_dir = {data:?}\n[api]\nlisten = \"127.0.0.1:0\"\n[driver.local.process]\ncgroups = false\n\
             [driver.local.process.workload.web]\ncommand = [\"sleep\", \"1000\"]\nreplicas = 0\n\
             [source.page.http-json]\nurl = \"http://{page}/\"\n"
        );
        let file = desk.put("trimtab.toml", &text);
        let host = Host::start(&file);
        let address = format!("http://{}", host.address());
        Self { desk, host, address, load }
    }

    /// The host ends in order, and another starts.
    fn restart(mut self) -> Self {
        self.host.tell(Signal::TERM);
        assert!(self.host.child.wait().unwrap().success());
        let host = Host::start(&self.desk.path().join("trimtab.toml"));
        let address = format!("http://{}", host.address());
        Self { host, address, ..self }
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.desk.run(&[args, &["--host", &self.address]].concat())
    }

    fn fine(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.out, ran.err);
        ran.out
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.fine(&[args, &["--json"]].concat())).unwrap()
    }

    /// Waits until it is so.
    fn until(&self, what: &str, so: impl FnMut() -> bool) {
        self.within(PATIENCE, what, so);
    }

    fn within(&self, patience: Duration, what: &str, mut so: impl FnMut() -> bool) {
        let end = Instant::now() + patience;
        while !so() {
            assert!(Instant::now() < end, "{what}\n{}", self.run(&["target", "show", TARGET]).out);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Pushes a version, which must come to be tried; its digest.
    fn push(&self, number: u8, change: impl Fn(&str) -> String) -> String {
        let file = self.desk.path().join(format!("v{number}.wasm"));
        std::fs::write(&file, version(number, change)).unwrap();
        self.fine(&["policy", "push", file.to_str().unwrap()]);
        let versions = self.versions();
        let mine = versions.iter().find(|version| version["version"] == format!("0.{number}.0")).unwrap();
        assert_eq!(mine["state"], "tried", "{mine}");
        mine["digest"].as_str().unwrap().to_owned()
    }

    fn versions(&self) -> Vec<Value> {
        let listed = self.json(&["policy", "list"]);
        listed.as_array().unwrap().iter().filter(|version| version["name"] == NAME).cloned().collect()
    }

    fn state(&self, digest: &str) -> String {
        let versions = self.versions();
        let mine = versions.iter().find(|version| version["digest"] == digest);
        mine.map(|version| version["state"].as_str().unwrap().to_owned()).unwrap_or_default()
    }

    /// The digest that the target's last turn asked.
    fn asked(&self) -> Option<String> {
        let ran = self.run(&["target", "show", TARGET, "--json"]);
        // A host that has just started has not seen it yet.
        let shown: Value = (ran.code == 0).then(|| serde_json::from_str(&ran.out).unwrap())?;
        Some(shown["seats"][0]["slots"][0]["digest"].as_str()?.to_owned())
    }

    fn turns(&self) -> usize {
        self.json(&["decision", "list", "--target", TARGET, "--limit", "1000"]).as_array().unwrap().len()
    }
}

#[test]
fn a_version_is_pushed_watches_is_compared_acts_fails_and_is_gone_back_from() {
    let stage = Stage::open();
    let first = stage.push(1, str::to_owned);
    stage.fine(&["policy", "activate", NAME, &first]);
    let binding = stage.desk.put("web.toml", BINDING);
    stage.fine(&["binding", "put", binding.to_str().unwrap()]);
    stage.until("the first turn", || stage.asked().as_ref() == Some(&first));

    // One that wants more watches, and is found to differ by one.
    let second = stage.push(2, one_more);
    stage.fine(&["policy", "shadow", NAME, &second]);
    stage.until("it watches", || stage.state(&second) == "shadow");
    let compared = || stage.json(&["policy", "compare", &first, &second, "--target", TARGET, "--since", "1h"]);
    stage.until("both were asked", || compared()["b"]["recorded"].as_u64().is_some_and(|both| both >= 3));
    let told = compared();
    assert_eq!(told["agreed"], 0, "{told:#}");
    stage.fine(&["policy", "shadow", NAME, &second, "--remove"]);
    assert_eq!(stage.state(&second), "tried");

    // One that falls over a load that it has not seen yet is tried in vain, acts, fails, and is gone back from by itself.
    let third = stage.push(3, fragile);
    stage.fine(&["policy", "activate", NAME, &third, "--rollback-on-fault"]);
    stage.until("it acts", || stage.asked().as_ref() == Some(&third));
    stage.load.store(80, Ordering::Relaxed);
    stage.until("it is gone back from", || stage.asked().as_ref() == Some(&first));
    assert_eq!(stage.state(&first), "active");
    let trail = stage.json(&["trail"]);
    let automatic = trail.as_array().unwrap().iter().find(|row| row["who"].to_string().contains("automatic"));
    assert!(automatic.is_some(), "{trail:#}");
    let story = stage.fine(&["explain", TARGET, "--last", "200"]);
    assert!(story.contains("trapped") && story.contains("0.3.0"), "{story}");

    // All that was recorded comes to the same bytes again.
    let played = stage.json(&["replay", "--target", TARGET, "--since", "1h"]);
    assert_eq!(played["tally"]["defects"], 0, "{played:#}");
    assert!(played["tally"]["identical"].as_u64().unwrap() > 3, "{played:#}");

    // Another start finds it all.
    let turns = stage.turns();
    let stage = stage.restart();
    stage.until("the first turn of the second host", || stage.asked().is_some());
    assert!(stage.turns() >= turns, "what was recorded is there");
    assert_eq!((stage.state(&first), stage.state(&third)), ("active".to_owned(), "retired".to_owned()));
    assert_eq!(stage.asked().unwrap(), first);
}

#[test]
fn a_version_that_fails_for_long_is_put_in_quarantine_until_a_person_goes_back() {
    if std::env::var_os("TRIMTAB_LONG").is_none() {
        // A minute of faults takes a minute; the stories of the supervisor tell it in time of their own.
        return;
    }
    let stage = Stage::open();
    let first = stage.push(1, str::to_owned);
    stage.fine(&["policy", "activate", NAME, &first]);
    let binding = stage.desk.put("web.toml", BINDING);
    stage.fine(&["binding", "put", binding.to_str().unwrap()]);
    let third = stage.push(3, fragile);
    stage.fine(&["policy", "activate", NAME, &third]);
    stage.until("it acts", || stage.asked().as_ref() == Some(&third));
    stage.load.store(80, Ordering::Relaxed);
    let quarantined =
        || stage.json(&["target", "show", TARGET])["seats"][0]["slots"][0]["quarantined_until_ms"].is_u64();
    stage.within(3 * PATIENCE, "quarantine", quarantined);
    stage.fine(&["policy", "rollback", NAME]);
    stage.until("the version before answers", || stage.asked().as_ref() == Some(&first) && !quarantined());
}
