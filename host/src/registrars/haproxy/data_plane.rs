//! HAProxy's Data Plane API, version 3: servers in the configuration file, changed in transactions.
//!
//! A transaction begins at the version of the configuration that we saw and is refused if somebody else was faster; then it is
//! made once more from the new version. Committing is over when the reload that it asked for is done, so that `register` means
//! that the server is there. Drains go past the configuration, through the API's runtime part: a drain needs no reload. A reload
//! forgets them, so each question about a drain orders it again where it was forgotten.

mod client;
mod transaction;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;

pub(super) use self::client::DataPlane;
use super::config::DataPlaneConfig;
use super::{Pool, Trouble};
use crate::runtime_socket::mark;

/// One backend through the API.
#[derive(Debug)]
pub(super) struct DataPlanePool {
    plane: Arc<DataPlane>,
    backend: String,
    prefix: String,
    /// What every server has beside name, address and port.
    fields: Map<String, Value>,
    /// Servers that this host has seen or given work, by name. Locked over a whole change.
    known: Mutex<HashSet<String>>,
}

/// A server of the configuration; what else it has is not looked at.
#[derive(Debug, Deserialize)]
struct Configured {
    name: String,
    address: String,
    port: Option<u16>,
}

/// A server as HAProxy runs it.
#[derive(Debug, Deserialize)]
struct Running {
    name: String,
    admin_state: Option<String>,
}

#[derive(Debug, Deserialize)]
struct NativeStats {
    #[serde(default)]
    stats: Vec<NativeStat>,
    error: Option<String>,
}

#[derive(Debug, Deserialize)]
struct NativeStat {
    name: Option<String>,
    stats: Option<Sessions>,
}

#[derive(Debug, Deserialize)]
struct Sessions {
    scur: Option<u64>,
    qcur: Option<u64>,
}

impl DataPlanePool {
    pub(super) fn new(plane: Arc<DataPlane>, config: &DataPlaneConfig, backend: &str) -> Self {
        let mut fields = Map::from_iter([("check".to_owned(), json!("enabled"))]);
        fields.extend(config.set.clone());
        let (backend, prefix) = (backend.to_owned(), config.prefix.clone());
        Self { plane, backend, prefix, fields, known: Mutex::default() }
    }

    fn name(&self, instance: &str) -> String {
        mark::name_of(&self.prefix, instance)
    }

    fn servers(&self) -> String {
        format!("services/haproxy/configuration/backends/{}/servers", self.backend)
    }

    fn running(&self) -> String {
        format!("services/haproxy/runtime/backends/{}/servers", self.backend)
    }

    async fn configured(&self) -> Result<Vec<Configured>, Trouble> {
        let missing = || Trouble::Refused(format!("there is no backend {} in HAProxy's configuration", self.backend));
        self.plane.get(&self.servers(), &[]).await?.ok_or_else(missing)
    }

    async fn find(&self, name: &str) -> Result<Option<Configured>, Trouble> {
        self.plane.get(&format!("{}/{name}", self.servers()), &[]).await
    }

    async fn run_state(&self, name: &str) -> Result<Option<Running>, Trouble> {
        self.plane.get(&format!("{}/{name}", self.running()), &[]).await
    }

    async fn set_state(&self, name: &str, state: &str) -> Result<(), Trouble> {
        self.plane.put(&format!("{}/{name}", self.running()), &[], &json!({ "admin_state": state })).await
    }

    async fn sessions(&self, name: &str) -> Result<u64, Trouble> {
        let query = [("type", "server"), ("parent", &self.backend), ("name", name)];
        let told: Option<NativeStats> = self.plane.get("services/haproxy/stats/native", &query).await?;
        let told = told.unwrap_or(NativeStats { stats: Vec::new(), error: None });
        let sessions =
            told.stats.into_iter().find(|stat| stat.name.as_deref() == Some(name)).and_then(|stat| stat.stats);
        match sessions {
            Some(Sessions { scur: Some(scur), qcur }) => Ok(scur.saturating_add(qcur.unwrap_or(0))),
            _ => {
                let why = told.error.map_or_else(String::new, |error| format!(": {error}"));
                Err(Trouble::Refused(format!("its statistics tell nothing of {}/{name}{why}", self.backend)))
            }
        }
    }

