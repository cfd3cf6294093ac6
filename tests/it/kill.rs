//! A host that is killed at random moments, and started again: nothing is doubled, lost, or done twice.
//!
//! Real processes throughout: the built binary, its store, children that outlive it. The load never stands still, so that
//! changes are always under way. `TRIMTAB_KILL_SEED` repeats a run, `TRIMTAB_LONG=1` makes it 200 kills.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use procfs::process::all_processes;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use tempfile::TempDir;
use trimtab::audit::{self, Closing, Event, Record, Span, kind};
use trimtab::drivers::Step;
use trimtab::snapshot::{Samples, TargetId};
use trimtab::store::{LogRange, SqliteStore, Store as _};

/// No story waits longer for anything; a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);
/// What the load is in turn, and for how long each: with a target of 10, as many tenths as there are to be instances.
const SCRIPT: [u32; 8] = [20, 60, 30, 80, 10, 50, 40, 70];
const SCRIPT_STEP: Duration = Duration::from_millis(450);
/// The load at the end, and how many instances it takes.
const AT_REST: (u32, usize) = (40, 4);

/// A page whose number follows the script, until it is told to stand still.
#[derive(Debug)]
struct Page {
    address: SocketAddr,
    /// 0: the script.
    fixed: Arc<AtomicU32>,
}

impl Page {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let fixed = Arc::new(AtomicU32::new(0));
        let told = Arc::clone(&fixed);
        let began = Instant::now();
        // Ends with the test's process.
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
                let _ = stream.read(&mut [0; 4096]);
                let step = began.elapsed().as_millis() / SCRIPT_STEP.as_millis();
                let scripted = SCRIPT[usize::try_from(step).unwrap() % SCRIPT.len()];
                let load = match told.load(Ordering::Relaxed) {
                    0 => scripted,
                    fixed => fixed,
                };
                let body = format!("{{\"load\": {load}}}");
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length:";
                // A host that was killed while it asked reads no answer.
                let _ = write!(stream, "{head} {}\r\n\r\n{body}", body.len());
            }
        });
        Self { address, fixed }
    }
}

/// A folder, a page and a configuration; ends whatever was started from it.
struct Stage {
    dir: TempDir,
    page: Page,
    host: Option<Child>,
    lives: u32,
}

/// What the records say.
#[derive(Debug, Default)]
struct Told {
    /// Ids of all records.
    ids: BTreeSet<String>,
    /// Instance and the record whose plan creates it.
    created: Vec<(String, String)>,
    /// Instances that some plan stops or removes.
    leavers: BTreeSet<String>,
    /// How often each record was closed.
    closed: BTreeMap<String, u32>,
    open: Vec<String>,
    /// The last turn knew of the load at rest, desired what it takes, and decided nothing.
    rests: bool,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let page = Page::open();
        let started = dir.path().join("started");
        let text = format!(
            r#"data_dir = "{data}"

[api]
listen = "127.0.0.1:0"

[driver.local.process]
cgroups = false

[driver.local.process.workload.web]
command = ["sh", "-c", 'echo "started $TRIMTAB_INSTANCE $$" >> {started}; exec sleep 100000']
grace = "1s"

[source.page.http-json]
url = "http://{page}/"

[binding.web]
select = {{ driver = "local" }}
every = "200ms"
replicas = {{ min = 1, max = 8 }}
stabilization = {{ up = "0s", down = "0s" }}
cooldown = {{ up = "0s", down = "0s" }}

[[binding.web.reading]]
name = "load"
source = "page"
query = "/load"

[[binding.web.policy]]
use = "target-tracking"
params = {{ reading = "load", target = 10.0 }}
"#,
            data = dir.path().join("data").display(),
            started = started.display(),
            page = page.address,
        );
        std::fs::write(dir.path().join("trimtab.toml"), text).unwrap();
        std::fs::write(started, "").unwrap();
        Self { dir, page, host: None, lives: 0 }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn state(&self) -> PathBuf {
        self.data().join("process/local")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join(format!("host-{}.log", self.lives))).unwrap_or_default()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trimtab"));
        command.arg("run").arg("--config").arg(self.dir.path().join("trimtab.toml")).arg("--log-json");
        command.env_remove("TRIMTAB_CONFIG").env_remove("TRIMTAB_DATA_DIR").env_remove("TRIMTAB_LOG");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn start(&mut self) {
        assert!(self.host.is_none());
        self.lives += 1;
        let log = std::fs::File::create(self.dir.path().join(format!("host-{}.log", self.lives))).unwrap();
        self.host = Some(self.command().stderr(log).spawn().unwrap());
    }

