//! Hostile policies sent to a host that runs: what is seen at the door is refused there; what waits for its moment is told, by
//! its typed fault, in the records of its own target, and the other targets go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::guest::HostileGuest;
use super::table::{Gauge, Rows};
use crate::cli::{Desk, Ran};
use crate::host::Host;
use crate::versions::page;

const PATIENCE: Duration = Duration::from_secs(60);
/// What the host may have grown by: it keeps records of every turn, and its allocator what it held for a moment.
const GROWN_BYTES_MAX: u64 = 64 << 20;
/// A policy goes into quarantine when it has failed for a minute.
const QUARANTINE_PATIENCE: Duration = Duration::from_secs(300);

/// Guests that show what they are when they are tried, and the code that they are refused with.
const REFUSED: [(&str, &str); 8] = [
    ("endless-in-describe", "describe-out-of-fuel"),
    ("endless-in-start", "describe-out-of-fuel"),
    ("endless-in-needs", "needs-out-of-fuel"),
    ("endless-in-evaluate", "trial-out-of-fuel"),
    ("recurses-without-end", "trial-stack-overflow"),
    ("giant-note", "trial-boundary-budget"),
    ("manifest-version-wrong", "manifest"),
    ("kind-not-declared", "undeclared-kind"),
];

/// Guests that are as good as any until the load is above fifty, and what their targets' records must then tell.
const SLEEPING: [(&str, &str); 7] = [
    ("endless-in-evaluate", r#""fault":"out-of-fuel""#),
    ("memory-bomb", r#""fault":"out-of-memory""#),
    ("recurses-without-end", r#""fault":"stack-overflow""#),
    ("the-same-text-8192-times", r#""fault":"boundary-budget""#),
    ("broken-text-in-a-reason", r#""fault":"bad-output""#),
    // Turns in which the bounds leave nothing to do are told in words.
    ("count-without-measure", "asked for 4294967295, an absurd number"),
    ("instances-that-are-not-there", "asked for restart of !!!, which is not in this snapshot"),
];

struct Stage {
    desk: Desk,
    host: Host,
    address: String,
    load: Arc<AtomicU32>,
}

impl Stage {
    /// A host with a target for a policy that does no harm, and one for each that sleeps.
    fn open() -> Self {
        let (desk, (page, load)) = (Desk::new(), page());
        let data = desk.path().join("data");
        let mut text = format!(
            "data_dir = {data:?}\n[api]\nlisten = \"127.0.0.1:0\"\n[driver.local.process]\ncgroups = false\n\
             [source.page.http-json]\nurl = \"http://{page}/\"\n"
        );
        for target in ["good"].into_iter().chain(SLEEPING.map(|(name, _)| name)) {
            text.push_str(&format!(
                "[driver.local.process.workload.{target}]\ncommand = [\"sleep\", \"1000\"]\nreplicas = 0\n"
            ));
        }
        let host = Host::start(&desk.put("trimtab.toml", &text));
        let address = format!("http://{}", host.address());
        Self { desk, host, address, load }
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

    /// Sends a module with `POST /v1/policies`; its digest, and what the host said.
    fn push(&self, name: &str, wasm: &[u8]) -> (String, Ran) {
        let file = self.desk.path().join(format!("{name}.wasm"));
        std::fs::write(&file, wasm).unwrap();
        (hex::encode(Sha256::digest(wasm)), self.run(&["policy", "push", file.to_str().unwrap()]))
    }

    /// Sends one that must be taken, makes it the active one, and binds it to the target of its name.
    fn bind(&self, target: &str, policy: &str, wasm: &[u8], params: &str) {
        let (digest, ran) = self.push(target, wasm);
        assert_eq!(ran.code, 0, "{target}: {}{}", ran.out, ran.err);
        self.fine(&["policy", "activate", policy, &digest]);
        let binding = format!(
            "[binding.{target}]\nselect = {{ id = \"local/{target}\" }}\nevery = \"200ms\"\n\
             replicas = {{ min = 0, max = 3 }}\n[[binding.{target}.reading]]\nname = \"load\"\nsource = \"page\"\n\
             query = \"/load\"\n[[binding.{target}.policy]]\nuse = \"{policy}\"\n{params}"
        );
        let file = self.desk.put(&format!("{target}.toml"), &binding);
        self.fine(&["binding", "put", file.to_str().unwrap()]);
    }

    /// Waits until it is so.
    #[track_caller]
    fn within(&self, patience: Duration, what: &str, mut so: impl FnMut() -> bool) {
        let end = Instant::now() + patience;
        while !so() {
            assert!(Instant::now() < end, "{what}\n{}", self.run(&["target", "list"]).out);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn desired(&self, target: &str) -> Option<u64> {
        let ran = self.run(&["target", "show", &format!("local/{target}"), "--json"]);
        let shown: Value = (ran.code == 0).then(|| serde_json::from_str(&ran.out).unwrap())?;
        shown["target"]["desired"].as_u64()
    }

    /// Whether the newest records of a target hold this.
    fn tells(&self, target: &str, words: &str) -> bool {
        let ran = self.run(&["explain", &format!("local/{target}"), "--last", "5", "--json"]);
        ran.out.replace("\": ", "\":").contains(words)
    }
}

#[test]
fn long_hostile_policies_are_refused_or_told_by_a_running_host_and_the_others_go_on() {
    let stage = Stage::open();
    let process = stage.host.child.id();
    let mut rows = Rows::of("host");
    for (name, code) in REFUSED {
        let gauge = Gauge::of(process);
        let (digest, ran) = stage.push(name, &HostileGuest::read(name).awake());
        let cost = gauge.read();
        assert_ne!(ran.code, 0, "{name} was taken: {}", ran.out);
        let listed = stage.json(&["policy", "list"]);
        let mine = listed.as_array().unwrap().iter().find(|version| version["digest"] == digest.as_str());
        let came = mine.and_then(|version| version["rejected"]["code"].as_str()).unwrap_or("not listed");
        rows.add_within(&format!("{name}, uploaded"), code, came, cost, PATIENCE, GROWN_BYTES_MAX);
    }

    let wat = include_str!("../../guests/wat/policy.wat");
    let good = wat.replacen("(module", "(module (@custom \"trimtab:string-encoding\" \"utf8\")", 1);
    stage.bind("good", "guest-wat", &wat::parse_str(good).unwrap(), "params = { reading = \"load\", target = 40.0 }\n");
    for (name, _) in SLEEPING {
        stage.bind(name, name, &HostileGuest::read(name).sleeping(), "");
    }
    // The page says 30: each has one replica.
    for target in ["good"].into_iter().chain(SLEEPING.map(|(name, _)| name)) {
        stage.within(PATIENCE, &format!("one replica of {target}"), || stage.desired(target) == Some(1));
    }

    let gauge = Gauge::of(process);
    stage.load.store(80, Ordering::Relaxed);
    stage.within(PATIENCE, "the good one goes on", || stage.desired("good") == Some(2));
    for (name, must) in SLEEPING {
        stage.within(PATIENCE, &format!("{name} is told with {must}"), || stage.tells(name, must));
        let word = must.rsplit(':').next().unwrap().trim_matches('"');
        rows.add_within(&format!("{name}, active"), word, word, gauge.read(), 2 * PATIENCE, GROWN_BYTES_MAX);
        assert_eq!(stage.desired(name), Some(1), "what {name} came to moved something");
    }
    // And goes on still, with all of them awake.
    stage.load.store(110, Ordering::Relaxed);
    stage.within(PATIENCE, "the good one still goes on", || stage.desired("good") == Some(3));

    if std::env::var_os("TRIMTAB_LONG").is_some() {
        // A minute of faults takes a minute; stories of the supervisor tell it in time of their own.
        let (name, _) = SLEEPING[0];
        let shown = || stage.json(&["target", "show", &format!("local/{name}")]);
        let quarantined = || shown()["seats"][0]["slots"][0]["quarantined_until_ms"].is_u64();
        let began = Gauge::of(process);
        stage.within(QUARANTINE_PATIENCE, "quarantine", quarantined);
        let cost = began.read();
        let behaviour = format!("{name}, active for a minute");
        rows.add_within(&behaviour, "quarantined", "quarantined", cost, QUARANTINE_PATIENCE, GROWN_BYTES_MAX);
        assert_eq!(stage.desired("good"), Some(3));
    }
    rows.finish();
}
