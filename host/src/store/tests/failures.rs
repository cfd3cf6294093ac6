//! Locked, damaged, foreign, newer, read-only and full stores: a clear refusal, and no damage.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rusqlite::Connection;

use super::{all, append, bodies, set};
use crate::store::{LogRange, SqliteStore, Store, StoreError};

/// Everything that an operator reads of an error.
fn told(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn raw(dir: &Path) -> Connection {
    Connection::open(dir.join("trimtab.db")).unwrap()
}

#[tokio::test]
async fn a_second_host_is_kept_out_and_readers_are_let_in() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    store.write(vec![set("a", "1")]).await.unwrap();
    let refused = SqliteStore::open(dir.path()).unwrap_err();
    assert!(matches!(refused, StoreError::Locked { .. }), "{refused}");

    let reader = SqliteStore::open_read_only(dir.path()).unwrap();
    assert_eq!(reader.get("a").await.unwrap().unwrap().value, b"1");
    store.write(vec![set("a", "2")]).await.unwrap();
    assert_eq!(reader.get("a").await.unwrap().unwrap().value, b"2", "it sees what was committed since");
    let refused = told(&reader.write(vec![set("a", "3")]).await.unwrap_err());
    assert!(refused.contains("opened for reading"), "{refused}");

    drop(store);
    SqliteStore::open(dir.path()).expect("the lock ends with its holder, whoever reads");
}

#[tokio::test]
async fn only_the_owner_may_look_inside() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("made/for it");
    let store = SqliteStore::open(&dir).unwrap();
    store.write(vec![set("a", "1")]).await.unwrap();
    let rights = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(rights(&dir), 0o700);
    for file in std::fs::read_dir(&dir).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(rights(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn nothing_is_there_to_read_before_the_first_start() {
    let dir = tempfile::tempdir().unwrap();
    let refused = told(&SqliteStore::open_read_only(dir.path()).unwrap_err());
    assert!(refused.contains("start a host on this data_dir first"), "{refused}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "looking makes no file");
}

#[tokio::test]
async fn what_stands_still_is_read_where_nothing_can_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    store.write(vec![set("a", "1")]).await.unwrap();
    drop(store);
    assert!(!dir.path().join("trimtab.db-wal").exists(), "an orderly end folds the log into the file");
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o500)).unwrap();
    let reader = SqliteStore::open_read_only(dir.path()).unwrap();
    assert_eq!(reader.get("a").await.unwrap().unwrap().value, b"1");
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_data_dir_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "here already").unwrap();
    let refused = told(&SqliteStore::open(&file.join("data")).unwrap_err());
    assert!(refused.contains("could not make the data_dir") && refused.contains("a file is in its place"), "{refused}");
    // Root may write anywhere but here.
    let refused = told(&SqliteStore::open(Path::new("/proc/trimtab")).unwrap_err());
    assert!(refused.contains("could not make the data_dir /proc/trimtab"), "{refused}");
}

#[test]
fn a_newer_schema_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(dir.path()).unwrap());
    raw(dir.path()).pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(dir.path().join("trimtab.db")).unwrap();
    for refused in [SqliteStore::open(dir.path()).unwrap_err(), SqliteStore::open_read_only(dir.path()).unwrap_err()] {
        assert!(matches!(refused, StoreError::Newer { found: 99, known: 1 }), "{refused}");
    }
    assert_eq!(std::fs::read(dir.path().join("trimtab.db")).unwrap(), before);
}

#[test]
fn the_file_of_another_program_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    raw(dir.path()).execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)").unwrap();
    let refused = SqliteStore::open(dir.path()).unwrap_err();
    assert!(matches!(&refused, StoreError::Corrupt { what } if what.contains("another program")), "{refused}");
    let theirs: i64 = raw(dir.path()).query_row("SELECT x FROM theirs", [], |row| row.get(0)).unwrap();
    assert_eq!(theirs, 1);
}

