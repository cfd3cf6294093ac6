"""What a policy keeps from one evaluation to the next: bytes, here of JSON."""

from __future__ import annotations

import json
from typing import Any


def remember(value: Any) -> bytes:
    """The bytes of a value: answer with them as `memory`. Keep the manifest's bound in mind; what is above it is a fault."""
    return json.dumps(value, separators=(",", ":")).encode()


def recall(memory: bytes) -> Any:
    """The value of such bytes; `None` where nothing was kept, or what was kept is damaged.

    Change the format's number whenever its shape changes.
    """
    try:
        return json.loads(memory)
    except ValueError:
        return None
