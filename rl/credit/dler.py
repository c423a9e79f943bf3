"""DLER as its paper has it: whitened over the batch (arXiv 2510.15110, Eq. 3)."""

from __future__ import annotations

import torch
from torch import Tensor

from rl.credit.within.groups import centre


class Dler:
    """DLER's batch-wise normalisation, one weight a rollout.

    A = R - mean(group), then A / (std(batch of A) + 1e-8) with the population deviation. The paper
    also subtracts the batch mean of A, which is 0 by construction: leaving it out keeps the zeros
    of groups without variance exact. The released code weights by tokens instead: `dler-tokens`.
    """

    name = "dler"
    source = "arXiv 2510.15110, Eq. 3"
    by_length = False

    def __call__(self, rewards: Tensor, group_size: int, lengths: Tensor) -> Tensor:
        advantages = centre(rewards, group_size)
        judged = advantages[~advantages.isnan()]
        if judged.numel() == 0:
            return torch.zeros_like(rewards)
        deviation = judged.square().mean().sqrt()
        return (advantages / (deviation + 1e-8)).nan_to_num(0.0)
