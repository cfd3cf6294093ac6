//! What a policy is: the trait that an author writes.

use crate::answer::{Answer, Refusal};
use crate::memory::Memory;
use crate::needs::Needs;
use crate::parameters::ParameterSet;
use crate::snapshot::Snapshot;
use crate::vocabulary::Kind;

/// A scaling policy: a pure function from a snapshot to an answer.
pub trait Policy {
    /// What the operator may set: a struct of [`parameters!`](crate::parameters!), or `()`.
    type Parameters: ParameterSet;
    /// What is kept from one evaluation to the next: a struct of [`memory!`](crate::memory!), or `()`.
    type Memory: Memory;

    /// Name, version and so on; usually [`about!`](crate::about!).
    const ABOUT: About;

    /// Which facts it wants, given its parameters. Asked when a binding is checked, and again by the SDK at every
    /// evaluation, so that it must depend on the parameters alone.
    ///
    /// # Errors
    /// `parameter-wrong` where parameters contradict each other; the binding is then refused.
    fn needs(parameters: &Self::Parameters) -> Result<Needs<'_>, Refusal>;

    /// Answers one snapshot.
    ///
    /// # Errors
    /// `reading-missing` where nothing can be said without a reading, `not-applicable` where the target is none of its
    /// business. A refusal for a missing reading forbids to lower.
    fn evaluate(
        snapshot: &Snapshot<'_>,
        parameters: &Self::Parameters,
        memory: &mut Self::Memory,
    ) -> Result<Answer, Refusal>;
}

/// What a policy says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Lower-case letters, digits and `-`.
    pub name: &'static str,
    /// Semantic version of the policy.
    pub version: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Kinds of proposal that it may make; `hold` needs no mention.
    pub kinds: &'static [Kind],
}

/// An [`About`] out of the crate's own Cargo.toml: name, version and description; with the kinds of proposal.
///
/// ```
/// use trimtab_sdk::{About, Kind};
/// const ABOUT: About = trimtab_sdk::about!(Kind::Scale, Kind::Resize);
/// assert_eq!(ABOUT.kinds.len(), 2);
/// ```
#[macro_export]
macro_rules! about {
    ($( $kind:expr ),* $(,)?) => {
        $crate::About {
            name: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
            summary: env!("CARGO_PKG_DESCRIPTION"),
            kinds: &[ $( $kind ),* ],
        }
    };
}
