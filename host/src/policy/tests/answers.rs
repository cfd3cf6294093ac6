//! The same answer to the same question, and nothing left behind by any number of them. Answers that are too much are those of
//! `tests/guests/hostile`.

use crate::policy::probe::{Probe, load};
use crate::policy::{Tier, Verdict, check_params};
use serde_json::json;

use super::{evaluate, snapshot};
use crate::policy::{EvaluationInput, Queue};

/// `evaluate` with so many notes of so many bytes.
fn notes(count: u32, bytes: u32) -> Probe {
    let body = format!(
        "(local $left i32) (local $at i32)
        (local.set $left (i32.const {count})) (local.set $at (i32.const 16384))
        (loop
            (i32.store offset=4 (local.get $at) (i32.const {bytes}))
            (local.set $at (i32.add (local.get $at) (i32.const 8)))
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br_if 0 (local.get $left)))
        (i32.store (i32.const 296) (i32.const 16384)) (i32.store (i32.const 300) (i32.const {count}))
        (i32.const 256)"
    );
    Probe::evaluating(&body)
}

#[test]
fn a_thousand_answers_are_the_same_bytes() {
    let wat = include_str!("../../../../tests/guests/wat/policy.wat");
    let policy = load(&wat::parse_str(wat).unwrap(), Tier::Compiled).unwrap().unwrap();
    let given = json!({ "reading": "load", "target": 12.5 });
    let params = check_params(&policy.manifest().parameters, given.as_object().unwrap()).unwrap();
    let needs = policy.needs(&params).unwrap();
    let snapshot = snapshot(&json!([{
        "name": "load", "freshness": "fresh", "samples": { "of": "numbers", "times_ms": [999_000], "values": [61.3] },
    }]));
    let input =
        EvaluationInput { snapshot: &snapshot, needs: &needs, params: &params, memory: &[], queue: Queue::Ordinary };
    let first = policy.evaluate(&input);
    let Verdict::Proposals(proposals) = &first.outcome.as_ref().unwrap().verdict else { panic!("{first:?}") };
    assert_eq!(proposals[0].count, Some(5), "61.3 / 12.5, rounded up");
    let bytes = serde_json::to_vec(first.outcome.as_ref().unwrap()).unwrap();
    for _ in 0..1_000 {
        let again = policy.evaluate(&input);
        assert_eq!(serde_json::to_vec(again.outcome.as_ref().unwrap()).unwrap(), bytes);
        assert_eq!(again.spent.fuel, first.spent.fuel);
        assert_eq!(again.spent.memory_peak_bytes, first.spent.memory_peak_bytes);
    }
}

/// 20 thousand evaluations, or a million with `TRIMTAB_LONG=1`: what they leave behind must not grow with their number. Other
/// tests fill memory too, so this one runs in a process of its own.
#[test]
fn long_memory_does_not_grow_with_the_number_of_evaluations() {
    const ALONE: &str = "TRIMTAB_SOAK_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let name = "policy::tests::answers::long_memory_does_not_grow_with_the_number_of_evaluations";
        let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
        let output = alone.args(["--exact", name, "--nocapture"]).env(ALONE, "1").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "the soak has another name now");
        return;
    }
    let runs = if std::env::var_os("TRIMTAB_LONG").is_some() { 1_000_000 } else { 20_000 };
    let good = notes(8, 100).load().unwrap();
    let bad = Probe::evaluating("unreachable").load().unwrap();
    let round = |count: u32| {
        for run in 0..count {
            let evaluation = evaluate(if run % 10 == 0 { &bad } else { &good });
            assert_eq!(evaluation.outcome.is_err(), run % 10 == 0);
        }
    };
    round(2_000);
    let before = resident_kib();
    round(runs);
    let after = resident_kib();
    eprintln!("{before} KiB before, {after} KiB after {runs} evaluations");
    // 100 bytes per run would be 2 MiB.
    assert!(after < before + 1_536, "{before} KiB before, {after} KiB after {runs} evaluations");
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
