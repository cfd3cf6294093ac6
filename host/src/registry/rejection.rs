//! Why an upload is refused: a code for machines, a sentence and a remedy for people.

use serde::{Deserialize, Serialize};

use super::error::RegistryError;
use crate::causes::on_one_line;
use crate::policy::{Fault, NeedsError, PolicyError, ProposalKind};
use crate::sandbox::SandboxError;

/// Most characters of a sentence: it may quote a stranger.
const TEXT_CHARS_MAX: usize = 1_000;

/// Why an upload is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// A word for machines, in kebab-case: `not-wasm`, `unknown-import`, `trial-out-of-fuel` …
    pub code: String,
    /// What is wrong.
    pub text: String,
    /// What to do.
    pub remedy: String,
    /// Whether another try of the same bytes may end otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passing: bool,
}

/// What does not fit, as the sandbox's sentences begin, its code, and what to do where the sentence does not say it.
const MISFITS: [(&str, &str, &str); 27] = [
    ("it is compiled code", "compiled-code", "give the .wasm that it was compiled from"),
    ("it is a program", "native-code", "give a WebAssembly component or core module"),
    ("it is an archive", "archive", "unpack it, and upload the .wasm in it"),
    ("it is WebAssembly as text", "text-format", "make it binary, with `trimtab policy build` or `wasm-tools parse`"),
    ("it is not WebAssembly", "not-wasm", "give a WebAssembly component or core module"),
    ("it is cut off", "truncated", "upload it again, whole"),
    ("it is not valid WebAssembly: unexpected end", "truncated", "upload it again, whole"),
    ("it is not valid WebAssembly: duplicate export", "duplicate-export", "export each name once"),
    ("it is not valid WebAssembly", "invalid-wasm", "build it again with a maintained toolchain"),
    ("it exports", "no-policy", "build it for the world of the policy contract"),
    ("it was built for the contract", "wrong-contract", "build it with the SDK of this trimtab"),
    ("its interface", "wrong-contract", "build it with the SDK of this trimtab"),
    ("it imports", "unknown-import", "a policy imports no function"),
    ("it was built with asynchronous", "async", "build it without `async`"),
    ("it was built with threads", "engine-feature", "build it without threads"),
    ("it was built with", "engine-feature", "build it without"),
    ("it has 64-bit memory", "wasm64", "build it for wasm32"),
    ("it begins with a table", "too-much-at-start", "ask for the tier `interpreted`, or raise the limit"),
    (
        "it begins with",
        "too-much-at-start",
        "link it with a smaller stack or memory, or ask for the tier `interpreted`",
    ),
    ("this engine does not take it", "engine-feature", "build it with a maintained toolchain and its usual features"),
    ("it has a function of", "too-complex", "split the function, or raise the limit"),
    ("it has more than", "too-complex", "make it smaller, or raise the limit"),
    ("its custom sections", "too-complex", "strip it"),
    (
        "it is a core module that does not say",
        "string-encoding",
        "state it with the upload: `--string-encoding`, in the API `?encoding=`",
    ),
    ("its section `trimtab:string-encoding`", "string-encoding", "write `utf8` or `utf16` into that section"),
    ("it was stated to hold its texts", "string-encoding", "leave the string encoding to the module"),
    ("no component can be made of it", "not-encodable", "build it as a component, or for the world of the contract"),
];

impl Rejection {
    /// Why loading failed, where the upload is to blame; `None` where the host is.
    pub(super) fn of(error: &RegistryError) -> Option<Self> {
        match error {
            RegistryError::Untrusted { rejection, .. } => Some(rejection.clone()),
            RegistryError::Component { source, .. } => Self::of_sandbox(source),
            RegistryError::Policy { source: PolicyError::Faulted { fault: Fault::Incompatible { what } }, .. } => {
                Some(Self::of_misfit(what))
            }
            RegistryError::Policy { source: PolicyError::Faulted { fault }, .. } => {
                Some(Self::of_run("describe", fault))
            }
            RegistryError::Policy { source: PolicyError::Manifest { what }, .. } => {
                Some(Self::new("manifest", what, "correct what `describe` says", false))
            }
            _ => None,
        }
    }

    /// It failed while it was tried.
    pub(super) fn of_run(when: &str, fault: &Fault) -> Self {
        let remedy = match fault {
            Fault::OutOfFuel { .. } | Fault::Timeout { .. } => "do less, or ask for the tier `interpreted`",
            Fault::OutOfMemory { .. } => "use less memory, or ask for the tier `interpreted`",
            Fault::BadOutput { .. } | Fault::BoundaryBudget { .. } => {
                "correct the answer; `trimtab policy eval` shows it"
            }
            _ => "find it with `trimtab policy eval`",
        };
        let text = format!("it {fault} when it was {}", if when == "describe" { "asked what it is" } else { "tried" });
        Self::new(&format!("{when}-{}", fault.code()), &text, remedy, !fault.is_replayable())
    }

    /// It is not signed as it must be. The same bytes may come again with another signature.
    pub(super) fn of_signature(code: &str, text: &str, remedy: &str) -> Self {
        Self::new(code, text, remedy, true)
    }

    /// It asks for what it has not declared. Bounds would drop that at every turn, so it is better said now.
    pub(super) fn of_kind(kind: &ProposalKind) -> Self {
        let text = format!("it proposes {:?}, which its manifest does not declare", kind.as_str());
        Self::new("undeclared-kind", &text, "declare the kind in what `describe` says, or do not propose it", false)
    }

    /// It says what it needs in a way that makes no sense.
    pub(super) fn of_needs(error: &NeedsError) -> Self {
        Self::new("needs", &error.to_string(), "correct what `needs` says", false)
    }

    fn of_sandbox(error: &SandboxError) -> Option<Self> {
        match error {
            SandboxError::Refused { fault: Fault::Incompatible { what } } => Some(Self::of_misfit(what)),
            SandboxError::Refused { fault } => Some(Self::of_run("describe", fault)),
            SandboxError::CompileLimit { what } => {
                let text = format!("compiling it takes more than it may: {what}");
                Some(Self::new(
                    "compile-limit",
                    &text,
                    "make it smaller, or raise the limit; remove the version to have it tried again",
                    false,
                ))
            }
            SandboxError::Worker { .. } => {
                Some(Self::new("compiler-failed", &error.to_string(), "upload it again; see the host's log", true))
            }
            SandboxError::Config { .. }
            | SandboxError::Engine { .. }
            | SandboxError::SelfTest { .. }
            | SandboxError::Cache { .. } => None,
        }
    }

    fn of_misfit(what: &str) -> Self {
        let known = MISFITS.iter().find(|(begins, _, _)| what.starts_with(begins));
        let too_long = what.starts_with("it is ") && what.contains("upload.bytes_max");
        let (code, remedy) = match known {
            _ if too_long => ("too-large", "strip it, or raise the limit"),
            Some((_, code, remedy)) => (*code, *remedy),
            None => ("incompatible", "see `trimtab policy check`"),
        };
        Self::new(code, what, remedy, false)
    }

    fn new(code: &str, text: &str, remedy: &str, passing: bool) -> Self {
        let text = on_one_line(&text).chars().take(TEXT_CHARS_MAX).collect();
        Self { code: code.to_owned(), text, remedy: remedy.to_owned(), passing }
    }
}
