//! Power is cut, or the process killed, at any moment: what `write` has said to be written is there, whole.
//!
//! A cut is imitated by what a disk holds then: all bytes that were flushed, and of those that were not, any part. SQLite
//! flushes the log at each commit before `write` returns, so a copy of the file and its log taken between two writes is the
//! flushed state; a commit under way adds a tail to the log, of which any prefix, also with wrong bytes, may have arrived.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{all, append, bodies, set};
use crate::store::{SqliteStore, Store};

/// Names the directory that a child is to write to.
const CHILD: &str = "TRIMTAB_TEST_STORE_CHILD";

/// Some numbers, the same at each run.
fn random(state: &mut u64, below: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize % below.max(1)
}

/// One turn of three targets: entries and state belong together.
async fn turn(store: &dyn Store, turn: u64) {
    let body = format!("{turn}");
    let writes = ["a", "b", "c"].iter().flat_map(|log| [append(log, turn, &body), set(&format!("state/{log}"), &body)]);
    store.write(writes.collect()).await.unwrap();
}

/// Asserts that exactly turns `0..n` are there, whole, with `n` at least `written`; returns `n`.
async fn assert_whole(dir: &Path, written: u64) -> u64 {
    let store = SqliteStore::open(dir).unwrap();
    let turns = bodies(&store, "a", all()).await;
    let count = turns.len() as u64;
    assert!(count >= written, "{written} were acknowledged, {count} are there");
    let expected: Vec<_> = (0..count).map(|turn| turn.to_string()).collect();
    for log in ["a", "b", "c"] {
        assert_eq!(bodies(&store, log, all()).await, expected, "{log}");
        let state = store.get(&format!("state/{log}")).await.unwrap();
        assert_eq!(state.map(|state| state.value), expected.last().map(|last| last.clone().into_bytes()));
    }
    turn(&store, count).await;
    count
}

fn copy(from: &Path, to: &Path) -> usize {
    std::fs::copy(from.join("trimtab.db"), to.join("trimtab.db")).unwrap();
    std::fs::copy(from.join("trimtab.db-wal"), to.join("trimtab.db-wal")).unwrap().try_into().unwrap()
}

#[tokio::test]
async fn power_cut_in_a_commit_loses_nothing_that_was_acknowledged() {
    let mut dice = 7;
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    for round in 0..40_u64 {
        let written = 2 * round + 1;
        turn(&store, 2 * round).await;
        let cut = tempfile::tempdir().unwrap();
        let flushed = copy(dir.path(), cut.path());
        // The next commit is under way when the power goes: what it adds to the log is torn somewhere, and now and then
        // bytes of it are wrong.
        turn(&store, written).await;
        let mut log = std::fs::read(dir.path().join("trimtab.db-wal")).unwrap();
        let added = log.len() - flushed;
        assert!(added > 0, "the log of so few turns only grows");
        log.truncate(flushed + random(&mut dice, added + 1));
        let spoilt = random(&mut dice, log.len() - flushed + 1);
        if round % 3 == 0 && spoilt > 0 {
            log[flushed + spoilt - 1] ^= 0x40;
        }
        std::fs::write(cut.path().join("trimtab.db-wal"), &log).unwrap();
        let found = assert_whole(cut.path(), written).await;
        assert!(found <= written + 1);
    }
}

#[tokio::test]
async fn power_cut_while_the_log_is_folded_into_the_file_loses_nothing() {
    const PAGE: usize = 4096;
    let mut dice = 11;
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    for n in 0..50 {
        turn(&store, n).await;
    }
    let before = tempfile::tempdir().unwrap();
    copy(dir.path(), before.path());
    drop(store);
    let old = std::fs::read(before.path().join("trimtab.db")).unwrap();
    let new = std::fs::read(dir.path().join("trimtab.db")).unwrap();
    assert_ne!(old, new);
    for _ in 0..30 {
        // Of each page the old, the new, or half of each is on the disk; the log is still whole.
        let mut mixed = new.clone();
        for (at, page) in mixed.chunks_mut(PAGE).enumerate() {
            let old_page = old.get(at * PAGE..(at + 1) * PAGE).unwrap_or(&[0; PAGE]);
            let kept = [0, PAGE / 2, PAGE][random(&mut dice, 3)];
            page[..kept].copy_from_slice(&old_page[..kept]);
        }
        let cut = tempfile::tempdir().unwrap();
        copy(before.path(), cut.path());
        std::fs::write(cut.path().join("trimtab.db"), mixed).unwrap();
        assert_eq!(assert_whole(cut.path(), 50).await, 50);
    }
}

/// Not a story of its own: what the killed process runs.
#[tokio::test]
async fn child_that_writes_until_it_is_killed() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let store = SqliteStore::open(Path::new(&dir)).unwrap();
    let from = bodies(&store, "a", all()).await.len() as u64;
    for n in from.. {
        turn(&store, n).await;
        println!("\nwritten {}", n + 1);
    }
}

#[tokio::test]
async fn a_host_killed_at_any_moment_finds_what_it_acknowledged() {
    let mut dice = 3;
    let dir = tempfile::tempdir().unwrap();
    let mut written = 0;
    for _ in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "store::tests::power::child_that_writes_until_it_is_killed"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut next = || told.find_map(|line| line.strip_prefix("written ").and_then(|n| n.parse::<u64>().ok()));
        // A few turns, and then a moment in the midst of one.
        for _ in 0..=random(&mut dice, 5) {
            written = next().expect("the child writes");
        }
        std::thread::sleep(Duration::from_micros(random(&mut dice, 5_000) as u64));
        child.kill().unwrap();
        written = std::iter::from_fn(next).last().unwrap_or(written);
        child.wait().unwrap();
        written = assert_whole(dir.path(), written).await + 1;
    }
}
