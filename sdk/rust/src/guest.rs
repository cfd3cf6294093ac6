//! From the contract's three functions to the trait, on wasm and natively alike: the rehearsal plays these very functions.

use std::mem;

use crate::answer::{Answer, Proposal, Refusal};
use crate::memory::{self, Memory};
use crate::parameters::ParameterSet;
use crate::policy::Policy;
use crate::snapshot::Snapshot;
use crate::vocabulary::Kind;
use crate::wire;

/// The manifest of a policy.
#[must_use]
pub fn describe<P: Policy>() -> wire::Manifest {
    wire::Manifest {
        name: P::ABOUT.name.to_owned(),
        version: P::ABOUT.version.to_owned(),
        summary: P::ABOUT.summary.to_owned(),
        parameters: P::Parameters::declare(),
        kinds: P::ABOUT.kinds.iter().map(Kind::as_str).map(str::to_owned).collect(),
        memory_bytes: P::Memory::BYTES_MAX,
        memory_format: P::Memory::FORMAT,
        attrs: Vec::new(),
    }
}

/// Its needs.
///
/// # Errors
/// What [`Policy::needs`] refuses, or values that do not fit the parameters' types.
pub fn needs<P: Policy>(values: Vec<wire::ParamValue>) -> Result<Vec<wire::Need>, wire::Refusal> {
    let parameters = P::Parameters::take(values).map_err(Refusal::into_wire)?;
    let needs = P::needs(&parameters).map_err(Refusal::into_wire)?;
    Ok(needs.to_wire())
}

/// Its answer to one snapshot.
#[must_use]
pub fn evaluate<P: Policy>(mut snapshot: wire::Snapshot) -> wire::Answer {
    let values = mem::take(&mut snapshot.params);
    let kept = mem::take(&mut snapshot.memory);
    let mut notes = Vec::new();
    let mut past = memory::load::<P::Memory>(&kept).unwrap_or_else(|| {
        notes.push(format!("memory of {} bytes is damaged or of another format, and is taken for empty", kept.len()));
        P::Memory::default()
    });
    let came_to = run::<P>(snapshot, values, &mut past);
    let memory = bytes_to_keep(&past, &kept, &mut notes);
    match came_to {
        Ok(answer) => {
            notes.extend(answer.notes);
            let proposals = answer.proposals.into_iter().map(Proposal::into_wire).collect();
            wire::Answer { verdict: wire::Verdict::Proposals(proposals), memory, notes, attrs: answer.attrs }
        }
        Err(refusal) => {
            wire::Answer { verdict: wire::Verdict::Refused(refusal.into_wire()), memory, notes, attrs: Vec::new() }
        }
    }
}

fn run<P: Policy>(
    snapshot: wire::Snapshot,
    values: Vec<wire::ParamValue>,
    past: &mut P::Memory,
) -> Result<Answer, Refusal> {
    let parameters = P::Parameters::take(values)?;
    let needs = P::needs(&parameters)?;
    P::evaluate(&Snapshot::new(snapshot, needs), &parameters, past)
}

/// `None` keeps what is kept: where nothing changed, and where the new memory is too large, since the host would take that
/// for a fault of the whole answer.
fn bytes_to_keep<M: Memory>(past: &M, kept: &[u8], notes: &mut Vec<String>) -> Option<Vec<u8>> {
    if M::BYTES_MAX == 0 {
        return None;
    }
    let bytes = memory::save(past);
    if bytes == kept {
        return None;
    }
    if u32::try_from(bytes.len()).is_ok_and(|length| length <= M::BYTES_MAX) {
        return Some(bytes);
    }
    notes.push(format!(
        "memory of {} bytes is above its bound of {}, and the former is kept",
        bytes.len(),
        M::BYTES_MAX
    ));
    None
}
