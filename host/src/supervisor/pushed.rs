//! Readings that others send: which reading of which binding each is meant for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::steering::Steering;
use crate::audit::Trigger;
use crate::cycle::{Binding, TargetView};
use crate::snapshot::{Subject, TargetId};
use crate::sources::ReadingSpec;
use crate::sources::push::{PushRefusal, PushSource, PushedSample, PushedValue};

/// One reading on its way in.
#[derive(Debug, Clone)]
pub struct PushedReading<'a> {
    /// The name of the source, or `None`: of whatever source that others send to.
    pub source: Option<&'a str>,
    /// The reading's name in the binding, or its `query`.
    pub reading: &'a str,
    /// Instance, queue …; `None` for the target itself.
    pub owner: Option<&'a str>,
    /// When it was measured; `None`: now.
    pub at_ms: Option<u64>,
    /// What.
    pub value: PushedValue<'a>,
    /// Its unit; `None`: not stated.
    pub unit: Option<&'a str>,
}

/// Why a reading is not taken. The others of its request are not disturbed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// No source of that name takes readings.
    #[error("there is no source {name:?} that readings are sent to")]
    UnknownSource {
        /// As it was named.
        name: String,
    },
    /// No binding of the target has it.
    #[error("no binding of {target} has a reading {reading:?} from a source that readings are sent to")]
    UnknownReading {
        /// The target.
        target: TargetId,
        /// As it was named.
        reading: String,
    },
    /// It is of the target and names an instance, or the reverse.
    #[error("the reading is one of {subject}, and {}", if *.named { "an instance is named" } else { "no instance is named" })]
    Misplaced {
        /// Whose it is.
        subject: Subject,
        /// Whether an instance was named.
        named: bool,
    },
    /// Another unit than the binding's.
    #[error("the unit is {sent:?}, and the binding's is {wanted:?}")]
    Unit {
        /// As it was sent.
        sent: String,
        /// The binding's.
        wanted: String,
    },
    /// A state, where a counter is asked for.
    #[error("the reading is a rate, and a text has none")]
    NotCounted,
    /// By how much it grew, where that is not asked for.
    #[error("it says by how much it grew, and the reading is no rate")]
    NotARate,
    /// The source does not take it.
    #[error(transparent)]
    Refused(#[from] PushRefusal),
}

impl PushError {
    /// Its word, for programs: never changes its meaning.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownSource { .. } => "no-such-source",
            Self::UnknownReading { .. } => "no-such-reading",
            Self::Misplaced { .. } => "misplaced",
            Self::Unit { .. } => "wrong-unit",
            Self::NotCounted => "not-counted",
            Self::NotARate => "not-a-rate",
            Self::Refused(refusal) => refusal.code(),
        }
    }

    /// What to do.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::UnknownSource { .. } => "name one of the [source.NAME.push] tables",
            Self::UnknownReading { .. } => "send it by the name or query of a reading; see GET /v1/bindings",
            Self::Misplaced { .. } => "name an instance if and only if the reading belongs to instances",
            Self::Unit { .. } => "convert it, or leave the unit out",
            Self::NotCounted => "send the counter's value",
            Self::NotARate => "send the value itself, or set rate = true for the reading",
            Self::Refused(refusal) => refusal.remedy(),
        }
    }
}

/// Bindings by name, for one request.
#[derive(Debug)]
pub struct PushIndex {
    bindings: Arc<[Arc<Binding>]>,
    by_name: HashMap<String, usize>,
    asked: usize,
}

/// So often all bindings are looked through; for more questions it is worth to put them in order.
const ASKED_MAX: usize = 16;

impl PushIndex {
    fn find(&mut self, name: &str) -> Option<Arc<Binding>> {
        self.asked = self.asked.saturating_add(1);
        if self.asked <= ASKED_MAX {
            return self.bindings.iter().find(|binding| binding.name == name).map(Arc::clone);
        }
        if self.by_name.is_empty() {
            self.by_name = self.bindings.iter().enumerate().map(|(at, binding)| (binding.name.clone(), at)).collect();
        }
        self.by_name.get(name).and_then(|at| self.bindings.get(*at)).map(Arc::clone)
    }
}

