"""What a policy wants in its snapshots: what no need asks for does not cross."""

from __future__ import annotations

from datetime import timedelta

from .parameters import milliseconds
from .wire import contract, text

_NONE = timedelta(0)


def reading(
    name: str,
    subject: str,
    *,
    look_back: timedelta = _NONE,
    step: timedelta = _NONE,
    unit: str = "",
    required: bool = False,
) -> contract.Need:
    """A reading by its name in the binding, of `target`, `instance`, `node`, `container`, `pool`, `balancer` or `queue`.

    Without `look_back`, its latest sample only.
    """
    return contract.Need(
        kind="reading",
        name=text(name),
        subject=subject,
        unit=unit,
        look_back_ms=milliseconds(look_back),
        step_ms=milliseconds(step),
        required=required,
        attrs=[],
    )


def label(name: str) -> contract.Need:
    """A label of the target."""
    return _bare("label", name, _NONE)


def instances() -> contract.Need:
    """The instances. Implied by a reading of instances."""
    return _bare("instances", "", _NONE)


def nodes() -> contract.Need:
    """The nodes. Implied by a reading of nodes."""
    return _bare("nodes", "", _NONE)


def alerts() -> contract.Need:
    """Alerts that nobody has handled yet."""
    return _bare("alerts", "", _NONE)


def changes(look_back: timedelta) -> contract.Need:
    """Past changes, as far back."""
    return _bare("changes", "", look_back)


def transitions(zone: str, ahead: timedelta) -> contract.Need:
    """Offsets of an IANA time zone, as far ahead."""
    return _bare("transitions", zone, ahead)


def _bare(kind: str, name: str, look_back: timedelta) -> contract.Need:
    need = reading(name, "", look_back=look_back)
    need.kind = kind
    return need
