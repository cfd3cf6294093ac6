//! The host's own troubles with the sandbox, and components that it does not accept.

use super::fault::Fault;

/// What went wrong. A guest that fails while it runs is a [`Fault`] instead.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A setting is out of range.
    #[error("the sandbox's settings are wrong: {what}")]
    Config {
        /// Which, and its range.
        what: String,
    },
    /// The engine could not be made.
    #[error("the engine could not be started")]
    Engine {
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The engine does not stop what it must stop.
    #[error("the sandbox failed its self-test: {what}; refusing to run guests")]
    SelfTest {
        /// What was seen.
        what: String,
    },
    /// The component is not accepted. Nothing about it will change by trying again.
    #[error("the component is refused: it {fault}")]
    Refused {
        /// Why.
        fault: Fault,
    },
    /// Compiling it took more than it may.
    #[error("compiling the component took more than it may: {what}")]
    CompileLimit {
        /// Which limit.
        what: String,
    },
    /// The process that compiles could not be run, or broke off.
    #[error("the compile worker {what}")]
    Worker {
        /// What became of it.
        what: String,
        /// Why, where the operating system said so.
        #[source]
        source: Option<std::io::Error>,
    },
    /// The artefact cache could not be read or written.
    #[error("the artefact cache could not {what}")]
    Cache {
        /// What was tried.
        what: String,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl From<Fault> for SandboxError {
    fn from(fault: Fault) -> Self {
        Self::Refused { fault }
    }
}
