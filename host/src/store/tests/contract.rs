//! Stories that each store must pass.

use std::sync::Arc;

use super::{all, append, bodies, set, swap};
use crate::store::{
    Entry, KEY_BYTES_MAX, LogRange, MemoryStore, SqliteStore, Store, StoreError, Versioned, Write, Written,
};

/// Runs a story against both stores; each gets a fresh one.
macro_rules! stories {
    ($($story:ident),* $(,)?) => {
        mod in_memory {
            $(#[tokio::test]
            async fn $story() {
                super::$story(std::sync::Arc::new(super::MemoryStore::new())).await;
            })*
        }
        mod on_disk {
            $(#[tokio::test]
            async fn $story() {
                let dir = tempfile::tempdir().unwrap();
                super::$story(std::sync::Arc::new(super::SqliteStore::open(dir.path()).unwrap())).await;
            })*
        }
    };
}

stories!(
    a_value_counts_its_writes,
    a_compare_and_set_wins_or_tells_what_is_there,
    of_hundred_rivals_one_wins,
    keys_are_listed_in_order_and_by_page,
    a_log_is_read_from_either_end_by_time_kind_and_page,
    a_long_log_answers_as_a_naive_reader_would,
    clocks_that_jump_leave_no_hole,
    trimming_passes_over_other_logs,
    trimming_to_a_size_drops_what_was_written_first,
    a_trimmed_log_goes_on,
    blobs_are_kept_by_what_they_are,
    what_is_too_large_is_refused_and_leaves_no_trace,
);

async fn a_value_counts_its_writes(store: Arc<dyn Store>) {
    assert_eq!(store.get("a").await.unwrap(), None);
    let written = store.write(vec![set("a", "1"), set("a", "2"), set("b", "")]).await.unwrap();
    assert_eq!(written, [Written::Set(1), Written::Set(2), Written::Set(1)]);
    assert_eq!(store.get("a").await.unwrap(), Some(Versioned { version: 2, value: b"2".to_vec() }));
    assert_eq!(store.get("b").await.unwrap(), Some(Versioned { version: 1, value: Vec::new() }));
    let gone = vec![Write::Delete { key: "a".into() }, Write::Delete { key: "never".into() }];
    assert_eq!(store.write(gone).await.unwrap(), [Written::Deleted, Written::Deleted]);
    assert_eq!(store.get("a").await.unwrap(), None);
    assert_eq!(store.write(vec![set("a", "3")]).await.unwrap(), [Written::Set(1)]);
}

async fn a_compare_and_set_wins_or_tells_what_is_there(store: Arc<dyn Store>) {
    let writes = vec![swap("a", 1, "x"), swap("a", 0, "1"), swap("a", 0, "y"), swap("a", 1, "2"), set("b", "also")];
    let written = store.write(writes).await.unwrap();
    assert_eq!(
        written,
        [Written::Lost(0), Written::Set(1), Written::Lost(1), Written::Set(2), Written::Set(1)],
        "each decides alone: a lost one takes no other with it"
    );
    assert_eq!(store.get("a").await.unwrap().unwrap().value, b"2");
}

async fn of_hundred_rivals_one_wins(store: Arc<dyn Store>) {
    let rivals = (0..100).map(|rival: u32| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.write(vec![swap("lease", 0, &rival.to_string())]).await.unwrap() })
    });
    let mut won = 0;
    for rival in rivals.collect::<Vec<_>>() {
        match rival.await.unwrap()[..] {
            [Written::Set(1)] => won += 1,
            [Written::Lost(1)] => {}
            ref other => panic!("{other:?}"),
        }
    }
    assert_eq!(won, 1);
}

async fn keys_are_listed_in_order_and_by_page(store: Arc<dyn Store>) {
    let keys = ["b/2", "a", "b/1", "b", "b/ü", "c/1", "b/3"];
    store.write(keys.iter().map(|key| set(key, key)).collect()).await.unwrap();
    let names = |page: Vec<(String, Versioned)>| page.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(names(store.list("b/", None, 2).await.unwrap()), ["b/1", "b/2"]);
    assert_eq!(names(store.list("b/", Some("b/2"), 9).await.unwrap()), ["b/3", "b/ü"]);
    assert_eq!(names(store.list("b/", Some("a"), 1).await.unwrap()), ["b/1"]);
    assert_eq!(names(store.list("", None, 99).await.unwrap()), ["a", "b", "b/1", "b/2", "b/3", "b/ü", "c/1"]);
    assert_eq!(names(store.list("x", None, 99).await.unwrap()), [""; 0]);
}

