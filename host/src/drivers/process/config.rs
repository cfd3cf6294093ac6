//! What `[driver.<name>.process]` may say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;

use rustix::process::Signal;
use serde::{Deserialize, Deserializer, Serialize};

use crate::quantity::{CpuMillis, DurationMs, MemoryBytes};
use crate::snapshot::Resources;

/// Most workloads of one driver.
const WORKLOADS_MAX: usize = 1_000;
/// Most bytes of one command: it travels to the launcher as one argument, of which Linux allows 128 KiB.
const COMMAND_BYTES_MAX: usize = 64 * 1024;
/// Shortest distance of health checks.
const CHECK_INTERVAL_MS_MIN: u64 = 100;
/// Longest duration that makes sense here.
const WEEK_MS: u64 = 7 * 24 * 60 * 60 * 1000;
const MEMORY_BYTES_MAX: u64 = 1 << 50;
const CPU_MILLIS_MAX: u64 = 10_000_000;

/// The driver's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProcessConfig {
    /// Its workloads, by name.
    pub workload: BTreeMap<String, WorkloadConfig>,
    /// Where it keeps what it knows of its instances; default `data_dir/process/<driver>`.
    pub state_dir: Option<PathBuf>,
    /// The program that starts instances; default this one.
    pub launcher: Option<PathBuf>,
    /// Whether instances get cgroups, and with them limits.
    pub cgroups: bool,
    /// The group below which theirs are made, in every hierarchy.
    pub cgroup_root: String,
}

impl Default for ProcessConfig {
    fn default() -> Self {
        Self {
            workload: BTreeMap::new(),
            state_dir: None,
            launcher: None,
            cgroups: true,
            cgroup_root: "trimtab".to_owned(),
        }
    }
}

/// One workload: a command of which any number of copies can run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadConfig {
    /// The program and its arguments. No shell is involved.
    pub command: Vec<String>,
    /// Its environment. Of the host's own only `PATH`, `LANG` and `TZ` are passed on, so that no secret leaks.
    #[serde(default)]
    pub env: EnvVars,
    /// Further variables of the host's own to pass on.
    #[serde(default)]
    pub pass_env: Vec<String>,
    /// Its working directory; default `/`.
    #[serde(default = "root_dir")]
    pub cwd: PathBuf,
    /// The user to run as: a name of `/etc/passwd` or a number. Needs root. Supplementary groups are dropped.
    #[serde(default, deserialize_with = "name_or_number")]
    pub user: Option<String>,
    /// The group to run as: a name of `/etc/group` or a number; default the user's own.
    #[serde(default, deserialize_with = "name_or_number")]
    pub group: Option<String>,
    /// Each instance gets a free port of these, in `PORT` and `TRIMTAB_PORT`.
    #[serde(default)]
    pub ports: Option<PortRange>,
    /// Where instances are reached.
    #[serde(default = "loopback")]
    pub host: IpAddr,
    /// Labels that bindings select by.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// How many run before anything has decided otherwise.
    #[serde(default = "one")]
    pub replicas: u32,
    /// Most instances of it at once, dead ones that were not removed included.
    #[serde(default = "instances_max")]
    pub instances_max: u32,
    /// What is set aside for each instance, before a resize: CPU as weight among its siblings.
    #[serde(default)]
    pub requests: Amounts,
    /// What each instance may use at most, before a resize.
    #[serde(default)]
    pub limits: Amounts,
    /// How an instance shows that it serves.
    #[serde(default)]
    pub health: Health,
    /// How long an instance may take until it serves.
    #[serde(default = "ready_timeout")]
    pub ready_timeout: DurationMs,
    /// The signal that asks it to stop: `TERM`, `INT`, `QUIT`, `HUP`, `USR1`, `USR2` or `KILL`.
    #[serde(default)]
    pub stop_signal: StopSignal,
    /// How long after that signal it is killed with all its children.
    #[serde(default = "grace")]
    pub grace: DurationMs,
    /// How long it waits to be started again after a crash.
    #[serde(default)]
    pub restart: RestartConfig,
    /// Its standard output and error go to `<workload>/<instance>.out` and `.err` in here; default below the state folder.
    #[serde(default)]
    pub output_dir: Option<PathBuf>,
    /// At a start, a longer output file is set aside as `.1`.
    #[serde(default = "output_bytes_max")]
    pub output_bytes_max: MemoryBytes,
    /// Output of so many removed instances is kept.
    #[serde(default = "output_kept")]
    pub output_kept: u32,
}

