//! What every store keeps to, and what the one on disk keeps to when disks fill up, files break and power is cut.

mod contract;
mod failures;
mod power;

use super::{LogRange, Store, Write};

fn set(key: &str, value: &str) -> Write {
    Write::Set { key: key.into(), value: value.into() }
}

fn swap(key: &str, version: u64, value: &str) -> Write {
    Write::CompareAndSet { key: key.into(), version, value: value.into() }
}

fn append(log: &str, at_ms: u64, body: &str) -> Write {
    Write::Append { log: log.into(), at_ms, kind: 1, body: body.into() }
}

async fn bodies(store: &dyn Store, log: &str, range: LogRange) -> Vec<String> {
    let entries = store.read_log(log, range).await.unwrap();
    entries.into_iter().map(|entry| String::from_utf8(entry.body).unwrap()).collect()
}

fn all() -> LogRange {
    LogRange { newest_first: false, ..LogRange::newest(usize::MAX) }
}
