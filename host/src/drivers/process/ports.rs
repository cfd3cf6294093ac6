//! Which port belongs to which instance.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;

use super::config::PortRange;
use super::files::{self, InstanceFile};

/// Ports given away by this driver, over all its workloads.
#[derive(Debug, Default)]
pub(super) struct Ports {
    taken: BTreeMap<u16, String>,
}

impl Ports {
    /// Takes in the ports of a workload's instances, from an earlier host.
    pub(super) fn load(&mut self, dir: &Path) -> io::Result<()> {
        for instance in files::instances(dir)? {
            // A damaged file is spoken of by the observation; its port, if it is in use, cannot be bound.
            if let Ok(Some(InstanceFile { port: Some(port), instance, .. })) =
                files::read(&dir.join(format!("{instance}.json")))
            {
                self.taken.insert(port, instance);
            }
        }
        Ok(())
    }

    /// Gives the instance a port that nobody has: first the one it had.
    pub(super) fn take(&mut self, range: PortRange, host: IpAddr, instance: &str, before: Option<u16>) -> Option<u16> {
        let free = |port: u16| {
            let ours = self.taken.get(&port).is_none_or(|owner| owner == instance);
            // Some programs bind to one address, some to all: both must be free.
            ours && TcpListener::bind(SocketAddr::new(host, port)).is_ok()
        };
        let port = before.filter(|port| free(*port)).or_else(|| (range.first..=range.last).find(|port| free(*port)))?;
        if let Some(before) = before {
            self.taken.remove(&before);
        }
        self.taken.insert(port, instance.to_owned());
        Some(port)
    }

    /// Notes a port that a process was found to have.
    pub(super) fn found(&mut self, port: u16, instance: &str) {
        self.taken.insert(port, instance.to_owned());
    }

    /// Takes back the ports of an instance that was removed.
    pub(super) fn give_back(&mut self, instance: &str) {
        self.taken.retain(|_, owner| owner != instance);
    }
}
