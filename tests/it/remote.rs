//! A running host, steered from the command line as a person would.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::cli::{ABSTAINS, Desk, Ran};
use crate::host::Host;

/// A host whose workloads are never started: nothing is left behind.
const CONFIG: &str = r#"
data_dir = "data"
[api]
listen = "127.0.0.1:0"
[driver.local.process]
cgroups = false
[driver.local.process.workload.web]
command = ["sleep", "1000"]
replicas = 0
labels = { app = "web" }
[driver.local.process.workload.api]
command = ["sleep", "1000"]
replicas = 0
labels = { app = "api" }
[source.page.http-json]
url = "http://127.0.0.1:9/"
[source.app.push]
[binding.web]
select = { driver = "local", labels = { app = "web" } }
every = "200ms"
replicas = { min = 0, max = 0 }
[[binding.web.reading]]
name = "load"
source = "page"
query = "/load"
[[binding.web.reading]]
name = "queue_depth"
source = "app"
[[binding.web.policy]]
use = "target-tracking"
params = { reading = "load", target = 10 }
"#;

const PATIENCE: Duration = Duration::from_secs(60);

/// A host that runs, and a desk to speak to it from.
struct Room {
    desk: Desk,
    host: Host,
    address: String,
}

impl Room {
    fn open() -> Self {
        let desk = Desk::new();
        let file = desk.put("trimtab.toml", &CONFIG.replace("\"data\"", &format!("{:?}", desk.path().join("data"))));
        let host = Host::start(&file);
        let address = host.address();
        let room = Self { desk, host, address: format!("http://{address}") };
        // Until both targets had been seen.
        let end = Instant::now() + PATIENCE;
        while room.run(&["target", "show", "local/web"]).code != 0 || room.run(&["status"]).code != 0 {
            assert!(Instant::now() < end, "{}", room.run(&["status"]).err);
            std::thread::sleep(Duration::from_millis(50));
        }
        room
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.desk.run(&[args, &["--host", &self.address]].concat())
    }

    /// Runs it, and shows it as a person would see it, with what differs from run to run replaced.
    fn shows(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        // What is said on the way depends on how fast the host is.
        let said = if ran.code == 0 { ran.out } else { ran.err };
        format!("$ trimtab {}  ⇒ {}\n{}\n", args.join(" "), ran.code, self.plain(&said))
    }

    fn json(&self, args: &[&str]) -> serde_json::Value {
        let ran = self.run(&[args, &["--json"]].concat());
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
        serde_json::from_str(&ran.out).unwrap()
    }

    fn plain(&self, text: &str) -> String {
        let token = std::fs::read_to_string(self.desk.path().join("data/admin.token")).unwrap();
        let id = token.trim().split('_').nth(1).unwrap().to_owned();
        let text = text.replace(&id, "0123456789abcdef").replace(&self.address, "HOST");
        let chars: Vec<char> = text.chars().collect();
        let mut plain = String::new();
        let mut at = 0;
        while at < chars.len() {
            // Times have one form and one length.
            let time = chars.get(at..at + 20).filter(|time| time[10] == 'T' && time[19] == 'Z' && time[4] == '-');
            plain.push_str(&time.map_or_else(|| chars[at].to_string(), |_| "0000-00-00T00:00:00Z".to_owned()));
            at += if time.is_some() { 20 } else { 1 };
        }
        plain
    }

    /// Policies of one name: `probe` 1.0.0 and 2.0.0.
    fn probes(&self) {
        for (file, version) in [("one.wasm", "1.0.0"), ("two.wasm", "2.0.0")] {
            let text = ABSTAINS.replace("1.0.0", version).replace("EVALUATE", "(i32.const 256)");
            std::fs::write(self.desk.path().join(file), wat::parse_str(text).unwrap()).unwrap();
        }
    }
}

