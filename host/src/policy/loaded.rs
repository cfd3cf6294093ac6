//! A loaded policy: what it is, what it needs, what it answers.

use std::cell::RefCell;
use std::hash::Hasher;
use std::sync::Arc;

use super::contract_v1::{self, Params, Pre, RawNeeds};
use super::declared;
use super::error::{NeedsError, PolicyError};
use super::manifest::{Manifest, Need, NeedKind, ParamValue};
use super::misread;
use super::output;
use super::project::{Columns, project};
use super::proposal::{Answer, Refusal};
use crate::sandbox::{Component, Fault, Guest, Moment, Queue, Sandbox, Spent, Tier, TierLimits};
use crate::snapshot::Snapshot;

/// Most needs of one policy.
const NEEDS_MAX: usize = 256;
/// Farthest look-back or look-ahead of a need: ten years. More is nonsense, and would be asked of sources.
const REACH_MS_MAX: u64 = 10 * 366 * 24 * 3_600 * 1_000;
/// Longest name in a need.
const NAME_BYTES_MAX: usize = 253;

thread_local! {
    // The columns of one evaluation are the next one's allocations.
    static COLUMNS: RefCell<Columns> = RefCell::default();
}

/// A policy that was loaded, checked and asked what it is. Shared freely between threads.
pub struct Policy {
    identity: Identity,
    tier: Tier,
    manifest: Manifest,
    described: Spent,
    guest: Guest,
    pre: Pre,
}

/// What a policy is called. Outlives its code, and is shared by all who show it: one target in 100,000 pays for no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its name, by its manifest.
    pub name: Arc<str>,
    /// Its version, by its manifest.
    pub version: Arc<str>,
    /// SHA-256 of its bytes as they were given, in lower-case hex.
    pub digest: Arc<str>,
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policy")
            .field("name", &self.manifest.name)
            .field("version", &self.manifest.version)
            .field("digest", &self.identity.digest)
            .finish_non_exhaustive()
    }
}

/// All that an answer depends on. The same input gives the same answer, byte for byte, on any machine.
#[derive(Debug, Clone, Copy)]
pub struct EvaluationInput<'a> {
    /// The facts.
    pub snapshot: &'a Snapshot,
    /// What [`Policy::needs`] said for these parameters: only this crosses.
    pub needs: &'a [Need],
    /// The parameters' values, in the manifest's order: what [`super::check_params`] gave.
    pub params: &'a [ParamValue],
    /// What the policy returned as memory last time, if its format fits; else empty.
    pub memory: &'a [u8],
    /// Its place in the queue; decides about time only.
    pub queue: Queue,
}

/// What came of one evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The answer, or how the policy failed.
    pub outcome: Result<Answer, Fault>,
    /// What it spent, also where it failed.
    pub spent: Spent,
}

impl Policy {
    /// Links a component, asks it what it is, and checks what it says.
    ///
    /// # Errors
    /// Where it does not fit this host, fails, or describes itself in a way that makes no sense.
    pub fn load(sandbox: &Arc<Sandbox>, component: &Component, digest: &str, tier: Tier) -> Result<Self, PolicyError> {
        let limits = sandbox.limits(tier).clone();
        let guest = Guest::new(sandbox, component, limits)?;
        let pre = Pre::new(guest.pre().clone()).map_err(|error| misread::not_the_contract(&format!("{error:#}")))?;
        let ran = guest.run(
            Moment::default(),
            |store| pre.instantiate(store),
            |store, instance| contract_v1::describe(store, &instance),
        );
        let manifest =
            ran.result.map_err(misread::in_fault)?.into_manifest().map_err(|what| PolicyError::Manifest { what })?;
        declared::check(&manifest, guest.limits()).map_err(|what| PolicyError::Manifest { what })?;
        let identity = Identity {
            name: manifest.name.as_str().into(),
            version: manifest.version.as_str().into(),
            digest: digest.into(),
        };
        Ok(Self { identity, tier, manifest, described: ran.spent, guest, pre })
    }

