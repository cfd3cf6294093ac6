"""Stages of life that an instance can be in."""

from __future__ import annotations


class Phase:
    """Their numbers. A newer host may send others."""

    UNKNOWN = 0
    """The backend does not say."""
    PENDING = 1
    """Accepted, not yet placed or begun."""
    STARTING = 2
    """Running, and never yet ready."""
    READY = 3
    """Serving."""
    UNREADY = 4
    """Running, was ready, and is not now."""
    DRAINING = 5
    """Finishing its work before it goes."""
    STOPPING = 6
    """Told to stop."""
    STOPPED = 7
    """Stopped in good order."""
    FAILED = 8
    """Ended in error."""
    LOST = 9
    """Out of the backend's sight."""


def is_leaving(phase: int) -> bool:
    """Whether an instance of that phase is on its way out or gone: it will serve no more."""
    return Phase.DRAINING <= phase <= Phase.LOST
