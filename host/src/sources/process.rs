//! Source `process`: what processes of this machine use, read from `/proc` and from their cgroups.
//!
//! It knows an instance by [`Instance::handle`](crate::snapshot::Instance), `pid:<pid>:<start time in ticks>`; a number that
//! belongs to another process by now is noticed. An instance with a cgroup of its own (its last part is the instance's id) is
//! measured by that group, children included; one without by the processes of its session.

mod group;
mod rates;
mod tree;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use procfs::process::Process;
use serde::{Deserialize, Serialize};

use self::group::Groups;
use self::rates::{Counter, Rates};
use self::tree::Tree;
use super::{Ask, Measurement, ReadingSpec, Row, Source, SourceError};
use crate::snapshot::{Samples, Subject, TargetId};

/// The source's settings: there is nothing to set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessSourceConfig {}

/// What can be asked of it, and in which unit it answers.
const QUERIES: &[(&str, Quantity)] = &[
    ("cpu_millicores", Quantity::Cpu),
    ("memory_bytes", Quantity::Memory),
    ("cpu_limit_millicores", Quantity::CpuLimit),
    ("memory_limit_bytes", Quantity::MemoryLimit),
    ("cpu_throttled_ratio", Quantity::Throttled),
    ("restarts", Quantity::Restarts),
    ("threads", Quantity::Threads),
    ("open_files", Quantity::OpenFiles),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Quantity {
    /// Thousandths of a core, since it was last asked.
    Cpu,
    /// Bytes held, without what the kernel could drop at once.
    Memory,
    /// Thousandths of a core; absent where there is no limit.
    CpuLimit,
    /// Bytes; absent where there is no limit.
    MemoryLimit,
    /// Share of the CPU periods in which it was held back, since it was last asked; 0..=1.
    Throttled,
    /// How often it was restarted.
    Restarts,
    /// Threads of all its processes.
    Threads,
    /// Open files of all its processes.
    OpenFiles,
}

/// The source.
#[derive(Debug, Clone)]
pub struct ProcessSource {
    name: String,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    groups: Groups,
    rates: Mutex<Rates>,
}

/// One instance that is asked about.
#[derive(Debug, Clone)]
struct Subjected {
    target: TargetId,
    instance: String,
    handle: Option<String>,
    restarts: u32,
}

impl ProcessSource {
    /// A source of this name. Looks once where cgroups are mounted.
    #[must_use]
    pub fn new(name: &str, _: ProcessSourceConfig) -> Self {
        let inner = Inner { groups: Groups::find(), rates: Mutex::new(Rates::default()) };
        Self { name: name.to_owned(), inner: Arc::new(inner) }
    }

    fn quantity(&self, spec: &ReadingSpec) -> Result<Quantity, SourceError> {
        let found = QUERIES.iter().find(|(query, _)| *query == spec.query);
        found.map(|(_, quantity)| *quantity).ok_or_else(|| {
            let known: Vec<&str> = QUERIES.iter().map(|(query, _)| *query).collect();
            self.unsuitable(spec, format!("there is no query {:?}; there are {}", spec.query, known.join(", ")))
        })
    }

    fn unsuitable(&self, spec: &ReadingSpec, what: String) -> SourceError {
        SourceError::Reading { reading: spec.name.as_ref().to_owned(), name: self.name.clone(), what }
    }
}

#[async_trait]
impl Source for ProcessSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "process"
    }

    fn check_reading(&self, spec: &ReadingSpec) -> Result<(), SourceError> {
        self.quantity(spec)?;
        if spec.subject != Subject::Instance {
            return Err(self.unsuitable(spec, format!("its subject is {}; set subject = \"instance\"", spec.subject)));
        }
        Ok(())
    }

    async fn measure(&self, ask: &Ask<'_>) -> Result<Measurement, SourceError> {
        let quantity = self.quantity(ask.spec)?;
        let mut asked = Vec::new();
        for target in ask.targets {
            asked.extend(target.instances.iter().map(|instance| Subjected {
                target: target.target.id.clone(),
                instance: instance.id.clone(),
                handle: instance.handle.clone(),
                restarts: instance.restarts,
            }));
        }
        let (inner, now_ms) = (Arc::clone(&self.inner), ask.now_ms);
        // `/proc` is read on a thread of its own: thousands of small files take a while.
        tokio::task::spawn_blocking(move || inner.measure(quantity, &asked, now_ms))
            .await
            .map_err(|error| SourceError::Unreachable { name: self.name.clone(), what: error.to_string() })
    }

    async fn check(&self) -> Result<(), SourceError> {
        let stat = Process::myself().and_then(|process| process.stat());
        stat.map(drop).map_err(|error| SourceError::Unreachable {
            name: self.name.clone(),
            what: format!("/proc cannot be read; mount it: {error}"),
        })
    }
}

