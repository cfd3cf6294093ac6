//! The table of the hostile suite: behaviour, what must happen, what happened, contained in, host memory after.
//!
//! ```ignore
//! alone("hostile::bombs::story", || {           // this test again, in a process where nothing else runs
//!     let mut rows = Rows::of("upload");
//!     let gauge = Gauge::of_self();              // or `Gauge::of(host.child.id())`
//!     let came = …;                              // in the fewest words: `out-of-fuel`, `413 body-too-large`
//!     rows.add("custom sections of 100 MB", "too-complex", &came, gauge.read());
//!     rows.finish();                             // fails with the name of each row that was not as it must be
//! });
//! ```
//!
//! Each row goes to the file that `TRIMTAB_HOSTILE_TABLE` names, if it names one: `cargo xtask test` prints it at its end.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use procfs::process::Process;

/// No behaviour holds the host for longer. Ten times what the tiers' deadlines allow: machines are slow, and a row that is never
/// contained is what is looked for.
const CONTAINED_MAX: Duration = Duration::from_secs(10);
/// What the host may have grown by through one behaviour: its allocator keeps some of what it held for a moment.
const GROWN_BYTES_MAX: u64 = 16 << 20;
/// Says to a test that it runs in a process of its own.
const ALONE: &str = "TRIMTAB_HOSTILE_ALONE";

/// Runs a story in a process where no other test does anything, so that its time and memory are its own: this test binary
/// again, with this one test.
#[track_caller]
pub(crate) fn alone(test: &str, story: impl FnOnce()) {
    if std::env::var_os(ALONE).is_some() {
        return story();
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    let ran = command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(ALONE, "1").output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{test}, in a process of its own:\n{out}\n{err}");
    assert!(out.contains("1 passed"), "no test is named {test}:\n{out}");
}

/// Time and memory of a process from one moment on.
pub(crate) struct Gauge {
    process: u32,
    began: Instant,
    resident_bytes: u64,
}

/// What a behaviour cost: how long until it was contained, and what the host has grown by.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) took: Duration,
    pub(crate) grown_bytes: u64,
}

impl Gauge {
    /// Of this process, where the engine is part of it.
    pub(crate) fn of_self() -> Self {
        Self::of(std::process::id())
    }

    /// Of another, as a host that runs.
    pub(crate) fn of(process: u32) -> Self {
        Self { process, resident_bytes: resident_bytes(process), began: Instant::now() }
    }

    /// What has been spent since.
    pub(crate) fn read(&self) -> Cost {
        let took = self.began.elapsed();
        Cost { took, grown_bytes: resident_bytes(self.process).saturating_sub(self.resident_bytes) }
    }
}

fn resident_bytes(process: u32) -> u64 {
    let status = Process::new(i32::try_from(process).unwrap()).unwrap().status().unwrap();
    status.vmrss.unwrap() * 1024
}

/// The rows of one story. A row that is not as it must be does not hide those after it.
pub(crate) struct Rows {
    part: &'static str,
    wrong: Vec<String>,
    added: usize,
}

impl Rows {
    /// Of this part of the table: `guest`, `upload`, `door`.
    pub(crate) fn of(part: &'static str) -> Self {
        Self { part, wrong: Vec::new(), added: 0 }
    }

    /// One behaviour. What came must be what must come, within the limits that hold for all.
    pub(crate) fn add(&mut self, behaviour: &str, must: &str, came: &str, cost: Cost) {
        self.add_within(behaviour, must, came, cost, CONTAINED_MAX, GROWN_BYTES_MAX);
    }

    /// The same where other limits hold.
    pub(crate) fn add_within(
        &mut self,
        behaviour: &str,
        must: &str,
        came: &str,
        cost: Cost,
        took_max: Duration,
        grown_bytes_max: u64,
    ) {
        self.added += 1;
        let Cost { took, grown_bytes } = cost;
        if came != must {
            self.wrong.push(format!("{behaviour}: must be {must}, came to {came}"));
        }
        if took > took_max {
            self.wrong.push(format!("{behaviour}: contained in {took:?}, allowed are {took_max:?}"));
        }
        if grown_bytes > grown_bytes_max {
            self.wrong
                .push(format!("{behaviour}: the host grew by {grown_bytes} bytes, allowed are {grown_bytes_max}"));
        }
        let cells = [
            self.part.to_owned(),
            behaviour.to_owned(),
            must.to_owned(),
            if came == must { "the same".to_owned() } else { came.to_owned() },
            format!("{:.1} ms", took.as_secs_f64() * 1_000.0),
            format!("+{} KiB", grown_bytes >> 10),
        ];
        let line = cells.map(|cell| cell.replace(['\t', '\n'], " ")).join("\t");
        println!("{line}");
        if let Some(file) = std::env::var_os("TRIMTAB_HOSTILE_TABLE") {
            // One write for each line: stories of other processes append to the same file.
            let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
            file.write_all(format!("{line}\n").as_bytes()).unwrap();
        }
    }

    /// The end of the story: fails if a row was not as it must be, or if there was none.
    #[track_caller]
    pub(crate) fn finish(self) {
        assert!(self.added > 0, "no row of part {}", self.part);
        assert!(self.wrong.is_empty(), "{} of {} rows:\n{}", self.wrong.len(), self.added, self.wrong.join("\n"));
    }
}
