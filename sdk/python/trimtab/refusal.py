"""Why a policy declines to answer: raised, by it or by `reading.fresh()`."""

from __future__ import annotations

from .wire import contract, text


class Refusal(Exception):
    """Not a crash, and never a wish to lower. Any other exception is a fault of the policy.

    `kind` is `reading-missing`, `parameter-wrong`, `not-applicable`, or another word.
    """

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(said)
        self.kind = kind
        self.text = said

    @classmethod
    def reading_missing(cls, said: str) -> Refusal:
        """A reading that the answer depends on is absent or stale."""
        return cls("reading-missing", said)

    @classmethod
    def parameter_wrong(cls, said: str) -> Refusal:
        """The parameters contradict each other or the target."""
        return cls("parameter-wrong", said)

    @classmethod
    def not_applicable(cls, said: str) -> Refusal:
        """The policy has nothing to say about such a target."""
        return cls("not-applicable", said)

    def to_wire(self) -> contract.Refusal:
        """The contract's own record."""
        return contract.Refusal(kind=text(self.kind), text=text(self.text), attrs=[])
