"""Which tokens of a rollout earned its advantage. One method a file.

A weight a token would not do: some methods credit tokens of a rollout whose own advantage is 0, or standardise across
the group at each place. So a method is given the advantages, and says what each token's is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from rewards.edits import Edit
from rewards.types import Group, LengthReward


@runtime_checkable
class TokenCredit(Protocol):
    """A token credit plug-in."""

    name: str
    """One that goes by where tokens end in the text has `reads_text`, True, and finds `Rollout.ends`."""

    def credit(self, group: Group, advantages: Sequence[float]) -> list[Sequence[float] | None]:
        """For each rollout, given its advantage, that of each of its tokens; None: the same for all of them.

        `group` is as it was scored, edits made. A rollout that nobody could judge keeps advantage 0.
        """
        ...


@runtime_checkable
class BatchCredit(Protocol):
    """One that needs all groups of a batch: called once for all, instead of once a group."""

    def batch(
        self, groups: Sequence[Group], advantages: Sequence[Sequence[float]]
    ) -> list[list[Sequence[float] | None]]: ...


@runtime_checkable
class Paired(Protocol):
    """One that goes with an edit or a reward."""

    def misfit(self, edits: Sequence[Edit], rewards: Sequence[LengthReward]) -> str | None:
        """Why it cannot credit what these make, if so."""
        ...
