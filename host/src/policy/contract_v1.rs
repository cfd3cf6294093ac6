//! Contract 0.1.0: the only file that knows its WIT types. A later contract gets a file of its own.

use wasmtime::Store;

use self::wit::trimtab::policy::types as wire;
use super::manifest::{Manifest, Need, NeedKind, ParamKind, ParamSpec, ParamValue};
use super::output::RawAnswer;
use super::project::{Columns, View};
use super::proposal::{Answer, AttrValue, ContainerResources, Proposal, ProposalKind, Refusal, RefusalKind, Verdict};
use crate::sandbox::{GuestState, World};
use crate::snapshot::{self, ResizeAbility, Snapshot, VictimAbility};

mod wit {
    wasmtime::component::bindgen!({
        path: "../wit/v1",
        world: "policy",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

/// A component whose exports were looked up and checked against the contract.
pub(super) type Pre = wit::PolicyPre<GuestState>;
/// One instance.
pub(super) type Instance = wit::Policy;

/// The contract's version, as in the names of exports.
pub(super) const VERSION: &str = "0.1.0";

/// What a component of this contract exports, for the sandbox to check and to encode core modules by.
pub(super) fn world() -> World {
    World {
        package: "trimtab:policy".into(),
        name: "policy".into(),
        interface: "decide".into(),
        version: VERSION.into(),
        wit: include_str!("../../../wit/v1/policy.wit").into(),
    }
}

/// Asks what a policy is; still to be checked.
pub(super) fn describe(store: &mut Store<GuestState>, instance: &Instance) -> wasmtime::Result<RawManifest> {
    instance.trimtab_policy_decide().call_describe(store).map(RawManifest)
}

/// What a policy says of itself, unchecked.
#[derive(Debug)]
pub(super) struct RawManifest(wire::Manifest);

impl RawManifest {
    /// Our own form.
    ///
    /// # Errors
    /// Where a parameter is of a kind that this host does not know.
    pub(super) fn into_manifest(self) -> Result<Manifest, String> {
        let manifest = self.0;
        Ok(Manifest {
            name: manifest.name,
            version: manifest.version,
            summary: manifest.summary,
            contract: VERSION.to_owned(),
            parameters: manifest.parameters.into_iter().map(parameter).collect::<Result<_, _>>()?,
            kinds: manifest.kinds.into_iter().map(ProposalKind::from).collect(),
            memory_bytes: manifest.memory_bytes,
            memory_format: manifest.memory_format,
        })
    }
}

fn parameter(parameter: wire::Parameter) -> Result<ParamSpec, String> {
    let Some(kind) = ParamKind::of(&parameter.kind) else {
        return Err(format!(
            "parameter {:?} is of kind {:?}, which this host does not know",
            parameter.name, parameter.kind
        ));
    };
    Ok(ParamSpec {
        name: parameter.name,
        kind,
        default: param_value(parameter.default),
        required: parameter.required,
        min: parameter.min,
        max: parameter.max,
        choices: parameter.choices,
        schema: parameter.schema,
        doc: parameter.doc,
    })
}

fn param_value(value: wire::ParamValueResult) -> ParamValue {
    use wire::ParamValueResult as Wire;
    match value {
        Wire::Unset => ParamValue::Unset,
        Wire::Flag(flag) => ParamValue::Flag(flag),
        Wire::Int(int) => ParamValue::Int(int),
        Wire::Num(num) => ParamValue::Num(num),
        Wire::Text(text) => ParamValue::Text(text),
        Wire::DurationMs(ms) => ParamValue::DurationMs(ms),
        Wire::Flags(flags) => ParamValue::Flags(flags),
        Wire::Ints(ints) => ParamValue::Ints(ints),
        Wire::Nums(nums) => ParamValue::Nums(nums),
        Wire::Texts(texts) => ParamValue::Texts(texts),
        Wire::DurationsMs(ms) => ParamValue::DurationsMs(ms),
        Wire::Json(text) => ParamValue::Json(text),
    }
}

/// Parameters in the form in which they cross. Lists of texts need a list of references, which this holds.
#[derive(Debug)]
pub(super) struct Params<'a> {
    values: &'a [ParamValue],
    /// The texts of each list of texts, in the order of the parameters.
    texts: Vec<Vec<&'a str>>,
}

impl<'a> Params<'a> {
    pub(super) fn new(values: &'a [ParamValue]) -> Self {
        let texts = values.iter().filter_map(|value| match value {
            ParamValue::Texts(texts) => Some(texts.iter().map(String::as_str).collect()),
            _ => None,
        });
        Self { values, texts: texts.collect() }
    }

    fn wire(&self) -> Vec<wire::ParamValueParam<'_>> {
        use wire::ParamValueParam as Wire;
        let mut texts = self.texts.iter();
        let wire = self.values.iter().map(|value| match value {
            ParamValue::Unset => Wire::Unset,
            ParamValue::Flag(flag) => Wire::Flag(*flag),
            ParamValue::Int(int) => Wire::Int(*int),
            ParamValue::Num(num) => Wire::Num(*num),
            ParamValue::Text(text) => Wire::Text(text),
            ParamValue::DurationMs(ms) => Wire::DurationMs(*ms),
            ParamValue::Flags(flags) => Wire::Flags(flags),
            ParamValue::Ints(ints) => Wire::Ints(ints),
            ParamValue::Nums(nums) => Wire::Nums(nums),
            ParamValue::Texts(_) => Wire::Texts(texts.next().map_or(&[], Vec::as_slice)),
            ParamValue::DurationsMs(ms) => Wire::DurationsMs(ms),
            ParamValue::Json(text) => Wire::Json(text),
        });
        wire.collect()
    }
}

/// Asks what a policy wants, given its parameters. The inner error is its refusal; kinds are still words.
pub(super) fn needs(
    store: &mut Store<GuestState>,
    instance: &Instance,
    params: &Params<'_>,
) -> wasmtime::Result<Result<RawNeeds, Refusal>> {
    let answer = instance.trimtab_policy_decide().call_needs(store, &params.wire())?;
    Ok(answer.map(RawNeeds).map_err(refusal))
}

/// What a policy wants, unchecked.
#[derive(Debug)]
pub(super) struct RawNeeds(Vec<wire::Need>);

impl RawNeeds {
    /// Our own form.
    ///
    /// # Errors
    /// The first kind of need that this host does not know.
    pub(super) fn into_needs(self) -> Result<Vec<Need>, String> {
        let need = |need: wire::Need| {
            Ok(Need {
                kind: NeedKind::of(&need.kind).ok_or(need.kind)?,
                name: need.name,
                subject: need.subject.into(),
                unit: need.unit,
                look_back_ms: need.look_back_ms,
                step_ms: need.step_ms,
                required: need.required,
            })
        };
        self.0.into_iter().map(need).collect()
    }
}

/// Asks for an answer.
pub(super) fn evaluate(
    store: &mut Store<GuestState>,
    instance: &Instance,
    snapshot: &Snapshot,
    view: &View<'_>,
    columns: &Columns,
    params: &Params<'_>,
    memory: &[u8],
) -> wasmtime::Result<RawAnswer> {
    let target = &snapshot.target;
    let (zones, kinds) = (texts(&target.zones), texts(&target.abilities.kinds));
    let sizes: Vec<_> = target.abilities.sizes.iter().map(size).collect();
    let containers: Vec<_> = target.containers.iter().map(container).collect();
    let pending = snapshot.in_flight.as_ref().map_or_else(Vec::new, |change| texts(&change.pending));
    let instances: Vec<_> = view
        .instances
        .iter()
        .enumerate()
        .map(|(index, one)| self::instance(one, view.instance_nodes.get(index).copied().flatten()))
        .collect();
    let nodes: Vec<_> = view.nodes.iter().map(node).collect();
    let alert_labels: Vec<Vec<(&str, &str)>> = view.alerts.iter().map(|alert| pairs(&alert.labels)).collect();
    let alerts: Vec<_> = view.alerts.iter().zip(&alert_labels).map(|(one, labels)| alert(one, labels)).collect();
    let changes: Vec<_> = view.changes.iter().map(change).collect();
    let transitions: Vec<_> = view.transitions.iter().map(zone_transitions).collect();
    let params = params.wire();
    let wire = wire::Snapshot {
        now_ms: snapshot.now_ms,
        target: wire::Target {
            id: target.id.as_str(),
            backend: target.id.driver(),
            kind: &target.kind,
            zones: &zones,
            labels: &view.labels,
            desired: target.desired,
            total: target.total,
            ready: target.ready,
            containers: &containers,
            abilities: abilities(&target.abilities, &kinds, &sizes),
            limits: wire::Limits {
                replicas_min: target.limits.replicas_min,
                replicas_max: target.limits.replicas_max,
                least: resources(target.limits.least),
                most: resources(target.limits.most),
                attrs: &[],
            },
            attrs: &[],
        },
        in_flight: snapshot.in_flight.as_ref().map(|change| in_flight(change, &pending, snapshot.now_ms)),
        instances: &instances,
        nodes: &nodes,
        readings: readings(columns, view),
        alerts: &alerts,
        changes: &changes,
        transitions: &transitions,
        params: &params,
        memory,
        attrs: &[],
    };
    instance.trimtab_policy_decide().call_evaluate(store, wire).map(raw_answer)
}

fn texts(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

fn pairs(map: &std::collections::BTreeMap<String, String>) -> Vec<(&str, &str)> {
    map.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn resources(resources: snapshot::Resources) -> wire::Resources {
    wire::Resources { cpu_millis: resources.cpu_millis, memory_bytes: resources.memory_bytes }
}

fn size(size: &snapshot::Size) -> wire::Size<'_> {
    let resources = resources(size.resources);
    wire::Size { class: &size.class, resources, price_per_hour: size.price_per_hour, attrs: &[] }
}

fn container(container: &snapshot::Container) -> wire::Container<'_> {
    wire::Container {
        name: &container.name,
        requests: resources(container.requests),
        limits: resources(container.limits),
        attrs: &[],
    }
}

fn abilities<'a>(
    abilities: &snapshot::Abilities,
    kinds: &'a [&'a str],
    sizes: &'a [wire::Size<'a>],
) -> wire::Abilities<'a> {
    wire::Abilities {
        victims: match abilities.victims {
            VictimAbility::None => 0,
            VictimAbility::Hint => 1,
            VictimAbility::Exact => 2,
        },
        resize: match abilities.resize {
            ResizeAbility::None => 0,
            ResizeAbility::Live => 1,
            ResizeAbility::Recreate => 2,
        },
        kinds,
        sizes,
        attrs: &[],
    }
}

