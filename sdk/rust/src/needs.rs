//! What a policy wants in its snapshots.

use std::borrow::Cow;
use std::time::Duration;

use crate::vocabulary::Subject;
use crate::wire;

/// The facts that a policy wants, built one after the other. What no need asks for does not cross the boundary.
///
/// Names are borrowed from the parameters where they stand there: the SDK asks for the needs again at every evaluation, to
/// know which column is whose, and that must cost nothing.
///
/// ```
/// use std::time::Duration;
/// use trimtab_sdk::{Needs, Subject};
/// let needs = Needs::new()
///     .reading("requests_per_second", Subject::Target).look_back(Duration::from_secs(300)).required()
///     .reading("cpu_millicores", Subject::Instance)
///     .instances();
/// assert_eq!(needs.len(), 3);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Needs<'p> {
    list: Vec<Need<'p>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Need<'p> {
    kind: &'static str,
    name: Cow<'p, str>,
    pub(crate) subject: Option<Subject>,
    unit: Cow<'p, str>,
    look_back: Duration,
    step: Duration,
    required: bool,
}

impl<'p> Needs<'p> {
    /// No needs yet: replicas, containers, bounds and abilities of the target come in any case.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A reading by its name in the binding. Without [`look_back`](Self::look_back), its latest sample only.
    #[must_use]
    pub fn reading(self, name: impl Into<Cow<'p, str>>, subject: Subject) -> Self {
        self.add("reading", name.into(), Some(subject))
    }

    /// A label of the target.
    #[must_use]
    pub fn label(self, name: impl Into<Cow<'p, str>>) -> Self {
        self.add("label", name.into(), None)
    }

    /// The instances. Implied by a reading of instances.
    #[must_use]
    pub fn instances(self) -> Self {
        self.add("instances", Cow::Borrowed(""), None)
    }

    /// The nodes. Implied by a reading of nodes.
    #[must_use]
    pub fn nodes(self) -> Self {
        self.add("nodes", Cow::Borrowed(""), None)
    }

    /// Alerts that nobody has handled yet.
    #[must_use]
    pub fn alerts(self) -> Self {
        self.add("alerts", Cow::Borrowed(""), None)
    }

    /// Past changes, as far back as [`look_back`](Self::look_back) says.
    #[must_use]
    pub fn changes(self) -> Self {
        self.add("changes", Cow::Borrowed(""), None)
    }

    /// Offsets of an IANA time zone, as far ahead, and as far back, as [`look_back`](Self::look_back) says.
    #[must_use]
    pub fn transitions(self, zone: impl Into<Cow<'p, str>>) -> Self {
        self.add("transitions", zone.into(), None)
    }

    /// The unit that the need added last is expected in.
    #[must_use]
    pub fn unit(self, unit: impl Into<Cow<'p, str>>) -> Self {
        self.change_last(|last| last.unit = unit.into())
    }

    /// How far back (for transitions: ahead, too) the need added last reaches.
    #[must_use]
    pub fn look_back(self, span: Duration) -> Self {
        self.change_last(|last| last.look_back = span)
    }

    /// The wanted distance of samples of the need added last.
    #[must_use]
    pub fn step(self, span: Duration) -> Self {
        self.change_last(|last| last.step = span)
    }

    /// The binding is refused if nothing provides the need added last.
    #[must_use]
    pub fn required(self) -> Self {
        self.change_last(|last| last.required = true)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The position of the first reading of that name, and of that subject if one is given.
    pub(crate) fn position(&self, name: &str, subject: Option<&Subject>) -> Option<(usize, &Need<'p>)> {
        self.list.iter().enumerate().find(|(_, need)| {
            let is_meant = match subject {
                None => need.subject.is_some(),
                subject => need.subject.as_ref() == subject,
            };
            is_meant && is_same(&need.name, name)
        })
    }

    pub(crate) fn to_wire(&self) -> Vec<wire::Need> {
        self.list.iter().map(Need::to_wire).collect()
    }

    fn add(mut self, kind: &'static str, name: Cow<'p, str>, subject: Option<Subject>) -> Self {
        self.list.push(Need {
            kind,
            name,
            subject,
            unit: Cow::Borrowed(""),
            look_back: Duration::ZERO,
            step: Duration::ZERO,
            required: false,
        });
        self
    }

    fn change_last(mut self, change: impl FnOnce(&mut Need<'p>)) -> Self {
        if let Some(last) = self.list.last_mut() {
            change(last);
        }
        self
    }
}

impl Need<'_> {
    fn to_wire(&self) -> wire::Need {
        wire::Need {
            kind: self.kind.to_owned(),
            name: self.name.clone().into_owned(),
            subject: self.subject.as_ref().map_or("", Subject::as_str).to_owned(),
            unit: self.unit.clone().into_owned(),
            look_back_ms: milliseconds(self.look_back),
            step_ms: milliseconds(self.step),
            required: self.required,
            attrs: Vec::new(),
        }
    }
}

/// String equality, quick to say no: names of readings begin alike and end apart, and a policy with many readings compares
/// each with all before it. Most often the name is the very one that the needs borrowed.
fn is_same(one: &str, other: &str) -> bool {
    one.len() == other.len()
        && (one.as_ptr() == other.as_ptr() || (one.as_bytes().last() == other.as_bytes().last() && one == other))
}

/// A span in whole milliseconds, at most `u64::MAX`.
pub(crate) fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
