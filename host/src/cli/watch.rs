//! `--watch`: a listing again and again, until it ends by itself or by Ctrl-C.

use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::exit::Fail;
use super::terminal::print_on;
use super::{Exit, clean};
use crate::quantity::DurationMs;

/// A shorter distance would be work for the host, and for nobody's eyes.
const EVERY_MS_MIN: u64 = 200;

/// Clears a terminal and goes to its first place.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J\u{1b}[3J";

/// Whether to look again.
#[derive(Debug, Clone, Args)]
pub(super) struct WatchArgs {
    /// Look again and again, every two seconds or as said: --watch=500ms.
    #[arg(long, value_name = "EVERY", num_args = 0..=1, require_equals = true, default_missing_value = "2s")]
    watch: Option<DurationMs>,
}

/// One look.
pub(super) struct Look {
    pub(super) text: String,
    /// Whether nothing more will come.
    pub(super) last: bool,
    pub(super) exit: Exit,
}

impl From<String> for Look {
    fn from(text: String) -> Self {
        Self { text, last: false, exit: Exit::Fine }
    }
}

impl WatchArgs {
    /// Shows it once, or again and again. A host that is away for a while is waited for; what cannot become right by waiting is
    /// an error.
    pub(super) fn run(&self, mut look: impl FnMut() -> Result<Look>) -> Result<Exit> {
        let Some(every) = self.watch else {
            let look = look()?;
            print_on(&look.text)?;
            return Ok(look.exit);
        };
        let every = Duration::from_millis(every.0.max(EVERY_MS_MIN));
        let clear = if std::io::stdout().is_terminal() { CLEAR } else { "" };
        loop {
            let look = match look() {
                Ok(look) => look,
                Err(error) if error.chain().any(|cause| cause.is::<Fail>()) => return Err(error),
                Err(error) => format!("{}\n", clean(&format!("waiting: {error:#}"))).into(),
            };
            let read = print_on(&format!("{clear}{}", look.text))?;
            if look.last || !read {
                return Ok(look.exit);
            }
            std::thread::sleep(every);
        }
    }
}
