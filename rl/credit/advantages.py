"""Rewards to advantages. Pure: tensors in, tensors out.

Every estimator takes rewards of shape (B,), group after group of `group_size` rows, and the
completion lengths (B,) in tokens. `gdpo` takes each reward by itself, (B, K). NaN means "not
judged": such a row is left out of every statistic and gets advantage 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

AdvantageEstimator = Callable[..., Tensor]
"""`(rewards, group_size, lengths, **options) -> advantages (B,)`."""


def none(rewards: Tensor, group_size: int, lengths: Tensor) -> Tensor:
    """A = R: for rewards that are advantages already, as O1-Pruner's (arXiv 2501.12570)."""
    return rewards.nan_to_num(0.0)


def centred(rewards: Tensor, group_size: int, lengths: Tensor) -> Tensor:
    """A = R - mean(group), divided by nothing: Dr. GRPO (arXiv 2503.20783)."""
    return _centre(rewards, group_size).nan_to_num(0.0)


def group(rewards: Tensor, group_size: int, lengths: Tensor) -> Tensor:
    """A = (R - mean(group)) / (std(group) + 1e-4): GRPO as TRL has it, with the sample deviation (arXiv 2402.03300)."""
    return _standardise(rewards, group_size).nan_to_num(0.0)


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


def gdpo(rewards: Tensor, group_size: int, lengths: Tensor, weights: Sequence[float] | None = None) -> Tensor:
    """GDPO: each of the K rewards normalised by itself, then summed and whitened (arXiv 2601.05242).

    (B, K) rewards. A = Σ_k w_k · group(R_k), then A / (std(batch of A) + 1e-4), sample deviations,
    as TRL's `normalize_then_sum`; the batch mean is 0 by construction. A constant reward adds nothing.
    """
    columns = rewards.T if rewards.dim() == 2 else rewards.unsqueeze(0)
    factors = [1.0] * len(columns) if weights is None else list(weights)
    if len(factors) != len(columns):
        raise ValueError(f"gdpo: {len(factors)} weights do not fit {len(columns)} rewards")
    terms = torch.stack([w * _standardise(c, group_size) for w, c in zip(factors, columns, strict=True)])
    judged = ~terms.isnan().all(dim=0)
    total = terms.nansum(dim=0)
    count = int(judged.sum())
    deviation = (total[judged].square().sum() / max(count - 1, 1)).sqrt()
    return torch.where(judged, total / (deviation + 1e-4), 0.0)


def gfpo(
    rewards: Tensor,
    group_size: int,
    lengths: Tensor,
    k: int | Sequence[int] = 8,
    by: Literal["shortest", "efficiency"] = "shortest",
) -> Tensor:
    """GFPO: only the k best of each group count (arXiv 2508.09726).

    Kept are the shortest, or those of the highest reward per token; mean and sample deviation
    (+ 1e-4) are theirs alone, all others get 0. `k` may be one number a group. With
    `efficiency` a negative reward favours long rollouts, as the paper's ratio has it.
    """
    if by not in ("shortest", "efficiency"):
        raise ValueError(f"gfpo: by must be 'shortest' or 'efficiency', not {by!r}")
    rows = rewards.view(-1, group_size)
    tokens = lengths.to(rows).view(-1, group_size)
    counts = torch.tensor([k] * len(rows) if isinstance(k, int) else list(k))
    if counts.numel() != len(rows) or (counts < 1).any():
        raise ValueError(f"gfpo: k must be at least 1, one number for all or one a group, not {k}")
    order = tokens if by == "shortest" else -rows / tokens.clamp(min=1)
    ranks = order.masked_fill(rows.isnan(), torch.inf).argsort(dim=1, stable=True).argsort(dim=1)
    kept = rows.masked_fill(ranks >= counts.unsqueeze(1), torch.nan)
    return _standardise(kept.flatten(), group_size).nan_to_num(0.0)


def lead(
    rewards: Tensor,
    group_size: int,
    lengths: Tensor,
    a: float = 0.4,
    b: float = 1.5,
    rho: float = 0.75,
    k: float = 10.0,
) -> Tensor:
    """GRPO-LEAD: `group`, reweighted by how hard the problem proves (arXiv 2504.09696).

    With ρ the share of the group's judged rollouts that are solved, which is those of positive
    reward (the method's wrong answers earn -1), and w(ρ) = a + (b - a) / (1 + exp(k · (ρ - rho))):
    a positive advantage is multiplied by w(ρ), any other by w(1 - ρ).
    """
    rows = rewards.view(-1, group_size)
    judged = (~rows.isnan()).sum(dim=1, keepdim=True)
    solved = (rows > 0).sum(dim=1, keepdim=True).to(rows) / judged.clamp(min=1)
    advantages = group(rewards, group_size, lengths).view(-1, group_size)
    hardness = torch.where(advantages > 0, solved, 1 - solved)
    return (advantages * (a + (b - a) * torch.sigmoid(-k * (hardness - rho)))).flatten()


ESTIMATORS: Mapping[str, AdvantageEstimator] = {
    "group": group,
    "centred": centred,
    "dler": dler,
    "dler-tokens": dler_tokens,
    "gdpo": gdpo,
    "gfpo": gfpo,
    "lead": lead,
    "none": none,
}


BY_LENGTH = ("dler-tokens", "gfpo")
"""Estimators that look at lengths."""


def _standardise(rewards: Tensor, group_size: int) -> Tensor:
    """(R - mean) / (sample deviation + 1e-4) within each group; NaN stays NaN."""
    rows = _centre(rewards, group_size).view(-1, group_size)
    judged = (~rows.isnan()).sum(dim=1, keepdim=True)
    variance = rows.nan_to_num(0.0).square().sum(dim=1, keepdim=True) / (judged - 1).clamp(min=1)
    return (rows / (variance.sqrt() + 1e-4)).flatten()


def _centre(rewards: Tensor, group_size: int) -> Tensor:
    """(B,) rewards minus the mean of their group's judged ones; exactly 0 in groups of equals."""
    rows = rewards.double().view(-1, group_size)
    centred_rows = rows - rows.nanmean(dim=1, keepdim=True)
    low = rows.nan_to_num(torch.inf).amin(dim=1, keepdim=True)
    high = rows.nan_to_num(-torch.inf).amax(dim=1, keepdim=True)
    centred_rows = torch.where((low == high) & ~rows.isnan(), 0.0, centred_rows)
    return centred_rows.flatten().to(rewards.dtype)
