//! What is asked of a manager, and what its refusals mean.
//!
//! A manager also tells of services by itself (`GET /events`, of type `service` and `node`): what would start a turn at once
//! belongs here, beside the lists, which stay the truth.

use std::collections::BTreeMap;

use bollard::models::{Node, Service, Task};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::SwarmConfig;
use super::raw::{Raw, RawError};
use crate::causes::on_one_line;
use crate::drivers::DriverError;

/// Everything that a manager tells in one look.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub services: Vec<Service>,
    pub tasks: Vec<Task>,
    pub nodes: Vec<Node>,
    /// What could not be read, each with the reason.
    pub unread: Unread,
}

impl Seen {
    /// What was listed. One that cannot be read does not take the others with it.
    pub(super) fn of(services: Vec<Value>, tasks: Vec<Value>, nodes: Vec<Value>) -> Self {
        let mut unread = Unread::default();
        Self {
            services: each(services, &mut unread.services, |one| text(one, &["/Spec/Name", "/ID"])),
            tasks: each(tasks, &mut unread.tasks, |one| text(one, &["/ServiceID"])),
            nodes: each(nodes, &mut unread.nodes, |one| text(one, &["/Description/Hostname", "/ID"])),
            unread,
        }
    }
}

/// What could not be read of a look, by name, and why.
#[derive(Debug, Default)]
pub(super) struct Unread {
    pub services: Vec<(String, String)>,
    /// By the id of their service.
    pub tasks: Vec<(String, String)>,
    pub nodes: Vec<(String, String)>,
}

/// One service as it stands now: the manager's own words, its tasks, and the nodes that they are on.
#[derive(Debug)]
pub(super) struct One {
    pub service: Value,
    pub tasks: Vec<Task>,
    pub nodes: Vec<Node>,
}

/// A manager.
#[derive(Debug)]
pub(super) struct Engine {
    driver: String,
    config: SwarmConfig,
}

impl Engine {
    pub(super) fn new(driver: &str, config: &SwarmConfig) -> Self {
        Self { driver: driver.to_owned(), config: config.clone() }
    }

    /// Services with these labels, and all tasks and nodes: three requests, however many services there are.
    pub(super) async fn look(&self, labels: &BTreeMap<String, String>) -> Result<Seen, DriverError> {
        let raw = self.raw()?;
        let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let (with_labels, all) = (json!({"label": labels}), json!({}));
        let looked =
            tokio::try_join!(raw.list("services", &with_labels), raw.list("tasks", &all), raw.list("nodes", &all));
        let (services, tasks, nodes) = looked.map_err(|error| self.failed("list its services", &error))?;
        Ok(Seen::of(services, tasks, nodes))
    }

    /// One service; `None`: there is none of this name.
    pub(super) async fn service(&self, name: &str) -> Result<Option<One>, DriverError> {
        let found = self.raw()?.service(name).await;
        let Some(service) = found.map_err(|error| self.failed("tell of the service", &error))? else {
            return Ok(None);
        };
        let (tasks, nodes) = self.tasks_and_nodes(name).await?;
        Ok(Some(One { service, tasks, nodes }))
    }

    /// Those of one service, and all nodes. Steps follow by them, so one that cannot be read is not passed over.
    pub(super) async fn tasks_and_nodes(&self, name: &str) -> Result<(Vec<Task>, Vec<Node>), DriverError> {
        let raw = self.raw()?;
        let (of_service, all) = (json!({"service": [name]}), json!({}));
        let looked = tokio::try_join!(raw.list("tasks", &of_service), raw.list("nodes", &all));
        let (tasks, nodes) = looked.map_err(|error| self.failed("list the tasks", &error))?;
        let mut unread = Vec::new();
        let tasks = each(tasks, &mut unread, |one| text(one, &["/ID"]));
        let nodes = each(nodes, &mut Vec::new(), |one| text(one, &["/ID"]));
        match unread.first() {
            None => Ok((tasks, nodes)),
            Some((id, why)) => Err(self.refused(format!("the task {id} of {name} could not be read: {why}"))),
        }
    }

