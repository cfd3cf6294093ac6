//! A running host: the built binary, listened to.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// No story waits longer for anything; a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// The host and what it says; it does not outlive the test.
pub(crate) struct Host {
    pub(crate) child: Child,
    lines: Receiver<String>,
}

impl Host {
    /// Starts the built binary with this configuration.
    pub(crate) fn start(config: &Path) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_trimtab")), config)
    }

    /// The same by a command that runs the binary somewhere else, as in an engine's network.
    pub(crate) fn start_by(mut command: Command, config: &Path) -> Self {
        let mut child =
            command.args(["run", "--config"]).arg(config).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let (sender, lines) = channel();
        let said = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || said.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    /// Sends it a signal.
    pub(crate) fn tell(&self, signal: Signal) {
        kill_process(Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap(), signal).unwrap();
    }

    /// Waits until it says this, and returns the whole line.
    pub(crate) fn says(&self, words: &str) -> String {
        let end = Instant::now() + PATIENCE;
        let mut said = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            if line.contains(words) {
                return line;
            }
            said.push(line);
        }
        panic!("it does not say {words:?}, but:\n{}", said.join("\n"));
    }

    /// What it has said since it was last listened to.
    pub(crate) fn said(&self) -> String {
        self.lines.try_iter().collect::<Vec<_>>().join("\n")
    }

    /// The address of its API: it says so when it serves it.
    pub(crate) fn address(&self) -> String {
        let line = self.says("the API is served");
        let address = line.split("address=").nth(1).and_then(|rest| rest.split_whitespace().next());
        address.unwrap_or_else(|| panic!("no address: {line}")).to_owned()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