    /// Waits until this life of the host has said it.
    fn until_said(&mut self, message: &str) {
        let wanted = format!("\"message\":\"{message}\"");
        until(&format!("the host says {message:?}"), || {
            let ended = self.host.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "the host ended by itself: {ended:?}\n{}", self.log());
            self.log().contains(&wanted)
        });
    }

    fn end(&mut self, signal: Signal) -> ExitStatus {
        let mut host = self.host.take().unwrap();
        kill_process(Pid::from_child(&host), signal).unwrap();
        host.wait().unwrap()
    }

    /// Keys of the changes that this life of the host said to have begun. A line may be cut off where it was killed.
    fn acknowledged(&self) -> Vec<String> {
        let lines = self.log();
        let begun = lines.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let begun = begun.filter(|line| line["message"] == "change begun");
        begun.map(|line| line["key"].as_str().unwrap().to_owned()).collect()
    }

    /// Ids of the instances that were ever started, in the order of their starts.
    fn started(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.dir.path().join("started")).unwrap();
        text.lines().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect()
    }

    /// Living processes with our mark, launchers apart: number and instance.
    fn alive(&self) -> Vec<(i32, String)> {
        marked(&self.state()).into_iter().filter(|(_, _, launches)| !launches).map(|(pid, id, _)| (pid, id)).collect()
    }

    fn told(&self) -> Told {
        if !self.data().join("trimtab.db").exists() {
            return Told::default();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            // A host killed before its first commit leaves a store that says nothing.
            let Ok(store) = SqliteStore::open_read_only(&self.data()) else { return Told::default() };
            let target: TargetId = "local/web".parse().unwrap();
            let mut told = Told::default();
            let span = Span { from_ms: 0, to_ms: u64::MAX, entries_max: 1_000_000 };
            for event in audit::history(&store, &target, span).await.unwrap() {
                match event {
                    Event::Turn(turn) => {
                        told.ids.insert(turn.record.id.as_str().to_owned());
                        told.rests = rests(&turn.record);
                    }
                    Event::NotRecorded { why, .. } => panic!("a record cannot be read: {why}"),
                    Event::Counted(_) | Event::Note(_) => {}
                }
            }
            let entries = |kind| LogRange { kinds: vec![kind], newest_first: false, ..LogRange::newest(1_000_000) };
            for entry in store.read_log(&audit::log_of(&target), entries(kind::STEP)).await.unwrap() {
                let entry: audit::StepEntry = serde_json::from_slice(&entry.body).unwrap();
                match (&entry.step, &entry.result) {
                    (Step::Create { instance }, None) => {
                        told.created.push((instance.clone(), entry.id.as_str().to_owned()));
                    }
                    (Step::Stop { instance } | Step::Remove { instance }, _) => {
                        told.leavers.insert(instance.clone());
                    }
                    _ => {}
                }
            }
            for entry in store.read_log(&audit::log_of(&target), entries(kind::CLOSED)).await.unwrap() {
                let closing: Closing = serde_json::from_slice(&entry.body).unwrap();
                *told.closed.entry(closing.id.as_str().to_owned()).or_default() += 1;
            }
            let open = audit::open_records(&store).await.unwrap();
            told.open = open.iter().map(|record| record.id.as_str().to_owned()).collect();
            told
        })
    }

    /// Holds what was promised against what is there. No host runs meanwhile.
    fn check(&self, earlier: &mut BTreeSet<String>) {
        let (started, alive, told) = (self.started(), self.alive(), self.told());

        let ids: BTreeSet<&String> = alive.iter().map(|(_, id)| id).collect();
        assert_eq!(ids.len(), alive.len(), "an instance runs twice: {alive:?}");
        let once: BTreeSet<&String> = started.iter().collect();
        assert_eq!(once.len(), started.len(), "an instance was started twice: {started:?}");
        for id in &once {
            assert!(told.created.iter().any(|(created, _)| &created == id), "{id} was started and no record says so");
            let living = ids.contains(id);
            assert!(living || told.leavers.contains(*id), "{id} has gone and no record says so");
        }

        let created: BTreeSet<&String> = told.created.iter().map(|(id, _)| id).collect();
        assert_eq!(created.len(), told.created.len(), "two changes make the same: {:?}", told.created);
        let acknowledged = self.acknowledged();
        for key in earlier.iter().chain(&acknowledged) {
            assert!(told.ids.contains(key), "record {key} is lost");
        }
        for (id, times) in &told.closed {
            assert_eq!(*times, 1, "record {id} was closed {times} times");
        }
        let open = told.open.iter().filter(|id| told.closed.contains_key(*id)).count();
        assert_eq!(open, 0, "records are both open and closed");
        earlier.extend(told.ids);
    }

    /// Waits until as many run as the load takes, the last change's record is closed, and nothing dead has a file. As many may
    /// run by chance while the host is still making up for what an earlier life desired: so the last turn must agree.
    fn until_at_rest(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (Told { open, rests, .. }, alive, files) = (self.told(), self.alive(), self.files());
            if rests && alive.len() == AT_REST.1 && open.is_empty() && files.len() == alive.len() {
                return;
            }
            let log = self.log();
            let from = log.lines().count().saturating_sub(30);
            let said: Vec<&str> = log.lines().skip(from).collect();
            let names = std::fs::read_dir(self.state().join("web")).into_iter().flatten().flatten();
            let names: Vec<_> = names.map(|entry| entry.file_name()).collect();
            let told = format!("alive {alive:?}\nopen {open:?}\nrests {rests}\nfiles {names:?}\n{}", said.join("\n"));
            assert!(Instant::now() < deadline, "it does not come to rest\n{told}");
            std::thread::sleep(POLL);
        }
    }

    /// Files in the workload's folder by what they belong to: what comes before the last dot.
    fn files(&self) -> BTreeSet<String> {
        let Ok(entries) = std::fs::read_dir(self.state().join("web")) else { return BTreeSet::new() };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let names = names.filter(|name| !name.starts_with('.') && name.contains('.'));
        names.map(|name| name.split('.').next().unwrap().to_owned()).collect()
    }
}

