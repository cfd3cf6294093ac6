//! The last resort of a host that must leave nothing behind: all its instances are killed, whatever any record says.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::cgroup::GroupName;
use super::{Inner, ProcessDriver, files};
use crate::drivers::DriverError;

/// How long killed processes are waited for.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);

impl ProcessDriver {
    /// Kills every process that carries this host's name and removes its groups; returns how many there were. To be called
    /// where no record can be kept any more: whoever can, takes instances down by decisions.
    ///
    /// # Errors
    /// Where processes cannot be listed or signalled, or do not end.
    pub async fn sweep(&self) -> Result<usize, DriverError> {
        self.on_thread(Inner::sweep).await
    }
}

impl Inner {
    fn sweep(&self) -> Result<usize, DriverError> {
        let until = Instant::now() + PATIENCE;
        let mut killed = 0;
        let mut names = Vec::new();
        loop {
            let mut desk = self.desk();
            desk.reap();
            let ours = desk.census.take(&self.host).map_err(self.io("read /proc"))?;
            drop(desk);
            if ours.is_empty() {
                break;
            }
            if Instant::now() >= until {
                return Err(self.refused(format!("{} instances do not end", ours.len())));
            }
            let mut found = 0_usize;
            for ((target, instance), processes) in ours {
                for one in &processes {
                    one.process
                        .signal(Signal::KILL)
                        .map_err(self.io(format!("kill process {} of {target}/{instance}", one.process.pid)))?;
                }
                found = found.saturating_add(processes.len());
                names.push((target, instance));
            }
            killed = killed.max(found);
            std::thread::sleep(PAUSE);
        }
        // Instances that ended before may have left their groups.
        for workload in self.config.workload.keys() {
            let kept = files::instances(&self.dir(workload)).unwrap_or_default();
            names.extend(kept.into_iter().map(|instance| (format!("{}/{workload}", self.name), instance)));
        }
        for (target, instance) in &names {
            if let Some((_, workload)) = target.split_once('/') {
                let group = GroupName { workload, instance };
                self.cgroups.remove(group).map_err(self.io(format!("remove the cgroups of {target}/{instance}")))?;
            }
        }
        Ok(killed)
    }
}
