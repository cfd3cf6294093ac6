//! What a fuzzer may try: every reader of bytes that somebody else wrote, as a function of bytes. Part of the library only in
//! tests and where cargo-fuzz builds it.
//!
//! A target that reads what only its own room may see is a file `fuzz.rs` beside that reader; the others are here. Each says what
//! must hold, not only that nothing panics. `cargo xtask fuzz` runs them under libFuzzer (`tests/fuzz`), without end if need be; the
//! tests of this room try each on its seeds, on what was found once, and on a number of inputs made of these by chance that is
//! always the same.

mod documents;
mod policies;
mod readings;

#[cfg(test)]
mod mutate;
#[cfg(test)]
mod tests;

use crate::{api, audit, cycle, drivers, notices, policy, registrars, registry, sources, supervisor};

/// Longest sentence about what somebody sent: a person reads it, and it is kept with decisions.
const SAID_BYTES_MAX: usize = 8 << 10;

/// One reader.
#[derive(Debug)]
pub struct Target {
    /// As the command line and the folders of seeds name it.
    pub name: &'static str,
    /// What its bytes are.
    pub about: &'static str,
    /// Reads them. The error is what people are told.
    run: fn(&[u8]) -> Result<(), String>,
    /// What an input costs: an ordinary test run tries so many times fewer.
    pub cost: usize,
}

impl Target {
    const fn new(name: &'static str, about: &'static str, run: fn(&[u8]) -> Result<(), String>) -> Self {
        Self { name, about, run, cost: 1 }
    }

    const fn costing(mut self, cost: usize) -> Self {
        self.cost = cost;
        self
    }

    /// Tries one input.
    ///
    /// # Panics
    /// Where what must hold of it does not.
    pub fn run(&self, input: &[u8]) {
        if let Err(said) = (self.run)(input) {
            assert!(
                said.len() <= SAID_BYTES_MAX.max(4 * input.len()),
                "{}: {} bytes are said: {said}",
                self.name,
                said.len()
            );
            assert!(!said.contains(['\n', '\r', '\u{1b}']), "{}: what is said is not one line: {said:?}", self.name);
        }
    }
}

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// All of them, in the order of the arrow.
pub const TARGETS: &[Target] = &[
    // What operators write.
    Target::new(
        "words",
        "a duration, an amount of CPU or memory, a share, a time, a zone, an outage",
        documents::words,
    ),
    Target::new("config", "trimtab.toml", documents::config),
    Target::new("bounds", "the bounds of one binding, as `policy eval` takes them", documents::bounds),
    Target::new("binding", "a binding as JSON, by API or by a row of a table", documents::binding),
    Target::new("import", "a line with a system, and what that system wrote", documents::import).costing(2),
    Target::new("trace", "a demand trace as CSV", documents::trace),
    Target::new("template", "the sentence of a notice", notices::fuzz::templates),
    Target::new("labels", "the value of a label on a workload", supervisor::fuzz::labels).costing(2),
    // What sources and backends answer.
    Target::new(
        "exposition",
        "a line with a query, and a page in Prometheus's text format",
        sources::scrape::fuzz::exposition,
    ),
    Target::new(
        "haproxy-statistics",
        "a line with a query, and HAProxy's statistics in JSON",
        sources::haproxy::fuzz::statistics,
    ),
    Target::new("haproxy-tables", "an answer of HAProxy's runtime socket", registrars::haproxy::fuzz::tables),
    Target::new("prometheus", "Prometheus's answer to a query", sources::prometheus::fuzz::answer),
    Target::new("remote-read", "Prometheus's answer to a remote read", sources::prometheus::fuzz::remote),
    Target::new("selector", "a selector of series", sources::prometheus::fuzz::selectors),
    Target::new("rabbitmq", "a line with a query, and RabbitMQ's list of queues", sources::rabbitmq::fuzz::queues),
    Target::new("http-json", "a line with a pointer, and a document", sources::http_json::fuzz::documents),
    Target::new("docker-statistics", "two statistics of a container", sources::docker::fuzz::statistics),
    Target::new("docker-container", "a container as its engine tells it", drivers::docker::fuzz::containers),
    Target::new("swarm", "lines with services, tasks and nodes of a swarm", drivers::swarm::fuzz::lists),
    Target::new("nginx", "nginx's status", sources::nginx::fuzz::status),
    Target::new("traefik", "a service as Traefik's API shows it", registrars::traefik::fuzz::service),
    Target::new("envoy", "lines with Envoy's clusters and statistics", registrars::envoy::fuzz::admin),
    Target::new("envoy-discovery", "Envoy's question for endpoints", registrars::envoy::fuzz::discovery),
    Target::new("readings", "samples of any time and value, gathered", readings::gathered).costing(10),
    // What is kept, and what comes by the API.
    Target::new("snapshot", "a snapshot, strict or short", documents::snapshot),
    Target::new("records", "entries of a log of records", audit::fuzz::entries).costing(4),
    Target::new("state", "what is kept of a target", cycle::fuzz::kept),
    Target::new("alerts", "alerts of Alertmanager, ElastAlert, or our own", api::alerts_fuzz::alerts),
    Target::new("bodies", "a line with a route of the API, and its body", api::fuzz::bodies).costing(40),
    Target::new("reference", "a reference to a policy in a registry", registry::oci::fuzz::references),
    Target::new("manifest-of-oci", "a registry's manifest", registry::oci::fuzz::manifests),
    Target::new("signature", "a policy's signature, or a public key", policies::signature),
    // What strangers' policies are and say.
    Target::new("upload", "a module or component, as it is uploaded", policies::upload).costing(400),
    Target::new("module", "what wasm-smith makes a module with a policy's exports of", policies::module).costing(400),
    Target::new("component", "what wasm-smith makes a component of", policies::component).costing(100),
    Target::new("manifest", "the memory that a guest's manifest is read from", policy::fuzz::manifest).costing(200),
    Target::new("needs", "the memory that a guest's needs are read from", policy::fuzz::needs).costing(4),
    Target::new("answer", "the memory that a guest's answer is read from, which is then decided on", policies::answer)
        .costing(4),
    Target::new("built-in", "lines with a built-in policy, its parameters, and a snapshot", policies::built_in)
        .costing(200),
];
