"""Rewards to advantages. Pure: tensors in, tensors out.

Every estimator takes rewards of shape (B,), group after group of `group_size` rows, and the
completion lengths (B,) in tokens. NaN means "not judged": such a row is left out of every
statistic and gets advantage 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

AdvantageEstimator = Callable[[Tensor, int, Tensor], Tensor]


def centred(rewards: Tensor, group_size: int, lengths: Tensor) -> Tensor:
    """A = R - mean(group): Dr. GRPO (arXiv 2503.20783), no division by any deviation."""
    return _centre(rewards, group_size).nan_to_num(0.0)


def group(rewards: Tensor, group_size: int, lengths: Tensor) -> Tensor:
    """A = (R - mean(group)) / (std(group) + 1e-4): GRPO as TRL has it, with the sample deviation."""
    rows = _centre(rewards, group_size).view(-1, group_size)
    judged = (~rows.isnan()).sum(dim=1, keepdim=True)
    variance = rows.nan_to_num(0.0).square().sum(dim=1, keepdim=True) / (judged - 1).clamp(min=1)
    return (rows / (variance.sqrt() + 1e-4)).flatten().nan_to_num(0.0)


def dler(rewards: Tensor, group_size: int, lengths: Tensor) -> Tensor:
    """DLER's batch-wise normalisation, one weight a rollout (arXiv 2510.15110, Eq. 3).

    A = R - mean(group), then A / (std(batch of A) + 1e-8) with the population deviation. The paper
    also subtracts the batch mean of A, which is 0 by construction: leaving it out keeps the zeros
    of groups without variance exact. The released code weights by tokens instead: `dler_tokens`.
    """
    advantages = _centre(rewards, group_size)
    judged = advantages[~advantages.isnan()]
    if judged.numel() == 0:
        return torch.zeros_like(rewards)
    deviation = judged.square().mean().sqrt()
    return (advantages / (deviation + 1e-8)).nan_to_num(0.0)


def dler_tokens(rewards: Tensor, group_size: int, lengths: Tensor) -> Tensor:
    """DLER as released: mean and variance weighted by completion tokens, the mean subtracted again.

    The subtracted mean is not 0 where long and short rollouts differ in advantage, so even a group
    without variance gets a small advantage. A = (A - mean) / sqrt(var + 1e-8).
    """
    advantages = _centre(rewards, group_size)
    judged = ~advantages.isnan()
    weights = lengths.to(advantages) * judged
    values = advantages.nan_to_num(0.0)
    total = weights.sum()
    if total == 0:
        return torch.zeros_like(rewards)
    mean = (weights * values).sum() / total
    variance = (weights * (values - mean).square()).sum() / total
    return torch.where(judged, (values - mean) / (variance + 1e-8).sqrt(), 0.0)


ESTIMATORS: Mapping[str, AdvantageEstimator] = {
    "group": group,
    "centred": centred,
    "dler": dler,
    "dler-tokens": dler_tokens,
}


def _centre(rewards: Tensor, group_size: int) -> Tensor:
    """(B,) rewards minus the mean of their group's judged ones; exactly 0 in groups of equals."""
    rows = rewards.double().view(-1, group_size)
    centred_rows = rows - rows.nanmean(dim=1, keepdim=True)
    low = rows.nan_to_num(torch.inf).amin(dim=1, keepdim=True)
    high = rows.nan_to_num(-torch.inf).amax(dim=1, keepdim=True)
    centred_rows = torch.where((low == high) & ~rows.isnan(), 0.0, centred_rows)
    return centred_rows.flatten().to(rewards.dtype)
