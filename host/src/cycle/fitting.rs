//! What labels on a workload and the operator's caps make of a binding, target by target.
//!
//! Labels are looked at when they are first seen, never per turn: what a set of them makes of a binding is kept with the
//! binding, and goes with it. A turn looks up; a target without such labels and caps costs one look. What cannot be taken keeps
//! the last labels that could, also over a restart, for those are kept with the target.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream;
use serde::Serialize;
use tokio::time::Instant;

use super::seats::{Binding, Selector};
use super::{Cycle, Occasion, SeatCase, TargetState};
use crate::bounds::Caps;
use crate::drivers::ObservedTarget;
use crate::snapshot::{Target, TargetId};
use crate::telemetry::measures;

/// What the labels begin with that change settings.
pub const LABEL_PREFIX: &str = "trimtab.";
/// Sets of labels that are kept for one binding; with more, all are forgotten and looked at again. Three times as many as a host
/// has targets.
const KEPT_MAX: usize = 32_768;
/// Labels that make no sense are looked at again after so long: what they name may have come.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// How long a turn waits for labels that nobody has looked at yet. Their targets stay as they are until it is done.
const PATIENCE: Duration = Duration::from_secs(5);
/// Sets of labels that are looked at side by side.
const SIDE_BY_SIDE: usize = 8;

/// The labels of a target that last made sense, by binding.
pub type KeptLabels = BTreeMap<String, BTreeMap<String, String>>;

/// Makes a binding fit a target.
#[async_trait]
pub trait Tailor: Send + Sync + Debug {
    /// The binding as these labels and caps make it, and what a person should know about it.
    ///
    /// # Errors
    /// Why the labels cannot be taken, for who wrote them.
    async fn tailor(&self, base: &Binding, measure: &Measure) -> Result<Tailored, String>;
}

/// What of a target counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Measure {
    /// Its labels that begin with [`LABEL_PREFIX`]; none where the binding allows none.
    pub labels: BTreeMap<String, String>,
    /// The operator's caps on it.
    pub caps: Caps,
}

/// A binding that fits.
#[derive(Debug)]
pub struct Tailored {
    /// The binding.
    pub binding: Binding,
    /// What a person should know: a label that is not allowed, a wish that a cap cut.
    pub notes: Vec<String>,
}

/// Caps of the operator on some targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapRule {
    /// Its name in the config.
    pub name: String,
    /// On which targets.
    pub select: Selector,
    /// The caps.
    pub caps: Caps,
}

/// How a binding is fitted to single targets.
#[derive(Debug)]
pub struct Fitting {
    /// Settings that labels may carry: `min`, `max`, `mode`, `policy`, `param.NAME`.
    pub allowed: BTreeSet<String>,
    /// The operator's caps that may concern its targets.
    pub caps: Vec<CapRule>,
    tailor: Arc<dyn Tailor>,
    hasher: RandomState,
    made: Mutex<HashMap<u64, Made>>,
}

/// What a set of labels and caps makes of a binding.
#[derive(Debug, Clone)]
struct Made {
    measure: Arc<Measure>,
    /// `None`: it never made sense.
    binding: Option<Arc<Binding>>,
    /// Why it makes none (any more).
    wrong: Option<Arc<str>>,
    notes: Arc<[String]>,
    at: Instant,
    /// Whether a policy may be another by now.
    outdated: bool,
}

/// A binding as it is fitted to a target.
#[derive(Debug, Clone)]
pub(super) struct Fitted {
    pub(super) binding: Arc<Binding>,
    /// How the target's labels stand; `None`: it has none that count.
    pub(super) labels: Option<Box<LabelsView>>,
}

/// How labels of a target stand with a binding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabelsView {
    /// Those that hold: the present ones, or the last that made sense.
    pub in_force: BTreeMap<String, String>,
    /// Why the present ones do not hold.
    pub wrong: Option<String>,
    /// What else a person should know of them.
    pub notes: Vec<String>,
}

/// Which entries count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// Also what should be looked at again.
    Any,
    /// What needs no second look.
    Fresh,
}

impl LabelsView {
    /// What is wrong with them, as one sentence.
    fn told(&self) -> Option<String> {
        let wrong = self.wrong.as_ref().map(|wrong| match self.in_force.is_empty() {
            true => format!("the labels do not hold, and the binding's own settings do: {wrong}"),
            false => format!("the labels do not hold, and the last that did go on: {wrong}"),
        });
        let told: Vec<String> = wrong.into_iter().chain(self.notes.iter().cloned()).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }
}

impl Fitting {
    /// For a binding that allows these labels, under these caps.
    #[must_use]
    pub fn new(allowed: BTreeSet<String>, caps: Vec<CapRule>, tailor: Arc<dyn Tailor>) -> Self {
        Self { allowed, caps, tailor, hasher: RandomState::new(), made: Mutex::default() }
    }

