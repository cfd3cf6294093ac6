//! One container's measurements, and what is made of them.

use bollard::models::{ContainerBlkioStatEntry, ContainerMemoryStats, ContainerStatsResponse};

/// What can be asked, and in which unit the answer is.
pub(super) const QUERIES: &[(&str, Quantity)] = &[
    ("cpu_millicores", Quantity::Cpu),
    ("cpu_throttled_ratio", Quantity::Throttled),
    ("memory_bytes", Quantity::Memory),
    ("memory_limit_bytes", Quantity::MemoryLimit),
    ("network_receive_bytes_per_second", Quantity::Received),
    ("network_transmit_bytes_per_second", Quantity::Sent),
    ("block_read_bytes_per_second", Quantity::BlockRead),
    ("block_write_bytes_per_second", Quantity::BlockWritten),
    ("processes", Quantity::Processes),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantity {
    /// Thousandths of a core, since the turn before.
    Cpu,
    /// Share of the CPU periods in which it was held back, since the turn before; 0..=1.
    Throttled,
    /// Bytes held, without the page cache that the kernel could drop at once.
    Memory,
    /// Bytes that it may hold; the machine's memory where nobody set a limit.
    MemoryLimit,
    /// Bytes per second, of all its interfaces.
    Received,
    /// Bytes per second, of all its interfaces.
    Sent,
    /// Bytes per second, of all devices.
    BlockRead,
    /// Bytes per second, of all devices.
    BlockWritten,
    /// Processes and threads.
    Processes,
}

/// What the engine measured at one moment. What it did not tell is `None`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Stats {
    pub(super) read_ms: i64,
    pub(super) cpu_ns: Option<u64>,
    pub(super) periods: Option<(u64, u64)>,
    pub(super) memory_bytes: Option<u64>,
    pub(super) memory_limit_bytes: Option<u64>,
    pub(super) received_bytes: Option<u64>,
    pub(super) sent_bytes: Option<u64>,
    pub(super) block_read_bytes: Option<u64>,
    pub(super) block_written_bytes: Option<u64>,
    pub(super) processes: Option<u64>,
}

impl Stats {
    pub(super) fn read(answer: &ContainerStatsResponse) -> Result<Self, String> {
        let read: Option<jiff::Timestamp> = answer.read.as_ref().and_then(|read| read.to_string().parse().ok());
        // A container that is not running is answered with zeros of the year 1.
        let read_ms = read.map(jiff::Timestamp::as_millisecond).filter(|read_ms| *read_ms > 0);
        let read_ms = read_ms.ok_or("it is not running")?;
        let cpu = answer.cpu_stats.as_ref();
        let throttling = cpu.and_then(|cpu| cpu.throttling_data.as_ref());
        let memory = answer.memory_stats.as_ref();
        let networks = answer.networks.as_ref();
        let all = |bytes: fn(&bollard::models::ContainerNetworkStats) -> Option<u64>| {
            networks?.values().map(bytes).try_fold(0_u64, |sum, bytes| Some(sum.saturating_add(bytes?)))
        };
        let blocks = answer.blkio_stats.as_ref().and_then(|stats| stats.io_service_bytes_recursive.as_deref());
        Ok(Self {
            read_ms,
            cpu_ns: cpu.and_then(|cpu| cpu.cpu_usage.as_ref()?.total_usage),
            periods: throttling.and_then(|data| Some((data.throttled_periods?, data.periods?))),
            memory_bytes: memory.and_then(without_cache),
            memory_limit_bytes: memory.and_then(|memory| memory.limit).filter(|limit| *limit > 0),
            received_bytes: all(|network| network.rx_bytes),
            sent_bytes: all(|network| network.tx_bytes),
            block_read_bytes: blocks.map(|entries| blocks_of(entries, "read")),
            block_written_bytes: blocks.map(|entries| blocks_of(entries, "write")),
            processes: answer.pids_stats.as_ref().and_then(|pids| pids.current),
        })
    }
}

/// As `docker stats` counts: what is used without inactive pages of files. The name of these differs between cgroups v1 and v2.
fn without_cache(memory: &ContainerMemoryStats) -> Option<u64> {
    let usage = memory.usage.filter(|usage| *usage > 0)?;
    let stat = |name: &str| memory.stats.as_ref().and_then(|stats| stats.get(name)).copied();
    let inactive = stat("total_inactive_file").or_else(|| stat("inactive_file")).unwrap_or_default();
    Some(usage.checked_sub(inactive).unwrap_or(usage))
}

/// cgroups v1 writes `Read`, v2 `read`.
fn blocks_of(entries: &[ContainerBlkioStatEntry], op: &str) -> u64 {
    let of = |entry: &&ContainerBlkioStatEntry| entry.op.as_deref().is_some_and(|word| word.eq_ignore_ascii_case(op));
    entries.iter().filter(of).filter_map(|entry| entry.value).fold(0, u64::saturating_add)
}

impl Quantity {
    /// Its value; rates are taken from `before`. `None`: there is none to tell.
    pub(super) fn of(self, now: &Stats, before: Option<&Stats>) -> Option<f64> {
        match self {
            // Nanoseconds per second, divided by a million, are thousandths of a core.
            Self::Cpu => per_second(now, before, |stats| stats.cpu_ns).map(|ns| ns / 1e6),
            Self::Throttled => throttled(now, before),
            Self::Memory => now.memory_bytes.map(number),
            Self::MemoryLimit => now.memory_limit_bytes.map(number),
            Self::Received => per_second(now, before, |stats| stats.received_bytes),
            Self::Sent => per_second(now, before, |stats| stats.sent_bytes),
            Self::BlockRead => per_second(now, before, |stats| stats.block_read_bytes),
            Self::BlockWritten => per_second(now, before, |stats| stats.block_written_bytes),
            Self::Processes => now.processes.map(number),
        }
    }
}

/// Growth per second. A counter that went back belongs to a container that was restarted: there is no rate then.
fn per_second(now: &Stats, before: Option<&Stats>, counter: fn(&Stats) -> Option<u64>) -> Option<f64> {
    let before = before?;
    let elapsed_ms = u64::try_from(now.read_ms.checked_sub(before.read_ms)?).ok().filter(|ms| *ms > 0)?;
    let grown = counter(now)?.checked_sub(counter(before)?)?;
    Some(number(grown) * 1_000.0 / number(elapsed_ms))
}

/// Where no period passed, nothing was held back.
fn throttled(now: &Stats, before: Option<&Stats>) -> Option<f64> {
    let ((held, all), (held_before, all_before)) = (now.periods?, before?.periods?);
    let (held, all) = (held.checked_sub(held_before)?, all.checked_sub(all_before)?);
    if all == 0 { Some(0.0) } else { Some((number(held) / number(all)).clamp(0.0, 1.0)) }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 9 PB and 104 days of a core's nanoseconds")]
fn number(value: u64) -> f64 {
    value as f64
}
