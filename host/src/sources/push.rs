//! The source `push`: readings that others send.
//!
//! Whoever sends them comes through the API; here they are kept, within limits, until a turn asks. A series is what one query,
//! target and owner have in common. Nothing outlives the host: after a start a pushed reading is absent until it is sent again.

mod refusal;
mod series;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use self::refusal::PushRefusal;
use self::series::Series;
use super::{Ask, Gives, Measurement, ReadingSpec, Row, Source, SourceError};
use crate::snapshot::TargetId;

/// How far ahead of us a sender's clock may be, as for samples of other sources.
const SKEW_MS: u64 = 2_000;
/// Most bytes of a state: a word. As many as samples may be kept, and they must not fill the memory.
pub const TEXT_BYTES_MAX: usize = 128;
/// Most bytes of an owner's name.
pub const OWNER_BYTES_MAX: usize = 253;
/// How often series that nobody feeds any more are looked for, at most.
const SWEEP_EVERY_MS: u64 = 10_000;

/// `[source.NAME.push]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PushConfig {
    /// Most series; a sample of one more is refused.
    pub series_max: usize,
    /// Most samples of one series; beyond it the oldest go.
    pub series_samples_max: usize,
    /// Most samples of all series together, 16 bytes each (states: as long as they are); beyond it a series grows no further.
    pub samples_max: usize,
    /// How long samples are kept, and how old one may be when it comes.
    pub keep_ms: u64,
    /// Whether readings that come have their targets looked at at once, where the sender does not say.
    pub trigger: bool,
    /// OTLP: the attribute that names the target, `driver/name`.
    pub target_attribute: String,
    /// OTLP: the attribute that names the instance, or another owner.
    pub instance_attribute: String,
}

impl Default for PushConfig {
    fn default() -> Self {
        Self {
            series_max: 100_000,
            series_samples_max: 3_600,
            samples_max: 2_000_000,
            keep_ms: 3_600_000,
            trigger: true,
            target_attribute: "trimtab.target".to_owned(),
            instance_attribute: "trimtab.instance".to_owned(),
        }
    }
}

impl PushConfig {
    /// What its shape does not say, each as `key: what is wrong`.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut within = |key: &str, value: u64, least: u64, most: u64| {
            if !(least..=most).contains(&value) {
                complaints.push(format!("{key}: {value} is not within {least} to {most}"));
            }
        };
        within("series_max", self.series_max as u64, 1, 10_000_000);
        within("series_samples_max", self.series_samples_max as u64, 2, 1_000_000);
        within("samples_max", self.samples_max as u64, 2, 100_000_000);
        within("keep_ms", self.keep_ms, 1_000, 7 * 24 * 3_600_000);
        for (key, value) in
            [("target_attribute", &self.target_attribute), ("instance_attribute", &self.instance_attribute)]
        {
            if value.is_empty() || value.len() > OWNER_BYTES_MAX || value.chars().any(char::is_control) {
                complaints.push(format!("{key}: is empty, too long, or holds control characters"));
            }
        }
        complaints
    }
}

/// One sample on its way in. Whether the binding has such a reading was found out before.
#[derive(Debug, Clone, PartialEq)]
pub struct PushedSample<'a> {
    /// The binding's word for the series: its `query`.
    pub query: &'a str,
    /// Whose.
    pub target: &'a TargetId,
    /// Instance, queue …; `None` for the target itself.
    pub owner: Option<&'a str>,
    /// When it was measured; `None`: now.
    pub at_ms: Option<u64>,
    /// What.
    pub value: PushedValue<'a>,
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PushedValue<'a> {
    /// A number.
    Number(f64),
    /// By how much a counter grew since the sample before.
    Growth(f64),
    /// A state.
    Text(&'a str),
}

/// Readings that others send.
#[derive(Debug)]
pub struct PushSource {
    name: String,
    config: PushConfig,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// By query and target.
    series: HashMap<String, HashMap<TargetId, Owners>>,
    series_count: usize,
    samples: usize,
    swept_ms: u64,
}

/// Series of one query and target, by owner: mostly one.
type Owners = Vec<(Option<Box<str>>, Series)>;

impl PushSource {
    /// A source that nobody has sent anything to yet.
    #[must_use]
    pub fn new(name: &str, config: PushConfig) -> Self {
        Self { name: name.to_owned(), config, kept: Mutex::default() }
    }

    /// Its settings.
    #[must_use]
    pub fn config(&self) -> &PushConfig {
        &self.config
    }

    /// How many series and samples are kept.
    #[must_use]
    pub fn kept(&self) -> (usize, usize) {
        let kept = self.lock();
        (kept.series_count, kept.samples)
    }