#[test]
fn a_day_at_the_desk() {
    let room = Room::open();
    room.probes();
    let mut day = String::new();
    for line in [
        "policy push one.wasm two.wasm --encoding utf8",
        "policy push one.wasm --encoding utf8",
        "policy list",
        "policy activate probe 1.0.0",
        "policy activate probe 2.0.0",
        "policy show probe",
        "target pause local/web --for 1h",
        "target list",
        "target resume local/web",
        "target scale local/web 3",
        "target scale local/web 0 --for 2h",
        "target unscale local/web",
        "freeze --why migration",
        "binding list",
        "status",
        "thaw",
        "policy rollback probe",
        "policy remove ffff",
        "reload",
    ] {
        day.push_str(&room.shows(&line.split(' ').collect::<Vec<_>>()));
    }
    insta::assert_snapshot!(day);

    let changes = room.json(&["trail"]);
    let what = |change: &serde_json::Value| change["object"].as_str().unwrap().to_owned();
    let objects: Vec<String> = changes.as_array().unwrap().iter().map(what).collect();
    assert_eq!(objects[..3], ["configuration", "policy probe", "freeze"].map(str::to_owned));
    assert_eq!(room.json(&["policy", "job"]).as_array().unwrap().len(), 2);
    let missing = room.run(&["target", "show", "local/none"]);
    assert_eq!(missing.code, 3, "{}", missing.err);
    let no_such_token = room.desk.put("no.token", "trimtab_0000000000000000_00");
    let refused = room.run(&["status", "--token-file", no_such_token.to_str().unwrap()]);
    assert_eq!(refused.code, 2, "{}", refused.err);
}

#[test]
fn what_is_no_policy_is_refused_with_its_remedy_and_ends_with_4() {
    let room = Room::open();
    room.desk.put("text.wasm", "not WebAssembly at all");
    let ran = room.run(&["policy", "push", "text.wasm"]);
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert!(ran.out.starts_with("text.wasm: refused (not-wasm): "), "{}", ran.out);
    let job = room.run(&["policy", "job", "1", "--watch"]);
    assert_eq!(job.code, 4, "{}", job.err);
    assert!(job.out.contains("rejected") && job.out.contains("not-wasm"), "{}", job.out);
    assert_eq!(room.run(&["policy", "push", "none.wasm"]).code, 3);
    // Larger than any host takes, and on disk almost nothing.
    std::fs::File::create(room.desk.path().join("large.wasm")).unwrap().set_len(300 << 20).unwrap();
    let large = room.run(&["policy", "push", "large.wasm"]);
    assert!(large.code == 2 && large.err.contains("(body-too-large)"), "{}: {}", large.code, large.err);
}

#[test]
fn a_binding_is_put_from_a_file_at_the_version_that_was_seen() {
    let room = Room::open();
    let table = CONFIG.split_once("[binding.web]").unwrap().1.replace("binding.web", "binding.extra");
    let table = format!("[binding.extra]{}", table.replace("\"web\"", "\"api\""));
    room.desk.put("extra.toml", &table);
    let put = room.run(&["binding", "put", "extra.toml"]);
    assert_eq!((put.code, put.out.as_str()), (0, "binding extra is in force, at version 1\n"), "{}", put.err);
    let again = room.run(&["binding", "put", "extra.toml"]);
    assert_eq!(again.out, "binding extra is in force, at version 2\n", "{}", again.err);
    let stale = room.run(&["binding", "put", "extra.toml", "--if-match", "1"]);
    assert!(stale.code == 1 && stale.err.contains("(stale)"), "{}", stale.err);
    let new = room.run(&["binding", "put", "extra.toml", "--new"]);
    assert!(new.code == 1 && new.err.contains("(stale)"), "{}", new.err);

    // What is shown can be put again, as JSON.
    let shown = room.json(&["binding", "show", "extra"]);
    assert_eq!((&shown["version"], &shown["made_by"]), (&2.into(), &"api".into()));
    room.desk.put("extra.json", &shown["document"].to_string());
    assert_eq!(room.run(&["binding", "put", "extra.json"]).code, 2, "no name");
    assert_eq!(room.run(&["binding", "put", "extra.json", "--name", "extra"]).code, 0);
    room.desk.put("bad.toml", &table.replace("target = 10", "tarket = 10"));
    let bad = room.run(&["binding", "put", "bad.toml"]);
    assert!(bad.code == 2 && bad.err.contains("(configuration)"), "{}", bad.err);
    assert_eq!(room.run(&["binding", "remove", "extra", "--if-match", "3"]).code, 0);
    assert_eq!(room.run(&["binding", "remove", "extra"]).code, 3);
}

/// A command that goes on, and its lines.
struct Following {
    child: Child,
    lines: Receiver<String>,
}

