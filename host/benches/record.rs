//! What records cost: bytes and time of a quiet and of an acting turn, and the commits that make them durable.
//!
//! Prints a table first: numbers that criterion does not measure, and whole turns of many targets, whose cost is per target.

#![expect(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a benchmark: it stops where it must")]

#[path = "told/figures.rs"]
mod figures;

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use trimtab::audit::{
    Evaluation, PolicyRef, QuietForm, RECORD_FORMAT, Record, Recorder, Ruled, Settings, Slot, Trigger,
};
use trimtab::bounds::{Gates, Mode, Past, Question, Vote, VoteAnswer, decide};
use trimtab::policy::{Answer, ParamValue, Proposal, ProposalKind, Spent, Verdict};
use trimtab::snapshot::{
    Abilities, Freshness, Inventory, Limits, Reading, Resources, SNAPSHOT_FORMAT, Samples, Snapshot, Subject, Target,
};
use trimtab::store::{SqliteStore, Store, Write};

const START_MS: u64 = 1_795_309_200_000;
const EVERY_MS: u64 = 15_000;

fn load(series: u64, turn: u64) -> f64 {
    let noise = (series * 7919 + turn * 104_729).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    50.0 + noise as f64 / 3.7e6
}

fn snapshot(name: u64, turn: u64, samples: u64) -> Snapshot {
    let now_ms = START_MS + turn * EVERY_MS;
    let reading = |n: u64| Reading {
        name: format!("requests_per_second_{n}").into(),
        unit: "1/s".into(),
        subject: Subject::Target,
        owner: None,
        freshness: Freshness::Fresh,
        samples: Samples::Numbers {
            times_ms: (0..samples).rev().map(|back| now_ms - 800 - back * EVERY_MS).collect(),
            values: (0..samples).rev().map(|back| load(n + name, turn + 1_000 - back)).collect(),
        },
        absent_as: None,
    };
    Snapshot {
        format: SNAPSHOT_FORMAT,
        now_ms,
        target: Target {
            id: format!("local/web-{name}").parse().unwrap(),
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
        instances: Vec::new(),
        nodes: Vec::new(),
        readings: (0..20).map(reading).collect(),
        alerts: Vec::new(),
        changes: Vec::new(),
        transitions: Vec::new(),
        inventory: Inventory::Complete,
    }
}

/// One turn of one target that wants `count` replicas; three are there.
fn record(recorder: &mut Recorder, name: u64, turn: u64, samples: u64, count: u32) -> Record {
    let snapshot = snapshot(name, turn, samples);
    let reason = format!("load {:.1} of 50 per replica", load(name, turn + 1_000));
    let proposals = vec![Proposal { kind: ProposalKind::Scale, count: Some(count), reason, ..Proposal::default() }];
    let votes = [Vote {
        slot: "tracking".into(),
        granted: vec![ProposalKind::Scale],
        declared: vec![ProposalKind::Scale],
        answer: VoteAnswer::Proposals(proposals.clone()),
    }];
    let id = recorder.next_id(&snapshot.target.id, snapshot.now_ms);
    let ruling = decide(&Question {
        snapshot: &snapshot,
        settings: &trimtab::bounds::Settings::default(),
        votes: &votes,
        past: &Past::default(),
        gates: &Gates::default(),
        key: id.as_str(),
        lease_epoch: 1,
        lease_expires_ms: u64::MAX,
    });
    let answer = Answer { verdict: Verdict::Proposals(proposals), memory: None, notes: Vec::new(), attrs: [].into() };
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
        slots: vec![Slot {
            slot: "tracking".into(),
            policy: PolicyRef { name: "target-tracking".into(), version: "0.1.0".into(), digest: "ab".repeat(32) },
            shadow: false,
            tier: Some(trimtab::policy::Tier::Compiled),
            params: vec![("target".into(), ParamValue::Num(50.0))],
            memory_before: Vec::new(),
            memory_after: None,
            evaluation: Evaluation::Answered(answer),
            spent: Spent { fuel: 18_400, memory_peak_bytes: 1 << 17, wall_ns: 9_000 + turn * 37 % 900, host_calls: 0 },
        }],
        ruling: Ruled::from(&ruling),
    }
}

fn bytes(writes: &[Write]) -> usize {
    let bytes = |write: &Write| if let Write::Append { body, .. } = write { body.len() } else { 0 };
    writes.iter().map(bytes).sum()
}

/// What this thread has used of a core: the machine may be busy with other things.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.try_into().unwrap()
}

