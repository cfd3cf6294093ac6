"""The contract's own classes, and numbers and texts as they cross.

In the component they are componentize-py's; outside, for tests and editors, those that are made from the same contract with the same
names. What does not fit its type would stop a policy with a trap, so that it is made to fit here.
"""

from __future__ import annotations

import math

try:
    from componentize_py_types import Err
    from wit_world.imports import types as contract
except ImportError:
    from .contract import types as contract

    class Err(Exception):
        """The contract's `err`, as it is raised."""

        def __init__(self, value: object) -> None:
            super().__init__(value)
            self.value = value


U32_MAX = 2**32 - 1
S64_MAX = 2**63 - 1
U64_MAX = 2**64 - 1


def count(number: float) -> int:
    """A whole number that is to leave as a u32: rounded down, kept within what fits, 0 for no number."""
    return whole(number, 0, U32_MAX)


def whole(number: float, least: int, most: int) -> int:
    """A whole number that is to leave: rounded down, kept between two bounds, 0 for no number."""
    if number != number:
        return 0
    if number in (math.inf, -math.inf):
        return most if number > 0 else least
    return min(max(math.floor(number), least), most)


def text(given: object) -> str:
    """A text that is to leave: lone halves of surrogate pairs become U+FFFD."""
    said = str(given)
    try:
        said.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in said)
    return said


def attributes(given: dict[str, object] | None) -> list:
    """Named values: whole numbers, measurements, texts, yes or no."""
    return [(text(name), _value(value)) for name, value in (given or {}).items()]


def _value(value: object) -> object:
    if isinstance(value, bool):
        return contract.Value_Flag(value)
    if isinstance(value, int):
        return contract.Value_Int(whole(value, -S64_MAX - 1, S64_MAX))
    if isinstance(value, float):
        return contract.Value_Num(value)
    return contract.Value_Text(text(value))