    /// Has all labels looked at again: policies that they name may be others by now.
    pub fn outdate(&self) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.values_mut().for_each(|made| made.outdated = true);
    }

    /// The caps on a target.
    fn caps_on(&self, target: &Target) -> Caps {
        let on = self.caps.iter().filter(|rule| rule.select.fits(target));
        on.fold(Caps::OPEN, |caps, rule| caps.and(&rule.caps))
    }

    /// What was made of these labels and caps.
    fn find<'l>(
        &self,
        labels: impl Iterator<Item = (&'l String, &'l String)> + Clone,
        caps: &Caps,
        freshness: Freshness,
    ) -> Option<Made> {
        let key = self.key(labels.clone(), caps);
        let kept = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        // Two sets of one hash would take turns; neither ever has the other's settings.
        let made = kept.get(&key).filter(|made| made.measure.caps == *caps && is_same(&made.measure.labels, labels))?;
        let again = made.outdated || (made.wrong.is_some() && made.at.elapsed() >= AGAIN_AFTER);
        (freshness == Freshness::Any || !again).then(|| made.clone())
    }

    fn key<'l>(&self, labels: impl Iterator<Item = (&'l String, &'l String)>, caps: &Caps) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        labels.for_each(|label| label.hash(&mut hasher));
        caps.hash(&mut hasher);
        hasher.finish()
    }

    /// Looks at a set of labels. What made sense before stays where it makes none now.
    async fn make(&self, base: &Binding, measure: Measure) {
        let tailored = self.tailor.tailor(base, &measure).await;
        let key = self.key(measure.labels.iter(), &measure.caps);
        let mut kept = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX && !kept.contains_key(&key) {
            kept.clear();
        }
        let measure = Arc::new(measure);
        let made = match tailored {
            Ok(Tailored { binding, notes }) => Made {
                measure,
                binding: Some(Arc::new(binding)),
                wrong: None,
                notes: notes.into(),
                at: Instant::now(),
                outdated: false,
            },
            Err(wrong) => {
                let before = kept.get(&key).filter(|before| before.measure == measure);
                let binding = before.and_then(|before| before.binding.clone());
                let wrong = Some(wrong.into());
                Made { measure, binding, wrong, notes: Arc::default(), at: Instant::now(), outdated: false }
            }
        };
        kept.insert(key, made);
    }
}

fn is_same<'l>(
    kept: &BTreeMap<String, String>,
    labels: impl Iterator<Item = (&'l String, &'l String)> + Clone,
) -> bool {
    kept.len() == labels.clone().count()
        && kept.iter().zip(labels).all(|(kept, label)| kept.0 == label.0 && kept.1 == label.1)
}

/// A binding as it fits a target, `kept` being the labels that last made sense.
///
/// # Errors
/// What must be looked at first.
pub(super) fn fitted(
    binding: &Arc<Binding>,
    target: &Target,
    kept: Option<&BTreeMap<String, String>>,
    freshness: Freshness,
) -> Result<Fitted, Box<Measure>> {
    let plain = || Fitted { binding: Arc::clone(binding), labels: None };
    let Some(fitting) = &binding.fitting else { return Ok(plain()) };
    let caps = fitting.caps_on(target);
    let labels = labels_of(fitting, target);
    let none = BTreeMap::new();
    if labels.clone().next().is_none() {
        return match find(fitting, &none, caps, freshness)? {
            Some(made) => Ok(Fitted { labels: None, binding: made.binding.unwrap_or_else(|| Arc::clone(binding)) }),
            None => Ok(plain()),
        };
    }
    let Some(made) = fitting.find(labels.clone(), &caps, freshness) else {
        let labels = labels.map(|(label, value)| (label.clone(), value.clone())).collect();
        return Err(Box::new(Measure { labels, caps }));
    };
    let wrong = made.wrong.as_ref().map(|wrong| wrong.as_ref().to_owned());
    let notes = made.notes.to_vec();
    if let Some(fits) = made.binding {
        let in_force = made.measure.labels.clone();
        return Ok(Fitted { binding: fits, labels: Some(Box::new(LabelsView { in_force, wrong, notes })) });
    }
    let last = kept.filter(|kept| !kept.is_empty() && **kept != made.measure.labels).unwrap_or(&none);
    let (in_force, fits) = match find(fitting, last, caps, freshness)? {
        Some(Made { binding: Some(fits), .. }) => (last, fits),
        // They make no sense any more either: the binding's own settings.
        _ => (&none, find(fitting, &none, caps, freshness)?.and_then(|own| own.binding).unwrap_or(Arc::clone(binding))),
    };
    let labels = LabelsView { in_force: in_force.clone(), wrong, notes };
    Ok(Fitted { binding: fits, labels: Some(Box::new(labels)) })
}

