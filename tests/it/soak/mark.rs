//! What a process holds at one moment, and whether it grows.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use procfs::process::{Process, all_processes};

/// What is held once everything has been done many times: from here on nothing may grow.
const SETTLED_TENTHS: usize = 2;

/// What a process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Mark {
    pub(super) resident_bytes: u64,
    pub(super) descriptors: u64,
    pub(super) threads: u64,
    pub(super) children: u64,
    /// Files under its data directory, and their bytes.
    pub(super) files: u64,
    pub(super) file_bytes: u64,
}

impl Mark {
    /// Of this process, and of this folder.
    pub(super) fn of(process: u32, folder: Option<&Path>) -> Self {
        let pid = i32::try_from(process).unwrap();
        let process = Process::new(pid).unwrap();
        let status = process.status().unwrap();
        let is_child = |one: &Process| one.stat().is_ok_and(|stat| stat.ppid == pid);
        let (files, file_bytes) = folder.map_or((0, 0), weigh);
        Self {
            resident_bytes: status.vmrss.unwrap() * 1024,
            descriptors: process.fd_count().unwrap() as u64,
            threads: status.threads,
            children: all_processes().unwrap().flatten().filter(is_child).count() as u64,
            files,
            file_bytes,
        }
    }
}

/// Files come and go meanwhile.
fn weigh(folder: &Path) -> (u64, u64) {
    let (mut files, mut bytes) = (0, 0);
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(about) = entry.metadata() else { continue };
        if about.is_dir() {
            let (more, bytes_more) = weigh(&entry.path());
            (files, bytes) = (files + more, bytes + bytes_more);
        } else {
            (files, bytes) = (files + 1, bytes + about.len());
        }
    }
    (files, bytes)
}

/// How much of each may come and go without being growth.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slack {
    pub(super) resident_bytes: u64,
    pub(super) descriptors: u64,
    pub(super) threads: u64,
    pub(super) files: u64,
    pub(super) file_bytes: u64,
}

/// The marks of one soak, each at a tenth of the way.
pub(super) struct Marks {
    of_what: &'static str,
    total: u64,
    began: Instant,
    marks: Vec<(u64, Duration, Mark)>,
}

impl Marks {
    pub(super) fn new(of_what: &'static str, total: u64) -> Self {
        println!(
            "{:>12}  {:>8}  {:>10}  {:>5}  {:>7}  {:>8}  {:>6}  {:>10}",
            of_what, "after", "resident", "fds", "threads", "children", "files", "bytes"
        );
        Self { of_what, total, began: Instant::now(), marks: Vec::new() }
    }

    /// The next amount at which a mark is due; none: they are all there.
    pub(super) fn next(&self) -> Option<u64> {
        let tenth = self.marks.len() as u64 + 1;
        (tenth <= 10).then(|| self.total * tenth / 10)
    }

    pub(super) fn add(&mut self, mark: Mark) {
        let done = self.next().unwrap();
        self.marks.push((done, self.began.elapsed(), mark));
        println!("{}", Row(done, self.began.elapsed(), mark));
    }

    /// The end: nothing has grown since a fifth of the way.
    #[track_caller]
    pub(super) fn are_flat(&self, slack: Slack) {
        assert_eq!(self.marks.len(), 10, "{}: not all marks were made", self.of_what);
        let settled = &self.marks[SETTLED_TENTHS - 1..];
        let most = |figure: fn(&Mark) -> u64| settled.iter().map(|(_, _, mark)| figure(mark)).max().unwrap();
        let first = settled[0].2;
        let last = settled[settled.len() - 1].2;
        for (what, then, now, slack) in [
            // Memory: at the end and not in between, where an upload may be held.
            ("resident bytes", first.resident_bytes, last.resident_bytes, slack.resident_bytes),
            ("descriptors", first.descriptors, most(|mark| mark.descriptors), slack.descriptors),
            ("threads", first.threads, most(|mark| mark.threads), slack.threads),
            ("files", first.files, most(|mark| mark.files), slack.files),
            ("bytes of files", first.file_bytes, most(|mark| mark.file_bytes), slack.file_bytes),
        ] {
            assert!(now <= then + slack, "{what} have grown from {then} to {now} over {} {}", self.total, self.of_what);
        }
    }

    pub(super) fn per_second(&self) -> f64 {
        self.total as f64 / self.began.elapsed().as_secs_f64()
    }
}

struct Row(u64, Duration, Mark);

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(done, after, mark) = self;
        let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
        let (resident, files) = (mib(mark.resident_bytes), mib(mark.file_bytes));
        let after = format!("{:.1} s", after.as_secs_f64());
        write!(
            f,
            "{done:>12}  {after:>8}  {resident:>10}  {:>5}  {:>7}  {:>8}  {:>6}  {files:>10}",
            mark.descriptors, mark.threads, mark.children, mark.files
        )
    }
}