    /// Replaces the specification of a service, if it is still at this version.
    pub(super) async fn update(&self, id: &str, version: u64, spec: &Value) -> Result<(), DriverError> {
        let warnings = self.raw()?.update(id, version, spec).await.map_err(|error| match &error {
            RawError::Answer { message, .. } if message.contains("out of sequence") => self.refused(format!(
                "the service was changed by somebody else after version {version}; the next turn decides anew"
            )),
            _ => self.failed("update the service", &error),
        })?;
        for warning in warnings {
            tracing::warn!(driver = self.driver, service = id, warning, "the manager warns");
        }
        Ok(())
    }

    /// Whether a manager answers here.
    pub(super) async fn check(&self) -> Result<(), DriverError> {
        let info = self.raw()?.info().await.map_err(|error| self.failed("tell of itself", &error))?;
        let swarm = |what: &str| info.pointer(&format!("/Swarm/{what}"));
        if swarm("ControlAvailable").and_then(Value::as_bool) == Some(true) {
            // One of many managers may have no leader.
            return self.look(&self.config.labels).await.map(drop);
        }
        let state = swarm("LocalNodeState").and_then(Value::as_str).unwrap_or_default();
        let host = &self.config.host;
        let what = if state == "active" {
            format!("{host} is a worker; name a manager in host")
        } else {
            format!("{host} is in no swarm (it is {state:?}); name a manager in host, or docker swarm init")
        };
        Err(self.refused(what))
    }

    fn raw(&self) -> Result<Raw, DriverError> {
        Raw::new(&self.config.host, &self.config).map_err(|error| self.failed("be reached", &error))
    }

    /// Tells a refusal from silence, and what is to be done.
    fn failed(&self, what: &str, error: &RawError) -> DriverError {
        let host = &self.config.host;
        let remedy = remedy(error, self.config.tls_files().is_some());
        let told = match error {
            RawError::Answer { status: 503, message }
                if message.contains("swarm manager") || message.contains("part of a swarm") =>
            {
                return self
                    .refused(format!("{host} is no manager of a swarm; name one in host, or docker swarm init"));
            }
            RawError::Answer { status, message } => {
                return self.refused(format!("it could not {what} ({status}): {message}{remedy}"));
            }
            other => format!("{host} could not {what}: {other}{remedy}"),
        };
        DriverError::Unreachable { driver: self.driver.clone(), what: told }
    }

    fn refused(&self, what: String) -> DriverError {
        DriverError::Refused { driver: self.driver.clone(), what }
    }
}

/// What to do against it; empty where the words say it.
fn remedy(error: &RawError, with_tls: bool) -> &'static str {
    match error {
        RawError::Answer { message, .. } if message.contains("HTTPS server") => {
            "; it speaks TLS: name ca_file, cert_file and key_file"
        }
        RawError::Answer { message, .. } if message.contains("have a leader") => {
            "; more than half of the managers are away: start them"
        }
        RawError::Answer { .. } => "",
        RawError::Settings(_) => "; mend host, ca_file, cert_file or key_file",
        RawError::Broken(_) if with_tls => {
            "; see that the engine runs there, and that ca_file vouches for it and its own for cert_file"
        }
        RawError::Broken(_) => "; see that the engine runs there, and that host is its address",
        RawError::TimedOut(_) => "; see what holds the engine up, or raise timeout",
        RawError::Large(_) | RawError::Strange(_) => "; see that host is a Docker engine's address",
    }
}

/// Those that can be read; of the others what they are called, and why.
fn each<T: DeserializeOwned>(
    list: Vec<Value>,
    unread: &mut Vec<(String, String)>,
    name: fn(&Value) -> String,
) -> Vec<T> {
    let read = |one: Value| {
        let name = name(&one);
        serde_json::from_value(one).map_err(|error| unread.push((name, on_one_line(&error)))).ok()
    };
    list.into_iter().filter_map(read).collect()
}

/// The first of these that is there.
fn text(one: &Value, places: &[&str]) -> String {
    let found = places.iter().find_map(|place| one.pointer(place)?.as_str());
    found.filter(|text| !text.is_empty()).unwrap_or("one without a name").to_owned()
}
