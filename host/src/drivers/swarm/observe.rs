//! What a manager tells, in our words.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{
    EndpointPortConfigPublishModeEnum as PublishMode, Node as SwarmNode, NodeSpecAvailabilityEnum as Availability,
    NodeState, Service, Task, TaskState,
};

use super::SwarmConfig;
use super::engine::Seen;
use super::progress::{has_ended, is_wanted, state};
use super::size::{self, Size};
use crate::drivers::{Observation, ObservedTarget};
use crate::snapshot::{
    Abilities, Container, Instance, Inventory, Limits, Node, Phase, ResizeAbility, Resources, Target, TargetId,
    VictimAbility,
};

/// Most tasks of one service: beyond it a manager itself is in trouble.
const REPLICAS_MAX: u32 = 100_000;

/// What the handle of an instance begins with; behind it is the container's id.
pub(super) const CONTAINER: &str = "docker:";

/// The nodes, by Swarm's id for them.
type Nodes<'a> = HashMap<&'a str, &'a SwarmNode>;

/// Everything of one look.
pub(super) fn observation(driver: &str, config: &SwarmConfig, seen: &Seen) -> Observation {
    let nodes: Nodes<'_> = seen.nodes.iter().filter_map(|node| Some((node.id.as_deref()?, node))).collect();
    let mut tasks: HashMap<&str, Vec<&Task>> = HashMap::new();
    for task in &seen.tasks {
        tasks.entry(task.service_id.as_deref().unwrap_or_default()).or_default().push(task);
    }
    let mut observation = Observation::default();
    for service in &seen.services {
        let id = service.id.as_deref().unwrap_or_default();
        let own = tasks.get(id).map(Vec::as_slice).unwrap_or_default();
        match target(driver, config, service, own, &nodes) {
            Ok(Some(mut target)) => {
                if let Some((_, why)) = seen.unread.tasks.iter().find(|(service, _)| service == id) {
                    target.inventory = Inventory::Partial { why: format!("a task could not be read: {why}") };
                }
                observation.targets.push(target);
            }
            // There is no count to set.
            Ok(None) => {}
            Err((name, why)) => observation.unreadable.push((format!("{driver}/{name}"), why)),
        }
    }
    let unread = seen.unread.services.iter().map(|(name, why)| (format!("{driver}/{name}"), why.clone()));
    observation.unreadable.extend(unread);
    let unread = seen.unread.nodes.iter().map(|(name, why)| (format!("node {name}"), why.clone()));
    observation.unreadable.extend(unread);
    observation.targets.sort_by(|a, b| a.target.id.cmp(&b.target.id));
    observation.nodes = seen.nodes.iter().filter_map(|node| of_node(config, node, &seen.tasks)).collect();
    observation.nodes.sort_by(|a, b| a.id.cmp(&b.id));
    observation
}

/// Why a service is left alone, though nothing is wrong with it; `None`: it is not.
pub(super) fn left_alone(service: &Service) -> Option<&'static str> {
    let mode = service.spec.as_ref()?.mode.as_ref()?;
    if mode.global.is_some() {
        Some("it is in global mode: Swarm runs one task on each node")
    } else if mode.replicated_job.is_some() || mode.global_job.is_some() {
        Some("it is a job: its tasks end by themselves")
    } else {
        None
    }
}

