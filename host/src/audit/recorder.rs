//! Turning turns into writes.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::form::{Bench, Encoder};
use super::record::{Closing, Note, Record, RecordId, Run, StepEntry};
use super::{AuditError, NAMED, OPEN, kind, log_of};
use crate::bounds::Quiet;
use crate::policy::Verdict;
use crate::snapshot::TargetId;
use crate::store::Write;

/// First byte of an entry that counts turns.
pub(super) const COUNTED: u8 = 2;

/// Turns that are counted are written down after this long at most; so much is forgotten by a host that is killed.
const RUN_MS_MAX: u64 = 5 * 60 * 1000;

/// A digest is said to be named for so long ahead, so that not every record must say it.
const NAMED_AHEAD_MS: u64 = 2 * 60 * 60 * 1000;

/// How records are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Settings {
    /// Turns in which nothing was done.
    pub quiet: QuietForm,
}

/// How turns in which nothing was done, refused or failed are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuietForm {
    /// With all that is needed to play them again, as what changed since the turn before.
    #[default]
    Replayable,
    /// As a count, with the last one's reason. Where a shadow came to something else, with all that is needed.
    Counted,
}

/// Turns records into writes. One for all targets whose turns one task takes; it remembers of each what its next record
/// builds on: some 600 bytes and 16 a sample.
#[derive(Debug)]
pub struct Recorder {
    settings: Settings,
    targets: HashMap<TargetId, Kept>,
    /// Until when records are said to name a digest.
    named: HashMap<String, u64>,
    count: u64,
    bench: Bench,
}

#[derive(Debug, Default)]
struct Kept {
    encoder: Encoder,
    run: Option<Run>,
}

impl Recorder {
    /// `count` sets its ids apart from those of other recorders and of the host's last life in the same millisecond: a
    /// random number, or one that was never given before.
    #[must_use]
    pub fn new(settings: Settings, count: u64) -> Self {
        Self { settings, targets: HashMap::new(), named: HashMap::new(), count, bench: Bench::default() }
    }

    /// The id of a record to be made: also the key of its decision.
    pub fn next_id(&mut self, target: &TargetId, at_ms: u64) -> RecordId {
        self.count += 1;
        RecordId::new(target, at_ms, self.count)
    }

    /// The writes that keep these records, to be joined with those of the targets' state and committed **before** any driver
    /// acts. If that commit fails, call [`Recorder::failed`]: later records must not build on what is not there.
    ///
    /// # Errors
    /// Where a record could not be put into words. Then nothing of this turn is to be written.
    pub fn turn(&mut self, records: &[Record]) -> Result<Vec<Write>, AuditError> {
        let mut writes = Vec::with_capacity(records.len() + 8);
        for record in records {
            if let Err(error) = self.record(record, &mut writes) {
                self.failed();
                return Err(AuditError::Encode(error));
            }
        }
        Ok(writes)
    }

    /// What was handed out was not written: begin anew with whole records.
    pub fn failed(&mut self) {
        self.targets.clear();
        self.named.clear();
    }

    /// Forgets a target that is gone, or is another host's now; gives the writes that are left to make.
    pub fn forget(&mut self, target: &TargetId) -> Vec<Write> {
        let run = self.targets.remove(target).and_then(|kept| kept.run);
        run.map(|run| counted(target, &run)).into_iter().collect()
    }

    /// The counts that were not written yet: before the host ends.
    pub fn rest(&mut self) -> Vec<Write> {
        let runs = self.targets.iter_mut().filter_map(|(target, kept)| Some(counted(target, &kept.run.take()?)));
        runs.collect()
    }

    fn record(&mut self, record: &Record, writes: &mut Vec<Write>) -> Result<(), serde_json::Error> {
        if !self.targets.contains_key(&record.target) {
            self.targets.insert(record.target.clone(), Kept::default());
        }
        let Some(kept) = self.targets.get_mut(&record.target) else { return Ok(()) };
        let quiet = record.is_quiet();
        if quiet && self.settings.quiet == QuietForm::Counted && !record.has_dissent() {
            writes.extend(kept.count(record));
            return Ok(());
        }
        writes.extend(kept.run.take().map(|run| counted(&record.target, &run)));
        // A record that acts stands for itself: whatever is trimmed or broken before it, it can be read.
        let body = kept.encoder.encode(record, record.acts(), &mut self.bench)?;
        let kind = if quiet { kind::QUIET } else { kind::OPENED };
        writes.push(Write::Append { log: log_of(&record.target), at_ms: record.at_ms, kind, body });
        if record.acts() {
            let value = record.at_ms.to_string().into_bytes();
            writes.push(Write::Set { key: open_key(&record.target, &record.id), value });
        }
        self.name(record, writes);
        Ok(())
    }

