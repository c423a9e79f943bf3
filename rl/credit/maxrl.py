"""MaxRL: centred, and divided by the mean reward (arXiv 2602.02710)."""

from __future__ import annotations

import torch
from torch import Tensor

from rl.credit.within.groups import centre


class MaxRl:
    """A = (R - mean(group)) / mean(group), 0 where the mean is 0: a rare right answer counts about 1 over its rarity.

    Errors: ValueError for a reward below 0, whose mean would mean nothing.
    """

    name = "maxrl"
    source = "arXiv 2602.02710"
    by_length = False

    def __call__(self, rewards: Tensor, group_size: int, lengths: Tensor) -> Tensor:
        if (rewards < 0).any():
            raise ValueError("maxrl: a reward below 0; it divides by the mean, so take rewards of 0 or more")
        rows = rewards.double().view(-1, group_size)
        mean = rows.nanmean(dim=1, keepdim=True)
        own = centre(rows.flatten(), group_size).view_as(rows)
        return torch.where(mean > 0, own / mean, 0.0).nan_to_num(0.0).flatten().to(rewards)
