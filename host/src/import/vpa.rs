//! Kubernetes' VerticalPodAutoscaler: `percentile-rightsizing` within the bounds of CPU and memory.
//!
//! From the API reference of `autoscaling.k8s.io/v1`.

use super::draft::{Draft, Policy};
use super::fields::{Field, Fields};
use super::kubernetes::{self, Kind, Object, Scaled, quantity};
use super::sizes::{self, Figures};
use super::{Choices, Outcome, REPLICAS_MAX, promql, toml_text};

pub(super) const KIND: Kind = Kind {
    word: "VerticalPodAutoscaler",
    versions: &["autoscaling.k8s.io/v1", "autoscaling.k8s.io/v1beta2"],
    beyond: &[],
};

const POLICY: &str = "percentile-rightsizing";
/// All containers that have no policy of their own.
const ANY_CONTAINER: &str = "*";

/// One of `containerPolicies`.
struct ContainerPolicy<'a> {
    /// Where it stands; `None` for the one that stands for no policies at all.
    field: Option<Field<'a>>,
    container: String,
    is_off: bool,
    cpu: Figures,
    memory: Figures,
    ignore: Vec<&'static str>,
    requests_only: bool,
}

impl ContainerPolicy<'_> {
    fn of_all() -> Self {
        Self {
            field: None,
            container: ANY_CONTAINER.to_owned(),
            is_off: false,
            cpu: Figures::default(),
            memory: Figures::default(),
            ignore: Vec::new(),
            requests_only: false,
        }
    }
}

pub(super) fn import(object: &Object<'_>, choices: &Choices) -> Option<Draft> {
    let spec = object.root.need("spec", "give the whole object")?.map()?;
    let scaled = Scaled::read(&spec.need("targetRef", "say what is sized")?)?;
    let mut draft = kubernetes::draft(object, &scaled, choices);
    sizes::put_any_replicas(&mut draft);
    draft.set_with("every", "\"1m\"", "the VPA's recommender looks once a minute");
    if let Some(field) = spec.get("updatePolicy") {
        put_update_policy(&field, &mut draft);
    }
    let resources = spec.get("resourcePolicy");
    let policies = resources.as_ref().map_or_else(|| vec![ContainerPolicy::of_all()], container_policies);
    if let Some(field) = spec.get("recommenders") {
        let remedy = "set its percentiles and margins as parameters of percentile-rightsizing";
        field.lost("another recommender decides by rules of its own", remedy);
    }
    spec.finish();
    object.finish(&[]);
    put_policies(&policies, resources.as_ref(), object, &scaled, choices, &mut draft);
    if !draft.has_policies() {
        object.root.get("spec")?.refused("no container is left to size", "every container has mode Off");
        return None;
    }
    Some(draft)
}

fn put_update_policy(field: &Field<'_>, draft: &mut Draft) {
    let Some(map) = field.map() else { return };
    if let Some(mode) = map.get("updateMode") {
        match mode.text().as_deref() {
            Some("Off") => {
                mode.carried("mode = \"dry-run\"");
                draft.set_with("mode", "\"dry-run\"", "updateMode Off: it recommends only");
            }
            Some("Initial") => {
                let remedy = "set mode = \"act\" where instances that run may be resized";
                mode.changed("mode = \"dry-run\": figures are not set at the start of an instance alone", remedy);
                draft.set_with("mode", "\"dry-run\"", "updateMode Initial has no like");
            }
            Some("Auto" | "Recreate") => mode.changed(
                "mode = \"act\": whether a resize makes instances anew is the backend's ability",
                "see what `trimtab target show` says of resizing",
            ),
            Some("InPlaceOrRecreate") => mode.carried("mode = \"act\": resized live where the backend can"),
            _ => mode.lost("is not a mode of a VPA", "write Off, Initial, Recreate, InPlaceOrRecreate or Auto"),
        }
    }
    if let Some(least) = map.get("minReplicas")
        && let Some(count) = least.whole(0..=REPLICAS_MAX)
    {
        let what =
            format!("ready_min = {count}: as many stay ready through actions on single ones; a resize is not such");
        least.changed(what, "set mode = \"dry-run\" for targets with fewer replicas");
        draft.set("ready_min", count.to_string());
    }
    if let Some(requirements) = map.get("evictionRequirements") {
        let remedy = "set resize_step: up or down as small as wanted";
        requirements.lost("a resize is not bound to one direction", remedy);
    }
    map.finish();
}

