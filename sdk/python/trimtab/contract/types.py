# Made from wit/v1/policy.wit by `cargo xtask bindings`. Not to be edited.
"""The values that cross the boundary, under the names that componentize-py gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Tuple, Union


@dataclass
class Value_Int:
    """A whole number."""

    value: int


@dataclass
class Value_Num:
    """A measurement."""

    value: float


@dataclass
class Value_Text:
    """A text."""

    value: str


@dataclass
class Value_Flag:
    """Yes or no."""

    value: bool


Value = Union[Value_Int, Value_Num, Value_Text, Value_Flag]
"""A small value in `attrs`."""


Attrs = List[Tuple[str, Value]]
"""Room to grow: named small values. Unknown names are to be ignored. An empty list costs nothing."""


@dataclass
class ParamValue_Unset:
    """An optional parameter that the operator did not give."""


@dataclass
class ParamValue_Flag:
    """Type `bool`."""

    value: bool


@dataclass
class ParamValue_Int:
    """Type `s64`."""

    value: int


@dataclass
class ParamValue_Num:
    """Type `f64`; always finite."""

    value: float


@dataclass
class ParamValue_Text:
    """Type `text`."""

    value: str


@dataclass
class ParamValue_DurationMs:
    """Type `duration`, in milliseconds."""

    value: int


@dataclass
class ParamValue_Flags:
    """Type `list<bool>`."""

    value: List[bool]


@dataclass
class ParamValue_Ints:
    """Type `list<s64>`."""

    value: List[int]


@dataclass
class ParamValue_Nums:
    """Type `list<f64>`."""

    value: List[float]


@dataclass
class ParamValue_Texts:
    """Type `list<text>`."""

    value: List[str]


@dataclass
class ParamValue_DurationsMs:
    """Type `list<duration>`, in milliseconds."""

    value: List[int]


@dataclass
class ParamValue_Json:
    """Type `json`: JSON text that fits the parameter's schema."""

    value: str


ParamValue = Union[ParamValue_Unset, ParamValue_Flag, ParamValue_Int, ParamValue_Num, ParamValue_Text, ParamValue_DurationMs, ParamValue_Flags, ParamValue_Ints, ParamValue_Nums, ParamValue_Texts, ParamValue_DurationsMs, ParamValue_Json]
"""---------------------------------------------------------------------------------------------- manifest, needs
The value of a parameter. Parameters cross in the order in which the manifest declares them, without their names,
one value for each: the host has filled in defaults and checked type and range."""


@dataclass
class Parameter:
    """One parameter that a policy takes."""

    name: str
    """Lower-case letters, digits and `_`; unique in the manifest."""
    kind: str
    """`bool`, `s64`, `f64`, `text`, `duration`, `list<…>` of one of these, or `json`."""
    default: ParamValue
    """The value where the operator gives none; `unset` makes the parameter optional, or required if `required`."""
    required: bool
    """Whether a binding without it is refused."""
    min: Optional[float]
    """Least number (for durations: milliseconds; for lists: of each item)."""
    max: Optional[float]
    """Greatest number, likewise."""
    choices: List[str]
    """For `text` and `list<text>`: the values allowed; empty allows any."""
    schema: str
    """For `json`: a JSON Schema; empty for none."""
    doc: str
    """One or two sentences for a person."""
    attrs: Attrs
    """Room to grow."""


@dataclass
class Manifest:
    """What a policy says of itself. The same at every call."""

    name: str
    """Lower-case letters, digits and `-`."""
    version: str
    """Semantic version of the policy."""
    summary: str
    """One sentence."""
    parameters: List[Parameter]
    """Its parameters, in the order in which their values are passed."""
    kinds: List[str]
    """Kinds of proposal that it may make, as in `proposal.kind`. `hold` needs no mention."""
    memory_bytes: int
    """Most bytes of memory that it keeps from one evaluation to the next; 0 for none."""
    memory_format: int
    """Number of the format of these bytes. Another version inherits the memory only if its number is the same."""
    attrs: Attrs
    """Room to grow."""


@dataclass
class Need:
    """One fact that a policy wants in its snapshots. What no need asks for does not cross."""

    kind: str
    """`reading`, `label`, `instances`, `nodes`, `alerts`, `changes`, `transitions`. A host that does not know a kind
    refuses the binding and names it."""
    name: str
    """For `reading`: its name in the binding. For `label`: the label. For `transitions`: the IANA time zone. Else empty."""
    subject: str
    """For `reading`: whose it is: `target`, `instance`, `node`, `container`, `pool`, `balancer`, `queue`. Else empty."""
    unit: str
    """For `reading`: the unit expected, for a person and a check; empty if any. Else empty."""
    look_back_ms: int
    """For `reading`, `changes`: how far back. 0: the latest sample only. For `transitions`: how far ahead."""
    step_ms: int
    """For `reading`: the wanted distance of samples; 0 leaves it to the source."""
    required: bool
    """Whether the binding is refused if nothing provides it."""
    attrs: Attrs
    """Room to grow."""