fn in_flight<'a>(change: &'a snapshot::InFlight, pending: &'a [&'a str], now_ms: u64) -> wire::InFlight<'a> {
    wire::InFlight {
        kind: &change.kind,
        from_count: change.from_count,
        to_count: change.to_count,
        since_ms: change.since_ms,
        pending,
        stuck: change.is_stuck(now_ms),
        attrs: &[],
    }
}

fn instance(instance: &snapshot::Instance, node: Option<u32>) -> wire::Instance<'_> {
    wire::Instance {
        id: &instance.id,
        name: &instance.name,
        node,
        phase: instance.phase.number(),
        started_ms: instance.started_ms,
        restarts: instance.restarts,
        requests: resources(instance.requests),
        limits: resources(instance.limits),
        usage: resources(instance.usage),
        protected: instance.protected,
        attrs: &[],
    }
}

fn node(node: &snapshot::Node) -> wire::Node<'_> {
    wire::Node {
        id: &node.id,
        zone: &node.zone,
        ready: node.ready,
        schedulable: node.schedulable,
        capacity: resources(node.capacity),
        free: resources(node.free),
        attrs: &[],
    }
}

fn readings<'a>(columns: &'a Columns, view: &'a View<'a>) -> wire::Readings<'a> {
    wire::Readings {
        needs: &columns.needs,
        owners: &columns.owners,
        freshness: &columns.freshness,
        firsts: &columns.firsts,
        counts: &columns.counts,
        times_ms: &columns.times_ms,
        values: &columns.values,
        text_times_ms: &columns.text_times_ms,
        texts: &view.texts,
        owner_names: &view.owner_names,
        attrs: &[],
    }
}