    /// Says that the record's digests are named, if that was not said lately.
    fn name(&mut self, record: &Record, writes: &mut Vec<Write>) {
        let digests = record.slots.iter().map(|slot| &slot.policy.digest).chain([&record.config]);
        for digest in digests.filter(|digest| !digest.is_empty()) {
            let said = self.named.get(digest).copied().unwrap_or(0);
            if said < record.at_ms.saturating_add(NAMED_AHEAD_MS / 2) {
                let until_ms = record.at_ms.saturating_add(NAMED_AHEAD_MS);
                self.named.insert(digest.clone(), until_ms);
                writes.push(Write::Set { key: format!("{NAMED}{digest}"), value: until_ms.to_string().into_bytes() });
            }
        }
    }
}

impl Kept {
    /// Adds a turn to the count; gives the count's entry when it is time for it.
    fn count(&mut self, record: &Record) -> Option<Write> {
        let replicas = record.snapshot.target.desired;
        let goes_on = |run: &Run| run.binding == record.binding && run.replicas == replicas;
        let ended = match self.run.take() {
            Some(mut run) if goes_on(&run) => {
                run.to_ms = record.at_ms;
                run.turns += 1;
                run.why = why(record);
                if record.at_ms.saturating_sub(run.from_ms) < RUN_MS_MAX {
                    self.run = Some(run);
                    return None;
                }
                return Some(counted(&record.target, &run));
            }
            other => other,
        };
        self.run = Some(Run {
            from_ms: record.at_ms,
            to_ms: record.at_ms,
            turns: 1,
            binding: record.binding.clone(),
            replicas,
            why: why(record),
        });
        ended.map(|run| counted(&record.target, &run))
    }
}

/// Why nothing was done: in the words of the first policy that gave any, and of what held its wish back.
pub(super) fn why(record: &Record) -> String {
    let mut why = policy_words(record);
    if let Some(withheld) = &record.ruling.withheld {
        let counts = withheld.replicas.map(|(from, to)| format!(" replicas would go from {from} to {to}"));
        why.push_str(&format!("; in dry-run{}", counts.unwrap_or_default()));
    }
    if matches!(record.ruling.quiet, Some(Quiet::Restrained | Quiet::Stopped))
        && let Some(restraint) = record.ruling.restraints.first()
    {
        why.push_str(&format!("; held back: {restraint}"));
    }
    why
}

fn policy_words(record: &Record) -> String {
    let acting = record.slots.iter().filter(|slot| !slot.shadow);
    let words = acting.filter_map(|slot| match &slot.evaluation {
        super::Evaluation::Answered(answer) => match &answer.verdict {
            Verdict::Proposals(proposals) => {
                proposals.iter().map(|p| p.reason.clone()).find(|reason| !reason.is_empty())
            }
            Verdict::Refused(refusal) => Some(refusal.text.clone()),
        },
        super::Evaluation::Faulted(fault) => Some(fault.to_string()),
        super::Evaluation::Quarantined { .. } => Some(format!("{} is in quarantine", slot.slot)),
    });
    words.into_iter().next().unwrap_or_else(|| "no policy asked for anything".to_owned())
}

fn counted(target: &TargetId, run: &Run) -> Write {
    let mut body = vec![COUNTED];
    body.extend(json(run));
    Write::Append { log: log_of(target), at_ms: run.to_ms, kind: kind::QUIET, body }
}

/// The write that keeps a step: before it is taken, and with its result after.
#[must_use]
pub fn step(target: &TargetId, entry: &StepEntry) -> Write {
    Write::Append { log: log_of(target), at_ms: entry.at_ms, kind: kind::STEP, body: json(entry) }
}

/// The writes that close a record.
#[must_use]
pub fn close(target: &TargetId, closing: &Closing) -> Vec<Write> {
    vec![
        Write::Append { log: log_of(target), at_ms: closing.at_ms, kind: kind::CLOSED, body: json(closing) },
        Write::Delete { key: open_key(target, &closing.id) },
    ]
}

/// The write that keeps a sentence about a target.
#[must_use]
pub fn note(target: &TargetId, note: &Note) -> Write {
    Write::Append { log: log_of(target), at_ms: note.at_ms, kind: kind::NOTE, body: json(note) }
}

fn open_key(target: &TargetId, id: &RecordId) -> String {
    format!("{OPEN}{target}/{id}")
}

/// Plain structs of texts and numbers, whose keys are names: they cannot fail to be written.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