fn root_dir() -> PathBuf {
    PathBuf::from("/")
}
fn loopback() -> IpAddr {
    IpAddr::V4(Ipv4Addr::LOCALHOST)
}
fn one() -> u32 {
    1
}
fn instances_max() -> u32 {
    1_000
}
fn ready_timeout() -> DurationMs {
    DurationMs(60_000)
}
fn grace() -> DurationMs {
    DurationMs(10_000)
}
fn output_bytes_max() -> MemoryBytes {
    MemoryBytes(10 * 1024 * 1024)
}
fn output_kept() -> u32 {
    20
}

/// Environment variables. Their values may be secrets and are never printed.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EnvVars(pub BTreeMap<String, String>);

impl fmt::Debug for EnvVars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// CPU and memory as operators write them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Amounts {
    /// A share of a core.
    pub cpu: Option<CpuMillis>,
    /// Bytes.
    pub memory: Option<MemoryBytes>,
}

impl From<Amounts> for Resources {
    fn from(amounts: Amounts) -> Self {
        Self { cpu_millis: amounts.cpu.map(|cpu| cpu.0), memory_bytes: amounts.memory.map(|memory| memory.0) }
    }
}

/// `20000-20099`, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortRange {
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

impl TryFrom<String> for PortRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parse = |part: &str| part.trim().parse::<u16>().ok().filter(|port| *port > 0);
        match text.split_once('-').map(|(first, last)| (parse(first), parse(last))) {
            Some((Some(first), Some(last))) if first <= last => Ok(Self { first, last }),
            _ => Err(format!("{text:?} is not a range of ports such as 20000-20099")),
        }
    }
}

impl From<PortRange> for String {
    fn from(range: PortRange) -> Self {
        format!("{}-{}", range.first, range.last)
    }
}

/// How an instance shows that it serves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Health {
    /// It runs.
    #[default]
    Process,
    /// It accepts a connection.
    Tcp(TcpHealth),
    /// It answers a GET with a status of 200 to 399.
    Http(HttpHealth),
}

/// A check by connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TcpHealth {
    /// The port; default the instance's own.
    pub port: Option<u16>,
    /// Distance of checks; at least 100 ms.
    pub interval: DurationMs,
    /// How long one may take.
    pub timeout: DurationMs,
    /// So many good ones in a row make it ready.
    pub healthy_after: u32,
    /// So many bad ones in a row make it unready.
    pub unhealthy_after: u32,
}

/// A check by request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpHealth {
    /// The path, with a leading slash.
    pub path: String,
    /// The port; default the instance's own.
    pub port: Option<u16>,
    /// Distance of checks; at least 100 ms.
    pub interval: DurationMs,
    /// How long one may take.
    pub timeout: DurationMs,
    /// So many good ones in a row make it ready.
    pub healthy_after: u32,
    /// So many bad ones in a row make it unready.
    pub unhealthy_after: u32,
}

impl Default for TcpHealth {
    fn default() -> Self {
        Self {
            port: None,
            interval: DurationMs(1_000),
            timeout: DurationMs(1_000),
            healthy_after: 1,
            unhealthy_after: 3,
        }
    }
}

impl Default for HttpHealth {
    fn default() -> Self {
        let TcpHealth { port, interval, timeout, healthy_after, unhealthy_after } = TcpHealth::default();
        Self { path: "/".to_owned(), port, interval, timeout, healthy_after, unhealthy_after }
    }
}

/// Back-off after crashes: `min`, then `factor` times longer each time, at most `max`; a workload without a crash for
/// `reset_after` begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RestartConfig {
    /// The first wait.
    pub min: DurationMs,
    /// The longest.
    pub max: DurationMs,
    /// How much longer each is than the last.
    pub factor: f64,
    /// After so long without a crash the next wait is the first again.
    pub reset_after: DurationMs,
}