impl Drop for Stage {
    /// Also after a failed check: nothing outlives the test.
    fn drop(&mut self) {
        if let Some(mut host) = self.host.take() {
            let _ = host.kill();
            let _ = host.wait();
        }
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let left = marked(&self.state());
            if left.is_empty() || Instant::now() > until {
                break;
            }
            for (pid, _, _) in left {
                kill_marked(&self.state(), pid);
            }
            std::thread::sleep(POLL);
        }
    }
}

/// Whether this turn leaves nothing to be done at the load at rest.
fn rests(record: &Record) -> bool {
    let snapshot = &record.snapshot;
    let load = snapshot.readings.iter().find(|reading| *reading.name == *"load").map(|reading| &reading.samples);
    let is_heard =
        matches!(load, Some(Samples::Numbers { values, .. }) if values.last() == Some(&f64::from(AT_REST.0)));
    let as_desired = [snapshot.target.desired, snapshot.target.ready].map(|count| count as usize) == [AT_REST.1; 2];
    is_heard && as_desired && snapshot.in_flight.is_none() && !record.acts()
}

/// Living processes that bear the name of the host whose state this is: number, instance, and whether it is still a launcher.
pub(crate) fn marked(state: &Path) -> Vec<(i32, String, bool)> {
    let Ok(host) = std::fs::read_to_string(state.join(".identity")) else { return Vec::new() };
    let mut found = Vec::new();
    for process in all_processes().unwrap().flatten() {
        let Ok(environment) = process.environ() else { continue };
        let variable = |name: &str| environment.get(std::ffi::OsStr::new(name)).and_then(|value| value.to_str());
        let ours = variable("TRIMTAB_HOST") == Some(host.trim()) && variable("TRIMTAB_TARGET") == Some("local/web");
        let Some(instance) = variable("TRIMTAB_INSTANCE").filter(|_| ours) else { continue };
        let Ok(words) = process.cmdline() else { continue };
        let dead = process.stat().map_or(true, |stat| matches!(stat.state, 'Z' | 'X'));
        if !dead && !words.is_empty() {
            found.push((process.pid, instance.to_owned(), words.iter().any(|word| word == "launch-instance")));
        }
    }
    found
}

/// Kills a process of ours, and never one that has its number since: the descriptor comes first, then the look.
pub(crate) fn kill_marked(state: &Path, pid: i32) {
    let Some(Ok(descriptor)) = Pid::from_raw(pid).map(|pid| pidfd_open(pid, PidfdFlags::empty())) else { return };
    if marked(state).iter().any(|(marked, _, _)| *marked == pid) {
        let _ = pidfd_send_signal(&descriptor, Signal::KILL);
    }
}

fn until(what: &str, mut test: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !test() {
        assert!(Instant::now() < deadline, "in vain waited until {what}");
        std::thread::sleep(POLL);
    }
}

/// Numbers that look random and come again with the same seed (splitmix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new() -> Self {
        let given = std::env::var("TRIMTAB_KILL_SEED").ok().and_then(|seed| seed.parse().ok());
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos().into();
        let seed = given.unwrap_or_else(clock);
        println!("TRIMTAB_KILL_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn from(&mut self, range: std::ops::RangeInclusive<u64>) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        range.start() + (z ^ (z >> 31)) % (range.end() - range.start() + 1)
    }
}

