"""DLER as its released code has it: whitened over the batch's tokens (arXiv 2510.15110)."""

from __future__ import annotations

import torch
from torch import Tensor

from rl.credit.within.groups import centre


class DlerTokens:
    """DLER as released: mean and variance weighted by completion tokens, the mean subtracted again.

    The subtracted mean is not 0 where long and short rollouts differ in advantage, so even a group
    without variance gets a small advantage. A = (A - mean) / sqrt(var + 1e-8).
    """

    name = "dler-tokens"
    source = "arXiv 2510.15110, released code"
    by_length = True

    def __call__(self, rewards: Tensor, group_size: int, lengths: Tensor) -> Tensor:
        advantages = centre(rewards, group_size)
        judged = ~advantages.isnan()
        weights = lengths.to(advantages) * judged
        values = advantages.nan_to_num(0.0)
        total = weights.sum()
        if total == 0:
            return torch.zeros_like(rewards)
        mean = (weights * values).sum() / total
        variance = (weights * (values - mean).square()).sum() / total
        return torch.where(judged, (values - mean) / (variance + 1e-8).sqrt(), 0.0)
