"""Rewards to advantages in a trainer that leaves them to us: the estimator of a method, for groups of any size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rl.credit.calling.estimator import Estimator
from rl.credit.calling.types import Remembering
from rl.elsewhere.groups.method import NamedMethod
from rl.elsewhere.groups.told import Scored
from rl.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor


class Advantages:
    """The estimator of a method, `group` by default. Errors: UserError where it cannot be."""

    def __init__(self, method: NamedMethod) -> None:
        part = method.advantage
        weights = [each.weight for each in method.rewards]
        self.estimator = (
            Estimator("group", {}, weights) if part is None else Estimator(part.name, part.options, weights)
        )
        if isinstance(self.estimator.estimate, Remembering):
            raise UserError(
                f"advantage {self.estimator.name!r} remembers from round to round, which only our own trainer saves"
            )

    def of(self, scored: Sequence[Scored]) -> list[list[float]]:
        """One a rollout, in the order of the groups; 0 for one that nobody judged."""
        terms = [list(zip(*each.terms, strict=True)) for each in scored]
        lengths = [[rollout.length for rollout in each.group.rollouts] for each in scored]
        return self._estimated(terms, [each.totals for each in scored], lengths)

    def of_sums(self, totals: Sequence[Sequence[float | None]], lengths: Sequence[Sequence[int]]) -> list[list[float]]:
        """The same where only the sums of each group's rewards are known.

        Errors: UserError for an estimator that takes each reward by itself.
        """
        if self.estimator.apart:
            raise UserError(
                f"advantage {self.estimator.name!r} takes each reward by itself, and here only their sum is handed over"
            )
        return self._estimated([[(value,) for value in each] for each in totals], totals, lengths)

    def _estimated(
        self,
        terms: Sequence[Sequence[Sequence[float | None]]],
        totals: Sequence[Sequence[float | None]],
        lengths: Sequence[Sequence[int]],
    ) -> list[list[float]]:
        """A group that is smaller than the largest is filled up with rows that nobody judged."""
        size = max(map(len, totals), default=0)
        if not size:
            return [[] for _ in totals]
        width = len(next(own[0] for own in terms if own))
        rewards = np.full((len(totals), size, width), np.nan)
        sums = np.full((len(totals), size), np.nan)
        tokens = np.zeros((len(totals), size))
        for place, (own, total, length) in enumerate(zip(terms, totals, lengths, strict=True)):
            rewards[place, : len(own)] = np.array(own, float).reshape(len(own), width)  # None becomes NaN
            sums[place, : len(total)] = np.array(total, float)
            tokens[place, : len(length)] = length
        found = self.estimator(rewards.reshape(-1, width), sums.ravel(), size, tokens.ravel())
        rows = found.reshape(-1, size).tolist()
        return [row[: len(total)] for row, total in zip(rows, totals, strict=True)]


def by_token(
    advantages: Advantages, token_level_rewards: Tensor, response_mask: Tensor, index: Sequence[Any]
) -> tuple[Tensor, Tensor]:
    """The same as registries of estimators have it: (B, T) rewards and mask, the group of each row; (B, T) twice.

    A row's length is what its mask holds; a reward that is NaN was not judged.
    """
    import torch

    index = index.tolist() if hasattr(index, "tolist") else index  # numbers in a tensor are each an object of their own
    if len(index) != len(token_level_rewards):
        raise UserError(f"{len(index)} groups are told for the rewards of {len(token_level_rewards)} rollouts")
    groups: dict[Any, list[int]] = {}
    for row, group in enumerate(index):
        groups.setdefault(group, []).append(row)
    sums = [None if math.isnan(value) else value for value in token_level_rewards.double().sum(dim=-1).tolist()]
    lengths = [int(value) for value in response_mask.sum(dim=-1).tolist()]
    found = torch.zeros(len(sums), dtype=token_level_rewards.dtype, device=token_level_rewards.device)
    own = advantages.of_sums(
        [[sums[row] for row in rows] for rows in groups.values()],
        [[lengths[row] for row in rows] for rows in groups.values()],
    )
    for rows, values in zip(groups.values(), own, strict=True):
        found[rows] = torch.tensor(values, dtype=found.dtype, device=found.device)
    spread = found.unsqueeze(-1) * response_mask.to(found.dtype)
    return spread, spread
