//! The bounds, told as stories: a table for each stage, and an invariant that random histories are held to.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::type_complexity,
    reason = "the numbers of stories are small, and their tables are typed where they stand"
)]

mod actions;
mod composing;
mod counts;
mod figures;
mod gates;
mod groups;
mod invariant;
mod kernels;
mod pasts;
mod repairs;
mod world;

use super::*;
use crate::policy::{ContainerResources, Fault, Proposal, ProposalKind, Refusal, RefusalKind};
use crate::snapshot::{
    Abilities, Container, Freshness, Instance, Inventory, Limits, Phase, Reading, Resources, SNAPSHOT_FORMAT, Samples,
    Snapshot, Subject, Target,
};

const MIB: u64 = 1024 * 1024;
const ALL_KINDS: [ProposalKind; 7] = [
    ProposalKind::Scale,
    ProposalKind::Resize,
    ProposalKind::Restart,
    ProposalKind::Replace,
    ProposalKind::Remove,
    ProposalKind::Start,
    ProposalKind::Redeploy,
];

/// One target with ready instances `i0`, `i1` …, and bounds that hold nothing back but min 1 and max 100. Turns follow each
/// other by 15 s unless told otherwise.
struct Story {
    snapshot: Snapshot,
    settings: Settings,
    gates: Gates,
    past: Past,
    votes: Vec<Vote>,
}

impl Story {
    fn of(desired: u32) -> Self {
        let container = Container {
            name: "main".to_owned(),
            requests: Resources { cpu_millis: Some(500), memory_bytes: Some(256 * MIB) },
            limits: Resources { cpu_millis: Some(1_000), memory_bytes: Some(512 * MIB) },
        };
        let snapshot = Snapshot {
            format: SNAPSHOT_FORMAT,
            now_ms: 1_000_000,
            target: Target {
                id: "local/web".parse().unwrap(),
                kind: String::new(),
                zones: Vec::new(),
                labels: Default::default(),
                desired,
                total: desired,
                ready: desired,
                containers: vec![container],
                abilities: Abilities::default(),
                limits: Limits {
                    replicas_min: 1,
                    replicas_max: 100,
                    least: Resources::default(),
                    most: Resources::default(),
                },
            },
            in_flight: None,
            instances: (0..desired).map(instance).collect(),
            nodes: Vec::new(),
            readings: vec![reading("rps")],
            alerts: Vec::new(),
            changes: Vec::new(),
            transitions: Vec::new(),
            inventory: Inventory::Complete,
        };
        let settings = Settings {
            replicas: Range { min: 1, max: 100 },
            stabilize_down_ms: 0,
            resize_cooldown: Cooldown::default(),
            ..Settings::default()
        };
        Self { snapshot, settings, gates: Gates::default(), past: Past::default(), votes: Vec::new() }
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    fn gate(mut self, change: impl FnOnce(&mut Gates)) -> Self {
        change(&mut self.gates);
        self
    }

    fn see(mut self, change: impl FnOnce(&mut Snapshot)) -> Self {
        change(&mut self.snapshot);
        self
    }

    fn vote(mut self, vote: Vote) -> Self {
        self.votes.push(vote);
        self
    }

    fn scale(self, count: u32) -> Self {
        self.vote(says(vec![scale(count)]))
    }

    /// Forces the instances with these places into a phase.
    fn force(&mut self, places: std::ops::Range<usize>, phase: Phase) {
        self.snapshot.instances[places].iter_mut().for_each(|instance| instance.phase = phase);
    }

    fn later(&mut self, ms: u64) {
        self.snapshot.now_ms = self.snapshot.now_ms.saturating_add(ms);
        for reading in &mut self.snapshot.readings {
            if let Samples::Numbers { times_ms, .. } = &mut reading.samples {
                times_ms.iter_mut().for_each(|at_ms| *at_ms += ms);
            }
        }
    }

    fn question(&self) -> Question<'_> {
        Question {
            snapshot: &self.snapshot,
            settings: &self.settings,
            votes: &self.votes,
            past: &self.past,
            gates: &self.gates,
            key: "k1",
            lease_epoch: 3,
            lease_expires_ms: 9,
        }
    }

    fn decide(&self) -> Ruling {
        decide(&self.question())
    }

