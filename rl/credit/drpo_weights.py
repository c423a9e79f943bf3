"""DRPO's weights of right answers by length, on GRPO's advantages (arXiv 2510.04474)."""

from __future__ import annotations

import torch
from torch import Tensor

from rl.credit.within.groups import standardise


class DrpoWeights:
    """`group`, but the n right rollouts (reward above 0) share their advantage by length: A_i = n · w_i · A.

    w is the softmax over them of (1 - L / `max_length`) / Λ, option `lambda`: the larger, the more alike. Wrong ones
    keep their advantage, and equal right ones its sum. The paper has a loss of its own around these weights, which is
    not a clipped ratio; this is its weighting alone.
    """

    name = "drpo-weights"
    source = "arXiv 2510.04474"
    by_length = True

    def __init__(self, lambda_: float = 0.1, max_length: int = 8192) -> None:
        if not lambda_ > 0:
            raise ValueError(f"drpo-weights: lambda must lie above 0, not {lambda_}")
        if max_length < 1:
            raise ValueError(f"drpo-weights: max_length must be at least 1 token, not {max_length}")
        self.lambda_, self.max_length = lambda_, max_length

    def __call__(self, rewards: Tensor, group_size: int, lengths: Tensor) -> Tensor:
        advantages = standardise(rewards, group_size).nan_to_num(0.0).view(-1, group_size)
        right = rewards.view(-1, group_size) > 0
        logits = (1 - lengths.double().view_as(right) / self.max_length) / self.lambda_
        # Rows without a right one must not be all -inf.
        weights = logits.masked_fill(~right & right.any(dim=1, keepdim=True), -torch.inf).softmax(dim=1)
        factors = torch.where(right, weights * right.sum(dim=1, keepdim=True), 1.0)
        return (advantages * factors.to(advantages)).flatten()