fn alert<'a>(alert: &'a snapshot::Alert, labels: &'a [(&'a str, &'a str)]) -> wire::Alert<'a> {
    wire::Alert { id: &alert.id, name: &alert.name, since_ms: alert.since_ms, labels, attrs: &[] }
}

fn change(change: &snapshot::Change) -> wire::Change<'_> {
    wire::Change {
        at_ms: change.at_ms,
        kind: &change.kind,
        from_count: change.from_count,
        to_count: change.to_count,
        by: &change.by,
        attrs: &[],
    }
}

fn zone_transitions<'a>(transitions: &super::project::Transitions<'a>) -> wire::ZoneTransitions<'a> {
    wire::ZoneTransitions {
        zone: transitions.zone,
        at_ms: transitions.at_ms,
        offsets_seconds: transitions.offsets_seconds,
        attrs: &[],
    }
}

fn raw_answer(answer: wire::Answer) -> RawAnswer {
    let verdict = match answer.verdict {
        wire::Verdict::Proposals(proposals) => Verdict::Proposals(proposals.into_iter().map(proposal).collect()),
        wire::Verdict::Refused(refused) => Verdict::Refused(refusal(refused)),
    };
    let attrs = answer.attrs.into_iter().map(|(name, value)| (name, attr_value(value))).collect();
    RawAnswer {
        answer: Answer { verdict, memory: answer.memory, notes: answer.notes, attrs: Default::default() },
        attrs,
    }
}

fn proposal(proposal: wire::Proposal) -> Proposal {
    let per_container = |resources: wire::ContainerResources| ContainerResources {
        container: resources.container,
        requests: own_resources(resources.requests),
        limits: own_resources(resources.limits),
    };
    Proposal {
        kind: ProposalKind::from(proposal.kind),
        count: proposal.count,
        at_least: proposal.at_least,
        at_most: proposal.at_most,
        instances: proposal.instances,
        resources: proposal.resources.into_iter().map(per_container).collect(),
        size_class: proposal.size_class,
        placement: proposal.placement,
        group: proposal.group,
        reason: proposal.reason,
    }
}

fn own_resources(resources: wire::Resources) -> snapshot::Resources {
    snapshot::Resources { cpu_millis: resources.cpu_millis, memory_bytes: resources.memory_bytes }
}

fn refusal(refusal: wire::Refusal) -> Refusal {
    Refusal { kind: RefusalKind::from(refusal.kind), text: refusal.text }
}

fn attr_value(value: wire::ValueResult) -> AttrValue {
    match value {
        wire::ValueResult::Int(int) => AttrValue::Int(int),
        wire::ValueResult::Num(num) => AttrValue::Num(num),
        wire::ValueResult::Text(text) => AttrValue::Text(text),
        wire::ValueResult::Flag(flag) => AttrValue::Flag(flag),
    }
}