#[tokio::test]
async fn a_damaged_file_is_refused_with_a_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    let writes = (0..2_000).map(|n| set(&format!("key/{n}"), &"v".repeat(200)));
    store.write(writes.collect()).await.unwrap();
    drop(store);
    let file = dir.path().join("trimtab.db");
    let whole = std::fs::read(&file).unwrap();

    std::fs::write(
        &file,
        b"this is no database, but long enough to be looked at as if it were one, all 100 bytes of it......",
    )
    .unwrap();
    let refused = SqliteStore::open(dir.path()).unwrap_err();
    assert!(matches!(&refused, StoreError::Corrupt { what } if what.contains("put back a copy")), "{refused}");

    let mut broken = whole.clone();
    for byte in broken.iter_mut().skip(4096 * 20).take(4096 * 10) {
        *byte = 0x5a;
    }
    std::fs::write(&file, broken).unwrap();
    let refused = SqliteStore::open(dir.path()).unwrap_err();
    assert!(matches!(&refused, StoreError::Corrupt { what } if what.contains("is damaged")), "{refused}");

    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let refused = SqliteStore::open(dir.path()).unwrap_err();
    assert!(matches!(&refused, StoreError::Corrupt { .. }), "{refused}");

    std::fs::write(&file, whole).unwrap();
    let store = SqliteStore::open(dir.path()).expect("the copy is put back");
    assert!(store.get("key/1999").await.unwrap().is_some());
}

#[tokio::test]
async fn a_file_replaced_under_a_running_host_takes_no_writes_into_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    store.write(vec![set("a", "1")]).await.unwrap();
    for name in ["trimtab.db", "trimtab.db-wal"] {
        let (file, aside) = (dir.path().join(name), dir.path().join("aside"));
        std::fs::rename(&file, &aside).unwrap();
        let refused = told(&store.write(vec![set("a", "2")]).await.unwrap_err());
        assert!(refused.contains("removed or replaced"), "{refused}");
        std::fs::rename(&aside, &file).unwrap();
        store.write(vec![set("a", "3")]).await.expect("it goes on once the file is back");
    }
}

/// SQLite itself says "disk full" where a file may not grow; that the kernel says so too was tried by hand.
#[tokio::test]
async fn a_full_disk_refuses_whole_commits_and_heals() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_with_pages_max(dir.path(), 40).unwrap();
    store.write(vec![append("web", 1, "first"), set("a", "1")]).await.unwrap();
    let large = append("web", 2, &"x".repeat(500_000));
    let refused = store.write(vec![set("a", "2"), large, append("web", 3, "after")]).await.unwrap_err();
    let text = told(&refused);
    assert!(matches!(refused, StoreError::Io { .. }) && text.contains("the disk is full"), "{text}");
    assert_eq!(store.get("a").await.unwrap().unwrap().value, b"1", "nothing of it was written");
    assert_eq!(bodies(&store, "web", all()).await, ["first"]);

    store.write(vec![append("web", 4, "small")]).await.expect("what fits is still taken");
    assert_eq!(bodies(&store, "web", LogRange::newest(9)).await, ["small", "first"], "and the chain is whole");
}

/// While the disk is full for one, others that fit are served, also out of the same commit.
#[tokio::test]
async fn one_that_cannot_be_written_does_not_take_its_neighbours_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_with_pages_max(dir.path(), 40).unwrap();
    let large = store.write(vec![append("a", 1, &"x".repeat(500_000))]);
    let small = futures_util::future::join_all((0..20).map(|n| store.write(vec![set(&format!("k/{n}"), "v")])));
    let (large, small) = tokio::join!(large, small);
    assert!(large.is_err());
    assert!(small.iter().all(Result::is_ok), "{small:?}");
}

#[tokio::test]
async fn a_trimmed_file_gives_its_pages_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    let body = "x".repeat(1_000);
    for turn in 0..20_u64 {
        store.write((0..1_000).map(|n| append(&format!("record/{n}"), turn, &body)).collect()).await.unwrap();
    }
    let full = store.size_bytes().await.unwrap();
    assert!(full > 20_000_000, "{full}");
    while store.trim("record/", 18, 2_000).await.unwrap() > 0 {}
    let left = store.size_bytes().await.unwrap();
    assert!(left < 3_000_000, "{left}");
    drop(store);
    let file = std::fs::metadata(dir.path().join("trimtab.db")).unwrap().len();
    assert!(file < full / 2, "{file} of {full}");
    let store = SqliteStore::open(dir.path()).unwrap();
    assert_eq!(bodies(&store, "record/7", all()).await.len(), 2);
}
