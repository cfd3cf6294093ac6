//! Starts a container again that is stopped, or that is to be restarted.

use super::super::Inner;
use super::Job;
use crate::causes::with_causes;
use crate::drivers::{DriverError, StepState};

impl Inner {
    /// `Start` runs what does not run; `Restart` also ends what does. The change's key tells a step taken again from a new one.
    pub(super) async fn start_again(&self, job: &Job<'_>, restart: bool) -> Result<StepState, DriverError> {
        let Some(found) = self.find(job.workload, job.instance).await? else {
            return Err(self.refused(format!("{} does not exist", job.instance)));
        };
        let key = job.decision.key();
        let begun = self.desk().started.get(job.instance).is_some_and(|last| last == key);
        if begun || (found.runs() && !restart && !self.is_stopped(job, &found)) {
            return Ok(StepState::Done);
        }
        if found.runs()
            && let Some(state) = self.see_out(job, &found).await?
        {
            return Ok(state);
        }
        let id = found.id.as_str();
        match found.engine.start(id).await {
            Ok(()) => {
                self.keep(job.workload, |kept| drop(kept.stopped.remove(id)))?;
                {
                    let mut desk = self.desk();
                    desk.started.insert(job.instance.to_owned(), key.to_owned());
                    desk.awaited.remove(job.instance);
                    desk.looks.forget(id);
                }
                self.resize_started(job, id).await;
                Ok(StepState::Done)
            }
            Err(error) => Err(found.engine.error(&format!("start {}", job.instance), &error)),
        }
    }

    /// At its start Podman gives a container the sizes that it was made with.
    async fn resize_started(&self, job: &Job<'_>, id: &str) {
        let updated = self.desk().kept.get(job.workload).and_then(|kept| kept.updated.get(id).cloned());
        let Some(updated) = updated else { return };
        if let Err(error) = self.resize_one(job.workload, job.instance.to_owned(), updated.sizes).await {
            let instance = job.instance;
            tracing::warn!(driver = self.name, instance, error = %with_causes(&error), "it has its old sizes again");
        }
    }
}