fn container_policies<'a>(field: &Field<'a>) -> Vec<ContainerPolicy<'a>> {
    let Some(map) = field.map() else { return vec![ContainerPolicy::of_all()] };
    let listed = map.get("containerPolicies").and_then(|field| field.list()).unwrap_or_default();
    map.finish();
    let mut policies: Vec<ContainerPolicy<'a>> = listed.iter().filter_map(container_policy).collect();
    if policies.is_empty() {
        policies.push(ContainerPolicy::of_all());
    }
    policies
}

fn container_policy<'a>(field: &Field<'a>) -> Option<ContainerPolicy<'a>> {
    let map = field.map()?;
    let mut policy = ContainerPolicy { field: Some(field.clone()), ..ContainerPolicy::of_all() };
    policy.container = map.text("containerName").unwrap_or_else(|| ANY_CONTAINER.to_owned());
    policy.is_off = map.text("mode").as_deref() == Some("Off");
    let (mut cpu, mut memory) = (Figures::default(), Figures::default());
    for (key, is_min) in [("minAllowed", true), ("maxAllowed", false)] {
        let Some(allowed) = map.get(key).and_then(|field| field.map()) else { continue };
        let side = |figures: &mut Figures, found| if is_min { figures.min = found } else { figures.max = found };
        side(&mut cpu, figure(&allowed, "cpu", sizes::millicores));
        side(&mut memory, figure(&allowed, "memory", sizes::bytes));
        allowed.finish();
    }
    (policy.cpu, policy.memory) = (cpu, memory);
    if let Some(field) = map.get("controlledResources") {
        let listed: Vec<String> = field.list()?.iter().filter_map(|item| item.node.as_written()).collect();
        let ignored = ["cpu", "memory"].into_iter().filter(|word| !listed.iter().any(|one| one == word));
        policy.ignore = ignored.collect();
        field.carried(format!("ignore = {}", toml_text::texts(&strings(&policy.ignore))));
    }
    if let Some(field) = map.get("controlledValues") {
        match field.text().as_deref() {
            Some("RequestsOnly") => policy.requests_only = true,
            Some("RequestsAndLimits") => {}
            _ => field.lost("is neither RequestsAndLimits nor RequestsOnly", "correct the input"),
        }
        field.carried(if policy.requests_only { "limits = \"none\"" } else { "limits = \"keep\"" });
    }
    map.finish();
    // With nothing to control it is off.
    policy.is_off |= policy.ignore.len() == 2;
    Some(policy)
}

