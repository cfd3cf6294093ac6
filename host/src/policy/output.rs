//! What a policy returned, held to its limits. Well typed is not well meant: each count and length is looked at.

use super::manifest::Manifest;
use super::proposal::{Answer, AttrValue, Proposal, Refusal, Verdict};
use crate::sandbox::{Fault, TierLimits};

const PROPOSALS_MAX: usize = 64;
const INSTANCES_MAX: usize = 4_096;
const PLACEMENTS_MAX: usize = 256;
const CONTAINERS_MAX: usize = 64;
const ATTRS_MAX: usize = 64;
/// Longest id or name.
const NAME_BYTES_MAX: usize = 253;
/// Longest word of an open set.
const WORD_BYTES_MAX: usize = 64;
/// Longest sentence: reasons and refusals.
const SENTENCE_BYTES_MAX: usize = 2_048;

/// An answer as it came, with its attrs in the guest's order.
#[derive(Debug)]
pub(super) struct RawAnswer {
    pub(super) answer: Answer,
    pub(super) attrs: Vec<(String, AttrValue)>,
}

/// Holds an answer to the limits.
///
/// # Errors
/// [`Fault::BadOutput`], naming the first thing that is too many, too long or not finite.
pub(super) fn check(raw: RawAnswer, manifest: &Manifest, limits: &TierLimits) -> Result<Answer, Fault> {
    let RawAnswer { mut answer, attrs } = raw;
    let mut meter = Meter { left: usize::try_from(limits.output_bytes_max).unwrap_or(usize::MAX) };
    meter.verdict(&answer.verdict)?;
    if let Some(memory) = &answer.memory {
        let most = manifest.memory_bytes.min(limits.policy_memory_bytes_max);
        count("bytes of memory", memory.len(), most as usize)?;
        meter.take("memory", memory.len(), most as usize)?;
    }
    count("notes", answer.notes.len(), limits.notes_max as usize)?;
    for note in &answer.notes {
        meter.take("a note", note.len(), limits.note_bytes_max as usize)?;
    }
    count("attrs", attrs.len(), ATTRS_MAX)?;
    for (name, value) in attrs {
        meter.attr(&name, &value)?;
        if answer.attrs.insert(name.clone(), value).is_some() {
            return Err(bad(format!("two attrs are named {name:?}")));
        }
    }
    Ok(answer)
}

/// Holds a refusal to the limits; `needs` gives them as well.
///
/// # Errors
/// [`Fault::BadOutput`].
pub(super) fn check_refusal(refusal: &Refusal) -> Result<(), Fault> {
    Meter { left: usize::MAX }.refusal(refusal)
}

impl Answer {
    /// Bytes of all its texts and lists, as they count against `output_bytes_max`. Of one that broke a limit of its parts, those up
    /// to there.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let mut meter = Meter { left: usize::MAX };
        let _ = meter.verdict(&self.verdict);
        let _ = self.attrs.iter().try_for_each(|(name, value)| meter.attr(name, value));
        let rest = self.memory.as_ref().map_or(0, Vec::len) + self.notes.iter().map(String::len).sum::<usize>();
        (usize::MAX - meter.left + rest) as u64
    }
}

/// Counts what is left of the bytes of one answer.
struct Meter {
    left: usize,
}

impl Meter {
    fn take(&mut self, what: &str, bytes: usize, bytes_max: usize) -> Result<(), Fault> {
        if bytes > bytes_max {
            return Err(bad(format!("{what} is {bytes} bytes long, allowed are {bytes_max}")));
        }
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => return Err(bad("all texts together are longer than output_bytes_max".to_owned())),
        }
        Ok(())
    }

    fn verdict(&mut self, verdict: &Verdict) -> Result<(), Fault> {
        match verdict {
            Verdict::Proposals(proposals) => {
                count("proposals", proposals.len(), PROPOSALS_MAX)?;
                proposals.iter().try_for_each(|proposal| self.proposal(proposal))
            }
            Verdict::Refused(refusal) => self.refusal(refusal),
        }
    }

    fn proposal(&mut self, proposal: &Proposal) -> Result<(), Fault> {
        if proposal.kind.as_str().is_empty() {
            return Err(bad("a proposal has no kind".to_owned()));
        }
        self.take("the kind of a proposal", proposal.kind.as_str().len(), WORD_BYTES_MAX)?;
        self.take("a reason", proposal.reason.len(), SENTENCE_BYTES_MAX)?;
        self.take("a size class", proposal.size_class.len(), NAME_BYTES_MAX)?;
        count("instances of a proposal", proposal.instances.len(), INSTANCES_MAX)?;
        count("placements of a proposal", proposal.placement.len(), PLACEMENTS_MAX)?;
        count("containers of a proposal", proposal.resources.len(), CONTAINERS_MAX)?;
        let names = proposal.instances.iter().chain(&proposal.placement);
        for name in names.chain(proposal.resources.iter().map(|resources| &resources.container)) {
            self.take("a name in a proposal", name.len(), NAME_BYTES_MAX)?;
        }
        Ok(())
    }

    fn refusal(&mut self, refusal: &Refusal) -> Result<(), Fault> {
        self.take("the kind of a refusal", refusal.kind.as_str().len(), WORD_BYTES_MAX)?;
        self.take("a refusal", refusal.text.len(), SENTENCE_BYTES_MAX)
    }

    fn attr(&mut self, name: &str, value: &AttrValue) -> Result<(), Fault> {
        self.take("the name of an attr", name.len(), WORD_BYTES_MAX)?;
        match value {
            AttrValue::Num(number) if !number.is_finite() => Err(bad(format!("the attr {name:?} is {number}"))),
            AttrValue::Text(text) => self.take("an attr", text.len(), SENTENCE_BYTES_MAX),
            AttrValue::Num(_) | AttrValue::Int(_) | AttrValue::Flag(_) => Ok(()),
        }
    }
}

fn count(what: &str, count: usize, count_max: usize) -> Result<(), Fault> {
    if count > count_max { Err(bad(format!("{count} {what}, allowed are {count_max}"))) } else { Ok(()) }
}

fn bad(what: String) -> Fault {
    Fault::BadOutput { what }
}