impl Default for RestartConfig {
    fn default() -> Self {
        Self { min: DurationMs(1_000), max: DurationMs(5 * 60_000), factor: 2.0, reset_after: DurationMs(10 * 60_000) }
    }
}

/// A signal that asks a process to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names of signal(7)")]
pub enum StopSignal {
    #[default]
    Term,
    Int,
    Quit,
    Hup,
    Usr1,
    Usr2,
    Kill,
}

impl StopSignal {
    pub(super) fn number(self) -> Signal {
        match self {
            Self::Term => Signal::TERM,
            Self::Int => Signal::INT,
            Self::Quit => Signal::QUIT,
            Self::Hup => Signal::HUP,
            Self::Usr1 => Signal::USR1,
            Self::Usr2 => Signal::USR2,
            Self::Kill => Signal::KILL,
        }
    }
}

impl ProcessConfig {
    /// Everything that is wrong beyond the shape, each a sentence that begins with the key concerned.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        if self.workload.len() > WORKLOADS_MAX {
            complaints.push(format!("workload: {} are more than {WORKLOADS_MAX}", self.workload.len()));
        }
        if !self.cgroup_root.split('/').all(is_file_name) {
            complaints.push(format!("cgroup_root: {:?} is not the name of a group such as trimtab", self.cgroup_root));
        }
        for (name, workload) in &self.workload {
            if !is_file_name(name) {
                complaints.push(format!(
                    "workload.{name}: a name is made of letters, digits, -, _ and ., begins with a letter or digit, and has at most {NAME_BYTES_MAX} bytes"
                ));
            }
            complaints.extend(workload.complaints().into_iter().map(|text| format!("workload.{name}.{text}")));
        }
        complaints
    }
}

impl WorkloadConfig {
    fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut complain = |bad: bool, text: &str| {
            if bad {
                complaints.push(text.to_owned());
            }
        };
        complain(
            self.command.first().is_none_or(String::is_empty),
            "command: is empty; give the program and its arguments",
        );
        complain(self.command.iter().any(|word| word.contains('\0')), "command: holds a zero byte");
        complain(
            self.command.iter().map(String::len).sum::<usize>() > COMMAND_BYTES_MAX,
            "command: is longer than 64 KiB",
        );
        complain(!self.cwd.is_absolute(), "cwd: is not an absolute path");
        complain(self.output_dir.as_ref().is_some_and(|dir| !dir.is_absolute()), "output_dir: is not an absolute path");
        complain(self.replicas > self.instances_max, "replicas: is more than instances_max");
        complain(self.limits.cpu.is_some_and(|cpu| cpu.0 < 10), "limits.cpu: is less than 10m, the kernel's least");
        complain(self.limits.memory.is_some_and(|size| size.0 < 1024 * 1024), "limits.memory: is less than 1Mi");
        complain(
            self.limits.cpu.zip(self.requests.cpu).is_some_and(|(most, set)| set > most),
            "requests.cpu: is more than limits.cpu",
        );
        complain(
            self.limits.memory.zip(self.requests.memory).is_some_and(|(most, set)| set > most),
            "requests.memory: is more than limits.memory",
        );
        complain(
            self.restart.factor.is_nan() || !(1.0..=100.0).contains(&self.restart.factor),
            "restart.factor: is not within 1..=100",
        );
        complain(self.restart.min > self.restart.max, "restart.min: is more than restart.max");
        complain(
            (self.user.is_some() || self.group.is_some()) && !rustix::process::geteuid().is_root(),
            "user: only root may run a workload as another user",
        );
        let names: BTreeSet<&String> = self.env.0.keys().chain(&self.pass_env).collect();
        for name in names {
            let bad = name.is_empty() || name.contains(['=', '\0']) || name.starts_with("TRIMTAB_") || name == "PORT";
            complain(
                bad,
                &format!(
                    "env.{name}: is not the name of a variable that may be set (TRIMTAB_… and PORT are the host's)"
                ),
            );
        }
        complain(self.env.0.values().any(|value| value.contains('\0')), "env: a value holds a zero byte");
        for (key, amount, most, what) in self.amounts() {
            complain(amount.is_some_and(|amount| amount > most), &format!("{key}: is more than {what}"));
        }
        if let Some((port, [interval, timeout], thresholds)) = self.health.parts() {
            complain(port.is_none() && self.ports.is_none(), "health: needs a port; set ports, or health.….port");
            complain(interval.0 < CHECK_INTERVAL_MS_MIN, "health: interval is less than 100ms");
            complain(interval.max(timeout).0 > WEEK_MS, "health: interval or timeout is more than a week");
            complain(thresholds.contains(&0), "health: healthy_after and unhealthy_after are at least 1");
        }
        if let Health::Http(http) = &self.health {
            let plain = http.path.starts_with('/') && http.path.chars().all(|c| c.is_ascii_graphic());
            complain(!plain, "health.http.path: begins with / and holds no space");
        }
        complaints
    }

    /// Amounts that a kernel or a clock must be able to hold: key, amount, most, and the most in words.
    fn amounts(&self) -> [(&'static str, Option<u64>, u64, &'static str); 10] {
        let duration = |key, duration: DurationMs| (key, Some(duration.0), WEEK_MS, "a week");
        let cpu = |key, cpu: Option<CpuMillis>| (key, cpu.map(|cpu| cpu.0), CPU_MILLIS_MAX, "10000 cores");
        let memory = |key, memory: Option<MemoryBytes>| (key, memory.map(|it| it.0), MEMORY_BYTES_MAX, "1024Ti");
        [
            duration("ready_timeout", self.ready_timeout),
            duration("grace", self.grace),
            duration("restart.min", self.restart.min),
            duration("restart.max", self.restart.max),
            duration("restart.reset_after", self.restart.reset_after),
            cpu("requests.cpu", self.requests.cpu),
            cpu("limits.cpu", self.limits.cpu),
            memory("requests.memory", self.requests.memory),
            memory("limits.memory", self.limits.memory),
            memory("output_bytes_max", Some(self.output_bytes_max)),
        ]
    }
}

