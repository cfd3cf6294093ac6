//! Slots of a `server-template`: servers that are always there, mostly in maintenance, and are given an address when needed.
//!
//! A slot cannot be named after its instance, so which instance is in which is known by address. A slot that is in use by
//! nobody we know of is told as `slot NAME at ADDRESS`: if an instance at that address is registered it is its own again, and
//! else it is emptied as the entry of an instance that is gone.

use std::collections::HashMap;
use std::net::SocketAddr;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::runtime::{Admin, Runtime, Server, said};
use super::{Pool, Trouble};

#[derive(Debug)]
pub(super) struct Slots {
    runtime: Runtime,
    prefix: String,
    weight: Option<u16>,
    /// Who is in which slot, by the slot's name. Locked over a whole change, so that two do not take one slot.
    taken: Mutex<HashMap<String, Taken>>,
}

#[derive(Debug, Clone)]
struct Taken {
    instance: String,
    at: SocketAddr,
}

impl Slots {
    pub(super) fn new(runtime: Runtime, prefix: &str, weight: Option<u16>) -> Self {
        Self { runtime, prefix: prefix.to_owned(), weight, taken: Mutex::default() }
    }

    /// The slots, lowest number first.
    async fn slots(&self) -> Result<Vec<Server>, Trouble> {
        let number = |name: &str| name.strip_prefix(&self.prefix)?.parse::<u32>().ok();
        let mut slots: Vec<_> = self.runtime.servers().await?;
        slots.retain(|server| number(&server.name).is_some());
        slots.sort_by_key(|server| number(&server.name));
        Ok(slots)
    }

    /// Forgets what HAProxy has forgotten: a restart gives a slot the address of its template again.
    async fn true_slots(&self, taken: &mut HashMap<String, Taken>) -> Result<Vec<Server>, Trouble> {
        let slots = self.slots().await?;
        taken.retain(|name, taken| slots.iter().any(|slot| slot.name == *name && slot.at == Some(taken.at)));
        Ok(slots)
    }

    async fn fill(&self, slot: &str, at: SocketAddr) -> Result<(), Trouble> {
        let server = format!("{}/{slot}", self.runtime.backend);
        let told = self.runtime.ask(&format!("set server {server} addr {} port {}", at.ip(), at.port())).await?;
        if self.runtime.server(slot).await?.is_none_or(|slot| slot.at != Some(at)) {
            return Err(said(&told));
        }
        if let Some(weight) = self.weight {
            self.runtime.quiet(&format!("set server {server} weight {weight}")).await?;
        }
        self.runtime.set_state(slot, Admin::Ready).await
    }
}

fn slot_of(taken: &HashMap<String, Taken>, instance: &str) -> Option<String> {
    taken.iter().find(|(_, taken)| taken.instance == instance).map(|(slot, _)| slot.clone())
}

fn find(slots: &[Server], name: Option<String>) -> Option<&Server> {
    name.and_then(|name| slots.iter().find(|slot| slot.name == name))
}

fn stranger(slot: &Server) -> String {
    let at = slot.at.map_or_else(|| "no address".to_owned(), |at| at.to_string());
    format!("slot {} at {at}", slot.name)
}

#[async_trait]
impl Pool for Slots {
    async fn entered(&self) -> Result<Vec<String>, Trouble> {
        let mut taken = self.taken.lock().await;
        let slots = self.true_slots(&mut taken).await?;
        let entered = slots.iter().filter_map(|slot| match taken.get(&slot.name) {
            Some(taken) => Some(taken.instance.clone()),
            None => (slot.admin != Admin::Maintenance).then(|| stranger(slot)),
        });
        let mut ids: Vec<_> = entered.collect();
        ids.sort_unstable();
        Ok(ids)
    }

    async fn register(&self, instance: &str, at: SocketAddr) -> Result<(), Trouble> {
        let mut taken = self.taken.lock().await;
        let slots = self.true_slots(&mut taken).await?;
        if let Some(slot) = find(&slots, slot_of(&taken, instance))
            && taken.get(&slot.name).is_some_and(|taken| taken.at != at)
        {
            self.runtime.empty(slot).await?;
            taken.remove(&slot.name);
        }
        let own = slot_of(&taken, instance);
        let found = slots.iter().find(|slot| match &own {
            Some(own) => slot.name == *own,
            None => slot.at == Some(at) && slot.admin != Admin::Maintenance && !taken.contains_key(&slot.name),
        });
        let slot = match found {
            Some(slot) if slot.admin == Admin::Ready => slot,
            Some(slot) => {
                self.runtime.set_state(&slot.name, Admin::Ready).await?;
                slot
            }
            None => {
                let free =
                    slots.iter().find(|slot| slot.admin == Admin::Maintenance && !taken.contains_key(&slot.name));
                let Some(free) = free else {
                    return Err(Trouble::Refused(format!(
                        "all {} slots {}/{}… are in use; raise the number of its server-template",
                        slots.len(),
                        self.runtime.backend,
                        self.prefix
                    )));
                };
                self.fill(&free.name, at).await?;
                free
            }
        };
        taken.insert(slot.name.clone(), Taken { instance: instance.to_owned(), at });
        Ok(())
    }

    async fn drain(&self, instance: &str) -> Result<u64, Trouble> {
        let mut taken = self.taken.lock().await;
        let slots = self.true_slots(&mut taken).await?;
        let Some(slot) = find(&slots, slot_of(&taken, instance)) else { return Ok(0) };
        if slot.admin == Admin::Ready {
            self.runtime.set_state(&slot.name, Admin::Drain).await?;
        }
        self.runtime.sessions(slot).await
    }

    async fn undrain(&self, instance: &str) -> Result<(), Trouble> {
        let taken = self.taken.lock().await;
        match slot_of(&taken, instance) {
            Some(slot) => self.runtime.set_state(&slot, Admin::Ready).await,
            None => Err(Trouble::Refused(format!("instance {instance} is in no slot; register it"))),
        }
    }

    async fn deregister(&self, instance: &str) -> Result<(), Trouble> {
        let mut taken = self.taken.lock().await;
        let slots = self.true_slots(&mut taken).await?;
        // Else one that nobody had claimed when it was told of, and that nobody has claimed since.
        let stranger = || slots.iter().find(|slot| stranger(slot) == instance && !taken.contains_key(&slot.name));
        let Some(slot) = find(&slots, slot_of(&taken, instance)).or_else(stranger) else { return Ok(()) };
        self.runtime.empty(slot).await?;
        taken.remove(&slot.name);
        Ok(())
    }

    async fn check(&self) -> Result<(), Trouble> {
        if self.slots().await?.is_empty() {
            return Err(Trouble::Refused(format!(
                "backend {} has no server whose name is {:?} and a number; write `server-template {} 1-100 … disabled` in it",
                self.runtime.backend, self.prefix, self.prefix
            )));
        }
        self.runtime.check_level().await
    }
}
