//! Whom an alert means: a service by its name, a node by its own.

use trimtab_sdk::Snapshot;
use trimtab_sdk::snapshot::Node;

use crate::Parameters;

/// The labels of aviratna/autoscaling that name a service.
pub(crate) fn labels() -> Vec<String> {
    ["autoscale_service_name", "alert_service_name"].map(str::to_owned).into()
}

/// Whether that service is this target: by its id, by the name in it, or by its label.
pub(crate) fn is_target(service: &str, snapshot: &Snapshot<'_>, parameters: &Parameters) -> bool {
    let id = &snapshot.target().id;
    let by_name = id.split_once('/').is_some_and(|(_, name)| name == service);
    id == service || by_name || snapshot.label(&parameters.service_label) == Some(service)
}

/// The node of that name, which may be given in full where the backend knows its first part.
pub(crate) fn node<'s>(name: &str, snapshot: &'s Snapshot<'_>) -> Option<(u32, &'s Node)> {
    let short = name.split('.').next();
    let nodes = || (0_u32..).zip(snapshot.nodes());
    nodes().find(|(_, node)| node.id == name).or_else(|| nodes().find(|(_, node)| Some(node.id.as_str()) == short))
}
