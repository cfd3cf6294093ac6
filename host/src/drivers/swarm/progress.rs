//! How far Swarm has come with what was asked of a service.

use bollard::models::{
    Node, NodeState, Service, ServiceSpec, ServiceSpecUpdateConfigFailureActionEnum as FailureAction,
    ServiceUpdateStatusStateEnum as UpdateState, Task, TaskState,
};

use super::size::Size;

/// The tasks of one service, counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Census {
    /// Run.
    pub running: u64,
    /// Run at the size that is asked for.
    pub resized: u64,
    /// Are wanted: they run or are on their way to.
    pub wanted: u64,
    /// Were told to stop and have not ended.
    pub leaving: u64,
    /// Were on a node that is down: nobody can wait for them, for Swarm keeps them until the node comes back.
    pub lost: u64,
    /// The first complaint of a task that does not run.
    pub complaint: Option<String>,
}

impl Census {
    /// Counts the tasks against the size that the service asks for.
    pub(super) fn of(tasks: &[Task], nodes: &[Node], size: Size) -> Self {
        let mut census = Self::default();
        for task in tasks {
            let node = nodes.iter().find(|node| node.id.is_some() && node.id == task.node_id);
            if !has_ended(state(task)) && node.is_some_and(is_down) {
                census.lost += 1;
                continue;
            }
            match (is_wanted(task), state(task)) {
                (true, TaskState::RUNNING) => {
                    census.wanted += 1;
                    census.running += 1;
                    census.resized += u64::from(Size::of(task.spec.as_ref()) == size);
                }
                (true, other) => {
                    census.wanted += u64::from(other < TaskState::RUNNING);
                    census.complain(task);
                }
                (false, TaskState::FAILED | TaskState::REJECTED) => census.complain(task),
                (false, other) => census.leaving += u64::from(!has_ended(other)),
            }
        }
        census
    }

    fn complain(&mut self, task: &Task) {
        let status = task.status.as_ref();
        let error = status.and_then(|status| status.err.as_deref()).filter(|text| !text.is_empty());
        if let Some(error) = error.filter(|_| self.complaint.is_none()) {
            self.complaint = Some(format!("slot {}: {error}", task.slot.unwrap_or_default()));
        }
    }

    /// What is still waited for, with what a task complains of.
    pub(super) fn waits(&self, what: &str) -> String {
        let leaving = if self.leaving > 0 { format!(", {} still end", self.leaving) } else { String::new() };
        let lost = if self.lost > 0 { format!(", {} on a node that is down", self.lost) } else { String::new() };
        let complaint = self.complaint.as_ref().map(|text| format!("; {text}")).unwrap_or_default();
        format!("{what}{leaving}{lost}{complaint}")
    }
}

/// Where Swarm stands with exchanging the tasks of a service for those of another template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rollout {
    /// None is under way.
    None,
    /// It goes on.
    Going {
        why: String,
        /// Swarm would put back the count, too, if it fails: it goes back to the specification before the last.
        restores: bool,
    },
    /// It was given up half way, and waits for a person.
    Paused { why: String },
    /// Swarm went back to the specification before, or does so now.
    RolledBack {
        why: String,
        /// Whether it has all been put back.
        done: bool,
    },
}

impl Rollout {
    pub(super) fn of(service: &Service) -> Self {
        let Some(status) = &service.update_status else { return Self::None };
        let why = status.message.clone().unwrap_or_default();
        match status.state {
            Some(UpdateState::UPDATING) => Self::Going { why, restores: service.spec.as_ref().is_some_and(restores) },
            Some(UpdateState::PAUSED) => Self::Paused { why },
            Some(UpdateState::ROLLBACK_STARTED) => Self::RolledBack { why, done: false },
            // One that was paused stays as it is: nothing goes on that a new count could disturb.
            Some(UpdateState::ROLLBACK_PAUSED | UpdateState::ROLLBACK_COMPLETED) => {
                Self::RolledBack { why, done: true }
            }
            Some(UpdateState::COMPLETED | UpdateState::EMPTY) | None => Self::None,
        }
    }
}

fn restores(spec: &ServiceSpec) -> bool {
    let action = spec.update_config.as_ref().and_then(|config| config.failure_action);
    action == Some(FailureAction::ROLLBACK)
}

/// Whether Swarm wants the task to run, or to end by itself.
pub(super) fn is_wanted(task: &Task) -> bool {
    task.desired_state.unwrap_or(TaskState::RUNNING) <= TaskState::COMPLETE
}

fn is_down(node: &Node) -> bool {
    node.status.as_ref().and_then(|status| status.state) == Some(NodeState::DOWN)
}

pub(super) fn state(task: &Task) -> TaskState {
    task.status.as_ref().and_then(|status| status.state).unwrap_or(TaskState::NEW)
}

pub(super) fn has_ended(state: TaskState) -> bool {
    state > TaskState::RUNNING
}
