"""Plays a policy through a moment, outside the sandbox: the same functions and the same columns as in it. For tests alone."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from .parameters import milliseconds, to_wire
from .wire import U32_MAX, contract

_NOW_MS = 1_767_225_600_000
_FRESH, _STALE, _ABSENT, _OF_TEXTS = 0, 1, 2, 16


class Old(list):
    """Samples that are too old to act on: `Old([412])`."""


@dataclass
class Played:
    """What came of it."""

    kind: str
    """The kind of the only proposal, `refused`, `abstained`, or `several`."""
    count: int | None
    """The count of the only proposal."""
    reason: str
    """The reason of the only proposal, or the text of the refusal."""
    refusal: str | None
    """The word of the refusal."""
    notes: list[str]
    """Sentences for whoever reads the record."""
    answer: contract.Answer
    """The contract's own record."""


def play(
    decide: type,
    *,
    params: dict[str, object] | None = None,
    replicas: int = 1,
    instances: list[Any] | None = None,
    nodes: list[Any] | None = None,
    readings: dict[str, Any] | None = None,
    labels: dict[str, str] | None = None,
    step: timedelta = timedelta(seconds=15),
    memory: bytes = b"",
    facts: dict[str, object] | None = None,
    target: dict[str, object] | None = None,
) -> Played:
    """Plays a policy through a moment: what is not said is as dull as can be.

    A reading of the target is a number, a list of them (oldest first, the last one now), a text, `Old` or `None`; of instances, nodes or
    others a dict of these by owner. Instances and nodes are named by their ids, or are the contract's own records; if nothing is said,
    there are `replicas` ready instances `i-1`, `i-2` and so on. `facts` and `target` replace fields of the contract's records as they
    are. Raises `ValueError` where parameters are not such as the host would take.
    """
    policy = decide()
    values = _values(policy.describe().parameters, params or {})
    needs = policy.needs(copy.deepcopy(values))
    moment = _Moment(needs, readings or {}, milliseconds(step))
    moment.instances = [_instance(one) for one in instances or [f"i-{one + 1}" for one in range(replicas)]]
    moment.nodes = [_node(one) for one in nodes or []]
    kept = [(name, value) for name, value in (labels or {}).items() if moment.asks("label", name)]
    whole = moment.snapshot(replace(_target(replicas), labels=kept, **(target or {})), values, memory)
    return _played(policy.evaluate(replace(whole, **(facts or {}))))


def _played(answer: contract.Answer) -> Played:
    verdict = answer.verdict
    if isinstance(verdict, contract.Verdict_Refused):
        return Played("refused", None, verdict.value.text, verdict.value.kind, answer.notes, answer)
    match verdict.value:
        case []:
            return Played("abstained", None, "", None, answer.notes, answer)
        case [only]:
            return Played(only.kind, only.count, only.reason, None, answer.notes, answer)
        case _:
            return Played("several", None, "", None, answer.notes, answer)


_TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "s64": (int,),
    "f64": (int, float),
    "text": (str,),
    "duration": (timedelta,),
    "json": (str,),
}


def _values(declared: list[contract.Parameter], given: dict[str, object]) -> list:
    unknown = set(given) - {one.name for one in declared}
    if unknown:
        raise ValueError(f"there is no parameter `{min(unknown)}`")
    return [_value(one, given) for one in declared]


def _value(one: contract.Parameter, given: dict[str, object]) -> object:
    if one.name not in given:
        if one.required:
            raise ValueError(f"parameter `{one.name}` is required")
        return copy.deepcopy(one.default)
    value = given[one.name]
    item = one.kind.removeprefix("list<").removesuffix(">")
    items = value if isinstance(value, list) else [value]
    is_list = item != one.kind
    if isinstance(value, list) != is_list or not all(_is_of(item, each) for each in items):
        raise ValueError(f"parameter `{one.name}` is not of type {one.kind}")
    for each in items:
        number = milliseconds(each) if isinstance(each, timedelta) else each
        low = one.min is not None and number < one.min
        if low or (one.max is not None and number > one.max):
            raise ValueError(f"parameter `{one.name}` is out of its range")
        if one.choices and each not in one.choices:
            raise ValueError(f"parameter `{one.name}` is none of {', '.join(one.choices)}")
    return to_wire(one.kind, value)


def _is_of(word: str, value: object) -> bool:
    return isinstance(value, _TYPES[word]) and (word == "bool" or not isinstance(value, bool))