impl Steering {
    /// What pushed readings are looked up in. Made once per request.
    #[must_use]
    pub fn push_index(&self) -> PushIndex {
        PushIndex { bindings: self.bindings(), by_name: HashMap::new(), asked: 0 }
    }

    /// Takes one reading of a target in: for every reading of its bindings that is meant. Whether the target is to be looked
    /// at at once, where the sender does not say.
    ///
    /// # Errors
    /// Why not; nothing has changed then.
    pub fn push_reading(
        &self,
        index: &mut PushIndex,
        view: &TargetView,
        reading: &PushedReading<'_>,
    ) -> Result<bool, PushError> {
        if let Some(name) = reading.source
            && self.push_source(name).is_none()
        {
            return Err(PushError::UnknownSource { name: name.to_owned() });
        }
        let target = &view.target.id;
        let meant = |spec: &&Arc<ReadingSpec>| {
            let named = *spec.name == *reading.reading || spec.query == reading.reading;
            named && reading.source.is_none_or(|name| spec.source == name) && self.push_source(&spec.source).is_some()
        };
        let seats: Vec<Arc<Binding>> = view.seats.iter().filter_map(|seat| index.find(&seat.binding)).collect();
        let specs: Vec<&Arc<ReadingSpec>> =
            seats.iter().flat_map(|binding| binding.readings.iter().filter(meant)).collect();
        let unknown = || PushError::UnknownReading { target: target.clone(), reading: reading.reading.to_owned() };
        let first = specs.first().ok_or_else(unknown)?;
        let fits = |spec: &&&Arc<ReadingSpec>| (spec.subject == Subject::Target) == reading.owner.is_none();
        let misplaced = || PushError::Misplaced { subject: first.subject.clone(), named: reading.owner.is_some() };
        specs.iter().find(fits).ok_or_else(misplaced)?;
        // Several readings may be fed by one series: it is kept once.
        let mut series: BTreeMap<(&str, &str), &ReadingSpec> = BTreeMap::new();
        for spec in specs.iter().filter(fits) {
            check(spec, reading)?;
            series.insert((&spec.source, &spec.query), spec);
        }
        let now_ms = self.clock().now_ms();
        let mut trigger = false;
        for (source, query) in series.keys() {
            let Some(source) = self.push_source(source) else { continue };
            let (owner, at_ms, value) = (reading.owner, reading.at_ms, reading.value);
            source.push(&PushedSample { query, target, owner, at_ms, value }, now_ms)?;
            trigger |= source.config().trigger;
        }
        Ok(trigger)
    }

    /// The source of this name, if it is one that readings are sent to.
    #[must_use]
    pub fn push_source(&self, name: &str) -> Option<&PushSource> {
        self.sources().get(name)?.pushed()
    }

    /// All sources that readings are sent to.
    pub fn push_sources(&self) -> impl Iterator<Item = (&str, &PushSource)> {
        self.sources().iter().filter_map(|(name, source)| Some((name.as_str(), source.pushed()?)))
    }

    /// Has these targets looked at at once, since readings of them came.
    pub fn readings_came(&self, targets: BTreeSet<TargetId>) {
        if !targets.is_empty() {
            self.turn_soon(targets, &Trigger::Event { what: "readings were pushed".to_owned() });
        }
    }
}

fn check(spec: &ReadingSpec, reading: &PushedReading<'_>) -> Result<(), PushError> {
    if let Some(sent) = reading.unit.filter(|sent| !spec.unit.is_empty() && **sent != *spec.unit) {
        return Err(PushError::Unit { sent: sent.to_owned(), wanted: spec.unit.as_ref().to_owned() });
    }
    match reading.value {
        PushedValue::Text(_) if spec.rate => Err(PushError::NotCounted),
        PushedValue::Growth(_) if !spec.rate => Err(PushError::NotARate),
        _ => Ok(()),
    }
}