fn kill_and_restart(kills: u32) {
    let began = Instant::now();
    let mut dice = Dice::new();
    let mut stage = Stage::new();
    let mut records = BTreeSet::new();
    let mut open = 0;
    for _ in 0..kills {
        stage.start();
        // One in four is killed while it still starts; the others at work.
        if dice.from(0..=3) > 0 {
            stage.until_said("running");
        }
        // The moment itself is what is random here; nothing is waited for.
        std::thread::sleep(Duration::from_millis(dice.from(20..=900)));
        stage.end(Signal::KILL);
        stage.check(&mut records);
        open += u32::from(!stage.told().open.is_empty());
    }
    stage.page.fixed.store(AT_REST.0, Ordering::Relaxed);
    stage.start();
    stage.until_said("running");
    stage.until_at_rest();
    assert!(stage.end(Signal::TERM).success(), "{}", stage.log());
    stage.check(&mut records);
    let alive: BTreeSet<String> = stage.alive().into_iter().map(|(_, id)| id).collect();
    assert_eq!((alive.len(), stage.files()), (AT_REST.1, alive), "files and processes agree");
    assert_eq!(stage.told().open, Vec::<String>::new());
    let told = stage.told();
    assert!(told.created.len() > kills as usize / 4, "hardly anything was under way: {:?}", told.created);
    println!(
        "{kills} kills in {:.0} s, {open} with a change under way; {} records, {} changes closed, {} instances started",
        began.elapsed().as_secs_f64(),
        records.len(),
        told.closed.len(),
        stage.started().len(),
    );
}

#[test]
fn a_host_killed_at_a_dozen_random_moments_doubles_and_loses_nothing() {
    kill_and_restart(12);
}

#[test]
fn long_a_host_killed_at_200_random_moments_doubles_and_loses_nothing() {
    if std::env::var_os("TRIMTAB_LONG").is_some_and(|long| long == "1") {
        kill_and_restart(200);
    }
}

#[test]
fn instances_of_a_host_that_ends_in_order_live_on_and_are_the_next_ones() {
    let mut stage = Stage::new();
    stage.page.fixed.store(30, Ordering::Relaxed);
    stage.start();
    until("three instances run", || stage.alive().len() == 3 && stage.told().open.is_empty());
    let before = stage.alive();
    assert!(stage.end(Signal::TERM).success(), "{}", stage.log());
    assert!(stage.log().contains("ended in order"));
    assert_eq!(stage.alive(), before);

    stage.page.fixed.store(40, Ordering::Relaxed);
    stage.start();
    until("a fourth joins them", || stage.alive().len() == 4 && stage.told().open.is_empty());
    let after = stage.alive();
    assert!(before.iter().all(|one| after.contains(one)), "{before:?} became {after:?}");
    assert_eq!(stage.started().len(), 4);
    assert!(stage.end(Signal::TERM).success());
}

#[test]
fn a_second_host_on_the_same_data_dir_is_refused_and_disturbs_nobody() {
    let mut stage = Stage::new();
    stage.page.fixed.store(20, Ordering::Relaxed);
    stage.start();
    until("two instances run", || stage.alive().len() == 2 && stage.told().open.is_empty());
    let before = stage.alive();
    let second = stage.command().stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("another trimtab uses") && said.contains("data_dir of its own"), "{said}");
    assert_eq!(stage.alive(), before);
    assert!(stage.end(Signal::TERM).success());
}

#[test]
fn a_data_dir_that_cannot_be_written_is_refused_and_left_as_it_is() {
    let stage = Stage::new();
    std::fs::create_dir(stage.data()).unwrap();
    let rights = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    let mut command = stage.command();
    if rustix::process::geteuid().is_root() {
        // Root may write everywhere: it is run as nobody, from where nobody can read it.
        let binary = stage.dir.path().join("trimtab");
        std::fs::copy(env!("CARGO_BIN_EXE_trimtab"), &binary).unwrap();
        rights(stage.dir.path(), 0o755);
        command = Command::new(binary);
        command.arg("run").arg("--config").arg(stage.dir.path().join("trimtab.toml")).uid(65534).gid(65534);
        command.current_dir("/").stdin(Stdio::null());
    }
    rights(&stage.data(), 0o555);
    let ran = command.stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    rights(&stage.data(), 0o755);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.contains("give this user the right to write there, or name another data_dir"), "{said}");
    assert_eq!(std::fs::read_dir(stage.data()).unwrap().count(), 0);
}
