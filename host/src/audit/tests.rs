//! Records as stories: written, lost, found again, dropped, told.

mod bytes;
mod keeping;
mod ledger;
mod telling;

use std::sync::Arc;

use super::{Evaluation, PolicyRef, RECORD_FORMAT, Record, Recorder, Ruled, Slot, Trigger};
use crate::bounds::{Gates, Mode, Past, Question, Settings, Vote, VoteAnswer, decide};
use crate::policy::{Answer, ParamValue, Proposal, ProposalKind, Spent, Verdict};
use crate::snapshot::{
    Abilities, Freshness, Instance, Inventory, Limits, Phase, Reading, Resources, SNAPSHOT_FORMAT, Samples, Snapshot,
    Subject, Target, TargetId,
};

/// 2026-11-22T01:00:00Z.
const START_MS: u64 = 1_795_309_200_000;

const EVERY_MS: u64 = 15_000;

fn target() -> TargetId {
    "local/web".parse().unwrap()
}

/// A measurement that is never twice the same, of 50 a second or so.
fn load(series: u64, turn: u64) -> f64 {
    let noise = (series * 7919 + turn * 104_729).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    50.0 + f64::from(u32::try_from(noise).unwrap()) / 3.7e6
}

/// `series` readings of `samples` samples each, and three instances.
fn snapshot(turn: u64, series: u64, samples: u64) -> Snapshot {
    let now_ms = START_MS + turn * EVERY_MS;
    let instance = |n: u64| Instance {
        id: format!("web-{n}"),
        name: format!("web-{n}"),
        node: None,
        zone: None,
        phase: Phase::Ready,
        started_ms: Some(START_MS - 3_600_000),
        restarts: 0,
        requests: Resources::default(),
        limits: Resources { cpu_millis: Some(500), memory_bytes: Some(256 << 20) },
        usage: Resources {
            cpu_millis: Some(200 + (turn * 31 + n * 17) % 90),
            memory_bytes: Some((90 << 20) + turn * 4096),
        },
        memory_peak_bytes: Some(120 << 20),
        protected: false,
        address: Some(format!("127.0.0.1:{}", 8_000 + n)),
        handle: Some(format!("pid:{}:{}", 4_000 + n, 99_000 + n)),
        made_by: None,
    };
    let reading = |n: u64| Reading {
        name: format!("requests_per_second_{n}").into(),
        unit: "1/s".into(),
        subject: Subject::Target,
        owner: None,
        freshness: Freshness::Fresh,
        samples: Samples::Numbers {
            times_ms: (0..samples).rev().map(|back| now_ms - 800 - back * EVERY_MS).collect(),
            values: (0..samples).rev().map(|back| load(n, turn + 1_000 - back)).collect(),
        },
        absent_as: None,
    };
    Snapshot {
        format: SNAPSHOT_FORMAT,
        now_ms,
        target: Target {
            id: target(),
            kind: "process-group".into(),
            zones: Vec::new(),
            labels: [("app".to_owned(), "web".to_owned())].into(),
            desired: 3,
            total: 3,
            ready: 3,
            containers: Vec::new(),
            abilities: Abilities::default(),
            limits: Limits {
                replicas_min: 2,
                replicas_max: 10,
                least: Resources::default(),
                most: Resources::default(),
            },
        },
        in_flight: None,
        instances: (1..=3).map(instance).collect(),
        nodes: Vec::new(),
        readings: (0..series).map(reading).collect(),
        alerts: Vec::new(),
        changes: Vec::new(),
        transitions: Vec::new(),
        inventory: Inventory::Complete,
    }
}

fn asks_for(count: u32, reason: &str) -> Answer {
    let proposal =
        Proposal { kind: ProposalKind::Scale, count: Some(count), reason: reason.into(), ..Proposal::default() };
    Answer { verdict: Verdict::Proposals(vec![proposal]), memory: None, notes: Vec::new(), attrs: [].into() }
}

fn slot(turn: u64, evaluation: Evaluation) -> Slot {
    Slot {
        slot: "tracking".into(),
        policy: PolicyRef { name: "target-tracking".into(), version: "0.1.0".into(), digest: "ab".repeat(32) },
        shadow: false,
        tier: Some(crate::policy::Tier::Compiled),
        params: vec![
            ("reading".into(), ParamValue::Text("requests_per_second_0".into())),
            ("target".into(), ParamValue::Num(50.0)),
        ],
        memory_before: format!("mean {:05}; since 1795309200", turn * 7 % 1_000).into_bytes(),
        memory_after: Some(format!("mean {:05}; since 1795309200", (turn + 1) * 7 % 1_000).into_bytes()),
        evaluation,
        spent: Spent {
            fuel: 18_400 + turn % 7,
            memory_peak_bytes: 1 << 17,
            wall_ns: 9_000 + turn * 37 % 900,
            host_calls: 0,
        },
    }
}

/// A record of what these bounds really make of that evaluation.
fn record(
    recorder: &mut Recorder,
    turn: u64,
    snapshot: Snapshot,
    evaluation: Evaluation,
    settings: &Settings,
) -> Record {
    let answer = match &evaluation {
        Evaluation::Answered(Answer { verdict: Verdict::Proposals(proposals), .. }) => {
            VoteAnswer::Proposals(proposals.clone())
        }
        Evaluation::Answered(Answer { verdict: Verdict::Refused(refusal), .. }) => VoteAnswer::Refused(refusal.clone()),
        Evaluation::Faulted(fault) => VoteAnswer::Faulted(fault.clone()),
        Evaluation::Quarantined { until_ms } => VoteAnswer::Quarantined { until_ms: *until_ms },
    };
    let kinds = vec![ProposalKind::Scale, ProposalKind::Resize];
    let votes = [Vote { slot: "tracking".into(), granted: kinds.clone(), declared: kinds, answer }];
    let id = recorder.next_id(&snapshot.target.id, snapshot.now_ms);
    let ruling = decide(&Question {
        snapshot: &snapshot,
        settings,
        votes: &votes,
        past: &Past::default(),
        gates: &Gates::default(),
        key: id.as_str(),
        lease_epoch: 1,
        lease_expires_ms: u64::MAX,
    });
    Record {
        format: RECORD_FORMAT,
        id,
        target: snapshot.target.id.clone(),
        turn,
        at_ms: snapshot.now_ms,
        host: "one".into(),
        trigger: Trigger::Pace,
        binding: "web".into(),
        config: "cd".repeat(32),
        mode: Mode::Act,
        snapshot: Arc::new(snapshot),
        slots: vec![slot(turn, evaluation)],
        ruling: Ruled::from(&ruling),
    }
}

/// A turn in which all is as wished.
fn quiet(recorder: &mut Recorder, turn: u64, series: u64, samples: u64) -> Record {
    let facts = snapshot(turn, series, samples);
    let reason = format!("load {:.1} of 50 per replica, within tolerance", load(0, turn + 1_000));
    record(recorder, turn, facts, Evaluation::Answered(asks_for(3, &reason)), &Settings::default())
}

/// A turn in which the count is raised to 5.
fn raise(recorder: &mut Recorder, turn: u64, series: u64, samples: u64) -> Record {
    let facts = snapshot(turn, series, samples);
    let answer = asks_for(5, "load 83.2 of 50 per replica: 3 × 83.2 / 50 makes 5");
    record(recorder, turn, facts, Evaluation::Answered(answer), &Settings::default())
}
