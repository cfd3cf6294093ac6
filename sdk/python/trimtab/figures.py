"""Numbers for people, and the step from a measurement to a count."""

from __future__ import annotations

import math

from .wire import U32_MAX

_SHOWN_EXACTLY_MAX = 9e15
_SHOWN_FROM = 0.0005
_WISH_MAX = 1e12
_FORGIVEN = 1e-9


def figure(value: float) -> str:
    """Shows a measurement with at most three decimals: `412.5`, `0.667`, `-3`.

    What is no number shows as `nan`, what is beyond ±9·10¹⁵ as a rounded power of ten. The same text as in every other language, which
    `str` and `round` do not give.
    """
    magnitude = abs(value)
    if magnitude != magnitude:
        return "nan"
    sign = "-" if value < 0 and magnitude >= _SHOWN_FROM else ""
    if magnitude == math.inf:
        return f"{sign}inf"
    if magnitude >= _SHOWN_EXACTLY_MAX:
        return sign + _power_of_ten(magnitude)
    # Whole and thousandths apart: the product of all of it by a thousand would leave the range of exact integers.
    whole = int(magnitude)
    carry, thousandths = divmod(int((magnitude - whole) * 1000 + 0.5), 1000)
    whole += carry
    if thousandths == 0:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{thousandths:03}".rstrip("0")


def _power_of_ten(magnitude: float) -> str:
    exponent = 1
    while magnitude >= 100:
        magnitude /= 10
        exponent += 1
    digits = int(magnitude)
    return f"{digits // 10}.{digits % 10}e{exponent}"


def replicas(wish: float) -> int:
    """The count for a wish in fractions of replicas: rounded up, at least 0, at most 2³² − 1; 0 for no number.

    A billionth part is forgiven before rounding up: `1.1 / 0.1` is 11.000000000000002.
    """
    if not wish > 0:
        return 0
    wish = min(wish, _WISH_MAX)
    return min(max(math.ceil(wish - max(wish, 1.0) * _FORGIVEN), 0), U32_MAX)
