"""What is done to a judged group before it is scored: rollouts kept, cut, or branched from. One edit a file.

Cut and branched rollouts are judged anew, so lengths, stops and verdicts are those of the tokens that train.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from rewards.history import HistoryView
from rewards.types import Group


@dataclass(frozen=True)
class Keep:
    """The rollout as it is."""

    rollout: int
    """Its place in the sampled group."""
    trains: bool = True
    """Whether its tokens are in the loss; either way it counts in its group's statistics."""


@dataclass(frozen=True)
class Cut:
    """The rollout without its tokens from `start` on, or without those before `stop` only."""

    rollout: int
    start: int
    stop: int | None = None


@dataclass(frozen=True)
class Branch:
    """A new rollout: the first `at` tokens of another one, then `text`, then what the model makes of that."""

    rollout: int
    at: int
    text: str = ""
    """Forced."""
    tokens: int = 1
    """At most so many are sampled."""
    trains_shared: bool = False
    """Whether the first `at` tokens are in this rollout's loss too."""
    trains_text: bool = False


Change = Keep | Cut | Branch


@runtime_checkable
class Edit(Protocol):
    """An edit plug-in: a judged group in, the group that trains out."""

    name: str
    """One that goes by where tokens end in the text has `reads_text`, True, and finds `Rollout.ends`."""

    def plan(self, group: Group, history: HistoryView, size: int, seed: int) -> list[Change]:
        """The `size` rollouts of the group that trains; `seed` is the group's own, for what is left to chance.

        A branch is of a rollout as it was sampled, whatever else becomes of that one.
        """
        ...


@runtime_checkable
class Resizing(Protocol):
    """An edit that wants another number of rollouts than train."""

    def sampled(self, size: int) -> int:
        """How many to sample for a group of which `size` train. Errors: ValueError for a size that cannot be."""
        ...


@runtime_checkable
class Doubtful(Protocol):
    """An edit that may come to nothing."""

    def doubt(self, size: int) -> str | None:
        """Why nothing would be edited in groups of `size`, if so."""
        ...


@runtime_checkable
class Branching(Protocol):
    """An edit whose branches may be longer than a rollout's budget."""

    extra: int
    """By at most so many tokens: those of a forced text, and of what is sampled after it."""
