"""Readings by name, borrowed from the columns in which they cross, and honest about what is not known."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Any

from .refusal import Refusal
from .samples import Samples, Texts
from .phase import Phase, is_leaving
from .wire import U32_MAX, contract

# Added to the freshness of a row of texts.
_OF_TEXTS = 16


class Fresh:
    """Known, and young enough to act on."""

    __slots__ = ("value",)
    __match_args__ = ("value",)
    word = "fresh"

    def __init__(self, value: Any) -> None:
        self.value = value


class Stale:
    """Known once, too old to act on."""

    __slots__ = ("value",)
    __match_args__ = ("value",)
    word = "stale"

    def __init__(self, value: Any) -> None:
        self.value = value


class Absent:
    """Not known. Never zero."""

    __slots__ = ()
    word = "absent"


# There is no way to a number that passes by the question how good it is: `match fact: case Fresh(samples): …`.
Fact = Fresh | Stale | Absent


class Reading:
    """One reading of the binding: a series per owner."""

    __slots__ = ("name", "_snapshot", "_of_nodes", "_from", "_to")

    def __init__(self, snapshot: contract.Snapshot, name: str, need: int | None, of_nodes: bool) -> None:
        """The rows of the need at that position in the list that the policy returned; no rows for `None`."""
        self.name = name
        self._snapshot = snapshot
        self._of_nodes = of_nodes
        self._from = self._to = 0
        if need is not None:
            needs = snapshot.readings.needs
            self._from, self._to = bisect_left(needs, need), bisect_right(needs, need)

    def samples(self) -> Fact:
        """`Samples` of the target's own reading; of another subject's, those of its first owner."""
        return self._row(self._from)

    def fresh(self) -> Samples:
        """The samples, where the policy cannot answer without them: a `Refusal` that names the reading if they are stale or absent."""
        fact = self._row(self._from)
        if isinstance(fact, Fresh):
            return fact.value
        raise Refusal.reading_missing(f"reading `{self.name}` is {fact.word}")

    def texts(self) -> Fact:
        """`Texts` of the target's own reading: a state to compare."""
        columns, row = self._snapshot.readings, self._from
        if row >= self._to:
            return Absent()
        first, last = columns.firsts[row], columns.firsts[row] + columns.counts[row]
        texts = Texts(columns.text_times_ms[first:last], columns.texts[first:last])
        return self._judge(row, _OF_TEXTS, texts, len(texts.texts))

    def instances(self) -> list[tuple[contract.Instance, Fact]]:
        """Every instance of the snapshot with its samples, in the snapshot's order; without a row, they are absent."""
        return self._with_owners(self._snapshot.instances)

    def serving(self) -> list[tuple[contract.Instance, Fact]]:
        """Every instance that does its share with its samples.

        Not one that starts, for it uses what it will not use again, and not one that leaves, for it no longer uses what it did.
        """
        starts = (Phase.PENDING, Phase.STARTING)
        return [pair for pair in self.instances() if pair[0].phase not in starts and not is_leaving(pair[0].phase)]

    def nodes(self) -> list[tuple[contract.Node, Fact]]:
        """Every node of the snapshot with its samples, in the snapshot's order; without a row, they are absent."""
        return self._with_owners(self._snapshot.nodes)

    def owners(self) -> list[tuple[contract.Instance | contract.Node | str | None, Fact]]:
        """Every row with whose it is: an instance, a node, a name, or `None` for the target."""
        return [(self._owner(row), self._row(row)) for row in range(self._from, self._to)]

    def _with_owners(self, all: list) -> list:
        owners = self._snapshot.readings.owners
        rows = {owners[row]: row for row in range(self._from, self._to)}
        return [(owner, self._row(rows[index]) if index in rows else Absent()) for index, owner in enumerate(all)]

    def _owner(self, row: int) -> contract.Instance | contract.Node | str | None:
        snapshot = self._snapshot
        for named, name in snapshot.readings.owner_names:
            if named == row:
                return name
        # A reading belongs to instances or to nodes; which of them, only the need's subject says.
        index, all = snapshot.readings.owners[row], snapshot.nodes if self._of_nodes else snapshot.instances
        return all[index] if index != U32_MAX and index < len(all) else None

    def _row(self, row: int) -> Fact:
        if row >= self._to:
            return Absent()
        columns = self._snapshot.readings
        first, last = columns.firsts[row], columns.firsts[row] + columns.counts[row]
        values = columns.values[first:last]
        return self._judge(row, 0, Samples(columns.times_ms[first:last], values), len(values))

    def _judge(self, row: int, form: int, series: Samples | Texts, length: int) -> Fact:
        """A freshness that is not known to this version, a row without samples, and one of another form count as absent."""
        columns = self._snapshot.readings
        if length == 0 or length != columns.counts[row]:
            return Absent()
        match columns.freshness[row] - form:  # 0 fresh, 1 stale
            case 0:
                return Fresh(series)
            case 1:
                return Stale(series)
            case _:
                return Absent()
