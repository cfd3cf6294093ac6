//! The demo on the terminal: redrawn in place there, plain lines elsewhere.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;

use super::load::Glimpse;
use super::setup::Setup;
use super::watch::{Point, Step, Watch};
use crate::cli::clean;
use crate::registrars::embedded::BalancerStats;

/// Width of the bars.
const BAR: usize = 40;
/// Decisions shown at once.
const DECISIONS_SHOWN: usize = 8;
/// A line that is too long for the terminal is cut there, not wrapped: wrapped lines could not be written over.
const NO_WRAP: &str = "\x1b[?7l";
const WRAP: &str = "\x1b[?7h";

/// What is seen.
#[derive(Debug)]
pub(super) struct View {
    /// Redraws; else lines are added.
    redraws: bool,
    peak: f64,
    most: u32,
    /// Lines that stand on the terminal and are written over.
    drawn: usize,
    /// Decisions that were told already, where lines are added.
    told: usize,
    next_line: f64,
}

impl View {
    pub(super) fn new(json: bool, setup: &Setup, url: &str, data_dir: &Path) -> Self {
        let view = Self {
            redraws: !json && io::stderr().is_terminal(),
            peak: setup.peak,
            most: setup.replicas.1,
            drawn: 0,
            told: 0,
            next_line: 0.0,
        };
        let (min, max) = setup.replicas;
        view.say(&format!(
            "a web workload at {url}, {min} to {max} replicas, {} requests/s each; state in {}",
            setup.per_replica,
            data_dir.display()
        ));
        view
    }

    /// Time between two looks.
    pub(super) fn pace(&self) -> Duration {
        Duration::from_millis(if self.redraws { 250 } else { 500 })
    }

    /// One line of progress. A terminal that has gone stops nothing: the end must be reached.
    pub(super) fn say(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    pub(super) fn show(&mut self, load: &Glimpse, watch: &Watch, balancer: &BalancerStats) -> io::Result<()> {
        if self.redraws {
            let frame = self.frame(load, watch, balancer);
            let mut text = NO_WRAP.to_owned();
            if self.drawn > 0 {
                let _ = write!(text, "\x1b[{}A", self.drawn);
            }
            for line in &frame {
                let _ = writeln!(text, "\r{line}\x1b[K");
            }
            text.push_str("\x1b[J");
            text.push_str(WRAP);
            self.drawn = frame.len();
            // See `say`.
            let _ = io::stderr().lock().write_all(text.as_bytes());
        } else {
            self.lines(load, watch);
        }
        Ok(())
    }

    fn frame(&self, load: &Glimpse, watch: &Watch, balancer: &BalancerStats) -> Vec<String> {
        let now = watch.last();
        let (desired, ready) = now.as_ref().map_or((0, 0), |point| (point.desired, point.ready));
        let mut lines = vec![String::new()];
        let sent = bar(load.due_per_second / self.peak);
        lines.push(format!("{:6.1} s  load      {sent} {:5.0} requests/s", load.seconds, load.due_per_second));
        let share = f64::from(u32::try_from(ready).unwrap_or(u32::MAX)) / f64::from(self.most.max(1));
        lines.push(format!(
            "          replicas  {} {ready} ready, {desired} desired, {} at most",
            bar(share),
            self.most
        ));
        if let Some(Point { cpu_limit_millis: Some(limit), cpu_millis_most, .. }) = now {
            let used = cpu_millis_most.unwrap_or(0.0);
            let set = f64::from(u32::try_from(limit).unwrap_or(u32::MAX));
            lines.push(format!("          CPU       {} {used:.0}m of a limit of {limit}m", bar(used / set)));
        }
        let latency = load.latency.p99_ms.map_or_else(String::new, |ms| format!(", 99 % within {ms:.0} ms"));
        lines.push(format!(
            "          requests  {:.0}/s served{latency}; {} served and {} failed in all",
            load.served_per_second,
            balancer.served,
            balancer.failed.saturating_add(balancer.refused).saturating_add(balancer.server_errors)
        ));
        lines.push(String::new());
        let decisions = watch.decisions();
        let skipped = decisions.len().saturating_sub(DECISIONS_SHOWN);
        lines.extend(decisions.iter().skip(skipped).map(sentence));
        lines.extend(watch.held_back().iter().take(2).map(|why| format!("          held back: {}", clean(why))));
        lines.push("          Ctrl-C ends it and leaves nothing behind".to_owned());
        lines
    }

    fn lines(&mut self, load: &Glimpse, watch: &Watch) {
        let decisions = watch.decisions();
        for decision in decisions.iter().skip(self.told) {
            self.say(&sentence(decision));
        }
        self.told = decisions.len();
        if load.seconds < self.next_line {
            return;
        }
        self.next_line = load.seconds + 2.0;
        if let Some(point) = watch.last() {
            let limit = point.cpu_limit_millis.map_or_else(String::new, |limit| format!(", CPU limit {limit}m"));
            self.say(&format!(
                "{:6.1} s  {:.0} requests/s due, {:.0} served; {} replicas ready, {} desired{limit}",
                load.seconds, load.due_per_second, load.served_per_second, point.ready, point.desired
            ));
        }
    }
}

fn sentence(step: &Step) -> String {
    let mut what = Vec::new();
    if let Some((from, to)) = step.replicas {
        what.push(format!("{from} → {to} replicas"));
    }
    if let Some(limit) = step.cpu_limit_millis {
        what.push(format!("CPU limit {limit}m"));
    }
    let outcome = step.outcome.as_deref().unwrap_or("under way");
    let line = format!("{:6.1} s  {} ({}, {outcome}): {}", step.seconds, what.join(", "), step.origin, step.reason);
    clean(&line).replace('\n', " ")
}

fn bar(share: f64) -> String {
    let full = (0..BAR).filter(|cell| (f64::from(u8::try_from(*cell).unwrap_or(u8::MAX)) + 0.5) / 40.0 < share).count();
    format!("{}{}", "█".repeat(full), "·".repeat(BAR - full))
}
