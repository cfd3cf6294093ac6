"""From the contract's three functions to what an author writes."""

from __future__ import annotations

from typing import Any

from .answer import Answer, Proposal
from .parameters import Parameters
from .refusal import Refusal
from .snapshot import Snapshot
from .wire import Err, contract, count, text


class About:
    """What a policy says of itself.

    `name` is lower-case letters, digits and `-`; `version` a semantic version; `summary` one sentence; `kinds` those of proposals that it
    may make, `hold` needs no mention; `memory_bytes_max` the most that it keeps from one evaluation to the next, and `memory_format`
    the number of its format.
    """

    def __init__(
        self,
        name: str,
        version: str,
        summary: str,
        kinds: list[str],
        memory_bytes_max: int = 0,
        memory_format: int = 0,
    ) -> None:
        self.name, self.version, self.summary, self.kinds = name, version, summary, kinds
        self.memory_bytes_max, self.memory_format = memory_bytes_max, memory_format


class Policy:
    """A policy: a pure function from a snapshot to an answer. An author's class has these four."""

    about: About
    Parameters: type[Parameters] = Parameters

    @staticmethod
    def needs(parameters: Any) -> list[contract.Need]:
        """Which facts it wants. Asked again at every evaluation, so that it must depend on the parameters alone."""
        raise NotImplementedError

    @staticmethod
    def evaluate(snapshot: Snapshot, parameters: Any) -> Proposal | Answer:
        """Answers one snapshot, or raises a `Refusal`. Asked in a fresh instance each time: globals begin as they were at build time."""
        raise NotImplementedError


def export(policy: type[Policy]) -> type:
    """Makes the contract's interface of a policy. componentize-py looks for it under this name: `Decide = export(Scaler)`."""
    # Made once, when the policy is built: the component is a picture of the interpreter after that.
    manifest = _manifest(policy)

    class Decide:
        """The contract's three functions."""

        def describe(self) -> contract.Manifest:
            return manifest

        def needs(self, params: list) -> list[contract.Need]:
            try:
                return policy.needs(policy.Parameters.take(params))
            except Refusal as refusal:
                raise Err(refusal.to_wire()) from None

        def evaluate(self, snapshot: contract.Snapshot) -> contract.Answer:
            try:
                parameters = policy.Parameters.take(snapshot.params)
                said = policy.evaluate(Snapshot(snapshot, policy.needs(parameters)), parameters)
            except Refusal as refusal:
                return contract.Answer(contract.Verdict_Refused(refusal.to_wire()), None, [], [])
            return (said if isinstance(said, Answer) else Answer(said)).to_wire()

    return Decide


def _manifest(policy: type[Policy]) -> contract.Manifest:
    about = policy.about
    return contract.Manifest(
        name=text(about.name),
        version=text(about.version),
        summary=text(about.summary),
        parameters=policy.Parameters.declare(),
        kinds=[text(kind) for kind in about.kinds],
        memory_bytes=count(about.memory_bytes_max),
        memory_format=count(about.memory_format),
        attrs=[],
    )