class _Moment:
    """What is said of one, on its way to the columns in which it crosses."""

    def __init__(self, needs: list[contract.Need], readings: dict[str, Any], step_ms: int) -> None:
        self.needs, self.given, self.step_ms = needs, readings, step_ms
        self.instances: list[contract.Instance] = []
        self.nodes: list[contract.Node] = []
        self.freshness: list[int] = []
        self.columns = contract.Readings([], [], b"", [], [], [], [], [], [], [], [])

    def asks(self, kind: str, name: str) -> bool:
        return any(need.kind == kind and need.name == name for need in self.needs)

    def snapshot(self, target: contract.Target, values: list, memory: bytes) -> contract.Snapshot:
        asked = {need.subject if need.kind == "reading" else need.kind for need in self.needs}
        for index, need in enumerate(self.needs):
            if need.kind == "reading":
                self._rows(index, need)
        self.columns.freshness = bytes(self.freshness)
        return contract.Snapshot(
            now_ms=_NOW_MS,
            target=target,
            in_flight=None,
            instances=self.instances if asked & {"instance", "instances"} else [],
            nodes=self.nodes if asked & {"node", "nodes"} else [],
            readings=self.columns,
            alerts=[],
            changes=[],
            transitions=[],
            params=values,
            memory=memory,
            attrs=[],
        )

    def _rows(self, index: int, need: contract.Need) -> None:
        given = self.given.get(need.name)
        by = given if isinstance(given, dict) else {}
        owners = {"instance": self.instances, "node": self.nodes}.get(need.subject)
        if need.subject == "target":
            self._row(index, U32_MAX, None if isinstance(given, dict) else given, need)
        elif owners is not None:
            for owner, one in enumerate(owners):
                self._row(index, owner, by.get(one.id), need)
        else:
            for name in sorted(by):
                self.columns.owner_names.append((len(self.columns.needs), name))
                self._row(index, U32_MAX, by[name], need)

    def _row(self, index: int, owner: int, series: Any, need: contract.Need) -> None:
        columns = self.columns
        columns.needs.append(index)
        columns.owners.append(owner)
        if isinstance(series, str):
            self._extent(_FRESH + _OF_TEXTS, len(columns.texts), 1)
            columns.text_times_ms.append(_NOW_MS)
            columns.texts.append(series)
            return
        values = series if isinstance(series, list) else [] if series is None else [series]
        points = [(_NOW_MS - back * self.step_ms, value) for back, value in enumerate(reversed(values))]
        # As at the host, what is older than the look-back stays out, but for the youngest.
        points = [point for point in points if point[0] >= _NOW_MS - need.look_back_ms] or points[:1]
        freshness = _STALE if isinstance(series, Old) else _FRESH
        self._extent(freshness if points else _ABSENT, len(columns.values), len(points))
        columns.times_ms.extend(at for at, _ in reversed(points))
        columns.values.extend(float(value) for _, value in reversed(points))

    def _extent(self, freshness: int, first: int, count: int) -> None:
        self.freshness.append(freshness)
        self.columns.firsts.append(first)
        self.columns.counts.append(count)


def _unknown() -> contract.Resources:
    return contract.Resources(cpu_millis=None, memory_bytes=None)


def _target(replicas: int) -> contract.Target:
    kinds = ["scale", "resize", "restart", "replace", "remove", "start", "redeploy"]
    return contract.Target(
        id="rehearsal/target",
        backend="rehearsal",
        kind="process-group",
        zones=[],
        labels=[],
        desired=replicas,
        total=replicas,
        ready=replicas,
        containers=[contract.Container("main", _unknown(), _unknown(), [])],
        abilities=contract.Abilities(2, 1, kinds, [], []),
        limits=contract.Limits(0, 1000, _unknown(), _unknown(), []),
        attrs=[],
    )


def _instance(given: Any) -> contract.Instance:
    if not isinstance(given, str):
        return given
    return contract.Instance(
        id=given,
        name="",
        node=None,
        phase=3,
        started_ms=_NOW_MS - 3_600_000,
        restarts=0,
        requests=_unknown(),
        limits=_unknown(),
        usage=_unknown(),
        protected=False,
        attrs=[],
    )


def _node(given: Any) -> contract.Node:
    if not isinstance(given, str):
        return given
    return contract.Node(given, "", True, True, _unknown(), _unknown(), [])
