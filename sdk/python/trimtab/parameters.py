"""Typed parameters: declared once, turned into the manifest's list and into an object with values of their types."""

from __future__ import annotations

import types
import typing
from datetime import timedelta
from typing import Any

from .refusal import Refusal
from .wire import S64_MAX, U64_MAX, contract, text, whole


class Json(str):
    """JSON text that fits a parameter's schema: `json.loads` it."""


# The contract's word for each type, and the class of its values on the boundary.
_KINDS: dict[object, tuple[str, type]] = {
    bool: ("bool", contract.ParamValue_Flag),
    int: ("s64", contract.ParamValue_Int),
    float: ("f64", contract.ParamValue_Num),
    str: ("text", contract.ParamValue_Text),
    timedelta: ("duration", contract.ParamValue_DurationMs),
    list[bool]: ("list<bool>", contract.ParamValue_Flags),
    list[int]: ("list<s64>", contract.ParamValue_Ints),
    list[float]: ("list<f64>", contract.ParamValue_Nums),
    list[str]: ("list<text>", contract.ParamValue_Texts),
    list[timedelta]: ("list<duration>", contract.ParamValue_DurationsMs),
    Json: ("json", contract.ParamValue_Json),
}

_MISSING = object()


class _Declared:
    """What was said of one parameter."""

    def __init__(self, doc: str, default: object, bounds: tuple, choices: list[str], schema: str) -> None:
        self.doc, self.default, self.bounds, self.choices, self.schema = doc, default, bounds, choices, schema


def parameter(
    doc: str,
    *,
    default: object = _MISSING,
    min: float | timedelta | None = None,
    max: float | timedelta | None = None,
    choices: list[str] | None = None,
    schema: str = "",
) -> Any:
    """What the manifest says of a field of `Parameters`.

    One without a default is required, unless its type is `… | None`. `min` and `max` bound numbers and durations, of lists each item;
    `choices` are the texts allowed; `schema` is a JSON Schema.
    """
    return _Declared(doc, default, (min, max), choices or [], schema)


class Parameters:
    """The parameters of a policy: a class with a field for each, in the order in which people see them.

    A field is of type `bool`, `int`, `float`, `str`, `timedelta`, a `list` of one of these, `Json`, or any of these `| None`.
    """

    _fields: list[tuple[str, type, bool, contract.Parameter]] = []

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._fields = [_field(name, hint, getattr(cls, name)) for name, hint in typing.get_type_hints(cls).items() if name != "_fields"]

    @classmethod
    def declare(cls) -> list[contract.Parameter]:
        """The manifest's list, in the order in which values cross."""
        return [entry for _, _, _, entry in cls._fields]

    @classmethod
    def take(cls, values: list) -> Parameters:
        """The object out of values that crossed by position. Ranges and choices were checked by the host."""
        taken = cls.__new__(cls)
        own = taken.__dict__
        if len(values) > len(cls._fields):
            raise Refusal.parameter_wrong(f"{len(values) - len(cls._fields)} values more than the manifest declares")
        for position, (name, kind, optional, entry) in enumerate(cls._fields):
            if position >= len(values):
                raise Refusal.parameter_wrong(f"parameter `{name}`: expected a value, and none was passed")
            value = values[position]
            if isinstance(value, kind):
                own[name] = _from_wire(entry.kind, value.value)
            elif optional and isinstance(value, contract.ParamValue_Unset):
                own[name] = None
            else:
                raise Refusal.parameter_wrong(f"parameter `{name}`: expected {entry.kind}")
        return taken


def _field(name: str, hint: object, declared: _Declared) -> tuple[str, type, bool, contract.Parameter]:
    if not isinstance(declared, _Declared):
        raise TypeError(f"parameter `{name}`: write `= parameter(…)`")
    arms = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    own = [arm for arm in arms if arm is not type(None)]
    if len(own) != 1 or own[0] not in _KINDS:
        raise TypeError(f"parameter `{name}`: {hint} is no type of a parameter")
    word, kind = _KINDS[own[0]]
    unset = declared.default is _MISSING or declared.default is None
    optional = len(arms) > 1
    entry = contract.Parameter(
        name=name,
        kind=word,
        default=contract.ParamValue_Unset() if unset else to_wire(word, declared.default),
        required=unset and not optional,
        min=_bound(declared.bounds[0]),
        max=_bound(declared.bounds[1]),
        choices=[text(one) for one in declared.choices],
        schema=text(declared.schema),
        doc=text(declared.doc),
        attrs=[],
    )
    return name, kind, optional and unset, entry


def _bound(given: float | timedelta | None) -> float | None:
    if given is None:
        return None
    return float(milliseconds(given)) if isinstance(given, timedelta) else float(given)


def milliseconds(span: timedelta) -> int:
    """Of a duration, rounded towards zero; never below it."""
    return max(span // timedelta(milliseconds=1), 0)


def to_wire(word: str, value: object) -> object:
    """A value of a parameter of that kind as it crosses."""
    item = word.removeprefix("list<").removesuffix(">")
    kind = next(kind for own, kind in _KINDS.values() if own == word)
    if item == word:
        return kind(_one(item, value))
    return kind([_one(item, one) for one in value])


def _one(word: str, value: object) -> object:
    match word:
        case "bool":
            return bool(value)
        case "s64":
            return whole(value, -S64_MAX - 1, S64_MAX)
        case "f64":
            return float(value)
        case "duration":
            return min(milliseconds(value), U64_MAX)
        case _:
            return text(value)


def _from_wire(word: str, value: object) -> object:
    if word == "duration":
        return timedelta(milliseconds=value)
    if word == "list<duration>":
        return [timedelta(milliseconds=one) for one in value]
    return Json(value) if word == "json" else value
