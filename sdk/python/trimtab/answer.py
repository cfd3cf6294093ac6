"""What a policy says: proposals, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable

from .wire import U64_MAX, attributes, contract, count, text, whole

Proposal = contract.Proposal
"""One thing that a policy asks for: made by the functions below, none of which does without a reason."""

# The longest text that the host takes as an attribute.
_DEALT_WITH_BYTES_MAX = 2048


class Answer:
    """Proposals, and what else is worth a record.

    No proposals abstain. `deals_with` are ids of alerts: without it, an answer that proposes anything deals with all that it was shown.
    `memory` is what to keep for next time; `None` keeps what was kept.
    """

    __slots__ = ("proposals", "notes", "attrs", "deals_with", "memory")

    def __init__(
        self,
        *proposals: Proposal,
        notes: Iterable[str] = (),
        attrs: dict[str, object] | None = None,
        deals_with: Iterable[str] | None = None,
        memory: bytes | None = None,
    ) -> None:
        self.proposals = proposals
        self.notes = notes
        self.attrs = attrs
        self.deals_with = deals_with
        self.memory = memory

    def to_wire(self) -> contract.Answer:
        """The contract's own record."""
        attrs = attributes(self.attrs)
        if self.deals_with is not None:
            attrs.append(("alerts-dealt-with", contract.Value_Text(_dealt_with(self.deals_with))))
        return contract.Answer(
            verdict=contract.Verdict_Proposals(list(self.proposals)),
            memory=self.memory,
            notes=[text(note) for note in self.notes],
            attrs=attrs,
        )


def scale(replicas: int, reason: str, **extras: object) -> Proposal:
    """Exactly so many replicas. For `extras` see `act`."""
    proposal = _propose("scale", reason, **extras)
    proposal.count = count(replicas)
    return proposal


def at_least(replicas: int, reason: str, **extras: object) -> Proposal:
    """At least so many replicas, whatever other policies of the binding ask."""
    return _propose("scale", reason, **{**extras, "at_least": replicas})


def at_most(replicas: int, reason: str, **extras: object) -> Proposal:
    """At most so many replicas, whatever other policies of the binding ask."""
    return _propose("scale", reason, **{**extras, "at_most": replicas})


def resize(
    reason: str,
    *,
    container: str = "",
    cpu_millis: tuple[int | None, int | None] = (None, None),
    memory_bytes: tuple[int | None, int | None] = (None, None),
    size_class: str = "",
    **extras: object,
) -> Proposal:
    """New requests and limits, each a pair of them, of one container; or a size out of the backend's list.

    An empty name means the only container, `None` leaves a figure as it is. For more containers, add to `resources`.
    """
    proposal = _propose("resize", reason, **extras)
    proposal.size_class = text(size_class)
    if not size_class:
        requests, limits = (_resources(cpu_millis[side], memory_bytes[side]) for side in (0, 1))
        proposal.resources.append(contract.ContainerResources(text(container), requests, limits, []))
    return proposal


def hold(reason: str) -> Proposal:
    """A vote for the present state."""
    return _propose("hold", reason)


def act(kind: str, instances: Iterable[str], reason: str, **extras: object) -> Proposal:
    """Any kind, concerning these instances: `restart`, `replace`, `remove`, `start`, `redeploy`, and kinds that are yet to come.

    `extras` are `at_least` and `at_most`, `instances` (the preferred first; for `scale`, which to remove first), `placement` (nodes or
    zones to prefer), `group` (proposals of one group, other than 0, are done all or not at all) and `attrs` (named values).
    """
    return _propose(text(kind), reason, **{**extras, "instances": instances})


def abstain() -> Answer:
    """Nothing to say this time: other policies of the binding decide."""
    return Answer()


def _propose(
    kind: str,
    reason: str,
    *,
    at_least: int | None = None,
    at_most: int | None = None,
    instances: Iterable[str] = (),
    placement: Iterable[str] = (),
    group: int = 0,
    attrs: dict[str, object] | None = None,
) -> Proposal:
    return contract.Proposal(
        kind=kind,
        count=None,
        at_least=None if at_least is None else count(at_least),
        at_most=None if at_most is None else count(at_most),
        instances=[text(one) for one in instances],
        resources=[],
        size_class="",
        placement=[text(one) for one in placement],
        group=count(group),
        reason=text(reason),
        attrs=attributes(attrs),
    )


def _resources(cpu_millis: int | None, memory_bytes: int | None) -> contract.Resources:
    cpu, memory = (None if one is None else whole(one, 0, U64_MAX) for one in (cpu_millis, memory_bytes))
    return contract.Resources(cpu_millis=cpu, memory_bytes=memory)


def _dealt_with(ids: Iterable[str]) -> str:
    """As many as fit: those beyond stay open."""
    joined = ""
    for one in map(text, ids):
        longer = f"{joined} {one}" if joined else one
        if len(longer.encode()) <= _DEALT_WITH_BYTES_MAX:
            joined = longer
    return joined
