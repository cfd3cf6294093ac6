//! What came of a scene, and readable assertions on it.

use std::fmt;

use crate::vocabulary::{Kind, RefusalKind};
use crate::wire;

/// The answer of a policy to one scene. Assertions return it again, so that they can be strung together, and on failure
/// show the whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    answer: wire::Answer,
}

impl Played {
    pub(super) fn new(answer: wire::Answer) -> Self {
        Self { answer }
    }

    pub(super) fn refused(refusal: wire::Refusal) -> Self {
        let verdict = wire::Verdict::Refused(refusal);
        Self::new(wire::Answer { verdict, memory: None, notes: Vec::new(), attrs: Vec::new() })
    }

    /// The contract's own record.
    #[must_use]
    pub fn answer(&self) -> &wire::Answer {
        &self.answer
    }

    /// The proposals; none for a refusal.
    #[must_use]
    pub fn proposals(&self) -> &[wire::Proposal] {
        match &self.answer.verdict {
            wire::Verdict::Proposals(proposals) => proposals,
            wire::Verdict::Refused(_) => &[],
        }
    }

    /// The exact count proposed, if there is one.
    #[must_use]
    pub fn count(&self) -> Option<u32> {
        self.proposals().iter().find_map(|proposal| proposal.count)
    }

    /// The new figures of the only container of a resize, if one is proposed.
    #[must_use]
    pub fn resources(&self) -> Option<&wire::ContainerResources> {
        self.proposals().iter().find_map(|proposal| proposal.resources.first())
    }

    /// It asks for exactly so many replicas, and for nothing else.
    #[track_caller]
    pub fn scales_to(self, count: u32) -> Self {
        let is_so =
            matches!(self.proposals(), [only] if only.kind == Kind::Scale.as_str() && only.count == Some(count));
        assert!(is_so, "expected to scale to {count}, but it {self}");
        self
    }

    /// It votes for the present state.
    #[track_caller]
    pub fn holds(self) -> Self {
        let is_so = matches!(self.proposals(), [only] if only.kind == Kind::Hold.as_str());
        assert!(is_so, "expected to hold, but it {self}");
        self
    }

    /// It leaves the matter to others.
    #[track_caller]
    pub fn abstains(self) -> Self {
        let is_so = matches!(&self.answer.verdict, wire::Verdict::Proposals(none) if none.is_empty());
        assert!(is_so, "expected to abstain, but it {self}");
        self
    }

    /// It declines, for a reason of that kind.
    #[track_caller]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "reads better at the call: `refuses(RefusalKind::ReadingMissing)`"
    )]
    pub fn refuses(self, kind: RefusalKind) -> Self {
        let is_so = matches!(&self.answer.verdict, wire::Verdict::Refused(refusal) if refusal.kind == kind.as_str());
        assert!(is_so, "expected to refuse as {kind}, but it {self}");
        self
    }

    /// The reasons, the refusal or the notes contain that text.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        let said = self.to_string();
        assert!(said.contains(text), "expected to say `{text}`, but it {said}");
        self
    }
}

impl fmt::Display for Played {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.answer.verdict {
            wire::Verdict::Refused(refusal) => write!(out, "refuses as {}: {}", refusal.kind, refusal.text)?,
            wire::Verdict::Proposals(none) if none.is_empty() => out.write_str("abstains")?,
            wire::Verdict::Proposals(proposals) => {
                out.write_str("proposes")?;
                for (number, proposal) in proposals.iter().enumerate() {
                    write!(out, "{} {}", if number > 0 { ";" } else { "" }, proposal.kind)?;
                    let counts = [("", proposal.count), (">=", proposal.at_least), ("<=", proposal.at_most)];
                    for (sign, count) in counts.into_iter().filter_map(|(sign, count)| Some((sign, count?))) {
                        write!(out, " {sign}{count}")?;
                    }
                    for one in &proposal.resources {
                        write!(out, " `{}` requests {:?} limits {:?}", one.container, one.requests, one.limits)?;
                    }
                    write!(out, ": {}", proposal.reason)?;
                }
            }
        }
        for note in &self.answer.notes {
            write!(out, "\n  note: {note}")?;
        }
        Ok(())
    }
}
