//! Each hostile guest once through engine, contract and bounds, as a turn has it: what came of it is what its file says, its
//! neighbour answers as before, and neither time nor memory is lost.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use serde_json::json;
use trimtab::bounds::{Gates, Past, Question, Restraint, Ruling, Settings, Vote, VoteAnswer, decide};
use trimtab::policy::{Answer, EvaluationInput, Fault, NeedsError, Policy, PolicyError, ProposalKind, Queue, Verdict};
use trimtab::sandbox::{Artefact, Sandbox};
use trimtab::snapshot::Snapshot;

use super::guest::{self, HostileGuest, compile, load};
use super::table::{Gauge, Rows, alone};

/// Kinds that the operator grants; all guests declare `remove` as well.
const GRANTED: [ProposalKind; 4] =
    [ProposalKind::Scale, ProposalKind::Resize, ProposalKind::Restart, ProposalKind::Replace];
/// Most that the bounds may say of one turn: all of it is recorded.
const RESTRAINTS_MAX: usize = 1_000;
/// Longest reason of a fault or restraint: guests may be quoted, within limits.
const REASON_CHARS_MAX: usize = 2_500;

/// What came of a guest: in a word, and all reasons that were given.
struct Came {
    word: String,
    reasons: String,
}

impl Came {
    fn of(stage: &str, fault: &Fault) -> Self {
        assert!(fault.to_string().chars().count() <= REASON_CHARS_MAX, "{fault}");
        Self { word: format!("{stage} {}", fault.code()), reasons: fault.to_string() }
    }

    fn otherwise(stage: &str, first: &dyn Debug, second: &dyn Debug) -> Self {
        let reasons = format!("{first:?}, then {second:?}");
        Self { word: format!("{stage} something else each time"), reasons }
    }
}

#[test]
fn every_behaviour_is_contained_and_has_its_reason() {
    alone("hostile::suite::every_behaviour_is_contained_and_has_its_reason", || {
        let guests = guest::all();
        let plain = HostileGuest::default().sandbox();
        let neighbour = Neighbour::move_in(&plain);
        let mut rows = Rows::of("guest");
        for guest in &guests {
            let sandbox = if guest.with.is_empty() { Arc::clone(&plain) } else { guest.sandbox() };
            let artefact = compile(&sandbox, &guest.awake());
            // What compiling took is the compiler's, which is a process of its own in production.
            let gauge = Gauge::of_self();
            let came = match &artefact {
                Ok(artefact) => run(guest, &sandbox, artefact),
                Err(error) => Came { word: "not compiled".to_owned(), reasons: error.to_string() },
            };
            let cost = gauge.read();
            rows.add(&guest.name, &guest.must, &judged(guest, &came), cost);
            neighbour.lives_on(&guest.name);
            assert_eq!(sandbox.permits().taken(), 0, "{} keeps a permit", guest.name);
        }
        rows.finish();
    });
}

/// What came of it, with what is wrong with its reasons.
fn judged(guest: &HostileGuest, came: &Came) -> String {
    let lacking = guest.says.iter().find(|says| !says.split('|').any(|words| came.reasons.contains(words)));
    let told = guest.lacks.iter().find(|words| came.reasons.contains(*words));
    let cut: String = came.reasons.chars().take(400).collect();
    match (lacking, told) {
        _ if came.word != guest.must => format!("{}: {cut}", came.word),
        (Some(words), _) => format!("{}, which does not say {words:?}: {cut}", came.word),
        (None, Some(words)) => format!("{}, which says {words:?}: {cut}", came.word),
        (None, None) => came.word.clone(),
    }
}

/// All that a turn does with a policy.
fn run(guest: &HostileGuest, sandbox: &Arc<Sandbox>, artefact: &Artefact) -> Came {
    let (first, second) = (load(sandbox, artefact), load(sandbox, artefact));
    let policy = match (first, second) {
        (Ok(policy), Ok(again)) if policy.manifest() == again.manifest() => policy,
        (Err(error), Err(again)) if error == again => {
            return match error {
                PolicyError::Faulted { fault: fault @ Fault::Incompatible { .. } } => Came::of("load", &fault),
                PolicyError::Faulted { fault } => Came::of("describe", &fault),
                PolicyError::Manifest { what } => Came { word: "manifest".to_owned(), reasons: what },
            };
        }
        (first, second) => return Came::otherwise("describe", &first, &second),
    };
    let params: Vec<_> = policy.manifest().parameters.iter().map(|parameter| parameter.default.clone()).collect();
    let (needs, again) = (policy.needs(&params), policy.needs(&params));
    if needs != again {
        return Came::otherwise("needs", &needs, &again);
    }
    let snapshot = snapshot();
    let needs = match needs {
        Ok(needs) => needs,
        Err(NeedsError::Faulted { fault }) => return Came::of("needs", &fault),
        Err(error @ NeedsError::UnknownKind { .. }) => {
            return Came { word: "needs unknown-kind".to_owned(), reasons: error.to_string() };
        }
        Err(error) => return Came { word: "needs wrong".to_owned(), reasons: error.to_string() },
    };
    let input =
        EvaluationInput { snapshot: &snapshot, needs: &needs, params: &params, memory: &[], queue: Queue::Ordinary };
    evaluate(guest, &policy, &input)
}