impl Inner {
    fn measure(&self, quantity: Quantity, asked: &[Subjected], now_ms: u64) -> Measurement {
        let mut measurement = Measurement::default();
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tree = Tree::default();
        for one in asked {
            match self.measure_one(quantity, one, &mut rates, &mut tree) {
                Ok(Some(value)) => measurement.rows.push(Row {
                    target: one.target.clone(),
                    owner: Some(one.instance.clone()),
                    samples: Samples::one(now_ms, value),
                }),
                Ok(None) => {}
                Err(why) => measurement.failed.push((format!("{}/{}", one.target, one.instance), why)),
            }
        }
        let living: HashSet<&str> = asked.iter().filter_map(|one| one.handle.as_deref()).collect();
        rates.sweep(&living);
        measurement
    }

    /// One value; `None` where there is none to tell: no process, no limit, no earlier sample.
    fn measure_one(
        &self,
        quantity: Quantity,
        one: &Subjected,
        rates: &mut Rates,
        tree: &mut Tree,
    ) -> Result<Option<f64>, String> {
        if quantity == Quantity::Restarts {
            return Ok(Some(f64::from(one.restarts)));
        }
        let Some(handle) = &one.handle else { return Ok(None) };
        let (pid, start_ticks) = parse_handle(handle).ok_or_else(|| format!("{handle:?} is not a process's handle"))?;
        let process = Process::new(pid).map_err(|_| "its process is gone".to_owned())?;
        let stat = process.stat().map_err(|_| "its process is gone".to_owned())?;
        if stat.starttime != start_ticks || matches!(stat.state, 'Z' | 'X') {
            return Err("its process is gone".to_owned());
        }
        let group = self.groups.of(&process, &one.instance);
        let mut members = || match group.pids() {
            pids if pids.is_empty() => tree.session(pid),
            pids => tree.these(&pids),
        };
        Ok(match quantity {
            Quantity::Cpu => {
                let counters = match group.cpu_ns() {
                    Some(ns) => vec![Counter { key: 0, value: ns }],
                    None => members().iter().map(tree::cpu_counter).collect(),
                };
                // Nanoseconds per second, divided by a million, are thousandths of a core.
                rates.per_second(handle, quantity, &counters).map(|ns| ns / 1e6)
            }
            Quantity::Memory => match group.memory_bytes() {
                Some(bytes) => Some(number(bytes)),
                None => Some(number(members().iter().map(|stat| stat.rss).sum::<u64>() * procfs::page_size())),
            },
            Quantity::CpuLimit => group.cpu_limit_millis().map(number),
            Quantity::MemoryLimit => group.memory_limit_bytes().map(number),
            Quantity::Throttled => group.throttling().and_then(|(held, all)| rates.share(handle, held, all)),
            Quantity::Threads => {
                Some(number(members().iter().filter_map(|stat| u64::try_from(stat.num_threads).ok()).sum()))
            }
            Quantity::OpenFiles => open_files(&members())?,
            Quantity::Restarts => None,
        })
    }
}

fn open_files(members: &[procfs::process::Stat]) -> Result<Option<f64>, String> {
    let mut count = 0_usize;
    for stat in members {
        match Process::new(stat.pid).and_then(|process| process.fd_count()) {
            Ok(files) => count = count.saturating_add(files),
            // It has ended meanwhile.
            Err(procfs::ProcError::NotFound(_)) => {}
            Err(error) => return Err(format!("its open files cannot be counted: {error}")),
        }
    }
    Ok(u64::try_from(count).ok().map(number))
}

/// `pid:<pid>:<start time in ticks>`.
fn parse_handle(handle: &str) -> Option<(i32, u64)> {
    let (pid, start_ticks) = handle.strip_prefix("pid:")?.split_once(':')?;
    Some((pid.parse().ok().filter(|pid| *pid > 0)?, start_ticks.parse().ok()?))
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 9 PB and 285 years")]
fn number(value: u64) -> f64 {
    value as f64
}
