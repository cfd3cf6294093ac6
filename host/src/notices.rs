//! Notices: what happens, told to people where they talk, by webhook.
//!
//! Each channel follows the host's events on its own and posts those that it was asked to tell. A chat that is slow, gone or
//! hostile costs notices and nothing else: nobody waits for a post, and what could not be told is counted and said with the
//! next one. An address of a webhook is itself the right to write there, so that it is kept as a secret and never shown, not
//! even in an error.
//!
//! Changes nothing, and knows no policy.

mod channel;
mod facts;
mod rate;
mod shape;
mod template;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::broadcast::Receiver;
use tokio_util::sync::CancellationToken;

pub use self::shape::Shape;
#[cfg(any(test, fuzzing))]
pub(crate) use self::template::fuzz;
pub use self::template::{FIELDS, Template, TemplateError};
use crate::cycle::LiveEvent;
use crate::snapshot::TargetId;
use crate::tls::TlsError;

/// What is told where nobody says: changes that ended, policies that fail, and that everything is frozen.
pub const EVENTS_DEFAULT: [&str; 3] = ["ended", "failed", "freeze"];

/// A place where people are told.
#[derive(Clone)]
pub struct NoticeSettings {
    /// Its name in the configuration.
    pub name: String,
    /// The webhook's address: never shown.
    pub url: String,
    /// What it takes.
    pub shape: Shape,
    /// Kinds of event that are told.
    pub events: Vec<String>,
    /// Targets, or drivers with all of theirs, whose events are told; empty: all. What concerns no target is told anyhow.
    pub about: Vec<About>,
    /// The sentence; `None`: one for each kind.
    pub template: Option<Template>,
    /// Most notices per minute; what is beyond is counted, and the count is told.
    pub per_minute: u32,
    /// How long one post may take.
    pub timeout_ms: u64,
    /// Who vouches for the server; `None`: whom the system believes.
    pub ca_file: Option<PathBuf>,
}

impl fmt::Debug for NoticeSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoticeSettings").field("name", &self.name).field("shape", &self.shape).finish_non_exhaustive()
    }
}

/// What a notice is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// One target.
    Target(TargetId),
    /// All targets of a driver, by its name.
    Driver(String),
}

impl About {
    fn holds(&self, target: &TargetId) -> bool {
        match self {
            Self::Target(wanted) => wanted == target,
            Self::Driver(driver) => driver == target.driver(),
        }
    }
}

/// Why nobody can be told.
#[derive(Debug, thiserror::Error)]
pub enum NoticeError {
    /// The address is none. It is not shown: it is a secret.
    #[error("the address of notice {name} does not begin with http:// or https:// and a host")]
    Address {
        /// The notice's name.
        name: String,
    },
    /// The file of those who vouch for the server.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The client could not be made.
    #[error("the client of notice {name} could not be made: {what}")]
    Client {
        /// The notice's name.
        name: String,
        /// Why.
        what: String,
    },
}

/// A place that can be told.
#[derive(Debug)]
pub struct Notice(channel::Channel);

impl Notice {
    /// Makes its client. `host` is what the host calls itself.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn open(settings: NoticeSettings, host: &str) -> Result<Self, NoticeError> {
        channel::Channel::open(settings, host).map(Self)
    }

    /// Tells what comes, until `shutdown`.
    pub async fn tell(self, coming: Receiver<Arc<LiveEvent>>, shutdown: CancellationToken) {
        self.0.tell(coming, shutdown).await;
    }
}
