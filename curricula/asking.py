"""What the rollouts of one group are asked where that is not the same for all: prefixes, prompts, budgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class Variant:
    """How one rollout is asked; what is not said is as in any other run."""

    name: str
    """The rollout's `variant`, by which rewards tell them apart."""
    prefix: str = ""
    """Text that its completion begins with, forced."""
    trains_prefix: bool = False
    """Whether that is in the loss."""
    prompt: str = "{prompt}"
    """The user's turn; `{budget}` in it is the rollout's budget."""
    budget: int | None = None
    """Its budget in tokens, at most the schedule's."""
    thinking: int | None = None
    """Its thinking budget in tokens, where thinking has one; with that of the answer at most the schedule's."""


@runtime_checkable
class Asking(Protocol):
    """An asking plug-in: pure."""

    name: str

    def variants(self, step: int, problem_id: str, size: int) -> Sequence[Variant]:
        """One a rollout of the problem's group, in the round that begins with `step`."""
        ...
