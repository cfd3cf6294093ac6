//! The facts of one moment, as an author wants them.

use std::time::Duration;

use crate::needs::{Needs, milliseconds};
use crate::reading::Reading;
use crate::vocabulary::{Kind, Maker, Phase, Resizing, Subject, Victims};
use crate::wire;

pub use wire::{Abilities, Alert, Change, Container, InFlight, Instance, Limits, Node, Size, Target, ZoneTransitions};

/// The facts of one moment about one target: all that a policy knows. There is no other clock, no file and no network.
#[derive(Debug)]
pub struct Snapshot<'p> {
    wire: wire::Snapshot,
    needs: Needs<'p>,
}

impl<'p> Snapshot<'p> {
    pub(crate) fn new(wire: wire::Snapshot, needs: Needs<'p>) -> Self {
        Self { wire, needs }
    }

    /// The time of this moment, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.wire.now_ms
    }

    /// The point in time that lies `span` back, in milliseconds since the Unix epoch; never before it.
    #[must_use]
    pub fn ago_ms(&self, span: Duration) -> u64 {
        self.wire.now_ms.saturating_sub(milliseconds(span))
    }

    /// The workload: counts, containers, abilities, bounds.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.wire.target
    }

    /// The count last asked of the backend: the base for any new count.
    #[must_use]
    pub fn desired(&self) -> u32 {
        self.wire.target.desired
    }

    /// A label of the target that a need asked for.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        find(&self.wire.target.labels, name)
    }

    /// The change in flight, if there is one.
    #[must_use]
    pub fn in_flight(&self) -> Option<&InFlight> {
        self.wire.in_flight.as_ref()
    }

    /// The instances: if a need asked for them, or for a reading of them.
    #[must_use]
    pub fn instances(&self) -> &[Instance] {
        &self.wire.instances
    }

    /// The nodes: if a need asked for them, or for a reading of them.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.wire.nodes
    }

    /// Alerts that nobody has handled yet, if a need asked for them.
    #[must_use]
    pub fn alerts(&self) -> &[Alert] {
        &self.wire.alerts
    }

    /// Past changes, oldest first, if a need asked for them.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.wire.changes
    }

    /// Offset from UTC, in seconds east, of a zone that a need asked for, at a point in time; `None` if not known.
    #[must_use]
    pub fn offset_seconds(&self, zone: &str, at_ms: u64) -> Option<i32> {
        let transitions = self.wire.transitions.iter().find(|one| one.zone == zone)?;
        let after = transitions.at_ms.partition_point(|from_ms| *from_ms <= at_ms);
        transitions.offsets_seconds.get(after.checked_sub(1)?).copied()
    }

    /// The reading of that name. One that no need asked for is absent for every owner.
    #[must_use]
    pub fn reading<'s>(&'s self, name: &'s str) -> Reading<'s> {
        self.find_reading(None, name)
    }

    /// The reading of that name and subject, where a policy asks for one name of several subjects.
    #[must_use]
    pub fn reading_of<'s>(&'s self, subject: &Subject, name: &'s str) -> Reading<'s> {
        self.find_reading(Some(subject), name)
    }

    /// A fact that has no field yet.
    #[must_use]
    pub fn attr(&self, name: &str) -> Option<&wire::Value> {
        attr(&self.wire.attrs, name)
    }

    /// The contract's own record, without parameters and memory, which the SDK has taken out of it.
    #[must_use]
    pub fn wire(&self) -> &wire::Snapshot {
        &self.wire
    }

    fn find_reading<'s>(&'s self, subject: Option<&Subject>, name: &'s str) -> Reading<'s> {
        let found = self.needs.position(name, subject);
        let of_nodes = found.is_some_and(|(_, need)| need.subject == Some(Subject::Node));
        Reading::new(&self.wire, name, found.map(|(position, _)| position), of_nodes)
    }
}

impl Instance {
    /// The stage of life it is in.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase.into()
    }

    /// How long it has run at `now_ms`; `None` if its start is not known. Zero for a start in the future.
    #[must_use]
    pub fn age(&self, now_ms: u64) -> Option<Duration> {
        self.started_ms.map(|started_ms| Duration::from_millis(now_ms.saturating_sub(started_ms)))
    }

    /// A fact that has no field yet.
    #[must_use]
    pub fn attr(&self, name: &str) -> Option<&wire::Value> {
        attr(&self.attrs, name)
    }
}

impl Target {
    /// Its container of that name; for an empty name, its only container.
    #[must_use]
    pub fn container(&self, name: &str) -> Option<&Container> {
        match (name, self.containers.as_slice()) {
            ("", [only]) => Some(only),
            ("", _) => None,
            (name, all) => all.iter().find(|container| container.name == name),
        }
    }

    /// A fact that has no field yet.
    #[must_use]
    pub fn attr(&self, name: &str) -> Option<&wire::Value> {
        attr(&self.attrs, name)
    }
}

impl Abilities {
    /// How exactly a proposal may choose which instances go.
    #[must_use]
    pub fn victims(&self) -> Victims {
        self.victims.into()
    }

    /// How instances change size.
    #[must_use]
    pub fn resizing(&self) -> Resizing {
        self.resize.into()
    }

    /// Whether the backend can carry out proposals of that kind.
    #[must_use]
    pub fn can(&self, kind: &Kind) -> bool {
        self.kinds.iter().any(|known| known == kind.as_str())
    }
}

impl Change {
    /// What was changed.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind.as_str().into()
    }

    /// Who changed it.
    #[must_use]
    pub fn maker(&self) -> Maker {
        self.by.as_str().into()
    }
}

impl InFlight {
    /// What is being changed.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind.as_str().into()
    }
}

fn attr<'s>(attrs: &'s wire::Attrs, name: &str) -> Option<&'s wire::Value> {
    find_entry(attrs, name)
}

fn find<'s>(pairs: &'s [(String, String)], name: &str) -> Option<&'s str> {
    find_entry(pairs, name).map(String::as_str)
}

fn find_entry<'s, T>(pairs: &'s [(String, T)], name: &str) -> Option<&'s T> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}
