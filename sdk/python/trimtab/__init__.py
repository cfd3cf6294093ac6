"""What a policy is written with. One file per noun; README.md of the project shows them at work."""

from .answer import Answer, Proposal, abstain, act, at_least, at_most, hold, resize, scale
from .figures import figure, replicas
from .needs import alerts, changes, instances, label, nodes, reading, transitions
from .parameters import Json, Parameters, parameter
from .phase import Phase, is_leaving
from .policy import About, Policy, export
from .readings import Absent, Fresh, Reading, Stale
from .refusal import Refusal
from .samples import Samples, Texts
from .snapshot import Snapshot
from .wire import contract

__all__ = [
    "About",
    "Absent",
    "Answer",
    "Fresh",
    "Json",
    "Parameters",
    "Phase",
    "Policy",
    "Proposal",
    "Reading",
    "Refusal",
    "Samples",
    "Snapshot",
    "Stale",
    "Texts",
    "abstain",
    "act",
    "alerts",
    "at_least",
    "at_most",
    "changes",
    "contract",
    "export",
    "figure",
    "hold",
    "instances",
    "is_leaving",
    "label",
    "nodes",
    "parameter",
    "reading",
    "replicas",
    "resize",
    "scale",
    "transitions",
]
