//! The words of aviratna/autoscaling (`autoscale_action` of its alert documents), read as steps.

use trimtab_sdk::Snapshot;
use trimtab_sdk::snapshot::Alert;

use crate::Parameters;
use crate::rule::{What, label};
use crate::service;

/// Where its documents tell how they stand; only those that are `unprocessed` are to be acted on.
const STATUS: &str = "Alert_Status";

/// What an alert's word comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word<'p> {
    /// This step, on the node that this label names.
    Step(What, Option<&'p str>),
    /// Nothing, and why; `None` where it has no word at all.
    Nothing(Option<&'static str>),
}

pub(crate) fn read<'p>(alert: &Alert, snapshot: &Snapshot<'_>, parameters: &'p Parameters) -> Word<'p> {
    let Some(word) = label(alert, &parameters.action_label).filter(|_| !parameters.action_label.is_empty()) else {
        return Word::Nothing(None);
    };
    let (up, on_node) = match word {
        "scale_up" | "scale_up_service" | "haproxy_scale_up" => (true, false),
        "scale_down" | "scale_down_service" | "haproxy_scale_down" => (false, false),
        "scale_up_node" => (true, true),
        "scale_down_node" => (false, true),
        "service_availability" => return Word::Nothing(Some("it is for the policy `availability`")),
        _ => return Word::Nothing(Some("its word is not known")),
    };
    if label(alert, STATUS).is_some_and(|status| status != "unprocessed") {
        return Word::Nothing(Some("it is processed already"));
    }
    let service = parameters.service_labels.iter().find_map(|name| label(alert, name));
    if service.is_some_and(|service| !service::is_target(service, snapshot, parameters)) {
        return Word::Nothing(Some("it is about another service"));
    }
    let by = u32::try_from(parameters.step).unwrap_or(1);
    let what = match (up, parameters.mode == "fill") {
        (true, true) => What::Fill,
        (true, false) => What::Up(by),
        (false, _) => What::Down(by),
    };
    Word::Step(what, on_node.then_some(parameters.node_label.as_str()))
}
