//! What the operating system says of this process, by the names that Prometheus' own libraries use.

use procfs::CurrentSI as _;
use procfs::WithCurrentSystemInfo as _;
use procfs::process::Process;

use super::book::Book;

/// Looked up now; what cannot be is left out.
pub(super) fn book() -> Book {
    let mut book = Book::new("");
    let Ok(process) = Process::myself() else { return book };
    if let Ok(stat) = process.stat() {
        #[expect(
            clippy::cast_precision_loss,
            reason = "seconds since the epoch, times of processors and sizes of memory are far below 2^53"
        )]
        let number = |number: u64| number as f64;
        let ticks = number(procfs::ticks_per_second());
        if let Ok(booted) = procfs::KernelStats::current() {
            let start = number(booted.btime) + number(stat.starttime) / ticks;
            book.gauge_f64(
                "process_start_time_seconds",
                "When the process was started, in seconds since the Unix epoch",
                start,
            );
        }
        let spent = number(stat.utime.saturating_add(stat.stime)) / ticks;
        book.counted("process_cpu_seconds", "Time of processors that the process has used", spent);
        let resident = number(stat.rss_bytes().get());
        book.gauge_f64("process_resident_memory_bytes", "Memory that the process holds", resident);
    }
    if let Ok(open) = process.fd_count() {
        #[expect(clippy::cast_precision_loss, reason = "a process has fewer than 2^53 open files")]
        let open = open as f64;
        book.gauge_f64("process_open_fds", "Files that the process has open", open);
    }
    book
}
