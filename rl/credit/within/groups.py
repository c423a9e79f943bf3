"""Statistics within groups that leave out what nobody judged."""

from __future__ import annotations

import torch
from torch import Tensor


def standardise(rewards: Tensor, group_size: int) -> Tensor:
    """(B,) rewards to (R - mean) / (sample deviation + 1e-4) within each group; NaN stays NaN."""
    rows = centre(rewards, group_size).view(-1, group_size)
    judged = (~rows.isnan()).sum(dim=1, keepdim=True)
    variance = rows.nan_to_num(0.0).square().sum(dim=1, keepdim=True) / (judged - 1).clamp(min=1)
    return (rows / (variance.sqrt() + 1e-4)).flatten()


def centre(rewards: Tensor, group_size: int) -> Tensor:
    """(B,) rewards minus the mean of their group's judged ones; exactly 0 in groups of equals."""
    rows = rewards.double().view(-1, group_size)
    centred_rows = rows - rows.nanmean(dim=1, keepdim=True)
    low = rows.nan_to_num(torch.inf).amin(dim=1, keepdim=True)
    high = rows.nan_to_num(-torch.inf).amax(dim=1, keepdim=True)
    centred_rows = torch.where((low == high) & ~rows.isnan(), 0.0, centred_rows)
    return centred_rows.flatten().to(rewards.dtype)
