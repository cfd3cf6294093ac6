//! What labels on a workload make of a binding: read, held to what the operator allows, to the caps and to the manifest. A set
//! of labels is taken whole or not at all.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::bind::{long_enough, suit};
use crate::bounds::{Mode, Range, Settings};
use crate::causes::with_causes;
use crate::config::{self, Complaint, PolicyUse};
use crate::cycle::{Binding, LABEL_PREFIX, Measure, Role, Slot, Tailor, Tailored};
use crate::policy::{ParamKind, ParamSpec};
use crate::registry::{Registry, RegistryError};

/// More replicas than this are a slip of the finger, as in the file.
const REPLICAS_MAX: u32 = 1_000_000;
/// Longest value of a label that is shown to a person.
const SHOWN_CHARS_MAX: usize = 80;
const MODES: [(&str, Mode); 4] =
    [("act", Mode::Act), ("raise-only", Mode::RaiseOnly), ("dry-run", Mode::DryRun), ("off", Mode::Off)];

/// Fits one binding to what labels say.
#[derive(Debug)]
pub(super) struct Labels {
    registry: Arc<Registry>,
    wanted: config::Binding,
    /// Whether the whole host is in dry-run.
    dry_run: bool,
}

/// The labels of one target, read.
#[derive(Debug, Default)]
struct Read<'m> {
    min: Option<u32>,
    max: Option<u32>,
    mode: Option<Mode>,
    policy: Option<&'m str>,
    params: BTreeMap<&'m str, &'m str>,
    notes: Vec<String>,
}

impl Labels {
    pub(super) fn new(registry: &Arc<Registry>, wanted: &config::Binding, dry_run: bool) -> Self {
        Self { registry: Arc::clone(registry), wanted: wanted.clone(), dry_run }
    }

    /// Every label that is allowed; those that are not are told of and count for nothing.
    fn read<'m>(&self, labels: &'m BTreeMap<String, String>) -> Result<Read<'m>, String> {
        let mut read = Read::default();
        let mut wrong = Vec::new();
        for (label, value) in labels {
            let word = label.strip_prefix(LABEL_PREFIX).unwrap_or(label);
            if !self.wanted.labels_allowed.contains(word) {
                read.notes.push(format!("{label} is not among the labels_allowed of this binding"));
                continue;
            }
            let taken = match word {
                "min" => count(value).map(|count| read.min = Some(count)),
                "max" => count(value).map(|count| read.max = Some(count)),
                "mode" if self.dry_run => {
                    read.notes.push(format!("{label} waits: the whole host is in dry-run"));
                    Ok(())
                }
                "mode" => mode(value).map(|mode| read.mode = Some(mode)),
                "policy" => policy_name(value).map(|name| read.policy = Some(name)),
                _ => {
                    read.params.insert(word.strip_prefix("param.").unwrap_or(word), value.as_str());
                    Ok(())
                }
            };
            wrong.extend(taken.err().map(|what| format!("{label} {what}")));
        }
        if wrong.is_empty() { Ok(read) } else { Err(wrong.join("; ")) }
    }

    /// The policies, with another parameter or another policy where labels say so.
    async fn slots(&self, base: &Binding, read: &Read<'_>) -> Result<Vec<Slot>, String> {
        let own = self.wanted.policies.first();
        let other = read.policy.filter(|name| own.is_none_or(|own| own.uses != *name));
        if let Some(name) = other {
            let (1, Some(own)) = (self.wanted.policies.len(), own) else {
                return Err("trimtab.policy names one policy, and this binding has several".to_owned());
            };
            return Ok(vec![self.other_policy(own, name, read).await?]);
        }
        for name in read.params.keys() {
            let known = |slot: &Slot| spec(slot, name).is_some();
            if !base.slots.iter().any(known) {
                return Err(format!("trimtab.param.{name} is no parameter of any policy of this binding"));
            }
        }
        let mut slots = Vec::with_capacity(base.slots.len());
        for slot in &base.slots {
            let own = self.wanted.policies.iter().find(|used| used.slot == slot.name);
            let concerned = read.params.keys().any(|name| spec(slot, name).is_some());
            match own.filter(|_| concerned) {
                None => slots.push(slot.clone()),
                Some(used) => match self.other_params(slot, used, read).await {
                    Ok(slot) => slots.push(slot),
                    Err(why) if matches!(slot.role, Role::Active { .. }) => return Err(why),
                    // What watches or stands in does not decide what a label may say.
                    Err(why) => {
                        let (binding, slot) = (&base.name, &slot.name);
                        tracing::warn!(binding, slot, why, "a version beside the active one does not take the labels");
                    }
                },
            }
        }
        Ok(slots)
    }

    /// The same code with other parameters.
    async fn other_params(&self, slot: &Slot, used: &PolicyUse, read: &Read<'_>) -> Result<Slot, String> {
        let mut used = used.clone();
        put(&mut used, &slot.policy.manifest().parameters, read);
        let grants = self.registry.grants(slot.policy.digest()).await.map_err(|error| with_causes(&error))?;
        suit(&self.wanted, &used, Arc::clone(&slot.policy), &grants, slot.role).await.map_err(|found| sentence(&found))
    }

    /// Another policy. Of the binding's parameters it has those that it knows; its memory is its own.
    async fn other_policy(&self, own: &PolicyUse, name: &str, read: &Read<'_>) -> Result<Slot, String> {
        let wrong = |error: RegistryError| format!("trimtab.policy: {}", with_causes(&error));
        let policy = self.registry.resolve_for(&self.wanted.name, name, None, None).await.map_err(wrong)?;
        let grants = self.registry.grants(policy.digest()).await.map_err(wrong)?;
        let mut used = PolicyUse { slot: name.to_owned(), uses: name.to_owned(), tier: None, ..own.clone() };
        let known = policy.manifest().parameters.clone();
        used.params.retain(|name, _| known.iter().any(|spec| spec.name == *name));
        put(&mut used, &known, read);
        if let Some(name) = read.params.keys().find(|name| known.iter().all(|spec| spec.name != **name)) {
            return Err(format!("trimtab.param.{name} is no parameter of {}", policy.manifest().name));
        }
        suit(&self.wanted, &used, policy, &grants, Role::Active { probation: None })
            .await
            .map_err(|found| sentence(&found))
    }
}