fn figure(allowed: &Fields<'_>, key: &str, read: fn(f64) -> Option<u64>) -> Option<u64> {
    let field = allowed.get(key)?;
    let found = read(quantity(&field)?);
    if found.is_none() {
        field.lost("is not above zero, or implausibly large", "correct the input");
    }
    found
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// One policy for each container, and bounds that hold for all of them.
fn put_policies(
    policies: &[ContainerPolicy<'_>],
    field: Option<&Field<'_>>,
    object: &Object<'_>,
    scaled: &Scaled,
    choices: &Choices,
    draft: &mut Draft,
) {
    let off: Vec<&str> =
        policies.iter().filter(|policy| policy.is_off).map(|policy| policy.container.as_str()).collect();
    let sized: Vec<&ContainerPolicy<'_>> = policies.iter().filter(|policy| !policy.is_off).collect();
    let cpu = widest(&sized, "cpu", |policy| policy.cpu);
    let memory = widest(&sized, "memory", |policy| policy.memory);
    sizes::put_bounds(draft, cpu, memory);
    for policy in &sized {
        tell_bounds(policy, cpu, memory);
    }
    if policies.iter().any(|policy| policy.container == ANY_CONTAINER && !policy.is_off) {
        let (ledger, place) = (object.root.ledger(), object.place());
        let what = "sizes the only container; where there are several the policy abstains";
        let remedy = "name the container in `container`, and write one policy for each where there are several";
        ledger.put(place, Outcome::Changed, "spec.resourcePolicy", what, remedy);
    }
    if let Some(field) = field.filter(|_| !off.is_empty()) {
        field.carried(format!("containers with mode Off have no policy: {}", off.join(", ")));
    }
    for policy in sized {
        let written = policy_of(policy, object, scaled, choices, draft);
        draft.policy(written);
    }
}

/// Bounds hold for every container of a target, and so are as wide as the widest.
fn widest(sized: &[&ContainerPolicy<'_>], dimension: &str, of: fn(&ContainerPolicy<'_>) -> Figures) -> Figures {
    let sizing = sized.iter().filter(|policy| !policy.ignore.contains(&dimension));
    sizing.map(|policy| of(policy)).reduce(Figures::joined).unwrap_or_default()
}

fn tell_bounds(policy: &ContainerPolicy<'_>, cpu: Figures, memory: Figures) {
    let Some(field) = &policy.field else { return };
    let sides = [
        ("minAllowed.cpu", policy.cpu.min, cpu.min),
        ("minAllowed.memory", policy.memory.min, memory.min),
        ("maxAllowed.cpu", policy.cpu.max, cpu.max),
        ("maxAllowed.memory", policy.memory.max, memory.max),
    ];
    let told = |kept: bool| {
        let words: Vec<&str> = sides
            .iter()
            .filter(|(_, own, joined)| own.is_some() && (own == joined) == kept)
            .map(|(word, ..)| *word)
            .collect();
        words.join(", ")
    };
    let (kept, lost) = (told(true), told(false));
    if !kept.is_empty() {
        field.carried(format!("bounds of the binding: {kept}"));
    }
    if !lost.is_empty() {
        let what = format!("bounds hold for every container of a target, and another one has wider ones: {lost}");
        field.lost(what, "narrow `cpu` and `memory` by hand");
    }
}

fn policy_of(
    policy: &ContainerPolicy<'_>,
    object: &Object<'_>,
    scaled: &Scaled,
    choices: &Choices,
    draft: &mut Draft,
) -> Policy {
    let named = Some(policy.container.as_str()).filter(|container| *container != ANY_CONTAINER);
    let pods = promql::pods(&object.namespace, scaled);
    let suffix = named.map_or_else(String::new, |container| format!("_{}", promql::metric(container)));
    let mut written = Policy::new(POLICY);
    if let Some(container) = named {
        written = written.slot(format!("size-{}", promql::metric(container)));
        written.param("container", toml_text::text(container));
    }
    let readings = [
        ("cpu", "cpu_millicores", "cpu_reading", promql::cpu_by_pod(&pods, named)),
        ("memory", "memory_bytes", "memory_reading", promql::memory_by_pod(&pods, named)),
    ];
    for (word, name, key, query) in readings {
        if policy.ignore.contains(&word) {
            continue;
        }
        let reading = draft.reading(sizes::of_pods(&format!("{name}{suffix}"), query, choices));
        if reading != name {
            written.param(key, toml_text::text(&reading));
        }
    }
    if !policy.ignore.is_empty() {
        written.param("ignore", toml_text::texts(&strings(&policy.ignore)));
    }
    if policy.requests_only {
        written.param("limits", toml_text::text("none"));
    }
    written
}
