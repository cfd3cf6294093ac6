//! Overscaler's metrics of pods, and what asks for them today: Heapster is gone.

use crate::import::draft::Reading;
use crate::import::kubernetes::Scaled;
use crate::import::promql::{self, Matcher, matcher, selector};
use crate::import::{Choices, PUSH};

/// Those of its pod_metrics.json; `network-rx-errors-rate` is documented but missing there, and so refused.
pub(super) const METRICS: [&str; 20] = [
    "cpu-limit",
    "cpu-request",
    "cpu-usage-rate",
    "cpu-usage-percent",
    "memory-limit",
    "memory-request",
    "memory-usage",
    "memory-rss",
    "memory-working-set",
    "memory-usage-percent",
    "memory-major-page-faults-rate",
    "memory-page-faults-rate",
    "network-rx",
    "network-rx-errors",
    "network-rx-rate",
    "network-tx",
    "network-tx-errors",
    "network-tx-errors-rate",
    "network-tx-rate",
    "uptime",
];

pub(super) fn is_metric(text: &str) -> bool {
    METRICS.contains(&text)
}

pub(super) fn reading(metric: &str, namespace: &str, scaled: &Scaled, choices: &Choices) -> Reading {
    let pods = promql::pods(namespace, scaled);
    let query = query(metric, &pods);
    let about = match (&query, metric) {
        (Some(_), "cpu-usage-percent" | "memory-usage-percent") => {
            "Percent of what a node can allocate, as Overscaler has it: of its first node, here of the largest."
        }
        (Some(_), _) => "From cAdvisor or kube-state-metrics by way of Prometheus; instances are called as `pod` is.",
        (None, _) => {
            "Heapster's, which is gone: send it for each instance, with `trimtab reading push` or over the API."
        }
    };
    Reading {
        name: metric.to_owned(),
        source: if query.is_some() { choices.source.clone() } else { PUSH.to_owned() },
        label: query.is_some().then_some("pod"),
        query,
        subject: Some("instance"),
        about: about.to_owned(),
    }
}

fn query(metric: &str, pods: &[Matcher]) -> Option<String> {
    let sum = |series: &str, matchers: &[Matcher]| format!("sum by (pod) ({})", selector(series, matchers));
    let rate = |series: &str| format!("sum by (pod) (rate({}[2m]))", selector(series, pods));
    let node = |resource: &str| {
        let of = [matcher("resource", "=", resource)];
        format!("scalar(max({}))", selector("kube_node_status_allocatable", &of))
    };
    let state = |series: &str, resource: &str| {
        let mut matchers = pods.to_vec();
        matchers.push(matcher("resource", "=", resource));
        sum(series, &matchers)
    };
    Some(match metric {
        "cpu-usage-rate" => promql::cpu_by_pod(pods, None),
        "cpu-usage-percent" => format!("{} / {} / 10", promql::cpu_by_pod(pods, None), node("cpu")),
        "memory-working-set" => promql::memory_by_pod(pods, None),
        "memory-usage-percent" => format!("100 * {} / {}", promql::memory_by_pod(pods, None), node("memory")),
        "cpu-limit" => format!("1000 * {}", state("kube_pod_container_resource_limits", "cpu")),
        "cpu-request" => format!("1000 * {}", state("kube_pod_container_resource_requests", "cpu")),
        "memory-limit" => state("kube_pod_container_resource_limits", "memory"),
        "memory-request" => state("kube_pod_container_resource_requests", "memory"),
        "memory-usage" => sum("container_memory_usage_bytes", &within_containers(pods)),
        "memory-rss" => sum("container_memory_rss", &within_containers(pods)),
        "network-rx" => sum("container_network_receive_bytes_total", pods),
        "network-rx-errors" => sum("container_network_receive_errors_total", pods),
        "network-rx-rate" => rate("container_network_receive_bytes_total"),
        "network-tx" => sum("container_network_transmit_bytes_total", pods),
        "network-tx-errors" => sum("container_network_transmit_errors_total", pods),
        "network-tx-errors-rate" => rate("container_network_transmit_errors_total"),
        "network-tx-rate" => rate("container_network_transmit_bytes_total"),
        _ => return None,
    })
}

fn within_containers(pods: &[Matcher]) -> Vec<Matcher> {
    let mut matchers = pods.to_vec();
    // The sum over the pod, whose container is empty, would be counted twice.
    matchers.push(matcher("container", "!=", ""));
    matchers
}