#[async_trait]
impl Tailor for Labels {
    async fn tailor(&self, base: &Binding, measure: &Measure) -> Result<Tailored, String> {
        let mut read = self.read(&measure.labels)?;
        let caps = base.caps.within(measure.caps.replicas);
        let replicas = range(base.settings.replicas, caps, &mut read)?;
        let mode = read.mode.unwrap_or(base.settings.mode);
        let settings = Settings { replicas, mode, ..base.settings.clone() }.capped(&measure.caps);
        let slots = self.slots(base, &read).await?;
        let readings = self.wanted.readings.iter().zip(&base.readings).map(|(spec, own)| {
            let fits = long_enough(spec, &slots);
            if fits == **own { Arc::clone(own) } else { Arc::new(fits) }
        });
        let binding = Binding {
            digest: hex::encode(Sha256::digest(format!("{}{measure:?}", base.digest))),
            settings,
            readings: readings.collect(),
            slots,
            caps,
            fitting: None,
            ..base.clone()
        };
        Ok(Tailored { binding, notes: read.notes })
    }
}

/// The range that labels ask for, as far as the caps allow.
fn range(own: Range<u32>, caps: Range<u32>, read: &mut Read<'_>) -> Result<Range<u32>, String> {
    for (side, asked) in [("min", read.min), ("max", read.max)] {
        if let Some(asked) = asked.filter(|asked| !(caps.min..=caps.max).contains(asked)) {
            let Range { min, max } = caps;
            let held = asked.clamp(min, max.max(min));
            read.notes.push(format!("trimtab.{side} {asked} is outside of the caps, {min} to {max}: {held} holds"));
        }
    }
    let asked = Range { min: read.min.unwrap_or(own.min), max: read.max.unwrap_or(own.max) };
    if asked.min > asked.max {
        let Range { min, max } = asked;
        let (labelled, other) = if read.min.is_some() { ("trimtab.min", "max") } else { ("trimtab.max", "min") };
        return Err(format!("{labelled} does not suit {other}: min {min} is above max {max}"));
    }
    Ok(asked.within(caps))
}

fn count(value: &str) -> Result<u32, String> {
    let count = value.trim().parse::<u32>().ok().filter(|count| *count <= REPLICAS_MAX);
    count.ok_or_else(|| format!("is {}: expected a whole number from 0 to {REPLICAS_MAX}", shown(value)))
}

fn mode(value: &str) -> Result<Mode, String> {
    let found = MODES.iter().find(|(word, _)| *word == value.trim()).map(|(_, mode)| *mode);
    found.ok_or_else(|| format!("is {}: expected act, raise-only, dry-run or off", shown(value)))
}

/// A label never names a file or bytes: whoever may label a workload is not who may place code.
fn policy_name(value: &str) -> Result<&str, String> {
    let name = value.trim();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > 63 || !name.chars().all(fits) {
        return Err(format!("is {}: expected the name of a built-in or uploaded policy", shown(value)));
    }
    Ok(name)
}

fn spec<'s>(slot: &'s Slot, name: &str) -> Option<&'s ParamSpec> {
    slot.policy.manifest().parameters.iter().find(|spec| spec.name == name)
}

/// Puts the labels' parameters into those of the binding.
fn put(used: &mut PolicyUse, known: &[ParamSpec], read: &Read<'_>) {
    for (name, text) in &read.params {
        if let Some(spec) = known.iter().find(|spec| spec.name == *name) {
            used.params.insert((*name).to_owned(), value(spec.kind, text));
        }
    }
}

/// A label's text as the manifest's type. What does not read as one stays a text, and the check says what was expected.
fn value(kind: ParamKind, text: &str) -> Value {
    let or_text = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    let list = |item: &dyn Fn(&str) -> Value| {
        if text.trim_start().starts_with('[') {
            return or_text(text);
        }
        Value::Array(text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(item).collect())
    };
    match kind {
        ParamKind::Bool | ParamKind::S64 | ParamKind::F64 => or_text(text.trim()),
        ParamKind::Text | ParamKind::Duration | ParamKind::Json => Value::String(text.to_owned()),
        ParamKind::ListBool | ParamKind::ListS64 | ParamKind::ListF64 => list(&or_text),
        ParamKind::ListText | ParamKind::ListDuration => list(&|one| Value::String(one.to_owned())),
    }
}

fn sentence(found: &[Complaint]) -> String {
    found.iter().map(|complaint| complaint.what.as_str()).collect::<Vec<_>>().join("; ")
}

/// In quotes, escaped, and no longer than a person reads.
fn shown(value: &str) -> String {
    let mut short: String = value.chars().take(SHOWN_CHARS_MAX).collect();
    if short.len() < value.len() {
        short.push('…');
    }
    format!("{short:?}")
}
