//! Uploads to a running host, all of them different, while it turns: each twentieth is a bad one, and one of its bindings runs
//! a policy that traps.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::mark::{Mark, Marks, Slack};
use crate::hostile::uploads::{Door, guest};
use crate::versions::{page, version};

/// One upload of so many is a bad one.
const BAD_EVERY: u64 = 20;
/// Uploads at once: one that is compiled, and one that arrives.
const AT_ONCE: u64 = 3;
/// Versions that the host keeps unused; it looks what goes after 64 uploads.
const KEPT: u64 = 40;
const LOOKED_EVERY: u64 = 64;
/// Files: artefacts come and go. Bytes: so do pages of the store and of its journal, which is folded in at 16 MiB.
const SLACK: Slack =
    Slack { resident_bytes: 32 << 20, descriptors: 16, threads: 16, files: KEPT + LOOKED_EVERY, file_bytes: 40 << 20 };

fn settings(page: &str) -> String {
    use std::fmt::Write as _;
    let mut text = format!(
        "[records]\nkeep_size = \"4Mi\"\n[policies]\nkeep_versions = {KEPT}\nkeep_size = \"64Mi\"\nkeep_artefacts = \"64Mi\"\n\
         [sandbox.compile]\nat_once_max = 2\nthreads_max = 1\n[source.page.http-json]\nurl = \"http://{page}/\"\n"
    );
    for (driver, workloads, policy) in [("local", 10, "target-tracking"), ("bad", 2, "./trap.wasm")] {
        let _ = writeln!(text, "[driver.{driver}.process]\ncgroups = false");
        for workload in 0..workloads {
            let _ = writeln!(
                text,
                "[driver.{driver}.process.workload.w{workload}]\ncommand = [\"sleep\", \"1000\"]\nreplicas = 0"
            );
        }
        let _ = writeln!(
            text,
            "[binding.{driver}]\nselect = {{ driver = \"{driver}\" }}\nevery = \"100ms\"\nreplicas = {{ min = 0, max = 0 }}\n\
             [[binding.{driver}.reading]]\nname = \"load\"\nsource = \"page\"\nquery = \"/load\"\n\
             [[binding.{driver}.policy]]\nuse = {policy:?}\nparams = {{ reading = \"load\", target = 10.0 }}"
        );
    }
    text
}

/// The upload of this number, and what must become of it.
fn upload(good: &[u8], bad: &[Vec<u8>], number: u64) -> (Vec<u8>, &'static str) {
    let mark = number.to_le_bytes();
    let bytes = |of: &[u8]| [of, &[0, 9], b"", &[0], &mark].concat();
    match (number % BAD_EVERY, number / BAD_EVERY % 3) {
        (0, 0) => (bytes(&bad[0]), "trial-trap"),
        (0, 1) => (bytes(&bad[1]), "trial-out-of-fuel"),
        (0, _) => ([&good[..good.len() / 2], &mark].concat(), "invalid-wasm or truncated"),
        _ => (bytes(good), "tried"),
    }
}

/// So many uploads.
pub(super) fn soak(total: u64) {
    let (page, _load) = page();
    let read = "(local.set $total (call $latest (local.get $snapshot)))";
    let instead = |words: &str| version(7, |text| text.replacen(read, &format!("{read} {words}"), 1));
    let bad = [instead("unreachable"), instead("(loop $on (br $on))")];
    let door = Door::open_with(&settings(&page), &[("trap.wasm", &bad[0])]);
    let good = guest("");
    let folder = door.data();
    let process = door.process();
    let caller = &door.caller;

    let mut marks = Marks::new("uploads", total);
    let next = AtomicU64::new(0);
    while let Some(until) = marks.next() {
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    while let Ok(number) = next
                        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| (next < until).then_some(next + 1))
                    {
                        let (bytes, must) = upload(&good, &bad, number);
                        let verdict = caller.push(&bytes);
                        assert!(
                            must.split(" or ").any(|one| one == verdict.code),
                            "upload {number}: {}, {}",
                            verdict.code,
                            verdict.text
                        );
                    }
                });
            }
        });
        marks.add(settled(process, &folder));
    }
    let evaluated = door.measured("trimtab_evaluations_total");
    println!("{:.1} uploads a second; {evaluated} evaluations meanwhile", marks.per_second());
    assert!(evaluated > 0.0, "the host does not turn");
    marks.are_flat(SLACK);
    door.is_as_before();
}

/// The mark at a moment at which no child compiles: one that is just waited for is no growth.
fn settled(process: u32, folder: &std::path::Path) -> Mark {
    let began = Instant::now();
    loop {
        let mark = Mark::of(process, Some(folder));
        if mark.children == 0 {
            return mark;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "children of the host stay: {mark:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
