"""The samples of one series, and what can be said of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from .parameters import milliseconds


class Samples:
    """Numeric samples of one series, oldest first; never empty."""

    __slots__ = ("times_ms", "values")

    def __init__(self, times_ms: list[int], values: list[float]) -> None:
        self.times_ms = times_ms
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[tuple[int, float]]:
        """Points in time (milliseconds since the Unix epoch) and values, oldest first."""
        return iter(zip(self.times_ms, self.values))

    def latest(self) -> float:
        """The youngest sample."""
        return self.values[-1]

    def latest_ms(self) -> int:
        """When the youngest sample was taken, in milliseconds since the Unix epoch."""
        return self.times_ms[-1]

    def mean(self) -> float:
        """The arithmetic mean of all samples, each of the same weight."""
        # Not `sum`: since 3.12 it corrects what is rounded away, and no other language's policy does.
        total = 0.0
        for value in self.values:
            total += value
        return total / len(self.values)

    def min(self) -> float:
        """The least sample."""
        return min(self.values)

    def max(self) -> float:
        """The greatest sample."""
        return max(self.values)

    def percentile(self, share: float) -> float:
        """The sample below which a share of all lies (`0.95` for the 95th percentile).

        By linear interpolation between the two nearest ranks. Shares below 0 and above 1 count as these.
        """
        ordered = sorted(self.values)
        rank = min(max(share, 0.0), 1.0) * (len(ordered) - 1)
        below = int(rank)
        low = ordered[below]
        high = ordered[min(below + 1, len(ordered) - 1)]
        return low + (high - low) * (rank - below)

    def rate(self) -> float | None:
        """For a counter: its growth per second from the first sample to the last. A fall is a restart of the counter from zero.

        `None` unless the samples span some time.
        """
        span_ms = self._span_ms()
        if span_ms <= 0:
            return None
        growth = 0.0
        for before, after in zip(self.values, self.values[1:]):
            growth += after if after < before else after - before
        return growth / (span_ms / 1000)

    def slope(self) -> float | None:
        """The change per second of the straight line that fits best (least squares). `None` unless the samples span some time."""
        if self._span_ms() <= 0:
            return None
        # Relative to the first sample: milliseconds since the epoch, squared, would lose the samples' distance.
        seconds = [max(time_ms - self.times_ms[0], 0) / 1000 for time_ms in self.times_ms]
        mean_time, mean_value = Samples(self.times_ms, seconds).mean(), self.mean()
        product = square = 0.0
        for at, value in zip(seconds, self.values):
            product += (at - mean_time) * (value - mean_value)
            square += (at - mean_time) * (at - mean_time)
        return product / square if square > 0 else None

    def since(self, from_ms: int) -> Samples | None:
        """The samples taken at a point in time or later; `None` if there are none."""
        first = len(self.values)
        while first > 0 and self.times_ms[first - 1] >= from_ms:
            first -= 1
        if first == len(self.values):
            return None
        return Samples(self.times_ms[first:], self.values[first:])

    def age(self, now_ms: int) -> timedelta:
        """How old the youngest sample is at a point in time; zero for one from the future."""
        return timedelta(milliseconds=max(now_ms - self.times_ms[-1], 0))

    def spans(self, span: timedelta) -> bool:
        """Whether the samples reach back over at least that long."""
        return self._span_ms() >= milliseconds(span)

    def _span_ms(self) -> int:
        return self.times_ms[-1] - self.times_ms[0]


class Texts:
    """Samples of one series of texts, oldest first; never empty: states to compare."""

    __slots__ = ("times_ms", "texts")

    def __init__(self, times_ms: list[int], texts: list[str]) -> None:
        self.times_ms = times_ms
        self.texts = texts

    def __iter__(self) -> Iterator[tuple[int, str]]:
        """Points in time and texts, oldest first."""
        return iter(zip(self.times_ms, self.texts))

    def latest(self) -> str:
        """The youngest text."""
        return self.texts[-1]

    def latest_ms(self) -> int:
        """When the youngest text was read, in milliseconds since the Unix epoch."""
        return self.times_ms[-1]
