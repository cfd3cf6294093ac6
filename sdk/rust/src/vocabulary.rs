//! The contract's open sets as Rust types. WIT enums are closed, so these travel as words and numbers; every type here has
//! an arm for what a newer host may send.

use std::borrow::Cow;
use std::fmt;

/// Declares an open set of words: an enum with one arm per published word and one for all others.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $( $(#[$arm_meta:meta])* $arm:ident = $word:literal, )* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $name {
            $( $(#[$arm_meta])* $arm, )*
            /// A word that this version of the SDK does not know.
            Other(Cow<'static, str>),
        }

        impl $name {
            /// The word that crosses the boundary.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$arm => $word, )*
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $( $word => Self::$arm, )*
                    other => Self::Other(Cow::Owned(other.to_owned())),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// A kind of proposal or change.
    Kind {
        /// Change the number of replicas.
        Scale = "scale",
        /// Change requests and limits, or the size class.
        Resize = "resize",
        /// Restart instances where they are.
        Restart = "restart",
        /// Make a new instance for each, then remove the old.
        Replace = "replace",
        /// Remove instances.
        Remove = "remove",
        /// Start instances that are stopped.
        Start = "start",
        /// Roll the whole workload anew.
        Redeploy = "redeploy",
        /// Keep things as they are.
        Hold = "hold",
    }
}

words! {
    /// Why a policy declines to answer.
    RefusalKind {
        /// A reading that the answer depends on is absent or stale.
        ReadingMissing = "reading-missing",
        /// The parameters contradict each other or the target.
        ParameterWrong = "parameter-wrong",
        /// The policy has nothing to say about such a target; it abstains.
        NotApplicable = "not-applicable",
    }
}

words! {
    /// Whose a reading is.
    Subject {
        /// The workload's own.
        Target = "target",
        /// One per instance.
        Instance = "instance",
        /// One per node.
        Node = "node",
        /// One per container.
        Container = "container",
        /// One per node pool.
        Pool = "pool",
        /// One per load balancer.
        Balancer = "balancer",
        /// One per queue.
        Queue = "queue",
    }
}

words! {
    /// Who made a past change.
    Maker {
        /// A policy's proposal.
        Policy = "policy",
        /// The host, to bring a count back between its bounds.
        Correction = "correction",
        /// The host, to bring the actual back to the desired.
        Repair = "repair",
        /// A person.
        Manual = "manual",
    }
}

/// The stage of life that an instance is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The backend does not say.
    Unknown,
    /// Accepted, not yet placed or begun.
    Pending,
    /// Running, and never yet ready.
    Starting,
    /// Serving.
    Ready,
    /// Running, was ready, and is not now.
    Unready,
    /// Finishing its work before it goes.
    Draining,
    /// Told to stop.
    Stopping,
    /// Stopped in good order.
    Stopped,
    /// Ended in error.
    Failed,
    /// Out of the backend's sight.
    Lost,
    /// A number that this version of the SDK does not know.
    Other(u8),
}

impl Phase {
    /// Whether the instance is on its way out or gone: it will serve no more.
    #[must_use]
    pub fn is_leaving(self) -> bool {
        matches!(self, Self::Draining | Self::Stopping | Self::Stopped | Self::Failed | Self::Lost)
    }

    /// The number that crosses the boundary.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Pending => 1,
            Self::Starting => 2,
            Self::Ready => 3,
            Self::Unready => 4,
            Self::Draining => 5,
            Self::Stopping => 6,
            Self::Stopped => 7,
            Self::Failed => 8,
            Self::Lost => 9,
            Self::Other(number) => number,
        }
    }
}

impl From<u8> for Phase {
    fn from(number: u8) -> Self {
        match number {
            0 => Self::Unknown,
            1 => Self::Pending,
            2 => Self::Starting,
            3 => Self::Ready,
            4 => Self::Unready,
            5 => Self::Draining,
            6 => Self::Stopping,
            7 => Self::Stopped,
            8 => Self::Failed,
            9 => Self::Lost,
            other => Self::Other(other),
        }
    }
}

/// How exactly a backend lets a proposal choose which instances go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victims {
    /// Not at all.
    None,
    /// As a hint.
    Hint,
    /// Exactly.
    Exact,
    /// A number that this version of the SDK does not know.
    Other(u8),
}

impl From<u8> for Victims {
    fn from(number: u8) -> Self {
        match number {
            0 => Self::None,
            1 => Self::Hint,
            2 => Self::Exact,
            other => Self::Other(other),
        }
    }
}

/// How a backend changes the size of instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resizing {
    /// Not at all.
    None,
    /// In place, while they run.
    Live,
    /// By making them anew.
    Recreate,
    /// A number that this version of the SDK does not know.
    Other(u8),
}

impl From<u8> for Resizing {
    fn from(number: u8) -> Self {
        match number {
            0 => Self::None,
            1 => Self::Live,
            2 => Self::Recreate,
            other => Self::Other(other),
        }
    }
}
