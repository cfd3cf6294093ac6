"""The facts of one moment, as an author wants them."""

from __future__ import annotations

from bisect import bisect_right
from datetime import timedelta

from .parameters import milliseconds
from .readings import Reading
from .wire import contract


class Snapshot:
    """The facts of one moment about one target: all that a policy knows. There is no other clock, no file and no network."""

    __slots__ = ("wire", "_needs")

    def __init__(self, wire: contract.Snapshot, needs: list[contract.Need]) -> None:
        self.wire = wire
        """The contract's own record, with all that has no short form here."""
        self._needs = needs

    @property
    def now_ms(self) -> int:
        """The time of this moment, in milliseconds since the Unix epoch."""
        return self.wire.now_ms

    @property
    def target(self) -> contract.Target:
        """The workload: counts, containers, abilities, bounds."""
        return self.wire.target

    @property
    def desired(self) -> int:
        """The count last asked of the backend: the base for any new count."""
        return self.wire.target.desired

    @property
    def in_flight(self) -> contract.InFlight | None:
        """The change in flight, if there is one."""
        return self.wire.in_flight

    @property
    def instances(self) -> list[contract.Instance]:
        """The instances: if a need asked for them, or for a reading of them."""
        return self.wire.instances

    @property
    def nodes(self) -> list[contract.Node]:
        """The nodes: if a need asked for them, or for a reading of them."""
        return self.wire.nodes

    @property
    def alerts(self) -> list[contract.Alert]:
        """Alerts that nobody has handled yet, if a need asked for them."""
        return self.wire.alerts

    @property
    def changes(self) -> list[contract.Change]:
        """Past changes, oldest first, if a need asked for them."""
        return self.wire.changes

    @property
    def memory(self) -> bytes:
        """What the policy kept last time: see `trimtab.memory`."""
        return self.wire.memory

    def ago_ms(self, span: timedelta) -> int:
        """The point in time that lies `span` back, in milliseconds since the Unix epoch; never before it."""
        return max(self.wire.now_ms - milliseconds(span), 0)

    def label(self, name: str) -> str | None:
        """A label of the target that a need asked for."""
        return next((value for key, value in self.wire.target.labels if key == name), None)

    def attr(self, name: str) -> contract.Value | None:
        """A fact that has no field yet."""
        return next((value for key, value in self.wire.attrs if key == name), None)

    def offset_seconds(self, zone: str, at_ms: int) -> int | None:
        """Offset from UTC, in seconds east, of a zone that a need asked for, at a point in time; `None` if not known."""
        for transitions in self.wire.transitions:
            if transitions.zone == zone:
                after = bisect_right(transitions.at_ms, at_ms)
                return transitions.offsets_seconds[after - 1] if after > 0 else None
        return None

    def reading(self, name: str, subject: str | None = None) -> Reading:
        """The reading of that name; say whose, where a policy asks for one name of several subjects.

        One that no need asked for is absent for every owner.
        """
        for position, need in enumerate(self._needs):
            if need.kind == "reading" and need.name == name and subject in (None, need.subject):
                return Reading(self.wire, name, position, need.subject == "node")
        return Reading(self.wire, name, None, False)