    /// Decides, carries it out at once, and goes on by 15 s.
    fn turn(&mut self, votes: Vec<Vote>) -> Ruling {
        self.votes = votes;
        let ruling = self.decide();
        self.past = ruling.past.clone();
        if let Some(change) = ruling.decision.as_ref().and_then(Decision::replicas) {
            self.snapshot.target.desired = change.to;
            self.snapshot.instances = (0..change.to).map(instance).collect();
        }
        self.later(15_000);
        ruling
    }

    /// The count after the decision, and the codes of the restraints.
    fn outcome(&self) -> (u32, Vec<&'static str>) {
        let ruling = self.decide();
        (to(&ruling).unwrap_or(self.snapshot.target.desired), codes(&ruling))
    }

    fn repair(&self) -> RepairRuling {
        repair(&RepairQuestion {
            snapshot: &self.snapshot,
            settings: &self.settings,
            past: &self.past,
            gates: &self.gates,
            key: "k1",
            lease_epoch: 3,
            lease_expires_ms: 9,
        })
    }
}

fn to(ruling: &Ruling) -> Option<u32> {
    ruling.decision.as_ref().and_then(Decision::replicas).map(|change| change.to)
}

fn codes(ruling: &Ruling) -> Vec<&'static str> {
    ruling.restraints.iter().map(Restraint::code).collect()
}

fn instance(number: u32) -> Instance {
    Instance {
        id: format!("i{number}"),
        name: String::new(),
        node: None,
        zone: None,
        phase: Phase::Ready,
        started_ms: Some(1_000 + u64::from(number)),
        restarts: 0,
        requests: Resources::default(),
        limits: Resources::default(),
        usage: Resources::default(),
        memory_peak_bytes: Some(100 * MIB),
        protected: false,
        address: None,
        handle: None,
        made_by: None,
    }
}

fn node(number: u32) -> crate::snapshot::Node {
    crate::snapshot::Node {
        id: format!("n{number}"),
        zone: String::new(),
        ready: true,
        schedulable: true,
        capacity: Resources::default(),
        free: Resources::default(),
    }
}

fn reading(name: &str) -> Reading {
    Reading {
        name: name.into(),
        unit: std::sync::Arc::default(),
        subject: Subject::Target,
        owner: None,
        freshness: Freshness::Fresh,
        samples: Samples::one(1_000_000, 1.0),
        absent_as: None,
    }
}

fn vote(slot: &str, answer: VoteAnswer) -> Vote {
    Vote { slot: slot.to_owned(), granted: ALL_KINDS.to_vec(), declared: ALL_KINDS.to_vec(), answer }
}

fn says(proposals: Vec<Proposal>) -> Vote {
    vote("a", VoteAnswer::Proposals(proposals))
}

fn scale(count: u32) -> Proposal {
    Proposal { kind: ProposalKind::Scale, count: Some(count), ..Proposal::default() }
}

fn act(kind: ProposalKind, instances: &[&str]) -> Proposal {
    Proposal { kind, instances: instances.iter().map(|id| (*id).to_owned()).collect(), ..Proposal::default() }
}

fn resize(requests: Resources, limits: Resources) -> Proposal {
    let resources = vec![ContainerResources { container: String::new(), requests, limits }];
    Proposal { kind: ProposalKind::Resize, resources, ..Proposal::default() }
}

fn cpu(millis: u64) -> Resources {
    Resources { cpu_millis: Some(millis), memory_bytes: None }
}

fn memory(mib: u64) -> Resources {
    Resources { cpu_millis: None, memory_bytes: Some(mib * MIB) }
}

fn refused() -> VoteAnswer {
    VoteAnswer::Refused(Refusal { kind: RefusalKind::ReadingMissing, text: "rps is absent".to_owned() })
}

fn faulted() -> VoteAnswer {
    VoteAnswer::Faulted(Fault::OutOfFuel { fuel: 7 })
}

fn quarantined() -> VoteAnswer {
    VoteAnswer::Quarantined { until_ms: None }
}

fn in_flight(from_count: u32, to_count: u32, deadline_ms: u64) -> crate::snapshot::InFlight {
    crate::snapshot::InFlight {
        key: "k0".to_owned(),
        kind: "scale".to_owned(),
        from_count,
        to_count,
        since_ms: 990_000,
        deadline_ms,
        pending: Vec::new(),
    }
}