fn target(
    driver: &str,
    config: &SwarmConfig,
    service: &Service,
    tasks: &[&Task],
    nodes: &Nodes<'_>,
) -> Result<Option<ObservedTarget>, (String, String)> {
    let by_id = || service.id.clone().unwrap_or_else(|| "a service".to_owned());
    let spec = service.spec.as_ref().ok_or_else(|| (by_id(), "it has no specification".to_owned()))?;
    let name = spec.name.clone().ok_or_else(|| (by_id(), "it has no name".to_owned()))?;
    if left_alone(service).is_some() {
        return Ok(None);
    }
    let replicated = spec.mode.as_ref().and_then(|mode| mode.replicated.as_ref());
    let replicated = replicated.ok_or_else(|| (name.clone(), "its mode is none that this host knows".to_owned()))?;
    // Left out where it is zero.
    let desired = u32::try_from(replicated.replicas.unwrap_or(0))
        .map_err(|_| (name.clone(), format!("a count of {:?} is none", replicated.replicas)))?;
    let id = TargetId::new(driver, &name).map_err(|error| (name.clone(), error.to_string()))?;
    let size = Size::of(spec.task_template.as_ref());
    let instances = instances(config, &name, desired, tasks, nodes);
    let count = |test: &dyn Fn(&Instance) -> bool| {
        u32::try_from(instances.iter().filter(|instance| test(instance)).count()).unwrap_or(u32::MAX)
    };
    let mut zones: Vec<String> = instances.iter().filter_map(|instance| instance.zone.clone()).collect();
    zones.sort_unstable();
    zones.dedup();
    let target = Target {
        id,
        kind: "service".to_owned(),
        zones,
        labels: spec.labels.clone().unwrap_or_default().into_iter().collect::<BTreeMap<_, _>>(),
        desired,
        total: count(&|_| true),
        ready: count(&|instance| instance.phase == Phase::Ready),
        containers: vec![Container { name: "main".to_owned(), requests: size.requests, limits: size.limits }],
        abilities: Abilities {
            victims: VictimAbility::None,
            resize: ResizeAbility::Recreate,
            supersede: true,
            kinds: ["scale", "resize"].map(str::to_owned).to_vec(),
            sizes: Vec::new(),
        },
        limits: Limits {
            replicas_min: 0,
            replicas_max: REPLICAS_MAX,
            least: Resources::default(),
            most: Resources::default(),
        },
    };
    Ok(Some(ObservedTarget { target, instances, inventory: Inventory::Complete, back_off_until_ms: None }))
}

// --------------------------------------------------------------------------------------------------------------- instances

/// The tasks that matter: those that are wanted, those that still end, and of each slot the last, if it failed.
fn instances(config: &SwarmConfig, service: &str, desired: u32, tasks: &[&Task], nodes: &Nodes<'_>) -> Vec<Instance> {
    let mut slots: BTreeMap<i64, Vec<&Task>> = BTreeMap::new();
    for task in tasks {
        slots.entry(task.slot.unwrap_or_default()).or_default().push(task);
    }
    // Where every task that is asked for is there or on its way, what has ended is of slots that are no more.
    let lives = |slot: &&Vec<&Task>| slot.iter().any(|task| is_wanted(task) && !has_ended(state(task)));
    let whole = u32::try_from(slots.values().filter(lives).count()).unwrap_or(u32::MAX) >= desired;
    let mut instances = Vec::new();
    for mut slot in slots.into_values() {
        // Times of equal form, so their texts are in their order.
        slot.sort_by(|a, b| a.created_at.cmp(&b.created_at));
        let last = slot.last().and_then(|task| task.id.as_deref());
        let failed = slot.iter().filter(|task| matches!(state(task), TaskState::FAILED | TaskState::REJECTED)).count();
        for task in &slot {
            let is_last = task.id.as_deref() == last;
            let Some(phase) = phase(task, is_last, nodes) else { continue };
            if whole && has_ended(state(task)) {
                continue;
            }
            // Swarm starts a failed task anew as another one of the same slot, and remembers a few of those before.
            let before = failed.saturating_sub(usize::from(phase == Phase::Failed));
            let restarts = if is_last { u32::try_from(before).unwrap_or(u32::MAX) } else { 0 };
            instances.extend(instance(config, service, task, phase, restarts, nodes));
        }
    }
    instances.sort_by(|a, b| a.id.cmp(&b.id));
    instances
}

fn instance(
    config: &SwarmConfig,
    service: &str,
    task: &Task,
    phase: Phase,
    restarts: u32,
    nodes: &Nodes<'_>,
) -> Option<Instance> {
    let id = task.id.clone()?;
    let size = Size::of(task.spec.as_ref());
    let node = task.node_id.as_deref().and_then(|id| nodes.get(id)).copied();
    let status = task.status.as_ref();
    let container = status.and_then(|status| status.container_status.as_ref());
    let handle = container.and_then(|container| container.container_id.clone()).filter(|handle| !handle.is_empty());
    // As the source `docker` knows containers.
    let handle = handle.map(|container| format!("{CONTAINER}{container}"));
    Some(Instance {
        name: format!("{service}.{}", task.slot.unwrap_or_default()),
        node: task.node_id.clone().filter(|id| !id.is_empty()),
        zone: node.and_then(|node| zone(config, node)),
        phase,
        started_ms: status.filter(|_| phase == Phase::Ready).and_then(|status| time_ms(status.timestamp.as_deref()?)),
        restarts,
        requests: size.requests,
        limits: size.limits,
        usage: Resources::default(),
        memory_peak_bytes: None,
        protected: false,
        address: node.and_then(|node| address_on(task, node)),
        handle,
        made_by: None,
        id,
    })
}