/// Time and bytes per record of `turns` turns of `targets` targets, encoding and commit apart; the first turn is not counted.
fn turns(
    store: Option<&SqliteStore>,
    targets: u64,
    turns: u64,
    samples: u64,
    count: u32,
    quiet: QuietForm,
) -> [f64; 3] {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut recorder = Recorder::new(Settings { quiet }, 0);
    let (mut encoding, mut writing, mut size) = (Duration::ZERO, Duration::ZERO, 0);
    for turn in 0..=turns {
        let records: Vec<_> = (0..targets).map(|name| record(&mut recorder, name, turn, samples, count)).collect();
        let start = cpu();
        let writes = recorder.turn(&records).unwrap();
        let encoded = cpu().saturating_sub(start);
        let length = bytes(&writes);
        let start = Instant::now();
        if let Some(store) = store {
            runtime.block_on(store.write(writes)).unwrap();
        }
        if turn > 0 {
            encoding += encoded;
            writing += start.elapsed();
            size += length;
        }
    }
    let per = (targets * turns) as f64;
    [encoding.as_secs_f64() * 1e6 / per, writing.as_secs_f64() * 1e6 / per, size as f64 / per]
}

fn table() {
    println!("| turn, 20 readings | encode, µs of a core | durable, µs | bytes |");
    println!("|---|---|---|---|");
    let row = |name: &str, [encode, write, bytes]: [f64; 3]| {
        println!("| {name} | {encode:.1} | {write:.1} | {bytes:.0} |");
        let remark = format!("{encode:.1} us to encode, {write:.1} us to make durable");
        figures::told(&format!("record: {name}"), &format!("{bytes:.0} bytes"), &remark);
    };
    let dir = tempfile::tempdir().unwrap();
    let open = |name: &str| SqliteStore::open(&dir.path().join(name)).unwrap();
    let replayable = QuietForm::Replayable;
    row("quiet, 1 sample, 10,000 targets a commit", turns(Some(&open("a")), 10_000, 10, 1, 3, replayable));
    row("quiet, 60 samples, 10,000 targets a commit", turns(Some(&open("b")), 10_000, 5, 60, 3, replayable));
    row("counted, 10,000 targets a commit", turns(Some(&open("c")), 10_000, 40, 1, 3, QuietForm::Counted));
    row("acting, 1 sample, 1,000 targets a commit", turns(Some(&open("d")), 1_000, 10, 1, 5, replayable));
    row("acting, 60 samples, 1,000 targets a commit", turns(Some(&open("e")), 1_000, 5, 60, 5, replayable));
    row("quiet, 1 sample, 1 target for a day (no store)", turns(None, 1, 5_760, 1, 3, replayable));
    row("quiet, 60 samples, 1 target for a day (no store)", turns(None, 1, 5_760, 60, 3, replayable));
    row("counted, 1 target for a day (no store)", turns(None, 1, 5_760, 60, 3, QuietForm::Counted));
    println!();
}

fn benches(criterion: &mut Criterion) {
    table();
    for samples in [1, 60] {
        let mut recorder = Recorder::new(Settings::default(), 0);
        let mut turn = 0;
        criterion.bench_function(&format!("encode a quiet turn of {samples} samples"), |bench| {
            bench.iter_batched_ref(
                || {
                    turn += 1;
                    record(&mut Recorder::new(Settings::default(), turn), 0, turn, samples, 3)
                },
                |record| recorder.turn(std::slice::from_ref(record)).unwrap(),
                criterion::BatchSize::SmallInput,
            );
        });
        let mut recorder = Recorder::new(Settings::default(), 0);
        let acting = record(&mut recorder, 0, 0, samples, 5);
        criterion.bench_function(&format!("encode an acting turn of {samples} samples"), |bench| {
            bench.iter(|| recorder.turn(std::slice::from_ref(&acting)).unwrap());
        });
    }
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let append =
        |name: u64| Write::Append { log: format!("record/{name}"), at_ms: name, kind: 1, body: vec![7; 1_200] };
    for count in [1, 1_000] {
        criterion.bench_function(&format!("commit {count} records of 1,200 bytes"), |bench| {
            bench.iter_batched(
                || (0..count).map(append).collect::<Vec<_>>(),
                |writes| runtime.block_on(store.write(writes)).unwrap(),
                criterion::BatchSize::PerIteration,
            );
        });
    }
}

criterion_group! {
    name = records;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    targets = benches
}
criterion_main!(records);