impl Health {
    fn parts(&self) -> Option<(Option<u16>, [DurationMs; 2], [u32; 2])> {
        match self {
            Self::Process => None,
            Self::Tcp(tcp) => Some((tcp.port, [tcp.interval, tcp.timeout], [tcp.healthy_after, tcp.unhealthy_after])),
            Self::Http(http) => {
                Some((http.port, [http.interval, http.timeout], [http.healthy_after, http.unhealthy_after]))
            }
        }
    }
}

/// Longest name of a workload or instance: with an ending it still fits a file's name.
const NAME_BYTES_MAX: usize = 200;

/// Whether a name can be a file's, a group's and a variable's value, and nothing else: no slash, no leading dot.
pub(super) fn is_file_name(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// Resolves a user or group of `/etc/passwd` or `/etc/group` to its number and, for users, the number of its group.
pub(super) fn lookup(table: &str, name: &str) -> Option<(u32, Option<u32>)> {
    let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
    let number = u32::from_str(name).ok();
    let text = std::fs::read_to_string(table).unwrap_or_default();
    let found = text.lines().map(fields).find(|line| {
        line.first().is_some_and(|entry| entry == name)
            || (number.is_some() && line.get(2).and_then(|id| id.parse().ok()) == number)
    });
    match found {
        Some(line) => Some((line.get(2)?.parse().ok()?, line.get(3).and_then(|id| id.parse().ok()))),
        None => number.map(|id| (id, None)),
    }
}

fn name_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    struct Visitor;
    impl serde::de::Visitor<'_> for Visitor {
        type Value = Option<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a name or a number")
        }

        fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
            Ok(Some(name.to_owned()))
        }

        fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Self::Value, E> {
            u32::try_from(number).map(|number| Some(number.to_string())).map_err(E::custom)
        }

        fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Self::Value, E> {
            u32::try_from(number).map(|number| Some(number.to_string())).map_err(E::custom)
        }
    }
    deserializer.deserialize_any(Visitor)
}
