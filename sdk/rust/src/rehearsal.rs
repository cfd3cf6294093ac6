//! A bench to play a policy on natively, under `cargo test`: scenes in, answers out, memory carried over.
//!
//! What the policy sees went through the same columns, and its answer through the same functions, as on wasm; the bench
//! fills in defaults and checks parameters as the host does when a binding is made.
//!
//! ```
//! # use trimtab_sdk::prelude::*;
//! # parameters! { struct P { target: f64 { default: 100, min: 1 } } }
//! # struct Track;
//! # impl Policy for Track {
//! #     type Parameters = P;
//! #     type Memory = ();
//! #     const ABOUT: About = about!(Kind::Scale);
//! #     fn needs(_: &P) -> Result<Needs<'_>, Refusal> { Ok(Needs::new().reading("rps", Subject::Target)) }
//! #     fn evaluate(s: &Snapshot, p: &P, _: &mut ()) -> Result<Answer, Refusal> {
//! #         let rps = s.reading("rps").fresh()?.mean();
//! #         Ok(Proposal::scale(replicas(rps / p.target)).because(format!("{} rps", figure(rps))).into())
//! #     }
//! # }
//! use trimtab_sdk::rehearsal::{Rehearsal, Scene};
//!
//! let mut bench = Rehearsal::<Track>::new().set("target", 50.0);
//! bench.play(Scene::new().replicas(2).reading("rps", [170.0])).scales_to(4).says("170 rps");
//! bench.play(Scene::new().replicas(4)).refuses(RefusalKind::ReadingMissing);
//! ```

mod played;
mod projection;
mod scene;
mod setting;

use std::marker::PhantomData;

pub use played::Played;
pub use scene::{NOON_MS, Scene, instance};
pub use setting::Setting;

use crate::guest;
use crate::policy::Policy;
use crate::vocabulary::{Kind, RefusalKind};
use crate::wire;

/// Plays one policy for one target, evaluation after evaluation.
#[derive(Debug)]
pub struct Rehearsal<P> {
    settings: Vec<(String, Setting)>,
    memory: Vec<u8>,
    policy: PhantomData<P>,
}

impl<P: Policy> Default for Rehearsal<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Policy> Rehearsal<P> {
    /// No parameter given, no memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self { settings: Vec::new(), memory: Vec::new(), policy: PhantomData }
    }

    /// Gives a parameter, as an operator does in a binding; again, to change it.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<Setting>) -> Self {
        self.settings.retain(|(given, _)| given != name);
        self.settings.push((name.to_owned(), value.into()));
        self
    }

    /// Puts bytes in the place of what the policy remembers.
    pub fn set_memory(&mut self, bytes: impl Into<Vec<u8>>) {
        self.memory = bytes.into();
    }

    /// The bytes that the policy remembers.
    #[must_use]
    pub fn memory(&self) -> &[u8] {
        &self.memory
    }

    /// What the policy says of itself.
    #[must_use]
    pub fn manifest(&self) -> wire::Manifest {
        guest::describe::<P>()
    }

    /// Makes the binding: the facts that the policy wants with these parameters.
    ///
    /// # Errors
    /// `parameter-wrong`, as the host refuses a binding: an unknown name, a missing or ill-typed value, one out of range or
    /// not among the choices; or what the policy refuses itself.
    pub fn bind(&self) -> Result<Vec<wire::Need>, wire::Refusal> {
        guest::needs::<P>(self.values()?)
    }

    /// Plays one moment. A binding that the host would refuse is played as that refusal.
    ///
    /// # Panics
    /// Where the host would call the answer a fault: a kind that the manifest does not declare, a proposal without a
    /// reason, or memory above its bound.
    #[must_use = "assert what came of it"]
    #[track_caller]
    pub fn play(&mut self, scene: Scene) -> Played {
        let bound = self.values().and_then(|values| guest::needs::<P>(values.clone()).map(|needs| (values, needs)));
        let (values, needs) = match bound {
            Ok(bound) => bound,
            Err(refusal) => return Played::refused(refusal),
        };
        let mut snapshot = scene.project(&needs);
        snapshot.params = values;
        snapshot.memory.clone_from(&self.memory);
        let answer = guest::evaluate::<P>(snapshot);
        self.check(&answer);
        if let Some(memory) = &answer.memory {
            self.memory.clone_from(memory);
        }
        Played::new(answer)
    }

    fn values(&self) -> Result<Vec<wire::ParamValue>, wire::Refusal> {
        setting::values(&guest::describe::<P>().parameters, &self.settings).map_err(|text| wire::Refusal {
            kind: RefusalKind::ParameterWrong.as_str().to_owned(),
            text,
            attrs: Vec::new(),
        })
    }

    #[track_caller]
    fn check(&self, answer: &wire::Answer) {
        let manifest = self.manifest();
        if let wire::Verdict::Proposals(proposals) = &answer.verdict {
            for proposal in proposals {
                let declared = proposal.kind == Kind::Hold.as_str() || manifest.kinds.contains(&proposal.kind);
                assert!(declared, "the manifest declares no `{}`", proposal.kind);
                assert!(!proposal.reason.is_empty(), "a proposal to `{}` gives no reason", proposal.kind);
            }
        }
        let length = answer.memory.as_ref().map_or(0, Vec::len);
        let bound = manifest.memory_bytes;
        assert!(
            u32::try_from(length).is_ok_and(|length| length <= bound),
            "{length} bytes of memory, of {bound} allowed"
        );
    }
}

#[cfg(test)]
mod tests;