@dataclass
class Refusal:
    """Why a policy declines to answer. Not a crash, and never a wish to lower."""

    kind: str
    """`reading-missing`, `parameter-wrong`, `not-applicable`, or another word."""
    text: str
    """One sentence for a person, with the names and numbers concerned."""
    attrs: Attrs
    """Room to grow."""


@dataclass
class Resources:
    """------------------------------------------------------------------------------------------------------ snapshot
    CPU and memory; `none` is "not known" or "not limited", never zero."""

    cpu_millis: Optional[int]
    """Thousandths of a core."""
    memory_bytes: Optional[int]
    """Bytes."""


@dataclass
class Container:
    """One container of the workload's template (a plain process is one container named `main`)."""

    name: str
    """Its name."""
    requests: Resources
    """What is set aside for it."""
    limits: Resources
    """What it may use at most."""
    attrs: Attrs
    """Room to grow."""


@dataclass
class Size:
    """A size that the backend sells or knows."""

    class_: str
    """Its name at the backend."""
    resources: Resources
    """What it has."""
    price_per_hour: Optional[float]
    """Price of one instance for one hour, in the operator's currency; `none` if not known."""
    attrs: Attrs
    """Room to grow."""


@dataclass
class Abilities:
    """What the backend can do for this target."""

    victims: int
    """Whether a proposal may choose which instance goes: 0 no, 1 as a hint, 2 exactly."""
    resize: int
    """How instances change size: 0 not at all, 1 live, 2 by being made anew."""
    kinds: List[str]
    """Kinds of proposal that the backend can carry out."""
    sizes: List[Size]
    """Sizes to choose from; empty if any size goes."""
    attrs: Attrs
    """Room to grow."""


@dataclass
class Limits:
    """The bounds in force; the host holds every answer to them, a policy reads them to plan."""

    replicas_min: int
    """Fewest replicas."""
    replicas_max: int
    """Most replicas."""
    least: Resources
    """Least per container."""
    most: Resources
    """Most per container."""
    attrs: Attrs
    """Room to grow."""


@dataclass
class Target:
    """The workload."""

    id: str
    """Unique in the host: `driver/name`."""
    backend: str
    """The driver's name."""
    kind: str
    """What the backend calls such a thing: `process-group`, `service`, `stateful-set` …"""
    zones: List[str]
    """Zones that it spans."""
    labels: List[Tuple[str, str]]
    """The labels asked for by need, where the target has them."""
    desired: int
    """The count last asked of the backend; the base for any new count."""
    total: int
    """Instances that exist, of whatever phase."""
    ready: int
    """Instances that serve."""
    containers: List[Container]
    """Its containers."""
    abilities: Abilities
    """What the backend can do."""
    limits: Limits
    """The bounds in force."""
    attrs: Attrs
    """Room to grow."""


@dataclass
class InFlight:
    """A change that was begun and is not yet complete."""

    kind: str
    """As `proposal.kind`."""
    from_count: int
    """Count before."""
    to_count: int
    """Count asked for."""
    since_ms: int
    """When it began."""
    pending: List[str]
    """What it waits for, for a person."""
    stuck: bool
    """Whether its deadline has passed."""
    attrs: Attrs
    """Room to grow."""


@dataclass
class Instance:
    """One instance of the workload."""

    id: str
    """Unique in the target; what proposals name."""
    name: str
    """The name people know; may equal `id`."""
    node: Optional[int]
    """Index of its node in `snapshot.nodes` if nodes were asked for, else a number that tells nodes apart."""
    phase: int
    """0 unknown, 1 pending, 2 starting, 3 ready, 4 unready, 5 draining, 6 stopping, 7 stopped, 8 failed, 9 lost."""
    started_ms: Optional[int]
    """When it started."""
    restarts: int
    """Times it was restarted by whatever keeps it running."""
    requests: Resources
    """What is set aside for it."""
    limits: Resources
    """What it may use at most."""
    usage: Resources
    """What it uses now."""
    protected: bool
    """Whether the operator or the backend forbids to remove it."""
    attrs: Attrs
    """Room to grow."""


@dataclass
class Node:
    """One node that instances run on."""

    id: str
    """Unique at the backend."""
    zone: str
    """Its zone; empty if none."""
    ready: bool
    """Whether it works."""
    schedulable: bool
    """Whether new instances may be put there."""
    capacity: Resources
    """What it has."""
    free: Resources
    """What is free on it."""
    attrs: Attrs
    """Room to grow."""


