//! The built binary at its own pace, by a real clock: each binding watches only, so that what is decided depends on nothing that
//! was done.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use trimtab::audit::{self, Event, Span};
use trimtab::snapshot::TargetId;
use trimtab::store::SqliteStore;

use super::{HONEST, HOSTILE, guests, honest, hostile, load};
use crate::host::Host;

const PATIENCE: Duration = Duration::from_secs(60);
/// The deadline of the tier in which all of them run.
const DEADLINE_MS: u64 = 400;
/// What else a machine may do meanwhile. Said of the worst of all turns, and of one in ten it is not allowed.
const BUSY_MS: u64 = 4_000;

/// How long, and how quick.
struct Pace {
    every_ms: u64,
    /// Turns of each binding that are waited for.
    turns: usize,
}

/// What was seen of those that mean well.
struct Seen {
    /// Everything that was ever answered and decided, by target.
    decided: BTreeMap<String, BTreeSet<String>>,
    /// By how much turns began later than their pace has it, in order of size.
    late_ms: Vec<u64>,
}

impl Seen {
    /// What nine of ten turns kept.
    fn mostly_ms(&self) -> u64 {
        self.late_ms[self.late_ms.len() * 9 / 10]
    }

    fn worst_ms(&self) -> u64 {
        self.late_ms.last().copied().unwrap_or(0)
    }
}

/// A page with a number for each. Ends with the test's process.
fn page() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let loads: BTreeMap<String, u32> = (0..HONEST).map(|number| (honest(number), load(number))).collect();
    let body = serde_json::to_string(&loads).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
            let _ = stream.read(&mut [0; 4096]);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length:";
            let _ = write!(stream, "{head} {}\r\n\r\n{body}", body.len());
        }
    });
    address
}

fn config(pace: &Pace, page: SocketAddr, hostile_too: bool) -> String {
    let mut text = format!(
        "data_dir = \"data\"\n[sandbox]\nat_once_max = 4\n[driver.local.process]\ncgroups = false\n\
         [source.page.http-json]\nurl = \"http://{page}/\"\n"
    );
    let names = (0..HONEST).map(honest).chain((0..HOSTILE).map(hostile));
    for name in names {
        write!(
            text,
            "[driver.local.process.workload.{name}]\ncommand = [\"sleep\", \"1\"]\nreplicas = 0\nlabels = {{ app = \"{name}\" }}\n\
             [binding.{name}]\nselect = {{ driver = \"local\", labels = {{ app = \"{name}\" }} }}\nevery = \"{}ms\"\n\
             mode = \"dry-run\"\nreplicas = {{ min = 0, max = 20 }}\n",
            pace.every_ms
        )
        .unwrap();
    }
    for number in 0..HONEST {
        let name = honest(number);
        write!(
            text,
            "[[binding.{name}.reading]]\nname = \"load\"\nsource = \"page\"\nquery = \"/{{target}}\"\n\
             [[binding.{name}.policy]]\nuse = \"target-tracking\"\nparams = {{ reading = \"load\", target = 50.0 }}\n"
        )
        .unwrap();
    }
    for number in 0..HOSTILE {
        let guest = if hostile_too { guests::kind_of(number) } else { "harmless" };
        write!(text, "[[binding.{}.policy]]\nuse = \"./{guest}.wasm\"\n", hostile(number)).unwrap();
    }
    text
}

fn run(pace: &Pace, hostile_too: bool) -> Seen {
    let folder = tempfile::tempdir().unwrap();
    for (name, module) in guests::all() {
        std::fs::write(folder.path().join(format!("{name}.wasm")), module).unwrap();
    }
    std::fs::write(folder.path().join("harmless.wasm"), guests::harmless()).unwrap();
    let file = folder.path().join("trimtab.toml");
    std::fs::write(&file, config(pace, page(), hostile_too)).unwrap();
    let mut host = Host::start(&file);
    host.says("running");
    let data = folder.path().join("data");
    let last = honest(HONEST - 1);
    let end = Instant::now() + PATIENCE + Duration::from_millis(2 * pace.every_ms * pace.turns as u64);
    while records(&data, &last).len() < pace.turns {
        assert!(Instant::now() < end, "too few turns\n{}", host.said());
        std::thread::sleep(Duration::from_millis(200));
    }
    host.tell(Signal::TERM);
    assert!(host.child.wait().unwrap().success(), "it does not end in order\n{}", host.said());
    let mut seen = Seen { decided: BTreeMap::new(), late_ms: Vec::new() };
    for number in 0..HONEST {
        let name = honest(number);
        let turns = records(&data, &name);
        seen.late_ms.extend(turns.windows(2).map(|pair| (pair[1].0 - pair[0].0).saturating_sub(pace.every_ms)));
        // In the first turn the page may not have been read yet.
        seen.decided
            .insert(name, turns.into_iter().map(|(_, said)| said).filter(|said| said.contains("\"kind\"")).collect());
    }
    seen.late_ms.sort_unstable();
    seen
}

/// When each turn of a target was, and what was answered and decided in it.
fn records(data: &std::path::Path, name: &str) -> Vec<(u64, String)> {
    let Ok(store) = SqliteStore::open_read_only(data) else { return Vec::new() };
    let target = TargetId::new("local", name).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let span = Span { from_ms: 0, to_ms: u64::MAX, entries_max: 100_000 };
    let Ok(events) = runtime.block_on(audit::history(&store, &target, span)) else { return Vec::new() };
    let turns = events.into_iter().filter_map(|event| match event {
        Event::Turn(turn) => Some(turn.record),
        Event::NotRecorded { why, .. } => panic!("{name}: {why}"),
        Event::Counted(_) | Event::Note(_) => None,
    });
    turns.map(|record| (record.at_ms, serde_json::to_string(&record.slots[0].evaluation).unwrap())).collect()
}

fn compare(pace: &Pace) {
    let harmless = run(pace, false);
    let beset = run(pace, true);
    for (name, decided) in &harmless.decided {
        assert!(!decided.is_empty(), "{name} was never asked");
        assert_eq!(decided, &beset.decided[name], "{name}: another answer beside hostile policies");
    }
    println!(
        "every {} ms: turns late by {} ms mostly and {} at worst; beside hostile ones {} and {}",
        pace.every_ms,
        harmless.mostly_ms(),
        harmless.worst_ms(),
        beset.mostly_ms(),
        beset.worst_ms()
    );
    assert!(beset.mostly_ms() <= harmless.mostly_ms() + DEADLINE_MS, "{} ms late", beset.mostly_ms());
    assert!(beset.worst_ms() <= harmless.worst_ms() + DEADLINE_MS + BUSY_MS, "{} ms late", beset.worst_ms());
}

#[test]
fn long_a_host_with_hostile_policies_keeps_the_pace_of_the_others() {
    let long = std::env::var_os("TRIMTAB_LONG").is_some_and(|long| long == "1");
    compare(&if long { Pace { every_ms: 250, turns: 240 } } else { Pace { every_ms: 500, turns: 8 } });
}