/// Where a task stands in its life; `None` if it is history.
fn phase(task: &Task, is_last: bool, nodes: &Nodes<'_>) -> Option<Phase> {
    let state = state(task);
    let node_state = task
        .node_id
        .as_deref()
        .and_then(|id| nodes.get(id))
        .and_then(|node| node.status.as_ref())
        .and_then(|status| status.state);
    let runs = !has_ended(state) && state >= TaskState::ASSIGNED;
    Some(match state {
        TaskState::FAILED | TaskState::REJECTED if is_last => Phase::Failed,
        TaskState::ORPHANED if is_last => Phase::Lost,
        TaskState::COMPLETE if is_last && is_wanted(task) => Phase::Stopped,
        _ if has_ended(state) => return None,
        // What a node that is down does is not known, whatever its tasks were told.
        _ if runs && node_state == Some(NodeState::DOWN) => Phase::Lost,
        _ if !is_wanted(task) => Phase::Stopping,
        // A manager that has just begun has not heard of all nodes yet.
        _ if runs && matches!(node_state, Some(NodeState::UNKNOWN | NodeState::DISCONNECTED)) => Phase::Unknown,
        // Swarm calls a task running once its health check has passed; one that fails it is ended.
        TaskState::RUNNING => Phase::Ready,
        state if state >= TaskState::ACCEPTED => Phase::Starting,
        _ => Phase::Pending,
    })
}

/// Where a task is reached: on its node, where it publishes a port in host mode. Behind Swarm's own balancer it has no address
/// of its own.
pub(super) fn address(task: &Task, nodes: &[SwarmNode]) -> Option<String> {
    let node = nodes.iter().find(|node| node.id.is_some() && node.id == task.node_id)?;
    address_on(task, node)
}

fn address_on(task: &Task, node: &SwarmNode) -> Option<String> {
    let ports = task.status.as_ref()?.port_status.as_ref()?.ports.as_ref()?;
    let port = ports.iter().find(|port| port.publish_mode == Some(PublishMode::HOST))?.published_port?;
    let host = node.status.as_ref()?.addr.as_deref().filter(|host| !host.is_empty())?;
    Some(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
}

fn time_ms(text: &str) -> Option<u64> {
    let time: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(time.as_millisecond()).ok()
}

// ------------------------------------------------------------------------------------------------------------------- nodes

fn of_node(config: &SwarmConfig, node: &SwarmNode, tasks: &[Task]) -> Option<Node> {
    let id = node.id.clone()?;
    let ready = node.status.as_ref().and_then(|status| status.state) == Some(NodeState::READY);
    let availability = node.spec.as_ref().and_then(|spec| spec.availability);
    let has = node.description.as_ref().and_then(|description| description.resources.as_ref());
    let capacity = has.map(|has| size::from(has.nano_cpus, has.memory_bytes)).unwrap_or_default();
    let mut free = capacity;
    let there = tasks.iter().filter(|task| task.node_id.as_ref() == Some(&id) && !has_ended(state(task)));
    for asked in there.map(|task| Size::of(task.spec.as_ref()).requests) {
        free.cpu_millis = less(free.cpu_millis, asked.cpu_millis);
        free.memory_bytes = less(free.memory_bytes, asked.memory_bytes);
    }
    Some(Node {
        zone: zone(config, node).unwrap_or_default(),
        ready,
        schedulable: ready && matches!(availability, Some(Availability::ACTIVE)),
        capacity,
        free,
        id,
    })
}

/// What is not set aside. What is not known stays so.
fn less(free: Option<u64>, asked: Option<u64>) -> Option<u64> {
    free.map(|free| free.saturating_sub(asked.unwrap_or(0)))
}

fn zone(config: &SwarmConfig, node: &SwarmNode) -> Option<String> {
    node.spec.as_ref()?.labels.as_ref()?.get(&config.zone_label).cloned()
}