/// What was made of these; `None`: there is nothing to be made of them.
fn find(
    fitting: &Fitting,
    labels: &BTreeMap<String, String>,
    caps: Caps,
    freshness: Freshness,
) -> Result<Option<Made>, Box<Measure>> {
    if labels.is_empty() && caps == Caps::OPEN {
        return Ok(None);
    }
    let made = fitting.find(labels.iter(), &caps, freshness);
    made.map(Some).ok_or_else(|| Box::new(Measure { labels: labels.clone(), caps }))
}

/// The labels that may change settings.
fn labels_of<'t>(fitting: &Fitting, target: &'t Target) -> impl Iterator<Item = (&'t String, &'t String)> + Clone {
    let from = (Bound::Included(LABEL_PREFIX), Bound::Unbounded);
    let ours = target.labels.range::<str, _>(from).take_while(|(label, _)| label.starts_with(LABEL_PREFIX));
    let counts = !fitting.allowed.is_empty();
    ours.take_while(move |_| counts)
}

impl Cycle {
    /// Keeps the labels that hold, and tells where anything about them has changed. What is to be noted of the target.
    pub(super) fn take_labels(
        &mut self,
        target: &TargetId,
        seats: &[SeatCase],
        state: &mut TargetState,
    ) -> Vec<String> {
        let mut remarks = Vec::new();
        for seat in seats {
            let binding = &seat.binding.name;
            let view = seat.labels.as_deref();
            match view.map(|view| &view.in_force).filter(|labels| !labels.is_empty()) {
                Some(labels) if state.labels.get(binding) == Some(labels) => {}
                Some(labels) => drop(state.labels.insert(binding.clone(), labels.clone())),
                None if state.labels.is_empty() => {}
                None => drop(state.labels.remove(binding)),
            }
            if view.is_none() && self.told.is_empty() {
                continue;
            }
            let text = view.and_then(LabelsView::told).unwrap_or_default();
            let key = (target.clone(), binding.clone());
            if self.told.get(&key).map_or("", String::as_str) == text {
                continue;
            }
            if text.is_empty() {
                self.told.remove(&key);
                remarks.push(format!("the labels hold for binding {binding} as they are"));
                continue;
            }
            tracing::warn!(target_id = %target, binding, "{text}");
            if view.is_some_and(|view| view.wrong.is_some()) {
                measures::labels_refused(binding);
            }
            remarks.push(format!("binding {binding}: {text}"));
            self.told.insert(key, text);
        }
        remarks
    }

    /// Has labels looked at that nobody has looked at yet. Waits for it, but not for ever: a target whose labels are not looked
    /// at by then has no turn.
    pub(super) async fn fit(&self, targets: &[ObservedTarget], occasion: &Occasion<'_>) {
        let bindings = occasion.bindings.iter().filter(|binding| binding.fitting.is_some());
        let bindings: Vec<&Arc<Binding>> = bindings.collect();
        let until = Instant::now() + PATIENCE;
        // The present labels, the last that made sense, and those of the binding itself.
        for _ in 0..3 {
            let unseen = self.unseen(targets, &bindings, occasion);
            if unseen.is_empty() {
                return;
            }
            let looks = unseen.into_iter().map(|(binding, measure)| {
                // It goes on where nobody waits any more, so that the next turn finds it.
                tokio::spawn(async move {
                    if let Some(fitting) = &binding.fitting {
                        fitting.make(&binding, measure).await;
                    }
                })
            });
            let all = stream::iter(looks).buffer_unordered(SIDE_BY_SIDE).collect::<Vec<_>>();
            if tokio::time::timeout_at(until, all).await.is_err() {
                let driver = self.parts.driver.name();
                tracing::warn!(driver, "labels are being looked at still: their targets stay as they are");
                return;
            }
        }
    }

    fn unseen(
        &self,
        targets: &[ObservedTarget],
        bindings: &[&Arc<Binding>],
        occasion: &Occasion<'_>,
    ) -> Vec<(Arc<Binding>, Measure)> {
        let mut known: HashMap<&str, BTreeSet<u64>> = HashMap::new();
        let mut unseen = Vec::new();
        for binding in bindings {
            let Some(fitting) = &binding.fitting else { continue };
            for observed in targets.iter().filter(|observed| binding.select.fits(&observed.target)) {
                if occasion.only.is_some_and(|only| !only.contains(&observed.target.id)) {
                    continue;
                }
                let kept = self.states.get(&observed.target.id).and_then(|state| state.labels.get(&binding.name));
                let Err(measure) = fitted(binding, &observed.target, kept, Freshness::Fresh) else { continue };
                let key = fitting.key(measure.labels.iter(), &measure.caps);
                if known.entry(&binding.name).or_default().insert(key) {
                    unseen.push((Arc::clone(binding), *measure));
                }
            }
        }
        unseen
    }
}
