//! The one check.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Identity, Place, Role};

/// Something that can be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// See targets.
    TargetRead,
    /// See what was decided, and why.
    DecisionRead,
    /// See bindings.
    BindingRead,
    /// See policies, their versions and what becomes of uploads.
    PolicyRead,
    /// See the host's measures. They name bindings and policies of all.
    MetricsRead,
    /// Bring in code, which then does nothing.
    PolicyUpload,
    /// Let a version watch. Nothing of what it says is done.
    PolicyShadow,
    /// Let a version act, or no longer.
    PolicyActivate,
    /// Remove a version.
    PolicyRemove,
    /// Make, change and remove bindings.
    BindingWrite,
    /// Pause a target, pin its count, have it looked at now.
    TargetSteer,
    /// Stop and resume everything; read the configuration again.
    HostSteer,
    /// Make, see and revoke tokens.
    TokenManage,
    /// See who changed what.
    TrailRead,
}

impl Permission {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::TargetRead,
        Self::DecisionRead,
        Self::BindingRead,
        Self::PolicyRead,
        Self::MetricsRead,
        Self::PolicyUpload,
        Self::PolicyShadow,
        Self::PolicyActivate,
        Self::PolicyRemove,
        Self::BindingWrite,
        Self::TargetSteer,
        Self::HostSteer,
        Self::TokenManage,
        Self::TrailRead,
    ];

    /// The least role that has it.
    #[must_use]
    pub fn least_role(self) -> Role {
        match self {
            Self::TargetRead | Self::DecisionRead | Self::BindingRead | Self::PolicyRead | Self::MetricsRead => {
                Role::Viewer
            }
            Self::PolicyUpload | Self::PolicyShadow => Role::Author,
            Self::PolicyActivate | Self::PolicyRemove | Self::BindingWrite | Self::TargetSteer | Self::HostSteer => {
                Role::Operator
            }
            Self::TokenManage | Self::TrailRead => Role::Admin,
        }
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn only_reads(self) -> bool {
        matches!(
            self,
            Self::TargetRead
                | Self::DecisionRead
                | Self::BindingRead
                | Self::PolicyRead
                | Self::MetricsRead
                | Self::TrailRead
        )
    }

    /// Whether it reaches beyond any binding, so that a token for some bindings does not have it for the host. An upload
    /// does not: code that is merely there touches no binding.
    fn spans_bindings(self) -> bool {
        matches!(
            self,
            Self::MetricsRead
                | Self::PolicyActivate
                | Self::PolicyRemove
                | Self::HostSteer
                | Self::TokenManage
                | Self::TrailRead
        )
    }

    /// Its word, in problems and in the log of changes.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::TargetRead => "target-read",
            Self::DecisionRead => "decision-read",
            Self::BindingRead => "binding-read",
            Self::PolicyRead => "policy-read",
            Self::MetricsRead => "metrics-read",
            Self::PolicyUpload => "policy-upload",
            Self::PolicyShadow => "policy-shadow",
            Self::PolicyActivate => "policy-activate",
            Self::PolicyRemove => "policy-remove",
            Self::BindingWrite => "binding-write",
            Self::TargetSteer => "target-steer",
            Self::HostSteer => "host-steer",
            Self::TokenManage => "token-manage",
            Self::TrailRead => "trail-read",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What something is to be done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object<'a> {
    /// The host as a whole, or what belongs to no binding.
    Host,
    /// Many things, each of which is asked about by itself before it is shown: only the role counts.
    Each,
    /// One target or binding.
    Place(Place<'a>),
    /// A binding as somebody would have it. A token that is for names of bindings alone says nothing of targets: to it, a name
    /// is no leave to reach for others.
    Selection {
        /// What it would select.
        place: Place<'a>,
        /// Whether that is no more than the binding of this name selects now.
        within: bool,
        /// Whether it stays under the budget that it is under now: to change that takes a token for the whole host.
        same_budget: bool,
    },
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The role does not have it.
    #[error("this token's role is {has}, and {permission} needs {needs}")]
    Role {
        /// What was wanted.
        permission: Permission,
        /// The token's role.
        has: Role,
        /// The least role that has it.
        needs: Role,
    },
    /// The token is for other bindings.
    #[error("this token holds for {scope}, which does not cover what was asked for")]
    Scope {
        /// What it is for, in words.
        scope: String,
    },
}

/// Whether `identity` may do this to `object`. API, command line and dashboard all ask here, and nobody decides elsewhere.
///
/// # Errors
/// Why not.
pub fn permit(identity: &Identity, permission: Permission, object: &Object<'_>) -> Result<(), Denied> {
    let needs = permission.least_role();
    if identity.role < needs {
        return Err(Denied::Role { permission, has: identity.role, needs });
    }
    let covered = identity.scope.is_whole()
        || match object {
            Object::Each => true,
            Object::Host => !permission.spans_bindings(),
            Object::Place(place) if permission.only_reads() => identity.scope.touches(place),
            Object::Place(place) => identity.scope.covers(place),
            Object::Selection { place, within, same_budget } => {
                *same_budget && identity.scope.covers(place) && (*within || identity.scope.is_for_targets())
            }
        };
    if covered { Ok(()) } else { Err(Denied::Scope { scope: identity.scope.to_string() }) }
}