@dataclass
class Readings:
    """All readings, as columns. Row i is (needs[i], owners[i], freshness[i], firsts[i], counts[i]). Rows are ordered by
    need, then by owner, and no row is missing: a reading that could not be had is a row whose freshness is absent."""

    needs: List[int]
    """Index into the list that `needs` returned. Forms are numbers unless `freshness` says otherwise."""
    owners: List[int]
    """Index into `snapshot.instances` or `snapshot.nodes`, as the need's subject says; 4294967295 for the target's own
    and for other subjects, whose names then stand in `owner-names`."""
    freshness: bytes
    """0 fresh, 1 stale (samples are there, too old to act on), 2 absent (no samples: not known, never zero). Add 16 for
    a reading whose samples are texts."""
    firsts: List[int]
    """First sample, as an index into `times-ms` and `values`, or into `text-times-ms` and `texts` for a reading of texts."""
    counts: List[int]
    """Number of samples, oldest first."""
    times_ms: List[int]
    """Times of the numeric samples."""
    values: List[float]
    """The numeric samples; always finite."""
    text_times_ms: List[int]
    """Times of the text samples."""
    texts: List[str]
    """The text samples."""
    owner_names: List[Tuple[int, str]]
    """Names of owners that are neither instances nor nodes: (row, name)."""
    attrs: Attrs
    """Room to grow."""


@dataclass
class Alert:
    """An alert that nobody has handled yet."""

    id: str
    """Unique in the host."""
    name: str
    """Its name."""
    since_ms: int
    """When it began."""
    labels: List[Tuple[str, str]]
    """Its labels."""
    attrs: Attrs
    """Room to grow."""


@dataclass
class Change:
    """A change that was made."""

    at_ms: int
    """When."""
    kind: str
    """As `proposal.kind`."""
    from_count: int
    """Count before."""
    to_count: int
    """Count after."""
    by: str
    """`policy`, `correction`, `repair`, `manual`, or another word."""
    attrs: Attrs
    """Room to grow."""


@dataclass
class ZoneTransitions:
    """Offsets of a time zone from UTC, so that no policy bakes in a table that ages."""

    zone: str
    """IANA name."""
    at_ms: List[int]
    """Points in time from which the offset of the same index holds; the first is at or before `now-ms`."""
    offsets_seconds: List[int]
    """Seconds east of UTC."""
    attrs: Attrs
    """Room to grow."""


@dataclass
class Snapshot:
    """The facts of one moment about one target."""

    now_ms: int
    """The time of this moment. There is no other clock."""
    target: Target
    """The workload."""
    in_flight: Optional[InFlight]
    """The change in flight, if there is one."""
    instances: List[Instance]
    """By need `instances`, and where a reading belongs to instances."""
    nodes: List[Node]
    """By need `nodes`, and where a reading belongs to nodes."""
    readings: Readings
    """By needs `reading`."""
    alerts: List[Alert]
    """By need `alerts`."""
    changes: List[Change]
    """By need `changes`; oldest first."""
    transitions: List[ZoneTransitions]
    """By needs `transitions`."""
    params: List[ParamValue]
    """The parameters, in the manifest's order."""
    memory: bytes
    """What this policy returned as memory for this target last time, if its format fits; else empty."""
    attrs: Attrs
    """Room to grow."""


@dataclass
class ContainerResources:
    """-------------------------------------------------------------------------------------------------------- answer
    New requests and limits of one container; `none` leaves a figure as it is."""

    container: str
    """The container; empty for the only one."""
    requests: Resources
    """What to set aside for it."""
    limits: Resources
    """What it may use at most."""
    attrs: Attrs
    """Room to grow."""


@dataclass
class Proposal:
    """One thing that a policy asks for. The host bounds it."""

    kind: str
    """`scale`, `resize`, `restart`, `replace`, `remove`, `start`, `redeploy`, `hold`."""
    count: Optional[int]
    """For `scale`: exactly so many replicas."""
    at_least: Optional[int]
    """For `scale`: at least so many, whatever others ask."""
    at_most: Optional[int]
    """For `scale`: at most so many, whatever others ask."""
    instances: List[str]
    """Ids of the instances concerned, the preferred first. For `scale`: which to remove first."""
    resources: List[ContainerResources]
    """For `resize`: per container."""
    size_class: str
    """For `resize`: a size of `abilities.sizes`; empty for none."""
    placement: List[str]
    """For `scale` and `replace`: nodes or zones to prefer, the preferred first."""
    group: int
    """Proposals of one group, other than 0, are done all or not at all."""
    reason: str
    """One sentence for a person, with the numbers that led to it."""
    attrs: Attrs
    """Room to grow."""


@dataclass
class Verdict_Proposals:
    """What it asks for. An empty list abstains; `hold` votes for the present state."""

    value: List[Proposal]


@dataclass
class Verdict_Refused:
    """It declines."""

    value: Refusal


Verdict = Union[Verdict_Proposals, Verdict_Refused]
"""What the policy came to."""


@dataclass
class Answer:
    """The whole answer."""

    verdict: Verdict
    """What the policy came to."""
    memory: Optional[bytes]
    """Memory for the next evaluation; `none` keeps the present one."""
    notes: List[str]
    """Sentences for whoever reads the record; bounded in number and length."""
    attrs: Attrs
    """Named values for whoever reads the record. Published: `alerts-dealt-with`, a text: the ids of the alerts that this
    answer deals with, with spaces between; without it, an answer that proposes anything deals with all that it was shown."""
