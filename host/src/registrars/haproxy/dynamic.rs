//! Servers that are added to a backend and deleted from it while HAProxy runs (2.5 and later).

use std::collections::HashMap;
use std::net::SocketAddr;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::config::HaproxyConfig;
use super::runtime::{Admin, Runtime, Server, said};
use super::{Pool, Trouble};
use crate::runtime_socket::mark;

#[derive(Debug)]
pub(super) struct Dynamic {
    runtime: Runtime,
    prefix: String,
    words: String,
    checked: bool,
    /// Servers that this host has seen given work, by name. Locked over a whole change, so that nobody sees half of one.
    known: Mutex<HashMap<String, SocketAddr>>,
}

impl Dynamic {
    pub(super) fn new(runtime: Runtime, config: &HaproxyConfig) -> Self {
        let mut words = String::new();
        if let Some(weight) = config.weight {
            words.push_str(&format!(" weight {weight}"));
        }
        if config.slow_start_ms > 0 {
            words.push_str(&format!(" slowstart {}ms", config.slow_start_ms));
        }
        if !config.options.is_empty() {
            words.push_str(&format!(" {}", config.options));
        }
        let checked = config.options.split_whitespace().any(|word| word == "check");
        Self { runtime, prefix: config.prefix.clone(), words, checked, known: Mutex::default() }
    }

    async fn add(&self, name: &str, at: SocketAddr) -> Result<(), Trouble> {
        let server = format!("{}/{name}", self.runtime.backend);
        let told = self.runtime.ask(&format!("add server {server} {at}{}", self.words)).await?;
        if !told.contains("registered") {
            return Err(said(&told));
        }
        if self.checked {
            self.runtime.quiet(&format!("enable health {server}")).await?;
        }
        self.runtime.quiet(&format!("enable server {server}")).await
    }

    fn name(&self, instance: &str) -> String {
        mark::name_of(&self.prefix, instance)
    }
}

#[async_trait]
impl Pool for Dynamic {
    async fn entered(&self) -> Result<Vec<String>, Trouble> {
        let mut known = self.known.lock().await;
        let servers = self.runtime.servers().await?;
        let mut ids = Vec::new();
        for Server { name, at, admin, .. } in &servers {
            let Some(id) = mark::instance_of(&self.prefix, name) else { continue };
            // What we do not know was left by a host before us: half-entered or half-taken-out, or in the midst of a drain.
            match admin {
                Admin::Maintenance if !known.contains_key(name) => {
                    self.runtime.delete(name).await?;
                    continue;
                }
                Admin::Drain if !known.contains_key(name) => self.runtime.set_state(name, Admin::Ready).await?,
                _ => {}
            }
            if let Some(at) = at {
                known.insert(name.clone(), *at);
            }
            ids.push(id);
        }
        // A restart of HAProxy has forgotten them; so do we.
        known.retain(|name, _| servers.iter().any(|server| server.name == *name));
        ids.sort_unstable();
        Ok(ids)
    }

    async fn register(&self, instance: &str, at: SocketAddr) -> Result<(), Trouble> {
        let mut known = self.known.lock().await;
        let name = self.name(instance);
        match self.runtime.server(&name).await? {
            Some(server) if server.at == Some(at) && server.admin == Admin::Ready => {}
            Some(server) if server.at == Some(at) && server.admin == Admin::Drain => {
                self.runtime.set_state(&name, Admin::Ready).await?;
            }
            // At another address, or never finished: made anew.
            Some(_) => {
                self.runtime.delete(&name).await?;
                self.add(&name, at).await?;
            }
            None => self.add(&name, at).await?,
        }
        known.insert(name, at);
        Ok(())
    }

    async fn drain(&self, instance: &str) -> Result<u64, Trouble> {
        let mut known = self.known.lock().await;
        let name = self.name(instance);
        let Some(server) = self.runtime.server(&name).await? else { return Ok(0) };
        if server.admin == Admin::Ready {
            self.runtime.set_state(&name, Admin::Drain).await?;
        }
        if let Some(at) = server.at {
            known.insert(name.clone(), at);
        }
        self.runtime.sessions(&server).await
    }

    async fn undrain(&self, instance: &str) -> Result<(), Trouble> {
        let _known = self.known.lock().await;
        self.runtime.set_state(&self.name(instance), Admin::Ready).await
    }

    async fn deregister(&self, instance: &str) -> Result<(), Trouble> {
        let mut known = self.known.lock().await;
        let name = self.name(instance);
        known.remove(&name);
        if self.runtime.server(&name).await?.is_none() {
            return Ok(());
        }
        self.runtime.delete(&name).await
    }

    async fn check(&self) -> Result<(), Trouble> {
        self.runtime.servers().await?;
        self.runtime.check_level().await
    }
}