impl Following {
    fn start(room: &Room, args: &[&str]) -> Self {
        let mut command = room.desk.command();
        let command = command.args(args).args(["--host", &room.address]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    fn next(&self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn events_are_followed_and_a_watch_sees_a_pause() {
    let room = Room::open();
    let mut events = Following::start(&room, &["events", "--all", "--kind", "steered", "--count", "2"]);
    let watch = Following::start(&room, &["target", "list", "--state", "paused", "--watch=200ms"]);
    assert!(watch.next().starts_with("TARGET"));
    room.run(&["target", "pause", "local/web"]);
    assert!(events.next().contains("local/web: paused by first ("));
    while !watch.next().starts_with("local/web") {}
    room.run(&["target", "resume", "local/web"]);
    assert!(events.next().contains("local/web: resumed by first ("));
    assert!(events.child.wait().unwrap().success(), "it has heard enough");

    let decisions = room.json(&["decision", "list", "--target", "local/web", "--since", "1h", "--kind", "held"]);
    let id = decisions[0]["id"].as_str().unwrap();
    let shown = room.run(&["decision", "show", id]);
    assert!(shown.code == 0 && shown.out.contains("of local/web"), "{}{}", shown.out, shown.err);
    assert_eq!(room.run(&["decision", "show", "0"]).code, 3);
}

#[test]
fn a_story_is_told_by_the_host_and_by_its_records_once_it_is_gone() {
    let mut room = Room::open();
    room.run(&["target", "pause", "local/web"]);
    let live = room.run(&["explain", "local/web", "--since", "1h"]);
    assert!(live.code == 0 && live.out.contains("note: paused by first ("), "{}{}", live.out, live.err);
    let offline = room.run(&["explain", "local/web", "--offline", "--since", "1h"]);
    assert!(offline.code == 0 && offline.out.contains("note: paused by first ("), "{}{}", offline.out, offline.err);
    // A host that was named is not passed over.
    room.host.tell(rustix::process::Signal::TERM);
    room.host.child.wait().unwrap();
    assert_eq!(room.run(&["target", "list"]).code, 1);
    let data = room.desk.path().join("data");
    // Port 9 answers nobody.
    room.desk.put("trimtab.toml", &CONFIG.replace("127.0.0.1:0", "127.0.0.1:9"));
    let kept = room.desk.run(&["target", "list", "--data-dir", data.to_str().unwrap()]);
    assert!(kept.code == 0 && kept.out.contains("local/web"), "{}{}", kept.out, kept.err);
    assert!(
        kept.err.contains("no host answers at http://127.0.0.1:9; this is what the data directory"),
        "{}",
        kept.err
    );
}

#[test]
fn an_alert_is_raised_listed_and_forgotten() {
    let room = Room::open();
    let sent =
        room.run(&["alert", "send", "QueueGrows", "--target", "local/web", "--expires", "5m", "--label", "queue=mail"]);
    assert!(sent.code == 0 && sent.out.starts_with("taken"), "{}{}", sent.out, sent.err);
    let listed = room.json(&["alert", "list"]);
    assert_eq!((&listed[0]["name"], &listed[0]["labels"]["queue"]), (&"QueueGrows".into(), &"mail".into()));
    let shown = room.run(&["alert", "list"]).out;
    assert!(shown.contains("skipped") && shown.contains("no policy of binding \"web\" asks for alerts"), "{shown}");
    let nobody = room.run(&["alert", "send", "X", "--target", "local/nobody"]);
    assert!(nobody.out.contains("no policy will see it"), "{}{}", nobody.out, nobody.err);
    assert_eq!(room.run(&["alert", "remove", listed[0]["id"].as_str().unwrap()]).code, 0);
    assert!(room.json(&["alert", "list"]).as_array().unwrap().iter().all(|alert| alert["name"] != "QueueGrows"));
    assert_eq!(room.run(&["alert", "remove", "no-such-id"]).code, 3);
}

#[test]
fn a_reading_is_pushed_and_one_that_nobody_asks_for_is_refused() {
    let room = Room::open();
    let pushed = room.run(&["reading", "push", "queue_depth", "120", "--target", "local/web"]);
    assert_eq!((pushed.code, pushed.out.as_str()), (0, "taken\n"), "{}", pushed.err);
    let refused = room.run(&["reading", "push", "nonsense", "-3.5", "--target", "local/web"]);
    assert!(refused.code == 2 && refused.out.starts_with("refused ("), "{}{}", refused.out, refused.err);
    // The turn that it brings about says what it saw.
    let end = Instant::now() + PATIENCE;
    while !room.run(&["explain", "local/web", "--last", "3"]).out.contains("120") {
        assert!(Instant::now() < end, "{}", room.run(&["explain", "local/web", "--last", "3"]).out);
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn completions_and_help_name_every_command() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = desk.run(&["completions", shell]);
        assert!(ran.code == 0 && ran.out.contains("rollback") && ran.out.contains("unscale"), "{shell}: {}", ran.err);
    }
    assert_eq!(desk.run(&["completions", "cmd"]).code, 2);
}
