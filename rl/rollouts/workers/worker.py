"""What a rollout worker is to the pool: a server that is asked how it is, given weights, and asked for rollouts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rl.rollouts.ask import Ask, Completion, Segments


class WorkerFault(Exception):
    """What a worker did wrong, in a few words."""


class Refusal(WorkerFault):
    """A worker does not take a rollout as it is asked for; another one may."""


class NotReady(Exception):
    """A worker is taking in weights, or has none: it is to be asked again."""


@dataclass(frozen=True)
class Source:
    """The weights to sample from: those of `version` of the run with this nonce."""

    version: int
    nonce: int
    """Of this run of the trainer and no other, so that a worker's old weights are not taken for ours."""
    folder: Path | None
    """Where their files are; None: the workers have been sent them."""
    between_tokens: bool = False
    """Whether a worker takes them in at once, and goes on with what it has under way; else that is finished first."""

    _BITS = 32

    @property
    def id(self) -> int:
        """What a worker calls them."""
        return (self.nonce << self._BITS) | self.version

    def version_of(self, id: int | None) -> int | None:
        """The version that an id names; None: not of this run."""
        if id is None or id >> self._BITS != self.nonce:
            return None
        return id & ((1 << self._BITS) - 1)

    def segments(self, segments: Segments) -> Segments:
        """By versions, what is by ids."""
        return tuple((self.version_of(id), end) for id, end in segments)

    def oldest(self, ids: Collection[int | None]) -> int | None:
        """The oldest version among ids, at least one; None where one is not of this run."""
        versions = [version for id in ids if (version := self.version_of(id)) is not None]
        return min(versions) if len(versions) == len(ids) else None


@dataclass(frozen=True)
class Timing:
    """How long a worker may take, in seconds."""

    floor: float = 60.0
    """For any rollout, waiting in the worker's own queue included."""
    per_token: float = 0.25
    """And for each token of its budget."""
    probe: float = 10.0
    load: float = 600.0

    def of(self, budget: int) -> float:
        return self.floor + self.per_token * budget


class Worker(Protocol):
    """One server. Each call may raise WorkerFault; whatever else it raises counts as one, too."""

    address: str
    dtype: str
    """What it computes in, once it was asked how it is."""

    async def holds(self) -> int | None:
        """It is well; the id of its weights, if it has any."""
        ...

    async def load(self, source: Source) -> None: ...

    async def complete(self, ask: Ask) -> tuple[Completion, Collection[int | None]]:
        """The rollout, checked, and the ids of the weights that made it. Errors: NotReady, too."""
        ...

    async def close(self) -> None: ...
