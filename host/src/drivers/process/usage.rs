//! What instances use, as observations show it.

use std::collections::HashMap;

use super::cgroup::{Cgroups, GroupName};
use super::identity::{ProcessId, boot_ms, living_stat};
use crate::snapshot::Resources;

/// Two samples must lie so far apart, else the ticks of the clock are all that is measured.
const SAMPLE_MS_MIN: u64 = 200;
/// The peak covers between one and two of these.
const PEAK_SPAN_MS: u64 = 10 * 60 * 1000;

/// Past samples, by workload and instance.
#[derive(Debug, Default)]
pub(super) struct Meters {
    meters: HashMap<(String, String), Meter>,
}

#[derive(Debug)]
struct Meter {
    process: ProcessId,
    cpu: Option<CpuSample>,
    cpu_millis: Option<u64>,
    peak_since_ms: u64,
    peak_before_bytes: u64,
    peak_bytes: u64,
}

#[derive(Debug, Clone, Copy)]
struct CpuSample {
    at_ms: u64,
    used_ns: u64,
}

/// What one instance uses.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Use {
    pub now: Resources,
    pub memory_peak_bytes: Option<u64>,
}

impl Meters {
    /// Measures one instance. CPU is not known before the second sample, nor over a restart.
    pub(super) fn measure(&mut self, groups: &Cgroups, name: GroupName<'_>, process: &ProcessId) -> Use {
        let now_ms = boot_ms();
        let grouped = groups.usage(name);
        let alone = living_stat(process.pid).ok().flatten();
        let used_ns = grouped.cpu_ns.or_else(|| {
            let ticks = alone.as_ref().map(|stat| stat.utime.saturating_add(stat.stime))?;
            Some(ticks.saturating_mul(1_000_000_000) / procfs::ticks_per_second().max(1))
        });
        let memory_bytes =
            grouped.memory_bytes.or_else(|| alone.as_ref().map(|stat| stat.rss.saturating_mul(procfs::page_size())));

        let key = (name.workload.to_owned(), name.instance.to_owned());
        let fresh = || Meter::new(process, now_ms);
        let meter = self.meters.entry(key).or_insert_with(fresh);
        if meter.process != *process {
            *meter = fresh();
        }
        meter.note_cpu(now_ms, used_ns);
        let peak = memory_bytes.map(|bytes| meter.note_memory(now_ms, bytes));
        Use { now: Resources { cpu_millis: meter.cpu_millis, memory_bytes }, memory_peak_bytes: peak }
    }

    /// Forgets instances that are not among these.
    pub(super) fn retain(&mut self, keep: impl Fn(&str, &str) -> bool) {
        self.meters.retain(|(workload, instance), _| keep(workload, instance));
    }
}

impl Meter {
    fn new(process: &ProcessId, now_ms: u64) -> Self {
        // What it used before we looked counts too: the kernel keeps the highest since it started.
        let high_water = procfs::process::Process::new(process.pid).and_then(|process| process.status()).ok();
        let peak_bytes = high_water.and_then(|status| status.vmhwm).unwrap_or_default().saturating_mul(1024);
        Self {
            process: process.clone(),
            cpu: None,
            cpu_millis: None,
            peak_since_ms: now_ms,
            peak_before_bytes: 0,
            peak_bytes,
        }
    }

    fn note_cpu(&mut self, now_ms: u64, used_ns: Option<u64>) {
        let Some(used_ns) = used_ns else {
            (self.cpu, self.cpu_millis) = (None, None);
            return;
        };
        let sample = CpuSample { at_ms: now_ms, used_ns };
        match self.cpu {
            Some(before) if used_ns < before.used_ns => (self.cpu, self.cpu_millis) = (Some(sample), None),
            Some(before) if now_ms.saturating_sub(before.at_ms) < SAMPLE_MS_MIN => {}
            Some(before) => {
                let spent_ns = used_ns.saturating_sub(before.used_ns);
                // ns per ms, divided by 1000, is thousandths of a core.
                self.cpu_millis = Some(spent_ns / now_ms.saturating_sub(before.at_ms).max(1) / 1_000);
                self.cpu = Some(sample);
            }
            None => self.cpu = Some(sample),
        }
    }

    fn note_memory(&mut self, now_ms: u64, bytes: u64) -> u64 {
        if now_ms.saturating_sub(self.peak_since_ms) > PEAK_SPAN_MS {
            self.peak_before_bytes = self.peak_bytes;
            (self.peak_bytes, self.peak_since_ms) = (0, now_ms);
        }
        self.peak_bytes = self.peak_bytes.max(bytes);
        self.peak_bytes.max(self.peak_before_bytes)
    }
}
