//! The one connection to a manager: what is asked of it, and what its refusals mean.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::{Node, Service, Task};
use bollard::query_parameters::{
    ListNodesOptions, ListServicesOptionsBuilder, ListTasksOptions, ListTasksOptionsBuilder,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use serde_json::Value;

use super::SwarmConfig;
use super::raw::{Raw, RawError};
use crate::causes::with_causes;
use crate::drivers::DriverError;

/// Everything that a manager tells in one look.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub services: Vec<Service>,
    pub tasks: Vec<Task>,
    pub nodes: Vec<Node>,
}

/// A connection, made when it is first needed.
#[derive(Debug)]
pub(super) struct Engine {
    driver: String,
    config: SwarmConfig,
    /// The client with the API version agreed on. Dropped after every failure of the transport, for the engine that comes back
    /// may be another version.
    client: Mutex<Option<Docker>>,
}

impl Engine {
    pub(super) fn new(driver: &str, config: &SwarmConfig) -> Self {
        Self { driver: driver.to_owned(), config: config.clone(), client: Mutex::new(None) }
    }

    /// Services with these labels, and all tasks and nodes: three requests, however many services there are.
    pub(super) async fn look(&self, labels: &BTreeMap<String, String>) -> Result<Seen, DriverError> {
        let client = self.client().await?;
        let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let filters = HashMap::from([("label", labels)]);
        let services = ListServicesOptionsBuilder::default().filters(&filters).build();
        let looked = tokio::try_join!(
            client.list_services(Some(services)),
            client.list_tasks(None::<ListTasksOptions>),
            client.list_nodes(None::<ListNodesOptions>),
        );
        let (services, tasks, nodes) = looked.map_err(|error| self.failed("list its services", &error))?;
        Ok(Seen { services, tasks, nodes })
    }

    /// One service as it stands now, and its tasks. `None`: there is none of this name.
    pub(super) async fn service(&self, name: &str) -> Result<Option<(Value, Vec<Task>)>, DriverError> {
        let Some(service) =
            self.raw()?.service(name).await.map_err(|error| self.failed_raw("tell of the service", error))?
        else {
            return Ok(None);
        };
        let client = self.client().await?;
        let tasks = client.list_tasks(Some(of_service(name))).await;
        Ok(Some((service, tasks.map_err(|error| self.failed("list the tasks", &error))?)))
    }

    pub(super) async fn tasks_and_nodes(&self, name: &str) -> Result<(Vec<Task>, Vec<Node>), DriverError> {
        let client = self.client().await?;
        let looked =
            tokio::try_join!(client.list_tasks(Some(of_service(name))), client.list_nodes(None::<ListNodesOptions>),);
        looked.map_err(|error| self.failed("list the tasks", &error))
    }

    /// Replaces the specification of a service, if it is still at this version. Credentials for the image stay the service's own.
    pub(super) async fn update(&self, id: &str, version: u64, spec: &Value) -> Result<(), DriverError> {
        let warnings = self.raw()?.update(id, version, spec).await.map_err(|error| match &error {
            RawError::Answer { message, .. } if message.contains("out of sequence") => {
                self.refused(format!("the service was changed by somebody else after version {version}"))
            }
            _ => self.failed_raw("update the service", error),
        })?;
        for warning in warnings {
            tracing::warn!(driver = self.driver, service = id, warning, "the manager warns");
        }
        Ok(())
    }

    /// Whether a manager answers here.
    pub(super) async fn check(&self) -> Result<(), DriverError> {
        let client = self.client().await?;
        let info = client.info().await.map_err(|error| self.failed("tell of itself", &error))?;
        let swarm = info.swarm.unwrap_or_default();
        if swarm.control_available == Some(true) {
            return Ok(());
        }
        let state = swarm.local_node_state.map(|state| state.to_string()).unwrap_or_default();
        let what = if state == "active" {
            format!("{} is a worker; name a manager in host", self.config.host)
        } else {
            format!(
                "{} is in no swarm (it is {state:?}); name a manager in host, or docker swarm init",
                self.config.host
            )
        };
        Err(self.refused(what))
    }

    // ------------------------------------------------------------------------------------------------------ connection

    async fn client(&self) -> Result<Docker, DriverError> {
        let kept = self.client.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(client) = kept {
            return Ok(client);
        }
        let client = self.connect().map_err(|error| self.failed("be reached", &error))?;
        let client = client.negotiate_version().await.map_err(|error| self.failed("tell its version", &error))?;
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Some(client.clone());
        Ok(client)
    }

    fn connect(&self) -> Result<Docker, Error> {
        crate::tls::ready();
        let host = self.config.host.as_str();
        // The library counts in seconds; the finer figure is set below.
        let seconds = self.config.timeout.0.div_ceil(1_000);
        let client = match (host.split_once("://"), self.config.tls_files()) {
            (Some(("tcp", _)), Some((ca, cert, key))) => {
                Docker::connect_with_ssl(host, key, cert, ca, seconds, API_DEFAULT_VERSION)
            }
            (Some(("tcp", _)), None) => Docker::connect_with_http(host, seconds, API_DEFAULT_VERSION),
            _ => Docker::connect_with_unix(host, seconds, API_DEFAULT_VERSION),
        }?;
        Ok(client.with_timeout(Duration::from_millis(self.config.timeout.0)))
    }

    /// Tells a refusal from silence. After silence the connection is made anew.
    fn failed(&self, what: &str, error: &Error) -> DriverError {
        match error {
            Error::DockerResponseServerError { status_code: 503, message } if message.contains("swarm manager") => self
                .refused(format!(
                    "{} is no manager of a swarm; name one in host: {}",
                    self.config.host,
                    message.trim()
                )),
            Error::DockerResponseServerError { status_code, message } => {
                self.refused(format!("it could not {what} ({status_code}): {}", message.trim()))
            }
            other => {
                *self.client.lock().unwrap_or_else(PoisonError::into_inner) = None;
                let what = format!("it could not {what}: {}", with_causes(other));
                DriverError::Unreachable { driver: self.driver.clone(), what }
            }
        }
    }

    fn raw(&self) -> Result<Raw, DriverError> {
        Raw::new(&self.config).map_err(|error| self.failed_raw("be reached", error))
    }

    fn failed_raw(&self, what: &str, error: RawError) -> DriverError {
        match error {
            RawError::Answer { status, message } => {
                self.failed(what, &Error::DockerResponseServerError { status_code: status, message })
            }
            other => {
                let what = format!("it could not {what}: {}", with_causes(&other));
                DriverError::Unreachable { driver: self.driver.clone(), what }
            }
        }
    }

    fn refused(&self, what: String) -> DriverError {
        DriverError::Refused { driver: self.driver.clone(), what }
    }
}

fn of_service(name: &str) -> ListTasksOptions {
    ListTasksOptionsBuilder::default().filters(&HashMap::from([("service", vec![name])])).build()
}
