//! Questions in PromQL, for the metrics whose usual exporters are known.

use super::kubernetes::Scaled;

/// One matcher of a selector: label, operator, value.
pub(super) type Matcher = (String, &'static str, String);

pub(super) fn matcher(label: &str, operator: &'static str, value: impl Into<String>) -> Matcher {
    (metric(label), operator, value.into())
}

/// `name{label="value", …}`.
pub(super) fn selector(name: &str, matchers: &[Matcher]) -> String {
    let inner: Vec<String> =
        matchers.iter().map(|(label, operator, value)| format!("{label}{operator}{}", quoted(value))).collect();
    if inner.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", inner.join(", ")) }
}

/// A name as PromQL has them: what it cannot hold becomes `_`, as exporters do it.
pub(super) fn metric(name: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == ':' { c } else { '_' };
    let name: String = name.chars().map(fits).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() { format!("_{name}") } else { name }
}

fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

/// The pods of a workload, as cAdvisor labels them.
pub(super) fn pods(namespace: &str, scaled: &Scaled) -> Vec<Matcher> {
    vec![matcher("namespace", "=", namespace), matcher("pod", "=~", scaled.pods())]
}

/// CPU by pod in thousandths of a core, from cAdvisor; of one container or of all.
pub(super) fn cpu_by_pod(pods: &[Matcher], container: Option<&str>) -> String {
    let series = selector("container_cpu_usage_seconds_total", &with_container(pods, container));
    format!("1000 * sum by (pod) (rate({series}[2m]))")
}

/// Memory in use by pod in bytes, from cAdvisor; of one container or of all.
pub(super) fn memory_by_pod(pods: &[Matcher], container: Option<&str>) -> String {
    let series = selector("container_memory_working_set_bytes", &with_container(pods, container));
    format!("sum by (pod) ({series})")
}

fn with_container(pods: &[Matcher], container: Option<&str>) -> Vec<Matcher> {
    let mut matchers = pods.to_vec();
    // cAdvisor also has a sum over the pod, whose container is empty: it would be counted twice.
    matchers.push(container.map_or_else(|| matcher("container", "!=", ""), |name| matcher("container", "=", name)));
    matchers
}