/// Whatever fails must fail alike each time, and what is said must be said again: no guest remembers.
fn evaluate(guest: &HostileGuest, policy: &Policy, input: &EvaluationInput<'_>) -> Came {
    let first = policy.evaluate(input);
    let replayable = first.outcome.as_ref().err().is_none_or(Fault::is_replayable);
    for _ in 1..guest.times {
        let again = policy.evaluate(input);
        let alike = again.outcome == first.outcome
            && again.spent.memory_peak_bytes == first.spent.memory_peak_bytes
            && (!replayable || again.spent.fuel == first.spent.fuel);
        if !alike {
            return Came::otherwise("evaluate", &first, &again);
        }
    }
    let limits = policy.limits();
    if first.spent.memory_peak_bytes > limits.memory_bytes_max || first.spent.host_calls > limits.host_calls_max + 1 {
        return Came { word: "evaluate beyond its limits".to_owned(), reasons: format!("{:?}", first.spent) };
    }
    match first.outcome {
        Ok(answer) => ruled(input.snapshot, policy, answer),
        Err(fault) => {
            // A fault forbids lowering; it moves nothing.
            let ruling = rule(input.snapshot, policy, VoteAnswer::Faulted(fault.clone()));
            assert_eq!(ruling.decision, None, "{}", guest.name);
            Came::of("evaluate", &fault)
        }
    }
}

/// What the bounds made of an answer.
fn ruled(snapshot: &Snapshot, policy: &Policy, answer: Answer) -> Came {
    let longest = answer.notes.iter().map(String::len).max().unwrap_or(0);
    let mut reasons = vec![format!("noted {} lines of {longest} bytes at most", answer.notes.len())];
    let vote = match answer.verdict {
        Verdict::Proposals(proposals) => VoteAnswer::Proposals(proposals),
        Verdict::Refused(refusal) => VoteAnswer::Refused(refusal),
    };
    let ruling = rule(snapshot, policy, vote);
    let words: BTreeSet<&str> = ruling.restraints.iter().map(Restraint::code).collect();
    reasons.push(format!("{} restraints", ruling.restraints.len()));
    reasons.extend(ruling.restraints.iter().take(64).map(ToString::to_string));
    let mut parts = Vec::new();
    if ruling.restraints.len() > RESTRAINTS_MAX {
        parts.push("restrained without measure".to_owned());
    } else if !words.is_empty() {
        parts.push(format!("restrained by {}", words.into_iter().collect::<Vec<_>>().join(", ")));
    }
    if let Some(decision) = &ruling.decision {
        reasons.push(format!("decided for a reason of {} bytes", decision.reason().len()));
        parts.extend(decision.replicas().map(|count| format!("decides {}", count.to)));
        parts.extend(match decision.actions().len() {
            0 => None,
            count => Some(format!("acts on {count} instance")),
        });
    }
    let word = if parts.is_empty() { "answers".to_owned() } else { parts.join(", ") };
    let longest = reasons.iter().max_by_key(|reason| reason.len()).cloned().unwrap_or_default();
    assert!(longest.chars().count() <= REASON_CHARS_MAX, "{longest}");
    Came { word, reasons: reasons.join("; ") }
}

fn rule(snapshot: &Snapshot, policy: &Policy, answer: VoteAnswer) -> Ruling {
    let declared = policy.manifest().kinds.clone();
    let granted = declared.iter().filter(|kind| GRANTED.contains(kind)).cloned().collect();
    let votes = [Vote { slot: "hostile".to_owned(), granted, declared, answer }];
    decide(&Question {
        snapshot,
        settings: &Settings::default(),
        votes: &votes,
        past: &Past::default(),
        gates: &Gates::default(),
        key: "key",
        lease_epoch: 1,
        lease_expires_ms: 2_000_000,
    })
}

/// Four instances that serve, the last of them protected; `load` is at 80.
pub(crate) fn snapshot() -> Snapshot {
    let instance = |number: u32| {
        json!({ "id": format!("web-{number}"), "name": format!("web-{number}"), "phase": "ready", "protected": number == 4,
            "requests": { "cpu_millis": 500, "memory_bytes": 256 << 20 } })
    };
    serde_json::from_value(json!({
        "now_ms": 1_000_000,
        "target": {
            "id": "local/web", "desired": 4, "total": 4, "ready": 4,
            "containers": [{ "name": "main", "requests": { "cpu_millis": 500, "memory_bytes": 256 << 20 } }],
            "limits": { "replicas_min": 1, "replicas_max": 10 },
        },
        "instances": (1..=4).map(instance).collect::<Vec<_>>(),
        "readings": [{
            "name": "load", "freshness": "fresh", "samples": { "of": "numbers", "times_ms": [999_000], "values": [80.0] },
        }],
    }))
    .unwrap()
}

/// A policy that does no harm, in the same engine: it answers the same whatever the others do.
struct Neighbour {
    policy: Policy,
    answer: Result<Answer, Fault>,
}

impl Neighbour {
    fn move_in(sandbox: &Arc<Sandbox>) -> Self {
        let wasm = wat::parse_str(include_str!("../../guests/wat/policy.wat")).unwrap();
        let policy = load(sandbox, &compile(sandbox, &wasm).unwrap()).unwrap();
        let answer = Self::ask(&policy);
        assert!(
            matches!(&answer, Ok(Answer { verdict: Verdict::Proposals(proposals), .. }) if proposals[0].count == Some(8))
        );
        Self { policy, answer }
    }

    fn ask(policy: &Policy) -> Result<Answer, Fault> {
        let given = json!({ "reading": "load", "target": 10.0 });
        let specs = &policy.manifest().parameters;
        let params = trimtab::policy::check_params(specs, given.as_object().unwrap()).unwrap();
        let needs = policy.needs(&params).unwrap();
        let snapshot = snapshot();
        let queue = Queue::Ordinary;
        policy
            .evaluate(&EvaluationInput { snapshot: &snapshot, needs: &needs, params: &params, memory: &[], queue })
            .outcome
    }

    #[track_caller]
    fn lives_on(&self, after: &str) {
        assert_eq!(Self::ask(&self.policy), self.answer, "the neighbour answers otherwise after {after}");
    }
}
