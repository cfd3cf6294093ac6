//! Rules as they are understood: what to do, when, and for how long. `grammar.rs` makes them out of text.

use std::ops::Range;
use std::time::Duration;

use trimtab_sdk::Subject;
use trimtab_sdk::wire::Resources;

/// All rules of a binding. Comparisons and steps of all of them lie in two lists, so that reading 64 rules allocates little.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Rulebook<'p> {
    pub(crate) rules: Vec<Rule<'p>>,
    pub(crate) tests: Vec<Test<'p>>,
    pub(crate) steps: Vec<Step>,
}

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule<'p> {
    /// As the operator wrote it.
    pub(crate) text: &'p str,
    pub(crate) action: Action,
    /// Its comparisons, in the order written.
    pub(crate) tests: Range<usize>,
    /// How these join.
    pub(crate) steps: Range<usize>,
    pub(crate) lasting: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Action {
    Add(u32),
    Take(u32),
    Times(f64),
    To(u32),
    Fill,
    Hold,
}

/// A condition is evaluated from left to right on a stack, without recursion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Push the truth of the test of that number.
    Test(usize),
    And,
    Or,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Test<'p> {
    /// The operand as written.
    pub(crate) text: &'p str,
    pub(crate) reading: &'p str,
    pub(crate) subject: Subject,
    pub(crate) gathering: Gathering,
    pub(crate) share: Option<Share>,
    /// The remainder of a division by this is compared.
    pub(crate) each: Option<f64>,
    pub(crate) check: Check<'p>,
}

/// How the figures of several owners become one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Gathering {
    /// There is one: the target's own.
    Own,
    Over(Aggregate),
    /// The inner over the instances of each node, the outer over the nodes.
    ByNode {
        outer: Aggregate,
        inner: Aggregate,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Aggregate {
    Any,
    All,
    Sum,
    Mean,
    Max,
    Min,
    /// A share from 0.5 to 0.99.
    Percentile(f64),
}

/// In percent of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) resource: Resource,
    pub(crate) of: ShareOf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    Cpu,
    Memory,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShareOf {
    Limit,
    Request,
    /// Of the node.
    Capacity,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Check<'p> {
    Number(Order, f64),
    /// Both ends included.
    Within(f64, f64),
    Text {
        equal: bool,
        text: &'p str,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    AtLeast,
    Above,
    AtMost,
    Below,
    Equal,
    Unequal,
}

impl<'p> Rulebook<'p> {
    pub(crate) fn tests_of(&self, rule: &Rule<'_>) -> &[Test<'p>] {
        self.tests.get(rule.tests.clone()).unwrap_or(&[])
    }
}

impl Share {
    /// What 100 % are; `None` where nothing is set, or zero.
    #[expect(clippy::cast_precision_loss, reason = "beyond 2^53 bytes a part in 10^15 does not matter")]
    pub(crate) fn whole(self, of: &Resources) -> Option<f64> {
        let whole = match self.resource {
            Resource::Cpu => of.cpu_millis,
            Resource::Memory => of.memory_bytes,
        };
        whole.filter(|whole| *whole > 0).map(|whole| whole as f64)
    }
}

impl Action {
    /// Whether it can only raise.
    pub(crate) fn raises(self) -> bool {
        matches!(self, Self::Add(_) | Self::Fill) || matches!(self, Self::Times(factor) if factor > 1.0)
    }

    /// The count that it makes of `current`, if it asks for one.
    ///
    /// A factor rounds up, changes by at least one, and does not lower to nothing: 0.9 of 5 would else be 5 for ever, and 1.5 of
    /// nothing nothing.
    pub(crate) fn count(self, current: u32, most: u32) -> Option<u32> {
        match self {
            Self::Add(step) => Some(current.saturating_add(step)),
            Self::Take(step) => Some(current.saturating_sub(step)),
            Self::Times(factor) if factor > 1.0 => {
                Some(trimtab_sdk::replicas(f64::from(current) * factor).max(current.saturating_add(1)))
            }
            Self::Times(factor) => {
                let product = trimtab_sdk::replicas(f64::from(current) * factor);
                Some(product.min(current.saturating_sub(1)).max(current.min(1)))
            }
            Self::To(count) => Some(count),
            // The bounds were lowered below what runs: a rule to raise does not lower.
            Self::Fill => Some(most.max(current)),
            Self::Hold => None,
        }
    }
}