    /// SHA-256 of its bytes as they were given, in lower-case hex.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.identity.digest
    }

    /// What it is called.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The limits that it runs under.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// Those limits, as this host has them now.
    #[must_use]
    pub fn limits(&self) -> &TierLimits {
        self.guest.limits()
    }

    /// What it spent to say what it is: the least that a run of it costs.
    #[must_use]
    pub fn described(&self) -> Spent {
        self.described
    }

    /// What it says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Asks which facts it wants, given checked parameters. Asked once, when a binding is checked.
    ///
    /// # Errors
    /// Where it refuses, fails, or wants what this host does not know.
    pub fn needs(&self, params: &[ParamValue]) -> Result<Vec<Need>, NeedsError> {
        self.needs_spending(params).0
    }

    /// As [`Self::needs`]; tells also what was spent, whatever came of it.
    pub fn needs_spending(&self, params: &[ParamValue]) -> (Result<Vec<Need>, NeedsError>, Spent) {
        let params = Params::new(params);
        let ran = self.guest.run(
            Moment::default(),
            |store| self.pre.instantiate(store),
            |store, instance| contract_v1::needs(store, &instance, &params),
        );
        (checked_needs(ran.result), ran.spent)
    }

    /// Evaluates one snapshot in a fresh instance. Blocks: waits for a permit of the sandbox, then runs to the end, at most
    /// for the tier's deadline. To be called from threads that may block, with [`crate::sandbox::THREAD_STACK_BYTES`].
    #[must_use]
    pub fn evaluate(&self, input: &EvaluationInput<'_>) -> Evaluation {
        let mut columns = COLUMNS.take();
        let view = project(input.snapshot, input.needs, &mut columns);
        let params = Params::new(input.params);
        let ran = self.guest.run(
            self.moment(input),
            |store| self.pre.instantiate(store),
            |store, instance| {
                contract_v1::evaluate(store, &instance, input.snapshot, &view, &columns, &params, input.memory)
            },
        );
        drop(view);
        COLUMNS.set(columns);
        let checked = ran.result.and_then(|raw| output::check(raw, &self.manifest, self.guest.limits()));
        let outcome = checked.map(|mut answer| {
            answer.notes.extend(ran.printed);
            answer
        });
        Evaluation { outcome, spent: ran.spent }
    }

    /// What its clock and its random numbers are made from, if its runtime insists on any: the snapshot and itself.
    fn moment(&self, input: &EvaluationInput<'_>) -> Moment {
        let mut seed = Fnv1a::default();
        seed.write(self.identity.digest.as_bytes());
        seed.write(input.snapshot.target.id.as_str().as_bytes());
        seed.write(&input.snapshot.now_ms.to_le_bytes());
        Moment { now_ms: input.snapshot.now_ms, seed: seed.finish(), queue: input.queue }
    }
}

fn checked_needs(asked: Result<Result<RawNeeds, Refusal>, Fault>) -> Result<Vec<Need>, NeedsError> {
    let raw = match asked? {
        Ok(raw) => raw,
        Err(refusal) => {
            output::check_refusal(&refusal)?;
            return Err(NeedsError::Refused { refusal });
        }
    };
    let needs = raw.into_needs().map_err(|kind| NeedsError::UnknownKind { kind: kind.chars().take(64).collect() })?;
    check_needs(&needs)?;
    Ok(needs)
}

fn check_needs(needs: &[Need]) -> Result<(), NeedsError> {
    if needs.len() > NEEDS_MAX {
        return Err(NeedsError::Wrong { what: format!("{} needs, allowed are {NEEDS_MAX}", needs.len()) });
    }
    for need in needs {
        let texts = [need.name.as_str(), need.subject.as_str(), need.unit.as_str()];
        if texts.iter().any(|text| text.len() > NAME_BYTES_MAX || text.chars().any(char::is_control)) {
            return Err(NeedsError::Wrong {
                what: "the name of a need is too long or holds a control character".to_owned(),
            });
        }
        if need.look_back_ms.max(need.step_ms) > REACH_MS_MAX {
            let what = format!("a need looks back or steps farther than ten years: {:?}", need.name);
            return Err(NeedsError::Wrong { what });
        }
        let is_named = matches!(need.kind, NeedKind::Reading | NeedKind::Label | NeedKind::Transitions);
        if is_named && need.name.is_empty() {
            return Err(NeedsError::Wrong { what: format!("a need of kind {:?} has no name", need.kind) });
        }
    }
    Ok(())
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo): a hash that will be the same in every version of this host.
struct Fnv1a(u64);

impl Default for Fnv1a {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv1a {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
