//! What a policy says: proposals with their reasons, or a refusal.

use crate::vocabulary::{Kind, RefusalKind};
use crate::wire;

pub use wire::{Resources, Value};

/// One thing that a policy asks for, with its reason. Made by a [`Draft`].
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal(wire::Proposal);

impl Proposal {
    /// Exactly `count` replicas.
    pub fn scale(count: u32) -> Draft {
        Draft::new(&Kind::Scale).count(count)
    }

    /// At least `count` replicas, whatever other policies of the binding ask.
    pub fn at_least(count: u32) -> Draft {
        let mut draft = Draft::new(&Kind::Scale);
        draft.0.at_least = Some(count);
        draft
    }

    /// At most `count` replicas, whatever other policies of the binding ask.
    pub fn at_most(count: u32) -> Draft {
        let mut draft = Draft::new(&Kind::Scale);
        draft.0.at_most = Some(count);
        draft
    }

    /// New requests and limits; say which with [`Draft::container`] or [`Draft::size_class`].
    pub fn resize() -> Draft {
        Draft::new(&Kind::Resize)
    }

    /// A vote for the present state.
    pub fn hold() -> Draft {
        Draft::new(&Kind::Hold)
    }

    /// Any kind, concerning these instances, the preferred first. For `restart`, `replace`, `remove`, `start`, `redeploy`,
    /// and for kinds that this version of the SDK does not know.
    pub fn act<I: Into<String>>(kind: &Kind, instances: impl IntoIterator<Item = I>) -> Draft {
        Draft::new(kind).instances(instances)
    }

    /// The sentence for a person.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// The contract's own record.
    #[must_use]
    pub fn into_wire(self) -> wire::Proposal {
        self.0
    }
}

/// A proposal that lacks its reason: one without cannot be made.
#[derive(Debug, Clone)]
#[must_use = "a draft becomes a proposal by `because`"]
pub struct Draft(wire::Proposal);

impl Draft {
    fn new(kind: &Kind) -> Self {
        Self(wire::Proposal {
            kind: kind.as_str().to_owned(),
            count: None,
            at_least: None,
            at_most: None,
            instances: Vec::new(),
            resources: Vec::new(),
            size_class: String::new(),
            placement: Vec::new(),
            group: 0,
            reason: String::new(),
            attrs: Vec::new(),
        })
    }

    fn count(mut self, count: u32) -> Self {
        self.0.count = Some(count);
        self
    }

    /// Never fewer than `count`, whatever other policies ask.
    pub fn and_at_least(mut self, count: u32) -> Self {
        self.0.at_least = Some(count);
        self
    }

    /// Never more than `count`, whatever other policies ask.
    pub fn and_at_most(mut self, count: u32) -> Self {
        self.0.at_most = Some(count);
        self
    }

    /// The instances concerned, the preferred first; for `scale`, which to remove first.
    pub fn instances<I: Into<String>>(mut self, ids: impl IntoIterator<Item = I>) -> Self {
        self.0.instances.extend(ids.into_iter().map(Into::into));
        self
    }

    /// New requests and limits of one container; an empty name means the only one, `None` leaves a figure as it is.
    pub fn container(mut self, name: impl Into<String>, requests: Resources, limits: Resources) -> Self {
        let container = name.into();
        self.0.resources.push(wire::ContainerResources { container, requests, limits, attrs: Vec::new() });
        self
    }

    /// A size out of the backend's list.
    pub fn size_class(mut self, class: impl Into<String>) -> Self {
        self.0.size_class = class.into();
        self
    }

    /// Nodes or zones to prefer, the preferred first.
    pub fn placement<I: Into<String>>(mut self, places: impl IntoIterator<Item = I>) -> Self {
        self.0.placement.extend(places.into_iter().map(Into::into));
        self
    }

    /// Proposals of one group, other than 0, are done all or not at all.
    pub fn group(mut self, number: u32) -> Self {
        self.0.group = number;
        self
    }

    /// A named value for whoever reads the record.
    pub fn attr(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0.attrs.push((name.into(), value.into()));
        self
    }

    /// The one sentence for a person, with the numbers that led to the proposal.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Proposal {
        self.0.reason = reason.into();
        Proposal(self.0)
    }
}

/// What a policy came to: proposals, and what else is worth a record.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    pub(crate) proposals: Vec<Proposal>,
    pub(crate) notes: Vec<String>,
    pub(crate) attrs: wire::Attrs,
}

impl Answer {
    /// Nothing to say this time: other policies of the binding decide.
    #[must_use]
    pub fn abstain() -> Self {
        Self::default()
    }

    /// A vote for the present state.
    #[must_use]
    pub fn hold(reason: impl Into<String>) -> Self {
        Proposal::hold().because(reason).into()
    }

    /// One more proposal.
    #[must_use]
    pub fn and(mut self, proposal: Proposal) -> Self {
        self.proposals.push(proposal);
        self
    }

    /// A sentence for whoever reads the record.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Several sentences.
    #[must_use]
    pub fn notes(mut self, texts: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(texts);
        self
    }

    /// A named value for whoever reads the record.
    #[must_use]
    pub fn attr(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.attrs.push((name.into(), value.into()));
        self
    }

    /// Deals with these alerts, by id, and with no other: once what is proposed is done, the host shows them no more. Without
    /// this, an answer that proposes anything deals with all the alerts that it was shown. Ids beyond 2 KiB stay open.
    #[must_use]
    pub fn deals_with<'a>(self, alerts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut ids = String::new();
        for id in alerts {
            if ids.len() + 1 + id.len() <= DEALT_WITH_BYTES_MAX {
                ids.push_str(if ids.is_empty() { "" } else { " " });
                ids.push_str(id);
            }
        }
        self.attr("alerts-dealt-with", ids)
    }
}

/// The longest text that the host takes as an attribute.
const DEALT_WITH_BYTES_MAX: usize = 2_048;

impl From<Proposal> for Answer {
    fn from(proposal: Proposal) -> Self {
        Self { proposals: vec![proposal], ..Self::default() }
    }
}

impl FromIterator<Proposal> for Answer {
    fn from_iter<I: IntoIterator<Item = Proposal>>(proposals: I) -> Self {
        Self { proposals: proposals.into_iter().collect(), ..Self::default() }
    }
}

/// A policy declines to answer. Not a crash, and never a wish to lower.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// Why, in a word.
    pub kind: RefusalKind,
    /// Why, in a sentence with the names and numbers concerned.
    pub text: String,
}

impl Refusal {
    /// Declines for a reason of `kind`.
    #[must_use]
    pub fn new(kind: RefusalKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// A reading that the answer depends on is absent or stale.
    #[must_use]
    pub fn reading_missing(text: impl Into<String>) -> Self {
        Self::new(RefusalKind::ReadingMissing, text)
    }

    /// The parameters contradict each other or the target.
    #[must_use]
    pub fn parameter_wrong(text: impl Into<String>) -> Self {
        Self::new(RefusalKind::ParameterWrong, text)
    }

    /// The policy has nothing to say about such a target.
    #[must_use]
    pub fn not_applicable(text: impl Into<String>) -> Self {
        Self::new(RefusalKind::NotApplicable, text)
    }

    pub(crate) fn into_wire(self) -> wire::Refusal {
        wire::Refusal { kind: self.kind.as_str().to_owned(), text: self.text, attrs: Vec::new() }
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Num(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Flag(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}