    /// The whole server as it is to be.
    fn wanted(&self, name: &str, at: SocketAddr) -> Value {
        let mut server = self.fields.clone();
        server.insert("name".to_owned(), json!(name));
        server.insert("address".to_owned(), json!(at.ip().to_string()));
        server.insert("port".to_owned(), json!(at.port()));
        Value::Object(server)
    }
}

#[async_trait]
impl Pool for DataPlanePool {
    async fn entered(&self) -> Result<Vec<String>, Trouble> {
        let mut known = self.known.lock().await;
        let configured = self.configured().await?;
        let running: Vec<Running> = self.plane.get(&self.running(), &[]).await?.unwrap_or_default();
        let mut ids = Vec::new();
        for server in &configured {
            let Some(id) = mark::instance_of(&self.prefix, &server.name) else { continue };
            let state = running.iter().find(|one| one.name == server.name).and_then(|one| one.admin_state.as_deref());
            // A drain or a removal that a host before us began and did not end.
            if !known.contains(&server.name) && state.is_some_and(|state| state != "ready") {
                self.set_state(&server.name, "ready").await?;
            }
            known.insert(server.name.clone());
            ids.push(id);
        }
        known.retain(|name| configured.iter().any(|server| server.name == *name));
        ids.sort_unstable();
        Ok(ids)
    }

    async fn register(&self, instance: &str, at: SocketAddr) -> Result<(), Trouble> {
        let mut known = self.known.lock().await;
        let name = self.name(instance);
        let wanted = self.wanted(&name, at);
        match self.find(&name).await? {
            Some(server) if server.address == at.ip().to_string() && server.port == Some(at.port()) => {
                let state = self.run_state(&name).await?.and_then(|server| server.admin_state);
                if state.is_some_and(|state| state != "ready") {
                    self.set_state(&name, "ready").await?;
                }
            }
            Some(_) => self.plane.change(|tx| tx.put(format!("{}/{name}", self.servers()), wanted.clone())).await?,
            None => self.plane.change(|tx| tx.post(self.servers(), wanted.clone())).await?,
        }
        known.insert(name);
        Ok(())
    }

    async fn drain(&self, instance: &str) -> Result<u64, Trouble> {
        let mut known = self.known.lock().await;
        let name = self.name(instance);
        let Some(running) = self.run_state(&name).await? else {
            if self.find(&name).await?.is_none() {
                return Ok(0);
            }
            // It may come with the next reload, and would be given work.
            return Err(Trouble::Refused(format!("{}/{name} is configured and does not run yet", self.backend)));
        };
        if running.admin_state.as_deref().is_none_or(|state| state == "ready") {
            self.set_state(&name, "drain").await?;
        }
        known.insert(name.clone());
        self.sessions(&name).await
    }

    async fn undrain(&self, instance: &str) -> Result<(), Trouble> {
        let _known = self.known.lock().await;
        self.set_state(&self.name(instance), "ready").await
    }

    async fn deregister(&self, instance: &str) -> Result<(), Trouble> {
        let mut known = self.known.lock().await;
        let name = self.name(instance);
        known.remove(&name);
        if self.find(&name).await?.is_none() {
            return Ok(());
        }
        if self.run_state(&name).await?.is_some() {
            self.set_state(&name, "maint").await?;
        }
        self.plane.change(|tx| tx.delete(format!("{}/{name}", self.servers()))).await
    }

    async fn check(&self) -> Result<(), Trouble> {
        self.configured().await.map(|_| ())
    }
}