async fn a_log_is_read_from_either_end_by_time_kind_and_page(store: Arc<dyn Store>) {
    let entry = |at_ms, kind| Write::Append { log: "web".into(), at_ms, kind, body: format!("{at_ms}").into() };
    let other = append("web2", 15, "other");
    let written = store.write(vec![entry(10, 1), other, entry(20, 2), entry(30, 1), entry(40, 4)]).await.unwrap();
    let Written::Appended(first) = written[0] else { panic!("{written:?}") };
    let log = |range| bodies(&*store, "web", range);
    assert_eq!(log(all()).await, ["10", "20", "30", "40"]);
    assert_eq!(log(LogRange::newest(2)).await, ["40", "30"]);
    assert_eq!(log(LogRange { from_ms: 20, to_ms: 40, ..all() }).await, ["20", "30"]);
    assert_eq!(log(LogRange { kinds: vec![1, 4], ..all() }).await, ["10", "30", "40"]);
    assert_eq!(log(LogRange { after: Some(first), limit: 1, ..all() }).await, ["20"]);
    assert_eq!(log(LogRange { after: Some(first + 3), ..LogRange::newest(9) }).await, ["20", "10"]);
    assert_eq!(log(LogRange { limit: 0, ..all() }).await, [""; 0]);
    assert_eq!(bodies(&*store, "nobody", all()).await, [""; 0]);
    assert_eq!(store.logs("web").await.unwrap(), ["web", "web2"]);
    let newest = store.read_log("web", LogRange::newest(1)).await.unwrap();
    assert_eq!(newest, [Entry { seq: first + 4, at_ms: 40, kind: 4, body: b"40".to_vec() }]);
}

async fn a_long_log_answers_as_a_naive_reader_would(store: Arc<dyn Store>) {
    // Two logs take turns, in commits of different lengths, with a clock that now and then stumbles.
    let times = (0_u64..1_000).map(|turn| 1_000 + turn * 10 - (turn % 97 == 0) as u64 * 500);
    let times: Vec<u64> = times.collect();
    let writes: Vec<_> =
        times.iter().flat_map(|at| [append("a", *at, &at.to_string()), append("b", *at, "b")]).collect();
    for batch in writes.chunks(77) {
        store.write(batch.to_vec()).await.unwrap();
    }
    for (from_ms, to_ms) in
        [(0, u64::MAX), (1_500, 1_700), (5_000, 5_001), (9_000, 20_000), (500, 1_100), (3_000, 3_000)]
    {
        let fits: Vec<_> = times.iter().filter(|at| (from_ms..to_ms).contains(*at)).map(u64::to_string).collect();
        let range = LogRange { from_ms, to_ms, ..all() };
        assert_eq!(bodies(&*store, "a", range.clone()).await, fits, "{range:?}");
        let newest = LogRange { newest_first: true, ..range };
        let backwards: Vec<_> = fits.into_iter().rev().collect();
        assert_eq!(bodies(&*store, "a", newest).await, backwards, "newest first");
    }
    let (mut after, mut paged) = (None, Vec::new());
    loop {
        let page = store.read_log("a", LogRange { after, limit: 33, ..LogRange::newest(33) }).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.seq);
        paged.extend(page.into_iter().map(|entry| entry.at_ms));
    }
    paged.reverse();
    assert_eq!(paged, times);
}

async fn clocks_that_jump_leave_no_hole(store: Arc<dyn Store>) {
    let at = |at_ms: u64| append("web", at_ms, &at_ms.to_string());
    store.write(vec![at(10), at(20), at(900), at(30), at(40)]).await.unwrap();
    assert_eq!(store.oldest_ms("").await.unwrap(), Some(10));
    assert_eq!(store.trim("", 35, 99).await.unwrap(), 2, "the entry from the future stands before 30");
    assert_eq!(bodies(&*store, "web", all()).await, ["900", "30", "40"]);
    assert_eq!(store.oldest_ms("web").await.unwrap(), Some(900));
}