    /// Takes one sample in. The same time again replaces what was there: a sender that heard no answer may send again.
    ///
    /// # Errors
    /// Why not; nothing has changed then.
    pub fn push(&self, sample: &PushedSample<'_>, now_ms: u64) -> Result<(), PushRefusal> {
        let at_ms = sample.at_ms.unwrap_or(now_ms);
        if at_ms > now_ms.saturating_add(SKEW_MS) {
            return Err(PushRefusal::Future { at_ms, now_ms });
        }
        if now_ms.saturating_sub(at_ms) > self.config.keep_ms {
            return Err(PushRefusal::Old { at_ms, now_ms, keep_ms: self.config.keep_ms });
        }
        match sample.value {
            PushedValue::Number(value) | PushedValue::Growth(value) if !value.is_finite() => {
                return Err(PushRefusal::NotFinite);
            }
            PushedValue::Growth(value) if value < 0.0 => return Err(PushRefusal::Shrunk),
            PushedValue::Text(text) if text.len() > TEXT_BYTES_MAX || text.chars().any(char::is_control) => {
                return Err(PushRefusal::Text);
            }
            _ => {}
        }
        if sample.owner.is_some_and(|owner| !is_owner(owner)) {
            return Err(PushRefusal::Owner);
        }
        self.lock().push(sample, at_ms, now_ms, &self.config)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_owner(owner: &str) -> bool {
    !owner.is_empty() && owner.len() <= OWNER_BYTES_MAX && !owner.chars().any(char::is_control)
}

impl Kept {
    fn push(
        &mut self,
        sample: &PushedSample<'_>,
        at_ms: u64,
        now_ms: u64,
        config: &PushConfig,
    ) -> Result<(), PushRefusal> {
        if now_ms >= self.swept_ms.saturating_add(SWEEP_EVERY_MS) {
            self.sweep(now_ms, config.keep_ms);
        }
        let known = self.find(sample.query, sample.target, sample.owner).is_some();
        if !known && self.series_count >= config.series_max {
            return Err(PushRefusal::Full { series_max: config.series_max });
        }
        let room = self.samples < config.samples_max;
        let targets = match self.series.get_mut(sample.query) {
            Some(targets) => targets,
            None => self.series.entry(sample.query.to_owned()).or_default(),
        };
        let owners = targets.entry(sample.target.clone()).or_default();
        let at = match owners.iter().position(|(of, _)| of.as_deref() == sample.owner) {
            Some(at) => at,
            None => {
                owners.push((sample.owner.map(Into::into), Series::default()));
                self.series_count += 1;
                owners.len() - 1
            }
        };
        let Some((_, series)) = owners.get_mut(at) else { return Ok(()) };
        let before = series.len();
        let taken = series.take(at_ms, sample.value);
        let from_ms = now_ms.saturating_sub(config.keep_ms);
        let most = if room { config.series_samples_max } else { before.max(1) };
        series.shorten(from_ms, most);
        self.samples = (self.samples + series.len()).saturating_sub(before);
        taken
    }

    fn find(&self, query: &str, target: &TargetId, owner: Option<&str>) -> Option<&Series> {
        let owners = self.series.get(query)?.get(target)?;
        owners.iter().find(|(of, _)| of.as_deref() == owner).map(|(_, series)| series)
    }

    /// Drops what is too old, and series of which nothing is left.
    fn sweep(&mut self, now_ms: u64, keep_ms: u64) {
        self.swept_ms = now_ms;
        let from_ms = now_ms.saturating_sub(keep_ms);
        let (mut series_count, mut samples) = (0, 0);
        self.series.retain(|_, targets| {
            targets.retain(|_, owners| {
                owners.retain_mut(|(_, series)| {
                    series.shorten(from_ms, usize::MAX);
                    samples += series.len();
                    series.len() > 0
                });
                series_count += owners.len();
                !owners.is_empty()
            });
            !targets.is_empty()
        });
        (self.series_count, self.samples) = (series_count, samples);
    }
}

#[async_trait]
impl Source for PushSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "push"
    }

    fn gives(&self) -> Gives {
        Gives { ranges: true, rates: true }
    }

    fn check_reading(&self, spec: &ReadingSpec) -> Result<(), SourceError> {
        let wrong = |what: String| {
            Err(SourceError::Reading { reading: spec.name.as_ref().to_owned(), name: self.name.clone(), what })
        };
        if spec.label.is_some() {
            return wrong("label has no meaning for what is pushed: remove it".to_owned());
        }
        if spec.look_back_ms > self.config.keep_ms {
            let (look_back, keep) = (spec.look_back_ms, self.config.keep_ms);
            return wrong(format!("looks back {look_back} ms, and keep_ms of the source is {keep}: raise keep_ms"));
        }
        Ok(())
    }

    async fn measure(&self, ask: &Ask<'_>) -> Result<Measurement, SourceError> {
        let kept = self.lock();
        let Some(targets) = kept.series.get(&ask.spec.query) else { return Ok(Measurement::default()) };
        let mut rows = Vec::with_capacity(ask.targets.len());
        for asked in ask.targets {
            let target = &asked.target.id;
            for (owner, series) in targets.get(target).into_iter().flatten() {
                if let Some(samples) = series.told(ask.spec, ask.now_ms) {
                    rows.push(Row { target: target.clone(), owner: owner.as_deref().map(str::to_owned), samples });
                }
            }
        }
        Ok(Measurement { rows, failed: Vec::new() })
    }

    async fn check(&self) -> Result<(), SourceError> {
        Ok(())
    }

    fn pushed(&self) -> Option<&PushSource> {
        Some(self)
    }
}
