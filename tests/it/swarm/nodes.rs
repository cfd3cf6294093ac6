//! A swarm of two machines: here two engines, each in namespaces of its own, with a cable between them.

use std::collections::HashMap;

use bollard::models::{NodeSpecAvailabilityEnum as Availability, SwarmJoinRequest, TaskSpecPlacement};
use bollard::query_parameters::UpdateNodeOptions;
use trimtab::drivers::{ObservedTarget, Step};
use trimtab::policy::{Proposal, ProposalKind};
use trimtab::snapshot::{Node, Phase};

use super::stage::{Stage, replicas};
use crate::backends::engine::Engine;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_gone_takes_its_tasks_with_it_and_lowers_nothing() {
    let Some((stage, mut other)) = two("swarm nodes").await else { return };
    stage.until_seen(|seen| seen.nodes.iter().filter(|node| node.schedulable).count() == 2).await;
    let east = other_node(&stage).await;
    stage.zone(&east, "east").await;
    // One task on each node: when one is gone, Swarm has no place for its task.
    stage
        .create_as("web", |spec| {
            *replicas(spec) = Some(2);
            let placement = TaskSpecPlacement { max_replicas: Some(1), ..TaskSpecPlacement::default() };
            spec.task_template.as_mut().unwrap().placement = Some(placement);
        })
        .await;
    stage.until("web", |seen| seen.target.ready == 2).await;
    let seen = stage.look().await;
    assert_eq!(seen.targets[0].target.zones, ["east"]);
    let node = node(&seen.nodes, &east);
    assert_eq!((node.zone.as_str(), node.ready, node.schedulable), ("east", true, true));
    assert!(node.capacity.cpu_millis.is_some() && node.free.memory_bytes.is_some());

    stage.availability(&east, Availability::PAUSE).await;
    stage.until_seen(|seen| node_takes_none(&seen.nodes, &east)).await;
    assert_eq!(stage.observe("web").await.target.ready, 2, "what runs there goes on");
    stage.availability(&east, Availability::ACTIVE).await;

    other.kill();
    stage.until("web", |seen| of_phase(seen, Phase::Lost) == 1).await;
    let seen = stage.look().await;
    let gone = seen.nodes.iter().find(|node| node.id == east).unwrap();
    assert!(!gone.ready && !gone.schedulable, "{gone:?}");
    let seen = &seen.targets[0];
    assert_eq!((seen.target.desired, seen.target.ready), (2, 1));
    let lost = seen.instances.iter().find(|one| one.phase == Phase::Lost).unwrap();
    assert_eq!(lost.node.as_deref(), Some(east.as_str()));
    let hold = Proposal { kind: ProposalKind::Hold, ..Proposal::default() };
    let ruling = stage.rules("web", "hold", hold).await;
    assert!(ruling.decision.is_none(), "{ruling:?}");

    // A count below it is done, though nobody can tell what has become of the task on the other node.
    let down = stage.count("web", 1, "down").await;
    stage.done(&down, Step::SetCount).await;

    other.start_again().await;
    stage.until_seen(|seen| seen.nodes.iter().all(|node| node.ready)).await;
    stage.until("web", |seen| seen.target.total == 1 && seen.target.ready == 1).await;
    stage.availability(&east, Availability::DRAIN).await;
    stage.until_seen(|seen| node_takes_none(&seen.nodes, &east)).await;
}

/// A manager, and a worker that has joined it.
async fn two(test: &str) -> Option<(Stage, Engine)> {
    let (first, second) = (Engine::start(test).await?, Engine::start(test).await?);
    first.wire(&second, "192.168.77.1/24", "192.168.77.2/24");
    second.import("worker:1").await;
    let stage = Stage::of(first, "192.168.77.1").await;
    let swarm = stage.engine.client().inspect_swarm().await.unwrap();
    let request = SwarmJoinRequest {
        listen_addr: Some("192.168.77.2:2377".to_owned()),
        advertise_addr: Some("192.168.77.2".to_owned()),
        remote_addrs: Some(vec!["192.168.77.1:2377".to_owned()]),
        join_token: swarm.join_tokens.unwrap().worker,
        ..SwarmJoinRequest::default()
    };
    second.client().join_swarm(request).await.unwrap();
    Some((stage, second))
}

/// The id of the node that is not the manager.
async fn other_node(stage: &Stage) -> String {
    let nodes = stage.engine.client().list_nodes(None::<bollard::query_parameters::ListNodesOptions>).await.unwrap();
    nodes.into_iter().find(|node| node.manager_status.is_none()).unwrap().id.unwrap()
}

fn node<'n>(nodes: &'n [Node], id: &str) -> &'n Node {
    nodes.iter().find(|node| node.id == id).unwrap()
}

fn node_takes_none(nodes: &[Node], id: &str) -> bool {
    let node = node(nodes, id);
    node.ready && !node.schedulable
}

fn of_phase(seen: &ObservedTarget, phase: Phase) -> usize {
    seen.instances.iter().filter(|one| one.phase == phase).count()
}

impl Stage {
    async fn zone(&self, node: &str, zone: &str) {
        let labels = HashMap::from([("zone".to_owned(), zone.to_owned())]);
        self.change_node(node, |spec| spec.labels = Some(labels)).await;
    }

    async fn availability(&self, node: &str, availability: Availability) {
        self.change_node(node, |spec| spec.availability = Some(availability)).await;
    }

    async fn change_node(&self, id: &str, change: impl FnOnce(&mut bollard::models::NodeSpec)) {
        let client = self.engine.client();
        let node = client.inspect_node(id).await.unwrap();
        let mut spec = node.spec.unwrap();
        change(&mut spec);
        let version = i64::try_from(node.version.unwrap().index.unwrap()).unwrap();
        client.update_node(id, spec, UpdateNodeOptions { version }).await.unwrap();
    }
}