async fn trimming_passes_over_other_logs(store: Arc<dyn Store>) {
    let rounds = (0..500_u64)
        .flat_map(|at| [append("keep/x", at, "k"), append("record/a", at, "r"), append("record/b", at, "r")]);
    store.write(rounds.collect()).await.unwrap();
    assert_eq!(store.trim("record/", 400, 300).await.unwrap(), 300);
    assert_eq!(store.trim("record/", 400, 9_999).await.unwrap(), 500);
    assert_eq!(store.trim("record/", 400, 9_999).await.unwrap(), 0);
    assert_eq!(bodies(&*store, "record/b", all()).await.len(), 100);
    assert_eq!(bodies(&*store, "keep/x", all()).await.len(), 500);
    assert_eq!(store.oldest_ms("record/").await.unwrap(), Some(400));
    assert_eq!(store.oldest_ms("").await.unwrap(), Some(0));
}

async fn trimming_to_a_size_drops_what_was_written_first(store: Arc<dyn Store>) {
    let body = "x".repeat(1_000);
    let writes = (0..1_000).map(|at| append(if at % 2 == 0 { "a" } else { "b" }, at, &body));
    store.write(writes.collect()).await.unwrap();
    assert_eq!(store.trim_to_size("", 2_000_000, 9_999).await.unwrap(), 0);
    let dropped = store.trim_to_size("", 300_000, 600).await.unwrap();
    assert_eq!(dropped, 600, "no more than asked for at once");
    let dropped = dropped + store.trim_to_size("", 300_000, 600).await.unwrap();
    assert!((690..=710).contains(&dropped), "{dropped}");
    assert_eq!(store.oldest_ms("").await.unwrap(), Some(dropped as u64));
    assert_eq!(store.trim_to_size("", 0, 9_999).await.unwrap(), 1_000 - dropped);
    assert_eq!(store.logs("").await.unwrap(), [""; 0]);
}

async fn a_trimmed_log_goes_on(store: Arc<dyn Store>) {
    let written = store.write(vec![append("web", 10, "a"), append("web", 20, "b")]).await.unwrap();
    assert_eq!(store.trim("", 15, 99).await.unwrap(), 1);
    assert_eq!(store.trim("", 99, 99).await.unwrap(), 1);
    assert_eq!(store.oldest_ms("").await.unwrap(), None);
    let again = store.write(vec![append("web", 30, "c"), append("web", 40, "d")]).await.unwrap();
    let (Written::Appended(before), Written::Appended(after)) = (written[1], again[0]) else { panic!() };
    assert!(after > before, "a number is never given again");
    assert_eq!(bodies(&*store, "web", all()).await, ["c", "d"]);
}

async fn blobs_are_kept_by_what_they_are(store: Arc<dyn Store>) {
    let digest = store.put_blob(b"policy").await.unwrap();
    assert_eq!(store.put_blob(b"policy").await.unwrap(), digest);
    let other = store.put_blob(b"another").await.unwrap();
    assert_eq!(store.get_blob(&digest).await.unwrap().unwrap(), b"policy");
    assert_eq!(store.get_blob(&"0".repeat(64)).await.unwrap(), None);
    let mut both = vec![digest.clone(), other];
    both.sort();
    assert_eq!(store.blobs(None, 9).await.unwrap(), both);
    assert_eq!(store.blobs(Some(&both[0]), 9).await.unwrap(), both[1..]);
    assert!(store.delete_blob(&digest).await.unwrap());
    assert!(!store.delete_blob(&digest).await.unwrap());
    assert_eq!(store.get_blob(&digest).await.unwrap(), None);
}

async fn what_is_too_large_is_refused_and_leaves_no_trace(store: Arc<dyn Store>) {
    let key = "k".repeat(KEY_BYTES_MAX + 1);
    let refused = store.write(vec![set("fine", "1"), set(&key, "2")]).await.unwrap_err();
    assert!(matches!(refused, StoreError::TooLarge { bytes: 1025, bytes_max: 1024, .. }), "{refused}");
    assert_eq!(store.get("fine").await.unwrap(), None);
}
